//! Simulated models and the Echo API: answers as scripts of timed pieces, without network or clock.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request to a simulated backend.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Path and query as they arrived at the backend.
    pub path_and_query: &'a str,
    /// Headers as they arrived at the backend.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a Bytes,
    /// Seconds since 1970, for `created` fields.
    pub now_unix_secs: u64,
    /// Makes the ids of this answer; answers without `seed` vary with it.
    pub id: u128,
}

/// One piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How long to wait before it.
    pub after: Duration,
    /// The piece.
    pub piece: Piece,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Sends these bytes.
    Data(Bytes),
    /// Breaks the connection: the answer ends uncleanly.
    Cut,
}

/// The steps of an answer, made as they are asked for: a long answer costs no memory.
pub type Steps = Box<dyn Iterator<Item = Step> + Send + Sync>;

/// An answer to play.
pub struct Script {
    /// HTTP status.
    pub status: u16,
    /// Headers; `content-length` is left to whoever plays it.
    pub headers: HeaderMap,
    /// The body's pieces; it ends cleanly after the last one unless that is a cut.
    pub steps: Steps,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The simulated backend's answer.
#[must_use]
pub fn answer(asked: &Asked<'_>) -> Script {
    let text = Bytes::from(format!("{{\"path\":{:?}}}", asked.path_and_query));
    let step = Step { after: Duration::ZERO, piece: Piece::Data(text) };
    Script { status: 200, headers: HeaderMap::new(), steps: Box::new(std::iter::once(step)) }
}
