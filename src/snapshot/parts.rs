//! From the settings' policy documents, in all their spellings, to documents with named values and fragments put in.
//!
//! What the documents mean is compiled by `policies`; whose they are is `documents`.

use std::path::Path;

use serde_json::Value as Json;

use crate::{
    document::{Entry, Mark, Node, Value},
    policy::{self, Document, Fragment, Fragments, NamedValue, NamedValues, Problem},
    settings::{PolicySource, Settings},
};

/// Named values and fragments of a configuration, ready to be put into documents.
pub struct Parts {
    values: NamedValues,
    fragments: Fragments,
}

impl Parts {
    /// Reads the fragments.
    ///
    /// # Errors
    /// What is wrong with each, and which it is.
    pub fn of(settings: &Settings) -> Result<Self, Vec<(String, Problem)>> {
        let values = settings.named_values.iter().map(|named| {
            let value = NamedValue { value: named.value.expose().to_owned(), secret: named.secret };
            (named.id.clone(), value)
        });
        let (mut fragments, mut problems) = (Fragments::new(), Vec::new());
        for fragment in &settings.policy_fragments {
            let kind = crate::settings::ObjectKind::PolicyFragment;
            let origin = settings.origins.get(&(kind, fragment.id.clone()));
            let name = match (&fragment.policy.file, origin) {
                (Some(file), _) => file.clone(),
                (None, Some(origin)) => origin.file.display().to_string(),
                (None, None) => format!("{}/{}", kind.path(), fragment.id),
            };
            match read_fragment(&fragment.policy, &name) {
                Ok(read) => {
                    fragments.insert(fragment.id.clone(), read);
                }
                Err(found) => problems.extend(found.into_iter().map(|problem| (fragment.id.clone(), problem))),
            }
        }
        let parts = Self { values: values.collect(), fragments };
        if problems.is_empty() { Ok(parts) } else { Err(problems) }
    }

    /// A document with its named values and fragments put in. `name` is its name in places.
    ///
    /// # Errors
    /// Everything wrong with it.
    pub fn complete(&self, source: &PolicySource, name: &str) -> Result<Document, Vec<Problem>> {
        policy::resolve(&read(source, name)?, &self.values, &self.fragments)
    }
}

fn read(source: &PolicySource, name: &str) -> Result<Document, Vec<Problem>> {
    match node(source) {
        Some(node) => Document::from_node(name, &node, &text_around(name)),
        None => Document::from_xml(name, source.xml.as_deref().unwrap_or_default()),
    }
}

fn read_fragment(source: &PolicySource, name: &str) -> Result<Fragment, Vec<Problem>> {
    match node(source) {
        Some(node) => Fragment::from_node(name, &node, &text_around(name)),
        None => Fragment::from_xml(name, source.xml.as_deref().unwrap_or_default()),
    }
}

/// A document that stands in a tree with places: elements, or XML inside a configuration file.
fn node(source: &PolicySource) -> Option<Node> {
    match (&source.xml, &source.elements) {
        (None, Some(elements)) => Some(placed(elements, "", Mark::START, source)),
        (Some(xml), _) if source.marks.contains_key("") => {
            Some(placed(&Json::from(xml.as_str()), "", Mark::START, source))
        }
        _ => None,
    }
}

/// A value with the places that were noted when it was read; what has none stands where its parent does.
fn placed(json: &Json, path: &str, parent: Mark, source: &PolicySource) -> Node {
    let at = source.marks.get(path).map_or(parent, |(line, column)| Mark { line: *line, column: *column });
    let value = match json {
        Json::Array(items) => {
            let items = items.iter().enumerate();
            Value::Sequence(items.map(|(index, item)| placed(item, &format!("{path}[{index}]"), at, source)).collect())
        }
        Json::Object(fields) => {
            Value::Mapping(fields.iter().map(|(key, value)| entry(key, value, path, at, source)).collect())
        }
        scalar => Node::from_json(scalar).value,
    };
    Node::new(at, value)
}

fn entry(key: &str, value: &Json, path: &str, parent: Mark, source: &PolicySource) -> Entry {
    let below = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let value = placed(value, &below, parent, source);
    Entry { key: key.to_owned(), key_at: value.at, value }
}

/// The file that a document stands in, so that places inside of its values are exact; empty where it is in none.
fn text_around(name: &str) -> String {
    if Path::new(name).is_file() { std::fs::read_to_string(name).unwrap_or_default() } else { String::new() }
}
