//! Documents as people write them (YAML, JSON, TOML), read into one tree that remembers where everything stood.
//!
//! Lives here: [`Node`], the three readers, and their protection against hostile input (depth, aliases, size).
//! Deliberately not here: what the values mean (settings, OpenAPI, policies) and files.

use std::path::Path;

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
