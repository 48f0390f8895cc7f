//! Reading one HTTP/1.1 request off a socket and keeping every byte of it.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which connection of this vendor, from 1.
    pub connection: usize,
    /// Request line and headers as they arrived, blank line included.
    pub head: Vec<u8>,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, values as they arrived, in order.
    pub headers: Vec<(String, String)>,
    /// Body with chunking removed.
    pub body: Vec<u8>,
    /// Trailers of a chunked body.
    pub trailers: Vec<(String, String)>,
}

impl Seen {
    /// `METHOD target`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Values of all headers of that name (lower case).
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether the bytes occur anywhere: head, body or trailers.
    pub fn contains(&self, needle: &str) -> bool {
        let trailers = format!("{:?}", self.trailers);
        [self.head.as_slice(), &self.body, trailers.as_bytes()]
            .into_iter()
            .any(|part| memchr::memmem::find(part, needle.as_bytes()).is_some())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Reads the next request; `None` when the peer closed or what came is not a request.
pub async fn read_request(socket: &mut TcpStream, buffer: &mut Vec<u8>, connection: usize) -> Option<Seen> {
    let end = fill_until(socket, buffer, b"\r\n\r\n").await?;
    let head: Vec<u8> = buffer.drain(..end).collect();
    let mut seen = parse_head(head, connection)?;
    if seen.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
    }
    if seen.header("transfer-encoding").is_some() {
        read_chunks(socket, buffer, &mut seen).await?;
    } else if let Some(length) = seen.header("content-length") {
        let length = length.parse().ok()?;
        seen.body = take(socket, buffer, length).await?;
    }
    Some(seen)
}

fn parse_head(head: Vec<u8>, connection: usize) -> Option<Seen> {
    let text = String::from_utf8_lossy(&head).into_owned();
    let (line, rest) = text.split_once("\r\n")?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Seen { connection, head, method, target, headers: fields(rest), body: Vec::new(), trailers: Vec::new() })
}

/// Header lines up to the blank one.
pub fn fields(text: &str) -> Vec<(String, String)> {
    let lines = text.split("\r\n").take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect()
}

async fn read_chunks(socket: &mut TcpStream, buffer: &mut Vec<u8>, seen: &mut Seen) -> Option<()> {
    loop {
        let end = fill_until(socket, buffer, b"\r\n").await?;
        let line: Vec<u8> = buffer.drain(..end).collect();
        let size = String::from_utf8_lossy(&line);
        let size = usize::from_str_radix(size.trim().split(';').next()?, 16).ok()?;
        if size == 0 {
            break;
        }
        let mut chunk = take(socket, buffer, size + 2).await?;
        chunk.truncate(size);
        seen.body.append(&mut chunk);
    }
    let mut trailers = String::new();
    loop {
        let end = fill_until(socket, buffer, b"\r\n").await?;
        let line: Vec<u8> = buffer.drain(..end).collect();
        if line == b"\r\n" {
            seen.trailers = fields(&trailers);
            return Some(());
        }
        trailers.push_str(&String::from_utf8_lossy(&line));
    }
}

/// Reads until `mark` is in the buffer; the index just behind it.
async fn fill_until(socket: &mut TcpStream, buffer: &mut Vec<u8>, mark: &[u8]) -> Option<usize> {
    loop {
        if let Some(at) = memchr::memmem::find(buffer, mark) {
            return Some(at + mark.len());
        }
        more(socket, buffer).await?;
    }
}

async fn take(socket: &mut TcpStream, buffer: &mut Vec<u8>, count: usize) -> Option<Vec<u8>> {
    while buffer.len() < count {
        more(socket, buffer).await?;
    }
    Some(buffer.drain(..count).collect())
}

async fn more(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    match socket.read_buf(buffer).await {
        Ok(1..) => Some(()),
        _ => None,
    }
}
