//! A client over raw TCP that hides nothing: exact bytes out, pieces in order of arrival in, and whether the
//! answer ended as its framing promised.

pub mod answer;

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub use answer::{Answer, End};

/// How long any wait for the gateway may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Call {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Call {
    /// A request without a body.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    /// `GET target`.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `POST target` with a JSON body.
    pub fn post(target: &str, body: &serde_json::Value) -> Self {
        Self::new("POST", target).header("content-type", "application/json").body(body.to_string())
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `Authorization: Bearer key`.
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Sets the body; `content-length` is written.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The request's bytes; a `host` header is added unless there is one.
    pub fn bytes(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            write!(head, "host: {host}\r\n").expect("memory");
        }
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").expect("memory");
        }
        if let Some(body) = &self.body {
            write!(head, "content-length: {}\r\n", body.len()).expect("memory");
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends it on a connection of its own and reads the answer to its end.
    pub async fn send(&self, to: SocketAddr) -> Answer {
        self.open(to).await.finish().await
    }

    /// Sends it and reads the answer's head.
    pub async fn open(&self, to: SocketAddr) -> Open {
        let mut open = self.start(to).await;
        open.read_head().await;
        open
    }

    /// Sends it and reads nothing yet.
    pub async fn start(&self, to: SocketAddr) -> Open {
        let mut open = Open::connect(to, self.method == "HEAD").await;
        open.write(&self.bytes(&to.to_string())).await;
        open
    }
}

/// Sends exactly these bytes and reads one answer.
pub async fn raw(to: SocketAddr, bytes: &[u8]) -> Answer {
    let mut open = Open::connect(to, false).await;
    open.write(bytes).await;
    open.read_head().await;
    open.finish().await
}

/// An answer being read.
pub struct Open {
    socket: TcpStream,
    buffer: Vec<u8>,
    answer: Answer,
    left: Left,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    Head,
    Sized(usize),
    Chunk,
    ToEnd,
    Nothing,
}

impl Open {
    /// A connection; `bodiless` when the answer carries no body whatever its head says (HEAD).
    pub async fn connect(to: SocketAddr, bodiless: bool) -> Self {
        let socket = TcpStream::connect(to).await.expect("the gateway listens");
        socket.set_nodelay(true).expect("a TCP socket");
        Self { socket, buffer: Vec::new(), answer: Answer::empty(bodiless), left: Left::Head }
    }

    /// Sends bytes. A peer that has already answered and closed is no error here: its answer is what counts.
    pub async fn write(&mut self, bytes: &[u8]) {
        self.answer.refused_bytes = self.socket.write_all(bytes).await.is_err();
    }

    /// The answer so far.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Reads the head, interim (1xx) answers skipped and counted; a connection that ends first gives status 0.
    pub async fn read_head(&mut self) {
        while self.left == Left::Head {
            let Some(end) = self.until(b"\r\n\r\n").await else {
                self.left = Left::Nothing;
                self.answer.end = End::Cut;
                return;
            };
            let head: Vec<u8> = self.buffer.drain(..end).collect();
            self.answer.read_head(&head);
            if (100..200).contains(&self.answer.status) && self.answer.status != 101 {
                self.answer.interim += 1;
                continue;
            }
            self.left = self.body_left();
        }
    }

    /// Reads one interim (1xx) answer.
    pub async fn read_interim(&mut self) {
        let end = self.until(b"\r\n\r\n").await.expect("an interim answer");
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        self.answer.read_head(&head);
        assert!((100..200).contains(&self.answer.status), "{}", self.answer.status);
        self.answer.interim += 1;
    }

    fn body_left(&mut self) -> Left {
        let chunked = self.answer.header("transfer-encoding").is_some();
        let length = self.answer.header("content-length").map(|value| value.parse().expect("a length"));
        let none = self.answer.bodiless || matches!(self.answer.status, 101 | 204 | 304);
        match (none, chunked, length) {
            (true, ..) | (_, false, Some(0)) => {
                self.answer.end = End::Proper;
                Left::Nothing
            }
            (_, true, _) => Left::Chunk,
            (_, _, Some(length)) => Left::Sized(length),
            _ => Left::ToEnd,
        }
    }

