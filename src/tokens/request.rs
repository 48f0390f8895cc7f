//! Counting whole prompts and plain texts, with a bound beside the count, in bounded time.
//!
//! Deliberately not here: what a body makes a model read (`tollgate_providers::prompt`), and estimates for the hot
//! path (`learned`).

use std::{num::NonZero, sync::LazyLock};

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use tollgate_providers::{
    Surface,
    prompt::{self, Part, Prompt, Unbounded},
};

use super::{Tokenizer, chat, images, tools};

/// Tokens of a prompt or text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many, as well as it can be told.
    pub tokens: u64,
    /// Whether that is the vendor's own count, by its own tokenizer and published rules.
    pub is_exact: bool,
    /// A bound that the vendor's count does not exceed, as far as the body tells: no byte-level tokenizer makes more
    /// tokens than there are bytes. Does not include what is in `unbounded`.
    pub upper_bound: u64,
    /// What makes any bound impossible.
    pub unbounded: Vec<Unbounded>,
}

/// Most bytes of one prompt that are counted: some 0.2 s of one core. What goes beyond is taken to be like it.
const MOST_COUNTED: usize = 8 << 20;
/// Texts are counted in pieces of about this size, so that no single step takes long.
const PIECE: usize = 64 * 1024;
/// A body up to this size is counted where it is asked for, once tables are loaded (0.2 ms).
const MOST_ON_REACTOR: usize = 8 * 1024;
/// Room for what vendors put around a message or tool and do not publish.
const SLACK_PER_PART: u64 = 8;
const SLACK: u64 = 32;

/// Counts a text by itself.
#[must_use]
pub fn count_text(model: &str, text: &str) -> Count {
    let mut counter = Counter::new(model);
    counter.add(text);
    let (tokens, is_exact) = (counter.tokens, counter.is_exact());
    let upper_bound = if is_exact { tokens } else { text.len() as u64 };
    Count { tokens, is_exact, upper_bound, unbounded: Vec::new() }
}

/// Counts the prompt of a JSON body that goes to `model`, as its backend knows it.
#[must_use]
pub fn count_request(surface: Surface, model: &str, body: &[u8]) -> Count {
    let prompt = prompt::read(surface, body);
    let mut counter = Counter::new(model);
    prompt.texts.iter().for_each(|text| counter.add(&text.text));
    let plain = counter.tokens + chat::framing(&prompt) + prompt.token_ids;
    let rest = tools::count(&prompt.tools, counter.tokenizer.encoding) + prompt.unread_bytes.div_ceil(4);
    let (pictures, pictures_at_most, mut unbounded) = pictures(model, &prompt);
    let is_exact = counter.is_exact() && is_plain(surface, model, &prompt);
    let tokens = plain + rest + pictures;
    unbounded.extend(prompt.unbounded.iter().copied().filter(|what| !unbounded.contains(what)).collect::<Vec<_>>());
    let upper_bound = if is_exact { tokens } else { bound(&prompt, &counter, plain) + pictures_at_most };
    Count { tokens, is_exact, upper_bound: upper_bound.max(tokens), unbounded }
}

/// A bound on a prompt's tokens that costs nothing, by the length of its body. None where the model reads more than
/// that ([`tollgate_providers::Head::reads_more`]): then only a count tells.
#[must_use]
pub const fn upper_bound(body_bytes: u64, reads_more: bool) -> u64 {
    // What surrounds a message in JSON has more bytes than what vendors put there instead has tokens.
    if reads_more { u64::MAX } else { body_bytes }
}

/// The same without holding up the reactor: a large body, or the first one, is counted on a thread of its own.
pub async fn count_prompt(surface: Surface, model: &str, body: Bytes) -> Count {
    let is_short = body.len() <= MOST_ON_REACTOR && Tokenizer::of(model).encoding.is_loaded();
    if is_short {
        return count_request(surface, model, &body);
    }
    // Held until this count is over, unless the caller does not wait for it: then it is the next one's turn early.
    let _turn = turn().await;
    let (model, counted) = (model.to_owned(), body.clone());
    let count = tokio::task::spawn_blocking(move || {
        Tokenizer::of(&model).encoding.load();
        count_request(surface, &model, &counted)
    });
    // A thread that could not finish (the runtime is ending) leaves the bound, which needs no table.
    count.await.unwrap_or_else(|_| bytes_alone(body.len() as u64))
}

