//! Whole documents: policies with their sections, and fragments.

use super::{Element, Section};

/// A document with sections: the element `policies`.
#[derive(Clone, Debug)]
pub struct Document {
    /// The element `policies`.
    pub root: Element,
    /// What stands before and after the root, as written.
    pub(super) around: Around,
}

/// A reusable part of documents: the element `fragment`.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The element `fragment`.
    pub root: Element,
    pub(super) around: Around,
}

/// What stands outside the root: byte order mark, XML declaration, comments, space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    pub(super) before: Box<str>,
    pub(super) after: Box<str>,
}

impl Document {
    /// A section's element; `None` when the document does not have it.
    #[must_use]
    pub fn section(&self, section: Section) -> Option<&Element> {
        self.root.child(section.name())
    }
}

impl Fragment {
    /// Its statements.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.root.elements()
    }
}
