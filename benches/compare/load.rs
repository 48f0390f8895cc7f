//! The load driver: closed loop, open loop (latency from the planned arrival), streams, held streams.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::AnyError;

/// What to send where.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// `127.0.0.1:port`.
    pub address: String,
    /// Path.
    pub path: String,
    /// Bearer token.
    pub key: Option<String>,
    /// Bytes of prompt.
    pub prompt: usize,
    /// How.
    pub shape: Shape,
    /// For how long.
    pub seconds: f64,
}

/// How the load comes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Shape {
    /// As fast as this many connections go.
    Closed { connections: usize },
    /// At this rate, whatever the answers do.
    Open { rate: f64 },
    /// This many streams at once, each followed to its end.
    Streams { count: usize },
    /// This many streams opened and held.
    Hold { count: usize },
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
    /// Latencies (first bytes of streams), microseconds, sorted.
    pub micros: Vec<u32>,
}

/// Runs one order given as JSON and prints what was seen as JSON.
pub fn run(order: &str) -> Result<(), AnyError> {
    let order: Order = serde_json::from_str(order)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut seen = runtime.block_on(async { Arc::new(Driver::new(order)).drive().await })?;
    seen.micros.sort_unstable();
    println!("{}", serde_json::to_string(&seen)?);
    Ok(())
}

struct Driver {
    order: Order,
    body: Bytes,
    end: Instant,
    over: AtomicBool,
    open: AtomicUsize,
}

impl Driver {
    fn new(order: Order) -> Self {
        let flags = match order.shape {
            Shape::Closed { .. } | Shape::Open { .. } => "",
            Shape::Streams { .. } => r#""stream":true,"#,
            Shape::Hold { .. } => r#""stream":true,"hold":true,"#,
        };
        let prompt = "word ".repeat(order.prompt / 5);
        let body = format!(r#"{{"model":"m",{flags}"messages":[{{"role":"user","content":"{prompt}"}}]}}"#);
        let end = Instant::now() + Duration::from_secs_f64(order.seconds);
        Self { order, body: body.into(), end, over: AtomicBool::new(false), open: AtomicUsize::new(0) }
    }

    async fn drive(self: Arc<Self>) -> Result<Seen, AnyError> {
        let (workers, rate) = match self.order.shape {
            Shape::Closed { connections } => (connections, None),
            Shape::Open { rate } => (32, Some(rate)),
            Shape::Streams { count } | Shape::Hold { count } => (count, None),
        };
        let mut tasks = Vec::new();
        for worker in 0..workers {
            if matches!(self.order.shape, Shape::Hold { .. } | Shape::Streams { .. }) && worker % 50 == 49 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let driver = self.clone();
            tasks.push(tokio::spawn(async move { driver.work(worker, workers, rate).await }));
        }
        if let Shape::Hold { count } = self.order.shape {
            self.hold(count).await;
        }
        let mut all = Seen::default();
        for task in tasks {
            let seen = task.await?;
            all.done += seen.done;
            all.failed += seen.failed;
            all.chunks += seen.chunks;
            all.micros.extend(seen.micros);
        }
        Ok(all)
    }

    /// Waits until all streams are open, says so, and keeps them until standard input ends.
    async fn hold(&self, count: usize) {
        for _ in 0..600 {
            if self.open.load(Relaxed) >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("open");
        tokio::time::sleep(Duration::from_secs_f64(self.order.seconds)).await;
        self.over.store(true, Relaxed);
    }

    async fn work(&self, worker: usize, workers: usize, rate: Option<f64>) -> Seen {
        let mut seen = Seen::default();
        let mut connection = None;
        let began = Instant::now();
        let mut turn = worker;
        loop {
            let planned = rate.map(|rate| began + Duration::from_secs_f64(turn as f64 / rate));
            if let Some(planned) = planned {
                tokio::time::sleep_until(planned.into()).await;
            }
            if Instant::now() > self.end && !matches!(self.order.shape, Shape::Hold { .. }) {
                return seen;
            }
            let from = planned.unwrap_or_else(Instant::now);
            match self.one(&mut connection, from, &mut seen).await {
                Ok(()) => seen.done += 1,
                Err(_) => {
                    seen.failed += 1;
                    connection = None;
                }
            }
            if matches!(self.order.shape, Shape::Hold { .. } | Shape::Streams { .. }) {
                return seen;
            }
            turn += workers;
        }
    }

    async fn one(
        &self,
        connection: &mut Option<http1::SendRequest<Full<Bytes>>>,
        from: Instant,
        seen: &mut Seen,
    ) -> Result<(), AnyError> {
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
        let is_stream = matches!(self.order.shape, Shape::Streams { .. } | Shape::Hold { .. });
        let mut is_first = true;
        let mut is_whole = !is_stream;
        while let Some(frame) = body.frame().await {
            let frame = frame?;
            let Some(data) = frame.data_ref() else { continue };
            seen.chunks += memmem::find_iter(data, b"data: ").count() as u64;
            is_whole |= memmem::find(data, b"[DONE]").is_some();
            if is_stream && is_first {
                is_first = false;
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

    async fn connect(&self) -> Result<http1::SendRequest<Full<Bytes>>, AnyError> {
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
