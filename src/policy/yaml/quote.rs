//! Text as a YAML scalar that reads back as the same text.

use std::fmt::Write;

/// A scalar behind a key or a dash, with the line's end; lines of a block are indented by `indent` spaces.
pub(super) fn scalar(text: &str, indent: usize) -> String {
    if is_block(text) {
        return block(text, indent);
    }
    format!(" {}\n", line(text))
}

/// A scalar on one line.
pub(super) fn line(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    if text.chars().all(is_printable) { format!("'{}'", text.replace('\'', "''")) } else { double_quoted(text) }
}

/// Whether text needs no quotes: a cautious subset, readable by every reader of YAML. Numbers and switches read back as
/// they are spelled; what reads back as nothing, or as another spelling, is quoted.
fn is_plain(text: &str) -> bool {
    let inner = |character: char| character.is_ascii_alphanumeric() || "_-./ ".contains(character);
    let edge = |character: char| character.is_ascii_alphanumeric() || "_/".contains(character);
    let words = ["null", "Null", "NULL", "True", "TRUE", "False", "FALSE"];
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(inner) && !words.contains(&text)
}

fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Several lines of printable text.
fn is_block(text: &str) -> bool {
    let lines = text.contains('\n') && !text.trim().is_empty();
    let printable = text.chars().all(|character| is_printable(character) || matches!(character, '\n' | '\t'));
    // The indentation of a block is found by its first line that is not empty, so a tab or nothing but space there is
    // left to quotes.
    let first = text.split('\n').find(|line| !line.is_empty()).unwrap_or_default();
    lines && printable && !first.starts_with('\t') && !first.trim().is_empty()
}

fn block(text: &str, indent: usize) -> String {
    let first = text.split('\n').find(|line| !line.is_empty()).unwrap_or_default();
    let indicator = if first.starts_with(' ') { "2" } else { "" };
    let (body, chomping) = match (text.strip_suffix('\n'), text.ends_with("\n\n")) {
        (None, _) => (text, "-"),
        (Some(body), false) => (body, ""),
        (Some(body), true) => (body, "+"),
    };
    let mut out = format!(" |{indicator}{chomping}\n");
    for line in body.split('\n') {
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            character if is_printable(character) => out.push(character),
            character => {
                write!(out, "\\U{:08X}", u32::from(character)).expect("writing to a string cannot fail");
            }
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Format, Node, Value, read};

    /// What a reader makes of the scalar behind a key inside a list.
    fn again(text: &str) -> String {
        let document = format!("- a:\n    b:{}    c: 1\n", scalar(text, 6));
        let node = read(&document, Format::Yaml).unwrap_or_else(|broken| panic!("{document}: {broken:?}"));
        let Value::Sequence(items) = &node.value else { panic!("{document}") };
        match items[0].get("a").and_then(|inner| inner.get("b")).map(|value: &Node| &value.value) {
            Some(Value::Text { text, .. }) => text.clone(),
            Some(Value::Number(number)) => number.text.clone(),
            Some(Value::Bool(on)) => on.to_string(),
            other => panic!("{document}: {:?}", other.map(Value::kind)),
        }
    }

    #[test]
    fn scalars_are_readable() {
        let rows = [
            ("POST", " POST\n"),
            ("10", " 10\n"),
            ("", " ''\n"),
            ("true", " true\n"),
            ("True", " 'True'\n"),
            ("null", " 'null'\n"),
            ("a: b", " 'a: b'\n"),
            ("it's", " 'it''s'\n"),
            ("@(a[\"b\"])", " '@(a[\"b\"])'\n"),
            ("a\r", " \"a\\r\"\n"),
            ("a\nb", " |-\n      a\n      b\n"),
            ("\n a\n\n", " |2+\n\n       a\n\n"),
        ];
        for (text, wanted) in rows {
            assert_eq!(scalar(text, 6), wanted, "{text:?}");
            assert_eq!(again(text), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn scalars_read_back(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..12)) {
            let text = pieces.concat();
            proptest::prop_assert_eq!(again(&text), text);
        }
    }

    const PIECES: &[&str] = &[
        " ", "  ", "\t", "\n", "\r", "\r\n", "-", "- ", ": ", ":", "#", " #", "\"", "'", "''", "\\", "|", ">", "@",
        "{{", "}}", "${A}", "a", "b c", "1", "0x1F", "true", "null", "~", "&", "*", "!", "%", "<", "ü", "\u{85}",
        "\u{2028}", "\u{feff}", "\u{7f}", "\0", "😀",
    ];
}
