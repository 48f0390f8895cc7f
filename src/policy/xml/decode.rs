//! From text as written to text as meant: references, line ends, CDATA, and where each character came from.

use std::ops::Range;

use super::source::Source;
use crate::{
    document::Mark,
    policy::{
        Text,
        code::Code,
        entity::{self, Entity},
        place::behind,
        text::{Raw, Step},
    },
};

const CDATA: (&str, &str) = ("<![CDATA[", "]]>");

/// Decodes the value of an attribute.
pub(super) fn attribute(source: &Source<'_>, range: Range<usize>) -> Text {
    let mut decoder = Decoder::new(source, range.start, true);
    decoder.all(range.clone());
    decoder.finish(range, 0)
}

/// Decodes a run of text, references and CDATA sections between tags.
pub(super) fn content(source: &Source<'_>, range: Range<usize>) -> Text {
    let mut decoder = Decoder::new(source, range.start, false);
    let mut at = range.start;
    while let Some(found) = decoder.find_cdata(at..range.end) {
        decoder.all(at..found.start);
        decoder.cdata(found.clone());
        at = found.end;
    }
    decoder.all(at..range.end);
    let written = &source.text[range.clone()];
    let space = if written.trim().is_empty() { 0 } else { written.len() - written.trim_start().len() };
    decoder.finish(range, space)
}

struct Decoder<'s, 'a> {
    source: &'s Source<'a>,
    start: Mark,
    attribute: bool,
    value: String,
    steps: Vec<Step>,
    /// The next character is not where the one before it suggests.
    moved: bool,
}

impl<'s, 'a> Decoder<'s, 'a> {
    fn new(source: &'s Source<'a>, at: usize, attribute: bool) -> Self {
        Self { source, start: source.mark(at), attribute, value: String::new(), steps: Vec::new(), moved: false }
    }

    /// `space`: how many bytes at the beginning are no part of what the place should point at.
    fn finish(mut self, written: Range<usize>, space: usize) -> Text {
        if space > 0 && self.steps.first().is_none_or(|step| step.at > 0) {
            self.steps.insert(0, Step { at: 0, mark: self.start, fixed: false });
        }
        let raw = Raw { written: self.source.text[written.clone()].into(), value: self.value.as_str().into() };
        let first = if self.source.is_within() {
            self.source.mark(written.start + space)
        } else {
            behind(self.start, &self.source.text[written.start..written.start + space])
        };
        let place = self.source.place_of(first);
        Text { value: self.value, place, masked: None, raw: Some(raw.into()), steps: self.steps.into() }
    }

    /// The next CDATA section that is not inside an expression.
    fn find_cdata(&self, range: Range<usize>) -> Option<Range<usize>> {
        let mut from = range.start;
        loop {
            let start = from + self.source.text.get(from..range.end)?.find(CDATA.0)?;
            let Some(code) = self.source.code_behind(start).filter(|code| code.start <= start) else {
                let end = self.source.text[start..range.end].find(CDATA.1)? + start + CDATA.1.len();
                return Some(start..end);
            };
            from = code.end;
        }
    }

    fn cdata(&mut self, section: Range<usize>) {
        let (inner, end) = (section.start + CDATA.0.len(), section.end - CDATA.1.len());
        self.moved = true;
        self.plain(inner..end);
        self.moved = true;
    }

    /// Text and expressions.
    fn all(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let code = self.source.code_behind(at).filter(|code| code.start < range.end && code.end <= range.end);
            let literal_end = code.map_or(range.end, |code| code.start.max(at));
            self.literal(at..literal_end);
            at = literal_end;
            if let Some(code) = code {
                self.code(code);
                at = code.end;
            }
        }
    }

    fn code(&mut self, code: &Code) {
        let mut at = code.start;
        for (offset, entity) in &code.entities {
            self.plain(at..*offset);
            self.entity(*offset, *entity);
            at = offset + entity.length;
        }
        self.plain(at..code.end);
    }

    /// Text in which references are decoded.
    fn literal(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while let Some(found) = self.source.text.get(at..range.end).and_then(|rest| rest.find(['&', '<'])) {
            self.plain(at..at + found);
            at += found;
            at += self.special(at, range.end);
        }
        self.plain(at..range.end);
    }

    /// A `&` or `<`; returns its length.
    fn special(&mut self, at: usize, end: usize) -> usize {
        let rest = &self.source.text[at..end];
        if let Some(entity) = entity::at_start(rest) {
            self.entity(at, entity);
            return entity.length;
        }
        let message = match entity::unknown_at_start(rest) {
            _ if rest.starts_with('<') => "`<` cannot stand in a value outside expressions: write `&lt;`".to_owned(),
            "&" => "`&` cannot stand alone outside expressions: write `&amp;`".to_owned(),
            name => format!(
                "`{name}` is not known: write the character itself, its number as in `&#160;`, or one of `&lt;` `&gt;` \
                 `&amp;` `&quot;` `&apos;`"
            ),
        };
        self.source.report(at, message);
        self.plain(at..at + 1);
        1
    }

    fn entity(&mut self, at: usize, entity: Entity) {
        self.steps.push(Step { at: self.value.len(), mark: self.source.mark(at), fixed: true });
        self.value.push(entity.stands_for);
        self.moved = true;
    }

    /// Text that means itself, apart from line ends and, in attributes, other space (XML 1.0, sections 2.11 and 3.3.3).
    fn plain(&mut self, range: Range<usize>) {
        let (mut at, end) = (range.start, range.end);
        while let Some(found) = self.source.text.get(at..end).and_then(|rest| rest.find(char::is_control)) {
            self.push(at..at + found);
            at += found;
            at += self.control(at);
        }
        self.push(at..end);
    }

    /// A control character; returns its length.
    fn control(&mut self, at: usize) -> usize {
        let rest = &self.source.text[at..];
        let character = rest.chars().next().unwrap_or_default();
        let spaces = self.attribute && !self.in_code(at);
        match character {
            '\r' if rest.starts_with("\r\n") => {
                // The line end behind it stands for both.
                self.moved |= spaces;
            }
            '\r' | '\n' | '\t' => {
                self.settle(at);
                self.value.push(match character {
                    _ if spaces => ' ',
                    '\t' => '\t',
                    _ => '\n',
                });
                let line = character == '\n' && (spaces || self.source.is_within());
                self.moved |= character == '\r' || line;
            }
            _ => {
                self.check(at, character);
                self.push(at..at + character.len_utf8());
            }
        }
        character.len_utf8()
    }

    fn check(&self, at: usize, character: char) {
        if !entity::is_allowed(character) {
            let code = u32::from(character);
            self.source.report(at, format!("the control character U+{code:04X} cannot stand in XML: remove it"));
        }
    }

    fn in_code(&self, at: usize) -> bool {
        self.source.code_behind(at).is_some_and(|code| code.start <= at)
    }

    fn push(&mut self, range: Range<usize>) {
        if let Some(text) = self.source.text.get(range.clone()).filter(|text| !text.is_empty()) {
            self.settle(range.start);
            self.value.push_str(text);
        }
    }

    /// Says where the next character was written, if that is not right behind the one before it.
    fn settle(&mut self, at: usize) {
        if self.moved {
            self.steps.push(Step { at: self.value.len(), mark: self.source.mark(at), fixed: false });
            self.moved = false;
        }
    }
}
