//! Where answers are kept: in memory, bounded by weight, the least recently used going first.
//!
//! A path of an API has a note: a number that is part of the keys of its answers, and what they say they vary by.
//! Forgetting the note forgets them all, also those that are still on their way. Purging is rarer and looks at each.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, header};
use moka::{Expiry, sync};

use super::{
    Asked, Entry, Purges, Selector,
    asked::{Digest, variant},
};
use crate::model::{Clock, Entropy, Timestamp};

/// Notes that are kept: one a path.
const MOST_NOTES: u64 = 50_000;
/// Paths that are known for giving nothing to keep.
const MOST_PASSES: u64 = 10_000;
/// How long nobody waits for others at a path that has just given nothing to keep.
const PASSING: Duration = Duration::from_secs(10);
/// Most headers that one path's answers may be told apart by.
const MOST_NAMES: usize = 32;

/// What is kept of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Part of the keys of its answers.
    pub generation: u64,
    /// What its answers vary by, of all that were kept: names of headers in small letters.
    pub varies_by: Arc<BTreeSet<String>>,
}

/// An entry, and under which note.
#[derive(Clone)]
struct Kept {
    entry: Arc<Entry>,
    resource: Digest,
    generation: u64,
}

/// Where an answer belongs, as it was when it was asked for.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its key, as far as was known then: callers with the same one wait for each other.
    pub key: Digest,
    resource: Digest,
    generation: u64,
}

/// What a look finds.
pub struct Look {
    /// Where the answer belongs.
    pub place: Place,
    /// What is there, fresh or stale.
    pub entry: Option<Arc<Entry>>,
    /// Whether the path has just given nothing to keep: nobody waits for others there.
    pub is_passing: bool,
}

/// The shelf.
pub struct Shelf {
    notes: sync::Cache<Digest, Note>,
    entries: sync::Cache<Digest, Kept>,
    passes: sync::Cache<Digest, Timestamp>,
    purges: Purges,
    clock: Clock,
    entropy: Entropy,
    room: u64,
}

/// Each entry ends when it is good for nothing any more.
struct Ends;

impl Expiry<Digest, Kept> for Ends {
    fn expire_after_create(&self, _: &Digest, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.entry.kept_for())
    }

    fn expire_after_update(&self, _: &Digest, kept: &Kept, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(kept.entry.kept_for())
    }
}

impl Shelf {
    /// An empty shelf for `room` bytes.
    #[must_use]
    pub fn new(room: u64, clock: Clock, entropy: Entropy) -> Self {
        let entries = sync::Cache::builder()
            .max_capacity(room)
            .weigher(|_: &Digest, kept: &Kept| kept.entry.weight())
            .expire_after(Ends)
            .build();
        Self {
            notes: sync::Cache::new(MOST_NOTES),
            entries,
            passes: sync::Cache::new(MOST_PASSES),
            purges: Purges::default(),
            clock,
            entropy,
            room,
        }
    }

    /// Looks for an answer.
    #[must_use]
    pub fn look(&self, asked: &Asked) -> Look {
        let note = self.notes.get_with(asked.resource, || self.new_note());
        let key = key(asked, &note);
        let now = self.clock.now();
        let entry = self.entries.get(&key).map(|kept| kept.entry).filter(|entry| entry.is_kept(now));
        let is_passing = entry.is_none() && self.passes.get(&asked.base).is_some_and(|until| now < until);
        Look { place: Place { key, resource: asked.resource, generation: note.generation }, entry, is_passing }
    }

    /// Keeps an answer; its key and its path's note. `None`: it is too large, or was purged while it was on its way.
    pub fn put(&self, place: &Place, asked: &Asked, entry: Arc<Entry>) -> Option<(Digest, Note)> {
        let note = self.notes.get(&place.resource).filter(|note| note.generation == place.generation)?;
        if u64::from(entry.weight()) > self.room || self.is_purged(&entry) {
            return None;
        }
        let note = self.widened(place, note, &entry.headers)?;
        self.passes.invalidate(&asked.base);
        let key = key(asked, &note);
        let kept = Kept { entry, resource: place.resource, generation: place.generation };
        self.entries.insert(key, kept);
        Some((key, note))
    }

    /// Takes in what another gateway has kept, unless what is here is as new.
    pub fn adopt(&self, place: &Place, entry: Entry) {
        let is_newer = self.entries.get(&place.key).is_none_or(|known| known.entry.received < entry.received);
        if is_newer && u64::from(entry.weight()) <= self.room && !self.is_purged(&entry) {
            let kept = Kept { entry: Arc::new(entry), resource: place.resource, generation: place.generation };
            self.entries.insert(place.key, kept);
        }
    }

