//! The attributes of a start tag, with everything between them, so that the tag can be written again as it was.

use std::{collections::HashMap, ops::Range};

use super::{build::is_name, decode, source::Source};
use crate::policy::{Attribute, Text};

/// Reads the attributes in a range of the covered text (from behind the element's name to before `>` or `/>`); also
/// returns the space behind the last.
pub(super) fn attributes(source: &Source<'_>, covered: &str, range: Range<usize>) -> (Vec<Attribute>, Box<str>) {
    let mut scanner = Scanner { source, text: &covered[..range.end], at: range.start };
    let mut found = Vec::new();
    let mut apart = true;
    loop {
        let before = scanner.space();
        if scanner.at == range.end {
            report_twins(source, &found);
            return (found.into_iter().map(|(_, attribute)| attribute).collect(), before);
        }
        if before.is_empty() && !apart {
            source.report(scanner.at, "a space is missing between two attributes");
        }
        let at = scanner.at;
        let attribute = scanner.attribute(before);
        apart = attribute.is_none();
        found.extend(attribute.map(|attribute| (at, attribute)));
    }
}

fn report_twins(source: &Source<'_>, attributes: &[(usize, Attribute)]) {
    let mut seen = HashMap::new();
    for (at, attribute) in attributes {
        if let Some(first) = seen.insert(&attribute.name, &attribute.place) {
            let message = format!("the attribute `{}` was given before, on line {}", attribute.name, first.line);
            source.report(*at, message);
        }
    }
}

struct Scanner<'s, 'a> {
    source: &'s Source<'a>,
    /// The covered text up to the end of the tag.
    text: &'s str,
    at: usize,
}

impl<'s> Scanner<'s, '_> {
    fn rest(&self) -> &'s str {
        &self.text[self.at..]
    }

    /// Takes everything up to the first of these characters.
    fn until(&mut self, stop: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let taken = &rest[..rest.find(stop).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn space(&mut self) -> Box<str> {
        self.until(|character| !character.is_ascii_whitespace()).into()
    }

    /// An attribute; what is none is reported and passed over.
    fn attribute(&mut self, before: Box<str>) -> Option<Attribute> {
        let start = self.at;
        let name = self.until(|character| character.is_ascii_whitespace() || "=\"'/".contains(character));
        if name.is_empty() {
            let odd = self.until(|character| character.is_ascii_whitespace());
            self.no_name(start, odd);
            return None;
        }
        let place = self.source.place(start);
        let joint = self.joint(name)?;
        let single_quoted = self.rest().starts_with('\'');
        let value = self.value(name)?;
        if !is_name(name) {
            self.no_name(start, name);
            return None;
        }
        Some(Attribute { name: name.into(), place, value, before, joint, single_quoted })
    }

    fn no_name(&self, start: usize, odd: &str) {
        self.source
            .report(start, format!("`{odd}` is no name of an attribute: attributes are written `name=\"value\"`"));
    }

    /// `=` with space around it.
    fn joint(&mut self, name: &str) -> Option<Box<str>> {
        let start = self.at;
        self.space();
        if !self.rest().starts_with('=') {
            self.source.report(start, format!("the attribute `{name}` has no value: write `{name}=\"...\"`"));
            self.at = start;
            return None;
        }
        self.at += 1;
        self.space();
        Some(self.text[start..self.at].into())
    }

    fn value(&mut self, name: &str) -> Option<Text> {
        let Some(quote) = self.rest().chars().next().filter(|first| matches!(first, '"' | '\'')) else {
            self.source.report(self.at, format!("the value of `{name}` needs straight quotes: `{name}=\"...\"`"));
            self.until(|character| character.is_ascii_whitespace());
            return None;
        };
        self.at += 1;
        let start = self.at;
        self.until(|character| character == quote);
        let range = start..self.at;
        self.at = (self.at + 1).min(self.text.len());
        Some(decode::attribute(self.source, range))
    }
}
