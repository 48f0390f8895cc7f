//! The tree of a policy document: elements, attributes and what stands between them, each with its place.

use std::{borrow::Cow, sync::Arc};

use super::{
    Place, Scope, Text,
    xml::{self, Secrets},
};

/// An element: a policy, a part of one, or a section.
#[derive(Clone, Debug)]
pub struct Element {
    /// The name, as written.
    pub name: Arc<str>,
    /// The place of its `<`.
    pub place: Place,
    /// The attributes, in order.
    pub attributes: Vec<Attribute>,
    /// What it contains, in order; space between elements is text too.
    pub children: Vec<Child>,
    /// Which scope's document it comes from; set by splicing.
    pub scope: Option<Scope>,
    /// Which fragment it comes from; set by the expansion of fragments.
    pub fragment: Option<Arc<str>>,
    /// How it was written in XML; `None`: it was not.
    pub(super) spelling: Option<Spelling>,
}

/// How a tag was written, apart from its names and values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spelling {
    /// Space before `>` or `/>`.
    pub(super) end_of_start: Box<str>,
    /// Written as `<a/>`.
    pub(super) empty: bool,
    /// Space before the `>` of the end tag.
    pub(super) end: Box<str>,
}

/// An attribute.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The name, as written.
    pub name: Arc<str>,
    /// The place of the name; the value has its own.
    pub place: Place,
    /// The value.
    pub value: Text,
    /// Space before the name.
    pub(super) before: Box<str>,
    /// What joins name and value: `=` with space around it; empty: not read from XML.
    pub(super) joint: Box<str>,
    pub(super) single_quoted: bool,
}

/// What an element contains.
#[derive(Clone, Debug)]
pub enum Child {
    /// An element.
    Element(Element),
    /// Text; CDATA sections are text.
    Text(Text),
    /// A comment.
    Comment(Comment),
    /// A processing instruction: the text between `<?` and `?>`. It means nothing here.
    Instruction(String),
}

/// A comment.
#[derive(Clone, Debug)]
pub struct Comment {
    /// The text between `<!--` and `-->`.
    pub text: String,
    /// The place of its `<`.
    pub place: Place,
}

impl Element {
    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Text> {
        self.attributes.iter().find(|attribute| &*attribute.name == name).map(|attribute| &attribute.value)
    }

    /// The elements among the children.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(Child::as_element)
    }

    /// The first child element of that name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|element| &*element.name == name)
    }

    /// All text directly inside, joined. Its place is that of the first text that is not only space; without any, the
    /// element's own.
    #[must_use]
    pub fn text(&self) -> Cow<'_, Text> {
        let texts = self.children.iter().filter_map(Child::as_text);
        let mut told = texts.clone().filter(|text| !text.value.trim().is_empty());
        match (told.next(), told.next()) {
            (None, _) => Cow::Owned(Text::new("", self.place.clone())),
            (Some(only), None) => Cow::Borrowed(only),
            (Some(_), Some(_)) => Cow::Owned(Text::joined(texts)),
        }
    }
}

impl Element {
    /// What a policy takes as its content: the text, or, with elements inside, all of it as XML (a SOAP envelope in
    /// `set-body`). Of such XML only the beginning has its place.
    #[must_use]
    pub fn content(&self) -> Cow<'_, Text> {
        if self.elements().next().is_none() {
            return self.text();
        }
        let place = self.children.iter().find_map(Child::place).unwrap_or_else(|| self.place.clone());
        let mut text = Text::new(xml::inner(self, Secrets::Told), place);
        if self.has_secret() {
            text.masked = Some(xml::inner(self, Secrets::Masked).into());
        }
        Cow::Owned(text)
    }

    fn has_secret(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.value.is_secret())
            || self.children.iter().any(|child| match child {
                Child::Element(element) => element.has_secret(),
                Child::Text(text) => text.is_secret(),
                Child::Comment(_) | Child::Instruction(_) => false,
            })
    }

    /// The element without its children.
    pub(super) fn shallow(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            place: self.place.clone(),
            attributes: self.attributes.clone(),
            children: Vec::new(),
            scope: self.scope,
            fragment: self.fragment.clone(),
            spelling: self.spelling.clone(),
        }
    }
}

impl Child {
    /// Where it begins, if it says more than space.
    fn place(&self) -> Option<Place> {
        match self {
            Self::Element(element) => Some(element.place.clone()),
            Self::Text(text) => Some(text.place.clone()).filter(|_| !text.value.trim().is_empty()),
            Self::Comment(_) | Self::Instruction(_) => None,
        }
    }

    pub(super) fn into_element(self) -> Option<Element> {
        match self {
            Self::Element(element) => Some(element),
            _ => None,
        }
    }

    /// The element, if it is one.
    #[must_use]
    pub fn as_element(&self) -> Option<&Element> {
        match self {
            Self::Element(element) => Some(element),
            _ => None,
        }
    }

    /// The text, if it is some.
    #[must_use]
    pub fn as_text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}
