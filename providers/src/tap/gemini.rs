//! Events of Gemini: every chunk carries cumulative usage, and nothing but a finish reason marks the end.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::value::RawValue;

use super::{
    Seen, StreamError,
    chat::{ERROR, value_of},
    words::{Shape, speak},
};
use crate::{
    counts::Counts,
    json::{Elements, Members, lenient, object, says_something},
};

static CANDIDATES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"candidates\""));
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"finishReason\""));
static BLOCKED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"blockReason\""));
static COUNT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("TokenCount\""));

/// Chunks larger than this are read at once: copying them to read them later is no saving.
const MOST_UNREAD: usize = 16 * 1024;

impl Seen {
    pub(super) fn gemini_event(&mut self, data: &[u8]) {
        if let Some(candidates) = value_of(&CANDIDATES, data) {
            self.spoken.event(|spoken| speak(Shape::Candidates, candidates, 0, spoken));
        }
        let told = |finder: &Finder<'_>| finder.find(data).is_some();
        let ordinary = self.content && data.len() <= MOST_UNREAD && !told(&FINISH) && !told(&BLOCKED) && !told(&ERROR);
        if !ordinary {
            self.counts = self.settled_counts();
            self.unread.clear();
            self.read_gemini(data);
        } else if told(&COUNT) {
            // Figures are cumulative: only the last ones need reading.
            data.clone_into(&mut self.unread);
        }
    }

    /// The counts with those of the last unread chunk.
    pub(super) fn settled_counts(&self) -> Counts {
        let unread =
            || serde_json::from_slice::<Members<'_>>(&self.unread).ok()?.get("usageMetadata").and_then(Counts::gemini);
        let newer = if self.unread.is_empty() { None } else { unread() };
        newer.filter(Counts::is_reported).unwrap_or(self.counts)
    }

    fn read_gemini(&mut self, data: &[u8]) {
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
