//! What is kept, here and in the store that several gateways share, and who is fetching.
//!
//! The memory of this process stands in front. Every path's note is compared with the shared one once a second while it
//! is asked for, so that what another gateway has forgotten is forgotten here; purges are followed as they are announced.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use moka::sync;
use serde::{Deserialize, Serialize};

use super::{Asked, Digest, Entry, Flights, Look, Note, Place, Selector, Shelf};
use crate::{
    cache::shared::{Shared, packed},
    model::{Clock, Entropy, Timestamp, clock::Ticks, hex},
};

/// How long a path's note is believed before it is compared with the shared one.
const NOTE_IS_BELIEVED: Duration = Duration::from_secs(1);
/// How long a note is shared after it was last changed: longer than any entry is of use in practice.
const NOTE_LASTS: Duration = Duration::from_secs(30 * 24 * 3_600);
/// By how much the clocks of two gateways may differ.
const SKEW: Duration = Duration::from_secs(2);
/// Where purges are announced; braces keep its keys together in a cluster.
const PURGES: &str = "{purges}";
/// Announcements that are kept for gateways to come.
const MOST_PURGES: usize = 1_000;
/// Notes whose comparison is remembered.
const MOST_COMPARED: u64 = 50_000;
/// Longest note that is believed, in bytes: as many names as there may be, each as long as names are.
const LONGEST_NOTE: usize = 4_096;
/// What waits to be told, at most, each of notes and purges.
const MOST_UNTOLD: usize = 1_000;

/// What a purge has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Entries of this gateway.
    pub count: u64,
    /// Whether other gateways were told; `None`: there are none that share anything.
    pub is_announced: Option<bool>,
}

/// What is kept, and who is fetching. Shared by all exchanges.
pub struct Answers {
    /// What is kept in memory.
    pub shelf: Shelf,
    /// Who is fetching.
    pub flights: Flights,
    shared: Option<Beside>,
    clock: Clock,
}

/// What is kept beside the process.
struct Beside {
    store: Arc<Shared>,
    compared: sync::Cache<Digest, Ticks>,
    /// The last purge that was followed.
    followed: AtomicU64,
    untold: Mutex<Untold>,
}

/// What the store could not be told while it was away.
#[derive(Default)]
struct Untold {
    notes: HashMap<Digest, Note>,
    purges: Vec<Announcement>,
}

/// A purge as it is announced.
#[derive(Clone, Serialize, Deserialize)]
struct Announcement {
    at: Timestamp,
    selector: Selector,
}

impl Answers {
    /// Nothing yet, with room for so many bytes.
    #[must_use]
    pub fn new(room: u64, clock: Clock, entropy: Entropy, shared: Option<Arc<Shared>>) -> Self {
        let beside = |store| Beside {
            store,
            compared: sync::Cache::new(MOST_COMPARED),
            followed: AtomicU64::new(0),
            untold: Mutex::default(),
        };
        let shelf = Shelf::new(room, clock.clone(), entropy);
        Self { shelf, flights: Flights::default(), shared: shared.map(beside), clock }
    }

    /// Looks for an answer: in memory, then beside the process.
    pub async fn look(&self, asked: &Asked) -> Look {
        let Some(beside) = &self.shared else { return self.shelf.look(asked) };
        self.compare(beside, asked.resource).await;
        let look = self.shelf.look(asked);
        let now = self.clock.now();
        if look.entry.as_ref().is_some_and(|entry| entry.age(now) < entry.terms.lifetime) {
            return look;
        }
        let bytes = beside.store.get(&entry_key(&look.place.key)).await.flatten();
        match bytes.and_then(|bytes| packed::unpack(&look.place.key, bytes)) {
            Some(entry) => {
                self.shelf.adopt(&look.place, entry);
                self.shelf.look(asked)
            }
            None => look,
        }
    }

