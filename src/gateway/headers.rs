//! Which headers pass a hop: hop-by-hop fields and forged identity headers go, ours are added after that.
//!
//! The order is the rule (after CVE-2025-48865, where a client's `Connection: x-forwarded-host` made a proxy drop
//! its own header): strip first, then [`add_forwarded`], so that nothing a client names can reach what we add.
//! Credentials are not handled here.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::peer::Peer;

/// Fields that end at this hop (RFC 9110 section 7.6.1, RFC 9113 section 8.2.2, `HTTP2-Settings` of RFC 7540).
/// `TE` is handled apart; `Trailer` is end-to-end since RFC 9110 and stays.
static HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What `Connection` may not name although RFC 9110 lets it name anything: removing these would change what the
/// request is, or hide what a trusted proxy said of the client.
fn is_protected(name: &str) -> bool {
    matches!(name, "host" | "content-length" | "content-type" | "content-encoding") || is_identity(name)
}

/// Headers that say who the client is: only a trusted proxy may bring them. `_` counts as `-`, because CGI-like
/// backends cannot tell the two apart (CVE-2025-64484).
fn is_identity(name: &str) -> bool {
    const WORDS: [&str; 2] = ["forwarded", "x-real-ip"];
    const PREFIXES: [&str; 3] = ["x-forwarded-", "x-tollgate-", "x-client-cert"];
    WORDS.iter().any(|word| same(name, word)) || PREFIXES.iter().any(|prefix| starts(name, prefix))
}

/// Underscore spellings of the fields that frame a message, for backends that fold `_` to `-`.
fn is_forged_framing(name: &str) -> bool {
    name.contains('_') && ["content-length", "transfer-encoding", "host"].iter().any(|word| same(name, word))
}

fn same(name: &str, word: &str) -> bool {
    name.len() == word.len() && starts(name, word)
}

fn starts(name: &str, prefix: &str) -> bool {
    name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b'-'))
}

/// Removes from a request what must not pass this hop: hop-by-hop fields, everything `Connection` names, `TE`
/// except `trailers`, and, unless the peer is a trusted proxy, headers that claim an identity.
pub fn strip_request(headers: &mut HeaderMap, trusted: bool) {
    let trailers = accepts_trailers(headers);
    strip_hop_by_hop(headers);
    headers.remove(header::TE);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    remove_where(headers, |name| (!trusted && is_identity(name)) || is_forged_framing(name));
}

/// Removes from a backend's answer what must not pass this hop: hop-by-hop fields, everything `Connection` names,
/// `Alt-Svc` (it speaks of the backend's own ports) and our own `x-tollgate-*` headers.
pub fn strip_response(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    headers.remove(header::TE);
    headers.remove(header::ALT_SVC);
    remove_where(headers, |name| starts(name, "x-tollgate-"));
}

fn accepts_trailers(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::TE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case("trailers"))
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        for name in named_by_connection(headers) {
            headers.remove(name);
        }
    }
    // Hardly ever there: one look at the names that are costs less than nine searches.
    while let Some(name) = headers.keys().find_map(|name| HOP_BY_HOP.iter().find(|field| *field == name)) {
        headers.remove(name);
    }
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse::<HeaderName>().ok());
    names.filter(|name| !is_protected(name.as_str())).collect()
}

fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Adds `x-forwarded-for`, `-proto` and `-host` to a stripped request. A trusted proxy's list is continued, its
/// proto and host are kept; `host` is the request's own authority as the client wrote it.
pub fn add_forwarded(headers: &mut HeaderMap, peer: &Peer, host: &str) {
    let list = forwarded_for(headers, peer);
    headers.insert(FORWARDED_FOR, list);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(peer.scheme));
    match (&peer.host, HeaderValue::from_str(host)) {
        (Some(said), _) => headers.insert(FORWARDED_HOST, said.clone()),
        (None, Ok(own)) => headers.insert(FORWARDED_HOST, own),
        (None, Err(_)) => headers.remove(FORWARDED_HOST),
    };
}

