//! Names by which a browser reaches this very machine.

/// Whether a `Host` value (port allowed) names the loopback interface. A page of a hostile site whose name was
/// rebound to 127.0.0.1 sends its own name: refusing others keeps it from a console on loopback.
#[must_use]
pub fn is_local_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) if port.is_empty() || is_port(port) => name,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost") || matches!(name, "127.0.0.1" | "::1")
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_loopback_interface_are_local() {
        for host in ["localhost", "LOCALHOST:8081", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8081"] {
            assert!(is_local_name(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io:8081",
            "localhost:8081:1",
            "[::1",
            "[::1]x",
            "localhost@evil.example",
            "0.0.0.0:8081",
        ] {
            assert!(!is_local_name(host), "{host}");
        }
    }
}