    /// Keeps an answer; false: it is too large, or was purged while it was on its way.
    pub fn put(&self, place: &Place, asked: &Asked, entry: Entry) -> bool {
        let entry = Arc::new(entry);
        let Some((key, note)) = self.shelf.put(place, asked, entry.clone()) else { return false };
        if let (Some(beside), Ok(runtime)) = (&self.shared, tokio::runtime::Handle::try_current()) {
            // Nobody waits for it.
            runtime.spawn(share(beside.store.clone(), asked.resource, key, note, entry));
        }
        true
    }

    /// Forgets one answer. Another gateway may still have it.
    pub fn remove(&self, place: &Place) {
        self.shelf.remove(place);
        if let (Some(beside), Ok(runtime)) = (&self.shared, tokio::runtime::Handle::try_current()) {
            let (store, key) = (beside.store.clone(), entry_key(&place.key));
            runtime.spawn(async move { store.remove(&key).await });
        }
    }

    /// Forgets all answers of a path; other gateways do so within a second, or when the store is back.
    pub async fn forget(&self, resource: Digest) {
        let Some(beside) = &self.shared else { return self.shelf.forget(&resource) };
        // A new note in the old one's place: were there none, a gateway that still has the old one would share it again.
        let note = self.shelf.new_note();
        beside.untold().notes.remove(&resource);
        if !beside.tell_note(&resource, &note).await {
            beside.remember_note(resource, note.clone(), self.clock.now());
        }
        beside.compared.insert(resource, self.clock.ticks());
        self.shelf.set_note(resource, note);
    }

    /// Forgets the answers to which `selector` applies, here and, by announcement, at other gateways; or only counts
    /// those here.
    pub async fn purge(&self, selector: &Selector, is_dry_run: bool) -> Purged {
        let count = self.shelf.purge(selector, is_dry_run);
        let Some(beside) = self.shared.as_ref().filter(|_| !is_dry_run) else {
            return Purged { count, is_announced: None };
        };
        let announcement = Announcement { at: self.clock.now(), selector: selector.clone() };
        let is_announced = beside.tell_purge(&announcement).await;
        if !is_announced {
            beside.remember_purge(announcement);
        }
        Purged { count, is_announced: Some(is_announced) }
    }

    /// Follows what other gateways have announced, and tells them what they could not be told before; to be called every
    /// second. The purges that were followed, each with the time until which it holds. Without a shared store: nothing.
    pub async fn follow(&self) -> Vec<(Selector, Timestamp)> {
        let Some(beside) = &self.shared else { return Vec::new() };
        beside.catch_up().await;
        let mut purges = Vec::new();
        for (number, line) in beside.store.announced(PURGES, beside.followed.load(Relaxed)).await.unwrap_or_default() {
            if let Ok(Announcement { at, selector }) = serde_json::from_str(&line) {
                // Of those before it some are not announced any more: they may have meant anything.
                let is_gap = number > beside.followed.load(Relaxed).saturating_add(1);
                purges.push((if is_gap { Selector::default() } else { selector }, at.plus(SKEW)));
            }
            beside.followed.store(number, Relaxed);
        }
        for (selector, until) in &purges {
            self.shelf.purge_until(selector, *until, false);
        }
        purges
    }

    /// Takes over the shared note of a path, or shares a new one.
    async fn compare(&self, beside: &Beside, resource: Digest) {
        let now = self.clock.ticks();
        let is_believed = beside.compared.get(&resource).is_some_and(|at| now.since(at) < NOTE_IS_BELIEVED);
        if is_believed || beside.untold().notes.contains_key(&resource) {
            return;
        }
        // Never the note of this gateway: it may be one that was forgotten long ago.
        let new = self.shelf.new_note();
        let bytes = beside.store.get_or_set(&note_key(&resource), &note_bytes(&new), NOTE_LASTS).await;
        let Some(note) = bytes.as_deref().and_then(note_of) else { return };
        beside.compared.insert(resource, now);
        self.shelf.set_note(resource, note);
    }
}

