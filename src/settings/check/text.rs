//! Small grammars that several nouns share: URLs, header values, hosts, paths.

use url::Url;

/// Reads a base URL: http or https, a host, no credentials, query or fragment.
///
/// # Errors
/// What is wrong with it.
pub fn base_url(text: &str) -> Result<Url, String> {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err("the URL must begin with http:// or https://".into());
    }
    let url = Url::parse(text).map_err(|error| format!("the URL cannot be read: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL contains credentials; write them as `key`, so that they are kept secret".into());
    }
    if url.query().is_some() {
        return Err("the URL contains a query (`?`); write the base URL only".into());
    }
    if url.fragment().is_some() {
        return Err("the URL contains a fragment (`#`); write the base URL only".into());
    }
    match text.bytes().find(|byte| byte.is_ascii_whitespace() || *byte == b'\\' || byte.is_ascii_control()) {
        Some(_) => Err("the URL contains a space, a backslash or a control character".into()),
        None => Ok(url),
    }
}

/// Whether a text can be the value of a header as a credential: visible ASCII, nothing that starts a new line.
pub fn is_header_value(text: &str) -> bool {
    http::HeaderValue::from_str(text).is_ok() && text.trim() == text
}

/// What is wrong with the name of a header.
pub fn header_name(name: &str) -> Option<String> {
    http::HeaderName::try_from(name).is_err().then(|| format!("`{}` is not the name of a header", name.escape_debug()))
}

/// What is wrong with the path (prefix or template) of a setting.
pub fn path(path: &str) -> Option<String> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\' | '%') || !c.is_ascii();
    if !path.starts_with('/') {
        return Some(format!("`{}` must start with `/`", path.escape_debug()));
    }
    if let Some(c) = path.chars().find(|c| bad(*c)) {
        return Some(format!("`{}` contains `{}`, which a path here cannot", path.escape_debug(), c.escape_debug()));
    }
    if path.contains("//") || path.split('/').any(|part| part == "." || part == "..") {
        return Some(format!("`{path}` contains an empty, `.` or `..` segment"));
    }
    None
}

/// Whether a text is the name of a host, without port, scheme and wildcard.
pub fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let address = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    address.is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
        || text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        for text in ["https://api.openai.com/v1", "http://127.0.0.1:11434/v1/", "http://[::1]:80"] {
            assert!(base_url(text).is_ok(), "{text}");
        }
        let bad = [
            "",
            "api.openai.com",
            "ftp://x",
            "file:///etc/passwd",
            "https://",
            "https://u:p@x",
            "https://x?a=b",
            "https://x#a",
            "https://x/a b",
            "https://x:99999",
            "http:/x",
            "https://x\\@y",
        ];
        for text in bad {
            assert!(base_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_and_hosts() {
        for text in ["/", "/a", "/a/b-c_1.2"] {
            assert_eq!(path(text), None, "{text}");
        }
        for text in ["", "a", "/a?b", "/a#b", "/a//b", "/../a", "/a b", "/%41", "/ä", "/a\n"] {
            assert!(path(text).is_some(), "{text}");
        }
        for text in ["example.com", "localhost", "10.0.0.1", "[::1]", "a-b.c"] {
            assert!(is_host(text), "{text}");
        }
        for text in ["", "a:80", "http://a", "*.a", "a/b", "-a", "a..b", "[1]", "a b"] {
            assert!(!is_host(text), "{text}");
        }
    }
}
