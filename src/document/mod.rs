//! Documents as people write them (YAML, JSON, TOML), read into one tree that remembers where everything stood.
//!
//! Lives here: [`Node`], the three readers, and their protection against hostile input (depth, aliases, size); also
//! [`csv`], which is only written.
//! Deliberately not here: what the values mean (settings, OpenAPI, policies) and files.

mod bytes;
pub mod csv;
mod json;
mod node;
mod place;
mod scalar;
mod toml;
mod veil;
mod yaml;

pub use bytes::decoded;
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

#[cfg(test)]
mod tests {
    use proptest::strategy::Strategy;

    use super::*;

    /// Pieces that mean something to one of the readers.
    const PIECES: &[&str] = &[
        " ",
        "  ",
        "\t",
        "\r",
        "\n",
        "\n  ",
        "-",
        "- ",
        "?",
        "? ",
        ":",
        ": ",
        ",",
        "[",
        "]",
        "{",
        "}",
        "#",
        " #",
        "&a ",
        "*a",
        "!",
        "!!str ",
        "|",
        "|2-",
        ">",
        "'",
        "\"",
        "%",
        "@",
        "`",
        "=",
        ".",
        "0",
        "1",
        "a",
        "b",
        "~",
        "<<: ",
        "${",
        "${A}",
        "---",
        "...",
        "%YAML 1.2\n",
        "[[x]]\n",
        "[x]\n",
        "\"\"\"",
        "\\",
        "\\u00",
        "\\ud83d",
        "e9",
        "\u{feff}",
        "\u{85}",
        "\u{2028}",
        "ü",
        "\0",
        "null",
        "true",
        "\"a\":",
        "1979-05-27",
    ];

    fn texts() -> impl Strategy<Value = String> {
        proptest::collection::vec(proptest::sample::select(PIECES), 0..50).prop_map(|pieces| pieces.concat())
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in texts()) {
            for format in [Format::Yaml, Format::Json, Format::Toml] {
                if let Err(broken) = read(&text, format) {
                    proptest::prop_assert!(!broken.is_empty());
                    proptest::prop_assert!(broken.iter().all(|broken| broken.at.line >= 1 && !broken.message.is_empty()));
                }
            }
        }

        #[test]
        fn json_is_read_as_serde_json_reads_it(text in texts()) {
            if let Ok(wanted) = serde_json::from_str::<serde_json::Value>(&text) {
                proptest::prop_assert_eq!(read(&text, Format::Json).map(|node| node.to_json()), Ok(wanted));
            }
        }
    }

    #[test]
    fn endings_name_formats() {
        let rows = [
            ("a.yaml", Some(Format::Yaml)),
            ("a.YML", Some(Format::Yaml)),
            ("a.b.json", Some(Format::Json)),
            ("a", None),
        ];
        for (name, format) in rows {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }
}
