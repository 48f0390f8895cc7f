//! CSV: rows of JSON objects under a header line, for spreadsheets and finance systems.

use serde_json::Value;

/// RFC 4180: a header line, CRLF, quotes where needed. A text that a spreadsheet would take for a formula is prefixed
/// with `'`, unless it is nothing but a number. What is null or missing is an empty cell; lists and objects are JSON.
#[must_use]
pub fn write(rows: &[Value], columns: &[&str]) -> String {
    let mut text = header(columns);
    for row in rows {
        text.push_str(&line(row, columns));
    }
    text
}

/// The header line with its end.
#[must_use]
pub fn header(columns: &[&str]) -> String {
    ended(columns.iter().map(|column| quoted(column)))
}

/// One row's line with its end.
#[must_use]
pub fn line(row: &Value, columns: &[&str]) -> String {
    ended(columns.iter().map(|column| quoted(&cell(&row[*column]))))
}

fn ended(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(",") + "\r\n"
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(text) => {
            format!("'{text}")
        }
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A plain decimal, which is what an exact amount of money is written as.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(unsigned),
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_quoted_and_disarmed() {
        let rows = [json!({"a": "x,\"y\"", "b": "=cmd()", "c": -3, "d": null, "e": "two\r\nlines", "f": ["x", 1]})];
        assert_eq!(
            write(&rows, &["a", "b", "c", "d", "e", "f", "missing"]),
            "a,b,c,d,e,f,missing\r\n\"x,\"\"y\"\"\",'=cmd(),-3,,\"two\r\nlines\",\"[\"\"x\"\",1]\",\r\n"
        );
    }

    #[test]
    fn only_numbers_may_begin_as_formulas_do() {
        for (text, wanted) in [
            ("-1.50", "-1.50"),
            ("-7", "-7"),
            ("-1+cmd", "'-1+cmd"),
            ("-", "'-"),
            ("-.5", "'-.5"),
            ("-1.", "'-1."),
            ("+1", "'+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("plain", "plain"),
        ] {
            assert_eq!(cell(&json!(text)), wanted, "{text}");
        }
    }
}
