//! `${name}` of Terraform templates: replaced from a file of variables, or left as named values to be supplied.

use std::collections::BTreeMap;

use crate::document::{self, Format, Node, Value};

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// Reads variables: JSON or YAML by the file's ending, otherwise `name = "value"` lines as in `.tfvars`.
///
/// # Errors
/// What cannot be read, with its line.
pub fn read(name: &str, text: &str) -> Result<Variables, String> {
    match Format::of(std::path::Path::new(name)) {
        Some(format) => {
            let root = document::read(text, format)
                .map_err(|broken| broken.iter().map(|one| format!("{name}:{one}")).collect::<Vec<_>>().join("; "))?;
            let mut variables = Variables::new();
            flatten(&root, "", &mut variables);
            Ok(variables)
        }
        None => assignments(name, text),
    }
}

/// Nested mappings become dotted names, as templates write them.
fn flatten(node: &Node, path: &str, variables: &mut Variables) {
    let text = match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                let below = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                flatten(&entry.value, &below, variables);
            }
            return;
        }
        Value::Text { text, .. } => text.clone(),
        Value::Number(number) => number.text.clone(),
        Value::Bool(on) => on.to_string(),
        Value::Null => String::new(),
        Value::Sequence(_) => node.to_json().to_string(),
    };
    variables.insert(path.to_owned(), text);
}

fn assignments(name: &str, text: &str) -> Result<Variables, String> {
    let mut variables = Variables::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("//") {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            let line = at + 1;
            return Err(format!(
                "{name}:{line}:1: expected NAME = \"VALUE\"; lists and maps are read from JSON or YAML"
            ));
        };
        let value = value.trim();
        let value = match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\"),
            None => value.to_owned(),
        };
        variables.insert(key.trim().trim_matches('"').to_owned(), value);
    }
    Ok(variables)
}

/// A document with its variables in place.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// The text.
    pub text: String,
    /// Names that were replaced by values.
    pub replaced: Vec<String>,
    /// Names without a value: each became a named value of the name in `{{...}}`, as [`value_name`] gives it.
    pub open: Vec<String>,
    /// Line of the first directive (`%{ if ... }`), which is for Terraform alone to run.
    pub directive: Option<usize>,
}

/// Whether a document is a template of Terraform: by its ending, or by a placeholder where Azure would take none.
pub fn is_template(file: &str, text: &str) -> bool {
    let ending = file.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(ending.as_str(), "tpl" | "tftpl" | "tmpl")
        || ["=\"${", "//${", ">${"].iter().any(|start| text.match_indices(start).any(|(at, _)| named_at(&text[at..])))
}

/// Whether the first `${` of a text begins a placeholder.
fn named_at(text: &str) -> bool {
    text.split_once("${").and_then(|(_, rest)| rest.split_once('}')).is_some_and(|(name, _)| is_name(name))
}

/// The named value that stands for a variable without a value.
pub fn value_name(variable: &str) -> String {
    let name: String =
        variable.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' }).collect();
    name.trim_start_matches("var.").trim_start_matches("local.").replace('.', "-")
}

/// Replaces the placeholders of a template; `$${` is a literal `${`.
pub fn fill(text: &str, variables: &Variables) -> Filled {
    let mut filled = Filled { directive: directive(text), ..Filled::default() };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            filled.text.push_str(before);
            filled.text.push_str("${");
            rest = after;
            continue;
        }
        filled.text.push_str(before);
        rest = match after.split_once('}') {
            Some((name, behind)) if is_name(name) => {
                filled.put(name.trim(), variables);
                behind
            }
            _ => {
                filled.text.push_str("${");
                after
            }
        };
    }
    filled.text.push_str(rest);
    filled
}

impl Filled {
    fn put(&mut self, name: &str, variables: &Variables) {
        let short = name.trim_start_matches("var.").trim_start_matches("local.");
        let (list, name) = if let Some(value) = variables.get(name).or_else(|| variables.get(short)) {
            self.text.push_str(value);
            (&mut self.replaced, short.to_owned())
        } else {
            let name = value_name(name);
            self.text.extend(["{{", &name, "}}"]);
            (&mut self.open, name)
        };
        if !list.contains(&name) {
            list.push(name);
        }
    }
}

fn is_name(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

fn directive(text: &str) -> Option<usize> {
    let at =
        ["%{ if", "%{if", "%{ for", "%{for", "%{~ if", "%{~ for"].iter().filter_map(|start| text.find(start)).min()?;
    Some(text[..at].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_or_left_as_named_values() {
        let variables = read("v.json", r#"{"host": "a.example", "n": {"m": 1}}"#).expect("read");
        let rows = [
            ("x", "x", [].as_slice()),
            ("https://${host}/${var.host}", "https://a.example/a.example", &[]),
            ("${n.m}", "1", &[]),
            ("${other} ${other}", "{{other}} {{other}}", &["other"]),
            ("${local.api_name}", "{{api_name}}", &["api_name"]),
            ("$${host}", "${host}", &[]),
            ("${1} ${a + b} ${", "${1} ${a + b} ${", &[]),
        ];
        for (text, wanted, open) in rows {
            let filled = fill(text, &variables);
            assert_eq!((filled.text.as_str(), filled.open.as_slice().join(",")), (wanted, open.join(",")), "{text}");
        }
        assert_eq!(fill("a\n%{ if x }", &variables).directive, Some(2));
    }

    #[test]
    fn files_of_variables() {
        let wanted: Variables = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x\"y".to_owned())].into();
        assert_eq!(read("terraform.tfvars", "# note\na = 1\nb = \"x\\\"y\"\n"), Ok(wanted));
        assert!(read("terraform.tfvars", "a = 1\nb\n").expect_err("bad").starts_with("terraform.tfvars:2:1:"));
        assert!(read("v.json", "{").is_err());
    }

    #[test]
    fn templates_are_recognised() {
        let rows = [
            ("a.xml.tpl", "", true),
            ("a.xml", "<x url=\"${host}\"/>", true),
            ("a.xml", "<x>https://${host}</x>", true),
            ("a.xml", "<x a=\"@(Regex.Replace(b, c, \"${1}\"))\"/>", false),
        ];
        for (file, text, wanted) in rows {
            assert_eq!(is_template(file, text), wanted, "{file} {text}");
        }
    }
}
