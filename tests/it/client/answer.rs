//! An answer as the client saw it.

use serde_json::Value;

use crate::vendor::wire::fields;

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As its framing promised.
    Proper,
    /// The connection ended or broke before.
    Cut,
}

/// An answer, whole or as far as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status; 0 when the connection ended without one.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// Body with chunking removed.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Vec<(String, String)>,
    /// How it ended.
    pub end: End,
    /// Interim (1xx) answers before it.
    pub interim: usize,
    /// Whether the connection refused bytes of the request.
    pub refused_bytes: bool,
    pub(super) bodiless: bool,
}

impl Answer {
    pub(super) fn empty(bodiless: bool) -> Self {
        Self {
            status: 0,
            headers: Vec::new(),
            body: Vec::new(),
            trailers: Vec::new(),
            end: End::Cut,
            interim: 0,
            refused_bytes: false,
            bodiless,
        }
    }

    pub(super) fn read_head(&mut self, head: &[u8]) {
        let text = String::from_utf8_lossy(head).into_owned();
        let (line, rest) = text.split_once("\r\n").expect("a status line");
        self.status = line.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        self.headers = fields(rest);
    }

    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|problem| panic!("{problem} in {}", self.text()))
    }

    /// Data of the events that came whole, `[DONE]` included.
    pub fn data(&self) -> Vec<String> {
        let text = self.text().replace("\r\n", "\n");
        let whole = text.rfind("\n\n").map_or("", |end| &text[..end + 2]);
        let lines = whole.lines().filter_map(|line| line.strip_prefix("data:"));
        lines.map(|line| line.trim_start().to_owned()).collect()
    }

    /// Fails unless it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?} {}", self.headers, self.text());
        self
    }

    /// Fails unless it has this status and ended as promised.
    #[track_caller]
    pub fn expect_whole(self, status: u16) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.end, End::Proper, "{}", answer.text());
        answer
    }
}
