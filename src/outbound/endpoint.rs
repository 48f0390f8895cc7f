//! Where a backend is: its base URL taken apart once, so that a request's URI is put together without parsing.

use http::{
    HeaderValue, Uri,
    uri::{Authority, PathAndQuery, Scheme},
};

use super::{SendFault, SendFaultKind};

/// A backend's origin and base path.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    pub(super) host_header: HeaderValue,
    /// Without a slash at the end; empty for none.
    pub(super) base_path: String,
}

impl Endpoint {
    /// Reads a base URL. Errors say what is wrong with it.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let parsed = url::Url::parse(url).map_err(|error| format!("`{url}` is not a URL: {error}"))?;
        let scheme = match parsed.scheme() {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            other => return Err(format!("`{other}:` is not supported; write an http:// or https:// URL")),
        };
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err("a URL with a user name or password is not accepted; write the credential as `key`".into());
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(format!("`{url}` has a query or fragment; write the base URL without it"));
        }
        let host = parsed.host_str().ok_or_else(|| format!("`{url}` has no host"))?;
        let name = host.strip_suffix('.').unwrap_or(host);
        let authority = match parsed.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        let bad = |_| format!("`{host}` is not a host");
        Ok(Self {
            scheme,
            host_header: HeaderValue::from_str(&authority).map_err(|_| format!("`{host}` is not a host"))?,
            authority: Authority::try_from(authority).map_err(bad)?,
            base_path: parsed.path().trim_end_matches('/').to_owned(),
        })
    }

    /// A place that no network leads to, for simulated backends.
    pub(super) fn simulated() -> Self {
        Self {
            scheme: Scheme::HTTP,
            authority: Authority::from_static("sim"),
            host_header: HeaderValue::from_static("sim"),
            base_path: String::new(),
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The URI of a request. The path must begin with a slash, so that it cannot grow the authority.
    pub(super) fn uri(&self, path_and_query: &str) -> Result<Uri, SendFault> {
        let bad = || SendFault::unsent(SendFaultKind::Protocol, "the request's path cannot be sent to the backend");
        if !path_and_query.starts_with('/') {
            return Err(bad());
        }
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).map_err(|_| bad())?);
        Uri::from_parts(parts).map_err(|_| bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_taken_apart() {
        for (url, authority, base) in [
            ("https://api.openai.com/v1", "api.openai.com", "/v1"),
            ("https://api.openai.com:443/v1/", "api.openai.com", "/v1"),
            ("http://127.0.0.1:11434", "127.0.0.1:11434", ""),
            ("http://[::1]:80/a//", "[::1]", "/a"),
            ("http://EXAMPLE.org.:8080/", "example.org:8080", ""),
            ("http://0x7f.1/", "127.0.0.1", ""),
        ] {
            let endpoint = Endpoint::parse(url).expect(url);
            assert_eq!((endpoint.authority.as_str(), endpoint.base_path.as_str()), (authority, base), "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for url in [
            "",
            "api.openai.com",
            "ftp://a",
            "file:///etc/passwd",
            "http://u:p@a",
            "http://u@a",
            "http://a?b",
            "http://a#b",
            "http://",
            "unix:/run/x",
        ] {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_path_cannot_leave_the_origin() {
        let endpoint = Endpoint::parse("http://a.example").expect("url");
        assert_eq!(endpoint.uri("/x?y=%20").expect("uri").to_string(), "http://a.example/x?y=%20");
        assert_eq!(endpoint.uri("//evil/x").expect("uri").authority().expect("authority").as_str(), "a.example");
        for path in ["", "x", "@evil", ".evil/", "http://evil/", "/a b", "/\r\nx"] {
            assert!(endpoint.uri(path).is_err(), "{path:?}");
        }
    }
}
