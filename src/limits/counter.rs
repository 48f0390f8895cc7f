//! One counter: what is held and used of one rule for one key, and what an administrator or a lease says about it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    lease::Lease,
    moment::Moment,
    period::Span,
    rolling::Rolling,
    rule::{Rule, Window},
    windows::{Sums, Windows},
};
use crate::model::{Timestamp, clock::Ticks};

/// How long the lease of a window that is over is kept for streams that still grow in it.
const LEASES_LINGER: Duration = Duration::from_hours(24);

#[derive(Debug)]
pub(super) struct Counter {
    /// Counters are locked in this order.
    pub number: u64,
    pub account: Arc<str>,
    /// The registry's mark: a scope may have been asked elsewhere before.
    pub mark: Arc<()>,
    state: Mutex<State>,
}

impl Counter {
    /// `must_lease`: quotas are shared with other processes, and nothing may be spent without a lease.
    pub fn new(number: u64, account: Arc<str>, mark: Arc<()>, must_lease: bool) -> Self {
        Self { number, account, mark, state: Mutex::new(State { must_lease, ..State::default() }) }
    }

    /// A panic elsewhere leaves whole numbers behind: no step here stops half-way.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// As last asked under; none while only the ledger has spoken of this counter.
    pub rule: Option<Arc<Rule>>,
    tally: Tally,
    pub raise: Option<Raise>,
    must_lease: bool,
    leases: Vec<Lease>,
    /// Up to what use of which window thresholds were looked at: what others use moves it between settlements.
    looked_at: Option<(Timestamp, i64)>,
}

#[derive(Debug)]
enum Tally {
    Rolling(Rolling),
    Calendar { windows: Windows, current: Option<Span> },
    Open(i64),
}

impl Default for Tally {
    fn default() -> Self {
        Self::Calendar { windows: Windows::default(), current: None }
    }
}

/// A limit raised for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raise {
    /// By how much.
    pub amount: i64,
    /// Until when.
    pub until: Timestamp,
    /// Why, as the administrator wrote it.
    pub reason: Arc<str>,
}

/// Where a reservation counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Bucket(Ticks),
    Window(Span),
    Open,
}

/// The figures that a decision needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    /// Raises included.
    pub limit: i64,
    /// Settled, debts included.
    pub used: i64,
    pub reserved: i64,
    /// By how much open reservations may exceed what they hold.
    pub uncertain: i64,
    /// Open reservations.
    pub open: i64,
    /// What the lease leaves to spend; `None`: this counter needs none.
    pub leased: Option<i64>,
    /// The authority has nothing more to give.
    pub lease_is_final: bool,
    /// Until everything that counts now has gone.
    pub resets_in: Duration,
    /// Until what was asked for fits, on a rolling window.
    pub wait: Duration,
}

impl Room {
    /// What may still be reserved; negative when in debt.
    pub fn left(&self) -> i64 {
        let left = self.unreserved().saturating_sub(self.uncertain);
        self.leased.map_or(left, |leased| left.min(leased))
    }

    /// The same room when so much of what is reserved is as good as used.
    pub fn with_own(self, reserved: i64) -> Self {
        let used = self.used.saturating_add(reserved);
        Self { used, reserved: self.reserved.saturating_sub(reserved), ..self }
    }

    /// What is neither used nor reserved.
    pub fn unreserved(&self) -> i64 {
        self.limit.saturating_sub(self.used).saturating_sub(self.reserved)
    }
}

impl State {
    /// Takes a rule's current values over.
    pub fn adopt(&mut self, rule: &Arc<Rule>) {
        if self.rule.as_ref().is_some_and(|known| Arc::ptr_eq(known, rule)) {
            return;
        }
        match (&mut self.tally, &rule.window) {
            (Tally::Rolling(rolling), Window::Rolling(length)) => rolling.resize(*length),
            (Tally::Calendar { current, .. }, Window::Calendar { .. }) => *current = None,
            (Tally::Open(_), Window::Open) => {}
            (tally, Window::Rolling(length)) => *tally = Tally::Rolling(Rolling::new(*length)),
            (tally, Window::Calendar { .. }) => *tally = Tally::default(),
            (tally, Window::Open) => *tally = Tally::Open(0),
        }
        self.rule = Some(Arc::clone(rule));
    }

