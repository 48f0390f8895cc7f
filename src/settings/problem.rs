//! What is wrong with a configuration: where, at which setting, and what would be right.

use std::fmt;

use super::Origin;

/// One thing that is wrong (or, as a warning, odd) in a configuration or in one object sent to the admin API.
///
/// Displays as `file:line:column: path: message`, without the parts that are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place in a file; none for objects of the database and of requests.
    pub origin: Option<Origin>,
    /// The setting, such as `backends[0].url`; empty for the document as a whole.
    pub path: String,
    /// What is wrong, the value seen (never a secret's), and what would be right.
    pub message: String,
}

impl Problem {
    /// A problem whose place in a file is not known.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { origin: None, path: path.into(), message: message.into() }
    }

    /// The same problem at a known place.
    #[must_use]
    pub fn at(mut self, origin: Option<Origin>) -> Self {
        self.origin = origin;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// Sorts by file, line and column; problems without a place come first, in the order they were found.
pub(super) fn sort(problems: &mut [Problem]) {
    problems.sort_by(|a, b| key(a).cmp(&key(b)));
}

fn key(problem: &Problem) -> Option<(&std::path::Path, usize, usize)> {
    problem.origin.as_ref().map(|origin| (origin.file.as_path(), origin.line, origin.column))
}
