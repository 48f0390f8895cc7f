//! Objects that providers store: their kinds, and how calls and bodies name them.
//!
//! Deliberately not here: who owns them and where they live.

use crate::{Call, Surface};

/// What a stored object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoredKind {
    /// A response of the Responses API.
    Response,
    /// An uploaded or produced file.
    File,
    /// A batch.
    Batch,
    /// An item of a stored response: a message, a call of a tool, reasoning.
    Item,
    /// A container in which code of a response, or of a message of Anthropic's, ran, with the files that it holds.
    Container,
    /// A conversation: no surface here creates one, so nobody can own one. (Vector stores, which none creates either,
    /// hold what the account's owner put there for all: they pass.)
    Other,
}

/// A stored object that a call refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRef {
    /// What it is used as.
    pub kind: StoredKind,
    /// The provider's id.
    pub id: String,
}

impl StoredKind {
    /// What a successful call of this surface creates or answers with.
    #[must_use]
    pub fn of(surface: Surface) -> Option<Self> {
        match surface {
            Surface::Responses | Surface::StoredResponse => Some(Self::Response),
            Surface::Files => Some(Self::File),
            Surface::Batches => Some(Self::Batch),
            _ => None,
        }
    }

    /// The word that stands for it in the book of owners.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::File => "file",
            Self::Batch => "batch",
            Self::Item => "item",
            Self::Container => "container",
            Self::Other => "other",
        }
    }

    /// The kind that a word of [`Self::word`] stands for; anything else is [`Self::Other`].
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        let kinds = [Self::Response, Self::File, Self::Batch, Self::Item, Self::Container];
        kinds.into_iter().find(|kind| kind.word() == word).unwrap_or(Self::Other)
    }

    /// What the strings under a body's key refer to, wherever the key stands.
    pub(crate) fn under(key: &str) -> Option<Self> {
        match key {
            "file_id" | "input_file_id" | "file_ids" => Some(Self::File),
            _ => None,
        }
    }
}

impl Call {
    /// The stored object that the path names.
    #[must_use]
    pub fn stored_item(&self) -> Option<StoredRef> {
        let kind = StoredKind::of(self.surface)?;
        self.item.clone().map(|id| StoredRef { kind, id })
    }

    /// Whether the answer is what a caller once uploaded, and so says nothing that may be believed.
    #[must_use]
    pub fn is_download(&self) -> bool {
        self.surface == Surface::Files && self.tail.ends_with("/content")
    }
}
