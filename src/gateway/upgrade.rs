//! WebSocket upgrades: who asks for one, whether the backend agreed, and passing bytes until one side ends.
//!
//! Only `GET` over HTTP/1.1 with `Upgrade: websocket` is an upgrade (RFC 6455); every other `Upgrade` is a
//! hop-by-hop header like any other and goes no further. Extended CONNECT over HTTP/2 (RFC 8441) is not offered.

use std::{
    io,
    pin::pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::listener::Drain;
use crate::exchange::{Fault, FaultKind};

/// Bytes held per direction while splicing.
const BUFFER: usize = 8 << 10;

/// Time for what follows the end of one direction: a client's answer to a close, a backend's last words. Browsers
/// and SDKs answer a close at once.
const LAST_WORDS: Duration = Duration::from_secs(3);

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
    /// Both directions were finished, or all that the backend had to say was passed on.
    Complete,
    /// The client went away.
    ClientGone,
    /// The backend broke off.
    Broken,
    /// Neither side sent anything for the idle time.
    Idle,
    /// The process went down.
    Ended,
    /// The quota is used up: what the backend said so far was passed on, and the words that end the session.
    Spent,
}

/// Where a session ends, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// So many bytes of what has just come still go to the client.
    pub at: usize,
    /// What it is told after them.
    pub ending: Vec<u8>,
}

/// Sees what one side says before the other does, and may end the session there.
pub trait Watch: Send {
    /// These bytes came; where the session ends with them, if it does. They go on once this is told.
    fn hear(&mut self, bytes: &[u8]) -> impl Future<Output = Option<Cut>> + Send;
}

/// Nobody watches.
impl Watch for () {
    async fn hear(&mut self, _: &[u8]) -> Option<Cut> {
        None
    }
}

/// Tells the other direction that the session is spent.
struct Telling<'a, W>(W, &'a AtomicBool);

impl<W: Watch> Watch for Telling<'_, W> {
    async fn hear(&mut self, bytes: &[u8]) -> Option<Cut> {
        let cut = self.0.hear(bytes).await?;
        self.1.store(true, Relaxed);
        Some(cut)
    }
}

/// Falls silent when the session is spent.
struct Until<'a>(&'a AtomicBool);

impl Watch for Until<'_> {
    async fn hear(&mut self, _: &[u8]) -> Option<Cut> {
        self.0.load(Relaxed).then(|| Cut { at: 0, ending: Vec::new() })
    }
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
///
/// A client that has finished still hears the backend out; a backend that has finished waits for its client a few
/// seconds only, or clients that never close would add up. `watch` sees what the backend says, before the client does,
/// and may end the session: then nothing of the client's goes to the backend any more.
pub async fn splice(client: OnUpgrade, server: OnUpgrade, idle: Duration, drain: &Drain, watch: impl Watch) -> Spliced {
    let _open = drain.open();
    let client = async { client.await.map_err(|_| End::ClientGone) };
    let server = async { server.await.map_err(|_| End::Broken) };
    match tokio::try_join!(client, server) {
        Ok((client, server)) => pass(TokioIo::new(client), TokioIo::new(server), idle, drain, watch).await,
        Err(end) => Spliced { up: 0, down: 0, end },
    }
}

async fn pass<C, S>(client: C, server: S, idle: Duration, drain: &Drain, watch: impl Watch) -> Spliced
where
    C: AsyncRead + AsyncWrite,
    S: AsyncRead + AsyncWrite,
{
    let (up, down) = (AtomicU64::new(0), AtomicU64::new(0));
    let (client_reads, client_writes) = tokio::io::split(client);
    let (server_reads, server_writes) = tokio::io::split(server);
    let spent = AtomicBool::new(false);
    let watch = Telling(watch, &spent);
    let both = both_ways(
        pump_until(client_reads, server_writes, &up, &spent),
        pump(server_reads, client_writes, &down, watch),
    );
    let end = tokio::select! {
        end = both => end,
        () = silence(&up, &down, idle) => End::Idle,
        () = drain.ended() => End::Ended,
    };
    let end = if spent.load(Relaxed) { End::Spent } else { end };
    Spliced { up: up.load(Relaxed), down: down.load(Relaxed), end }
}

/// Which side of a pump failed.
enum Broke {
    Source,
    Sink,
}

