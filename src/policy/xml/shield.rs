//! Finds the expressions of an XML text and covers in them what would confuse an XML reader, byte for byte, so that
//! offsets stay what they are.

use super::source::Source;
use crate::policy::code::{self, Code, Unclosed, Within};

/// Expressions without an end that are searched for: each search may go far, and a text with many of them is no policy.
const MOST_UNCLOSED: usize = 20;

/// Notes the expressions in the source and returns the text with them covered.
pub(super) fn shield(source: &mut Source<'_>) -> String {
    let mut finder = Finder { text: source.text, at: 0, codes: Vec::new(), unclosed: Vec::new(), trailing: Vec::new() };
    finder.document();
    let Finder { codes, unclosed, trailing, .. } = finder;
    for (start, unclosed) in unclosed {
        let message = unclosed.told(source.mark(start));
        source.report_code(start, unclosed.at, message);
    }
    for (start, end) in trailing {
        let message = code::trailing(source.mark(end));
        source.report_code(start, start, message);
    }
    let covered = cover(source.text, &codes);
    source.codes = codes;
    covered
}

/// Expressions without the characters that mean something in XML.
fn cover(text: &str, codes: &[Code]) -> String {
    // The XML reader leaves a byte order mark out when it counts.
    let marks = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut covered = String::with_capacity(text.len());
    covered.push_str(&"_".repeat(marks));
    let mut at = marks;
    for code in codes {
        covered.push_str(&text[at..code.start]);
        covered.push_str(&text[code.start..code.end].replace(['<', '>', '&', '"', '\''], "_"));
        at = code.end;
    }
    covered + &text[at..]
}

struct Finder<'a> {
    text: &'a str,
    at: usize,
    codes: Vec<Code>,
    /// Expressions without an end: where they begin, and what is open.
    unclosed: Vec<(usize, Unclosed)>,
    /// Expressions in front of something else: where they begin and end.
    trailing: Vec<(usize, usize)>,
}

impl<'a> Finder<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Moves behind the next of these; to the end without any.
    fn skip_past(&mut self, wanted: &str) {
        self.at = self.rest().find(wanted).map_or(self.text.len(), |found| self.at + found + wanted.len());
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn document(&mut self) {
        while self.at < self.text.len() {
            self.content();
            self.markup();
        }
    }

    /// Text up to the next markup.
    fn content(&mut self) {
        self.skip_space();
        if self.expression(Within::Content) {
            let code = (self.codes.last().map_or(0, |code| code.start), self.at);
            self.skip_space();
            if !self.rest().is_empty() && !self.rest().starts_with('<') {
                self.trailing.push(code);
            }
        }
        self.at = self.rest().find('<').map_or(self.text.len(), |found| self.at + found);
    }

    fn markup(&mut self) {
        let rest = self.rest();
        match () {
            () if rest.starts_with("<!--") => self.skip_past("-->"),
            () if rest.starts_with("<![CDATA[") => self.skip_past("]]>"),
            () if rest.starts_with("<?") => self.skip_past("?>"),
            () if rest.starts_with("<!") || rest.starts_with("</") => self.skip_past(">"),
            () => self.tag(),
        }
    }

    fn tag(&mut self) {
        while let Some(found) = self.rest().find(['>', '"', '\'']) {
            let delimiter = self.rest().as_bytes()[found];
            self.at += found + 1;
            if delimiter == b'>' {
                return;
            }
            self.value(delimiter);
        }
        self.at = self.text.len();
    }

    /// An attribute's value behind its opening quote.
    fn value(&mut self, quote: u8) {
        self.skip_space();
        if self.expression(Within::Attribute(quote)) {
            let code = (self.codes.last().map_or(0, |code| code.start), self.at);
            self.skip_space();
            if self.rest().bytes().next() != Some(quote) {
                self.trailing.push(code);
            }
        }
        self.skip_past(char::from(quote).encode_utf8(&mut [0; 4]));
    }

    /// Takes the expression that begins here, if one does.
    fn expression(&mut self, within: Within) -> bool {
        if !code::begins(self.rest()) || self.unclosed.len() >= MOST_UNCLOSED {
            return false;
        }
        match code::find(self.text, self.at, within) {
            Ok(code) => {
                self.at = code.end;
                self.codes.push(code);
                true
            }
            Err(unclosed) => {
                self.unclosed.push((self.at, unclosed));
                false
            }
        }
    }
}
