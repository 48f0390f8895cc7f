//! The walk along a document's tree and a shape, side by side: lists, mappings, unknown and missing fields.

use std::{collections::HashMap, path::PathBuf};

use serde_json::{Map, Value as Json};

use super::{
    expand::{Expanded, Expander},
    later, leaf,
    scalar::{Given, accept},
    shape::{Field, Object, Shape},
    suggest,
};
use crate::document::{Entry, Format, Mark, Node, Value};

/// Something wrong, at a place of the document that is being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The place.
    pub at: Mark,
    /// The setting, such as `backends[0].url`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What differs between a configuration file and an object sent to the admin API.
pub enum Rules<'a> {
    /// A configuration: scalars are expanded, files of the machine may be named.
    File(Expander<'a>, Format),
    /// A request: texts are taken literally, and files of the machine may not be named.
    Request,
}

/// Reads trees; collects what is wrong.
pub struct Reader<'a> {
    rules: Rules<'a>,
    /// Where each setting was written.
    pub marks: HashMap<String, Mark>,
    /// What is wrong.
    pub found: Vec<Found>,
    /// Files that settings name.
    pub files: Vec<PathBuf>,
}

impl<'a> Reader<'a> {
    /// A reader by these rules.
    pub fn new(rules: Rules<'a>) -> Self {
        Self { rules, marks: HashMap::new(), found: Vec::new(), files: Vec::new() }
    }

