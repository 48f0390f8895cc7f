//! The cache of this process: values and answers that policies keep, bounded by weight, each with its own end.
//!
//! Answers of plain APIs with a `cache:` setting are kept by the rules of HTTP: [`http`].
//!
//! Purposes never see each other's entries: a key is a purpose and a text. Deliberately not here: what is worth keeping
//! (`policies`), and caches beside the process.

pub mod http;
pub mod model;
mod responses;
pub mod semantic;
pub mod shared;
mod values;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use moka::{Expiry, sync};

use self::{
    http::{Marks, Purges, Selector},
    shared::Shared,
};
use crate::{
    expression::Value,
    model::{Clock, Timestamp, clock::Ticks},
};

/// Weight of all entries unless said otherwise: 64 MiB.
pub const ROOM: u64 = 64 << 20;
/// Largest answer that is kept: 2 MiB, as in Azure API Management.
pub const LARGEST: usize = 2 << 20;
/// What an entry weighs beside its text.
const OVERHEAD: usize = 200;

/// What is kept for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// `cache-store-value`.
    Value,
    /// `cache-store`.
    Response,
}

type Key = (Purpose, Arc<str>);

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct StoredResponse {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// When it was stored, by whichever gateway.
    pub stored: Timestamp,
    /// By what it is purged.
    pub marks: Marks,
}

#[derive(Clone)]
enum Kept {
    Value(Value),
    Response(Arc<StoredResponse>),
}

#[derive(Clone)]
struct Entry {
    kept: Kept,
    until: Ticks,
    /// When it is worth making anew, for whoever asks (`refresh-after`).
    stale: Ticks,
    /// When it was put here, by this gateway or from the shared store.
    put: Ticks,
    lasts: Duration,
    weight: u32,
}

/// A value that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The value, of the type that it was stored with.
    pub value: Value,
    /// Whether it is worth making anew.
    pub is_stale: bool,
}

/// The cache. Cloning shares it.
#[derive(Clone)]
pub struct Cache {
    entries: sync::Cache<Key, Entry>,
    clock: Clock,
    room: u64,
    shared: Option<Arc<Shared>>,
    /// For answers that are on their way, or that the shared store still has.
    purges: Arc<Purges>,
}

/// Each entry ends when it says.
struct Ends;

impl Expiry<Key, Entry> for Ends {
    fn expire_after_create(&self, _: &Key, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.lasts)
    }

    fn expire_after_update(&self, _: &Key, entry: &Entry, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(entry.lasts)
    }
}

impl Cache {
    /// An empty cache for `room` bytes.
    #[must_use]
    pub fn new(room: u64, clock: Clock) -> Self {
        let entries = sync::Cache::builder()
            .max_capacity(room)
            .weigher(|_: &Key, entry: &Entry| entry.weight)
            .expire_after(Ends)
            .build();
        Self { entries, clock, room, shared: None, purges: Arc::default() }
    }

    /// The same with a store beside it that several gateways share.
    #[must_use]
    pub fn beside(room: u64, clock: Clock, shared: Option<Arc<Shared>>) -> Self {
        Self { shared, ..Self::new(room, clock) }
    }

