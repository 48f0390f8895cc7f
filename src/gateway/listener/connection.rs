//! One connection from accept to close: TLS, HTTP, and the reasons to close it.

use std::{
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    Service,
    caps::Place,
    clients::Asking,
    door::{Door, House},
    drain::Drain,
    watch::Watch,
    wire::{Deadlines, Wire},
};
use crate::{gateway::peer::Peer, settings::server::Listener, telemetry::metrics::Sight};

/// Longest TLS handshake; the header timeout where that is shorter.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a connection may still take to flush after exchanges were ended.
pub(super) const FLUSH: Duration = Duration::from_secs(2);

/// HTTP/2 pings find peers that vanished without a word: one after 30 s without frames, 20 s for its answer.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_ANSWER: Duration = Duration::from_secs(20);

/// HTTP/2 receive windows, per stream and per connection: enough for 40 Mbit/s at 50 ms, and a bound for what a
/// client can make us hold.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Bytes of an answer held per HTTP/2 stream for a client that reads slower than the backend sends.
const SEND_BUFFER: usize = 64 << 10;

/// Smallest read buffer that hyper accepts; smaller limits of heads are checked by `admission`.
const LEAST_BUFFER: usize = 8 << 10;

/// The HTTP/1 settings of a listener. hyper's own header timer is off: it would also bound the wait between
/// requests, and it costs an allocation a request; `wire` and `watch` keep those times apart.
fn http1(settings: &Listener) -> http1::Builder {
    let head = usize::try_from(settings.max_header_size.0).unwrap_or(usize::MAX);
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_buf_size(head.max(LEAST_BUFFER));
    builder
}

/// The settings of a connection that may speak either version.
fn either(settings: &Listener) -> auto::Builder<TokioExecutor> {
    let head = usize::try_from(settings.max_header_size.0).unwrap_or(usize::MAX);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .header_read_timeout(None)
        .max_buf_size(head.max(LEAST_BUFFER))
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .max_concurrent_streams(settings.max_concurrent_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_ANSWER);
    builder
}

/// How to serve each version. Where it is known to be HTTP/1, hyper serves without hyper-util's guess, which reads the
/// first 24 bytes and hands them on by themselves: the read buffer would grow to twice its size at once.
pub(super) struct Protocols {
    http1: http1::Builder,
    either: auto::Builder<TokioExecutor>,
}

impl Protocols {
    pub(super) fn new(settings: &Listener) -> Self {
        Self { http1: http1(settings), either: either(settings) }
    }
}

/// What is known of a connection's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http1,
    Either,
}

impl Version {
    /// By the first bytes in the clear: no other method begins with `PRI` (RFC 9113 3.4).
    fn by_start(start: &[u8]) -> Self {
        if matches!(start, b"P" | b"PR" | b"PRI") { Self::Either } else { Self::Http1 }
    }

    /// By what ALPN settled.
    fn by_alpn(settled: Option<&[u8]>) -> Self {
        if settled == Some(b"http/1.1") { Self::Http1 } else { Self::Either }
    }
}

/// What it takes to serve connections.
pub(super) struct Server<S> {
    pub(super) house: Arc<House<S>>,
    pub(super) protocols: Protocols,
    pub(super) tls: Option<TlsAcceptor>,
    /// Judges the certificates that clients show.
    pub(super) asking: Option<Arc<Asking>>,
    pub(super) drain: Drain,
    pub(super) sight: Sight,
}

