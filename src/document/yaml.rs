//! YAML: anchors, aliases and merge keys resolved within a budget; one document; no key twice; core tags only.

use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::{Broken, Entry, MAX_DEPTH, Mark, Node, Value, json::twice, scalar, veil::Veil};

/// Nodes that aliases may copy, all together: a few lines of aliases of aliases would otherwise fill the memory.
const ALIAS_BUDGET: usize = 100_000;

/// Reads a YAML document.
pub(super) fn read(text: &str) -> Result<Node, Vec<Broken>> {
    let veil = Veil::over(text);
    let mut builder = Builder::new(&veil);
    let mut parser = Parser::new_from_str(&veil.text);
    while let Some(event) = parser.next_event() {
        let step = event
            .map_err(|error| scan_error(&veil, &error))
            .and_then(|(event, span)| builder.event(event, mark(span.start)));
        if let Err(broken) = step {
            builder.broken.push(broken);
            return Err(builder.broken);
        }
    }
    if !builder.broken.is_empty() {
        return Err(builder.broken);
    }
    Ok(builder.root.unwrap_or_else(|| Node::new(Mark::START, Value::Null)))
}

/// What to do about the scanner's commonest complaints.
const ADVICE: &[(&str, &str)] = &[
    ("mapping values are not allowed", " (check the indentation; a value that contains `: ` needs quotes)"),
    ("tabs disallowed", " (indent with spaces)"),
    ("did not find expected", " (check the indentation above; is a bracket or quote open?)"),
    ("illegal placement", " (is a bracket or quote open above?)"),
    ("unexpected character", " (put the value in quotes)"),
    ("simple key expect", " (is a `:` missing, or the indentation wrong?)"),
    ("unknown anchor", " (a value that begins with `*` needs quotes)"),
];

fn mark(marker: Marker) -> Mark {
    Mark { line: marker.line(), column: marker.col() + 1 }
}

fn scan_error(veil: &Veil, error: &ScanError) -> Broken {
    let info = veil.lift(error.info());
    let advice = ADVICE.iter().find(|(part, _)| info.contains(part)).map_or("", |(_, advice)| advice);
    Broken::new(mark(*error.marker()), format!("{info}{advice}"))
}

struct Builder<'a> {
    veil: &'a Veil,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    budget: usize,
    documents: usize,
    root: Option<Node>,
    broken: Vec<Broken>,
}

/// A list or mapping whose end has not come yet.
struct Frame {
    at: Mark,
    anchor: usize,
    kind: Open,
}

enum Open {
    Sequence(Vec<Node>),
    Mapping(OpenMapping),
}

#[derive(Default)]
struct OpenMapping {
    entries: Vec<Entry>,
    seen: HashMap<String, Mark>,
    merges: Vec<Entry>,
    key: Option<(Key, Mark)>,
}

enum Key {
    Merge,
    Text(String),
}

impl<'a> Builder<'a> {
    fn new(veil: &'a Veil) -> Self {
        Self {
            veil,
            stack: Vec::new(),
            anchors: HashMap::new(),
            budget: ALIAS_BUDGET,
            documents: 0,
            root: None,
            broken: Vec::new(),
        }
    }