/// A turn at counting on a thread of its own. As many go on at once as there are processors: each thread that counts
/// takes some six megabytes of working space and keeps it, and a thousand streams may be cut at once.
async fn turn() -> Option<SemaphorePermit<'static>> {
    static TURNS: LazyLock<Semaphore> =
        LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(2, NonZero::get)));
    TURNS.acquire().await.ok()
}

fn bytes_alone(bytes: u64) -> Count {
    Count { tokens: bytes.div_ceil(4), is_exact: false, upper_bound: bytes, unbounded: Vec::new() }
}

/// Whether published rules cover everything in this prompt.
fn is_plain(surface: Surface, model: &str, prompt: &Prompt<'_>) -> bool {
    let is_bare = prompt.messages == 0 && matches!(surface, Surface::Embeddings | Surface::Completions);
    let is_chat = surface == Surface::ChatCompletions && chat::is_published(model);
    let is_text = |part| matches!(part, Part::Role | Part::Name | Part::Words);
    (is_bare || is_chat)
        && prompt.tools.is_empty()
        && prompt.images.is_empty()
        && prompt.unbounded.is_empty()
        && prompt.unread_bytes == 0
        && prompt.texts.iter().all(|text| is_text(text.part))
}

/// With the model's own tokenizer its texts are certain and only what surrounds them is not; without, bytes bound.
fn bound(prompt: &Prompt<'_>, counter: &Counter, plain: u64) -> u64 {
    let tools: u64 = prompt.tools.iter().map(tool_bytes).sum();
    let parts = prompt.messages + prompt.texts.len() as u64 + prompt.tools.len() as u64;
    let slack = SLACK + SLACK_PER_PART * parts;
    let texts = if counter.is_exact() { plain } else { prompt.text_bytes() + prompt.token_ids };
    texts.saturating_add(tools).saturating_add(prompt.unread_bytes).saturating_add(slack)
}

fn tool_bytes(tool: &prompt::Tool<'_>) -> u64 {
    let own = tool.name.len() + tool.description.len() + tool.parameters.map_or(0, str::len);
    own as u64 + if tool.is_vendors { 1_000 } else { 0 }
}

/// Tokens of all pictures, their bound, and whether there is none.
fn pictures(model: &str, prompt: &Prompt<'_>) -> (u64, u64, Vec<Unbounded>) {
    let costs: Vec<images::Cost> = prompt.images.iter().map(|image| images::cost(model, *image)).collect();
    let tokens = costs.iter().map(|cost| cost.tokens).sum();
    let at_most = costs.iter().map(|cost| cost.at_most.unwrap_or(cost.tokens)).sum();
    let boundless = costs.iter().any(|cost| cost.at_most.is_none());
    (tokens, at_most, if boundless { vec![Unbounded::Image] } else { Vec::new() })
}

/// Counts texts one after another, up to a bound.
struct Counter {
    tokenizer: Tokenizer,
    tokens: u64,
    counted: usize,
    is_cut: bool,
}

impl Counter {
    fn new(model: &str) -> Self {
        Self { tokenizer: Tokenizer::of(model), tokens: 0, counted: 0, is_cut: false }
    }

    fn is_exact(&self) -> bool {
        self.tokenizer.is_own && !self.is_cut
    }

    fn add(&mut self, text: &str) {
        let room = MOST_COUNTED.saturating_sub(self.counted);
        let cut = text.floor_char_boundary(room);
        let (counted, rest) = text.split_at(cut);
        let mut left = counted;
        while !left.is_empty() {
            let (piece, behind) = left.split_at(piece_end(left));
            self.tokens += self.tokenizer.encoding.count(piece);
            left = behind;
        }
        self.counted += counted.len();
        self.is_cut |= !rest.is_empty();
        // More than any model reads: by the rate of what was counted.
        let rate = self.tokens.checked_div(self.counted as u64 / 1024).unwrap_or(256);
        self.tokens += (rest.len() as u64).div_ceil(1024) * rate;
    }
}

/// Where a piece may end without changing the count: before a blank behind anything else. A text without such a
/// place in its first piece is taken further, to the end if need be: counting is linear.
fn piece_end(text: &str) -> usize {
    if text.len() <= PIECE {
        return text.len();
    }
    let bytes = text.as_bytes();
    let blanks = memchr::memchr_iter(b' ', &bytes[PIECE..]).map(|at| at + PIECE);
    let mut ends = blanks.filter(|at| text[..*at].ends_with(|before: char| !before.is_whitespace()));
    ends.next().unwrap_or(text.len())
}
