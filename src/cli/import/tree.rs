//! Settings on their way to a file: a tree whose keys keep their order, and its YAML.

use std::fmt::Write;

use super::super::yaml;

/// Begins the name of a value that the environment has to supply, inside a text; [`CLOSE`] ends it. Private-use
/// characters, so that no text of a document looks like them by accident.
pub const OPEN: char = '\u{E000}';
/// Ends what [`OPEN`] begins.
pub const CLOSE: char = '\u{E001}';

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Text; `${` in it means itself.
    Text(String),
    /// A number or a switch, as it is written.
    Word(String),
    /// A list.
    List(Vec<Self>),
    /// Keys and values in their order.
    Map(Vec<(String, Self)>),
}

impl Tree {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A mapping without keys yet.
    pub const fn map() -> Self {
        Self::Map(Vec::new())
    }

    /// With a key more.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Self>) -> Self {
        if let Self::Map(entries) = &mut self {
            entries.push((key.to_owned(), value.into()));
        }
        self
    }

    /// With a key more, where there is a value for it.
    #[must_use]
    pub fn with_some(self, key: &str, value: Option<impl Into<Self>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As a YAML document.
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        self.write(0, &mut out);
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out
    }

    fn write(&self, indent: usize, out: &mut String) {
        match self {
            Self::List(items) if !items.is_empty() => {
                for item in items {
                    line(indent, "-", out);
                    item.nested(indent, out);
                }
            }
            Self::Map(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    line(indent, &format!("{}:", yaml::scalar(key)), out);
                    value.nested(indent, out);
                }
            }
            Self::List(_) => out.push_str("[]"),
            Self::Map(_) => out.push_str("{}"),
            Self::Word(word) => out.push_str(word),
            Self::Text(text) => out.push_str(&yaml::scalar(&expandable(text))),
        }
    }

    fn nested(&self, indent: usize, out: &mut String) {
        let block = match self {
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            Self::Text(_) | Self::Word(_) => false,
        };
        out.push(if block && !out.ends_with('-') { '\n' } else { ' ' });
        self.write(indent + 1, out);
        if !block {
            out.push('\n');
        }
    }
}

/// After `- ` the first key stands on the same line.
fn line(indent: usize, start: &str, out: &mut String) {
    if !out.ends_with("- ") {
        for _ in 0..indent {
            out.push_str("  ");
        }
    }
    out.push_str(start);
}

/// A text as configuration files spell it: `${` escaped, values of the environment named.
fn expandable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = placeholder(rest) {
        out.push_str(&before.replace("${", "$${"));
        // Writing to a String cannot fail.
        write!(out, "${{{name}}}").unwrap_or_default();
        rest = after;
    }
    out.push_str(&rest.replace("${", "$${"));
    out
}

/// The first value of the environment in a text: what stands before it, its name, what follows.
pub fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(OPEN)?;
    let (name, after) = rest.split_once(CLOSE)?;
    Some((before, name, after))
}

impl Tree {
    /// The names of all values that the environment has to supply.
    pub fn variables(&self, out: &mut std::collections::BTreeSet<String>) {
        match self {
            Self::Text(text) => {
                let mut rest = text.as_str();
                while let Some((_, name, after)) = placeholder(rest) {
                    out.insert(name.to_owned());
                    rest = after;
                }
            }
            Self::Word(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.variables(out)),
            Self::Map(entries) => entries.iter().for_each(|entry| entry.1.variables(out)),
        }
    }
}

/// A text that is a value of the environment and nothing else.
pub fn from_environment(variable: &str) -> Tree {
    Tree::Text(format!("{OPEN}{variable}{CLOSE}"))
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Tree {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Tree {
    fn from(on: bool) -> Self {
        Self::Word(on.to_string())
    }
}

impl From<u64> for Tree {
    fn from(number: u64) -> Self {
        Self::Word(number.to_string())
    }
}

impl From<Vec<Self>> for Tree {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_order_and_texts_their_meaning() {
        let tree = Tree::map()
            .with("version", 1_u64)
            .with(
                "backends",
                vec![
                    Tree::map()
                        .with("id", "a")
                        .with("url", "https://x/y")
                        .with("on", vec![Tree::from(429_u64), "5xx".into()]),
                    Tree::map().with("id", "on").with("key", from_environment("A_KEY")).with("empty", Vec::new()),
                ],
            )
            .with("note", "${x} and {{y}}");
        let wanted = "\
version: 1
backends:
  - id: a
    url: \"https://x/y\"
    \"on\":
      - 429
      - \"5xx\"
  - id: \"on\"
    key: \"${A_KEY}\"
    empty: []
note: \"$${x} and {{y}}\"
";
        assert_eq!(tree.to_yaml(), wanted);
    }
}
