//! The credentials of a backend: which may be used now, and the header that carries them.
//!
//! A credential that the backend refuses (401, 402, 403) is benched; one that it throttles (429) rests as long as
//! it was told. Either concerns that credential alone: the backend's others go on.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::model::{KeyHash, clock::Ticks};

/// First time on the bench; doubles with each refusal until an answer is taken.
const FIRST_BENCH: Duration = Duration::from_secs(60);
/// Longest time on the bench.
const LONGEST_BENCH: Duration = Duration::from_secs(3_600);
/// Longest rest that a backend can impose: beyond it, asking again costs nothing.
const LONGEST_REST: Duration = Duration::from_secs(86_400);

/// What is known of one credential, beyond every configuration that names it.
#[derive(Debug, Default)]
pub(super) struct Standing {
    benched_until: AtomicU64,
    refusals: AtomicU32,
    throttled_until: AtomicU64,
}

/// Whether a credential can be used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Ready,
    Throttled(Ticks),
    Benched(Ticks),
}

impl Standing {
    pub(super) fn at(&self, now: Ticks) -> Use {
        let benched = Ticks::from_nanos(self.benched_until.load(Acquire));
        let throttled = Ticks::from_nanos(self.throttled_until.load(Acquire));
        if now < benched {
            Use::Benched(benched)
        } else if now < throttled {
            Use::Throttled(throttled)
        } else {
            Use::Ready
        }
    }

    /// The backend refused it. Refusals of requests that were under way together count once.
    pub(super) fn refused(&self, now: Ticks) -> Option<Duration> {
        let before = self.benched_until.load(Acquire);
        if now < Ticks::from_nanos(before) {
            return None;
        }
        let bench = FIRST_BENCH.saturating_mul(2_u32.saturating_pow(self.refusals.load(Relaxed))).min(LONGEST_BENCH);
        let until = now.plus(bench).as_nanos();
        self.benched_until.compare_exchange(before, until, AcqRel, Acquire).ok()?;
        self.refusals.fetch_add(1, Relaxed);
        Some(bench)
    }

    /// The backend asked for a rest.
    pub(super) fn throttled(&self, now: Ticks, rest: Duration) {
        self.throttled_until.fetch_max(now.plus(rest.min(LONGEST_REST)).as_nanos(), AcqRel);
    }

    /// The backend took it.
    pub(super) fn accepted(&self) {
        if self.refusals.load(Relaxed) != 0 {
            self.refusals.store(0, Relaxed);
            self.benched_until.store(0, Relaxed);
        }
    }
}

/// A header that carries a credential; its value is marked sensitive.
#[derive(Clone, Debug)]
pub(super) struct Carrier {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
}

/// A configured credential with its standing.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) carrier: Carrier,
    pub(super) standing: Arc<Standing>,
}

/// The credentials of a backend, used in turn.
#[derive(Debug, Default)]
pub(super) struct Ring {
    credentials: Vec<Credential>,
    next: AtomicUsize,
}

/// Whether a ring can be used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RingUse {
    /// None is needed.
    Free,
    /// One of them is ready.
    Ready,
    /// Each is throttled, or tried and some throttled; the soonest is free again then.
    Throttled(Ticks),
    /// Each was refused; the soonest is tried again then.
    Benched(Ticks),
    /// Those that are ready were tried for this exchange.
    Tried,
}

