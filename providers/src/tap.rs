//! The observer of one answer.

use bytes::Bytes;

use crate::{Surface, Usage};

/// An error that a provider reported inside an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    /// The status that the same error has as an answer of its own.
    pub status_hint: u16,
    /// The provider's machine-readable code.
    pub code: Option<String>,
    /// The provider's message.
    pub message: String,
}

/// Watches one answer pass.
#[derive(Debug)]
pub struct Tap {
    usage: Usage,
}

impl Tap {
    /// Watches an event stream; with `hide_usage` the chunk that only carries usage is withheld.
    #[must_use]
    pub fn stream(_surface: Surface, _hide_usage: bool) -> Self {
        Self { usage: Usage::default() }
    }

    /// Watches an unstreamed body.
    #[must_use]
    pub fn body(_surface: Surface) -> Self {
        Self { usage: Usage::default() }
    }

    /// Watches nothing.
    #[must_use]
    pub fn opaque() -> Self {
        Self { usage: Usage::default() }
    }

    /// Takes a chunk from the backend; `out` gets what the client may see now.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        out.push(chunk);
    }

    /// The backend's answer ended: what was held back and the client may see.
    pub fn finish(&mut self, _out: &mut Vec<Bytes>) {}

    /// Whether the answer's first content has been seen.
    #[must_use]
    pub fn has_content(&self) -> bool {
        true
    }

    /// An error that the provider reported inside the answer.
    #[must_use]
    pub fn error(&self) -> Option<&StreamError> {
        None
    }

    /// Whether the dialect's own end marker has been seen.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        true
    }

    /// What was consumed, as far as the provider said.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Id of the object that the answer created or is.
    #[must_use]
    pub fn object_id(&self) -> Option<&str> {
        None
    }

    /// Files that the answer names as its outcome (a batch's output and error files): they belong to its owner.
    #[must_use]
    pub fn owned_files(&self) -> &[String] {
        &[]
    }

    /// The model that answered.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        None
    }
}
