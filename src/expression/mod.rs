//! The interface of expressions that policies are compiled against.

use std::sync::Arc;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A switch.
    Bool(bool),
    /// Text.
    Text(Arc<str>),
}

impl Value {
    /// As C#'s culture-invariant `ToString` gives it; null is empty.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(on) => if *on { "True" } else { "False" }.to_owned(),
            Self::Text(text) => text.to_string(),
        }
    }

    /// A boolean.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(on) => Some(*on),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Text(number.to_string().into())
    }
}

/// The code of an expression, without its `@(` or `@{`.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// One expression.
    Inline(&'a str),
    /// Statements that return.
    Block(&'a str),
}

/// Something wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Bytes from the start of the code.
    pub offset: usize,
    /// What, and the fix.
    pub message: String,
}

/// A compiled expression.
pub struct Expression;

/// Compiles one.
///
/// # Errors
/// Everything wrong with it.
pub fn compile(source: Source<'_>) -> Result<Expression, Vec<Trouble>> {
    let (Source::Inline(text) | Source::Block(text)) = source;
    Err(vec![Trouble { offset: 0, message: format!("`{text}`: not yet") }])
}
