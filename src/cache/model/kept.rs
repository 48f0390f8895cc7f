//! The answers that are kept: in memory, bounded by weight, each with its own end; a shelf behind it outlives the
//! process.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use moka::{Expiry, notification::RemovalCause, sync::Cache};
use tollgate_providers::Usage;

use super::{
    key::Key,
    meaning::{Meaning, Meanings},
    question::Question,
    verdicts::Verdicts,
};
use crate::{
    cache::semantic::{Mode, normalise},
    model::{Clock, Timestamp},
};

/// What an entry weighs beside its texts, in bytes: keys, table entries, an embedding.
const OVERHEAD: usize = 1_000;
/// Names by which an entry is found beside its own, at most.
const MOST_NAMES: u64 = 1_000_000;
/// Keys of forgotten entries that are remembered, and how long: until the shelf has surely heard of it.
const MOST_FORGOTTEN: u64 = 100_000;
const FORGOTTEN_FOR: Duration = Duration::from_mins(10);

/// Whose answer it is, in ids; empty where there is none. For purging and for whoever calls an answer wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The subscription whose call was answered.
    pub subscription: String,
    /// The product it went through.
    pub product: String,
    /// The API.
    pub api: String,
    /// The configured model.
    pub model: String,
}

impl Owner {
    /// Whether every id that `wanted` names is this one's.
    #[must_use]
    pub fn matches(&self, wanted: &Self) -> bool {
        let is = |wanted: &str, own: &str| wanted.is_empty() || wanted == own;
        is(&wanted.subscription, &self.subscription)
            && is(&wanted.product, &self.product)
            && is(&wanted.api, &self.api)
            && is(&wanted.model, &self.model)
    }
}

/// An answer that is kept.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// The key of the same request; names the entry.
    pub key: Key,
    /// Where it is compared.
    pub partition: Key,
    /// Whose it is.
    pub owner: Owner,
    /// The last user text; `None`: only the same request is answered.
    pub text: Option<String>,
    /// What that text means, where meanings are compared.
    pub meaning: Option<Meaning>,
    /// The whole, unstreamed answer.
    pub body: Bytes,
    /// What it cost in tokens.
    pub usage: Usage,
    /// The model as the backend was asked for it.
    pub upstream_model: String,
    /// Who answered.
    pub backend: String,
    /// When it was answered.
    pub created: Timestamp,
    /// From when on it is not given any more.
    pub expires: Timestamp,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Entry {
    fn weight(&self) -> u32 {
        let text = self.text.as_ref().map_or(0, String::len);
        u32::try_from(self.body.len() + 2 * text + OVERHEAD).unwrap_or(u32::MAX)
    }
}

/// What outlives the process. It lets go of what has ended, and bounds itself: what memory has no room for may still be
/// in the memory of others. Calls must not wait.
pub trait Shelf: Send + Sync {
    /// Keeps an entry, in place of one of the same key.
    fn keep(&self, entry: Arc<Entry>);
    /// Forgets an entry, everywhere.
    fn forget(&self, key: Key);
}

/// A shelf that keeps nothing: the answers end with the process.
pub struct NoShelf;

impl Shelf for NoShelf {
    fn keep(&self, _: Arc<Entry>) {}

    fn forget(&self, _: Key) {}
}

/// How an answer was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tier {
    /// The same request.
    Exact,
    /// The same words, whatever their case, spaces and politeness.
    Normal,
    /// A prompt that means the same.
    Semantic {
        /// How alike, 0 to 1.
        similarity: f64,
    },
}

/// An answer that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The answer.
    pub entry: Arc<Entry>,
    /// How.
    pub tier: Tier,
}

/// The kept answers. Cloning shares them.
#[derive(Clone)]
pub struct Kept {
    entries: Cache<Key, Arc<Entry>>,
    /// Normalised texts to entries.
    names: Cache<Key, Key>,
    meanings: Meanings,
    /// When entries were forgotten that the shelf may still read.
    forgotten: Cache<Key, Timestamp>,
    /// What shadow verification has found.
    pub verdicts: Arc<Verdicts>,
    shelf: Arc<dyn Shelf>,
    clock: Clock,
}

/// Each entry ends when it says.
struct Ends(Clock);

impl Expiry<Key, Arc<Entry>> for Ends {
    fn expire_after_create(&self, _: &Key, entry: &Arc<Entry>, _: Instant) -> Option<Duration> {
        Some(entry.expires.since(self.0.now()))
    }

    fn expire_after_update(&self, _: &Key, entry: &Arc<Entry>, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(entry.expires.since(self.0.now()))
    }
}

