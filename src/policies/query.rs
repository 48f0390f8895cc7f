//! Query strings, changed in place: what nobody touches stays as the caller wrote it.
//!
//! Names are compared without regard to case, as .NET's collections of query parameters do.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The parameters as they are written: `name=value` pieces.
pub fn pieces(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|piece| !piece.is_empty())
}

/// The decoded name of a piece.
#[must_use]
pub fn name(piece: &str) -> String {
    decoded(piece.split_once('=').map_or(piece, |(name, _)| name))
}

/// The decoded value of a piece; empty when it has none.
#[must_use]
pub fn value(piece: &str) -> String {
    piece.split_once('=').map(|(_, value)| decoded(value)).unwrap_or_default()
}

/// Decoded pairs.
pub fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    pieces(query).map(|piece| (name(piece), value(piece)))
}

/// Whether there is a parameter of that name.
#[must_use]
pub fn has(query: &str, wanted: &str) -> bool {
    pieces(query).any(|piece| name(piece).eq_ignore_ascii_case(wanted))
}

/// The query without the parameters of that name.
#[must_use]
pub fn without(query: &str, unwanted: &str) -> String {
    let kept: Vec<_> = pieces(query).filter(|piece| !name(piece).eq_ignore_ascii_case(unwanted)).collect();
    kept.join("&")
}

/// Adds a parameter.
pub fn push(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.extend([&*encoded(name), "=", &*encoded(value)]);
}

/// Text as part of a URL.
#[must_use]
pub fn encoded(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, RESERVED).into()
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_stays_as_written() {
        assert_eq!(without("a=%7e&KEY=1&b=x+y&key=2", "key"), "a=%7e&b=x+y");
        let mut query = String::from("a=1");
        push(&mut query, "q", "a b&c=ü");
        assert_eq!(query, "a=1&q=a%20b%26c%3D%C3%BC");
        assert_eq!(pairs("a=x+y&b").collect::<Vec<_>>(), [("a".into(), "x y".into()), ("b".into(), String::new())]);
        assert!(has("A=1", "a") && !has("", "a"));
    }
}
