//! From a YAML tree to elements.

use std::sync::Arc;

use super::{CONTAINERS, DO, TEXT, XML, is_part, spans::Lines};
use crate::{
    document::{self, Entry, Format, Mark, Node, Value},
    policy::{
        Attribute, Child, Element, Place, Problem, Text, entity,
        structure::Root,
        xml::{self, Origin},
    },
};

/// Reads the text of a document.
///
/// # Errors
/// Everything that is wrong with it.
pub(in crate::policy) fn parse(file: &str, text: &str, root: Root) -> Result<Element, Vec<Problem>> {
    let file = Arc::from(file);
    let node = document::read(text, Format::Yaml).map_err(|broken| {
        broken.into_iter().map(|broken| Problem::new(Place::new(&file, broken.at), broken.message)).collect::<Vec<_>>()
    })?;
    Reader::new(Arc::clone(&file), text).root(&node, root)
}

/// Turns YAML nodes into elements.
pub(in crate::policy) struct Reader<'a> {
    file: Arc<str>,
    lines: Lines<'a>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// `source`: the text that the nodes were read from, for places inside of values; may be empty.
    pub(in crate::policy) fn new(file: Arc<str>, source: &'a str) -> Self {
        Self { file, lines: Lines::of(source), problems: Vec::new() }
    }

    /// Reads a document: its sections by name; a fragment: its statements, or `fragment` with them.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(in crate::policy) fn root(mut self, node: &Node, root: Root) -> Result<Element, Vec<Problem>> {
        let element = match &node.value {
            Value::Mapping(entries) => match entries.as_slice() {
                [only] if only.key == root.name() => self.element(root.name(), only.key_at, &only.value),
                _ => self.element(root.name(), node.at, node),
            },
            _ => self.element(root.name(), node.at, node),
        };
        if self.problems.is_empty() { Ok(element) } else { Err(self.problems) }
    }

    /// A text node with its places; empty if it is something else.
    pub(in crate::policy) fn value(&mut self, node: &Node) -> Text {
        self.text(node).unwrap_or_else(|| Text::new("", Place::new(&self.file, node.at)))
    }

    fn report(&mut self, at: Mark, message: impl Into<String>) {
        self.problems.push(Problem::new(Place::new(&self.file, at), message));
    }

    /// The text of a node; `None`: it is something else.
    fn text(&mut self, node: &Node) -> Option<Text> {
        let value = match &node.value {
            Value::Bool(on) => on.to_string(),
            Value::Number(number) => number.text.clone(),
            Value::Text { text, .. } => text.clone(),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => return None,
        };
        let plain = !matches!(&node.value, Value::Text { plain: false, .. });
        let text = self.lines.text(value, Place::new(&self.file, node.at), plain);
        if let Some((at, odd)) = text.value.char_indices().find(|(_, character)| !entity::is_allowed(*character)) {
            let message = format!("the control character U+{:04X} cannot stand in a policy: remove it", u32::from(odd));
            self.report(text.mark(at), message);
        }
        Some(text)
    }

    /// An element, whatever its body: nothing, text, a list of statements, or a mapping.
    fn element(&mut self, name: &str, at: Mark, body: &Node) -> Element {
        if !xml::is_name(name) {
            self.report(at, format!("`{name}` is no name of an element"));
        }
        let place = Place::new(&self.file, at);
        let (name, fragment, spelling) = (Arc::from(name), None, None);
        let mut element =
            Element { name, place, attributes: Vec::new(), children: Vec::new(), scope: None, fragment, spelling };
        match &body.value {
            Value::Null => {}
            Value::Sequence(items) => self.statements(&mut element, items),
            Value::Mapping(entries) => entries.iter().for_each(|entry| self.entry(&mut element, entry)),
            Value::Bool(_) | Value::Number(_) | Value::Text { .. } => {
                element.children.extend(self.text(body).map(Child::Text));
            }
        }
        element
    }

    fn statements(&mut self, element: &mut Element, items: &[Node]) {
        for item in items {
            self.statement(element, item);
        }
    }

    fn statement(&mut self, parent: &mut Element, item: &Node) {
        match &item.value {
            Value::Mapping(entries) => match entries.as_slice() {
                [only] => {
                    let element = self.element(&only.key, only.key_at, &only.value);
                    parent.children.push(Child::Element(element));
                }
                [first, second, ..] => self.report(
                    second.key_at,
                    format!("a statement is one key; indent `{}` further if it belongs to `{}`", second.key, first.key),
                ),
                [] => self.report(item.at, "a statement is missing"),
            },
            Value::Text { text, .. } if text.trim_start().starts_with('<') => self.xml(parent, item),
            Value::Text { text, .. } => {
                let element = self.element(text, item.at, &Node::new(item.at, Value::Null));
                parent.children.push(Child::Element(element));
            }
            other => {
                let message =
                    format!("{} is no statement: write `name`, or `name:` with attributes below", other.kind());
                self.report(item.at, message);
            }
        }
    }

    fn entry(&mut self, element: &mut Element, entry: &Entry) {
        let Entry { key, key_at, value } = entry;
        match (key.as_str(), &value.value) {
            (DO, Value::Sequence(items)) => self.statements(element, items),
            (DO, Value::Null) => {}
            (DO, _) => self.report(value.at, format!("`{DO}` takes a list of statements")),
            (TEXT, _) => match self.text(value) {
                Some(text) => element.children.push(Child::Text(text)),
                None => self.report(value.at, format!("`{TEXT}` takes text, not {}", value.value.kind())),
            },
            (XML, _) => self.xml(element, value),
            (name, Value::Sequence(items)) if !is_list(&element.name, name) => {
                for item in items {
                    let child = self.element(key, item.at, item);
                    element.children.push(Child::Element(child));
                }
            }
            (_, Value::Null | Value::Mapping(_) | Value::Sequence(_)) => {
                let child = self.element(key, *key_at, value);
                element.children.push(Child::Element(child));
            }
            _ if is_part(&element.name, key) || *element.name == *Root::Policies.name() => {
                let child = self.element(key, *key_at, value);
                element.children.push(Child::Element(child));
            }
            _ => self.attribute(element, entry),
        }
    }

    fn attribute(&mut self, element: &mut Element, entry: &Entry) {
        if !xml::is_name(&entry.key) {
            self.report(entry.key_at, format!("`{}` is no name of an attribute", entry.key));
        }
        let place = Place::new(&self.file, entry.key_at);
        let name = entry.key.as_str().into();
        let (before, joint, single_quoted) = ("".into(), "".into(), false);
        let value = self.text(&entry.value);
        element.attributes.extend(value.map(|value| Attribute { name, place, value, before, joint, single_quoted }));
    }

    /// XML in place of a statement, or as content.
    fn xml(&mut self, element: &mut Element, node: &Node) {
        let Some(text) = self.text(node) else {
            self.report(node.at, format!("`{XML}` takes XML as text, not {}", node.value.kind()));
            return;
        };
        match xml::parse_content(&text.value, Origin::Within(&text)) {
            Ok(children) => element.children.extend(children),
            Err(problems) => self.problems.extend(problems),
        }
    }
}

/// Whether a list under a key is the content of one element, and not one element of that name for each item.
fn is_list(parent: &str, key: &str) -> bool {
    CONTAINERS.contains(&key) || parent == Root::Policies.name()
}
