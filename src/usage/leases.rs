//! Spending quotas that several gateways share: asks the authority for leases ahead of need, hands back what lies
//! idle, and tells the counters of `limits` how far they may go (ACCOUNTING, section 5).
//!
//! The first request of a counter in a window waits for its lease, at most [`FIRST_WAIT`], and a stream that outgrows
//! what is leased at most [`STREAM_WAIT`]; nothing else on a request's path waits for the database. When the authority is away, what is held is spent, then requests are refused as
//! [`Unleased`](RefusalKind::Unleased).
//!
//! Why no quota is exceeded: the authority counts everything that it gave as spent until it is shipped or given back;
//! the counters never go beyond what it gave; and what is given back is first taken from the counters. An answer that
//! was lost leaves the authority counting more than we know of, never less.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use crate::{
    exchange::Charge,
    limits::{Ask, CounterView, Lease, Limits, Refusal, RefusalKind, Reservation},
    model::{Clock, clock::Ticks},
    store::{self, LeaseAsk, LeaseState, LeasedWindow, StoreError},
};

/// How long a request waits for leases.
pub const FIRST_WAIT: Duration = Duration::from_millis(250);

/// How long a running stream waits for a lease: it has begun to answer, and ending it loses what was paid for.
pub const STREAM_WAIT: Duration = Duration::from_secs(5);

/// Time between two looks at what is held.
const TEND: Duration = Duration::from_millis(250);

/// Time between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// A lease that nothing was spent of for this long is handed back.
const IDLE: Duration = Duration::from_secs(10);

/// After the authority had nothing left, or was away, it is left alone for this long; longer each time up to
/// [`LONGEST_REST`].
const REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(10);

/// An answer of the authority says something of requests for so many nanoseconds: it is asked again at least so often
/// while they come.
const ANSWERED: u64 = 2 * LONGEST_REST.as_secs() * 1_000_000_000;

/// The leases of this gateway.
pub struct Leases {
    authority: Arc<dyn store::Leases>,
    limits: Limits,
    replica: Arc<str>,
    clock: Clock,
    accounts: Mutex<HashMap<Arc<str>, Arc<Account>>>,
    /// How long a request waits for them.
    first_wait: Duration,
    /// Until when the authority is taken for away, in ticks.
    away_until: AtomicU64,
}

/// A counter's lease. One at a time asks for it.
#[derive(Default)]
struct Account {
    held: tokio::sync::Mutex<Option<Held>>,
    /// What requests that wait need together.
    waiting: AtomicI64,
    /// When the authority last answered, in ticks; 0: never.
    answered: AtomicU64,
}

struct Held {
    of: LeasedWindow,
    limit: i64,
    state: LeaseState,
    /// What the counter was told.
    ceiling: i64,
    /// What counts beside what this gateway has settled.
    beside: i64,
    /// What it may spend was this much after the last grant.
    full: i64,
    /// What it could spend when that last changed, and when.
    seen: (i64, Ticks),
    /// Nothing was left: not asked again before this.
    rest: (Duration, Ticks),
    /// An answer was lost: the authority may count more for us than we know of.
    is_stale: bool,
}

impl Leases {
    /// Leases for counters made by [`Limits::with_leases`]. `replica` is this gateway's stable id, the one that it ships
    /// under.
    #[must_use]
    pub fn new(authority: Arc<dyn store::Leases>, limits: Limits, replica: Arc<str>, clock: Clock) -> Self {
        let (accounts, away_until) = (Mutex::default(), AtomicU64::new(0));
        Self { authority, limits, replica, clock, accounts, first_wait: FIRST_WAIT, away_until }
    }

    /// With another time that a request waits than [`FIRST_WAIT`].
    #[must_use]
    pub fn waiting(self, first_wait: Duration) -> Self {
        Self { first_wait, ..self }
    }

    /// Takes over what this gateway held and had spent before its restart. Once, when everything of its journal is
    /// shipped and before the first request; in place of restoring balances.
    ///
    /// # Errors
    /// The database failed.
    pub async fn restore(&self) -> Result<(), StoreError> {
        for (of, state) in self.authority.leases_of(self.replica.clone(), self.clock.now()).await? {
            let spent = Charge {
                account: of.account.clone(),
                window: of.window,
                until: of.until,
                measure: of.measure,
                amount: state.spent,
            };
            self.limits.restore([spent]);
            let account = self.account(&of.account);
            let mut held = account.held.lock().await;
            // The limit is known with the first ask; until then nothing is asked ahead.
            *held = Some(Held::new(of, 0, state, self.clock.ticks()));
            self.tell(held.as_mut().expect("set in the line before"), state);
        }
        Ok(())
    }