impl<S: Service> Server<S> {
    /// Serves one accepted socket in a task of its own, until it is closed.
    pub(super) fn start(self: &Arc<Self>, socket: TcpStream, addr: SocketAddr, place: Place) {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, %addr, "connection gone before it began");
            return;
        }
        let (server, open) = (Arc::clone(self), self.sight.connected());
        let peer = Arc::new(Peer::of(addr, self.tls.is_some(), &self.house.trusted));
        // Two tasks rather than one with two branches: a plain connection does not carry the space of a TLS one.
        let task = match self.tls.clone() {
            None => tokio::spawn(async move {
                let _open = open;
                let mut start = [0; 3];
                if let Some(seen) = server.peek(&socket, &mut start).await {
                    server.drive(socket, Version::by_start(&start[..seen]), peer, place).await;
                }
            }),
            Some(tls) => tokio::spawn(async move {
                let _open = open;
                if let Some(stream) = server.shake(tls, socket, addr).await {
                    let version = Version::by_alpn(stream.get_ref().1.alpn_protocol());
                    let peer = server.shown(&stream, peer);
                    Box::pin(server.drive(stream, version, peer, place)).await;
                }
            }),
        };
        drop(task);
    }

    /// Waits for the first bytes and leaves them unread; `None`: nothing came in time, or the listener goes down.
    async fn peek(&self, socket: &TcpStream, start: &mut [u8]) -> Option<usize> {
        tokio::select! {
            seen = tokio::time::timeout(self.house.settings.header_timeout.0, socket.peek(start)) => seen.ok()?.ok(),
            () = self.drain.started() => None,
        }
    }

    /// The peer, with the certificate that it has shown.
    fn shown(&self, stream: &TlsStream<TcpStream>, peer: Arc<Peer>) -> Arc<Peer> {
        let asking = self.asking.as_ref();
        match asking.and_then(|asking| asking.client(stream.get_ref().1.peer_certificates())) {
            None => peer,
            certificate => Arc::new(Peer { certificate, ..Peer::clone(&peer) }),
        }
    }

    async fn shake(&self, tls: TlsAcceptor, socket: TcpStream, addr: SocketAddr) -> Option<TlsStream<TcpStream>> {
        let limit = HANDSHAKE.min(self.house.settings.header_timeout.0);
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(limit, tls.accept(socket)) => shaken,
            () = self.drain.ended() => return None,
        };
        match shaken {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                self.sight.refused("tls");
                tracing::debug!(%error, %addr, "TLS handshake failed");
                None
            }
            Err(_) => {
                self.sight.refused("tls_timeout");
                None
            }
        }
    }

    async fn drive<T>(&self, io: T, version: Version, peer: Arc<Peer>, place: Place)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let settings = &self.house.settings;
        let watch = Watch::new(self.drain.clone());
        let door = Door { house: Arc::clone(&self.house), watch: Arc::clone(&watch), peer };
        let deadlines = Deadlines { head: settings.header_timeout.0, write: settings.write_timeout.0 };
        let wire = Wire::new(io, Arc::clone(&watch), door.words(), deadlines, place);
        let wire = TokioIo::new(wire);
        match version {
            Version::Http1 => {
                let connection = self.protocols.http1.serve_connection(wire, door).with_upgrades();
                self.attend(connection, http1::UpgradeableConnection::graceful_shutdown, &watch).await;
            }
            // Boxed: the larger one, and the rarer.
            Version::Either => {
                let connection = self.protocols.either.serve_connection_with_upgrades(wire, door);
                Box::pin(self.attend(connection, auto::UpgradeableConnection::graceful_shutdown, &watch)).await;
            }
        }
    }

    /// Serves until the connection ends, or there is a reason to end it; `close` asks it to.
    async fn attend<C, E>(&self, connection: C, close: impl Fn(Pin<&mut C>), watch: &Watch)
    where
        C: Future<Output = Result<(), E>>,
        E: std::fmt::Display,
    {
        let settings = &self.house.settings;
        let mut connection = pin!(connection);
        let mut reasons = once(async {
            tokio::select! {
                () = watch.idle(settings.header_timeout.0, settings.keep_alive.0) => {}
                () = watch.sweep(settings.write_timeout.0) => {}
                () = self.drain.started() => {}
            }
        });
        tokio::select! {
            biased;
            outcome = connection.as_mut() => return log(outcome),
            _ = reasons.next() => close(connection.as_mut()),
        }
        let mut reasons = once(async {
            tokio::select! {
                () = watch.sweep(settings.write_timeout.0) => {}
                () = watch.abandoned(FLUSH) => {}
            }
        });
        tokio::select! {
            biased;
            outcome = connection.as_mut() => log(outcome),
            _ = reasons.next() => tracing::debug!("connection dropped: the client does not let it close"),
        }
    }
}

/// A future that is only polled when it was itself woken: the connection beside it wakes for every chunk. Boxed, because
/// a set of futures has room for one more than it holds.
fn once<F: Future>(future: F) -> FuturesUnordered<Pin<Box<F>>> {
    [Box::pin(future)].into_iter().collect()
}

fn log(outcome: Result<(), impl std::fmt::Display>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection ended");
    }
}
