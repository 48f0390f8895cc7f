//! What is let in: the checks every request passes before routing, as a pure function of its head.
//!
//! hyper refuses by itself what it cannot parse (see `listener::refusal`); here is refused what parses but means
//! different things to different servers: doubtful framing, doubtful authority, doubtful paths. Whatever is
//! refused here is answered before the body is read and closes the connection. Keys and bodies are not looked at.

use http::{HeaderMap, Method, Version, header, request::Parts, uri::Authority};

use super::{host, path};
use crate::exchange::{Fault, FaultKind};

/// Longest request target in bytes; longer ones are answered 414. API Management's own limit for request URLs.
pub const MAX_TARGET: usize = 16 << 10;

/// Longest method in bytes; the longest registered one (UPDATEREDIRECTREF) has 17.
pub const MAX_METHOD: usize = 32;

/// Fields that decide who the caller is or what the body is: a second line would let two servers pick differently.
const SINGLE: [&str; 7] = [
    "authorization",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "content-type",
    "content-encoding",
];

/// What the raw bytes of an HTTP/1 head say about its framing: the parser merges repeated lines before we see them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireHead {
    /// Bytes from the request line to the empty line.
    pub size: usize,
    /// Lines named `Content-Length`.
    pub content_lengths: usize,
    /// Lines named `Transfer-Encoding`.
    pub transfer_encodings: usize,
    /// Whether a line ends in LF without CR, or has a CR inside.
    pub loose_lines: bool,
}

/// Proof that a request was let in, with what was read on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted<'a> {
    /// The host asked for, without the port, as written. Empty only for HTTP/1.0 requests without one.
    pub host: &'a str,
    /// The declared length of the body in bytes; `None` when chunked or absent.
    pub content_length: Option<u64>,
}

/// Configured limits, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest head.
    pub head: u64,
    /// Largest body.
    pub body: u64,
}

/// Lets a request in or says why not. `wire` is what the raw bytes said, on HTTP/1 when they could be followed:
/// without that a chunked body is refused there, because a `Content-Length` beside it would have been merged away.
pub fn admit<'a>(parts: &'a Parts, wire: Option<&WireHead>, limits: Limits) -> Result<Admitted<'a>, Fault> {
    if wire.is_some_and(|wire| wire.size as u64 > limits.head) {
        return Err(Fault::new(FaultKind::HeadTooLarge, "The request head is too large (max_header_size)."));
    }
    check_method(&parts.method)?;
    check_target(parts)?;
    check_framing(parts, wire)?;
    check_single(&parts.headers)?;
    let host = authority_of(parts)?;
    path::check(parts.uri.path()).map_err(bad)?;
    let content_length = content_length(&parts.headers)?;
    if content_length.is_some_and(|length| length > limits.body) {
        return Err(body_too_large(limits.body));
    }
    Ok(Admitted { host: host.map_or("", |text| host::split_port(text).0), content_length })
}

/// The authority (`host` or `host:port`) an admitted request asks for, as the caller wrote it; empty when there is none.
#[must_use]
pub fn authority(parts: &Parts) -> &str {
    let written = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    written.or_else(|| parts.uri.authority().map(Authority::as_str)).unwrap_or_default()
}

/// The fault of a body beyond `limit` bytes, whether announced or found on the way.
#[must_use]
pub fn body_too_large(limit: u64) -> Fault {
    let message = format!("The request body is larger than the {limit} bytes this gateway accepts (max_body_size).");
    Fault::new(FaultKind::BodyTooLarge, message)
}

fn bad(message: &'static str) -> Fault {
    Fault::new(FaultKind::BadRequest, message)
}

fn check_method(method: &Method) -> Result<(), Fault> {
    let refused = |message| Err(Fault::new(FaultKind::MethodNotAllowed, message));
    match method.as_str() {
        "CONNECT" | "TRACE" | "TRACK" => refused("CONNECT, TRACE and TRACK are not served."),
        name if name.len() > MAX_METHOD => refused("The method is longer than 32 characters."),
        _ => Ok(()),
    }
}

fn check_target(parts: &Parts) -> Result<(), Fault> {
    let uri = &parts.uri;
    let length = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if length > MAX_TARGET {
        return Err(Fault::new(FaultKind::UriTooLong, "The request target is longer than 16384 bytes."));
    }
    match uri.path() {
        "*" if parts.method == Method::OPTIONS && uri.query().is_none() => {}
        path if path.starts_with('/') => {}
        _ => return Err(bad("The request target must be a path that begins with `/`.")),
    }
    match uri.scheme_str() {
        None if uri.authority().is_some() => Err(bad("The request target must be a path or a whole URL.")),
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(bad("The request target's scheme must be http or https.")),
    }
}