impl Beside {
    fn untold(&self) -> MutexGuard<'_, Untold> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell_note(&self, resource: &Digest, note: &Note) -> bool {
        self.store.set(&note_key(resource), &note_bytes(note), NOTE_LASTS).await
    }

    async fn tell_purge(&self, announcement: &Announcement) -> bool {
        let line = serde_json::to_string(announcement).expect("texts and a number make JSON");
        self.store.announce(PURGES, &line, MOST_PURGES).await
    }

    /// Remembers a note that is to be told; where there are too many, a purge of everything stands for them.
    fn remember_note(&self, resource: Digest, note: Note, now: Timestamp) {
        let mut untold = self.untold();
        if untold.notes.len() >= MOST_UNTOLD {
            untold.notes.clear();
            untold.purges = vec![Announcement { at: now, selector: Selector::default() }];
        }
        untold.notes.insert(resource, note);
    }

    fn remember_purge(&self, announcement: Announcement) {
        let mut untold = self.untold();
        if untold.purges.len() >= MOST_UNTOLD {
            untold.purges = vec![Announcement { selector: Selector::default(), ..announcement }];
        } else {
            untold.purges.push(announcement);
        }
    }

    /// Tells what the store could not be told while it was away.
    async fn catch_up(&self) {
        let (notes, purges) = {
            let untold = self.untold();
            let notes: Vec<_> = untold.notes.iter().map(|(resource, note)| (*resource, note.clone())).collect();
            (notes, untold.purges.clone())
        };
        for (resource, note) in notes {
            if !self.tell_note(&resource, &note).await {
                return;
            }
            let mut untold = self.untold();
            // Not one that was put in its place meanwhile.
            if untold.notes.get(&resource) == Some(&note) {
                untold.notes.remove(&resource);
            }
        }
        for purge in purges {
            if !self.tell_purge(&purge).await {
                return;
            }
            self.untold().purges.retain(|other| (other.at, &other.selector) != (purge.at, &purge.selector));
        }
    }
}

/// Shares a note and then the entry that is found by it.
async fn share(store: Arc<Shared>, resource: Digest, key: Digest, note: Note, entry: Arc<Entry>) {
    let generation = note.generation.to_le_bytes();
    if !note.varies_by.is_empty() {
        let shared = store.replace(&note_key(&resource), &generation, &note_bytes(&note), NOTE_LASTS).await;
        let Some(Some(shared)) = shared else { return };
        if !shared.starts_with(&generation) {
            return;
        }
    }
    if let Some(bytes) = packed::pack(&key, &entry) {
        store.set_behind(&entry_key(&key), &bytes, entry.kept_for()).await;
    }
}

fn note_key(resource: &Digest) -> String {
    format!("path:{}", hex(resource))
}

fn entry_key(key: &Digest) -> String {
    format!("answer:{}", hex(key))
}

/// The generation, then the names with commas between them.
fn note_bytes(note: &Note) -> Vec<u8> {
    let names = note.varies_by.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    [&note.generation.to_le_bytes()[..], names.as_bytes()].concat()
}

fn note_of(bytes: &[u8]) -> Option<Note> {
    let (generation, names) = bytes.split_at_checked(8).filter(|_| bytes.len() <= LONGEST_NOTE)?;
    let names = std::str::from_utf8(names).ok()?.split(',').filter(|name| !name.is_empty());
    let varies_by: BTreeSet<String> = names.map(str::to_owned).collect();
    Some(Note { generation: u64::from_le_bytes(generation.try_into().ok()?), varies_by: Arc::new(varies_by) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_as_they_were() {
        for names in [&[][..], &["accept"], &["accept", "x-a"]] {
            let varies_by: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
            let note = Note { generation: 7, varies_by: Arc::new(varies_by) };
            assert_eq!(note_of(&note_bytes(&note)), Some(note));
        }
        for wrong in [&b"short"[..], &[b'a'; LONGEST_NOTE + 1], b"12345678\xff"] {
            assert_eq!(note_of(wrong), None);
        }
    }
}
