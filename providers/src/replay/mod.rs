//! From a finished stream to the answer that the same call gets unstreamed, and back: what a cache needs so that
//! streamed and unstreamed callers share one entry.
//!
//! Lives here: the front (three functions over all dialects) and what makes an answer unusual. One file a dialect
//! says how its events are put together and written. Only whole, ordinary answers pass; everything else is refused
//! with a reason, because an answer that is kept is served many times. Deliberately not here: which answers a cache
//! keeps, and any pace: a replay is handed over at once.

mod anthropic;
mod chat;
mod completions;
mod frames;
mod gemini;
mod lines;
mod merge;
mod responses;
mod responses_events;
mod usage;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde_json::Value;

use crate::Surface;

pub use self::usage::with_usage;

/// How an ordinary answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model had said everything (a stop sequence counts as such).
    Stop,
    /// It was cut at a length limit.
    Length,
    /// It asks for tools of the caller to be called.
    ToolCalls,
}

/// Why an answer is not put together, replayed or kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusual {
    /// Answers of that surface have no stream.
    #[error("answers of this surface are not replayed")]
    Surface,
    /// Not the JSON of its dialect.
    #[error("the answer cannot be read as one of its dialect")]
    Unreadable,
    /// It reports an error.
    #[error("the answer carries an error")]
    Error,
    /// Its end is missing.
    #[error("the answer ends before its end")]
    Cut,
    /// Not exactly one choice.
    #[error("the answer has several choices, or none")]
    Choices,
    /// Probabilities of tokens were asked for.
    #[error("the answer carries logprobs")]
    Logprobs,
    /// The model declined.
    #[error("the model refused to answer")]
    Refused,
    /// A filter of the vendor took part.
    #[error("the vendor's filter blocked or changed the answer")]
    Filtered,
    /// A tool that runs at the vendor (search, code) took part.
    #[error("the answer was made with tools that run at the vendor")]
    HostedTool,
    /// Sound, images or files.
    #[error("the answer carries media")]
    Media,
    /// It ended normally and says nothing.
    #[error("the answer says nothing")]
    Empty,
    /// Something that this version does not know how to put together.
    #[error("the answer has parts that are not known")]
    Unknown,
    /// Its events contradict each other.
    #[error("the answer's events contradict each other")]
    Contradictory,
}

/// What a caller of a replay asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `stream_options.include_usage` of chat and legacy completions. The other dialects always tell usage.
    pub include_usage: bool,
    /// Gemini without `alt=sse`: one JSON array instead of events.
    pub array: bool,
    /// The answer's id, where it is to differ from the kept one.
    pub id: Option<String>,
}

/// How a whole unstreamed answer ended. Embeddings count as [`Finish::Stop`].
///
/// # Errors
/// What makes it unusual: such an answer must not be kept.
pub fn finish(surface: Surface, answer: &Value) -> Result<Finish, Unusual> {
    match surface {
        Surface::ChatCompletions => chat::finish(answer),
        Surface::Completions => completions::finish(answer),
        Surface::Responses => responses::finish(answer),
        Surface::Messages => anthropic::finish(answer),
        Surface::GenerateContent | Surface::StreamGenerateContent => gemini::finish(answer),
        Surface::Embeddings => embeddings(answer),
        _ => Err(Unusual::Surface),
    }
}

fn embeddings(answer: &Value) -> Result<Finish, Unusual> {
    let some = answer["data"].as_array().is_some_and(|data| !data.is_empty());
    if merge::says(&answer["error"]) {
        return Err(Unusual::Error);
    }
    if some { Ok(Finish::Stop) } else { Err(Unusual::Unreadable) }
}

/// Puts a whole stream together into the answer that an unstreamed call gets. `events` is the stream's body, all of
/// it; for Gemini also the form of one JSON array.
///
/// # Errors
/// The stream was cut, or has anything unusual: errors, filters, refusals, several choices, logprobs.
pub fn whole(surface: Surface, events: &[u8]) -> Result<Value, Unusual> {
    let answer = match surface {
        Surface::ChatCompletions => chat::whole(&frames::read(events)?),
        Surface::Completions => completions::whole(&frames::read(events)?),
        Surface::Responses => responses::whole(&frames::read(events)?),
        Surface::Messages => anthropic::whole(&frames::read(events)?),
        Surface::GenerateContent | Surface::StreamGenerateContent => gemini::whole(events),
        _ => Err(Unusual::Surface),
    }?;
    finish(surface, &answer)?;
    Ok(answer)
}

/// The stream that a streaming caller gets of a whole unstreamed answer: one element an event, ready to be sent.
/// The text comes in pieces at word borders.
///
/// # Errors
/// The answer is unusual, as [`finish`] says.
pub fn events(surface: Surface, answer: &Value, wanted: &Wanted) -> Result<Vec<Bytes>, Unusual> {
    finish(surface, answer)?;
    let renamed = wanted.id.as_deref().map(|id| with_id(surface, answer, id));
    let answer = renamed.as_ref().unwrap_or(answer);
    match surface {
        Surface::ChatCompletions => chat::events(answer, wanted.include_usage),
        Surface::Completions => completions::events(answer, wanted.include_usage),
        Surface::Responses => responses_events::events(answer),
        Surface::Messages => anthropic::events(answer),
        Surface::GenerateContent | Surface::StreamGenerateContent => gemini::events(answer, wanted.array),
        _ => Err(Unusual::Surface),
    }
}

fn with_id(surface: Surface, answer: &Value, id: &str) -> Value {
    let gemini = matches!(surface, Surface::GenerateContent | Surface::StreamGenerateContent);
    let mut answer = answer.clone();
    answer[if gemini { "responseId" } else { "id" }] = id.into();
    answer
}