/// Runs both directions and says who ended it: whoever did so first, not who could not go on without the other.
async fn both_ways(up: impl Future<Output = Result<(), Broke>>, down: impl Future<Output = Result<(), Broke>>) -> End {
    let (mut up, mut down) = (pin!(up), pin!(down));
    tokio::select! {
        upward = &mut up => match upward {
            Ok(()) => down.await.map_or(End::ClientGone, |()| End::Complete),
            Err(Broke::Source) => End::ClientGone,
            // The backend takes nothing more; its last words may be on their way.
            Err(Broke::Sink) => match timeout(LAST_WORDS, down).await {
                Ok(Ok(())) => End::Complete,
                Ok(Err(Broke::Sink)) => End::ClientGone,
                Ok(Err(Broke::Source)) | Err(_) => End::Broken,
            },
        },
        downward = &mut down => match downward {
            Ok(()) => {
                // However the client takes it, the backend was heard out.
                drop(timeout(LAST_WORDS, up).await);
                End::Complete
            }
            Err(Broke::Sink) => End::ClientGone,
            Err(Broke::Source) => End::Broken,
        },
    }
}

/// Passes on until `watch` cuts it off or the source ends.
async fn pump(
    from: impl AsyncRead,
    to: impl AsyncWrite,
    count: &AtomicU64,
    mut watch: impl Watch,
) -> Result<(), Broke> {
    let (mut from, mut to) = (pin!(from), pin!(to));
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await.map_err(|_| Broke::Source)?;
        if let Some(cut) = watch.hear(&buffer[..read]).await {
            deliver(&mut to, &[&buffer[..cut.at], &cut.ending].concat()).await.map_err(|_| Broke::Sink)?;
            count.fetch_add(cut.at as u64, Relaxed);
            return to.shutdown().await.map_err(|_| Broke::Sink);
        }
        if read == 0 {
            return to.shutdown().await.map_err(|_| Broke::Sink);
        }
        deliver(&mut to, &buffer[..read]).await.map_err(|_| Broke::Sink)?;
        count.fetch_add(read as u64, Relaxed);
    }
}

/// Passes on until the session is spent; after that the source is only heard out, so that its connection does not
/// break under the last words to it.
async fn pump_until(
    from: impl AsyncRead,
    to: impl AsyncWrite,
    count: &AtomicU64,
    spent: &AtomicBool,
) -> Result<(), Broke> {
    let mut from = pin!(from);
    pump(from.as_mut(), to, count, Until(spent)).await?;
    let mut buffer = vec![0; BUFFER];
    while spent.load(Relaxed) && from.read(&mut buffer).await.map_err(|_| Broke::Source)? > 0 {}
    Ok(())
}

async fn deliver(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
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
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::ReadBuf;

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
        let (answer, spliced) = tokio::join!(play, pass(near, far, Duration::from_secs(5), &drain, ()));
        assert_eq!(answer, b"pingpong");
        assert_eq!(spliced, Spliced { up: 4, down: 8, end: End::Complete });
    }

    /// What `pass` makes of these two, with an idle time far beyond anything else.
    async fn passed(client: impl AsyncRead + AsyncWrite, server: impl AsyncRead + AsyncWrite) -> Spliced {
        pass(client, server, Duration::from_secs(3_600), &Drain::default(), ()).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stays_when_the_backend_has_ended_is_not_waited_for() {
        let (mut client, near) = tokio::io::duplex(64);
        let (mut server, far) = tokio::io::duplex(64);
        server.write_all(b"bye").await.unwrap();
        drop(server);
        let spliced = timeout(Duration::from_secs(10), passed(near, far)).await.expect("ended by itself");
        assert_eq!(spliced, Spliced { up: 0, down: 3, end: End::Complete });
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"bye");
    }

    #[tokio::test(start_paused = true)]
    async fn who_breaks_off_is_told_apart() {
        let resets = || tokio::io::join(Reset, tokio::io::sink());
        let (_stays, near) = tokio::io::duplex(64);
        assert_eq!(passed(resets(), near).await.end, End::ClientGone);
        let (_stays, far) = tokio::io::duplex(64);
        assert_eq!(passed(far, resets()).await.end, End::Broken);

        let (client, near) = tokio::io::duplex(64);
        let (mut server, far) = tokio::io::duplex(64);
        server.write_all(b"for nobody").await.unwrap();
        drop(client);
        assert_eq!(passed(near, far).await.end, End::ClientGone);
    }

    /// A connection that was reset.
    struct Reset;

    impl AsyncRead for Reset {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_shutdown_end_a_splice() {
        let (_client, near) = tokio::io::duplex(64);
        let (_server, far) = tokio::io::duplex(64);
        let drain = Drain::default();
        let spliced = pass(near, far, Duration::from_secs(60), &drain, ()).await;
        assert_eq!(spliced.end, End::Idle);

        let (_client, near) = tokio::io::duplex(64);
        let (_server, far) = tokio::io::duplex(64);
        drain.end();
        assert_eq!(pass(near, far, Duration::from_secs(60), &drain, ()).await.end, End::Ended);
    }
}
