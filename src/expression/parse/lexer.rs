//! Text to tokens.

use std::sync::Arc;

use super::{Trouble, number, strings};
use crate::expression::Value;

/// A token and where it starts.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Debug)]
pub(super) enum TokenKind {
    Name(String),
    Literal(Value),
    /// An interpolated string: its pieces are text, or the place and text of an expression.
    Interpolated(Arc<[strings::Part]>),
    Symbol(&'static str),
    End,
}

const SYMBOLS: &[&str] = &[
    "??=", "<<=", "=>", "==", "!=", "<=", "&&", "||", "??", "?.", "?[", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=",
    "|=", "^=", "<<", "{", "}", "(", ")", "[", "]", ".", ",", ";", ":", "?", "+", "-", "*", "/", "%", "&", "|", "^",
    "~", "!", "<", ">", "=",
];

/// Splits text into tokens. `>` is always alone, so that `List<List<int>>` needs no care.
pub(super) fn lex(text: &str, base: usize) -> Result<Vec<Token>, Trouble> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if let Some(inner) = rest.strip_prefix("/*") {
            let end = inner.find("*/").ok_or_else(|| trouble(base + at, "the comment does not end"))?;
            at += end + 4;
        } else {
            let (kind, length) = token(rest, base + at)?;
            tokens.push(Token { at: base + at, kind });
            at += length;
        }
    }
    tokens.push(Token { at: base + text.len(), kind: TokenKind::End });
    Ok(tokens)
}

pub(super) fn trouble(offset: usize, message: impl Into<String>) -> Trouble {
    Trouble { offset, message: message.into() }
}

fn token(rest: &str, at: usize) -> Result<(TokenKind, usize), Trouble> {
    let first = rest.chars().next().unwrap_or(' ');
    if let Some((kind, length)) = strings::literal(rest, at)? {
        return Ok((kind, length));
    }
    if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
        let (value, length) = number::literal(rest).ok_or_else(|| trouble(at, "this is no number that C# knows"))?;
        return Ok((TokenKind::Literal(value), length));
    }
    let skip = usize::from(first == '@');
    let name = &rest[skip..];
    let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
    if end > 0 {
        return Ok((TokenKind::Name(name[..end].to_owned()), skip + end));
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        // `a ?.5 : b` is a conditional.
        Some(&"?.") if rest[2..].starts_with(|c: char| c.is_ascii_digit()) => Ok((TokenKind::Symbol("?"), 1)),
        Some(symbol) => Ok((TokenKind::Symbol(symbol), symbol.len())),
        None => Err(trouble(at, format!("the character `{first}` does not belong in an expression"))),
    }
}
