//! Events of OpenAI's chat and legacy completions, and of everyone who copied them.
//!
//! Oddities served here: Azure's first frame without choices, usage in the last chunk that still has choices
//! (Mistral, DeepSeek, OpenRouter), `x_groq.usage`, Groq's `event: error`, errors beside choices (OpenRouter).

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::value::RawValue;

use super::{
    Seen, StreamError, Verdict,
    words::{Shape, speak},
};
use crate::{
    counts::Counts,
    json::{Elements, Members, lenient, object, says_something},
};

pub(super) static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage\""));
static CHOICES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"choices\""));
pub(super) static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));

/// Members of a delta that are content when they say anything.
const CONTENT: [&str; 11] = [
    "content",
    "reasoning",
    "reasoning_content",
    "reasoning_text",
    "reasoning_details",
    "thinking",
    "refusal",
    "tool_calls",
    "function_call",
    "audio",
    "images",
];

impl Seen {
    pub(super) fn chat_event(&mut self, event: &[u8], data: &[u8]) -> Verdict {
        if data.starts_with(b"[DONE]") {
            self.complete = true;
            self.content = true;
            return Verdict::Show;
        }
        if let Some(choices) = value_of(&CHOICES, data) {
            self.spoken.event(|spoken| speak(Shape::Choices, choices, 0, spoken));
        }
        let worth_reading = !self.content || event == b"error" || ERROR.find(data).is_some() || mentions_usage(data);
        let chunk: Option<Members<'_>> = worth_reading.then(|| serde_json::from_slice(data).ok()).flatten();
        chunk.map_or(Verdict::Show, |chunk| self.chat_chunk(event, &chunk))
    }

    fn chat_chunk(&mut self, event: &[u8], chunk: &Members<'_>) -> Verdict {
        self.note_model(lenient(chunk.get("model")));
        self.note_id(lenient(chunk.get("id")));
        let error = StreamError::from_value(chunk.get("error"));
        let failed = error.is_some() || event == b"error";
        self.note_error(error.or_else(|| (event == b"error").then(|| StreamError::from_members(chunk))));
        let choices = lenient::<Elements<'_>>(chunk.get("choices")).map(|choices| choices.0);
        let nothing_said = choices.as_ref().is_some_and(Vec::is_empty);
        self.content |= choices.unwrap_or_default().into_iter().any(choice_has_content);
        let usage = chunk.get("usage").and_then(Counts::openai);
        self.replace_counts(usage.or_else(|| Counts::openai(object(chunk.get("x_groq"))?.get("usage")?)));
        if usage.is_some() && nothing_said && !failed { Verdict::UsageOnly } else { Verdict::Show }
    }
}

/// What follows the first member of that name. A string's contents cannot look like it: their quotes are escaped.
pub(super) fn value_of<'a>(name: &Finder<'_>, data: &'a [u8]) -> Option<&'a [u8]> {
    let follows = |at: usize| data[at + name.needle().len()..].trim_ascii_start().strip_prefix(b":");
    name.find_iter(data).find_map(follows)
}

/// Whether a member `usage` is there and not null.
pub(super) fn mentions_usage(data: &[u8]) -> bool {
    let follows = |at: usize| data[at + USAGE.needle().len()..].trim_ascii_start();
    let says = |at: usize| {
        let rest = follows(at).strip_prefix(b":").unwrap_or_default().trim_ascii_start();
        !rest.starts_with(b"null")
    };
    USAGE.find_iter(data).any(says)
}

fn choice_has_content(choice: &RawValue) -> bool {
    let Some(choice) = object(Some(choice)) else { return false };
    let delta = object(choice.get("delta"));
    let spoken = |delta: &Members<'_>| CONTENT.iter().any(|name| says_something(delta.get(name)));
    delta.as_ref().is_some_and(spoken)
        || says_something(choice.get("text"))
        || says_something(choice.get("finish_reason"))
}
