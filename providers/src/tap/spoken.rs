//! What an answer has said so far, as text to be counted: delivered tokens are known while a stream runs, when it is
//! cut and when its provider reports no usage.
//!
//! Text waits uncounted until somebody asks or much of it has come: an ordinary answer ends with its provider's report
//! and is never counted. No stream keeps more than a few kilobytes. Deliberately not here: where an answer keeps its
//! words (`words`), the tables (a [`Counter`] is given from above).

use std::{fmt, sync::Arc};

/// Counts tokens. Implemented where the tables are; must be quick for a kilobyte of any text, and must not block.
pub trait Counter: Send + Sync {
    /// Tokens of `text`; `None` while that cannot be told because tables are being loaded.
    fn count(&self, text: &str) -> Option<u64>;
}

/// Hears the words of an answer as they come. Must be quick, and must not block.
pub trait Listener: Send + Sync {
    /// Words of one voice: answers beside each other are told apart, and so are an answer's reasoning, text and tool calls.
    fn hear(&self, voice: u64, words: &str);
}

/// What of an answer has been delivered, as far as it is known without counting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Bytes of text, reasoning, refusals and tools' names and arguments, in UTF-8.
    pub text_bytes: u64,
    /// Events that carried any of it.
    pub events: u64,
    /// Tokens of the part that has been counted.
    pub counted_tokens: u64,
    /// Bytes of the part that has not.
    pub uncounted_bytes: u64,
    /// Whether sound or pictures were delivered, which no text tells the tokens of.
    pub has_media: bool,
}

/// Tokens of what was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputCount {
    /// How many: what was counted, or what the provider has reported so far where that is more.
    pub tokens: u64,
    /// Whether all delivered text was counted with the tables: nothing was estimated, left out or unreadable.
    pub is_exact: bool,
}

impl Delivered {
    /// A bound that no byte-level tokenizer exceeds: a token has at least one byte.
    #[must_use]
    pub fn at_most(&self) -> u64 {
        self.counted_tokens.saturating_add(self.uncounted_bytes)
    }

    /// How many tokens it is without counting: rather more than less. Servers send at most one token an event, or
    /// many of ordinary text.
    #[must_use]
    pub fn likely(&self) -> u64 {
        let text = self.counted_tokens.saturating_add(self.uncounted_bytes.div_ceil(FEWEST_BYTES));
        text.max(self.events).min(self.at_most())
    }
}

/// Words that wait to be counted, because their tables were still being loaded.
pub struct Unheard(Spoken);

impl Unheard {
    /// Tokens of the whole answer's words, those counted before included.
    #[must_use]
    pub fn count(&self) -> OutputCount {
        self.0.count()
    }
}

impl fmt::Debug for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unheard").field("bytes", &self.0.waiting_bytes).finish()
    }
}

/// Whose words: answers beside each other are told apart, and so are an answer's reasoning, text and tool calls.
pub(super) type Voice = u64;

/// Text is counted unasked when so many bytes of it are waiting.
const MOST_UNASKED: usize = 8 * 1024;
/// When somebody asks, a text without a sure end of a token is let go only from this length on: it costs a token.
const LEAST_WHOLE: usize = 1024;
/// As long as the tables are being loaded, this much waits; more is estimated.
const MOST_WAITING: usize = 16 * 1024;
/// Most of one event's text that is counted: a millisecond's work. What goes beyond is taken to be like it.
const MOST_AT_ONCE: usize = 64 * 1024;
/// More voices than this at a time are counted together.
const MOST_VOICES: usize = 16;
/// Bytes to a token, where nothing better is known (ordinary text in most tokenizers).
const USUAL_BYTES: u64 = 4;
/// The same for text with many tokens: three digits, or a letter of an eastern script.
const FEWEST_BYTES: u64 = 3;

/// The words so far.
#[derive(Default)]
pub(super) struct Spoken {
    text_bytes: u64,
    events: u64,
    counted: u64,
    has_media: bool,
    is_estimated: bool,
    waiting_bytes: usize,
    waiting: Vec<(Voice, String)>,
    counter: Option<Arc<dyn Counter>>,
    listener: Option<Arc<dyn Listener>>,
}

impl Spoken {
    pub(super) fn listen_with(&mut self, listener: Arc<dyn Listener>) {
        self.listener = Some(listener);
    }

    pub(super) fn count_with(&mut self, counter: Arc<dyn Counter>) {
        self.counter = Some(counter);
    }

    /// Another listener with the same counter.
    pub(super) fn another(&self) -> Self {
        Self { counter: self.counter.clone(), ..Self::default() }
    }

