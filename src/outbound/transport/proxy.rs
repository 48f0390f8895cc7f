//! A forward proxy: requests in the clear go through it in absolute form, TLS goes through a CONNECT tunnel.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    model::Secret,
    outbound::{SendFault, SendFaultKind, egress},
};

/// Largest head of an answer to CONNECT.
const MAX_HEAD: usize = 8 << 10;

/// Where the proxy is, and our credential there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Proxy {
    host: String,
    port: u16,
    authorization: Option<String>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

/// RFC 7617.
fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

impl Proxy {
    /// Reads `http://[user:password@]host:port`. Egress rules apply to the proxy's address: it is what is dialled.
    pub(super) fn parse(url: &str, egress: &egress::Rules) -> Result<Self, String> {
        let wanted = "write http://host:port";
        let parsed = url::Url::parse(url).map_err(|error| format!("not a URL ({error}); {wanted}"))?;
        if parsed.scheme() != "http" {
            return Err(format!("`{}:` proxies are not supported; {wanted}", parsed.scheme()));
        }
        if parsed.path() != "/" || parsed.query().is_some() {
            return Err(format!("has a path or query; {wanted}"));
        }
        let host = parsed.host_str().ok_or(wanted)?;
        egress.check_host(host)?;
        let authorization = (!parsed.username().is_empty()).then(|| {
            let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            basic(&format!("{}:{}", decode(parsed.username()), decode(parsed.password().unwrap_or_default())))
        });
        Ok(Self { host: host.to_owned(), port: parsed.port().unwrap_or(80), authorization })
    }

    /// With `user:password` of the settings, unless the URL has its own.
    pub(super) fn with_key(mut self, key: Option<&Secret>) -> Self {
        if self.authorization.is_none() {
            self.authorization = key.map(|key| basic(key.expose()));
        }
        self
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The value of `proxy-authorization`.
    pub(super) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// Asks the proxy for a tunnel to `host:port` (RFC 9110, section 9.3.6).
    pub(super) async fn tunnel(&self, stream: &mut TcpStream, host: &str, port: u16) -> Result<(), SendFault> {
        let failed = |text: String| SendFault::unsent(SendFaultKind::Refused, format!("the proxy {self:?} {text}"));
        let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if let Some(value) = &self.authorization {
            head.push_str("Proxy-Authorization: ");
            head.push_str(value);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await.map_err(|error| failed(format!("broke off: {error}")))?;
        let answer = read_head(stream).await.map_err(|error| failed(format!("broke off: {error}")))?;
        match status(&answer) {
            Some(200..300) => Ok(()),
            Some(status) => Err(failed(format!("refused the tunnel with status {status}"))),
            None => Err(failed("answered with something that is not HTTP".to_owned())),
        }
    }
}

/// Reads up to the empty line and not a byte further: what follows belongs to the tunnel.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(std::io::Error::other("the answer's head is too large"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let (version, rest) = line.split_once(' ')?;
    version.starts_with("HTTP/1.").then(|| rest.get(..3)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_and_checked() {
        let open = egress::Rules::new(&["10.0.0.0/8".parse().expect("net")], false);
        let proxy = Proxy::parse("http://us%40er:p%3Aw@10.0.0.1:3128", &open).expect("proxy");
        assert_eq!((proxy.host(), proxy.port()), ("10.0.0.1", 3128));
        assert_eq!(proxy.authorization(), Some("Basic dXNAZXI6cDp3"));
        assert!(!format!("{proxy:?}").contains("dXNA"));
        for url in ["10.0.0.1:3128", "socks5://10.0.0.1", "https://10.0.0.1", "http://10.0.0.1/x", "http://192.168.0.1"]
        {
            assert!(Proxy::parse(url, &open).is_err(), "{url}");
        }
    }

    #[test]
    fn statuses_are_read() {
        for (head, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Some(200)),
            ("HTTP/1.0 407 Auth\r\n\r\n", Some(407)),
            ("HTTP/1.1 2\r\n\r\n", None),
            ("SSH-2.0-x\r\n\r\n", None),
            ("\r\n\r\n", None),
        ] {
            assert_eq!(status(head.as_bytes()), expected, "{head}");
        }
    }
}
