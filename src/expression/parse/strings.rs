//! String and character literals: plain, verbatim, interpolated, and both.

use std::sync::Arc;

use super::{
    Trouble,
    lexer::{TokenKind, trouble},
};
use crate::expression::Value;

/// How deep interpolated strings may nest in one another.
const MAX_NESTED: u32 = 6;

/// A part of an interpolated string.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(String),
    /// The code between braces and where it starts in the whole source.
    Code(String, usize),
}

/// The string or character that `text` starts with, and its length.
pub(super) fn literal(text: &str, at: usize) -> Result<Option<(TokenKind, usize)>, Trouble> {
    nested_literal(text, at, 0)
}

fn nested_literal(text: &str, at: usize, depth: u32) -> Result<Option<(TokenKind, usize)>, Trouble> {
    if depth > MAX_NESTED {
        return Err(trouble(at, format!("interpolated strings nest deeper than {MAX_NESTED} levels")));
    }
    if let Some(rest) = text.strip_prefix('\'') {
        return character(rest, at).map(Some);
    }
    let (verbatim, interpolated, skip) = match text.as_bytes() {
        [b'"', ..] => (false, false, 1),
        [b'@', b'"', ..] => (true, false, 2),
        [b'$', b'"', ..] => (false, true, 2),
        [b'$', b'@', b'"', ..] | [b'@', b'$', b'"', ..] => (true, true, 3),
        _ => return Ok(None),
    };
    let mut reader = StringReader {
        text,
        start: at,
        at: skip,
        verbatim,
        interpolated,
        parts: Vec::new(),
        open: String::new(),
        depth,
    };
    reader.read()?;
    let length = reader.at;
    let open = std::mem::take(&mut reader.open);
    if !interpolated {
        return Ok(Some((TokenKind::Literal(Value::text(open)), length)));
    }
    reader.parts.push(Part::Text(open));
    Ok(Some((TokenKind::Interpolated(reader.parts.into()), length)))
}

fn character(rest: &str, at: usize) -> Result<(TokenKind, usize), Trouble> {
    let bad = || trouble(at, "a character literal holds exactly one character; text is written in double quotes");
    let (value, length) = if let Some(escaped) = rest.strip_prefix('\\') {
        let (value, length) = escape(escaped).ok_or_else(bad)?;
        (value, length + 1)
    } else {
        let value = rest.chars().next().filter(|c| *c != '\'').ok_or_else(bad)?;
        (value, value.len_utf8())
    };
    if !rest[length..].starts_with('\'') {
        return Err(bad());
    }
    Ok((TokenKind::Literal(Value::Char(value)), length + 2))
}

struct StringReader<'a> {
    text: &'a str,
    start: usize,
    at: usize,
    verbatim: bool,
    interpolated: bool,
    parts: Vec<Part>,
    open: String,
    depth: u32,
}

impl StringReader<'_> {
    fn read(&mut self) -> Result<(), Trouble> {
        loop {
            let rest = &self.text[self.at..];
            let Some(next) = rest.chars().next() else {
                return Err(trouble(self.start, "the string does not end"));
            };
            match next {
                '"' if self.verbatim && rest.starts_with("\"\"") => self.push('"', 2),
                '"' => {
                    self.at += 1;
                    return Ok(());
                }
                '\\' if !self.verbatim => {
                    let (value, length) = escape(&rest[1..])
                        .ok_or_else(|| trouble(self.start + self.at, "unknown escape; write `\\\\` for a backslash"))?;
                    self.push(value, length + 1);
                }
                '{' if self.interpolated && rest.starts_with("{{") => self.push('{', 2),
                '}' if self.interpolated && rest.starts_with("}}") => self.push('}', 2),
                '{' if self.interpolated => self.code()?,
                '}' if self.interpolated => return Err(trouble(self.start + self.at, "write `}}` for a brace")),
                other => self.push(other, other.len_utf8()),
            }
        }
    }

    fn push(&mut self, c: char, length: usize) {
        self.open.push(c);
        self.at += length;
    }

    fn code(&mut self) -> Result<(), Trouble> {
        let from = self.at + 1;
        let end = code_end(self.text, from, self.depth + 1)
            .ok_or_else(|| trouble(self.start + self.at, "the brace in this interpolated string does not close"))?;
        self.parts.push(Part::Text(std::mem::take(&mut self.open)));
        self.parts.push(Part::Code(self.text[from..end].to_owned(), self.start + from));
        self.at = end + 1;
        Ok(())
    }
}

/// Where the `}` that closes the code starting at `from` is.
fn code_end(text: &str, from: usize, nested: u32) -> Option<usize> {
    let mut depth = 0_u32;
    let mut at = from;
    while let Some(next) = text[at..].chars().next() {
        match next {
            '}' | ')' | ']' if depth > 0 => depth -= 1,
            '}' => return Some(at),
            '{' | '(' | '[' => depth += 1,
            '"' | '\'' | '$' | '@' => {
                if let Some((_, length)) = nested_literal(&text[at..], 0, nested).ok()? {
                    at += length;
                    continue;
                }
            }
            _ => {}
        }
        at += next.len_utf8();
    }
    None
}

/// The character of an escape, after its backslash, and the length.
fn escape(text: &str) -> Option<(char, usize)> {
    let letter = text.chars().next()?;
    let simple = match letter {
        '\'' | '"' | '\\' => letter,
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'e' => '\u{1b}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        'u' => return hex(text, 4),
        'U' => return hex(text, 8),
        'x' => return hex(text, text[1..].bytes().take(4).take_while(u8::is_ascii_hexdigit).count()),
        _ => return None,
    };
    Some((simple, letter.len_utf8()))
}

fn hex(text: &str, digits: usize) -> Option<(char, usize)> {
    let code = u32::from_str_radix(text.get(1..=digits)?, 16).ok()?;
    if digits == 4 && (0xd800..0xdc00).contains(&code) {
        let second = text.get(5..).and_then(|rest| rest.strip_prefix("\\u"))?.get(..4)?;
        let low = u32::from_str_radix(second, 16).ok()?.checked_sub(0xdc00)?;
        return Some((char::from_u32(0x10000 + ((code - 0xd800) << 10) + low)?, 11));
    }
    Some((char::from_u32(code).unwrap_or('\u{fffd}'), digits + 1))
}

/// The pieces of an interpolated string.
pub(super) fn parts(kind: &TokenKind) -> Arc<[Part]> {
    match kind {
        TokenKind::Interpolated(parts) => parts.clone(),
        _ => Arc::new([]),
    }
}
