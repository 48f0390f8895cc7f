//! References such as `&lt;` and `&#10;`: the five of XML and the numeric ones, no others.

/// A reference in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entity {
    /// What it stands for.
    pub(super) stands_for: char,
    /// Its length in bytes, from `&` to `;`.
    pub(super) length: usize,
}

/// Longest reference: `&#x10FFFF;` with a few zeros more than it needs.
const LONGEST: usize = 16;

/// The reference that a text begins with.
pub(super) fn at_start(text: &str) -> Option<Entity> {
    let inner = text.strip_prefix('&')?;
    let end = inner.bytes().take(LONGEST).position(|byte| byte == b';')?;
    let stands_for = match &inner[..end] {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        name => numeric(name.strip_prefix('#')?)?,
    };
    Some(Entity { stands_for, length: end + 2 })
}

fn numeric(digits: &str) -> Option<char> {
    let (digits, radix) = digits.strip_prefix('x').map_or((digits, 10), |hex| (hex, 16));
    let clean = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, radix).ok().filter(|_| clean)?;
    char::from_u32(code).filter(|character| is_allowed(*character))
}

/// Whether XML 1.0 (section 2.2) takes the character at all.
pub(super) fn is_allowed(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// What stands at a `&` that begins no reference, for messages: `&nbsp;`, or `&` alone.
pub(super) fn unknown_at_start(text: &str) -> &str {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'#' | b'.' | b'-' | b'_');
    let end = 1 + text.bytes().skip(1).take(32).take_while(|byte| name(byte)).count();
    match text.as_bytes().get(end) {
        Some(b';') => &text[..=end],
        _ => "&",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read() {
        let rows = [
            ("&lt;x", Some(('<', 4))),
            ("&quot;", Some(('"', 6))),
            ("&#65;", Some(('A', 5))),
            ("&#x1F600;", Some(('😀', 9))),
            ("&#xA;", Some(('\n', 5))),
            ("&#0;", None),
            ("&#x110000;", None),
            ("&#+5;", None),
            ("&#;", None),
            ("&nbsp;", None),
            ("&LT;", None),
            ("& b;", None),
            ("&", None),
            ("a", None),
        ];
        for (text, wanted) in rows {
            let wanted = wanted.map(|(stands_for, length)| Entity { stands_for, length });
            assert_eq!(at_start(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_reference_is_named() {
        for (text, wanted) in [("&nbsp; x", "&nbsp;"), ("& x;", "&"), ("&", "&"), ("&#0;", "&#0;"), ("&ü;", "&")] {
            assert_eq!(unknown_at_start(text), wanted, "{text}");
        }
    }
}