    /// The note of a path, if there is one.
    #[must_use]
    pub fn note(&self, resource: &Digest) -> Option<Note> {
        self.notes.get(resource)
    }

    /// Takes in the note of a path: what another gateway knows of it, in one with what is known here.
    pub fn set_note(&self, resource: Digest, note: Note) {
        let known = self.notes.get(&resource).filter(|known| known.generation == note.generation);
        let note = match known {
            Some(known) if known.varies_by.is_subset(&note.varies_by) => note,
            Some(known) => {
                Note { varies_by: Arc::new(known.varies_by.union(&note.varies_by).cloned().collect()), ..note }
            }
            None => note,
        };
        self.notes.insert(resource, note);
    }

    /// The answer that was asked for is not worth waiting for, for a while.
    pub fn passes(&self, asked: &Asked) {
        self.passes.insert(asked.base, self.clock.now().plus(PASSING));
    }

    /// Forgets one answer.
    pub fn remove(&self, place: &Place) {
        self.entries.invalidate(&place.key);
    }

    /// Forgets all answers of a path.
    pub fn forget(&self, resource: &Digest) {
        self.notes.invalidate(resource);
    }

    /// Forgets the answers to which `selector` applies, or only counts them. Those on their way count too, but are not
    /// told.
    pub fn purge(&self, selector: &Selector, is_dry_run: bool) -> u64 {
        self.purge_until(selector, self.clock.now(), is_dry_run)
    }

    /// The same for what was asked for until then.
    pub fn purge_until(&self, selector: &Selector, until: Timestamp, is_dry_run: bool) -> u64 {
        let now = self.clock.now();
        if !is_dry_run {
            self.purges.remember(until, selector.clone());
        }
        let mut count = 0;
        for (key, kept) in &self.entries {
            let is_meant = kept.entry.asked <= until && selector.takes(&kept.entry.marks);
            if is_meant && kept.entry.is_kept(now) && self.is_reachable(&kept) {
                count += 1;
                if !is_dry_run {
                    self.entries.invalidate(&*key);
                }
            }
        }
        count
    }

    /// Answers that are kept, and their weight in bytes, as far as is known without counting.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        (self.entries.entry_count(), self.entries.weighted_size())
    }

    fn is_purged(&self, entry: &Entry) -> bool {
        self.purges.take(entry.asked, &entry.marks)
    }

    /// Whether its path was not forgotten since.
    fn is_reachable(&self, kept: &Kept) -> bool {
        self.notes.get(&kept.resource).is_some_and(|note| note.generation == kept.generation)
    }

    /// A note of which nobody knows anything yet.
    #[must_use]
    pub fn new_note(&self) -> Note {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        Note { generation: u64::from_le_bytes(bytes), varies_by: Arc::default() }
    }

    /// The note with what this answer says it varies by.
    fn widened(&self, place: &Place, note: Note, headers: &HeaderMap) -> Option<Note> {
        let named = varies_by(headers);
        if named.is_subset(&note.varies_by) {
            return Some(note);
        }
        let all: BTreeSet<String> = note.varies_by.union(&named).cloned().collect();
        if all.len() > MOST_NAMES {
            return None;
        }
        let note = Note { varies_by: Arc::new(all), ..note };
        self.notes.insert(place.resource, note.clone());
        Some(note)
    }
}

fn key(asked: &Asked, note: &Note) -> Digest {
    let names: Vec<HeaderName> = note.varies_by.iter().filter_map(|name| HeaderName::try_from(name).ok()).collect();
    variant(asked, note.generation, &names)
}

/// Headers of the request that an answer says it varies by. A coded body varies by what the caller accepts, also where
/// the backend forgot to say so.
fn varies_by(headers: &HeaderMap) -> BTreeSet<String> {
    let lines = headers.get_all(header::VARY).iter().filter_map(|line| line.to_str().ok());
    let words = lines.flat_map(|line| line.split(',')).map(|word| word.trim().to_ascii_lowercase());
    let mut names: BTreeSet<String> = words.filter(|word| HeaderName::try_from(word).is_ok()).collect();
    if headers.contains_key(header::CONTENT_ENCODING) {
        names.insert(header::ACCEPT_ENCODING.as_str().to_owned());
    }
    names
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
