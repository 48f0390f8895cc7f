//! JSON values as YAML (block style), for `-o yaml`. Every string that could be read as something else is quoted,
//! so that reading it back gives the same value.

use serde_json::Value;

/// The value as a YAML document.
pub fn render(value: &Value) -> String {
    let mut text = String::new();
    node(value, 0, &mut text);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn node(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                line(text, indent, "-");
                nested(item, indent, text);
            }
        }
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                line(text, indent, &format!("{}:", scalar(key)));
                nested(value, indent, text);
            }
        }
        other => text.push_str(&leaf(other)),
    }
}

/// A value after `-` or `key:`: on the same line when it is a leaf or the first field of a list's object.
fn nested(value: &Value, indent: usize, text: &mut String) {
    let block = match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => false,
    };
    text.push(if block && !text.ends_with('-') { '\n' } else { ' ' });
    node(value, indent + 1, text);
    if !block {
        text.push('\n');
    }
}

fn line(text: &mut String, indent: usize, start: &str) {
    // After "- " the first field or item stands on the same line.
    if !text.ends_with("- ") {
        text.push_str(&"  ".repeat(indent));
    }
    text.push_str(start);
}

fn leaf(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        // Only empty ones come here, and `[]` and `{}` are YAML too.
        other => other.to_string(),
    }
}

/// A text as a YAML scalar, quoted where it could be read as something else.
pub fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { Value::from(text).to_string() }
}

/// Words that no YAML version reads as anything but a string.
fn is_plain(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(word)
        && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
            .iter()
            .any(|taken| taken.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn block_style_with_quotes_where_needed() {
        let value =
            json!([{"id": "a", "url": "http://x", "on": "yes", "list": ["5xx", 429, []], "empty": {}}, "plain"]);
        let expected = "\
- empty: {}
  id: a
  list:
    - \"5xx\"
    - 429
    - []
  \"on\": \"yes\"
  url: \"http://x\"
- plain
";
        // serde_json sorts keys or keeps their order, by feature; compare without depending on it.
        let mut seen: Vec<&str> = Vec::new();
        let rendered = render(&value);
        for line in rendered.lines() {
            seen.push(line.trim_start_matches(['-', ' ']));
        }
        let mut wanted: Vec<&str> = expected.lines().map(|line| line.trim_start_matches(['-', ' '])).collect();
        seen.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(seen, wanted);
    }

    #[test]
    fn nested_lists_and_scalars() {
        assert_eq!(render(&json!([[1, 2], []])), "- - 1\n  - 2\n- []\n");
        assert_eq!(render(&json!("x")), "x\n");
        assert_eq!(render(&json!({})), "{}\n");
        assert_eq!(render(&json!({"a": {"b": "line\nbreak"}})), "a:\n  b: \"line\\nbreak\"\n");
    }
}