impl Ring {
    pub(super) fn new(credentials: Vec<Credential>) -> Self {
        Self { credentials, next: AtomicUsize::new(0) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.credentials.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.credentials.len()
    }

    /// Whether that credential was refused or throttled and cannot be used for now.
    pub(super) fn is_spent(&self, index: usize, now: Ticks) -> bool {
        self.credentials.get(index).is_some_and(|credential| credential.standing.at(now) != Use::Ready)
    }

    pub(super) fn get(&self, index: usize) -> Option<&Credential> {
        self.credentials.get(index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Credential> {
        self.credentials.iter()
    }

    /// Whether a credential that was not tried can be used.
    pub(super) fn at(&self, now: Ticks, tried: &dyn Fn(usize) -> bool) -> RingUse {
        if self.credentials.is_empty() {
            return RingUse::Free;
        }
        let (mut throttled, mut benched, mut was_tried) = (None::<Ticks>, None::<Ticks>, false);
        for (index, credential) in self.credentials.iter().enumerate() {
            match credential.standing.at(now) {
                Use::Ready if tried(index) => was_tried = true,
                Use::Ready => return RingUse::Ready,
                Use::Throttled(until) => throttled = Some(throttled.map_or(until, |soonest| soonest.min(until))),
                Use::Benched(until) => benched = Some(benched.map_or(until, |soonest| soonest.min(until))),
            }
        }
        match (was_tried, throttled, benched) {
            (false, Some(until), _) => RingUse::Throttled(until),
            (false, None, Some(until)) => RingUse::Benched(until),
            _ => RingUse::Tried,
        }
    }

    /// The next one that is ready and was not tried.
    pub(super) fn take(&self, now: Ticks, tried: &dyn Fn(usize) -> bool) -> Option<usize> {
        let count = self.credentials.len();
        if count <= 1 {
            return (count == 1 && !tried(0) && self.credentials[0].standing.at(now) == Use::Ready).then_some(0);
        }
        let start = self.next.fetch_add(1, Relaxed);
        (0..count)
            .map(|step| start.wrapping_add(step) % count)
            .find(|index| !tried(*index) && self.credentials[*index].standing.at(now) == Use::Ready)
    }

    /// Puts the credential into its header.
    pub(super) fn apply(&self, index: Option<usize>, headers: &mut HeaderMap) {
        if let Some(credential) = index.and_then(|index| self.credentials.get(index)) {
            headers.insert(credential.carrier.name.clone(), credential.carrier.value.clone());
        }
    }
}

/// Standings of a backend's credentials by the key's hash: kept when the configuration is read again.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<(KeyHash, Arc<Standing>)>);

impl Known {
    pub(super) fn of(&mut self, key: &str) -> Arc<Standing> {
        let hash = KeyHash::of(key);
        if let Some((_, standing)) = self.0.iter().find(|(known, _)| *known == hash) {
            return standing.clone();
        }
        let standing = Arc::<Standing>::default();
        self.0.push((hash, standing.clone()));
        standing
    }

    /// Forgets those that no configuration holds any more.
    pub(super) fn prune(&mut self) {
        self.0.retain(|(_, standing)| Arc::strong_count(standing) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Ticks {
        Ticks::from_nanos(seconds * 1_000_000_000)
    }

    fn ring(count: usize) -> Ring {
        let credential = |index: usize| Credential {
            carrier: Carrier {
                name: http::header::AUTHORIZATION,
                value: HeaderValue::from_str(&format!("Bearer {index}")).expect("ascii"),
            },
            standing: Arc::default(),
        };
        Ring::new((0..count).map(credential).collect())
    }

    #[test]
    fn credentials_take_turns_and_the_refused_one_sits_out() {
        let ring = ring(3);
        let none = |_: usize| false;
        let turns: Vec<_> = (0..6).filter_map(|_| ring.take(at(0), &none)).collect();
        assert_eq!(turns, [0, 1, 2, 0, 1, 2]);
        assert!(ring.credentials[1].standing.refused(at(0)).is_some());
        let turns: Vec<_> = (0..6).filter_map(|_| ring.take(at(1), &none)).collect();
        assert!(!turns.contains(&1), "{turns:?}");
        assert_eq!(ring.take(at(1), &|index| index != 1), None);
        assert_eq!(ring.take(at(61), &|index| index != 1), Some(1));
    }

    #[test]
    fn the_bench_doubles_to_an_hour_and_an_accepted_answer_forgets() {
        let standing = Standing::default();
        let mut now = 0;
        for seconds in [60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
            assert_eq!(standing.refused(at(now)), Some(Duration::from_secs(seconds)));
            assert_eq!(standing.refused(at(now)), None, "a second refusal of the same time");
            now += seconds;
            assert_eq!(standing.at(at(now)), Use::Ready);
        }
        standing.accepted();
        assert_eq!(standing.refused(at(now)), Some(FIRST_BENCH));
    }

    #[test]
    fn the_ring_says_why_it_cannot_be_used() {
        let none = |_: usize| false;
        assert_eq!(ring(0).at(at(0), &none), RingUse::Free);
        let ring = ring(2);
        assert_eq!(ring.at(at(0), &|_| true), RingUse::Tried);
        ring.credentials[0].standing.refused(at(0));
        assert_eq!(ring.at(at(0), &none), RingUse::Ready);
        assert_eq!(ring.at(at(0), &|index| index == 1), RingUse::Tried);
        ring.credentials[1].standing.refused(at(0));
        assert_eq!(ring.at(at(0), &none), RingUse::Benched(at(60)));
        ring.credentials[1].standing.throttled(at(0), Duration::from_secs(90));
        ring.credentials[1].standing.throttled(at(0), Duration::from_secs(10));
        assert_eq!(ring.at(at(61), &|index| index == 0), RingUse::Tried);
        assert_eq!(ring.at(at(61), &none), RingUse::Ready);
    }
}
