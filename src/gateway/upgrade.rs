//! WebSocket upgrades: who asks for one, whether the backend agreed, and passing bytes until one side ends.
//!
//! Only `GET` over HTTP/1.1 with `Upgrade: websocket` is an upgrade (RFC 6455); every other `Upgrade` is a
//! hop-by-hop header like any other and goes no further. Extended CONNECT over HTTP/2 (RFC 8441) is not offered.

use std::{
    io,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::listener::Drain;
use crate::exchange::{Fault, FaultKind};

/// Bytes held per direction while splicing.
const BUFFER: usize = 8 << 10;

/// Proof that a request asked for a WebSocket in due form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upgrade(());

/// Whether this request asks for a WebSocket.
#[must_use]
pub fn wanted(parts: &Parts) -> Option<Upgrade> {
    let asks = parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && has_word(&parts.headers, header::CONNECTION, "upgrade")
        && is_websocket(&parts.headers);
    asks.then_some(Upgrade(()))
}

impl Upgrade {
    /// Puts the hop-by-hop headers of an upgrade back on a stripped request or on the 101 answer.
    pub fn announce(self, headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
}

/// Whether the backend's answer switches protocols, as asked. A 101 nobody asked for, or one to another protocol,
/// is a fault of the backend: relaying it would hand a raw tunnel to the client (CVE-2026-2833's class).
pub fn accepted(asked: Option<Upgrade>, status: StatusCode, headers: &HeaderMap) -> Result<bool, Fault> {
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(false);
    }
    if asked.is_some() && is_websocket(headers) {
        return Ok(true);
    }
    Err(Fault::new(FaultKind::BackendUnreachable, "The backend switched protocols although nobody asked for that."))
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::UPGRADE).iter();
    let line = lines.next().filter(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    line.is_some() && lines.next().is_none()
}

fn has_word(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
}

/// Why a splice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both directions were finished.
    Complete,
    /// One side broke off.
    Broken,
    /// Neither side sent anything for the idle time.
    Idle,
    /// The process went down.
    Ended,
}

/// What passed and why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spliced {
    /// Bytes from the client to the backend.
    pub up: u64,
    /// Bytes from the backend to the client.
    pub down: u64,
    /// Why it ended.
    pub end: End,
}

/// Passes bytes both ways between two upgraded connections until both directions are finished, one breaks, nothing
/// moves for `idle`, or the drain ends open exchanges. Counts as an open exchange of `drain` while it runs.
pub async fn splice(client: OnUpgrade, server: OnUpgrade, idle: Duration, drain: &Drain) -> Spliced {
    let _open = drain.open();
    match tokio::try_join!(client, server) {
        Ok((client, server)) => pass(TokioIo::new(client), TokioIo::new(server), idle, drain).await,
        Err(_) => Spliced { up: 0, down: 0, end: End::Broken },
    }
}

async fn pass<C, S>(client: C, server: S, idle: Duration, drain: &Drain) -> Spliced
where
    C: AsyncRead + AsyncWrite,
    S: AsyncRead + AsyncWrite,
{
    let (up, down) = (AtomicU64::new(0), AtomicU64::new(0));
    let (client_reads, client_writes) = tokio::io::split(client);
    let (server_reads, server_writes) = tokio::io::split(server);
    let both = async {
        tokio::try_join!(pump(client_reads, server_writes, &up), pump(server_reads, client_writes, &down)).is_ok()
    };
    let end = tokio::select! {
        finished = both => if finished { End::Complete } else { End::Broken },
        () = silence(&up, &down, idle) => End::Idle,
        () = drain.ended() => End::Ended,
    };
    Spliced { up: up.load(Relaxed), down: down.load(Relaxed), end }
}

async fn pump(from: impl AsyncRead, to: impl AsyncWrite, count: &AtomicU64) -> io::Result<()> {
    let (mut from, mut to) = (pin!(from), pin!(to));
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
        to.flush().await?;
        count.fetch_add(read as u64, Relaxed);
    }
}

