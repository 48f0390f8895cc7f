//! Events of Gemini: every chunk carries cumulative usage, and nothing but a finish reason marks the end.

use serde_json::value::RawValue;

use super::{Seen, StreamError};
use crate::{
    counts::Counts,
    json::{Elements, Members, lenient, object, says_something},
};

impl Seen {
    pub(super) fn gemini_event(&mut self, data: &[u8]) {
        if let Ok(chunk) = serde_json::from_slice::<Members<'_>>(data) {
            self.gemini_chunk(&chunk);
        }
    }

    pub(super) fn gemini_chunk(&mut self, chunk: &Members<'_>) {
        self.replace_counts(chunk.get("usageMetadata").and_then(Counts::gemini));
        self.note_model(lenient(chunk.get("modelVersion")));
        self.note_error(StreamError::from_value(chunk.get("error")));
        let candidates = lenient::<Elements<'_>>(chunk.get("candidates")).map(|list| list.0).unwrap_or_default();
        for candidate in candidates.into_iter().filter_map(|raw| object(Some(raw))) {
            let finished = says_something(candidate.get("finishReason"));
            self.complete |= finished;
            self.content |= finished || speaks(candidate.get("content"));
        }
        // A refused prompt has no candidates at all.
        let blocked = object(chunk.get("promptFeedback")).is_some_and(|f| says_something(f.get("blockReason")));
        self.complete |= blocked;
        self.content |= blocked;
    }
}

fn speaks(content: Option<&RawValue>) -> bool {
    let parts = object(content).and_then(|content| lenient::<Elements<'_>>(content.get("parts")));
    let says = |part: Members<'_>| {
        let spoken = |(name, value): &(_, &RawValue)| name != "thought" && says_something(Some(value));
        part.0.iter().any(spoken)
    };
    parts.is_some_and(|parts| parts.0.into_iter().filter_map(|raw| object(Some(raw))).any(says))
}
