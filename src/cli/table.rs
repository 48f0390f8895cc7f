//! Rows of JSON objects as aligned columns, and one object as lines.

use serde_json::Value;

/// Aligned columns under a heading, two spaces apart; control characters are shown escaped so that stored
/// text cannot drive the terminal.
pub fn aligned(rows: &[Value], columns: &[&str]) -> String {
    let heading = columns.iter().map(|column| column.to_uppercase().replace('_', " ")).collect();
    let mut lines: Vec<Vec<String>> = vec![heading];
    lines.extend(rows.iter().map(|row| columns.iter().map(|column| shown(&row[*column])).collect()));
    let widths: Vec<usize> = (0..columns.len())
        .map(|at| lines.iter().map(|line: &Vec<String>| line[at].chars().count()).max().unwrap_or(0))
        .collect();
    let numbers: Vec<bool> = columns.iter().map(|column| is_numbers(rows, column)).collect();
    lines.iter().map(|line| padded(line, &widths, &numbers)).collect()
}

/// Whether a column holds numbers, which are read from the right.
fn is_numbers(rows: &[Value], column: &str) -> bool {
    let is_decimal = |text: &str| text.contains('.') && text.parse::<f64>().is_ok();
    let is_number = |value: &Value| value.is_null() || value.is_number() || value.as_str().is_some_and(is_decimal);
    rows.iter().all(|row| is_number(&row[column])) && rows.iter().any(|row| !row[column].is_null())
}

/// One field a line, the identifier first, fields of fields by their path; what is not set is left out.
pub fn fields(object: &Value) -> String {
    if !object.is_object() {
        return format!("{}\n", shown(object));
    }
    let mut fields = Vec::new();
    flatten("", object, &mut fields);
    fields.sort_by_key(|(path, _)| !matches!(path.as_str(), "id" | "name"));
    let width = fields.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = fields.into_iter().map(|(path, text)| format!("{path:width$}  {text}\n")).collect();
    lines.concat()
}

fn flatten(path: &str, value: &Value, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Object(inner) => {
            for (name, value) in inner {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, fields);
            }
        }
        other => fields.push((path.to_owned(), shown(other))),
    }
}

fn padded(line: &[String], widths: &[usize], numbers: &[bool]) -> String {
    let cell = |((cell, width), is_number): ((&String, &usize), &bool)| {
        if *is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    };
    let cells: Vec<String> = line.iter().zip(widths).zip(numbers).map(cell).collect();
    cells.join("  ").trim_end().to_owned() + "\n"
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        other => plain(other),
    };
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_missing_fields_are_dashes() {
        let rows = [json!({"id": "a", "apis": ["x", "y"]}), json!({"id": "longer", "state": "active"})];
        assert_eq!(
            aligned(&rows, &["id", "state", "apis"]),
            "ID      STATE   APIS\na       -       x, y\nlonger  active  -\n"
        );
    }

    #[test]
    fn numbers_end_under_each_other() {
        let rows = [json!({"id": "a", "n": 5, "cost": "1.50"}), json!({"id": "b", "n": 12345, "cost": null})];
        assert_eq!(aligned(&rows, &["id", "n", "cost"]), "ID      N  COST\na       5  1.50\nb   12345     -\n");
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(shown(&json!("a\u{1b}[2Jb")), "a\\u{1b}[2Jb");
    }

    #[test]
    fn fields_are_one_a_line() {
        let object = json!({"apis": ["x"], "id": "a", "meta": {"owner": "file"}, "nothing": null, "none": {}});
        assert_eq!(fields(&object), "id          a\napis        x\nmeta.owner  file\n");
    }
}
