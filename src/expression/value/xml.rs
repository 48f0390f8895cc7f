//! XML nodes, shared by reference: elements, attributes and text of `System.Xml.Linq`.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use super::{
    collection::guard,
    xml_write::{Scope, escape},
};
use crate::expression::types::Kind;

/// `{namespace}local`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XName {
    /// The namespace's address, or empty.
    pub space: Arc<str>,
    /// The name in it.
    pub local: Arc<str>,
}

impl XName {
    /// From `local` or `{namespace}local`.
    pub(crate) fn parse(text: &str) -> Self {
        match text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((space, local)) => Self { space: space.into(), local: local.into() },
            None => Self { space: "".into(), local: text.into() },
        }
    }

    pub(crate) fn to_text(&self) -> String {
        if self.space.is_empty() { self.local.to_string() } else { format!("{{{}}}{}", self.space, self.local) }
    }
}

/// An `XObject`.
#[derive(Clone)]
pub enum Xml {
    /// `XDocument`, by its root.
    Document(Arc<Element>),
    /// `XElement`.
    Element(Arc<Element>),
    /// `XAttribute`.
    Attribute(Arc<Attribute>),
    /// `XText`, and a CDATA section that was read.
    Text(Arc<str>),
    /// `XCData`.
    Data(Arc<str>),
    /// `XName`.
    Name(Arc<XName>),
}

/// An element. Everything of it can change.
pub struct Element {
    /// And the name as written, with its prefix.
    name: Mutex<(XName, Arc<str>)>,
    pub(crate) attributes: Mutex<Vec<Arc<Attribute>>>,
    pub(crate) nodes: Mutex<Vec<Xml>>,
    /// The element that it was put into.
    parent: Mutex<Weak<Element>>,
}

/// An attribute, namespace declarations included.
pub struct Attribute {
    pub(crate) name: XName,
    pub(crate) written: Arc<str>,
    pub(crate) value: Mutex<Arc<str>>,
    owner: Mutex<Weak<Element>>,
}

impl Attribute {
    pub(crate) fn new(name: XName, written: Arc<str>, value: Arc<str>) -> Self {
        Self { name, written, value: Mutex::new(value), owner: Mutex::default() }
    }

    /// The element that it is on.
    pub(crate) fn owner(&self) -> Option<Arc<Element>> {
        guard(&self.owner).upgrade()
    }

    pub(crate) fn value(&self) -> Arc<str> {
        guard(&self.value).clone()
    }

    /// The prefix that it declares; the empty one is that of names without a prefix.
    pub(super) fn declares(&self) -> Option<&str> {
        if &*self.written == "xmlns" { Some("") } else { self.written.strip_prefix("xmlns:") }
    }
}

/// Deepest nesting that is read and written.
pub(crate) const MAX_DEPTH: usize = 128;

impl Element {
    pub(crate) fn new(name: XName) -> Self {
        let written = name.local.clone();
        Self::written(name, written)
    }

    /// One whose name is written with a prefix.
    pub(crate) fn written(name: XName, written: Arc<str>) -> Self {
        let name = Mutex::new((name, written));
        Self { name, attributes: Mutex::default(), nodes: Mutex::default(), parent: Mutex::default() }
    }

    pub(crate) fn name(&self) -> XName {
        guard(&self.name).0.clone()
    }

    /// The name as it is written, with its prefix.
    pub(crate) fn tag(&self) -> Arc<str> {
        guard(&self.name).1.clone()
    }

    /// Gives it another name, without a prefix.
    pub(crate) fn rename(&self, name: XName) {
        let written = name.local.clone();
        *guard(&self.name) = (name, written);
    }

    /// Adds an attribute at the end.
    pub(crate) fn put_attribute(self: &Arc<Self>, attribute: Arc<Attribute>) {
        *guard(&attribute.owner) = Arc::downgrade(self);
        guard(&self.attributes).push(attribute);
    }

    /// Adds a node at the end.
    pub(crate) fn push(self: &Arc<Self>, node: Xml) {
        if let Xml::Element(child) = &node {
            *guard(&child.parent) = Arc::downgrade(self);
        }
        guard(&self.nodes).push(node);
    }

