//! Whole documents: policies with their sections, and fragments.

use super::{
    Element, Problem, Section,
    structure::{self, Root},
    xml::{self, Origin, Parsed},
};

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
    /// Reads a document in XML. `file` is its name in places.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of places.
    pub fn from_xml(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        parse(file, text, Root::Policies).map(|Parsed { root, around }| Self { root, around })
    }

    /// The document in XML; untouched, it is what was read, byte for byte. Secrets are masked.
    #[must_use]
    pub fn to_xml(&self) -> String {
        xml::document(&self.root, &self.around)
    }

    /// The document in XML with one indentation and one spelling of everything; comments are kept. Secrets are masked.
    #[must_use]
    pub fn to_pretty_xml(&self) -> String {
        xml::around(&self.around, &xml::pretty(&self.root))
    }

    /// What holds where nothing is written: requests are forwarded, as Azure's first global document has it.
    #[must_use]
    pub fn built_in() -> Self {
        let text = "<policies><inbound /><backend><forward-request /></backend><outbound /><on-error /></policies>";
        Self::from_xml("built-in policy", text).expect("the built-in document is well-formed")
    }

    /// A section's element; `None` when the document does not have it.
    #[must_use]
    pub fn section(&self, section: Section) -> Option<&Element> {
        self.root.child(section.name())
    }
}

impl Fragment {
    /// Reads a fragment in XML. `file` is its name in places.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of places.
    pub fn from_xml(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        parse(file, text, Root::Fragment).map(|Parsed { root, around }| Self { root, around })
    }

    /// The fragment in XML; untouched, it is what was read, byte for byte. Secrets are masked.
    #[must_use]
    pub fn to_xml(&self) -> String {
        xml::document(&self.root, &self.around)
    }

    /// The fragment in XML with one indentation and one spelling of everything; comments are kept. Secrets are masked.
    #[must_use]
    pub fn to_pretty_xml(&self) -> String {
        xml::around(&self.around, &xml::pretty(&self.root))
    }

    /// Its statements.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.root.elements()
    }
}

fn parse(file: &str, text: &str, root: Root) -> Result<Parsed, Vec<Problem>> {
    let parsed = xml::parse(text, Origin::File(file.into()))?;
    let problems = structure::check(&parsed.root, root);
    if problems.is_empty() { Ok(parsed) } else { Err(problems) }
}
