//! The load driver: closed loop, open loop (latency from the planned arrival), the same with short streams, many streams
//! at once, held streams.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use tokio::{net::TcpStream, time::Instant};

/// Anything that can go wrong while driving load.
pub type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Connections that an open loop spreads its arrivals over.
const OPEN_CONNECTIONS: u32 = 32;

/// What to send where.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// `127.0.0.1:port`.
    pub address: String,
    /// Path of the chat completions.
    pub path: String,
    /// Bearer token.
    pub key: Option<String>,
    /// Bytes of prompt.
    pub prompt: usize,
    /// How.
    pub shape: Shape,
    /// For how long.
    pub time: Duration,
}

/// How the load comes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Shape {
    /// As fast as this many connections go.
    Closed {
        /// Connections.
        connections: u32,
    },
    /// One after each interval, whatever the answers do.
    Open {
        /// Time between two arrivals.
        every: Duration,
    },
    /// A short stream after each interval, whatever the others do: for the time to the first byte.
    Paced {
        /// Time between two arrivals.
        every: Duration,
    },
    /// This many streams at once, each followed to its end.
    Streams {
        /// Streams.
        count: u32,
    },
    /// This many streams opened and held.
    Hold {
        /// Streams.
        count: u32,
    },
}

/// What was seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    /// Whole answers (or open streams).
    pub done: u64,
    /// Anything else.
    pub failed: u64,
    /// Chunks of streams.
    pub chunks: u64,
    /// Latencies (first bytes of streams) in microseconds, sorted.
    pub micros: Vec<u32>,
}

impl Seen {
    /// The latency that this many of a thousand stay under, in microseconds.
    #[must_use]
    pub fn permille(&self, of_thousand: usize) -> u32 {
        let at = self.micros.len() * of_thousand / 1000;
        self.micros.get(at.min(self.micros.len().saturating_sub(1))).copied().unwrap_or(0)
    }

    fn join(&mut self, other: Self) {
        self.done += other.done;
        self.failed += other.failed;
        self.chunks += other.chunks;
        self.micros.extend(other.micros);
    }
}

/// Puts the load on; `opened` is called once all streams of [`Shape::Hold`] are open.
///
/// # Errors
/// When a worker panics.
pub async fn drive(order: Order, opened: impl FnOnce()) -> Result<Seen, AnyError> {
    let driver = Arc::new(Driver::new(order));
    let mut tasks = Vec::new();
    for worker in 0..driver.workers() {
        if driver.is_once() && worker % 50 == 49 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let driver = driver.clone();
        tasks.push(tokio::spawn(async move { driver.work(worker).await }));
    }
    if let Shape::Hold { count } = driver.order.shape {
        driver.hold(count, opened).await;
    }
    let mut all = Seen::default();
    for task in tasks {
        all.join(task.await?);
    }
    all.micros.sort_unstable();
    Ok(all)
}

struct Driver {
    order: Order,
    body: Bytes,
    began: Instant,
    over: AtomicBool,
    open: AtomicUsize,
}

type Sender = http1::SendRequest<Full<Bytes>>;

impl Driver {
    fn new(order: Order) -> Self {
        let flags = match order.shape {
            Shape::Closed { .. } | Shape::Open { .. } => "",
            Shape::Paced { .. } => r#""stream":true,"brief":true,"#,
            Shape::Streams { .. } => r#""stream":true,"#,
            Shape::Hold { .. } => r#""stream":true,"hold":true,"#,
        };
        let prompt = "word ".repeat(order.prompt / 5);
        let body = format!(r#"{{"model":"m",{flags}"messages":[{{"role":"user","content":"{prompt}"}}]}}"#);
        let (over, open) = (AtomicBool::new(false), AtomicUsize::new(0));
        Self { order, body: body.into(), began: Instant::now(), over, open }
    }

    fn workers(&self) -> u32 {
        match self.order.shape {
            Shape::Closed { connections } => connections,
            Shape::Open { .. } | Shape::Paced { .. } => OPEN_CONNECTIONS,
            Shape::Streams { count } | Shape::Hold { count } => count,
        }
    }

    fn is_stream(&self) -> bool {
        matches!(self.order.shape, Shape::Paced { .. } | Shape::Streams { .. } | Shape::Hold { .. })
    }

    /// Whether each worker opens one stream only.
    fn is_once(&self) -> bool {
        matches!(self.order.shape, Shape::Streams { .. } | Shape::Hold { .. })
    }

    /// Waits until all streams are open, says so, and keeps them for the order's time.
    async fn hold(&self, count: u32, opened: impl FnOnce()) {
        for _ in 0..600 {
            if self.open.load(Relaxed) >= usize::try_from(count).unwrap_or(usize::MAX) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        opened();
        tokio::time::sleep(self.order.time).await;
        self.over.store(true, Relaxed);
    }

    async fn work(&self, worker: u32) -> Seen {
        let mut seen = Seen::default();
        let mut connection = None;
        let mut turn = worker;
        loop {
            let planned = self.planned(turn).await;
            if !self.is_once() && planned > self.began + self.order.time {
                return seen;
            }
            if self.one(&mut connection, planned, &mut seen).await.is_ok() {
                seen.done += 1;
            } else {
                seen.failed += 1;
                connection = None;
            }
            if self.is_once() {
                return seen;
            }
            turn += self.workers();
        }
    }

    /// Waits for this turn's planned arrival; latency counts from there, so that a slow answer delays nobody's clock.
    async fn planned(&self, turn: u32) -> Instant {
        let (Shape::Open { every } | Shape::Paced { every }) = self.order.shape else { return Instant::now() };
        let planned = self.began + every * turn;
        tokio::time::sleep_until(planned).await;
        planned
    }

    async fn one(&self, connection: &mut Option<Sender>, from: Instant, seen: &mut Seen) -> Result<(), AnyError> {
        if connection.is_none() {
            *connection = Some(self.connect().await?);
        }
        let sender = connection.as_mut().expect("just connected");
        sender.ready().await?;
        let answer = sender.send_request(self.request()?).await?;
        if !answer.status().is_success() {
            return Err(format!("status {}", answer.status()).into());
        }
        self.follow(answer.into_body(), from, seen).await
    }

    async fn follow(&self, mut body: hyper::body::Incoming, from: Instant, seen: &mut Seen) -> Result<(), AnyError> {
        let is_stream = self.is_stream();
        let (mut is_first, mut is_whole) = (true, !is_stream);
        while let Some(frame) = body.frame().await {
            let frame = frame?;
            let Some(data) = frame.data_ref() else { continue };
            seen.chunks += memmem::find_iter(data, b"data: ").count() as u64;
            is_whole |= memmem::find(data, b"[DONE]").is_some();
            if is_stream && std::mem::take(&mut is_first) {
                seen.micros.push(micros(from));
                self.open.fetch_add(1, Relaxed);
            }
            if self.over.load(Relaxed) {
                return Ok(());
            }
        }
        if !is_stream {
            seen.micros.push(micros(from));
        }
        if is_whole { Ok(()) } else { Err("incomplete".into()) }
    }

    async fn connect(&self) -> Result<Sender, AnyError> {
        let socket = TcpStream::connect(&self.order.address).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, AnyError> {
        let mut request = Request::post(&self.order.path)
            .header(header::HOST, &self.order.address)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = &self.order.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        Ok(request.body(Full::new(self.body.clone()))?)
    }
}

fn micros(from: Instant) -> u32 {
    u32::try_from(from.elapsed().as_micros()).unwrap_or(u32::MAX)
}
