//! The address of a store that several gateways share.

/// What the URL has to look like.
const WANTED: &str = "it is not a URL such as redis://127.0.0.1:6379 or redis://:password@host:6379/0";

/// Checks the URL of a shared store. Its text, which may hold a password, is never told.
///
/// # Errors
/// What is wrong with it.
pub fn check(url: &str) -> Result<(), String> {
    let parsed = url::Url::parse(url).map_err(|_| WANTED.to_owned())?;
    match parsed.scheme() {
        "redis" if parsed.has_host() => Ok(()),
        "rediss" => {
            Err("TLS (`rediss://`) is not available; write `redis://`, on a private network or through a tunnel"
                .to_owned())
        }
        _ => Err(WANTED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_without_being_told() {
        for (url, is_right) in [
            ("redis://127.0.0.1:6379", true),
            ("redis://:canary@host:6379/2", true),
            ("rediss://:canary@host", false),
            ("canary", false),
            ("http://canary", false),
            ("redis://", false),
        ] {
            match check(url) {
                Ok(()) => assert!(is_right, "{url}"),
                Err(why) => assert!(!is_right && !why.contains("canary"), "{url}: {why}"),
            }
        }
    }
}
