//! The observer of one answer: it sees a copy of what passes and changes nothing, save that it can withhold the one
//! chunk that exists only because we asked for usage on the caller's behalf.
//!
//! Lives here: the tap itself and what it has seen. One file a dialect says what an event means; `words`
//! and, for the ordinary ones, `plain` find an event's words; `hold` withholds; `body` reads unstreamed answers.
//! Deliberately not here: framing (`sse`), figures (`counts`), timing.

mod anthropic;
mod body;
mod chat;
mod fault;
mod gemini;
mod hold;
mod plain;
mod spoken;
mod typed;
mod words;

#[cfg(test)]
mod plain_tests;
#[cfg(test)]
mod spoken_tests;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use bytes::Bytes;

use self::{body::Body, hold::Hold, spoken::Spoken};
use crate::{
    Surface, Usage,
    counts::Counts,
    json::Members,
    sse::{Frame, Reader},
    stored::StoredRef,
};

pub use self::{
    fault::StreamError,
    spoken::{Counter, Delivered, Listener, OutputCount, Unheard},
};

/// Lets `listener` hear what a whole unstreamed answer says; false when it is no answer of that surface.
pub fn hear_answer(surface: Surface, body: &[u8], listener: Arc<dyn Listener>) -> bool {
    let Ok(answer) = serde_json::from_slice::<Members<'_>>(body) else { return false };
    let mut spoken = Spoken::default();
    spoken.listen_with(listener);
    words::speak_answer(surface, &answer, &mut spoken);
    spoken.bytes() > 0
}

/// Watches one answer pass. Its `Debug` prints nothing of the answer.
pub struct Tap {
    seen: Seen,
    mode: Mode,
}

enum Mode {
    Opaque,
    Body(Body),
    Stream { dialect: Dialect, reader: Reader, hold: Option<Hold> },
}

/// How a stream's events are to be read.
#[derive(Clone, Copy)]
enum Dialect {
    Chat,
    Typed,
    Anthropic,
    Gemini,
}

/// What has been seen of the answer so far.
#[derive(Default)]
struct Seen {
    content: bool,
    complete: bool,
    counts: Counts,
    /// Gemini's last chunk with figures, not read yet.
    unread: Vec<u8>,
    error: Option<StreamError>,
    object_id: Option<String>,
    owned: Vec<StoredRef>,
    /// A response that said that it is not stored.
    is_unstored: bool,
    model: Option<String>,
    spoken: Spoken,
    /// Anthropic: content blocks begun, and the one that is open.
    blocks: u64,
    open_block: Option<u64>,
    /// The number of the next event, where the dialect numbers them.
    sequence: u64,
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { content, complete, .. } = self.seen;
        f.debug_struct("Tap").field("content", &content).field("complete", &complete).finish_non_exhaustive()
    }
}

impl Tap {
    /// Watches an event stream. With `hide_usage` (we injected `include_usage` and the caller did not ask) the
    /// chunk that carries usage and no choices is withheld; everything else passes byte for byte.
    #[must_use]
    pub fn stream(surface: Surface, hide_usage: bool) -> Self {
        let dialect = Dialect::of(surface);
        let hold = (hide_usage && matches!(dialect, Dialect::Chat)).then(Hold::default);
        Self { seen: Seen::default(), mode: Mode::Stream { dialect, reader: Reader::default(), hold } }
    }

    /// Watches an unstreamed body (also Gemini's stream in the form of one JSON array).
    #[must_use]
    pub fn body(surface: Surface) -> Self {
        Self { seen: Seen::default(), mode: Mode::Body(Body::new(surface)) }
    }

    /// Watches nothing but that bytes came; always complete as far as it knows.
    #[must_use]
    pub fn opaque() -> Self {
        Self { seen: Seen { complete: true, ..Seen::default() }, mode: Mode::Opaque }
    }

