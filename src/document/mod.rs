//! Documents as people write them (YAML, JSON, TOML), read into one tree that remembers where everything stood.
//!
//! Lives here: [`Node`], the three readers, and their protection against hostile input (depth, aliases, size).
//! Deliberately not here: what the values mean (settings, OpenAPI, policies) and files.

mod json;
mod node;
mod place;
mod scalar;
mod toml;
mod veil;
mod yaml;

pub use node::{Entry, Mark, Node, Number, Value};

use std::{fmt, path::Path};

/// Deepest nesting of any document: configuration needs 8, and recursion over a tree must not exhaust a stack.
pub const MAX_DEPTH: usize = 64;
/// Largest document, in bytes.
pub const MAX_SIZE: usize = 16 << 20;

/// The language of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2, core schema.
    Yaml,
    /// JSON.
    Json,
    /// TOML 1.0.
    Toml,
}

impl Format {
    /// By the file's ending: `.yaml`, `.yml`, `.json`, `.toml`, in any case.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// Why a document cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The place.
    pub at: Mark,
    /// What is wrong.
    pub message: String,
}

impl Broken {
    fn new(at: Mark, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.at.line, self.at.column, self.message)
    }
}

/// Reads a document. An empty one is [`Value::Null`]; a byte order mark is skipped.
///
/// # Errors
/// Syntax errors (the first) and keys that are set twice (all of them).
pub fn read(text: &str, format: Format) -> Result<Node, Vec<Broken>> {
    if text.len() > MAX_SIZE {
        let message = format!("the document has {} bytes; at most {MAX_SIZE} are read", text.len());
        return Err(vec![Broken::new(Mark::START, message)]);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Yaml => yaml::read(text),
        Format::Json => json::read(text),
        Format::Toml => toml::read(text),
    }
}
