//! Simulated models and the Echo API: answers as scripts of timed pieces, without network or clock.
//!
//! Lives here: what a simulated backend is asked and what it plays. `ask` reads the request, `reply` decides what is
//! said, one file a dialect says it. Deliberately not here: playing (waiting, sockets), and any state: stored objects
//! are answered by echoing their id.

mod anthropic;
mod ask;
mod chat;
mod completions;
mod echo;
mod embed;
mod flaky;
mod gemini;
mod others;
mod reply;
mod responses;
mod schema;

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};
use serde_json::Value;

use self::{
    ask::{Ask, Refusal},
    reply::Reply,
};
use crate::{Call, Surface, recognise};

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
    /// Tokens of the body's prompt, as whoever asks counted them: the answer to a request for a count.
    pub counted: Option<u64>,
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

/// The simulated backend's answer. Paths of model APIs are answered by the simulated models, any other by the Echo
/// API.
#[must_use]
pub fn answer(asked: &Asked<'_>) -> Script {
    let (path, query) = asked.path_and_query.split_once('?').unwrap_or((asked.path_and_query, ""));
    let Some(call) = recognise(asked.method, path) else { return echo::answer(asked, path, query) };
    simulate(asked, &call, query).unwrap_or_else(|refusal| refusal.script(call.surface.family(), asked))
}

fn simulate(asked: &Asked<'_>, call: &Call, query: &str) -> Result<Script, Refusal> {
    if let Some(script) = others::without_model(asked, call) {
        return Ok(script);
    }
    let ask = Ask::read(asked, call, query)?;
    if let Some(script) = others::with_model(&ask) {
        return Ok(script);
    }
    let reply = Reply::to(&ask)?;
    let script = match (call.surface, ask.stream) {
        (Surface::ChatCompletions, true) => chat::stream(&ask, reply),
        (Surface::ChatCompletions, false) => Script::said(&chat::whole(&ask, &reply), &reply),
        (Surface::Completions, true) => completions::stream(&ask, reply),
        (Surface::Completions, false) => Script::said(&completions::whole(&ask, &reply), &reply),
        (Surface::Responses, true) => responses::stream(&ask, reply),
        (Surface::Responses, false) => Script::said(&responses::whole(&ask, &reply), &reply),
        (Surface::Messages, true) => anthropic::stream(&ask, reply),
        (Surface::Messages, false) => Script::said(&anthropic::whole(&ask, &reply), &reply),
        (Surface::StreamGenerateContent, _) => gemini::stream(&ask, &reply),
        (Surface::GenerateContent, _) => Script::said(&gemini::whole(&ask, &reply), &reply),
        _ => return Err(Refusal::unsupported(call.surface)),
    };
    Ok(flaky::cut(&ask, script))
}

impl Script {
    /// A JSON answer sent at once.
    fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, "application/json", Bytes::from(body.to_string()))
    }

    /// A whole answer, after the time that its tokens take.
    fn said(body: &Value, reply: &Reply) -> Self {
        let step = Step::data(body.to_string()).after(reply.pace.whole(reply.output_tokens));
        Self::steps(200, "application/json", Box::new(std::iter::once(step)))
    }

    fn bytes(status: u16, content_type: &'static str, body: Bytes) -> Self {
        Self::steps(status, content_type, Box::new(std::iter::once(Step::data(body))))
    }

    fn steps(status: u16, content_type: &'static str, steps: Steps) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, steps }
    }

    fn events(steps: impl Iterator<Item = Step> + Send + Sync + 'static) -> Self {
        Self::steps(200, "text/event-stream; charset=utf-8", Box::new(steps))
    }
}

impl Step {
    fn data(bytes: impl Into<Bytes>) -> Self {
        Self { after: Duration::ZERO, piece: Piece::Data(bytes.into()) }
    }

    fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// `data: ...` alone, as OpenAI frames it.
    fn event(value: &Value) -> Self {
        Self::data(format!("data: {value}\n\n"))
    }

    /// `event:` and `data:`, the name being the value's `type`.
    fn typed_event(value: &Value) -> Self {
        let name = value["type"].as_str().unwrap_or_default();
        Self::data(format!("event: {name}\ndata: {value}\n\n"))
    }
}