/// Ends when nothing moved for between one and one and a quarter times `idle`.
async fn silence(up: &AtomicU64, down: &AtomicU64, idle: Duration) {
    const LOOKS: u32 = 4;
    let (mut seen, mut quiet) = ((0, 0), 0);
    while quiet <= LOOKS {
        tokio::time::sleep(idle / LOOKS).await;
        let now = (up.load(Relaxed), down.load(Relaxed));
        quiet = if now == seen { quiet + 1 } else { 0 };
        seen = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Method, version, headers, whether it is an upgrade.
    type Case<'a> = (&'a str, Version, &'a [(&'static str, &'static str)], bool);

    fn parts(method: &str, version: Version, lines: &[(&'static str, &'static str)]) -> Parts {
        let mut builder = http::Request::builder().method(method).uri("/").version(version);
        for (name, value) in lines {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_a_websocket_in_due_form_is_an_upgrade() {
        let due = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
        let cases: &[Case<'_>] = &[
            ("GET", Version::HTTP_11, &due, true),
            ("POST", Version::HTTP_11, &due, false),
            ("GET", Version::HTTP_10, &due, false),
            ("GET", Version::HTTP_2, &due, false),
            ("GET", Version::HTTP_11, &[("upgrade", "websocket")], false),
            ("GET", Version::HTTP_11, &[("connection", "upgrade"), ("upgrade", "h2c")], false),
            ("GET", Version::HTTP_11, &[("connection", "upgrade"), ("upgrade", "websocket, h2c")], false),
            ("GET", Version::HTTP_11, &[("connection", "upgrade"), ("upgrade", "websocket"), ("upgrade", "x")], false),
            ("GET", Version::HTTP_11, &[("connection", "upgrade")], false),
        ];
        for (method, version, lines, expected) in cases {
            assert_eq!(wanted(&parts(method, *version, lines)).is_some(), *expected, "{method} {version:?} {lines:?}");
        }
    }

    #[test]
    fn a_101_nobody_asked_for_is_the_backends_fault() {
        let agreed = parts("GET", Version::HTTP_11, &[("upgrade", "websocket")]).headers;
        let other = parts("GET", Version::HTTP_11, &[("upgrade", "h2c")]).headers;
        let (asked, switching) = (Some(Upgrade(())), StatusCode::SWITCHING_PROTOCOLS);
        assert!(accepted(asked, switching, &agreed).expect("agreed"));
        assert!(!accepted(asked, StatusCode::OK, &agreed).expect("declined"));
        assert!(!accepted(None, StatusCode::OK, &agreed).expect("ordinary"));
        for (asked, headers) in [(None, &agreed), (asked, &other), (None, &other), (asked, &HeaderMap::new())] {
            assert_eq!(accepted(asked, switching, headers).expect_err("refused").kind.status(), 502);
        }
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_and_half_closes_are_kept() {
        let (mut client, near) = tokio::io::duplex(64);
        let (mut server, far) = tokio::io::duplex(64);
        let drain = Drain::default();
        let play = async {
            client.write_all(b"ping").await.unwrap();
            client.shutdown().await.unwrap();
            let mut heard = Vec::new();
            server.read_to_end(&mut heard).await.unwrap();
            server.write_all(&heard).await.unwrap();
            server.write_all(b"pong").await.unwrap();
            drop(server);
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let (answer, spliced) = tokio::join!(play, pass(near, far, Duration::from_secs(5), &drain));
        assert_eq!(answer, b"pingpong");
        assert_eq!(spliced, Spliced { up: 4, down: 8, end: End::Complete });
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_shutdown_end_a_splice() {
        let (_client, near) = tokio::io::duplex(64);
        let (_server, far) = tokio::io::duplex(64);
        let drain = Drain::default();
        let spliced = pass(near, far, Duration::from_secs(60), &drain).await;
        assert_eq!(spliced.end, End::Idle);

        let (_client, near) = tokio::io::duplex(64);
        let (_server, far) = tokio::io::duplex(64);
        drain.end();
        assert_eq!(pass(near, far, Duration::from_secs(60), &drain).await.end, End::Ended);
    }
}
