//! JSON, with places. `serde_json` decides what is valid; this walk over valid text only adds where things stand.

use std::collections::HashMap;

use super::{Broken, Entry, MAX_DEPTH, Mark, Node, Number, Value, place::Lines};

/// Reads a JSON document.
pub(super) fn read(text: &str) -> Result<Node, Vec<Broken>> {
    if text.trim().is_empty() {
        return Ok(Node::new(Mark::START, Value::Null));
    }
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err(vec![syntax(text, &error)]);
    }
    let mut walk = Walk { text, lines: Lines::of(text), at: 0, broken: Vec::new() };
    let node = walk.value(0);
    if walk.broken.is_empty() { Ok(node) } else { Err(walk.broken) }
}

fn syntax(text: &str, error: &serde_json::Error) -> Broken {
    let full = error.to_string();
    let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(message, _)| message);
    let bytes = text
        .lines()
        .nth(error.line().saturating_sub(1))
        .map_or(0, |line| line.char_indices().take_while(|(at, _)| at + 1 < error.column()).count());
    Broken::new(Mark { line: error.line(), column: bytes + 1 }, message)
}

struct Walk<'a> {
    text: &'a str,
    lines: Lines<'a>,
    at: usize,
    broken: Vec<Broken>,
}

impl Walk<'_> {
    fn value(&mut self, depth: usize) -> Node {
        self.skip_space();
        let at = self.lines.mark(self.at);
        if depth >= MAX_DEPTH {
            if self.broken.is_empty() {
                self.broken.push(Broken::new(at, format!("nested deeper than {MAX_DEPTH} levels")));
            }
            self.at = self.text.len();
            return Node::new(at, Value::Null);
        }
        let value = match self.peek() {
            Some(b'{') => Value::Mapping(self.mapping(depth)),
            Some(b'[') => Value::Sequence(self.sequence(depth)),
            Some(b'"') => Value::Text { text: self.string(), plain: false },
            _ => self.word(),
        };
        Node::new(at, value)
    }

    fn mapping(&mut self, depth: usize) -> Vec<Entry> {
        let (mut entries, mut seen) = (Vec::new(), HashMap::new());
        while self.next_item(b'}') {
            let key_at = self.lines.mark(self.at);
            let key = self.string();
            self.skip_space();
            self.at += 1; // the colon
            if let Some(first) = seen.insert(key.clone(), key_at) {
                self.broken.push(twice(&key, key_at, first));
            }
            entries.push(Entry { key, key_at, value: self.value(depth + 1) });
        }
        entries
    }

    fn sequence(&mut self, depth: usize) -> Vec<Node> {
        let mut items = Vec::new();
        while self.next_item(b']') {
            items.push(self.value(depth + 1));
        }
        items
    }

    /// Steps over the opening bracket or the comma to the next item; false after the closing one.
    fn next_item(&mut self, close: u8) -> bool {
        self.skip_space();
        let (before, at) = (self.peek(), self.at);
        self.at = (at + 1).min(self.text.len());
        if before.is_none() || before == Some(close) {
            return false;
        }
        self.skip_space();
        if self.peek() == Some(close) {
            self.at += 1;
            return false;
        }
        self.peek().is_some()
    }

    fn string(&mut self) -> String {
        let start = self.at;
        let mut rest = self.text.as_bytes()[start..].iter().enumerate().skip(1);
        let mut end = self.text.len();
        while let Some((at, byte)) = rest.next() {
            match byte {
                b'\\' => drop(rest.next()),
                b'"' => {
                    end = start + at + 1;
                    break;
                }
                _ => {}
            }
        }
        self.at = end;
        serde_json::from_str(&self.text[start..end]).unwrap_or_default()
    }

    fn word(&mut self) -> Value {
        let rest = &self.text[self.at..];
        let end = rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        let word = &rest[..end];
        self.at += end;
        match (word, serde_json::from_str(word)) {
            ("true", _) => Value::Bool(true),
            ("false", _) => Value::Bool(false),
            (_, Ok(value)) => Value::Number(Number { value, text: word.to_owned() }),
            (_, Err(_)) => Value::Null,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }
}

/// The message about a key that is set twice.
pub(super) fn twice(key: &str, at: Mark, first: Mark) -> Broken {
    Broken::new(at, format!("`{key}` is set twice: first at {}:{}", first.line, first.column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_equal_those_of_serde_json_and_know_their_place() {
        let text = "{\"a\": [1, -2.5e3, true, null, \"x\\\"\\u00e4\\ud83d\\ude00\"],\n  \"b\": {}, \"c\": [ ] }";
        let node = read(text).expect("valid");
        assert_eq!(node.to_json(), serde_json::from_str::<serde_json::Value>(text).expect("valid"));
        assert_eq!(node.get("b").expect("b").at, Mark { line: 2, column: 8 });
    }

    #[test]
    fn broken_documents_are_located() {
        let rows = [
            ("{\"a\": 1,}", "1:9: key must be a string"),
            ("{\"a\": 1\n \"b\": 2}", "2:2: expected `,` or `}`"),
            ("{\"a\": 1, \"a\": 2}", "1:10: `a` is set twice: first at 1:2"),
            ("{", "1:1: EOF while parsing an object"),
        ];
        for (text, wanted) in rows {
            assert_eq!(read(text).expect_err(text)[0].to_string(), wanted);
        }
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert_eq!(read(&deep).expect_err("deep")[0].message, "nested deeper than 64 levels");
    }
}
