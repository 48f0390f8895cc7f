//! The tree of a document: values that know where they were written.

use std::fmt;

/// A place in a document; line and column count characters from 1. Zero: not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl Mark {
    /// The document's first character.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// A value and the place where it was written.
#[derive(Clone, PartialEq)]
pub struct Node {
    /// The value's first character.
    pub at: Mark,
    /// The value.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Nothing: `null`, `~`, an empty YAML value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text {
        /// The text.
        text: String,
        /// Written without quotes (YAML only), so that its expansion may stand for a number or a switch.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order written; no key twice.
    Mapping(Vec<Entry>),
}

/// A number, and how it was spelled (`1.10` is a version to some readers).
#[derive(Clone, PartialEq)]
pub struct Number {
    /// The value.
    pub value: serde_json::Number,
    /// Its spelling.
    pub text: String,
}

/// A key with its value.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The key's first character.
    pub key_at: Mark,
    /// The value.
    pub value: Node,
}

impl Node {
    /// A node.
    #[must_use]
    pub fn new(at: Mark, value: Value) -> Self {
        Self { at, value }
    }

    /// The number of nodes in the tree below and including this one.
    #[must_use]
    pub fn size(&self) -> usize {
        1 + match &self.value {
            Value::Sequence(items) => items.iter().map(Self::size).sum(),
            Value::Mapping(entries) => entries.iter().map(|entry| 1 + entry.value.size()).sum(),
            _ => 0,
        }
    }

    /// The number of levels in the tree below and including this one.
    #[must_use]
    pub fn depth(&self) -> usize {
        1 + match &self.value {
            Value::Sequence(items) => items.iter().map(Self::depth).max().unwrap_or(0),
            Value::Mapping(entries) => entries.iter().map(|entry| entry.value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The value under a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The tree without its places.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(on) => (*on).into(),
            Value::Number(number) => number.value.clone().into(),
            Value::Text { text, .. } => text.as_str().into(),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
        }
    }

    /// A tree without places.
    #[must_use]
    pub fn from_json(value: &serde_json::Value) -> Self {
        let value = match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(on) => Value::Bool(*on),
            serde_json::Value::Number(number) => {
                Value::Number(Number { value: number.clone(), text: number.to_string() })
            }
            serde_json::Value::String(text) => Value::Text { text: text.clone(), plain: false },
            serde_json::Value::Array(items) => Value::Sequence(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(fields) => Value::Mapping(fields.iter().map(Entry::from_json).collect()),
        };
        Self::new(Mark::default(), value)
    }
}

impl Entry {
    fn from_json((key, value): (&String, &serde_json::Value)) -> Self {
        Self { key: key.clone(), key_at: Mark::default(), value: Node::from_json(value) }
    }
}

impl Value {
    /// What it is, for messages: `a list`, `text`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a switch (true or false)",
            Self::Number(_) => "a number",
            Self::Text { .. } => "text",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

impl fmt::Debug for Node {
    /// Place and kind only: any text may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.value.kind(), self.at.line, self.at.column)
    }
}
