//! What an unquoted YAML scalar is: the core schema of YAML 1.2 (section 10.3.2), in which `no` and `on` are text.

use serde_json::Number as Json;

use super::{Number, Value};

/// Reads a plain scalar.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(
            || Value::Text { text: text.to_owned(), plain: true },
            |value| Value::Number(Number { value, text: text.to_owned() }),
        ),
    }
}

/// Reads a number of the core schema. Infinities and NaN stay text: no setting takes them.
pub(super) fn number(text: &str) -> Option<Json> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = text.strip_prefix("0x") {
        return unsigned(hex, 16);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return unsigned(octal, 8);
    }
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return integer(text);
    }
    float(text, digits)
}

fn unsigned(digits: &str, radix: u32) -> Option<Json> {
    let clean = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, radix).ok().filter(|_| clean).map(Json::from)
}

fn integer(text: &str) -> Option<Json> {
    let text = text.strip_prefix('+').unwrap_or(text);
    text.parse::<u64>()
        .map(Json::from)
        .or_else(|_| text.parse::<i64>().map(Json::from))
        .ok()
        .or_else(|| Json::from_f64(text.parse().ok()?))
}

fn float(text: &str, digits: &str) -> Option<Json> {
    let first = digits.bytes().find(|byte| *byte != b'.')?;
    let clean = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if clean && first.is_ascii_digit() { Json::from_f64(text.parse().ok()?) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let rows = [
            ("", "nothing"),
            ("~", "nothing"),
            ("true", "a switch (true or false)"),
            ("no", "text"),
            ("on", "text"),
            ("12", "a number"),
            ("-7", "a number"),
            ("0x1F", "a number"),
            ("1.5e3", "a number"),
            (".5", "a number"),
            ("99999999999999999999", "a number"),
            ("5xx", "text"),
            ("e5", "text"),
            (".", "text"),
            ("-", "text"),
            ("0x", "text"),
            ("0x+1", "text"),
            ("1.2.3", "text"),
            ("2024-10-21", "text"),
            (".inf", "text"),
            ("127.0.0.1:80", "text"),
        ];
        for (text, kind) in rows {
            assert_eq!(plain(text).kind(), kind, "{text}");
        }
    }
}
