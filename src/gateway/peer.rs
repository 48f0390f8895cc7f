//! Who is at the other end: the connection's peer, and what a trusted proxy says of the client behind it.
//!
//! Only the addresses listed under `server.trusted_proxies` are believed; everybody else is whoever the socket says.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

use crate::exchange::ClientCertificate;

/// The addresses whose `x-forwarded-*` headers are believed. Empty by default. Cloning shares the list.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// From the configured ranges.
    #[must_use]
    pub fn new(ranges: &[IpNet]) -> Self {
        Self(ranges.into())
    }

    /// Whether `address` is a trusted proxy. IPv4 addresses mapped into IPv6 count as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(&address))
    }
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The other end of the connection.
    pub addr: SocketAddr,
    /// Whether this connection is TLS.
    pub tls: bool,
    /// Whether the connection comes from a trusted proxy.
    pub trusted: bool,
    /// The client: the connection's peer, or the rightmost untrusted address of a trusted proxy's `x-forwarded-for`.
    pub client: IpAddr,
    /// `http` or `https` as the client used it: the connection's own, or a trusted proxy's `x-forwarded-proto`.
    pub scheme: &'static str,
    /// A trusted proxy's `x-forwarded-host`.
    pub host: Option<HeaderValue>,
    /// The certificate that the other end of the connection has shown.
    pub certificate: Option<Arc<ClientCertificate>>,
}

impl Peer {
    /// The peer of a connection, before any request was read.
    #[must_use]
    pub fn of(addr: SocketAddr, tls: bool, proxies: &TrustedProxies) -> Self {
        let client = addr.ip().to_canonical();
        let scheme = if tls { "https" } else { "http" };
        Self { addr, tls, trusted: proxies.contains(client), client, scheme, host: None, certificate: None }
    }

    /// The peer of one request: this one, or, when it is a trusted proxy, what its headers say of the client.
    #[must_use]
    pub fn behind(self: &Arc<Self>, headers: &HeaderMap, proxies: &TrustedProxies) -> Arc<Self> {
        if !self.trusted {
            return Arc::clone(self);
        }
        let mut peer = Self::clone(self);
        peer.client = client_of(headers, proxies).unwrap_or(peer.client);
        peer.scheme = scheme_of(headers).unwrap_or(peer.scheme);
        peer.host = headers.get("x-forwarded-host").cloned();
        Arc::new(peer)
    }
}

/// The rightmost address of all `x-forwarded-for` lines that is not itself a trusted proxy. When all are, the
/// leftmost; when one cannot be read, the last good one right of it, because nothing left of it can be trusted.
fn client_of(headers: &HeaderMap, proxies: &TrustedProxies) -> Option<IpAddr> {
    let mut client = None;
    for line in headers.get_all("x-forwarded-for").iter().rev() {
        let Ok(line) = line.to_str() else { return client };
        for entry in line.rsplit(',') {
            let Some(address) = address(entry.trim()) else { return client };
            client = Some(address);
            if !proxies.contains(address) {
                return client;
            }
        }
    }
    client
}

/// An address, bare, or with a port as some proxies write it: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(text);
    let parsed = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

/// The last value of `x-forwarded-proto`: that of the proxy next to us.
fn scheme_of(headers: &HeaderMap) -> Option<&'static str> {
    let line = headers.get_all("x-forwarded-proto").iter().next_back()?.to_str().ok()?;
    match line.rsplit(',').next()?.trim() {
        scheme if scheme.eq_ignore_ascii_case("https") => Some("https"),
        scheme if scheme.eq_ignore_ascii_case("http") => Some("http"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(&["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()])
    }

    fn seen(from: &str, lines: &[(&'static str, &'static str)]) -> Arc<Peer> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let peer = Arc::new(Peer::of(from.parse().unwrap(), false, &proxies()));
        peer.behind(&headers, &proxies())
    }

    #[test]
    fn the_client_is_the_rightmost_untrusted_address_and_only_behind_a_trusted_proxy() {
        let cases: &[(&str, &[&'static str], &str)] = &[
            ("192.0.2.9:1", &["1.2.3.4"], "192.0.2.9"),
            ("10.0.0.1:1", &[], "10.0.0.1"),
            ("10.0.0.1:1", &["1.2.3.4"], "1.2.3.4"),
            ("[::ffff:10.0.0.1]:1", &["1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1:1", &["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1:1", &["6.6.6.6, 1.2.3.4, 10.9.9.9"], "1.2.3.4"),
            ("10.0.0.1:1", &["6.6.6.6", "1.2.3.4", "10.9.9.9"], "1.2.3.4"),
            ("10.0.0.1:1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            ("10.0.0.1:1", &["1.2.3.4:5678"], "1.2.3.4"),
            ("10.0.0.1:1", &["[2a00::1]:443, 2001:db8::7"], "2a00::1"),
            ("10.0.0.1:1", &["::ffff:1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1:1", &["1.2.3.4, junk"], "10.0.0.1"),
            ("10.0.0.1:1", &["1.2.3.4, junk, 10.2.2.2"], "10.2.2.2"),
        ];
        for (from, lines, client) in cases {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            assert_eq!(seen(from, &lines).client.to_string(), *client, "{from} {lines:?}");
        }
    }

    #[test]
    fn scheme_and_host_are_believed_from_trusted_proxies_only() {
        let lines = [("x-forwarded-proto", "http, HTTPS"), ("x-forwarded-host", "api.example.org")];
        let peer = seen("10.0.0.1:1", &lines);
        assert_eq!((peer.scheme, peer.host.is_some(), peer.trusted), ("https", true, true));
        let peer = seen("192.0.2.9:1", &lines);
        assert_eq!((peer.scheme, peer.host.is_some(), peer.trusted), ("http", false, false));
        assert_eq!(seen("10.0.0.1:1", &[("x-forwarded-proto", "gopher")]).scheme, "http");
    }
}