    /// The rule's limit now.
    pub fn limit(&self, now: Timestamp) -> i64 {
        let limit = self.rule.as_ref().map_or(i64::MAX, |rule| rule.limit);
        let raise = self.raise.as_ref().filter(|raise| now < raise.until).map_or(0, |raise| raise.amount);
        limit.saturating_add(raise).max(0)
    }

    /// The calendar window of now; none for other rules.
    pub fn current_window(&mut self, moment: Moment) -> Option<Span> {
        let Window::Calendar { period, zone } = &self.rule.as_ref()?.window else { return None };
        let Tally::Calendar { current, .. } = &mut self.tally else { return None };
        if let Some(span) = current.filter(|span| span.contains(moment.now)) {
            return Some(span);
        }
        let span = period.span(moment.now, zone);
        *current = Some(span);
        Some(span)
    }

    /// Where a reservation taken now counts.
    pub fn slot(&mut self, moment: Moment) -> Slot {
        let limit = self.limit(moment.now);
        let span = self.current_window(moment);
        match (&mut self.tally, span) {
            (Tally::Calendar { windows, .. }, Some(span)) => {
                windows.enter(span, limit, moment);
                Slot::Window(span)
            }
            (Tally::Rolling(_), _) => Slot::Bucket(moment.ticks),
            _ => Slot::Open,
        }
    }

    /// What there is in a slot. `asked` is what a rolling window's wait is for.
    pub fn room(&mut self, slot: Slot, asked: i64, moment: Moment) -> Room {
        let limit = self.limit(moment.now);
        match (&mut self.tally, slot) {
            (Tally::Rolling(rolling), _) => rolling_room(rolling, limit, asked, moment.ticks),
            (Tally::Open(open), _) => Room { limit, reserved: *open, open: *open, ..Room::default() },
            (Tally::Calendar { windows, .. }, Slot::Window(span)) => {
                let sums = windows.sums(span.start, limit);
                self.calendar_room(limit, sums, span, moment)
            }
            (Tally::Calendar { .. }, _) => Room { limit, ..Room::default() },
        }
    }

    /// Holds an amount in a slot; gives where it really is.
    pub fn hold(&mut self, slot: Slot, amount: i64, uncertain: i64, moment: Moment) -> Slot {
        match &mut self.tally {
            Tally::Rolling(rolling) => return Slot::Bucket(rolling.hold(amount, moment.ticks)),
            Tally::Open(open) => *open = open.saturating_add(1),
            Tally::Calendar { windows, .. } => {
                if let Slot::Window(span) = slot
                    && let Some(window) = windows.get_mut(span.start)
                {
                    window.reserved = window.reserved.saturating_add(amount);
                    window.uncertain = window.uncertain.saturating_add(uncertain);
                    window.open += 1;
                }
            }
        }
        slot
    }

    /// Makes a hold larger, in the window that it is in.
    pub fn grow(&mut self, slot: Slot, by: i64) {
        if let (Tally::Calendar { windows, .. }, Slot::Window(span)) = (&mut self.tally, slot)
            && let Some(window) = windows.get_mut(span.start)
        {
            window.reserved = window.reserved.saturating_add(by);
        }
    }

    /// Ends a hold: what was used counts in its slot.
    pub fn settle(&mut self, slot: Slot, held: i64, uncertain: i64, used: i64, moment: Moment) {
        match (&mut self.tally, slot) {
            (Tally::Rolling(rolling), Slot::Bucket(bucket)) => rolling.settle(bucket, held, used, moment.ticks),
            (Tally::Open(open), Slot::Open) => *open = (*open - 1).max(0),
            (Tally::Calendar { windows, .. }, Slot::Window(span)) => {
                if let Some(window) = windows.get_mut(span.start) {
                    window.reserved = window.reserved.saturating_sub(held);
                    window.uncertain = window.uncertain.saturating_sub(uncertain);
                    window.open -= 1;
                    window.settled = window.settled.saturating_add(used);
                }
            }
            // The rule has become another kind meanwhile: what it counted before ended with that.
            _ => {}
        }
    }

