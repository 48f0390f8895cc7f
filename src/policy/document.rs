//! Whole documents: policies with their sections, and fragments, in either spelling.

use std::sync::Arc;

use super::{
    Element, Problem, Section, expressions,
    structure::{self, Root},
    xml::{self, Origin, Parsed},
    yaml,
};
use crate::document::{Node, Value};

/// How a document is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As Azure API Management writes it.
    Xml,
    /// The same elements in YAML.
    Yaml,
}

impl Spelling {
    /// By the first character: XML begins with `<`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let is_space = |character: char| character.is_whitespace() || character == '\u{feff}';
        if text.trim_start_matches(is_space).starts_with('<') { Self::Xml } else { Self::Yaml }
    }
}

/// What stands outside the root: byte order mark, XML declaration, comments, space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    pub(super) before: Box<str>,
    pub(super) after: Box<str>,
}

/// A document with sections: the element `policies`.
#[derive(Clone, Debug)]
pub struct Document {
    /// The element `policies`.
    pub root: Element,
    pub(super) around: Around,
}

/// A reusable part of documents: the element `fragment`.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The element `fragment`.
    pub root: Element,
    pub(super) around: Around,
}

impl Document {
    /// Reads a document in either spelling. `file` is its name in places.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        read(file, text, Root::Policies).map(Self::new)
    }

    /// Reads a document in XML.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of places.
    pub fn from_xml(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        from_xml(file, text, Root::Policies).map(Self::new)
    }

    /// Reads a document that stands inside another YAML document: a mapping of sections, or text in either spelling.
    /// `source` is the text of the whole file, for places inside of values; it may be empty.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_node(file: &str, node: &Node, source: &str) -> Result<Self, Vec<Problem>> {
        from_node(file, node, source, Root::Policies).map(Self::new)
    }

    fn new(Parsed { root, around }: Parsed) -> Self {
        Self { root, around }
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

    /// The document in XML; untouched since it was read as XML, it is what was read, byte for byte. Secrets are masked.
    #[must_use]
    pub fn to_xml(&self) -> String {
        xml::document(&self.root, &self.around)
    }

    /// The document in XML with one indentation and one spelling of everything; comments are kept. Secrets are masked.
    #[must_use]
    pub fn to_pretty_xml(&self) -> String {
        xml::around(&self.around, &xml::pretty(&self.root))
    }

    /// The document in YAML; comments are kept. Secrets are masked.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml::write(&self.root, &self.around.before)
    }
}

impl Fragment {
    /// Reads a fragment in either spelling. `file` is its name in places.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        read(file, text, Root::Fragment).map(Self::new)
    }

    /// Reads a fragment in XML.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of places.
    pub fn from_xml(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        from_xml(file, text, Root::Fragment).map(Self::new)
    }

    /// Reads a fragment that stands inside another YAML document: a list of statements, or text in either spelling.
    /// `source` is the text of the whole file, for places inside of values; it may be empty.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_node(file: &str, node: &Node, source: &str) -> Result<Self, Vec<Problem>> {
        from_node(file, node, source, Root::Fragment).map(Self::new)
    }

    fn new(Parsed { root, around }: Parsed) -> Self {
        Self { root, around }
    }

    /// Its statements.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.root.elements()
    }

    /// The fragment in XML; untouched since it was read as XML, it is what was read, byte for byte. Secrets are masked.
    #[must_use]
    pub fn to_xml(&self) -> String {
        xml::document(&self.root, &self.around)
    }

    /// The fragment in XML with one indentation and one spelling of everything; comments are kept. Secrets are masked.
    #[must_use]
    pub fn to_pretty_xml(&self) -> String {
        xml::around(&self.around, &xml::pretty(&self.root))
    }

    /// The fragment in YAML; comments are kept. Secrets are masked.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml::write(&self.root, &self.around.before)
    }
}

fn read(file: &str, text: &str, root: Root) -> Result<Parsed, Vec<Problem>> {
    match Spelling::of(text) {
        Spelling::Xml => from_xml(file, text, root),
        Spelling::Yaml => checked(Parsed { root: yaml::parse(file, text, root)?, around: Around::default() }, root),
    }
}

fn from_xml(file: &str, text: &str, root: Root) -> Result<Parsed, Vec<Problem>> {
    checked(xml::parse(text, Origin::File(file.into()))?, root)
}

fn from_node(file: &str, node: &Node, source: &str, root: Root) -> Result<Parsed, Vec<Problem>> {
    let mut reader = yaml::Reader::new(Arc::from(file), source);
    let parsed = match &node.value {
        Value::Text { text, .. } if Spelling::of(text) == Spelling::Xml => {
            let text = reader.value(node);
            xml::parse(&text.value, Origin::Within(&text))?
        }
        _ => Parsed { root: reader.root(node, root)?, around: Around::default() },
    };
    checked(parsed, root)
}

fn checked(parsed: Parsed, root: Root) -> Result<Parsed, Vec<Problem>> {
    let mut problems = structure::check(&parsed.root, root);
    problems.extend(expressions::check(&parsed.root));
    if problems.is_empty() { Ok(parsed) } else { Err(problems) }
}
