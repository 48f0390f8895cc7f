//! Events that carry their kind in `type`: the Responses API, streamed transcriptions, speech and images.
//!
//! Deltas are ordinary; what is read in full are the events that carry a `response`, usage or an error.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{
    Seen, StreamError,
    chat::{ERROR, mentions_usage, value_of},
    words::{Shape, speak},
};
use crate::{
    counts::Counts,
    items,
    json::{Members, lenient, object, says_something},
};

static RESPONSE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"response\""));
static TYPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"type\""));
static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"delta\""));
static SEQUENCE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"sequence_number\""));
static DONE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(".done\""));

impl Seen {
    pub(super) fn typed_event(&mut self, event: &[u8], data: &[u8]) {
        if data.starts_with(b"[DONE]") {
            // Compatible servers add it behind their terminal event.
            return;
        }
        self.sequence = value_of(&SEQUENCE, data).and_then(whole).unwrap_or(self.sequence).saturating_add(1);
        self.speak_delta(event, data);
        let worth_reading = !self.content
            || event == b"error"
            || RESPONSE.find(data).is_some()
            || ERROR.find(data).is_some()
            || DONE.find(data).is_some()
            || mentions_usage(data);
        if !worth_reading {
            return;
        }
        if let Ok(members) = serde_json::from_slice::<Members<'_>>(data) {
            let kind: Option<String> = lenient(members.get("type"));
            let kind = kind.unwrap_or_else(|| String::from_utf8_lossy(event).into_owned());
            self.typed_members(&kind, &members);
        }
    }

    /// Text, reasoning, refusals and arguments come in deltas; what repeats them whole at its end is no delta.
    fn speak_delta(&mut self, event: &[u8], data: &[u8]) {
        let kind = if event.is_empty() { value_of(&TYPE, data).map_or(&[][..], quoted) } else { event };
        let Some(kind) = kind.strip_suffix(b".delta") else { return };
        if kind.ends_with(b"audio") {
            return self.spoken.show();
        }
        let voice = u64::from(memchr::memmem::find(kind, b"reasoning").is_some());
        if let Some(delta) = value_of(&DELTA, data) {
            self.spoken.event(|spoken| speak(Shape::Content, delta, voice, spoken));
        }
    }

    fn typed_members(&mut self, kind: &str, members: &Members<'_>) {
        if let Some(response) = object(members.get("response")) {
            self.note_id(lenient(response.get("id")));
            self.note_model(lenient(response.get("model")));
            self.replace_counts(response.get("usage").and_then(Counts::openai));
            self.note_error(StreamError::from_value(response.get("error")));
            self.is_unstored = !items::is_stored(&response);
            let made = items::made(&response);
            // One that failed or was cut short may name fewer than it has streamed.
            if made.len() >= self.owned.len() {
                self.owned = made;
            }
        }
        self.replace_counts(members.get("usage").and_then(Counts::openai));
        match kind {
            "response.completed"
            | "response.incomplete"
            | "transcript.text.done"
            | "speech.audio.done"
            | "image_generation.completed"
            | "image_edit.completed" => {
                self.complete = true;
                self.content = true;
            }
            "response.failed" => {
                self.complete = true;
                self.note_error(Some(unexplained()));
            }
            "response.output_item.done" => {
                if let Some(item) = object(members.get("item")) {
                    items::add(&mut self.owned, &item, !self.is_unstored);
                }
            }
            "error" => {
                let nested = StreamError::from_value(members.get("error"));
                self.note_error(Some(nested.unwrap_or_else(|| StreamError::from_members(members))));
            }
            _ => self.content |= is_content(kind, members),
        }
    }
}

/// The text of a string without escapes, as kinds of events are.
fn quoted(value: &[u8]) -> &[u8] {
    let Some(text) = value.trim_ascii_start().strip_prefix(b"\"") else { return &[] };
    &text[..memchr::memchr(b'"', text).unwrap_or(0)]
}

/// A whole number at the beginning of the text.
fn whole(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii_start();
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&value[..digits]).ok()?.parse().ok()
}

fn unexplained() -> StreamError {
    StreamError { status_hint: 500, code: Some("server_error".to_owned()), message: "the response failed".to_owned() }
}

fn is_content(kind: &str, members: &Members<'_>) -> bool {
    let partial = kind.strip_suffix(".partial_image").is_some() || kind == "speech.audio.delta";
    partial || (kind.strip_suffix(".delta").is_some() && says_something(members.get("delta")))
}
