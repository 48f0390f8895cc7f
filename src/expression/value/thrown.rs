//! Exceptions: the .NET class that a document's `catch` may name, and a message.

use std::{borrow::Cow, fmt};

/// What an expression throws. The policy engine answers with `ExpressionValueEvaluationFailure` and this message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thrown {
    /// The .NET exception class, without its namespace.
    pub class: &'static str,
    /// What went wrong, for the author of the document.
    pub message: Cow<'static, str>,
}

/// The class of running out of [`Bounds`](crate::expression::Bounds). No `catch` stops it.
pub(crate) const LIMIT: &str = "LimitExceededException";

impl Thrown {
    /// An exception of any class.
    pub fn new(class: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { class, message: message.into() }
    }

    /// `NullReferenceException`.
    pub fn null(what: &str) -> Self {
        Self::new(
            "NullReferenceException",
            format!("Object reference not set to an instance of an object: {what} is null."),
        )
    }

    /// `InvalidCastException`.
    pub fn cast(from: &str, to: &str) -> Self {
        Self::new("InvalidCastException", format!("Unable to cast object of type '{from}' to type '{to}'."))
    }

    /// `FormatException`.
    pub fn format(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("FormatException", message)
    }

    /// `ArgumentException`.
    pub fn argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("ArgumentException", message)
    }

    /// `ArgumentNullException`.
    pub fn argument_null(name: &str) -> Self {
        Self::new("ArgumentNullException", format!("Value cannot be null. Parameter name: {name}"))
    }

    /// `ArgumentOutOfRangeException`.
    pub fn range(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("ArgumentOutOfRangeException", message)
    }

    /// `InvalidOperationException`.
    pub fn operation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("InvalidOperationException", message)
    }

    /// `OverflowException`.
    pub fn overflow(to: &str) -> Self {
        Self::new("OverflowException", format!("Value was either too large or too small for {to}."))
    }

    /// One of the evaluation's bounds is used up; not catchable.
    pub fn limit(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(LIMIT, message)
    }

    /// Whether `catch (class)` catches it.
    pub(crate) fn is_a(&self, class: &str) -> bool {
        if self.class == LIMIT {
            return false;
        }
        let mut at = self.class;
        loop {
            if at == class {
                return true;
            }
            at = match parent(at) {
                Some(parent) => parent,
                None => return false,
            };
        }
    }
}

fn parent(class: &str) -> Option<&'static str> {
    Some(match class {
        "Exception" => return None,
        "ArgumentNullException" | "ArgumentOutOfRangeException" | "RegexParseException" => "ArgumentException",
        "DivideByZeroException" | "OverflowException" => "ArithmeticException",
        "JsonReaderException" | "JsonWriterException" | "JsonSerializationException" => "JsonException",
        "RegexMatchTimeoutException" => "TimeoutException",
        "UriFormatException" => "FormatException",
        "SystemException" => "Exception",
        _ => "SystemException",
    })
}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.message)
    }
}

impl std::error::Error for Thrown {}
