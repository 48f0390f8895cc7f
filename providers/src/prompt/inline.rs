//! How much of a body is pictures, sounds and files in base64, by a look that costs a fraction of reading it: their
//! length says nothing of their tokens, and would spoil an estimate by length.
//!
//! Deliberately not here: what they are, and pictures named by a URL.

use std::sync::LazyLock;

use memchr::{memchr, memmem::Finder};

use crate::{Family, Surface};

/// Pictures, sounds and files inside a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inline {
    /// How many.
    pub parts: u64,
    /// How many bytes of the body they are.
    pub bytes: u64,
}

/// Bodies shorter than this are not looked at, and shorter strings are no media.
const LEAST_BODY: usize = 16 * 1024;
const LEAST_STRING: usize = 256;

static DATA_URL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(";base64,"));
static DATA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"data\""));

/// Looks for media in base64.
#[must_use]
pub fn inline(surface: Surface, body: &[u8]) -> Inline {
    let mut found = Inline::default();
    if body.len() < LEAST_BODY {
        return found;
    }
    let is_openai = surface.family() == Family::OpenAi;
    if is_openai {
        DATA_URL.find_iter(body).for_each(|at| found.take(&body[at..]));
    }
    // Sound in a chat is bare base64, as everything is in the other families.
    let bare = |at: usize| {
        let value = body[at + DATA.needle().len()..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        value.strip_prefix(b"\"").filter(|value| !value.starts_with(b"data:"))
    };
    DATA.find_iter(body).filter_map(bare).for_each(|value| found.take(value));
    found
}

impl Inline {
    fn take(&mut self, from: &[u8]) {
        let bytes = memchr(b'"', from).unwrap_or(from.len());
        if bytes >= LEAST_STRING {
            self.parts += 1;
            self.bytes += bytes as u64;
        }
    }
}
