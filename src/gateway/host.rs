//! The grammar of `Host`: what may stand there, and when two spellings mean the same.

/// `host[:port]` as RFC 9110 section 7.2 and RFC 3986 section 3.2.2 write it, narrowed to names that are in use:
/// letters, digits, `-`, `.` and `_`, or an IPv6 address in brackets. No user part, no path, no percent-encoding.
pub(super) fn is_valid(text: &str) -> bool {
    let (host, port) = split_port(text);
    port.is_none_or(is_port) && (is_name(host) || is_bracketed(host))
}

fn is_name(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !host.is_empty() && host.len() <= 255 && host.bytes().all(allowed) && !host.starts_with('.') && !host.contains("..")
}

fn is_bracketed(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_port(port: &str) -> bool {
    // An empty port (`example.org:`) is allowed by the grammar and means the default.
    port.is_empty() || (port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

/// The host and the port, which may be empty.
pub(super) fn split_port(text: &str) -> (&str, Option<&str>) {
    let after_bracket = text.rfind(']').unwrap_or(0);
    match text[after_bracket..].find(':') {
        Some(colon) => (&text[..after_bracket + colon], Some(&text[after_bracket + colon + 1..])),
        None => (text, None),
    }
}

/// Whether the Host header and a request target of this scheme name the same host and port.
pub(super) fn is_same(host: &str, target: &str, scheme: Option<&str>) -> bool {
    let default = if scheme == Some("https") { "443" } else { "80" };
    let ((host, port), (target, target_port)) = (split_port(host), split_port(target));
    let or_default = |port: Option<&'_ str>| port.filter(|port| !port.is_empty()).unwrap_or(default).to_owned();
    host.eq_ignore_ascii_case(target) && or_default(port) == or_default(target_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        let good =
            ["a", "example.org", "EXAMPLE.org:80", "example.org:", "a_b", "127.0.0.1:8080", "[::1]", "[::1]:443"];
        let bad = [
            "",
            " ",
            "a b",
            "a/b",
            "x/../admin",
            "user@host",
            "a:b",
            "a:99999",
            "a:-1",
            "a:1:2",
            "[::1",
            "::1",
            "[g::]",
            "a?b",
            "a#b",
            "a\\b",
            "a%2fb",
            "a,b",
            ".a",
            "a..b",
            "ä.example",
            ":80",
            "[::1]x",
            "a:+80",
        ];
        for host in good {
            assert!(is_valid(host), "{host:?}");
        }
        for host in bad {
            assert!(!is_valid(host), "{host:?}");
        }
    }

    #[test]
    fn a_missing_port_is_the_schemes() {
        assert!(is_same("a", "A:80", Some("http")));
        assert!(is_same("a:443", "a", Some("https")));
        assert!(is_same("a:", "a", None));
        assert!(!is_same("a", "a:80", Some("https")));
        assert!(!is_same("a", "b", None));
    }
}