    /// Reserves, and waits for leases where they are what is missing, at most [`FIRST_WAIT`] in all unless told otherwise.
    ///
    /// # Errors
    /// As [`Limits::reserve`]; `Unleased` after that time, or when the authority is away.
    pub async fn reserve(&self, ask: &Ask<'_>) -> Result<Reservation, Box<Refusal>> {
        let mut refusal = match self.limits.reserve(ask) {
            Err(refusal) if refusal.kind == RefusalKind::Unleased => refusal,
            decided => return decided,
        };
        let waiting = async {
            while self.ask_for(&refusal).await {
                match self.limits.reserve(ask) {
                    Err(again) if again.kind == RefusalKind::Unleased => refusal = again,
                    decided => return Some(decided),
                }
            }
            None
        };
        match timeout(self.first_wait, waiting).await {
            Ok(Some(decided)) => decided,
            // Others who waited may have been answered meanwhile.
            Ok(None) | Err(_) => self.limits.reserve(ask).map_err(|refusal| self.told(refusal)),
        }
    }

    /// A refusal as its caller is told: where the authority does answer, what is missing is held by others, and is no
    /// failure of ours.
    #[must_use]
    pub fn told(&self, mut refusal: Box<Refusal>) -> Box<Refusal> {
        let known = self.lock().get(&refusal.account).map_or(0, |account| account.answered.load(Ordering::Relaxed));
        let is_answered = known > 0 && self.clock.ticks().as_nanos() < known.saturating_add(ANSWERED);
        if refusal.kind == RefusalKind::Unleased && is_answered && !self.is_away() {
            refusal.kind = RefusalKind::Held;
        }
        refusal
    }

    /// Waits for a lease that covers what a request was refused for, at most [`FIRST_WAIT`]; whether to reserve again.
    pub async fn cover(&self, refusal: &Refusal) -> bool {
        refusal.kind == RefusalKind::Unleased && timeout(self.first_wait, self.ask_for(refusal)).await.unwrap_or(false)
    }

    /// The same for a stream that is under way: at most [`STREAM_WAIT`].
    pub async fn cover_stream(&self, refusal: &Refusal) -> bool {
        timeout(self.first_wait.max(STREAM_WAIT), self.ask_for(refusal)).await.unwrap_or(false)
    }

    async fn ask_for(&self, refusal: &Refusal) -> bool {
        let account = self.account(&refusal.account);
        account.waiting.fetch_add(refusal.needed, Ordering::Relaxed);
        let _gone = Waiting(&account.waiting, refusal.needed);
        let mut held = account.held.lock().await;
        let Some(view) = self.limits.view(&refusal.account) else { return false };
        // Somebody who was before us in the queue has asked for us too.
        if view.leased.is_some_and(|leased| leased >= refusal.needed) {
            return true;
        }
        if self.is_away() || held.as_ref().is_some_and(|held| held.rests(&view, self.clock.ticks())) {
            return false;
        }
        let want = account.waiting.load(Ordering::Relaxed).max(refusal.needed);
        let before = account.answered.load(Ordering::Relaxed);
        let is_given = self.grant(&mut held, &view, want).await;
        if !self.is_away() {
            account.answered.store(self.clock.ticks().as_nanos().max(before + 1), Ordering::Relaxed);
        }
        is_given
    }

    /// Asks for more (0: only how it stands); whether there is more now, or finally nothing.
    async fn grant(&self, slot: &mut Option<Held>, view: &CounterView, want: i64) -> bool {
        let Some(of) = window_of(view) else { return false };
        let now = self.clock.ticks();
        let held = match slot {
            Some(held) if held.of == of => held,
            other => other.insert(Held::new(of.clone(), view.limit, LeaseState::default(), now)),
        };
        // Until there is an answer; whoever waits for it may be gone before.
        held.is_stale = true;
        let ask = LeaseAsk { replica: self.replica.clone(), of, want, limit: view.limit };
        let state = match self.authority.grant(ask).await {
            Ok(Some(state)) => state,
            Ok(None) => {
                let account = &*view.account;
                tracing::error!(account, "no lease: this machine's clock differs from the database's");
                return self.rest();
            }
            Err(error) => {
                tracing::warn!(%error, "no lease: the database failed");
                return self.rest();
            }
        };
        self.tell(held, state);
        let left = self.limits.view(&view.account).and_then(|view| view.leased).unwrap_or(0);
        held.granted(view.limit, left, now);
        left > 0 || state.is_final()
    }

    /// Tells the counter how far it may go.
    fn tell(&self, held: &mut Held, state: LeaseState) {
        held.is_stale = false;
        held.state = state;
        held.beside = state.beside;
        held.ceiling = state.ceiling();
        let (window, until) = (held.of.window, held.of.until);
        let lease = Lease { window, until, ceiling: held.ceiling, beside: held.beside, is_final: state.is_final() };
        self.limits.lease(&held.of.account, lease);
    }

