//! Unstreamed answers: kept as they pass, read once at the end.
//!
//! Deliberately not here: bodies of other types than JSON; they pass as complete.

use bytes::Bytes;
use memchr::memmem;
use serde_json::value::RawValue;

use super::{
    Seen, StreamError,
    spoken::Spoken,
    words::{speak_answer, speak_beginning},
};
use crate::{
    Family, Surface,
    counts::Counts,
    items,
    json::{Elements, Members, lenient, object},
    stored::{StoredKind, StoredRef},
};

/// Most bytes of a body that are kept; larger ones are read at their tail only.
const MOST_KEPT: usize = 16 * 1024 * 1024;
/// The same for vectors and pictures: megabytes of numbers that are not worth a parser's time.
const MOST_NUMBERS: usize = 256 * 1024;
/// How much of a larger body's end is kept: usage stands there in every known dialect that answers so much.
const TAIL: usize = 64 * 1024;

/// A body as far as it has passed.
pub(super) struct Body {
    surface: Surface,
    /// The kept chunks; never copied while the body passes.
    chunks: Vec<Bytes>,
    kept: usize,
    form: Form,
    /// Earlier chunks have been let go.
    beheaded: bool,
}

/// What a body turned out to be by its first byte that is not blank.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Nothing came yet.
    Empty,
    /// Only blanks came yet.
    Blank,
    /// An object or array.
    Json,
    /// Audio, transcripts as text, file contents: nothing of it is kept.
    Other,
}

impl Form {
    fn after(self, chunk: &[u8]) -> Self {
        match (self, chunk.trim_ascii_start().first()) {
            (Self::Json | Self::Other, _) => self,
            (_, Some(b'{' | b'[')) => Self::Json,
            (_, Some(_)) => Self::Other,
            (_, None) => Self::Blank,
        }
    }
}

impl Body {
    pub(super) fn new(surface: Surface) -> Self {
        Self { surface, chunks: Vec::new(), kept: 0, form: Form::Empty, beheaded: false }
    }

    /// How many bytes are being kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        self.form = self.form.after(&chunk);
        if self.form != Form::Json {
            return;
        }
        self.kept += chunk.len();
        self.chunks.push(chunk);
        if self.kept > most_kept(self.surface) || self.beheaded {
            self.behead();
        }
    }

    /// Lets go of what the tail does not need.
    fn behead(&mut self) {
        self.beheaded = true;
        let mut spare = self.kept.saturating_sub(TAIL);
        let whole = self.chunks.iter().take_while(|chunk| {
            let goes = chunk.len() <= spare;
            spare -= if goes { chunk.len() } else { 0 };
            goes
        });
        let goes = whole.count();
        self.chunks.drain(..goes);
        self.kept = self.chunks.iter().map(Bytes::len).sum();
    }

    /// Whether something came that has not been read, as the end has not come.
    pub(super) fn is_unread(&self) -> bool {
        !self.chunks.is_empty()
    }

    /// What the part that came says. Of a body whose earlier chunks were let go nothing can be told.
    pub(super) fn beginning(&self, mut spoken: Spoken) -> Spoken {
        if self.beheaded {
            spoken.miss();
        } else {
            speak_beginning(self.surface, self.chunks.concat(), &mut spoken);
        }
        spoken
    }

    pub(super) fn finish(&mut self, seen: &mut Seen) {
        if matches!(self.form, Form::Blank | Form::Other) {
            // Only the transport knows the end of these.
            seen.complete = true;
        }
        let chunks = std::mem::take(&mut self.chunks);
        let joined;
        let bytes: &[u8] = match chunks.as_slice() {
            [] => return,
            [only] => only,
            several => {
                joined = several.concat();
                &joined
            }
        };
        if self.beheaded {
            self.read_tail(bytes, seen);
        } else {
            self.read(bytes, seen);
        }
    }

    fn read(&self, bytes: &[u8], seen: &mut Seen) {
        let Ok(text) = std::str::from_utf8(bytes) else { return seen.spoken.miss() };
        if let Ok(members) = serde_json::from_str::<Members<'_>>(text) {
            seen.complete = true;
            seen.answer(self.surface, &members, bytes.len());
        } else if let Ok(Elements(elements)) = serde_json::from_str::<Elements<'_>>(text) {
            // Gemini's stream without `alt=sse`: one array of chunks.
            for chunk in elements.into_iter().filter_map(|raw| object(Some(raw))) {
                seen.answer(self.surface, &chunk, bytes.len());
            }
            seen.complete = true;
        }
    }

    fn read_tail(&self, bytes: &[u8], seen: &mut Seen) {
        seen.spoken.miss();
        let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
        seen.complete = matches!(tail.trim_ascii_end().last(), Some(b'}' | b']'));
        let name: &[u8] = if self.surface.family() == Family::Gemini { b"\"usageMetadata\"" } else { b"\"usage\"" };
        let Some(at) = memmem::rfind(tail, name) else { return };
        let Some(value) = tail[at + name.len()..].trim_ascii_start().strip_prefix(b":") else { return };
        let mut values = serde_json::Deserializer::from_slice(value).into_iter::<&RawValue>();
        if let Some(Ok(usage)) = values.next() {
            seen.replace_counts(counts(self.surface, usage));
        }
    }
}

fn most_kept(surface: Surface) -> usize {
    match surface {
        Surface::Embeddings | Surface::EmbedContent | Surface::Images => MOST_NUMBERS,
        _ => MOST_KEPT,
    }
}

fn counts(surface: Surface, usage: &RawValue) -> Option<Counts> {
    match surface {
        // Counting costs nothing: its figures are an answer, not consumption.
        Surface::MessagesCountTokens | Surface::CountTokens => None,
        Surface::Messages => Counts::anthropic(usage),
        _ if surface.family() == Family::Gemini => Counts::gemini(usage),
        _ => Counts::openai(usage),
    }
}

impl Seen {
    fn answer(&mut self, surface: Surface, members: &Members<'_>, bytes: usize) {
        let usage = members.get("usage").or_else(|| members.get("usageMetadata"));
        self.replace_counts(usage.and_then(|usage| counts(surface, usage)));
        if surface == Surface::Rerank && !self.counts.is_reported() {
            self.replace_counts(members.get("meta").and_then(Counts::billed_units));
        }
        let reported = self.counts.usage().output_total();
        // More tokens than bytes: hidden ones, or a lie. Whoever has to tell needs the words.
        if reported == 0 || reported > bytes as u64 {
            speak_answer(surface, members, &mut self.spoken);
        }
        self.note_error(StreamError::from_value(members.get("error")));
        self.note_id(lenient(members.get("id")));
        self.note_model(lenient(members.get("model")).or_else(|| lenient(members.get("modelVersion"))));
        // Nothing else names files that it made: elsewhere the words may be a caller's own.
        let files: &[&str] = if surface == Surface::Batches { &["output_file_id", "error_file_id"] } else { &[] };
        let files = files.iter().filter_map(|name| lenient(members.get(name)));
        self.owned.extend(files.map(|id| StoredRef { kind: StoredKind::File, id }));
        match surface {
            Surface::Responses | Surface::StoredResponse => self.owned.extend(items::made(members)),
            Surface::Messages => self.owned.extend(items::container(members)),
            _ => {}
        }
    }
}