    /// The next piece of the body in order of arrival; `None` at its end (see [`Answer::end`]).
    pub async fn piece(&mut self) -> Option<Vec<u8>> {
        self.read_head().await;
        let piece = match self.left {
            Left::Head | Left::Nothing => None,
            Left::Sized(length) => self.sized(length).await,
            Left::Chunk => self.chunk().await,
            Left::ToEnd => self.until_end().await,
        };
        match &piece {
            Some(piece) => self.answer.body.extend_from_slice(piece),
            None => self.left = Left::Nothing,
        }
        piece
    }

    /// Reads until the body so far contains `text`; false when it ended without.
    pub async fn until_text(&mut self, text: &str) -> bool {
        while !self.answer.text().contains(text) {
            if self.piece().await.is_none() {
                return self.answer.text().contains(text);
            }
        }
        true
    }

    /// Reads until the body so far has `length` bytes; false when it ended before.
    pub async fn until_length(&mut self, length: usize) -> bool {
        while self.answer.body.len() < length && self.piece().await.is_some() {}
        self.answer.body.len() >= length
    }

    /// Reads the rest.
    pub async fn finish(mut self) -> Answer {
        while self.piece().await.is_some() {}
        self.answer
    }

    /// Reads the rest of this answer and makes ready for the next one on the same connection.
    pub async fn next_answer(&mut self) -> Answer {
        while self.piece().await.is_some() {}
        self.left = Left::Head;
        std::mem::replace(&mut self.answer, Answer::empty(false))
    }

    /// Reads the rest, then whether the connection could carry another request.
    pub async fn finish_then_closed(mut self) -> (Answer, bool) {
        while self.piece().await.is_some() {}
        let wait = tokio::time::timeout(PATIENCE, self.socket.read_buf(&mut self.buffer));
        let closed = matches!(wait.await, Ok(Ok(0) | Err(_)));
        (self.answer, closed)
    }

    /// Breaks the connection (RST) as a client that died does.
    pub fn reset(self) {
        self.socket.set_zero_linger().expect("a TCP socket");
    }

    /// The socket, after a 101; bytes read beyond the head come with it.
    pub fn into_socket(self) -> (TcpStream, Vec<u8>) {
        (self.socket, self.buffer)
    }

    async fn sized(&mut self, length: usize) -> Option<Vec<u8>> {
        if length == 0 {
            self.answer.end = End::Proper;
            return None;
        }
        if self.buffer.is_empty() && !self.more().await {
            self.answer.end = End::Cut;
            return None;
        }
        let piece: Vec<u8> = self.buffer.drain(..self.buffer.len().min(length)).collect();
        self.left = Left::Sized(length - piece.len());
        Some(piece)
    }

    async fn chunk(&mut self) -> Option<Vec<u8>> {
        self.answer.end = End::Cut;
        let line = self.until(b"\r\n").await?;
        let line: Vec<u8> = self.buffer.drain(..line).collect();
        let line = String::from_utf8_lossy(&line);
        let size = usize::from_str_radix(line.trim().split(';').next().unwrap_or_default(), 16).expect("a chunk size");
        if size == 0 {
            return self.trailers().await;
        }
        while self.buffer.len() < size + 2 {
            if !self.more().await {
                return None;
            }
        }
        let mut piece: Vec<u8> = self.buffer.drain(..size + 2).collect();
        piece.truncate(size);
        Some(piece)
    }

    async fn trailers(&mut self) -> Option<Vec<u8>> {
        let mut text = String::new();
        loop {
            let end = self.until(b"\r\n").await?;
            let line: Vec<u8> = self.buffer.drain(..end).collect();
            if line == b"\r\n" {
                self.answer.trailers = crate::vendor::wire::fields(&text);
                self.answer.end = End::Proper;
                return None;
            }
            text.push_str(&String::from_utf8_lossy(&line));
        }
    }

    async fn until_end(&mut self) -> Option<Vec<u8>> {
        if self.buffer.is_empty() && !self.more().await {
            self.answer.end = End::Proper;
            return None;
        }
        Some(std::mem::take(&mut self.buffer))
    }

    async fn until(&mut self, mark: &[u8]) -> Option<usize> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, mark) {
                return Some(at + mark.len());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.socket.read_buf(&mut self.buffer)).await;
        let read = read
            .unwrap_or_else(|_| panic!("nothing came for 20 s after {:?} {}", self.answer.status, self.answer.text()));
        matches!(read, Ok(1..))
    }
}
