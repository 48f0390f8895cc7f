//! A policy document where a setting stands for it: the path of a file, the XML itself, or its elements.
//!
//! Its text is taken literally: documents have named values, and their own `${...}` belongs to other tools.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::walk::{Reader, Rules};
use crate::document::{self, Format, Mark, Node, Value};

/// Where each node stands, by its path inside the document.
type Marks = BTreeMap<String, (usize, usize)>;

/// The fields of a document that was read before (see `PolicySource`).
const STORED: [&str; 4] = ["xml", "elements", "file", "marks"];

impl Reader<'_> {
    /// The document as `PolicySource` in JSON, or what is wrong with it.
    pub(super) fn policy(&mut self, node: &Node) -> Result<Json, String> {
        match &node.value {
            Value::Text { text, .. } if text.trim_start().starts_with('<') => Ok(inline(text, node.at)),
            Value::Text { text, .. } => self.policy_file(text),
            Value::Mapping(entries) if entries.iter().all(|entry| STORED.contains(&entry.key.as_str())) => {
                Ok(node.to_json())
            }
            Value::Mapping(_) | Value::Sequence(_) => Ok(elements(node, None)),
            _ => Err(format!(
                "expected the path of a policy document, its XML, or its elements; found {}",
                node.value.kind()
            )),
        }
    }

    fn policy_file(&mut self, path: &str) -> Result<Json, String> {
        let not_here = || "a file of this machine can only be named in its configuration file; send the XML itself";
        let Rules::File(expander, _) = self.rules() else { return Err(not_here().into()) };
        let file = expander.locate(path).ok_or_else(not_here)?;
        let name = file.display().to_string();
        let bytes = std::fs::read(&file).map_err(|error| format!("cannot read `{name}`: {error}"))?;
        let text = document::decoded(&bytes).map_err(|broken| format!("{name}:{broken}"))?;
        self.files.push(file.clone());
        let Some(format) = Format::of(&file) else { return Ok(json!({"xml": text, "file": name})) };
        match document::read(&text, format) {
            Ok(root) => Ok(elements(&root, Some(&name))),
            Err(broken) => {
                let lines: Vec<String> = broken.iter().map(|one| format!("{name}:{one}")).collect();
                Err(lines.join("; "))
            }
        }
    }
}

/// XML inside the configuration: its first line stands where the setting does (a block scalar's a line below).
fn inline(text: &str, at: Mark) -> Json {
    if at == Mark::default() {
        // From the admin API: it stands in no file.
        return json!({"xml": text});
    }
    json!({"xml": text, "marks": {"": [at.line, at.column]}})
}

fn elements(node: &Node, file: Option<&str>) -> Json {
    let mut marks = Marks::new();
    mark(node, "", &mut marks);
    match file {
        Some(file) => json!({"elements": spelled(node), "file": file, "marks": marks}),
        None => json!({"elements": spelled(node), "marks": marks}),
    }
}

/// The elements, with numbers as they were spelled: `1.10` is a version.
fn spelled(node: &Node) -> Json {
    match &node.value {
        Value::Number(number) => number.text.as_str().into(),
        Value::Sequence(items) => items.iter().map(spelled).collect(),
        Value::Mapping(entries) => entries.iter().map(|entry| (entry.key.clone(), spelled(&entry.value))).collect(),
        _ => node.to_json(),
    }
}

fn mark(node: &Node, path: &str, marks: &mut Marks) {
    marks.insert(path.to_owned(), (node.at.line, node.at.column));
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                let below = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                mark(&entry.value, &below, marks);
                if matches!(entry.value.value, Value::Null | Value::Mapping(_) | Value::Sequence(_)) {
                    // An element is where its name stands.
                    marks.insert(below, (entry.key_at.line, entry.key_at.column));
                }
            }
        }
        Value::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                mark(item, &format!("{path}[{at}]"), marks);
            }
        }
        _ => {}
    }
}