fn check_framing(parts: &Parts, wire: Option<&WireHead>) -> Result<(), Fault> {
    let mut encodings = parts.headers.get_all(header::TRANSFER_ENCODING).iter();
    let encoding = encodings.next();
    let chunked = encoding.is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if !chunked || encodings.next().is_some() {
        return Err(bad("Transfer-Encoding must be exactly `chunked`, once."));
    }
    if encoding.is_some() && parts.version != Version::HTTP_11 {
        return Err(bad("Transfer-Encoding belongs to HTTP/1.1 only."));
    }
    if encoding.is_some() && parts.headers.contains_key(header::CONTENT_LENGTH) {
        return Err(bad("Content-Length and Transfer-Encoding exclude each other."));
    }
    match wire {
        Some(wire) => check_wire(wire),
        None if encoding.is_some() => Err(bad("A chunked request may not be pipelined behind another one.")),
        None => Ok(()),
    }
}

fn check_wire(wire: &WireHead) -> Result<(), Fault> {
    if wire.content_lengths > 0 && wire.transfer_encodings > 0 {
        return Err(bad("Content-Length and Transfer-Encoding exclude each other."));
    }
    if wire.content_lengths > 1 || wire.transfer_encodings > 1 {
        return Err(bad("Content-Length and Transfer-Encoding may each be given once."));
    }
    if wire.loose_lines {
        return Err(bad("Every line of the request head must end in CR LF."));
    }
    Ok(())
}

fn check_single(headers: &HeaderMap) -> Result<(), Fault> {
    // One pass over few names; a repeated name is rare, so its lines are only counted when the totals differ.
    if headers.len() == headers.keys_len() {
        return Ok(());
    }
    match SINGLE.iter().find(|name| headers.get_all(**name).iter().nth(1).is_some()) {
        Some(name) => Err(Fault::new(FaultKind::BadRequest, format!("The header `{name}` may be given once."))),
        None => Ok(()),
    }
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let mut lines = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let digits = line.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    match digits.and_then(|text| text.parse().ok()) {
        Some(length) if lines.next().is_none() => Ok(Some(length)),
        _ => Err(bad("Content-Length must be one decimal number.")),
    }
}

