//! Which paths are unambiguous: what a router compares must be what every server behind it would compare.
//!
//! Paths are never decoded or normalised on the way through; those that other servers would decode or normalise
//! into something else are refused. Queries are not looked at.

/// Refuses paths with dot segments in any spelling, encoded slashes or backslashes, encoded control characters and
/// broken percent-encoding.
///
/// An encoded slash is let through in the segment after `models/` only: model names such as `org/name` are written
/// `/v1/models/org%2Fname` by SDKs. Dot segments are refused there too, on either side of it.
pub(super) fn check(path: &str) -> Result<(), &'static str> {
    let suspicious = |byte: u8| matches!(byte, b'%' | b'\\' | b'.') || byte.is_ascii_control();
    if !path.bytes().any(suspicious) {
        return Ok(());
    }
    let mut after_models = false;
    for segment in path.split('/') {
        check_segment(segment, after_models)?;
        after_models = segment == "models";
    }
    Ok(())
}

fn check_segment(segment: &str, after_models: bool) -> Result<(), &'static str> {
    let decoded = decode(segment).ok_or("The path has a `%` that is not followed by two hexadecimal digits.")?;
    if decoded.iter().any(u8::is_ascii_control) {
        return Err("The path contains control characters.");
    }
    if decoded.contains(&b'\\') {
        return Err("The path contains a backslash.");
    }
    if decoded.contains(&b'/') && !after_models {
        return Err("The path contains an encoded slash.");
    }
    if decoded.split(|byte| *byte == b'/').any(is_dots) {
        return Err("The path contains a `.` or `..` segment.");
    }
    Ok(())
}

/// `.` and `..`, also before path parameters (`..;x`), which some servers cut off before they normalise.
fn is_dots(part: &[u8]) -> bool {
    let name = part.split(|byte| *byte == b';').next().unwrap_or_default();
    matches!(name, b"." | b"..")
}

fn decode(segment: &str) -> Option<Vec<u8>> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { hex(bytes.next()?)? << 4 | hex(bytes.next()?)? } else { byte });
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unambiguous_paths_pass() {
        let good = [
            "/",
            "//",
            "/v1/chat/completions",
            "/v1beta/models/gemini-2.0-flash:generateContent",
            "/v1/models/org%2Fname",
            "/team/v1/models/org%2fname.gguf",
            "/orders/a%20b",
            "/orders/%C3%A4",
            "/file%2Ejson",
            "/.well-known/x",
            "/a/...",
            "/a/..b",
            "/%252f",
            "/a;b=c",
            "*",
        ];
        let bad = [
            "/..",
            "/a/../b",
            "/a/.",
            "/./a",
            "/%2e%2e/a",
            "/.%2E/a",
            "/a%2fb",
            "/a%2F..%2Fb",
            "/v1/models/..%2fadmin",
            "/v1/models/x%2f..%2f..%2fadmin",
            "/v1/models/x/y%2fz",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%0d%0ab",
            "/a%7f",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%+1",
            "/..;/admin",
            "/..;a=b/admin",
            "/%2e%2e;x/admin",
        ];
        for path in good {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        for path in bad {
            assert!(check(path).is_err(), "{path}");
        }
    }
}
