//! The borders of `@(...)` and `@{...}` in a document, found by the lexical rules of C#.
//!
//! Lives here: where an expression ends, and which references (`&quot;`) in it stand for characters of the code.
//! Deliberately not here: what the code means (`expression`).
//!
//! People write code in two spellings: properly escaped, as Azure's format `xml` has it, or as it is, as `rawxml` has it,
//! with quotes and `<` inside attributes. Code without any character that XML forbids at its place was escaped, and
//! all its references are decoded. Otherwise it was written as it is: then a reference inside a string that raw quotes
//! began belongs to the string (`.Replace("&amp;", "and")`), and one anywhere else can only have been meant as what it
//! stands for, because no C# has `&lt;` outside a string.

mod scan;

use super::entity::Entity;
use crate::document::Mark;

/// An expression in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    /// The byte offset of its `@`.
    pub(super) start: usize,
    /// The byte offset behind its last `)` or `}`.
    pub(super) end: usize,
    /// References to decode, with their offsets, in order.
    pub(super) entities: Vec<(usize, Entity)>,
}

/// Why an expression has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unclosed {
    /// The byte offset of what was not closed.
    pub(super) at: usize,
    /// What it is.
    pub(super) what: Open,
}

impl Unclosed {
    /// What to say about it; `start` is where the expression begins.
    pub(super) fn told(&self, start: Mark) -> String {
        let whose = format!("in the expression that begins at {}:{}", start.line, start.column);
        let check = "check the quotes and brackets before and behind it";
        match self.what {
            Open::Expression => format!("this expression is never closed: {check}"),
            Open::Line => {
                format!("{whose}, this string does not end on its line: {check} (only `@\"...\"` may have lines)")
            }
            Open::String => format!("{whose}, this string is never closed: {check}"),
            Open::Character => format!("{whose}, this `'` begins a character that is not closed: {check}"),
            Open::Comment => format!("{whose}, this comment is never closed: write `*/`"),
            Open::TooLong => format!("this expression has no end within a mebibyte: {check}"),
            Open::TooDeep => format!("{whose}, strings are nested too deeply: use variables"),
        }
    }
}

/// What to say about an expression that ends before its value does.
pub(super) fn trailing(end: Mark) -> String {
    format!(
        "an expression must be the whole value, but this one ends at {}:{} and more follows: check its brackets and \
         quotes, or take what follows into the expression",
        end.line, end.column
    )
}

/// What can be open at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// The expression itself.
    Expression,
    /// A string that may not go on in the next line.
    Line,
    /// A string.
    String,
    /// A character in single quotes.
    Character,
    /// A comment.
    Comment,
    /// The end is too far away to be searched for.
    TooLong,
    /// Too many strings in strings.
    TooDeep,
}

/// Where the code stands, hence what cannot stand in it when it is escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    /// An attribute's value between these quotes.
    Attribute(u8),
    /// The text of an element.
    Content,
}

/// Whether a text begins an expression.
pub(super) fn begins(text: &str) -> bool {
    text.starts_with("@(") || text.starts_with("@{")
}

/// The expression that begins at `start`.
pub(super) fn find(text: &str, start: usize, within: Within) -> Result<Code, Unclosed> {
    scan::scan(text, start, within, scan::Spelling::Escaped)
        .or_else(|_| scan::scan(text, start, within, scan::Spelling::AsItIs))
}

/// Where the expression that begins at `start` of a decoded value ends.
pub(super) fn end(value: &str, start: usize) -> Result<usize, Unclosed> {
    scan::scan(value, start, Within::Content, scan::Spelling::AsItIs).map(|code| code.end)
}

#[cfg(test)]
mod tests;