    /// The value of a key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<Found> {
        let entry = self.get(Purpose::Value, key)?;
        let is_stale = entry.stale <= self.clock.ticks();
        match entry.kept {
            Kept::Value(value) => Some(Found { value, is_stale }),
            Kept::Response(_) => None,
        }
    }

    /// Keeps a value; false when it is too large for the whole cache.
    pub fn store_value(&self, key: &str, value: Value, lasts: Duration, stale_after: Option<Duration>) -> bool {
        let weight = value.to_text().len();
        self.put(Purpose::Value, key, Kept::Value(value), weight, lasts, stale_after)
    }

    /// Forgets a value.
    pub fn remove_value(&self, key: &str) {
        self.entries.invalidate(&(Purpose::Value, key.into()));
    }

    /// The answer of a key.
    #[must_use]
    pub fn response(&self, key: &str) -> Option<Arc<StoredResponse>> {
        match self.get(Purpose::Response, key)?.kept {
            Kept::Response(response) => Some(response),
            Kept::Value(_) => None,
        }
    }

    /// Keeps an answer; false when it is too large, or was purged while it was on its way.
    pub fn store_response(&self, key: &str, response: StoredResponse, lasts: Duration) -> bool {
        if response.body.len() > LARGEST || self.purges.take(response.stored, &response.marks) {
            return false;
        }
        let headers: usize = response.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let weight = response.body.len() + headers;
        self.put(Purpose::Response, key, Kept::Response(Arc::new(response)), weight, lasts, None)
    }

    /// Forgets the answers to which `selector` applies, or only counts them.
    pub fn purge(&self, selector: &Selector, is_dry_run: bool) -> u64 {
        self.purge_until(selector, self.clock.now(), is_dry_run)
    }

    /// The same for what was stored until then.
    pub fn purge_until(&self, selector: &Selector, until: Timestamp, is_dry_run: bool) -> u64 {
        if !is_dry_run {
            self.purges.remember(until, selector.clone());
        }
        let now = self.clock.ticks();
        let mut count = 0;
        for (key, entry) in &self.entries {
            let Kept::Response(response) = &entry.kept else { continue };
            if now < entry.until && response.stored <= until && selector.takes(&response.marks) {
                // Notes of what answers vary by are no answers.
                count += u64::from(!response.marks.path.is_empty());
                if !is_dry_run {
                    self.entries.invalidate(&*key);
                }
            }
        }
        count
    }

    fn get(&self, purpose: Purpose, key: &str) -> Option<Entry> {
        let entry = self.entries.get(&(purpose, key.into()))?;
        (self.clock.ticks() < entry.until).then_some(entry)
    }

    fn put(
        &self,
        purpose: Purpose,
        key: &str,
        kept: Kept,
        weight: usize,
        lasts: Duration,
        stale_after: Option<Duration>,
    ) -> bool {
        let weight = u32::try_from(weight + key.len() + OVERHEAD).unwrap_or(u32::MAX);
        if u64::from(weight) > self.room || lasts.is_zero() {
            return false;
        }
        let now = self.clock.ticks();
        let until = now.plus(lasts);
        let stale = stale_after.map_or(until, |after| now.plus(after));
        self.entries.insert((purpose, key.into()), Entry { kept, until, stale, put: now, lasts, weight });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn cache(room: u64) -> (Clock, Cache) {
        let clock = Clock::manual(Timestamp::from_secs(1));
        (clock.clone(), Cache::new(room, clock))
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn values_keep_their_type_and_end() {
        let (clock, cache) = cache(ROOM);
        assert!(cache.store_value("k", Value::Bool(true), MINUTE, Some(Duration::from_secs(30))));
        assert!(matches!(cache.value("k"), Some(Found { value: Value::Bool(true), is_stale: false })));
        clock.advance(Duration::from_secs(30));
        assert!(cache.value("k").is_some_and(|found| found.is_stale));
        clock.advance(Duration::from_secs(30));
        assert!(cache.value("k").is_none());
        cache.store_value("k", Value::from("x"), MINUTE, None);
        cache.remove_value("k");
        assert!(cache.value("k").is_none());
    }

    #[test]
    fn purposes_do_not_see_each_other() {
        let (_, cache) = cache(ROOM);
        cache.store_value("k", Value::from("x"), MINUTE, None);
        assert!(cache.response("k").is_none());
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let (_, cache) = cache(1_000);
        assert!(!cache.store_value("k", Value::from(&*"x".repeat(2_000)), MINUTE, None));
        assert!(!cache.store_value("k", Value::from("x"), Duration::ZERO, None), "no time at all");
    }
}
