//! Writing events: text cut into pieces at word borders, and lines of which only the text differs.
//!
//! Deliberately not here: which events a dialect has.

use bytes::Bytes;
use serde_json::Value;

/// Shortest piece of text, in bytes, before the next word border: about four words, as models emit in one go when
/// they are fast. Fewer, larger events are cheaper for both sides.
const SHORTEST_PIECE: usize = 24;
/// Most pieces of one text: a very long answer comes in larger pieces.
const MOST_PIECES: usize = 256;

/// Cuts text into pieces that end behind white space, where there is any.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    let least = SHORTEST_PIECE.max(text.len() / MOST_PIECES);
    let mut all = Vec::with_capacity(text.len() / least + 1);
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, left) = rest.split_at(border(rest, least));
        all.push(piece);
        rest = left;
    }
    all
}

/// Where the piece ends: behind the first white space from `least` bytes on, at most four times as far.
fn border(text: &str, least: usize) -> usize {
    if text.len() <= least {
        return text.len();
    }
    let from = text.ceil_char_boundary(least);
    let farthest = text.ceil_char_boundary(least * 4);
    let blank = text[from..farthest].char_indices().find(|(_, c)| c.is_whitespace());
    blank.map_or(farthest, |(at, c)| from + at + c.len_utf8())
}

/// An event whose name is its member `type`.
pub(super) fn typed(value: &Value) -> Bytes {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default()).into()
}

/// The end marker of OpenAI's older dialects.
pub(super) const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// A line that is the same for every piece, but for the piece.
pub(super) struct Line {
    before: String,
    after: String,
}

impl Line {
    /// From what stands before and behind the piece's JSON string.
    pub(super) fn new(before: String, after: String) -> Self {
        Self { before, after }
    }

    /// The line with a piece.
    pub(super) fn with(&self, piece: &str) -> Bytes {
        format!("{}{}{}", self.before, Value::from(piece), self.after).into()
    }
}
