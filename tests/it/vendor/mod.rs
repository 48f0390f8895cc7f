//! Scripted fake backends over raw TCP, so that they can lie: the HTTP they write is our own bytes.
//!
//! A [`Vendor`] records every request byte for byte and answers by its script, one [`Reply`] per request. What
//! bodies of the model dialects look like is `dialect`; how requests are read is `wire`.

pub mod counting;
pub mod dialect;
pub mod reply;
pub mod wire;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::StreamExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::Notify,
    task::JoinHandle,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

pub use reply::{Gate, Reply, Step};
pub use wire::Seen;

/// Vendors answer also while a test's own runtime is blocked by the end of a world.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime")
    })
}

type Script = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// A fake backend on a free loopback port.
pub struct Vendor {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    requests: AtomicUsize,
    connections: AtomicUsize,
    gone: AtomicUsize,
    changed: Notify,
}

impl Vendor {
    /// Listens; `script` is asked for each request with its number, from 1.
    pub async fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = runtime().spawn(TcpListener::bind("127.0.0.1:0")).await.expect("no panic");
        let listener = listener.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            seen: Mutex::default(),
            requests: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            gone: AtomicUsize::new(0),
            changed: Notify::new(),
        });
        let accepting = runtime().spawn(accept(listener, Arc::clone(&shared)));
        Self { addr, shared, accepting }
    }

    /// Answers every request alike.
    pub async fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone()).await
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Requests read whole so far, in order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen().clone()
    }

    /// The only request so far.
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "exactly one request: {:?}", seen.iter().map(Seen::line).collect::<Vec<_>>());
        seen.into_iter().next().expect("one")
    }

    /// How many requests were read whole.
    pub fn count(&self) -> usize {
        self.shared.requests.load(SeqCst)
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(SeqCst)
    }

    /// Waits until `count` requests were read.
    pub async fn reached(&self, count: usize) {
        self.until(|shared| shared.requests.load(SeqCst) >= count, "requests").await;
    }

    /// Waits until the peer went away in the middle of `count` replies.
    pub async fn abandoned(&self, count: usize) {
        self.until(|shared| shared.gone.load(SeqCst) >= count, "abandoned replies").await;
    }

    /// Replies in whose middle the peer went away.
    pub fn gone(&self) -> usize {
        self.shared.gone.load(SeqCst)
    }

    async fn until(&self, holds: impl Fn(&Shared) -> bool, what: &str) {
        let waiting = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if holds(&self.shared) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting)
            .await
            .unwrap_or_else(|_| panic!("waited 60 s for {what}; saw {} requests", self.count()));
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn seen(&self) -> std::sync::MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, seen: Seen) -> usize {
        self.seen().push(seen);
        let number = self.requests.fetch_add(1, SeqCst) + 1;
        self.changed.notify_waiters();
        number
    }

    fn abandoned(&self) {
        self.gone.fetch_add(1, SeqCst);
        self.changed.notify_waiters();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        let number = shared.connections.fetch_add(1, SeqCst) + 1;
        tokio::spawn(converse(socket, number, Arc::clone(&shared)));
    }
}

/// Serves one connection until either side ends it.
async fn converse(mut socket: TcpStream, connection: usize, shared: Arc<Shared>) {
    socket.set_nodelay(true).expect("a TCP socket");
    let mut buffer = Vec::new();
    while let Some(seen) = wire::read_request(&mut socket, &mut buffer, connection).await {
        let number = shared.record(seen.clone());
        let reply = (shared.script)(&seen, number);
        let keep = reply.keeps_alive();
        for step in reply.into_steps() {
            match play(&mut socket, step, &seen).await {
                Played::Next => {}
                Played::Closed => return,
                Played::Gone => return shared.abandoned(),
            }
        }
        if !keep {
            return;
        }
    }
}

enum Played {
    Next,
    Closed,
    Gone,
}

async fn play(socket: &mut TcpStream, step: Step, seen: &Seen) -> Played {
    match step {
        Step::Send(bytes) => match socket.write_all(&bytes).await {
            Ok(()) => Played::Next,
            Err(_) => Played::Gone,
        },
        Step::Wait(gate) => tokio::select! {
            () = gate.passed() => Played::Next,
            () = peer_gone(socket) => Played::Gone,
        },
        Step::Stall => {
            peer_gone(socket).await;
            Played::Gone
        }
        Step::Close => Played::Closed,
        Step::Reset => {
            socket.set_zero_linger().expect("a TCP socket");
            Played::Closed
        }
        Step::EchoSocket => echo_socket(socket, seen).await,
        Step::EchoRaw => echo_raw(socket).await,
    }
}

/// Returns when the peer closed or reset the connection; bytes it sends meanwhile are dropped.
async fn peer_gone(socket: &mut TcpStream) {
    let mut scratch = [0; 1024];
    while let Ok(1..) = socket.read(&mut scratch).await {}
}

/// Completes a WebSocket handshake and sends every message back.
async fn echo_socket(socket: &mut TcpStream, seen: &Seen) -> Played {
    let key = seen.header("sec-websocket-key").unwrap_or_default().to_owned();
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    let protocol = seen.header("sec-websocket-protocol").and_then(|list| list.split(',').next());
    let protocol = protocol.map(|name| format!("sec-websocket-protocol: {}\r\n", name.trim())).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n{protocol}\r\n"
    );
    if socket.write_all(head.as_bytes()).await.is_err() {
        return Played::Gone;
    }
    let (writer, reader) = WebSocketStream::from_raw_socket(socket, Role::Server, None).await.split();
    let texts = reader.take_while(|message| std::future::ready(message.as_ref().is_ok_and(|m| !m.is_close())));
    match texts.forward(writer).await {
        Ok(()) => Played::Closed,
        Err(_) => Played::Gone,
    }
}

/// Switches to a protocol of our own and sends every byte back.
async fn echo_raw(socket: &mut TcpStream) -> Played {
    let head = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    if socket.write_all(head).await.is_err() {
        return Played::Gone;
    }
    let (mut reader, mut writer) = socket.split();
    match tokio::io::copy(&mut reader, &mut writer).await {
        Ok(_) => Played::Closed,
        Err(_) => Played::Gone,
    }
}
