//! Values as XML that reads back as the same values: expressions as they are where that works, so that people can read
//! them, everything else escaped.
//!
//! Both this reader and Azure's format `rawxml` take the result. An expression is written escaped only if it would be
//! misread otherwise: when a string in it holds a reference such as `&amp;` and nothing in it shows that it is raw.

use crate::policy::{
    code::{self, Within},
    entity,
};

/// A value between double quotes.
pub(super) fn attribute(value: &str) -> String {
    value_in(value, Within::Attribute(b'"'), |character| match character {
        '"' => Some("&quot;"),
        '<' => Some("&lt;"),
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        _ => None,
    })
}

/// A value between tags.
pub(super) fn content(value: &str) -> String {
    value_in(value, Within::Content, |character| match character {
        '<' => Some("&lt;"),
        '\r' => Some("&#13;"),
        _ => None,
    })
}

fn value_in(value: &str, within: Within, special: impl Fn(char) -> Option<&'static str>) -> String {
    match expression(value, within) {
        Some((before, code, after)) => {
            let plain = |text: &str| escaped(text, &special);
            format!("{}{code}{}", plain(before), plain(after))
        }
        None => escaped(value, &special),
    }
}

/// Space, an expression that reads back as it is, and space.
fn expression(value: &str, within: Within) -> Option<(&str, &str, &str)> {
    let start = value.len() - value.trim_start().len();
    if !code::begins(&value[start..]) {
        return None;
    }
    let found = code::find(value, start, within).ok()?;
    let (code, after) = (&value[start..found.end], &value[found.end..]);
    let same = found.entities.is_empty() && !code.contains('\r') && code.chars().all(entity::is_allowed);
    (same && after.trim().is_empty()).then_some((&value[..start], code, after))
}

fn escaped(text: &str, special: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        match special(character) {
            Some(reference) => out.push_str(reference),
            // `>` is needed nowhere but behind `]]`; a `&` that begins no reference would be refused.
            None if character == '&' => out.push_str("&amp;"),
            None if character == '>' && text[..at].ends_with("]]") => out.push_str("&gt;"),
            None => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_stay_readable_and_the_rest_is_escaped() {
        let rows = [
            ("a<b & \"c\"", "a&lt;b &amp; &quot;c&quot;", "a&lt;b &amp; \"c\""),
            ("@(a[\"b\"] < 1 && c)", "@(a[\"b\"] < 1 && c)", "@(a[\"b\"] < 1 && c)"),
            ("@('&amp;')", "@('&amp;amp;')", "@('&amp;amp;')"),
            ("@(\"&amp;\")", "@(\"&amp;\")", "@(\"&amp;amp;\")"),
            ("@(1) \"x\"", "@(1) &quot;x&quot;", "@(1) \"x\""),
            ("]]> a\tb\n", "]]&gt; a&#9;b&#10;", "]]&gt; a\tb\n"),
        ];
        for (value, in_attribute, in_content) in rows {
            assert_eq!(attribute(value), in_attribute, "{value}");
            assert_eq!(content(value), in_content, "{value}");
        }
    }
}