    /// Takes words as they stand in JSON: UTF-8 but for halves of surrogate pairs.
    pub(super) fn say(&mut self, voice: Voice, words: &[u8]) {
        self.text_bytes += words.len() as u64;
        if let Some(listener) = &self.listener {
            listener.hear(voice, &String::from_utf8_lossy(words));
        }
        if self.counter.is_none() || words.is_empty() {
            return;
        }
        if words.len() > MOST_AT_ONCE {
            return self.sample(words);
        }
        let words = String::from_utf8_lossy(words);
        self.waiting_bytes += words.len();
        let at = self.waiting.iter().position(|(known, _)| *known == voice);
        let at = at.unwrap_or_else(|| self.new_voice(voice));
        self.waiting[at].1.push_str(&words);
        if self.waiting_bytes >= MOST_UNASKED {
            self.fold();
        }
    }

    /// Counts the beginning of a very long text, and scales.
    fn sample(&mut self, words: &[u8]) {
        let sample = String::from_utf8_lossy(&words[..MOST_AT_ONCE]);
        let tokens = self.counter.as_ref().and_then(|counter| counter.count(&sample));
        let scaled = |tokens: u64| tokens.saturating_mul(words.len() as u64).div_ceil(MOST_AT_ONCE as u64);
        self.counted += tokens.map_or_else(|| estimate(words.len() as u64), scaled);
        self.is_estimated = true;
    }

    fn new_voice(&mut self, voice: Voice) -> usize {
        if self.waiting.len() < MOST_VOICES {
            self.waiting.push((voice, String::new()));
        }
        self.waiting.len() - 1
    }

    /// How many bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.text_bytes
    }

    /// Sound or pictures were delivered.
    pub(super) fn show(&mut self) {
        self.has_media = true;
    }

    /// Something passed that could not be read.
    pub(super) fn miss(&mut self) {
        self.is_estimated = true;
    }

    /// Runs `reading` over one event.
    pub(super) fn event(&mut self, reading: impl FnOnce(&mut Self)) {
        let before = self.text_bytes;
        reading(self);
        self.events += u64::from(self.text_bytes > before);
    }

    /// Counts what is waiting, up to where a token surely ends, and lets go of it.
    pub(super) fn fold(&mut self) {
        let Some(counter) = self.counter.clone() else { return };
        for (_, text) in &mut self.waiting {
            let whole = || (text.len() >= LEAST_WHOLE).then_some(text.len());
            let Some(end) = token_end(text).or_else(whole) else { continue };
            match counter.count(&text[..end]) {
                Some(tokens) => self.counted += tokens,
                None if self.waiting_bytes < MOST_WAITING => continue,
                None => {
                    self.counted += estimate(end as u64);
                    self.is_estimated = true;
                }
            }
            text.drain(..end);
        }
        self.waiting.retain(|(_, text)| !text.is_empty());
        self.waiting_bytes = self.waiting.iter().map(|(_, text)| text.len()).sum();
    }

    /// Lets go of everything, if there are words whose tokens cannot be told yet.
    pub(super) fn unheard(self) -> Option<Unheard> {
        let is_told = |(_, text): &(Voice, String)| self.counter.as_ref().is_none_or(|by| by.count(text).is_some());
        (!self.waiting.iter().all(is_told)).then_some(Unheard(self))
    }

    pub(super) fn delivered(&self) -> Delivered {
        let uncounted = if self.counter.is_some() { self.waiting_bytes as u64 } else { self.text_bytes };
        Delivered {
            text_bytes: self.text_bytes,
            events: self.events,
            counted_tokens: self.counted,
            uncounted_bytes: uncounted,
            has_media: self.has_media,
        }
    }

    /// Everything counted, the waiting text too.
    pub(super) fn count(&self) -> OutputCount {
        let Some(counter) = &self.counter else {
            return OutputCount {
                tokens: estimate(self.text_bytes),
                is_exact: self.text_bytes == 0 && !self.has_media,
            };
        };
        let mut count = OutputCount { tokens: self.counted, is_exact: !self.is_estimated && !self.has_media };
        for (_, text) in &self.waiting {
            let tokens = counter.count(text);
            count.is_exact &= tokens.is_some();
            count.tokens += tokens.unwrap_or_else(|| estimate(text.len() as u64));
        }
        count
    }
}

fn estimate(bytes: u64) -> u64 {
    bytes.div_ceil(USUAL_BYTES)
}

/// Where the last token surely ends: before a blank behind anything else, as no piece of OpenAI's pre-tokenizers goes
/// on over that place. A text without one can only be taken whole: it costs a token more than it should at most.
fn token_end(text: &str) -> Option<usize> {
    let blanks = memchr::memrchr_iter(b' ', text.as_bytes());
    let mut ends = blanks.filter(|at| text[..*at].ends_with(|before: char| !before.is_whitespace()));
    ends.next()
}
