//! What an administrator and the ledger do to counters: read them, reset, raise, restore, lease.

use std::{sync::Arc, time::Duration};

use super::{
    Limits,
    counter::{Counter, Raise, Room, Slot},
    lease::Lease,
    moment::Moment,
    period::Span,
    rule::{Rule, Scope},
};
use crate::{exchange::Charge, model::Timestamp};

/// A counter, as it is now.
#[derive(Clone, Debug)]
pub struct CounterView {
    /// `{rule id}#{key}`.
    pub account: Arc<str>,
    /// The rule: what is counted, over which window, how.
    pub rule: Arc<Rule>,
    /// The limit now, the raise included.
    pub limit: i64,
    /// The raise in force.
    pub raise: Option<Raise>,
    /// Settled use, debts of earlier windows included.
    pub used: i64,
    /// What open requests hold.
    pub reserved: i64,
    /// What is neither used nor reserved, at least 0.
    pub remaining: i64,
    /// Open requests.
    pub open: i64,
    /// Start and end of the current window of a quota.
    pub window: Option<(Timestamp, Timestamp)>,
    /// When nothing of now will count any more.
    pub resets_at: Timestamp,
    /// What its leases leave to spend, where leases are needed.
    pub leased: Option<i64>,
}

impl CounterView {
    /// The value that the rule counts by.
    #[must_use]
    pub fn key(&self) -> &str {
        self.account.strip_prefix(&*self.rule.id).and_then(|rest| rest.strip_prefix('#')).unwrap_or(&self.account)
    }
}

/// What a reset or a correction did.
#[derive(Clone, Debug)]
pub struct Corrected {
    /// The counter before.
    pub before: CounterView,
    /// What was added to a quota's window (negative: given back), for the ledger. None for what it does not keep.
    pub correction: Option<Charge>,
}

impl Limits {
    /// Makes counters known under their current rules, without counting: so that they can be read before their first
    /// request, and a changed limit shows at once.
    pub fn know(&self, scopes: &[Scope]) {
        let moment = self.moment();
        for scope in scopes {
            self.registry.place(scope, moment).counter().lock().adopt(scope.rule());
        }
    }

    /// Lets counters go out of sight whose rules are no longer configured. What they counted stays, should the rule
    /// come back.
    pub fn keep_rules(&self, is_configured: impl Fn(&Rule) -> bool) {
        for counter in self.registry.all() {
            let mut state = counter.lock();
            state.rule = state.rule.take().filter(|rule| is_configured(rule));
        }
    }

    /// Takes over the ledger's balances: of each charge, `amount` is what is settled in its window. Once, at start.
    pub fn restore(&self, balances: impl IntoIterator<Item = Charge>) {
        let moment = self.moment();
        for balance in balances {
            let span = Span { start: balance.window, until: balance.until };
            self.registry.named(&balance.account).lock().restore(span, balance.amount, moment);
        }
    }

    /// All counters whose rule is known, by account.
    #[must_use]
    pub fn views(&self) -> Vec<CounterView> {
        let moment = self.moment();
        let mut views: Vec<_> = self.registry.all().iter().filter_map(|counter| view(counter, moment)).collect();
        views.sort_unstable_by(|one, other| one.account.cmp(&other.account));
        views
    }

    /// One counter.
    #[must_use]
    pub fn view(&self, account: &str) -> Option<CounterView> {
        let counter = self.registry.find(account)?;
        view(&counter, self.moment())
    }

    /// Sets what is used to nothing: the current window of a quota (its debt included), all of a rate. Open requests
    /// keep what they hold. `None`: no such counter.
    pub fn reset(&self, account: &str) -> Option<Corrected> {
        let counter = self.registry.find(account)?;
        let moment = self.moment();
        let before = view(&counter, moment)?;
        if !before.rule.is_quota() {
            counter.lock().clear_rolling();
            return Some(Corrected { before, correction: None });
        }
        Some(correct(&counter, before, None, moment))
    }

    /// Adds to what is used in a quota's current window (negative: gives back). `None`: no such quota.
    pub fn adjust(&self, account: &str, by: i64) -> Option<Corrected> {
        let counter = self.registry.find(account)?;
        let moment = self.moment();
        let before = view(&counter, moment).filter(|view| view.rule.is_quota())?;
        Some(correct(&counter, before, Some(by), moment))
    }

    /// Raises a limit for a while, in place of an earlier raise. The counter need not exist yet.
    pub fn raise(&self, account: &Arc<str>, raise: Raise) {
        self.registry.named(account).lock().raise = Some(raise);
    }

    /// Ends a raise; gives the one that was in force.
    pub fn unraise(&self, account: &str) -> Option<Raise> {
        let now = self.moment().now;
        self.registry.find(account)?.lock().raise.take().filter(|raise| now < raise.until)
    }

    /// Says what this process may spend of a window (only under [`Limits::with_leases`] is it asked for).
    pub fn lease(&self, account: &Arc<str>, lease: Lease) {
        let now = self.moment().now;
        self.registry.named(account).lock().set_lease(lease, now);
    }
}

fn view(counter: &Counter, moment: Moment) -> Option<CounterView> {
    let mut state = counter.lock();
    let rule = Arc::clone(state.rule.as_ref()?);
    let slot = state.slot(moment);
    let room: Room = state.room(slot, 0, moment);
    let raise = state.raise.clone().filter(|raise| moment.now < raise.until);
    let window = match slot {
        Slot::Window(span) => Some((span.start, span.until)),
        Slot::Bucket(_) | Slot::Open => None,
    };
    Some(CounterView {
        account: Arc::clone(&counter.account),
        rule,
        limit: room.limit,
        raise,
        used: room.used,
        reserved: room.reserved,
        remaining: room.unreserved().max(0),
        open: room.open,
        window,
        resets_at: moment.now.plus(room.resets_in.max(Duration::ZERO)),
        leased: room.leased,
    })
}

/// `by`: how much; none: as much as it takes to have used nothing.
fn correct(counter: &Counter, before: CounterView, by: Option<i64>, moment: Moment) -> Corrected {
    let mut state = counter.lock();
    let slot = state.slot(moment);
    let by = by.unwrap_or_else(|| state.room(slot, 0, moment).used.saturating_neg());
    let span = state.adjust(by, moment);
    drop(state);
    let charge = |(span, measure): (Span, _)| Charge {
        account: Arc::clone(&counter.account),
        window: span.start,
        until: span.until,
        measure,
        amount: by,
    };
    let correction = span.zip(before.rule.counted.measure()).map(charge);
    Corrected { before, correction }
}
