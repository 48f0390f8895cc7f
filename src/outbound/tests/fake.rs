//! Servers that do exactly what a test tells them, byte for byte.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};

/// A server on a free port; it ends with the value.
pub struct Fake {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    seen: mpsc::UnboundedReceiver<String>,
    task: JoinHandle<()>,
}

/// What a connection's script works with.
pub struct Line {
    pub stream: TcpStream,
    pub notes: mpsc::UnboundedSender<String>,
}

impl Fake {
    /// Runs `script` for every connection.
    pub async fn start<F>(script: impl Fn(Line) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        let (notes, seen) = mpsc::unbounded_channel();
        let connections = Arc::<AtomicUsize>::default();
        let counted = connections.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, SeqCst);
                stream.set_nodelay(true).expect("nodelay");
                tokio::spawn(script(Line { stream, notes: notes.clone() }));
            }
        });
        Self { address, connections, seen, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next note of a script, within two seconds.
    pub async fn note(&mut self) -> String {
        let waited = tokio::time::timeout(Duration::from_secs(60), self.seen.recv()).await;
        waited.expect("a note in time").expect("the server lives")
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Line {
    pub fn note(&self, text: impl Into<String>) {
        // A test that has ended no longer listens.
        drop(self.notes.send(text.into()));
    }

    /// A request's head, or what came of it before the end.
    pub async fn head(&mut self) -> String {
        head(&mut self.stream).await
    }

    pub async fn send(&mut self, text: &str) {
        if let Err(error) = self.stream.write_all(text.as_bytes()).await {
            self.note(format!("write failed: {error}"));
        }
    }

    /// Waits until the other side has closed.
    pub async fn closed(&mut self) {
        let mut rest = [0; 1024];
        while matches!(self.stream.read(&mut rest).await, Ok(count) if count > 0) {}
    }
}

/// Reads up to the empty line.
pub async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

pub const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A server that notes every request's head and gives the same answer to each.
pub async fn answering(answer: &'static str) -> Fake {
    Fake::start(move |mut line: Line| async move {
        loop {
            let head = line.head().await;
            if head.is_empty() {
                return;
            }
            line.note(head);
            line.send(answer).await;
        }
    })
    .await
}