    fn event(&mut self, event: Event<'_>, at: Mark) -> Result<(), Broken> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => self.document(at),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag.as_deref(), at)?;
                if self.key_wanted() && style == ScalarStyle::Plain && text == "<<" {
                    self.key(Key::Merge, at);
                    return Ok(());
                }
                self.complete(Node::new(at, value), anchor)
            }
            Event::SequenceStart(anchor, tag) => self.open(Open::Sequence(Vec::new()), anchor, tag, at),
            Event::MappingStart(anchor, tag) => self.open(Open::Mapping(OpenMapping::default()), anchor, tag, at),
            Event::SequenceEnd | Event::MappingEnd => self.close(at),
        }
    }

    fn document(&mut self, at: Mark) -> Result<(), Broken> {
        self.documents += 1;
        if self.documents > 1 {
            return Err(Broken::new(at, "a second document starts here; write one document a file (no `---` between)"));
        }
        Ok(())
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, at: Mark) -> Result<Value, Broken> {
        let text = self.veil.lift(text);
        match tag {
            None if style == ScalarStyle::Plain => Ok(scalar::plain(&text)),
            None => Ok(Value::Text { text, plain: false }),
            Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
                "str" => Ok(Value::Text { text, plain: false }),
                "int" | "float" | "bool" | "null" => Ok(scalar::plain(&text)),
                _ => Err(unknown_tag(tag, at)),
            },
            Some(tag) => Err(unknown_tag(tag, at)),
        }
    }

    fn open(&mut self, kind: Open, anchor: usize, tag: Option<Cow<'_, Tag>>, at: Mark) -> Result<(), Broken> {
        if let Some(tag) = tag.filter(|tag| !(tag.is_yaml_core_schema() && ["map", "seq"].contains(&&*tag.suffix))) {
            return Err(unknown_tag(&tag, at));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(Broken::new(at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.stack.push(Frame { at, anchor, kind });
        Ok(())
    }

    fn close(&mut self, at: Mark) -> Result<(), Broken> {
        let Some(frame) = self.stack.pop() else { return Err(Broken::new(at, "nothing to close here")) };
        let value = match frame.kind {
            Open::Sequence(items) => Value::Sequence(items),
            Open::Mapping(mapping) => Value::Mapping(mapping.finish()),
        };
        self.complete(Node::new(frame.at, value), frame.anchor)
    }

    fn alias(&mut self, anchor: usize, at: Mark) -> Result<(), Broken> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Broken::new(at, "this alias is inside the value that it stands for"));
        };
        if self.stack.len() + node.depth() > MAX_DEPTH {
            return Err(Broken::new(at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let copy = node.clone();
        self.spend(copy.size(), at)?;
        self.complete(copy, 0)
    }

    fn spend(&mut self, nodes: usize, at: Mark) -> Result<(), Broken> {
        let left = self.budget.checked_sub(nodes);
        self.budget = left.ok_or_else(|| {
            Broken::new(at, format!("the aliases up to here stand for more than {ALIAS_BUDGET} values"))
        })?;
        Ok(())
    }

    /// Puts a finished value where it belongs: into the open list or mapping, or as the document itself.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Broken> {
        if anchor > 0 {
            self.spend(node.size(), node.at)?;
            self.anchors.insert(anchor, node.clone());
        }
        if self.key_wanted() {
            self.key(key_text(&node)?, node.at);
            return Ok(());
        }
        match self.stack.last_mut().map(|frame| &mut frame.kind) {
            None => self.root = Some(node),
            Some(Open::Sequence(items)) => items.push(node),
            Some(Open::Mapping(mapping)) => mapping.value(node)?,
        }
        Ok(())
    }

    fn key_wanted(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { kind: Open::Mapping(OpenMapping { key: None, .. }), .. }))
    }

    fn key(&mut self, key: Key, at: Mark) {
        let Some(Frame { kind: Open::Mapping(mapping), .. }) = self.stack.last_mut() else { return };
        if let Key::Text(text) = &key
            && let Some(first) = mapping.seen.insert(text.clone(), at)
        {
            self.broken.push(twice(text, at, first));
        }
        mapping.key = Some((key, at));
    }
}

impl OpenMapping {
    fn value(&mut self, node: Node) -> Result<(), Broken> {
        match self.key.take() {
            Some((Key::Text(key), key_at)) => self.entries.push(Entry { key, key_at, value: node }),
            Some((Key::Merge, at)) => self.merge(node, at)?,
            None => {}
        }
        Ok(())
    }

    fn merge(&mut self, node: Node, at: Mark) -> Result<(), Broken> {
        match node.value {
            Value::Mapping(entries) => self.merges.extend(entries),
            Value::Sequence(items) => {
                for item in items {
                    let Value::Mapping(entries) = item.value else { return Err(cannot_merge(at)) };
                    self.merges.extend(entries);
                }
            }
            _ => return Err(cannot_merge(at)),
        }
        Ok(())
    }

    /// Own keys win over merged ones, earlier merged ones over later.
    fn finish(mut self) -> Vec<Entry> {
        for entry in self.merges {
            if !self.seen.contains_key(&entry.key) {
                self.seen.insert(entry.key.clone(), entry.key_at);
                self.entries.push(entry);
            }
        }
        self.entries
    }
}

fn cannot_merge(at: Mark) -> Broken {
    Broken::new(at, "`<<` takes a mapping or a list of mappings, such as `<<: *name`")
}

fn key_text(node: &Node) -> Result<Key, Broken> {
    match &node.value {
        Value::Text { text, .. } => Ok(Key::Text(text.clone())),
        Value::Number(number) => Ok(Key::Text(number.text.clone())),
        Value::Bool(on) => Ok(Key::Text(on.to_string())),
        Value::Null => Err(Broken::new(node.at, "a key is missing before `:`")),
        Value::Sequence(_) | Value::Mapping(_) => {
            Err(Broken::new(node.at, "a key must be text; to write `{` or `[` as text, put it in quotes"))
        }
    }
}