    pub(crate) fn parent(&self) -> Option<Arc<Self>> {
        guard(&self.parent).upgrade()
    }

    /// Tells all elements below who their parent is; for elements that were read.
    pub(crate) fn adopt(self: &Arc<Self>) {
        let mut pending = vec![self.clone()];
        while let Some(element) = pending.pop() {
            for attribute in element.attributes() {
                *guard(&attribute.owner) = Arc::downgrade(&element);
            }
            for child in element.elements() {
                *guard(&child.parent) = Arc::downgrade(&element);
                pending.push(child);
            }
        }
    }

    /// Takes this element out of its parent.
    pub(crate) fn detach(self: &Arc<Self>) -> bool {
        let Some(parent) = self.parent() else { return false };
        *guard(&self.parent) = Weak::new();
        guard(&parent.nodes).retain(|node| !matches!(node, Xml::Element(child) if Arc::ptr_eq(child, self)));
        true
    }

    pub(crate) fn nodes(&self) -> Vec<Xml> {
        guard(&self.nodes).clone()
    }

    pub(crate) fn attributes(&self) -> Vec<Arc<Attribute>> {
        guard(&self.attributes).clone()
    }

    pub(crate) fn elements(&self) -> Vec<Arc<Self>> {
        let element = |node| match node {
            Xml::Element(element) => Some(element),
            _ => None,
        };
        self.nodes().into_iter().filter_map(element).collect()
    }

    /// All its text.
    pub(crate) fn text(&self, out: &mut String, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for node in self.nodes() {
            match node {
                Xml::Text(text) | Xml::Data(text) => out.push_str(&text),
                Xml::Element(element) => element.text(out, depth + 1),
                _ => {}
            }
        }
    }

    /// Elements below it in document order.
    pub(crate) fn descendants(&self, out: &mut Vec<Arc<Self>>, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for element in self.elements() {
            out.push(element.clone());
            element.descendants(out, depth + 1);
        }
    }
}

impl Drop for Element {
    /// Without recursion: a loop can nest elements deeper than a stack is.
    fn drop(&mut self) {
        let mut pending = mem::take(self.nodes.get_mut().unwrap_or_else(PoisonError::into_inner));
        while let Some(node) = pending.pop() {
            if let Xml::Element(element) | Xml::Document(element) = node
                && let Some(mut element) = Arc::into_inner(element)
            {
                pending.append(element.nodes.get_mut().unwrap_or_else(PoisonError::into_inner));
            }
        }
    }
}

impl Xml {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Document(_) => Kind::XDocument,
            Self::Element(_) => Kind::XElement,
            Self::Attribute(_) => Kind::XAttribute,
            Self::Text(_) => Kind::XText,
            Self::Data(_) => Kind::XCData,
            Self::Name(_) => Kind::XName,
        }
    }

    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Document(a), Self::Document(b)) | (Self::Element(a), Self::Element(b)) => Arc::ptr_eq(a, b),
            (Self::Attribute(a), Self::Attribute(b)) => Arc::ptr_eq(a, b),
            (Self::Text(a), Self::Text(b)) | (Self::Data(a), Self::Data(b)) => a == b,
            (Self::Name(a), Self::Name(b)) => a == b,
            _ => false,
        }
    }

    /// `Value`.
    pub(crate) fn value(&self) -> Arc<str> {
        match self {
            Self::Document(element) | Self::Element(element) => {
                let mut out = String::new();
                element.text(&mut out, 0);
                out.into()
            }
            Self::Attribute(attribute) => attribute.value(),
            Self::Text(text) | Self::Data(text) => text.clone(),
            Self::Name(name) => name.to_text().into(),
        }
    }

    /// `ToString()`.
    pub(crate) fn to_text(&self, indent: bool) -> String {
        match self {
            Self::Document(element) | Self::Element(element) => {
                let mut out = String::new();
                element.write(&mut out, indent, 0, &mut Scope::default());
                out
            }
            Self::Attribute(attribute) => format!("{}=\"{}\"", attribute.written, escape(&attribute.value(), true)),
            Self::Text(text) => escape(text, false),
            Self::Data(text) => format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>")),
            Self::Name(name) => name.to_text(),
        }
    }
}
