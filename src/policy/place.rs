//! Places in documents, and what is wrong there.

use std::{fmt, sync::Arc};

use crate::document::Mark;

/// A place in a named document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The document: a path, or a name such as `policy of api orders`.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// A mark in a file.
    #[must_use]
    pub fn new(file: &Arc<str>, mark: Mark) -> Self {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { file: Arc::clone(file), line: number(mark.line), column: number(mark.column) }
    }

    /// No place: what was written nowhere.
    #[must_use]
    pub fn unknown() -> Self {
        Self { file: Arc::from(""), line: 0, column: 0 }
    }

    /// Line and column alone.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { line: self.line as usize, column: self.column as usize }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The place behind a text that begins at a mark.
pub(super) fn behind(from: Mark, text: &str) -> Mark {
    match text.rsplit_once('\n') {
        None => Mark { line: from.line, column: from.column + text.chars().count() },
        Some((above, last)) => {
            Mark { line: from.line + above.matches('\n').count() + 1, column: last.chars().count() + 1 }
        }
    }
}

/// Something wrong in a policy document, in words for whoever has to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What was seen, and what to write instead.
    pub message: String,
}

impl Problem {
    /// A problem at a place.
    #[must_use]
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for Problem {}