    pub(super) const fn rules(&self) -> &Rules<'a> {
        &self.rules
    }

    /// All files that took part: those that settings name and those of `${file:...}`.
    pub fn into_files(self) -> Vec<PathBuf> {
        let mut files = self.files;
        if let Rules::File(expander, _) = self.rules {
            files.extend(expander.files);
        }
        files
    }

    /// The value as JSON that decodes into what the shape was made of; none if anything in it is wrong.
    pub fn read(&mut self, node: &Node, shape: &Shape, path: &str) -> Option<Json> {
        self.marks.insert(path.to_owned(), node.at);
        match (shape, &node.value) {
            (Shape::Policy, _) => self.policy(node).map_err(|message| self.add(node.at, path, message)).ok(),
            (Shape::Object(object), Value::Mapping(entries)) => self.object(node.at, entries, object, path),
            (Shape::OneOrMany(item), Value::Mapping(_)) => self.read(node, item, path),
            (Shape::Either(shapes), Value::Mapping(entries)) if mapping_of(shapes, entries).is_some() => {
                mapping_of(shapes, entries).and_then(|object| self.read(node, object, path))
            }
            (Shape::Map(item), Value::Mapping(entries)) => self.map(entries, item, path),
            (Shape::OneOrMany(item), Value::Sequence(items)) => self.list(items, item, path),
            (Shape::List(item, least), Value::Sequence(items)) => {
                if (items.len() as u64) < *least {
                    self.add(node.at, path, format!("the list is empty; at least {least} is needed"));
                    return None;
                }
                self.list(items, item, path)
            }
            (_, Value::Mapping(_) | Value::Sequence(_))
            | (Shape::Object(_) | Shape::Map(_) | Shape::List(..) | Shape::OneOrMany(_), _) => {
                self.add(node.at, path, format!("expected {}, found {}", shape.expected(), node.value.kind()));
                None
            }
            _ => self.scalar(node, shape, path),
        }
    }

    fn list(&mut self, items: &[Node], item: &Shape, path: &str) -> Option<Json> {
        let read = |(at, node)| self.read(node, item, &format!("{path}[{at}]"));
        let items: Vec<_> = items.iter().enumerate().map(read).collect();
        items.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
    }

    fn object(&mut self, at: Mark, entries: &[Entry], object: &Object, path: &str) -> Option<Json> {
        let (mut fields, mut guesses, before) = (Map::new(), Vec::new(), self.found.len());
        for entry in entries {
            let below = join(path, &entry.key);
            let Some(field) = object.fields.iter().find(|field| field.name == entry.key) else {
                guesses.extend(self.unknown(entry, object, &below));
                continue;
            };
            if matches!(entry.value.value, Value::Null) && self.absent(entry, field, &below) {
                continue;
            }
            if let Some(value) = self.read(&entry.value, &field.shape, &below) {
                fields.insert(entry.key.clone(), value);
            }
        }
        self.missing(at, entries, object, path, &guesses);
        (self.found.len() == before).then_some(Json::Object(fields))
    }

    /// Reports an unknown field; gives the field that was probably meant.
    fn unknown(&mut self, entry: &Entry, object: &Object, path: &str) -> Option<String> {
        if object.name == "Settings" && entry.key.starts_with("x-") {
            return None;
        }
        let names = object.fields.iter().map(|field| field.name.as_str());
        let guess = suggest::likely(&entry.key, names.clone());
        let message = match (later::refusal(&object.name, &entry.key), guess) {
            (Some(refusal), _) => refusal,
            (None, Some(guess)) => format!("unknown field `{}`; did you mean `{guess}`?", entry.key),
            (None, None) => {
                format!("unknown field `{}`; known here: {}", entry.key, known(names))
            }
        };
        self.add(entry.key_at, path, message);
        guess.map(str::to_owned)
    }

    /// A field without a value: as if it were not there where that is harmless, else a problem. A list whose items
    /// are all commented out must not be one.
    fn absent(&mut self, entry: &Entry, field: &Field, path: &str) -> bool {
        let collection =
            matches!(field.shape, Shape::Object(_) | Shape::Map(_) | Shape::List(..) | Shape::OneOrMany(_));
        if !(field.nullable || collection && !field.required) {
            let message =
                format!("expected {}, found nothing; give a value or remove the field", field.shape.expected());
            self.add(entry.key_at, path, message);
        }
        true
    }

    fn missing(&mut self, at: Mark, entries: &[Entry], object: &Object, path: &str, guesses: &[String]) {
        let written =
            |name: &str| entries.iter().any(|entry| entry.key == name) || guesses.iter().any(|guess| guess == name);
        for field in object.fields.iter().filter(|field| field.required && !written(&field.name)) {
            self.add(at, path, format!("`{}` is missing; expected {}", field.name, field.shape.expected()));
        }
    }

    fn map(&mut self, entries: &[Entry], item: &Shape, path: &str) -> Option<Json> {
        let read = |entry: &Entry| Some((entry.key.clone(), self.read(&entry.value, item, &join(path, &entry.key))?));
        let fields: Vec<_> = entries.iter().map(read).collect();
        fields.into_iter().collect::<Option<Map<_, _>>>().map(Json::Object)
    }

    fn scalar(&mut self, node: &Node, shape: &Shape, path: &str) -> Option<Json> {
        let result = self.given(&node.value).and_then(|given| accept(shape, &given)).and_then(|value| match shape {
            Shape::Text { leaf: Some(leaf), .. } if leaf.named == leaf::FILE => self.file(&value),
            _ => Ok(value),
        });
        result.map_err(|message| self.add(node.at, path, message)).ok()
    }

    fn given(&mut self, value: &Value) -> Result<Given, String> {
        Ok(match value {
            Value::Bool(on) => Given::Switch(*on),
            Value::Number(number) => Given::Number(number.clone()),
            Value::Text { text, plain } => self.text(text, *plain)?,
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => Given::Nothing,
        })
    }

    fn text(&mut self, text: &str, plain: bool) -> Result<Given, String> {
        let Rules::File(expander, format) = &mut self.rules else {
            return Ok(Given::Text { text: text.to_owned(), loose: false, hidden: false });
        };
        Ok(match expander.expand(text)? {
            Expanded::Same => Given::Text { text: text.to_owned(), loose: false, hidden: false },
            Expanded::Text { text, whole } => {
                Given::Text { text, loose: whole && (plain || *format != Format::Yaml), hidden: true }
            }
        })
    }

    fn file(&mut self, value: &Json) -> Result<Json, String> {
        let Rules::File(expander, _) = &self.rules else {
            return Err("a file of this machine can only be named in its configuration file".into());
        };
        let Some(path) = expander.locate(value.as_str().unwrap_or_default()) else { return Ok(value.clone()) };
        std::fs::File::open(&path).map_err(|error| format!("cannot open `{}`: {error}", path.display()))?;
        let text = path.to_str().ok_or("the path is not valid UTF-8")?.into();
        self.files.push(path);
        Ok(text)
    }

    fn add(&mut self, at: Mark, path: &str, message: String) {
        self.found.push(Found { at, path: path.to_owned(), message });
    }
}

/// The fields of a mapping, for a message; the many limits by quantity and window are told in short.
fn known<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let (limits, mut others): (Vec<_>, Vec<_>) = names.partition(|name| name.contains("_per_"));
    if !limits.is_empty() {
        others.push(
            "and limits such as `tokens_per_month`: requests, tokens, input_tokens, output_tokens, bandwidth or budget \
             _per_ second, minute, hour, day, week, month or year",
        );
    }
    others.join(", ")
}

/// The mapping among several shapes, where there is one; of several, the first that knows most of the fields.
fn mapping_of<'a>(shapes: &'a [Shape], entries: &[Entry]) -> Option<&'a Shape> {
    let known = |shape: &Shape| match shape {
        Shape::Object(object) => {
            let is_known = |entry: &&Entry| object.fields.iter().any(|field| field.name == entry.key);
            Some(entries.iter().filter(is_known).count())
        }
        _ => None,
    };
    let objects = shapes.iter().filter_map(|shape| Some((known(shape)?, shape)));
    objects.rev().max_by_key(|(count, _)| *count).map(|(_, shape)| shape)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
