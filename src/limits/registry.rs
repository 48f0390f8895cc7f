//! All counters, by account name. They live outside the snapshot: a changed rule finds its counter again.
//!
//! Callers may choose keys (a policy's `counter-key`), so their number is bounded: counters of which nothing is left
//! to know are dropped, and beyond [`MOST_KEYS`] of one rule all further keys share one counter. Sharing refuses too
//! early under such an attack; forgetting would let quotas be exceeded.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    counter::Counter,
    hold::Place,
    moment::Moment,
    rule::{Rule, Scope},
};
use crate::model::clock::Ticks;

/// Counters of one rule.
pub(super) const MOST_KEYS: usize = 50_000;

const SHARDS: usize = 16;

/// Counters of a shard before idle ones are looked for.
const FIRST_SWEEP: usize = 256;

/// A rule at its limit of keys looks for idle ones this often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Registry {
    mark: Arc<()>,
    must_lease: bool,
    shards: [RwLock<Shard>; SHARDS],
    keys: Mutex<HashMap<Arc<str>, Keys>>,
    numbers: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    counters: HashMap<Arc<str>, Entry>,
    sweep_at: usize,
}

#[derive(Debug)]
struct Entry {
    counter: Arc<Counter>,
    /// The rule whose keys it counts among.
    rule: Option<Arc<str>>,
}

/// How many keys a rule has.
#[derive(Debug, Default)]
struct Keys {
    count: usize,
    swept: Option<Ticks>,
}

impl Registry {
    pub fn new(must_lease: bool) -> Self {
        Self { must_lease, ..Self::default() }
    }

    /// The scope with its counter, made when it is not there.
    pub fn place(&self, scope: &Scope, moment: Moment) -> Place {
        let is_ours = |counter: &Arc<Counter>| Arc::ptr_eq(&counter.mark, &self.mark);
        if scope.counter().is_some_and(is_ours) {
            return Place(scope.clone());
        }
        let found = self.find(scope.account()).unwrap_or_else(|| self.make(scope.rule(), scope.account(), moment));
        Place(scope.with(found))
    }

    pub fn find(&self, account: &str) -> Option<Arc<Counter>> {
        let shard = self.shard(account).read().unwrap_or_else(PoisonError::into_inner);
        shard.counters.get(account).map(|entry| Arc::clone(&entry.counter))
    }

    /// A counter of which only the name is known: from the ledger, or from an administrator.
    pub fn named(&self, account: &Arc<str>) -> Arc<Counter> {
        self.find(account).unwrap_or_else(|| self.insert(account, None))
    }

    pub fn all(&self) -> Vec<Arc<Counter>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.counters.values().map(|entry| Arc::clone(&entry.counter)));
        }
        all
    }

    fn make(&self, rule: &Arc<Rule>, account: &Arc<str>, moment: Moment) -> Arc<Counter> {
        self.sweep_shard_when_large(account, moment);
        if self.may_have_another_key(&rule.id, moment) {
            return self.insert(account, Some(&rule.id));
        }
        let shared: Arc<str> = format!("{}#(others)", rule.id).into();
        self.find(&shared).unwrap_or_else(|| self.insert(&shared, None))
    }

    fn insert(&self, account: &Arc<str>, rule: Option<&Arc<str>>) -> Arc<Counter> {
        let mut shard = self.shard(account).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = shard.counters.get(account) {
            return Arc::clone(&entry.counter);
        }
        if let Some(rule) = rule {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            keys.entry(Arc::clone(rule)).or_default().count += 1;
        }
        let counter = Arc::new(Counter::new(
            self.numbers.fetch_add(1, Relaxed),
            Arc::clone(account),
            Arc::clone(&self.mark),
            self.must_lease,
        ));
        let entry = Entry { counter: Arc::clone(&counter), rule: rule.cloned() };
        shard.counters.insert(Arc::clone(account), entry);
        counter
    }

    fn may_have_another_key(&self, rule: &Arc<str>, moment: Moment) -> bool {
        if !self.is_full(rule) {
            return true;
        }
        if self.may_sweep(rule, moment.ticks) {
            for shard in &self.shards {
                self.sweep(shard, moment);
            }
        }
        !self.is_full(rule)
    }

    fn is_full(&self, rule: &Arc<str>) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(rule).is_some_and(|keys| keys.count >= MOST_KEYS)
    }

    fn may_sweep(&self, rule: &Arc<str>, now: Ticks) -> bool {
        let mut all = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = all.entry(Arc::clone(rule)).or_default();
        let may = keys.swept.is_none_or(|swept| now.since(swept) >= SWEEP_EVERY);
        if may {
            keys.swept = Some(now);
        }
        may
    }

    fn sweep_shard_when_large(&self, account: &str, moment: Moment) {
        let shard = self.shard(account);
        let is_large = {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.counters.len() >= shard.sweep_at.max(FIRST_SWEEP)
        };
        if is_large {
            self.sweep(shard, moment);
        }
    }

    /// Drops what nobody holds and nothing would be lost of. Nobody can take one meanwhile: the shard is locked.
    fn sweep(&self, shard: &RwLock<Shard>, moment: Moment) {
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        shard.counters.retain(|_, entry| {
            let is_needed = Arc::strong_count(&entry.counter) > 1 || !entry.counter.lock().is_idle(moment);
            if !is_needed
                && let Some(rule) = &entry.rule
                && let Some(keys) = keys.get_mut(rule)
            {
                keys.count = keys.count.saturating_sub(1);
            }
            is_needed
        });
        keys.retain(|_, keys| {
            keys.count > 0 || keys.swept.is_some_and(|swept| moment.ticks.since(swept) < SWEEP_EVERY)
        });
        let left = shard.counters.len();
        shard.counters.shrink_to(left * 2);
        shard.sweep_at = left * 2;
    }

    fn shard(&self, account: &str) -> &RwLock<Shard> {
        let mixed = account.bytes().rev().take(8).fold(0_usize, |mixed, byte| mixed * 31 + usize::from(byte));
        &self.shards[mixed % SHARDS]
    }
}
