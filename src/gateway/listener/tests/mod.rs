//! The port over real sockets: a small service behind it, raw bytes and real clients in front.

mod battery;
mod http2;
mod limits;
mod tls;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::StreamExt;
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

use super::*;
use crate::gateway::{admission, upgrade};

/// Longer than anything a passing test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers by path; see `Echo::handle`.
#[derive(Default)]
struct Echo {
    /// Held by every endless answer and every hanging request.
    streaming: Arc<()>,
    drain: Drain,
}

type TestBody = UnsyncBoxBody<Bytes, BoxError>;

fn text(status: u16, text: impl Into<Bytes>) -> Response<TestBody> {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(status).header("x-request-id", "test").body(body).unwrap()
}

impl Echo {
    /// `METHOD path authority body`, and the trailer `x-sum` when there was one.
    async fn echo(request: Request<Inbound>) -> Response<TestBody> {
        let (parts, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => body,
            Err(fault) => return text(fault.kind.status(), fault.to_string()),
        };
        let line = format!("{} {} {}", parts.method, parts.uri.path(), admission::authority(&parts));
        let sum = body.trailers().and_then(|map| map.get("x-sum")).map(|sum| format!(" sum={}", sum.to_str().unwrap()));
        text(200, format!("{line} {}{}", String::from_utf8_lossy(&body.to_bytes()), sum.unwrap_or_default()))
    }

    /// Sends data for ever and counts as held until dropped.
    fn endless(&self) -> Response<TestBody> {
        let held = Arc::clone(&self.streaming);
        let frames = futures_util::stream::repeat_with(move || {
            assert!(Arc::strong_count(&held) > 1);
            Ok::<_, BoxError>(Frame::data(Bytes::from_static(&[b'x'; 16384])))
        });
        Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)))
    }

    /// Sends one chunk, then nothing until the drain ends it with an error.
    fn until_ended(&self) -> Response<TestBody> {
        let drain = self.drain.clone();
        let first = futures_util::stream::iter([Ok(Frame::data(Bytes::from_static(b"begun\n")))]);
        let last = futures_util::stream::once(async move {
            drain.ended().await;
            Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"event: error\n")))
        });
        let cut = futures_util::stream::iter([Err::<Frame<Bytes>, BoxError>("ended".into())]);
        Response::new(BodyExt::boxed_unsync(StreamBody::new(first.chain(last).chain(cut))))
    }

    fn trailers() -> Response<TestBody> {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-sum", "42".parse().unwrap());
        let frames = [Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"data"))), Ok(Frame::trailers(trailers))];
        let body = BodyExt::boxed_unsync(StreamBody::new(futures_util::stream::iter(frames)));
        Response::builder().header("trailer", "x-sum").body(body).unwrap()
    }

    /// A tunnel that sends everything back.
    fn tunnel(&self, mut request: Request<Inbound>) -> Response<TestBody> {
        let client = hyper::upgrade::on(&mut request);
        let drain = self.drain.clone();
        tokio::spawn(async move {
            let _open = drain.open();
            let stream = hyper_util::rt::TokioIo::new(client.await.unwrap());
            let (mut reads, mut writes) = tokio::io::split(stream);
            tokio::select! {
                copied = tokio::io::copy(&mut reads, &mut writes) => drop(copied),
                () = drain.ended() => {}
            }
        });
        let mut response = text(101, "");
        let (parts, _) = request.into_parts();
        upgrade::wanted(&parts).expect("asked").announce(response.headers_mut());
        response
    }
}

impl Service for Echo {
    type Body = TestBody;

    async fn handle(self: &Arc<Self>, request: Request<Inbound>, peer: Arc<Peer>) -> Response<TestBody> {
        match request.uri().path() {
            "/early" => text(401, "no"),
            "/peer" => text(200, format!("{} {} {}", peer.client, peer.scheme, peer.trusted)),
            "/endless" => self.endless(),
            "/until-ended" => self.until_ended(),
            "/trailers" => Self::trailers(),
            "/tunnel" => self.tunnel(request),
            "/hang" => {
                let _held = Arc::clone(&self.streaming);
                std::future::pending().await
            }
            "/panic" => panic!("the test asked for it"),
            _ => Self::echo(request).await,
        }
    }

    fn refuse(self: &Arc<Self>, fault: Fault, _: &Parts, _: Arc<Peer>) -> Response<TestBody> {
        text(fault.kind.status(), format!("{}: {fault}", fault.kind.code()))
    }
}

impl Echo {
    /// Endless answers and hanging requests that are still held.
    fn held(&self) -> usize {
        Arc::strong_count(&self.streaming) - 1
    }
}

/// A served port.
struct Port {
    addr: SocketAddr,
    drain: Drain,
    service: Arc<Echo>,
    served: JoinHandle<()>,
}

impl Port {
    fn open() -> Self {
        Self::with(|_| {})
    }

    fn with(adjust: impl FnOnce(&mut Listener)) -> Self {
        Self::behind(TrustedProxies::default(), adjust)
    }

    fn behind(trusted: TrustedProxies, adjust: impl FnOnce(&mut Listener)) -> Self {
        let mut settings = Listener { listen: ([127, 0, 0, 1], 0).into(), ..Listener::default() };
        adjust(&mut settings);
        let bound = bind(&settings).unwrap().served_by(Arc::new(Workers::start().unwrap()));
        let (addr, drain) = (bound.addr(), Drain::default());
        let service = Arc::new(Echo { drain: drain.clone(), ..Echo::default() });
        let served = tokio::spawn(serve(bound, settings, trusted, Arc::clone(&service), drain.clone()));
        Self { addr, drain, service, served }
    }

    async fn client(&self) -> Client {
        Client { socket: TcpStream::connect(self.addr).await.unwrap(), unread: Vec::new() }
    }
}

/// A client that speaks raw HTTP/1.
struct Client {
    socket: TcpStream,
    unread: Vec<u8>,
}

/// An answer as read from the wire.
#[derive(Debug)]
struct Seen {
    status: u16,
    head: String,
    body: String,
}

impl Client {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The server may close while a long request is still being written: what it said is what counts.
        let sent = self.socket.write_all(bytes.as_ref()).await;
        drop(sent);
    }

    /// One more read; false at the end of the stream.
    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.socket.read_buf(&mut self.unread)).await;
        read.expect("the server says something or closes").is_ok_and(|read| read > 0)
    }

    async fn until(&mut self, mark: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.unread, mark) {
                let rest = self.unread.split_off(at + mark.len());
                return Some(String::from_utf8(std::mem::replace(&mut self.unread, rest)).unwrap());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<String> {
        while self.unread.len() < length {
            if !self.more().await {
                return None;
            }
        }
        let rest = self.unread.split_off(length);
        Some(String::from_utf8(std::mem::replace(&mut self.unread, rest)).unwrap())
    }

    /// The next answer with a Content-Length, or `None` when the connection ends instead.
    async fn answer(&mut self) -> Option<Seen> {
        let head = self.until(b"\r\n\r\n").await?;
        let status = head[9..12].parse().unwrap();
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let body = self.exactly(length.unwrap_or(0)).await?;
        Some(Seen { status, head, body })
    }

    /// Whether the connection answers one more request.
    async fn is_open(&mut self) -> bool {
        self.send("GET /probe HTTP/1.1\r\nHost: a\r\n\r\n").await;
        self.answer().await.is_some_and(|seen| seen.status == 200)
    }

    async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned()
    }
}

/// Waits until `condition` holds.
async fn eventually(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the condition comes true");
}