    /// Counts what is delivered with `counter`, so that [`Tap::output_tokens`] is a count and no estimate.
    #[must_use]
    pub fn counting(mut self, counter: Arc<dyn Counter>) -> Self {
        self.seen.spoken.count_with(counter);
        self
    }

    /// Lets `listener` hear what is said, as it comes.
    #[must_use]
    pub fn listening(mut self, listener: Arc<dyn Listener>) -> Self {
        self.seen.spoken.listen_with(listener);
        self
    }

    /// Takes a chunk from the backend; `out` gets what the client may see now: the identical `Bytes`, uncopied.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        let seen = &mut self.seen;
        match &mut self.mode {
            Mode::Opaque => seen.content |= !chunk.is_empty(),
            Mode::Body(body) => {
                seen.content |= !chunk.is_empty();
                body.push(chunk.clone());
            }
            Mode::Stream { dialect, reader, hold: None } => {
                reader.push(&chunk, &mut |frame| {
                    seen.frame(*dialect, &frame);
                });
            }
            Mode::Stream { dialect, reader, hold: Some(hold) } => {
                hold.begin(&chunk);
                reader.push(&chunk, &mut |frame| {
                    let verdict = seen.frame(*dialect, &frame);
                    hold.frame_ended(&chunk, frame.end, verdict, out);
                });
                return hold.end(&chunk, out);
            }
        }
        if !chunk.is_empty() {
            out.push(chunk);
        }
    }

    /// The backend's answer ended, cleanly or not: what was held back and the client may see.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) {
        let seen = &mut self.seen;
        match &mut self.mode {
            Mode::Opaque => {}
            Mode::Body(body) => body.finish(seen),
            Mode::Stream { dialect, reader, hold } => {
                let mut verdict = Verdict::Show;
                reader.finish(&mut |frame| verdict = seen.last_frame(*dialect, &frame));
                if let Some(hold) = hold {
                    hold.finish(verdict, out);
                }
            }
        }
    }

    /// The answer ends here, whatever was still to come: what has come of an unfinished event was delivered as well.
    /// Only its words are heard; all else that it says is not true before its end.
    pub fn cut(&mut self) {
        let Mode::Stream { dialect, reader, .. } = &mut self.mode else { return };
        let mut listener = Seen { content: true, spoken: std::mem::take(&mut self.seen.spoken), ..Seen::default() };
        reader.finish(&mut |frame| {
            let data = frame.data.map(words::completed);
            listener.frame(*dialect, &Frame { data: data.as_deref(), ..frame });
        });
        self.seen.spoken = listener.spoken;
    }

    /// Whether the first content has been seen: text, reasoning, a tool's name or arguments, a refusal, audio, or
    /// the dialect's word that generation finished. Not roles, pings, comments, lifecycle events or errors.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.seen.content
    }

    /// An error that the provider reported inside the answer.
    #[must_use]
    pub fn error(&self) -> Option<&StreamError> {
        self.seen.error.as_ref()
    }

    /// Whether the dialect's own end marker has been seen; for bodies (after `finish`) whether it is whole.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.seen.complete
    }

    /// What was consumed, as far as the provider said (for bodies: after `finish`).
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.seen.settled_counts().usage()
    }

    /// What has been delivered of a stream, at no cost. Of an unstreamed body nothing is known before its end, and
    /// then only where the provider reported no output, or more than the body has bytes.
    #[must_use]
    pub fn delivered(&self) -> Delivered {
        self.seen.spoken.delivered()
    }

    /// Tokens of the output delivered so far: counted, or reported where that is more. Costs a count of the text that
    /// came since it was asked last (at most some kilobytes of a stream), and of an unfinished unstreamed body the
    /// reading of all of it.
    #[must_use]
    pub fn output_tokens(&mut self) -> OutputCount {
        let count = self.counted_tokens();
        let reported = self.usage().output_total();
        OutputCount { tokens: count.tokens.max(reported), ..count }
    }

    /// The same without what was reported. Of a whole unstreamed body 0, unless it reported no output or more than it
    /// has bytes.
    #[must_use]
    pub fn counted_tokens(&mut self) -> OutputCount {
        self.seen.spoken.fold();
        match &self.mode {
            Mode::Body(body) if body.is_unread() => body.beginning(self.seen.spoken.another()).count(),
            _ => self.seen.spoken.count(),
        }
    }

    /// The delivered words, where their tokens cannot be told yet because tables are being loaded. The tap knows of no
    /// words after that.
    #[must_use]
    pub fn unheard(&mut self) -> Option<Unheard> {
        let spoken = match &self.mode {
            Mode::Body(body) if body.is_unread() => body.beginning(self.seen.spoken.another()),
            _ => std::mem::take(&mut self.seen.spoken),
        };
        spoken.unheard()
    }

    /// The number that the next event of a stream of the Responses API has (`sequence_number`): one more than the
    /// last one seen, and where a server numbers nothing, how many there were.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.seen.sequence
    }

    /// Id of the object that the answer created or is.
    #[must_use]
    pub fn object_id(&self) -> Option<&str> {
        self.seen.object_id.as_deref()
    }

    /// What the answer made beside the object that it is, and what belongs to that object's owner: a batch's output and
    /// error files, the items and containers of a response, the container of a message.
    #[must_use]
    pub fn owned(&self) -> &[StoredRef] {
        &self.seen.owned
    }

    /// Anthropic: the content block that has begun and not ended.
    #[must_use]
    pub fn open_block(&self) -> Option<u64> {
        self.seen.open_block
    }

    /// The model that answered, as the provider names it.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.seen.model.as_deref()
    }
}