fn unknown_tag(tag: &Tag, at: Mark) -> Broken {
    let name =
        if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { format!("{}{}", tag.handle, tag.suffix) };
    Broken::new(at, format!("the tag `{name}` has no meaning here; remove it, or put the text in quotes"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree(text: &str) -> serde_json::Value {
        read(text).unwrap_or_else(|broken| panic!("{text}: {broken:?}")).to_json()
    }

    fn lines(first: &str, rest: impl Iterator<Item = String>) -> String {
        std::iter::once(first.to_owned()).chain(rest).collect()
    }

    #[test]
    fn documents_become_trees() {
        let rows = [
            ("", json!(null)),
            ("# nothing\n", json!(null)),
            ("a: 1\nb: [x, '2', null]\n", json!({"a": 1, "b": ["x", "2", null]})),
            ("---\na: !!str 1\n...\n", json!({"a": "1"})),
            ("on: no\n429: x\n", json!({"on": "no", "429": "x"})),
            ("a: |\n  x\n  y\n", json!({"a": "x\ny\n"})),
            ("a: &x {b: 1, c: 2}\nd: *x\n", json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 2}})),
            ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n", json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}})),
            (
                "a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne:\n  <<: [*x, *y]\n",
                json!({"a": {"b": 1}, "c": {"b": 2, "d": 3}, "e": {"b": 1, "d": 3}}),
            ),
        ];
        for (text, wanted) in rows {
            assert_eq!(tree(text), wanted, "{text}");
        }
    }

    #[test]
    fn expansions_need_no_quotes_in_flow_style() {
        let text = "- { a: ${A}, b: ${B:-x, y: #z}, c: [${file:/run/s}, \"${D}\", '$${E}'] } # ${F\n";
        let wanted = json!([{"a": "${A}", "b": "${B:-x, y: #z}", "c": ["${file:/run/s}", "${D}", "$${E}"]}]);
        assert_eq!(tree(text), wanted);
        assert_eq!(tree("a: \u{F0000}${B}\n"), json!({"a": "\u{F0000}${B}"}), "private-use characters survive");
    }

    #[test]
    fn broken_documents_are_located() {
        let rows = [
            ("a: 1\nb: 2\na: 3\n", "3:1: `a` is set twice: first at 1:1"),
            ("a: 1\n---\nb: 2\n", "2:1: a second document starts here; write one document a file (no `---` between)"),
            ("a: !Ref x\n", "1:9: the tag `!Ref` has no meaning here; remove it, or put the text in quotes"),
            ("a: &x [*x]\n", "1:8: this alias is inside the value that it stands for"),
            ("{a: 1}: 2\n", "1:1: a key must be text; to write `{` or `[` as text, put it in quotes"),
            ("a: {<<: 3}\n", "1:5: `<<` takes a mapping or a list of mappings, such as `<<: *name`"),
        ];
        for (text, wanted) in rows {
            assert_eq!(read(text).expect_err(text)[0].to_string(), wanted);
        }
        for (text, line) in [("a: [1\nb: 2\n", 2), ("a:\n\t- b\n", 2), ("a: 'x\n", 1), ("a: *x\n", 1), ("a: b: c\n", 1)]
        {
            assert!((line..=line + 1).contains(&read(text).expect_err(text)[0].at.line), "{text}");
        }
    }

    #[test]
    fn alias_bombs_and_deep_nesting_are_bounded() {
        let row = |level: usize| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", "));
        let bomb = lines("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n", (1..20).map(row));
        assert!(read(&bomb).expect_err("bomb")[0].message.contains("stand for more than 100000 values"));
        let deep = "[".repeat(500) + &"]".repeat(500);
        assert!(read(&deep).is_err());
        let block = lines("", (0..2000).map(|level| format!("{}a:\n", " ".repeat(level))));
        assert_eq!(read(&block).expect_err("deep")[0].message, "nested deeper than 64 levels");
        let row = |level: usize| format!("a{level}: &a{level} [*a{}]\n", level - 1);
        let chain = lines("a0: &a0 [x]\n", (1..200).map(row));
        assert_eq!(read(&chain).expect_err("chain")[0].message, "nested deeper than 64 levels");
    }
}
