//! What a fake backend answers to one request, as data: honest by default, lying where told.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use tokio::sync::watch;

/// Holds a reply back until a test opens it. Clones share the state.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everyone pass, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub async fn passed(&self) {
        let mut state = self.0.subscribe();
        state.wait_for(|open| *open).await.expect("the sender lives in self");
    }
}

/// One thing a vendor does on its socket.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes these bytes.
    Send(Vec<u8>),
    /// Waits for a gate, or until the peer goes.
    Wait(Gate),
    /// Says nothing until the peer goes.
    Stall,
    /// Ends the connection (FIN).
    Close,
    /// Breaks the connection (RST).
    Reset,
    /// Accepts a WebSocket and echoes its messages.
    EchoSocket,
    /// Switches protocols and echoes bytes.
    EchoRaw,
}

#[derive(Clone, Debug)]
enum Body {
    None,
    Sized(Vec<u8>),
    Chunked(Vec<Vec<u8>>),
    Steps(Vec<Step>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Proper,
    Close,
    Reset,
    Stall,
}

/// A scripted answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
    trailers: Vec<(String, String)>,
    gates: BTreeMap<usize, Gate>,
    before_head: Option<Gate>,
    ending: Ending,
    close: bool,
}

impl Reply {
    /// A status and nothing else.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::None,
            trailers: Vec::new(),
            gates: BTreeMap::new(),
            before_head: None,
            ending: Ending::Proper,
            close: false,
        }
    }

    /// A body with `content-length`.
    pub fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::status(status).header("content-type", content_type).sized(body.into())
    }

    /// A JSON body.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    /// An event stream: each piece is sent as one chunk of its own.
    pub fn events<P: Into<Vec<u8>>>(pieces: impl IntoIterator<Item = P>) -> Self {
        Self::chunks("text/event-stream", pieces)
    }

    /// A chunked body.
    pub fn chunks<P: Into<Vec<u8>>>(content_type: &str, pieces: impl IntoIterator<Item = P>) -> Self {
        let mut reply = Self::status(200).header("content-type", content_type);
        reply.body = Body::Chunked(pieces.into_iter().map(Into::into).collect());
        reply
    }

    /// Exactly these steps, instead of an HTTP answer made here.
    pub fn steps(steps: Vec<Step>) -> Self {
        let mut reply = Self::status(0);
        reply.body = Body::Steps(steps);
        reply.close = true;
        reply
    }

    /// Exactly these bytes, then the end of the connection.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::steps(vec![Step::Send(bytes.into()), Step::Close])
    }

    /// Never answers.
    pub fn silence() -> Self {
        Self::steps(vec![Step::Stall])
    }

    /// Closes without answering.
    pub fn hang_up() -> Self {
        Self::steps(vec![Step::Close])
    }

    /// Resets without answering.
    pub fn reset() -> Self {
        Self::steps(vec![Step::Reset])
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Trailers behind a chunked body.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Holds the head back.
    pub fn head_after(mut self, gate: &Gate) -> Self {
        self.before_head = Some(gate.clone());
        self
    }

    /// Holds chunk `index` (from 0) back; the number of chunks names the end of the answer.
    pub fn hold(mut self, index: usize, gate: &Gate) -> Self {
        self.gates.insert(index, gate.clone());
        self
    }

    /// Sends only the first `count` chunks (bytes of a sized body), then ends the connection.
    pub fn cut(self, count: usize) -> Self {
        self.ended(count, Ending::Close)
    }

    /// Sends only the first `count` chunks (bytes of a sized body), then resets the connection.
    pub fn broken(self, count: usize) -> Self {
        self.ended(count, Ending::Reset)
    }

    /// Sends only the first `count` chunks (bytes of a sized body), then says nothing more.
    pub fn stalled(self, count: usize) -> Self {
        self.ended(count, Ending::Stall)
    }

    /// Compresses the whole body; each original piece is flushed so that it can be read on arrival.
    pub fn encoded(mut self, coding: &str) -> Self {
        let pieces = match std::mem::replace(&mut self.body, Body::None) {
            Body::Chunked(pieces) => pieces,
            Body::Sized(bytes) => vec![bytes],
            other => panic!("nothing to compress in {other:?}"),
        };
        self.body = Body::Chunked(compress(coding, &pieces));
        self.headers.retain(|(name, _)| name != "content-length");
        self.header("content-encoding", coding)
    }

    /// Whether the connection goes on after it.
    pub fn keeps_alive(&self) -> bool {
        !self.close && self.ending == Ending::Proper
    }

    fn sized(mut self, body: Vec<u8>) -> Self {
        self.headers.push(("content-length".into(), body.len().to_string()));
        self.body = Body::Sized(body);
        self
    }

    fn ended(mut self, count: usize, ending: Ending) -> Self {
        match &mut self.body {
            Body::Chunked(pieces) => pieces.truncate(count),
            Body::Sized(bytes) => bytes.truncate(count),
            Body::None | Body::Steps(_) => {}
        }
        self.ending = ending;
        self
    }

    /// The steps a vendor plays.
    pub fn into_steps(self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.before_head.clone().map(Step::Wait).into_iter().collect();
        if !matches!(self.body, Body::Steps(_)) {
            steps.push(Step::Send(self.head()));
        }
        match self.body {
            Body::None => {}
            Body::Sized(bytes) => steps.push(Step::Send(bytes)),
            Body::Steps(own) => steps.extend(own),
            Body::Chunked(pieces) => {
                let end = pieces.len();
                for (index, piece) in pieces.into_iter().enumerate() {
                    steps.extend(self.gates.get(&index).cloned().map(Step::Wait));
                    steps.push(Step::Send(chunk(&piece)));
                }
                steps.extend(self.gates.get(&end).cloned().map(Step::Wait));
                if self.ending == Ending::Proper {
                    steps.push(Step::Send(last_chunk(&self.trailers)));
                }
            }
        }
        match self.ending {
            Ending::Proper => {}
            Ending::Close => steps.push(Step::Close),
            Ending::Reset => steps.push(Step::Reset),
            Ending::Stall => steps.push(Step::Stall),
        }
        steps
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Whatever\r\n", self.status);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").expect("memory");
        }
        match self.body {
            Body::Chunked(_) => head.push_str("transfer-encoding: chunked\r\n"),
            Body::None if self.status >= 200 && self.status != 204 && self.status != 304 => {
                head.push_str("content-length: 0\r\n");
            }
            _ => {}
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

fn chunk(piece: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{:x}\r\n", piece.len()).into_bytes();
    bytes.extend_from_slice(piece);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn last_chunk(trailers: &[(String, String)]) -> Vec<u8> {
    let mut bytes = b"0\r\n".to_vec();
    for (name, value) in trailers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn compress(coding: &str, pieces: &[Vec<u8>]) -> Vec<Vec<u8>> {
    fn each<W: std::io::Write>(
        mut writer: W,
        pieces: &[Vec<u8>],
        drain: impl Fn(&mut W) -> Vec<u8>,
        finish: impl FnOnce(W) -> Vec<u8>,
    ) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        for piece in pieces {
            writer.write_all(piece).expect("memory");
            writer.flush().expect("memory");
            out.push(drain(&mut writer));
        }
        out.push(finish(writer));
        out.retain(|piece| !piece.is_empty());
        out
    }
    let level = flate2::Compression::default();
    match coding {
        "gzip" => each(
            flate2::write::GzEncoder::new(Vec::new(), level),
            pieces,
            |w| std::mem::take(w.get_mut()),
            |w| w.finish().expect("memory"),
        ),
        "deflate" => each(
            flate2::write::ZlibEncoder::new(Vec::new(), level),
            pieces,
            |w| std::mem::take(w.get_mut()),
            |w| w.finish().expect("memory"),
        ),
        "zstd" => each(
            zstd::stream::write::Encoder::new(Vec::new(), 3).expect("memory"),
            pieces,
            |w| std::mem::take(w.get_mut()),
            |w| w.finish().expect("memory"),
        ),
        "br" => each(
            brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22),
            pieces,
            |w| std::mem::take(w.get_mut()),
            brotli::CompressorWriter::into_inner,
        ),
        other => panic!("no coding {other}"),
    }
}
