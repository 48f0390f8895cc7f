//! From the events of the XML reader to a tree, going on behind mistakes so that all are told at once.

use std::ops::Range;

use quick_xml::{
    Reader,
    errors::{Error, IllFormedError, SyntaxError},
    events::Event,
};

use super::{MAX_DEPTH, Parsed, attributes, decode, source::Source};
use crate::policy::{Child, Comment, Element, document::Around, tree::Spelling};

/// Reads the covered text of a document; places and values come from the source. `None`: there is no root.
pub(super) fn build(source: &Source<'_>, covered: &str) -> Option<Parsed> {
    let builder = Builder { source, covered, open: Vec::new(), root: None, run: None };
    read(builder)?.finish()
}

/// Reads the covered text of an element's content.
pub(super) fn build_content(source: &Source<'_>, covered: &str) -> Option<Vec<Child>> {
    // An element without a name, which no end tag can close, takes everything.
    let around = Element {
        name: "".into(),
        place: source.place(0),
        attributes: Vec::new(),
        children: Vec::new(),
        scope: None,
        fragment: None,
        spelling: None,
    };
    let builder = Builder { source, covered, open: vec![(0, around)], root: None, run: None };
    read(builder)?.finish_content()
}

/// Feeds a builder with the events of its text. `None`: it is no XML, or nested too deeply.
fn read<'s, 'a>(mut builder: Builder<'s, 'a>) -> Option<Builder<'s, 'a>> {
    let (source, covered) = (builder.source, builder.covered);
    let mut reader = Reader::from_str(covered);
    let config = reader.config_mut();
    // Names of end tags and stray `&` are looked at here, where the message can say what to do.
    config.allow_dangling_amp = true;
    config.allow_unmatched_ends = true;
    config.check_end_names = false;
    loop {
        let start = offset(reader.buffer_position());
        let event = reader.read_event();
        let range = start..offset(reader.buffer_position());
        match event {
            Ok(Event::Eof) => return Some(builder),
            Ok(event) if builder.open.len() <= MAX_DEPTH => builder.event(&event, range),
            Ok(_) => {
                source.report(start, format!("elements are nested deeper than {MAX_DEPTH} levels"));
                return None;
            }
            Err(error) => {
                source.report(offset(reader.error_position()), told(&error));
                return None;
            }
        }
    }
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// What the XML reader complains about, and what to do.
fn told(error: &Error) -> String {
    let text = match error {
        Error::Syntax(SyntaxError::UnclosedTag) => "this tag has no `>`: is a quote missing in it?",
        Error::Syntax(
            SyntaxError::UnclosedDoubleQuotedAttributeValue | SyntaxError::UnclosedSingleQuotedAttributeValue,
        ) => "a value in this tag has no closing quote",
        Error::Syntax(SyntaxError::UnclosedComment) => "this comment has no `-->`",
        Error::Syntax(SyntaxError::UnclosedCData) => "this CDATA section has no `]]>`",
        Error::Syntax(SyntaxError::InvalidBangMarkup) => {
            "`<!` begins neither a comment nor a CDATA section here: in text, write `&lt;!`"
        }
        Error::IllFormed(IllFormedError::MissingDoctypeName) | Error::Syntax(SyntaxError::UnclosedDoctype) => {
            NO_DOCTYPE
        }
        other => return format!("this is no XML: {other}"),
    };
    text.to_owned()
}

const NO_DOCTYPE: &str = "a DOCTYPE is not taken: remove it, and write characters instead of entities of your own";

/// Whether a text can name an element or an attribute (XML 1.0, section 2.3, without its finer points beyond ASCII).
pub(in crate::policy) fn is_name(text: &str) -> bool {
    let beyond = |character: char| !character.is_ascii() && !character.is_whitespace();
    let first = |character: char| character.is_ascii_alphabetic() || "_:".contains(character) || beyond(character);
    let later = |character: char| first(character) || character.is_ascii_digit() || "-.".contains(character);
    text.starts_with(first) && text.chars().all(later)
}

struct Builder<'s, 'a> {
    source: &'s Source<'a>,
    covered: &'s str,
    /// Elements whose end has not come yet, the outermost first, with the offsets of their `<`.
    open: Vec<(usize, Element)>,
    root: Option<(Range<usize>, Element)>,
    /// Text, references and CDATA sections since the last tag or comment.
    run: Option<Range<usize>>,
}

impl Builder<'_, '_> {
    fn event(&mut self, event: &Event<'_>, range: Range<usize>) {
        if matches!(event, Event::Text(_) | Event::GeneralRef(_) | Event::CData(_)) {
            let start = self.run.take().map_or(range.start, |run| run.start);
            self.run = Some(start..range.end);
            return;
        }
        self.end_run();
        match event {
            Event::Start(_) => self.start(range, false),
            Event::Empty(_) => self.start(range, true),
            Event::End(_) => self.end(range),
            Event::Comment(_) => self.comment(range),
            Event::DocType(_) => self.source.report(range.start, NO_DOCTYPE),
            Event::Decl(_) | Event::PI(_) => self.instruction(range),
            Event::Text(_) | Event::GeneralRef(_) | Event::CData(_) | Event::Eof => {}
        }
    }

    /// Hands the text since the last tag over.
    fn end_run(&mut self) {
        let Some(range) = self.run.take() else { return };
        let text = &self.source.text[range.clone()];
        if let Some((_, parent)) = self.open.last_mut() {
            parent.children.push(Child::Text(decode::content(self.source, range)));
        } else if !text.trim().is_empty() {
            let at = range.start + text.len() - text.trim_start().len();
            self.source.report(at, "text stands outside the root element: is a tag missing or closed too early?");
        }
    }

    fn start(&mut self, range: Range<usize>, empty: bool) {
        let end = range.end - if empty { 2 } else { 1 };
        let inner = &self.covered[range.start + 1..end];
        let name = &inner[..inner.find(|character: char| character.is_ascii_whitespace()).unwrap_or(inner.len())];
        if !is_name(name) {
            let message = format!("`<{name}` begins no element: if it is text, write `&lt;{name}`");
            self.source.report(range.start, message);
            return;
        }
        let place = self.source.place(range.start);
        let (attributes, end_of_start) =
            attributes::attributes(self.source, self.covered, range.start + 1 + name.len()..end);
        let spelling = Some(Spelling { end_of_start, empty, end: "".into() });
        let element = Element {
            name: name.into(),
            place,
            attributes,
            children: Vec::new(),
            scope: None,
            fragment: None,
            spelling,
        };
        self.open.push((range.start, element));
        if empty {
            self.close(range.end);
        }
    }

    fn end(&mut self, range: Range<usize>) {
        let inner = &self.covered[range.start + 2..range.end - 1];
        let name = inner.trim_end();
        let Some(depth) = self.open.iter().rposition(|(_, element)| &*element.name == name) else {
            let open = self.open.last().map_or_else(String::new, |(_, element)| {
                format!("; `<{}>` of line {} is open", element.name, element.place.line)
            });
            self.source.report(range.start, format!("`</{name}>` closes nothing{open}"));
            return;
        };
        while self.open.len() > depth + 1 {
            self.report_unclosed(&format!("before `</{name}>` on line {}", self.source.mark(range.start).line));
            self.close(range.start);
        }
        if let Some(spelling) = self.open.last_mut().and_then(|(_, element)| element.spelling.as_mut()) {
            spelling.end = inner[name.len()..].into();
        }
        self.close(range.end);
    }

    fn report_unclosed(&self, when: &str) {
        if let Some((at, element)) = self.open.last() {
            self.source.report(*at, format!("`<{0}>` is not closed {when}: write `</{0}>`", element.name));
        }
    }

    /// Hands the innermost open element to its parent.
    fn close(&mut self, end: usize) {
        let Some((start, element)) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some((_, parent)) => parent.children.push(Child::Element(element)),
            None if self.root.is_none() => self.root = Some((start..end, element)),
            None => {
                let message = format!("`<{}>` is a second root element: a document has one", element.name);
                self.source.report(start, message);
            }
        }
    }

    fn comment(&mut self, range: Range<usize>) {
        if let Some((_, parent)) = self.open.last_mut() {
            let text = self.source.text[range.start + 4..range.end - 3].to_owned();
            parent.children.push(Child::Comment(Comment { text, place: self.source.place(range.start) }));
        }
    }

    fn instruction(&mut self, range: Range<usize>) {
        if let Some((_, parent)) = self.open.last_mut() {
            let text = self.source.text[range.start + 2..range.end - 2].to_owned();
            parent.children.push(Child::Instruction(text));
        }
    }

    fn finish_content(mut self) -> Option<Vec<Child>> {
        self.end_run();
        self.close_all(1);
        self.open.pop().map(|(_, around)| around.children)
    }

    /// Closes what was left open, down to so many elements.
    fn close_all(&mut self, keep: usize) {
        while self.open.len() > keep {
            self.report_unclosed("before the end of the document");
            self.close(self.source.text.len());
        }
    }

    fn finish(mut self) -> Option<Parsed> {
        self.end_run();
        self.close_all(0);
        let Some((range, root)) = self.root else {
            self.source.report(0, "there is no element: policy documents are `<policies>...</policies>`");
            return None;
        };
        let text = self.source.text;
        let around = Around { before: text[..range.start].into(), after: text[range.end..].into() };
        Some(Parsed { root, around })
    }
}
