//! What is known of a backend beyond every configuration that names it: breaker, latency, health, exchanges in
//! flight, standings of its credentials. One per backend id, owned by the fleet.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use super::{
    breaker::{self, Breaker, Ending, Pass},
    breaker_rules::Rules,
    credential::Known,
    health::{Health, Verdict},
    latency::PeakEwma,
    status::{Change, Ears, Log},
};
use crate::{
    model::{BackendId, Clock, Entropy, Timestamp, clock::Ticks},
    settings::objects::HealthCheck,
};

/// What every backend of a fleet shares.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
    pub(super) ears: OnceLock<Ears>,
}

impl Surroundings {
    pub(super) fn tell(&self, backend: &BackendId, change: Change) {
        self.ears.get_or_init(|| Ears(Arc::new(Log))).0.changed(backend, change);
    }

    /// The wall-clock time of a moment on the monotonic scale.
    pub(super) fn wall(&self, moment: Ticks) -> Timestamp {
        let (now, ticks) = (self.clock.now(), self.clock.ticks());
        if moment >= ticks {
            return now.plus(moment.since(ticks));
        }
        let ago = u64::try_from(ticks.since(moment).as_nanos()).unwrap_or(u64::MAX);
        Timestamp::from_nanos(now.as_nanos().saturating_sub(ago))
    }
}

/// The lasting state of one backend.
pub(super) struct Core {
    pub(super) id: BackendId,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) known: Mutex<Known>,
    in_flight: AtomicUsize,
    /// Breaker closed and healthy: the ordinary case, which then needs no lock.
    calm: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) breaker: Breaker,
    pub(super) latency: PeakEwma,
    pub(super) health: Health,
}

/// Whether breaker and health let a request pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Pass,
    /// Out since then; `until` is when a probe may pass, where that is known.
    Out {
        since: Ticks,
        until: Option<Ticks>,
    },
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Core {
    pub(super) fn new(id: BackendId, surroundings: Arc<Surroundings>) -> Self {
        let breaker = Breaker::new(surroundings.clock.ticks());
        Self {
            id,
            surroundings,
            known: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            calm: AtomicBool::new(true),
            inner: Mutex::new(Inner { breaker, latency: PeakEwma::default(), health: Health::default() }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// What one more exchange would cost by peak EWMA.
    pub(super) fn load(&self, now: Ticks) -> f64 {
        self.lock().latency.load(self.in_flight(), now)
    }

    pub(super) fn gate(&self, now: Ticks) -> Gate {
        if self.calm.load(Acquire) {
            return Gate::Pass;
        }
        let inner = self.lock();
        if let Some(since) = inner.health.unhealthy_since() {
            return Gate::Out { since, until: None };
        }
        let since = inner.breaker.since();
        match inner.breaker.standing(now) {
            breaker::Standing::Closed | breaker::Standing::Ready => Gate::Pass,
            breaker::Standing::Open(until) => Gate::Out { since, until: Some(until) },
            breaker::Standing::Probing => Gate::Out { since, until: None },
        }
    }

    /// Lets one exchange in, if breaker and health allow; `forced` past them.
    pub(super) fn enter(self: &Arc<Self>, now: Ticks, forced: bool) -> Option<(Pass, Flight)> {
        let pass = if forced {
            Pass::Forced
        } else if self.calm.load(Acquire) {
            Pass::Free
        } else {
            self.take(now)?
        };
        Some((pass, Flight::start(self.clone())))
    }

    fn take(&self, now: Ticks) -> Option<Pass> {
        let (pass, change) = {
            let mut inner = self.lock();
            if inner.health.unhealthy_since().is_some() {
                return None;
            }
            inner.breaker.take(now)?
        };
        if let Some(change) = change {
            self.surroundings.tell(&self.id, change.into());
        }
        Some(pass)
    }

    /// Takes back a permission that was never judged.
    pub(super) fn put_back(&self, pass: Pass) {
        if pass != Pass::Free {
            self.lock().breaker.put_back(pass);
        }
    }

    /// Judges an attempt: latency and breaker learn of it.
    pub(super) fn report(&self, rules: &Rules, pass: Pass, ending: Ending, first_byte: Option<Duration>) {
        let now = self.surroundings.clock.ticks();
        let change = {
            let mut inner = self.lock();
            match (first_byte, ending.sign) {
                (Some(took), _) => inner.latency.observe(took, now),
                (None, Some(_)) => inner.latency.observe_failure(now),
                (None, None) => {}
            }
            // A success through a closed breaker whose rules count failures only changes nothing.
            let idle = ending.sign.is_none() && pass == Pass::Free && !rules.counts_requests();
            if idle { None } else { inner.breaker.report(rules, pass, ending, now, &self.surroundings.entropy) }
                .inspect(|_| self.settle(&inner))
        };
        if let Some(change) = change {
            self.surroundings.tell(&self.id, change.into());
        }
    }

    /// Takes the result of an active health check.
    pub(super) fn checked(&self, well: bool, check: &HealthCheck) {
        let now = self.surroundings.clock.ticks();
        let verdict = {
            let mut inner = self.lock();
            inner.health.observe(well, check, now).inspect(|_| self.settle(&inner))
        };
        match verdict {
            Some(Verdict::Healthy) => self.surroundings.tell(&self.id, Change::Healthy),
            Some(Verdict::Unhealthy) => self.surroundings.tell(&self.id, Change::Unhealthy),
            None => {}
        }
    }

    /// A backend whose check was removed from the configuration is no longer held unhealthy.
    pub(super) fn forget_health(&self) {
        let mut inner = self.lock();
        inner.health = Health::default();
        self.settle(&inner);
    }

    fn settle(&self, inner: &Inner) {
        let closed = inner.breaker.standing(Ticks::default()) == breaker::Standing::Closed;
        self.calm.store(closed && inner.health.unhealthy_since().is_none(), Release);
    }
}

impl From<breaker::Change> for Change {
    fn from(change: breaker::Change) -> Self {
        match change {
            breaker::Change::Opened(open_for) => Self::Opened(open_for),
            breaker::Change::HalfOpened => Self::HalfOpened,
            breaker::Change::Closed => Self::Closed,
        }
    }
}

/// An exchange in flight at a backend, counted until it is dropped. Hold it as long as the answer's body lives.
#[derive(Debug)]
pub struct Flight(Arc<Core>);

impl Flight {
    fn start(core: Arc<Core>) -> Self {
        core.in_flight.fetch_add(1, Relaxed);
        Self(core)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