fn forwarded_for(headers: &HeaderMap, peer: &Peer) -> HeaderValue {
    let mut list = String::new();
    for line in headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()) {
        list.push_str(line);
        list.push_str(", ");
    }
    write!(list, "{}", peer.addr.ip().to_canonical()).expect("writing to a String cannot fail");
    HeaderValue::try_from(list).expect("visible ASCII lines and an address make a header value")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::peer::TrustedProxies;

    fn map(lines: &[(&str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_request_loses_what_ends_at_this_hop() {
        let gone: &[&[(&str, &str)]] = &[
            &[("connection", "keep-alive")],
            &[("connection", "x-a, x-b"), ("x-a", "1"), ("x-b", "2")],
            &[("connection", "close"), ("connection", "X-Late"), ("x-late", "1")],
            &[("keep-alive", "timeout=5")],
            &[("proxy-authorization", "Basic x")],
            &[("proxy-connection", "keep-alive")],
            &[("te", "gzip")],
            &[("transfer-encoding", "chunked")],
            &[("upgrade", "h2c"), ("http2-settings", "AAA")],
            &[("x-forwarded-for", "1.2.3.4")],
            &[("x_forwarded_for", "1.2.3.4")],
            &[("x-forwarded_user", "root")],
            &[("x-forwarded-email", "root@example.org")],
            &[("forwarded", "for=1.2.3.4")],
            &[("x-real-ip", "1.2.3.4")],
            &[("x_real_ip", "1.2.3.4")],
            &[("x-tollgate-subscription", "admin")],
            &[("x_tollgate_user", "admin")],
            &[("x-client-cert", "pem")],
            &[("x-client-cert-subject", "cn=root")],
            &[("x_client_cert", "pem")],
            &[("content_length", "0")],
            &[("transfer_encoding", "chunked")],
        ];
        for lines in gone {
            let lines: Vec<(&str, &'static str)> = lines.iter().map(|(n, v)| (*n, *v)).collect();
            let mut headers = map(&lines);
            strip_request(&mut headers, false);
            assert!(headers.is_empty(), "{lines:?} left {headers:?}");
        }
    }

    #[test]
    fn a_request_keeps_the_rest_whatever_connection_names() {
        let kept = [
            ("host", "example.org"),
            ("content-length", "3"),
            ("content-type", "application/json"),
            ("authorization", "Bearer x"),
            ("x-forwardedfor", "not an identity header"),
            ("trailer", "x-sum"),
            ("te", "trailers"),
            ("expect", "100-continue"),
            ("my_header", "1"),
        ];
        let mut headers = map(&kept);
        headers.append("connection", HeaderValue::from_static("host, content-length, Content-Type, te"));
        strip_request(&mut headers, false);
        assert_eq!(headers, map(&kept));
    }

    #[test]
    fn te_keeps_trailers_only() {
        let mut headers = map(&[("te", "deflate, Trailers")]);
        strip_request(&mut headers, false);
        assert_eq!(headers, map(&[("te", "trailers")]));
    }

    #[test]
    fn a_trusted_proxy_may_say_who_the_client_is() {
        let lines = [("x-forwarded-for", "1.2.3.4"), ("x-real-ip", "1.2.3.4"), ("x-client-cert", "pem")];
        let mut headers = map(&lines);
        headers.append("connection", HeaderValue::from_static("x-forwarded-for, x-client-cert"));
        strip_request(&mut headers, true);
        assert_eq!(headers, map(&lines));
    }

    #[test]
    fn forwarded_headers_are_ours_for_strangers_and_continued_for_proxies() {
        let proxies = TrustedProxies::new(&["10.0.0.0/8".parse().unwrap()]);
        let stranger = Peer::of("192.0.2.7:99".parse().unwrap(), true, &proxies);
        let mut headers = HeaderMap::new();
        add_forwarded(&mut headers, &stranger, "api.example.org:8443");
        let ours = [
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "api.example.org:8443"),
        ];
        assert_eq!(headers, map(&ours));

        let mut headers = map(&[
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "shop.example.org"),
        ]);
        let proxy = std::sync::Arc::new(Peer::of("10.0.0.1:99".parse().unwrap(), false, &proxies));
        let proxy = proxy.behind(&headers, &proxies);
        add_forwarded(&mut headers, &proxy, "inner.example.org");
        let continued = [
            ("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "shop.example.org"),
        ];
        assert_eq!(headers, map(&continued));
    }

    #[test]
    fn an_answer_loses_what_ends_at_this_hop() {
        let mut headers = map(&[
            ("connection", "x-inner"),
            ("x-inner", "1"),
            ("proxy-authenticate", "Basic"),
            ("alt-svc", "h3=\":443\""),
            ("x-tollgate-cache", "hit"),
            ("upgrade", "h2c"),
            ("transfer-encoding", "chunked"),
            ("content-type", "text/plain"),
        ]);
        strip_response(&mut headers);
        assert_eq!(headers, map(&[("content-type", "text/plain")]));
    }
}
