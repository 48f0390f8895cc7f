//! The public tokenizers of OpenAI: which model uses which, and their tables, loaded when they are first needed.
//!
//! `bpe-openai` counts in linear time whatever the text and yields what tiktoken yields: a differential test holds
//! them equal. Deliberately not here: what surrounds text in a prompt (`chat`, `tools`).

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU8, Ordering},
};

use tollgate_providers::{Counter, models};

/// A vocabulary with its pre-tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Of gpt-4o and everything OpenAI published after it.
    O200k,
    /// Of gpt-4, gpt-3.5 and the third embeddings.
    Cl100k,
}

/// How a model's text is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokenizer {
    /// With which vocabulary.
    pub encoding: Encoding,
    /// Whether it is the model's own; otherwise counts are estimates, to be scaled by what was learned.
    pub is_own: bool,
}

/// Names that begin so are counted with `cl100k_base` (tiktoken's `model.py`).
const CL100K: [&str; 8] = [
    "gpt-4",
    "gpt-3.5",
    "gpt-35",
    "text-embedding-ada-002",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "davinci-002",
    "babbage-002",
];
/// And these with `o200k_base`.
const O200K: [&str; 12] = [
    "gpt-4o",
    "chatgpt-4o",
    "gpt-4.1",
    "gpt-4.5",
    "gpt-5",
    "gpt-oss",
    "gpt-audio",
    "o1",
    "o3",
    "o4-mini",
    "codex-mini",
    "computer-use",
];

impl Tokenizer {
    /// Of the model that a backend knows by this name.
    #[must_use]
    pub fn of(model: &str) -> Self {
        let name = models::bare(model);
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| models::begins_with(name, prefix));
        match (begins(&O200K), begins(&CL100K)) {
            (true, _) => Self { encoding: Encoding::O200k, is_own: true },
            (false, true) => Self { encoding: Encoding::Cl100k, is_own: true },
            (false, false) => Self { encoding: Encoding::O200k, is_own: false },
        }
    }
}

impl Encoding {
    /// Loads the tables, if that has not been done: some 100 ms of work, once in the process. Not for the reactor.
    pub fn load(self) {
        // Any text makes the library build its tables.
        let loaded = self.tables().count("a");
        debug_assert_eq!(loaded, 1);
        self.state().store(LOADED, Ordering::Release);
    }

    /// Whether counting would not have to load tables first.
    #[must_use]
    pub fn is_loaded(self) -> bool {
        self.state().load(Ordering::Acquire) == LOADED
    }

    /// Tokens of `text` as ordinary text: what looks like a control token is none. Takes time linear in its length,
    /// whatever it is (some 20 µs a kilobyte, repeated letters 10), after tables are loaded.
    #[must_use]
    pub fn count(self, text: &str) -> u64 {
        self.tables().count(text) as u64
    }

    fn tables(self) -> &'static bpe_openai::Tokenizer {
        match self {
            Self::O200k => bpe_openai::o200k_base(),
            Self::Cl100k => bpe_openai::cl100k_base(),
        }
    }

    fn state(self) -> &'static AtomicU8 {
        static STATES: [AtomicU8; 2] = [AtomicU8::new(ABSENT), AtomicU8::new(ABSENT)];
        &STATES[self as usize]
    }

    /// Begins to load in the background, unless that was begun before.
    fn load_in_background(self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let begun = self.state().compare_exchange(ABSENT, LOADING, Ordering::AcqRel, Ordering::Acquire);
        if begun.is_ok() {
            runtime.spawn_blocking(move || self.load());
        }
    }
}

const ABSENT: u8 = 0;
const LOADING: u8 = 1;
const LOADED: u8 = 2;

/// Counts text that passes, never waiting for tables: the first call begins to load them.
struct Passing(Encoding);

impl Counter for Passing {
    fn count(&self, text: &str) -> Option<u64> {
        if self.0.is_loaded() {
            return Some(self.0.count(text));
        }
        self.0.load_in_background();
        None
    }
}

/// What a tap counts a model's answers with.
#[must_use]
pub fn counter(model: &str) -> Arc<dyn Counter> {
    static PASSING: LazyLock<[Arc<dyn Counter>; 2]> =
        LazyLock::new(|| [Arc::new(Passing(Encoding::O200k)), Arc::new(Passing(Encoding::Cl100k))]);
    PASSING[Tokenizer::of(model).encoding as usize].clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_the_tokenizer_that_tiktoken_gives_them() {
        let own = |encoding| Tokenizer { encoding, is_own: true };
        let cases = [
            ("gpt-4o-mini", own(Encoding::O200k)),
            ("gpt-4.1-nano", own(Encoding::O200k)),
            ("openai/gpt-5.4-mini", own(Encoding::O200k)),
            ("o3-mini", own(Encoding::O200k)),
            ("ft:gpt-4o:acme::x", own(Encoding::O200k)),
            ("gpt-4-0613", own(Encoding::Cl100k)),
            ("gpt-4-turbo", own(Encoding::Cl100k)),
            ("gpt-35-turbo", own(Encoding::Cl100k)),
            ("gpt-3.5-turbo-16k", own(Encoding::Cl100k)),
            ("text-embedding-3-small", own(Encoding::Cl100k)),
            ("claude-opus-4-8", Tokenizer { encoding: Encoding::O200k, is_own: false }),
            ("gpt-6-sol", Tokenizer { encoding: Encoding::O200k, is_own: false }),
            ("", Tokenizer { encoding: Encoding::O200k, is_own: false }),
        ];
        for (model, expected) in cases {
            assert_eq!(Tokenizer::of(model), expected, "{model}");
        }
    }

    #[tokio::test]
    async fn passing_text_is_counted_once_the_tables_are_there() {
        let counter = counter("gpt-4o");
        while counter.count("").is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(counter.count("hello world"), Some(2));
    }
}