/// The request's authority after all its forms were checked against each other.
fn authority_of(parts: &Parts) -> Result<Option<&str>, Fault> {
    let mut lines = parts.headers.get_all(header::HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(bad("The Host header may be given once."));
    }
    let host = match line {
        Some(value) => Some(value.to_str().map_err(|_| bad("The Host header is not a host name."))?),
        None => None,
    };
    if let Some(host) = host
        && !host::is_valid(host)
    {
        return Err(bad("The Host header must be a host name or address with an optional port."));
    }
    let target = parts.uri.authority().map(Authority::as_str);
    match (host, target) {
        (Some(host), Some(target)) if !host::is_same(host, target, parts.uri.scheme_str()) => {
            Err(bad("The Host header and the request target name different hosts."))
        }
        (_, Some(target)) if !host::is_valid(target) => Err(bad("The request target's host is not a host name.")),
        (None, None) if parts.version != Version::HTTP_10 => Err(bad("The Host header is missing.")),
        (None, Some(_)) if parts.version == Version::HTTP_11 => Err(bad("The Host header is missing.")),
        (host, target) => Ok(host.or(target)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Method, target, version, headers, status.
    type Case<'a> = (&'a str, &'a str, Version, &'a [(&'static str, &'a str)], u16);

    const LIMITS: Limits = Limits { head: 60, body: 100 };

    fn parts(method: &str, uri: &str, version: Version, headers: &[(&'static str, &str)]) -> Parts {
        let mut builder = http::Request::builder().method(method).uri(uri).version(version);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn status(method: &str, uri: &str, version: Version, headers: &[(&'static str, &str)]) -> u16 {
        let chunked = usize::from(headers.iter().any(|(name, _)| *name == "transfer-encoding"));
        let wire = WireHead { size: 50, transfer_encodings: chunked, ..WireHead::default() };
        admit(&parts(method, uri, version, headers), Some(&wire), LIMITS)
            .map_or_else(|fault| fault.kind.status(), |_| 200)
    }

    #[test]
    fn forms_of_the_target_agree_with_the_host() {
        let (h10, h11, h2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        let cases: &[Case<'_>] = &[
            ("GET", "/", h11, &[], 400),
            ("GET", "/", h10, &[], 200),
            ("GET", "/", h11, &[("host", "a"), ("host", "a")], 400),
            ("GET", "http://a/x", h11, &[("host", "a")], 200),
            ("GET", "http://A:80/x", h11, &[("host", "a")], 200),
            ("GET", "https://a/x", h11, &[("host", "a:443")], 200),
            ("GET", "http://a:81/x", h11, &[("host", "a")], 400),
            ("GET", "http://b/x", h11, &[("host", "a")], 400),
            ("GET", "http://u@a/x", h11, &[("host", "a")], 400),
            ("GET", "http://a/x", h11, &[], 400),
            ("GET", "ftp://a/x", h11, &[("host", "a")], 400),
            ("GET", "a:80", h11, &[("host", "a:80")], 400),
            ("GET", "http://a/x", h2, &[], 200),
            ("GET", "http://a/x", h2, &[("host", "a")], 200),
            ("GET", "http://a/x", h2, &[("host", "b")], 400),
            ("GET", "/x", h2, &[], 400),
            ("OPTIONS", "*", h11, &[("host", "a")], 200),
            ("GET", "*", h11, &[("host", "a")], 400),
            ("CONNECT", "a:80", h11, &[("host", "a")], 405),
            ("TRACE", "/", h11, &[("host", "a")], 405),
            ("PROPFIND", "/", h11, &[("host", "a")], 200),
            ("POST", "/", h11, &[("host", "a"), ("content-length", "100")], 200),
            ("POST", "/", h11, &[("host", "a"), ("content-length", "101")], 413),
            ("POST", "/", h11, &[("host", "a"), ("content-length", "+1")], 400),
            ("POST", "/", h11, &[("host", "a"), ("content-length", "1, 1")], 400),
            ("POST", "/", h11, &[("host", "a"), ("transfer-encoding", "Chunked")], 200),
            ("POST", "/", h11, &[("host", "a"), ("transfer-encoding", "gzip, chunked")], 400),
            ("POST", "/", h11, &[("host", "a"), ("transfer-encoding", "chunked"), ("content-length", "1")], 400),
            ("POST", "/", h10, &[("host", "a"), ("transfer-encoding", "chunked")], 400),
            ("GET", "/", h11, &[("host", "a"), ("authorization", "a"), ("authorization", "b")], 400),
            ("GET", "/", h11, &[("host", "a"), ("accept", "a"), ("accept", "b")], 200),
        ];
        for (method, uri, version, headers, expected) in cases {
            assert_eq!(status(method, uri, *version, headers), *expected, "{method} {uri} {version:?} {headers:?}");
        }
        let long = "A".repeat(MAX_METHOD + 1);
        assert_eq!(status(&long, "/", h11, &[("host", "a")]), 405);
        assert_eq!(status("GET", &format!("/{}", "a".repeat(MAX_TARGET)), h11, &[("host", "a")]), 414);
        assert_eq!(status("GET", &format!("/?{}", "a".repeat(MAX_TARGET - 2)), h11, &[("host", "a")]), 200);
    }

    #[test]
    fn the_raw_lines_have_a_say() {
        let request = parts("POST", "/", Version::HTTP_11, &[("host", "a:1"), ("transfer-encoding", "chunked")]);
        let plain = WireHead { size: 60, content_lengths: 0, transfer_encodings: 1, loose_lines: false };
        let admitted = admit(&request, Some(&plain), LIMITS).expect("let in");
        assert_eq!((admitted.host, admitted.content_length), ("a", None));
        for wire in [
            WireHead { content_lengths: 1, ..plain },
            WireHead { transfer_encodings: 2, ..plain },
            WireHead { content_lengths: 2, transfer_encodings: 0, ..plain },
            WireHead { loose_lines: true, ..plain },
        ] {
            assert_eq!(admit(&request, Some(&wire), LIMITS).expect_err("refused").kind, FaultKind::BadRequest);
        }
        let large = WireHead { size: 61, ..plain };
        assert_eq!(admit(&request, Some(&large), LIMITS).expect_err("refused").kind, FaultKind::HeadTooLarge);
        assert_eq!(admit(&request, None, LIMITS).expect_err("refused").kind, FaultKind::BadRequest);
    }
}