impl Dialect {
    fn of(surface: Surface) -> Self {
        match surface {
            Surface::ChatCompletions | Surface::Completions => Self::Chat,
            Surface::Messages | Surface::MessagesCountTokens => Self::Anthropic,
            Surface::GenerateContent
            | Surface::StreamGenerateContent
            | Surface::EmbedContent
            | Surface::CountTokens => Self::Gemini,
            _ => Self::Typed,
        }
    }
}

/// Whether a frame may be shown when usage is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Show,
    /// It carries usage and no choices: it is there because we asked.
    UsageOnly,
}

impl Seen {
    fn frame(&mut self, dialect: Dialect, frame: &Frame<'_>) -> Verdict {
        if frame.oversized {
            // Nothing but content grows that large.
            self.content = true;
            self.spoken.miss();
            return Verdict::Show;
        }
        let Some(data) = frame.data else { return Verdict::Show };
        match dialect {
            Dialect::Chat => return self.chat_event(frame.event, data),
            Dialect::Typed => self.typed_event(frame.event, data),
            Dialect::Anthropic => self.anthropic_event(frame.event, data),
            Dialect::Gemini => self.gemini_event(data),
        }
        Verdict::Show
    }

    /// A frame that may end in the middle: the words that it was cut in count too.
    fn last_frame(&mut self, dialect: Dialect, frame: &Frame<'_>) -> Verdict {
        let data = frame.data.map(words::closed);
        self.frame(dialect, &Frame { data: data.as_deref(), ..*frame })
    }

    fn note_model(&mut self, model: Option<String>) {
        if self.model.is_none() {
            self.model = model.filter(|model| !model.is_empty());
        }
    }

    fn note_id(&mut self, id: Option<String>) {
        if self.object_id.is_none() {
            self.object_id = id.filter(|id| !id.is_empty());
        }
    }

    /// Takes newer figures in place of the older ones, when they say anything.
    fn replace_counts(&mut self, counts: Option<Counts>) {
        if let Some(counts) = counts.filter(Counts::is_reported) {
            self.counts = counts;
        }
    }

    /// Keeps the first error: later ones are its consequences.
    fn note_error(&mut self, error: Option<StreamError>) {
        if self.error.is_none() {
            self.error = error;
        }
    }
}
