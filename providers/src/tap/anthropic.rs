//! Events of Anthropic's Messages.
//!
//! Usage comes in `message_start` (prompt, cache) and, cumulative, in `message_delta`, which repeats the prompt's
//! figures only sometimes, and larger ones when tools of the provider ran: each figure only ever grows.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{
    Seen, StreamError,
    chat::{ERROR, USAGE, value_of},
    words::{Shape, speak},
};
use crate::{
    counts::Counts,
    items,
    json::{Members, lenient, object, says_something},
};

static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"delta\""));
static BLOCK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"content_block\""));
static STOP: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"message_stop\""));

impl Seen {
    pub(super) fn anthropic_event(&mut self, event: &[u8], data: &[u8]) {
        self.note_block(event);
        let delta = value_of(&DELTA, data).map(|delta| (Shape::Delta, delta));
        let words = delta.or_else(|| Some((Shape::Block, value_of(&BLOCK, data)?)));
        if let Some((shape, words)) = words {
            self.spoken.event(|spoken| speak(shape, words, 0, spoken));
        }
        let told = |finder: &Finder<'_>| finder.find(data).is_some();
        let ordinary = self.content && event != b"error" && !told(&USAGE) && !told(&STOP) && !told(&ERROR);
        if ordinary {
            return;
        }
        if let Ok(members) = serde_json::from_slice::<Members<'_>>(data) {
            let kind: Option<String> = lenient(members.get("type"));
            let kind = kind.unwrap_or_else(|| String::from_utf8_lossy(event).into_owned());
            self.anthropic_members(&kind, &members);
        }
    }

    /// Which content block is open: they are numbered from 0, one at a time.
    fn note_block(&mut self, event: &[u8]) {
        match event {
            b"content_block_start" => {
                self.open_block = Some(self.blocks);
                self.blocks += 1;
            }
            b"content_block_stop" => self.open_block = None,
            _ => {}
        }
    }

    fn anthropic_members(&mut self, kind: &str, members: &Members<'_>) {
        match kind {
            "message_start" => {
                let Some(message) = object(members.get("message")) else { return };
                self.note_id(lenient(message.get("id")));
                self.note_model(lenient(message.get("model")));
                items::add_container(&mut self.owned, &message);
                self.grow_counts(&message);
            }
            "content_block_start" => {
                let block = object(members.get("content_block"));
                self.content |= block.is_some_and(|block| block_has_content(&block));
            }
            "content_block_delta" => {
                let delta = object(members.get("delta"));
                self.content |= delta.is_some_and(|delta| delta_has_content(&delta));
            }
            "message_delta" => {
                self.grow_counts(members);
                let Some(delta) = object(members.get("delta")) else { return };
                self.content |= says_something(delta.get("stop_reason"));
                items::add_container(&mut self.owned, &delta);
            }
            "message_stop" => {
                self.complete = true;
                self.content = true;
            }
            "error" => {
                let error = StreamError::from_value(members.get("error"));
                self.note_error(Some(error.unwrap_or_else(|| StreamError::from_members(members))));
            }
            _ => {}
        }
    }

    fn grow_counts(&mut self, holder: &Members<'_>) {
        if let Some(counts) = holder.get("usage").and_then(Counts::anthropic) {
            self.counts.grow(&counts);
        }
    }
}

/// A block that starts with its payload (search results, redacted thinking); the others send theirs in deltas.
fn block_has_content(block: &Members<'_>) -> bool {
    let kind: Option<String> = lenient(block.get("type"));
    match kind.as_deref() {
        None => false,
        Some("text" | "thinking") => says_something(block.get("text")) || says_something(block.get("thinking")),
        Some("tool_use" | "server_tool_use" | "mcp_tool_use") => says_something(block.get("input")),
        Some(_) => true,
    }
}

fn delta_has_content(delta: &Members<'_>) -> bool {
    delta.0.iter().any(|(name, value)| name != "type" && says_something(Some(value)))
}