    /// Notes that thresholds up to `after` are looked at; gives from where on.
    pub fn look(&mut self, window: Timestamp, before: i64, after: i64) -> i64 {
        let earlier = self.looked_at.replace((window, after)).filter(|(other, _)| *other == window);
        earlier.map_or(before, |(_, used)| used.min(before))
    }

    /// Takes over a balance of the ledger.
    pub fn restore(&mut self, span: Span, settled: i64, moment: Moment) {
        if let Tally::Calendar { windows, .. } = &mut self.tally {
            windows.restore(span, settled, moment);
        }
    }

    /// Adds to what is settled in the current window; gives the window. A rolling one only forgets (`None`).
    pub fn adjust(&mut self, by: i64, moment: Moment) -> Option<Span> {
        let Slot::Window(span) = self.slot(moment) else { return None };
        let Tally::Calendar { windows, .. } = &mut self.tally else { return None };
        let window = windows.get_mut(span.start)?;
        window.settled = window.settled.saturating_add(by);
        Some(span)
    }

    /// What may be spent of a window; another lease of that window is replaced.
    pub fn set_lease(&mut self, lease: Lease, now: Timestamp) {
        self.leases.retain(|other| other.window != lease.window && now < other.until.plus(LEASES_LINGER));
        self.leases.push(lease);
    }

    /// Forgets what a rolling window has counted.
    pub fn clear_rolling(&mut self) {
        if let Tally::Rolling(rolling) = &mut self.tally {
            rolling.clear();
        }
    }

    /// Nothing is lost when this counter is dropped.
    pub fn is_idle(&mut self, moment: Moment) -> bool {
        let limit = self.limit(moment.now);
        let is_managed = self.raise.as_ref().is_some_and(|raise| moment.now < raise.until);
        let is_leased = self.leases.iter().any(|lease| moment.now < lease.until);
        !is_managed
            && !is_leased
            && match &mut self.tally {
                Tally::Rolling(rolling) => rolling.sum(moment.ticks) == 0 && rolling.open() == 0,
                Tally::Open(open) => *open == 0,
                Tally::Calendar { windows, .. } => windows.are_over(limit, moment),
            }
    }

    fn calendar_room(&self, limit: i64, sums: Sums, span: Span, moment: Moment) -> Room {
        let is_shadow = self.rule.as_ref().is_some_and(|rule| rule.shadow);
        let held = sums.settled.saturating_add(sums.reserved).saturating_add(sums.uncertain);
        let lease = self.leases.iter().find(|lease| lease.window == span.start);
        // Who leases knows the debt too, of all together.
        let beside = match lease {
            Some(lease) => lease.beside,
            None if is_shadow => 0,
            None => sums.debt,
        };
        let leased = lease.map(|lease| lease.ceiling.saturating_sub(held));
        Room {
            limit,
            used: sums.settled.saturating_add(beside),
            reserved: sums.reserved,
            uncertain: sums.uncertain,
            open: sums.open,
            leased: leased.or((self.must_lease && !is_shadow).then_some(0)),
            lease_is_final: lease.is_some_and(|lease| lease.is_final),
            resets_in: span.until.since(moment.now),
            wait: Duration::ZERO,
        }
    }
}

fn rolling_room(rolling: &mut Rolling, limit: i64, asked: i64, now: Ticks) -> Room {
    let sum = rolling.sum(now);
    let reserved = rolling.reserved();
    Room {
        limit,
        used: sum - reserved,
        reserved,
        open: rolling.open(),
        resets_in: rolling.resets_in(now),
        wait: rolling.wait(asked, limit, now),
        ..Room::default()
    }
}