    /// Asks ahead of need and hands back what lies idle, until told to stop; then hands back everything that is not
    /// spent or reserved.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut beat = None;
        loop {
            let ticks = self.clock.ticks();
            if beat.is_none_or(|last| ticks.since(last) >= HEARTBEAT) {
                beat = Some(ticks);
                self.beat().await;
            }
            self.tend(IDLE).await;
            let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
            if timeout(TEND, stopped).await.is_ok() {
                return self.tend(Duration::ZERO).await;
            }
        }
    }

    async fn beat(&self) {
        if let Err(error) = self.authority.heartbeat(self.replica.clone()).await {
            tracing::debug!(%error, "no sign of life could be given");
            self.rest();
        }
    }

    /// One look at everything that is held.
    async fn tend(&self, idle: Duration) {
        let accounts: Vec<_> = self.all().into_iter().collect();
        for (name, account) in accounts {
            if self.is_away() {
                return;
            }
            // Somebody is asking right now.
            let Ok(mut held) = account.held.try_lock() else { continue };
            match self.limits.view(&name) {
                Some(view) => self.tend_one(&mut held, &view, idle).await,
                // Its rule is not known yet, or not any more.
                None => *held = held.take().filter(|held| self.clock.now() < held.of.until),
            }
            if held.is_none() && account.waiting.load(Ordering::Relaxed) == 0 {
                self.lock().remove(&name);
            }
        }
    }

    async fn tend_one(&self, slot: &mut Option<Held>, view: &CounterView, idle: Duration) {
        let Some(held) = slot.as_mut() else { return };
        if window_of(view).as_ref() != Some(&held.of) {
            // What was left of a window that is over is of no use to anybody.
            *slot = None;
            return;
        }
        let (now, left) = (self.clock.ticks(), view.leased.unwrap_or(0));
        if left != held.seen.0 {
            held.seen = (left, now);
        }
        if held.is_stale {
            self.grant(slot, view, 0).await;
            return;
        }
        if held.state.left <= 0 && !held.rests(view, now) {
            // By now there may be more: a limit was raised, a counter reset, a lease handed back. Who needs it asks.
            self.tell(held, LeaseState { left: 1, ..held.state });
        }
        if now.since(held.seen.1) >= idle {
            if left > 0 {
                self.give_back(held, left).await;
            }
        } else if left < held.full / 2 && !held.rests(view, now) {
            self.grant(slot, view, 1).await;
        }
    }

    /// Takes what is left from the counter, then gives it back. What a request reserved between the look and the
    /// taking is seen by a second look and stays.
    async fn give_back(&self, held: &mut Held, left: i64) {
        let told = held.ceiling;
        self.tell(held, LeaseState { open: held.state.open - left, ..held.state });
        let after = self.limits.view(&held.of.account).and_then(|view| view.leased).unwrap_or(0);
        let over = (-after).max(0);
        let amount = told - held.ceiling - over;
        if over > 0 {
            self.tell(held, LeaseState { open: held.state.open + over, ..held.state });
        }
        // Not asked for again before somebody needs it.
        held.full = 0;
        let (of, version) = (held.of.clone(), held.state.version);
        held.is_stale = true;
        match self.authority.give_back(self.replica.clone(), of, version, amount).await {
            // The debt of the window before is known of grants only.
            Ok(Some(state)) => self.tell(held, LeaseState { beside: held.beside, ..state }),
            // An older order of ours has arrived meanwhile: the next answer says what is true.
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, "a lease could not be handed back");
                self.rest();
            }
        }
    }

    /// Leaves the authority alone for a while.
    fn rest(&self) -> bool {
        self.away_until.store(self.clock.ticks().plus(REST).as_nanos(), Ordering::Relaxed);
        false
    }

    fn is_away(&self) -> bool {
        self.clock.ticks().as_nanos() < self.away_until.load(Ordering::Relaxed)
    }

    fn account(&self, name: &Arc<str>) -> Arc<Account> {
        Arc::clone(self.lock().entry(name.clone()).or_default())
    }

    fn all(&self) -> HashMap<Arc<str>, Arc<Account>> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Arc<Account>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn new(of: LeasedWindow, limit: i64, state: LeaseState, now: Ticks) -> Self {
        let (ceiling, full, beside) = (state.ceiling(), state.open, state.beside);
        Self {
            of,
            limit,
            state,
            ceiling,
            beside,
            full,
            seen: (full, now),
            rest: (Duration::ZERO, now),
            is_stale: false,
        }
    }

    /// Notes an answer, and what may be spent since.
    fn granted(&mut self, limit: i64, left: i64, now: Ticks) {
        self.limit = limit;
        self.full = left;
        self.seen = (left, now);
        let rest = if self.state.left > 0 { Duration::ZERO } else { (self.rest.0 * 2).clamp(REST, LONGEST_REST) };
        self.rest = (rest, now.plus(rest));
    }

    /// Nothing was left a moment ago, and the limit is still the same.
    fn rests(&self, view: &CounterView, now: Ticks) -> bool {
        let same = window_of(view).as_ref() == Some(&self.of);
        same && self.limit == view.limit && now < self.rest.1
    }
}

/// Leaves the queue, also when its owner is dropped while waiting.
struct Waiting<'a>(&'a AtomicI64, i64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// The window of a quota that is current now.
fn window_of(view: &CounterView) -> Option<LeasedWindow> {
    let (window, until) = view.window?;
    let measure = view.rule.counted.measure()?;
    Some(LeasedWindow { account: view.account.clone(), measure, window, until })
}

mod changed;
#[cfg(test)]
mod tests;