impl Kept {
    /// Nothing yet, with room for so many bytes.
    #[must_use]
    pub fn new(room: u64, shelf: Arc<dyn Shelf>, clock: Clock) -> Self {
        let meanings = Meanings::default();
        let told = meanings.clone();
        let entries = Cache::builder()
            .max_capacity(room)
            .weigher(|_: &Key, entry: &Arc<Entry>| entry.weight())
            .expire_after(Ends(clock.clone()))
            .eviction_listener(move |key: Arc<Key>, entry: Arc<Entry>, cause| {
                if cause != RemovalCause::Replaced {
                    entry.meaning.iter().for_each(|meaning| told.remove(entry.partition, *key, &meaning.model));
                }
            })
            .build();
        let forgotten = Cache::builder().max_capacity(MOST_FORGOTTEN).time_to_live(FORGOTTEN_FOR).build();
        Self { entries, names: Cache::new(MOST_NAMES), meanings, forgotten, verdicts: Arc::default(), shelf, clock }
    }

    /// The answer to the same request, or to the same words.
    #[must_use]
    pub fn find(&self, question: &Question) -> Option<Found> {
        if let Some(entry) = self.get(question.exact) {
            return Some(Found { entry, tier: Tier::Exact });
        }
        let name = name(question.partition, question.text.as_deref()?);
        let entry = self.get(self.names.get(&name)?)?;
        Some(Found { entry, tier: Tier::Normal })
    }

    /// The answer to a prompt that means the same.
    #[must_use]
    pub fn find_alike(&self, question: &Question, meaning: &Meaning, mode: Mode) -> Option<Found> {
        let text = question.text.as_deref()?;
        let (key, similarity) = self.meanings.best(question.partition, text, meaning, mode)?;
        Some(Found { entry: self.get(key)?, tier: Tier::Semantic { similarity } })
    }

    /// The answer to a prompt of at least this similarity of which only a judge can say whether it asks the same, and
    /// that prompt.
    #[must_use]
    pub fn find_doubtful(&self, question: &Question, meaning: &Meaning, least: f32) -> Option<(Found, Arc<str>)> {
        let text = question.text.as_deref()?;
        let (key, similarity, other) = self.meanings.doubtful(question.partition, text, meaning, least)?;
        Some((Found { entry: self.get(key)?, tier: Tier::Semantic { similarity } }, other))
    }

    /// The entry of that key, while it lasts.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<Arc<Entry>> {
        self.entries.get(&key).filter(|entry| self.clock.now() < entry.expires)
    }

    /// Keeps an answer.
    pub fn keep(&self, entry: Entry) {
        let entry = Arc::new(entry);
        self.place(&entry);
        self.shelf.keep(entry);
    }

    /// Puts an answer of the shelf back into memory, unless its time is up, it was forgotten here, or a newer one is there.
    pub fn restore(&self, entry: Entry) {
        let is_forgotten = self.forgotten.get(&entry.key).is_some_and(|at| entry.created <= at);
        let is_older = self.get(entry.key).is_some_and(|own| own.created >= entry.created);
        if self.clock.now() < entry.expires && !is_forgotten && !is_older {
            self.place(&Arc::new(entry));
        }
    }

    /// Lets go of an answer that another gateway forgot at that time, unless it is newer.
    pub fn let_go(&self, key: Key, forgotten: Timestamp) {
        if self.entries.get(&key).is_some_and(|entry| entry.created <= forgotten) {
            self.entries.invalidate(&key);
        }
    }

    /// Lets go of all answers; the shelf keeps its own.
    pub fn let_go_of_all(&self) {
        self.entries.invalidate_all();
    }

    fn place(&self, entry: &Arc<Entry>) {
        if let Some(text) = &entry.text {
            self.names.insert(name(entry.partition, text), entry.key);
        }
        self.entries.insert(entry.key, entry.clone());
        if let (Some(text), Some(meaning)) = (&entry.text, &entry.meaning) {
            self.meanings.insert(entry.partition, entry.key, text, meaning);
        }
    }

    /// Forgets an answer.
    pub fn forget(&self, key: Key) {
        self.forgotten.insert(key, self.clock.now());
        self.entries.invalidate(&key);
        // Also what memory has let go of already.
        self.shelf.forget(key);
    }

    /// The keys of all answers whose owner matches.
    #[must_use]
    pub fn owned(&self, wanted: &Owner) -> Vec<Key> {
        self.entries.iter().filter(|(_, entry)| entry.owner.matches(wanted)).map(|(key, _)| *key).collect()
    }

    /// How many answers there are, about.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.entries.entry_count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn name(partition: Key, text: &str) -> Key {
    partition.of("normal", &normalise(text))
}
