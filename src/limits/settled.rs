//! Ending a reservation: what was used goes to the windows it was reserved in; what was exceeded or crossed is told.

use std::sync::Arc;

use super::{
    hold::Hold,
    moment::Moment,
    period::Span,
    rule::{Reserve, Rule},
};
use crate::model::Timestamp;

/// What a settlement did.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// One for each of [`super::Reservation::charges`], in their order.
    pub amounts: Vec<i64>,
    /// Enforced quotas that were exceeded all the same.
    pub overruns: Vec<Overrun>,
    /// Thresholds that were crossed.
    pub crossed: Vec<Crossed>,
}

/// By how much a settlement exceeded an enforced quota that reserves.
#[derive(Clone, Debug)]
pub struct Overrun {
    /// Whose rule.
    pub rule: Arc<Rule>,
    /// On which counter.
    pub account: Arc<str>,
    /// In the rule's units.
    pub amount: i64,
}

/// A threshold of a rule's [`alerts`](Rule::alerts) that settled use has crossed.
#[derive(Clone, Debug)]
pub struct Crossed {
    /// Whose rule.
    pub rule: Arc<Rule>,
    /// On which counter.
    pub account: Arc<str>,
    /// Start of the window.
    pub window: Timestamp,
    /// End of the window.
    pub until: Timestamp,
    /// The threshold, in percent of the limit.
    pub percent: u8,
    /// Settled use, debts of earlier windows included.
    pub used: i64,
    /// Raises included.
    pub limit: i64,
}

impl Settled {
    pub(super) fn add(&mut self, hold: &Hold, used: i64, moment: Moment) {
        let mut state = hold.place.counter().lock();
        let Some(Span { start: window, until }) = hold.window() else {
            state.settle(hold.slot, hold.amount, hold.uncertain, used, moment);
            return;
        };
        let room = state.room(hold.slot, 0, moment);
        state.settle(hold.slot, hold.amount, hold.uncertain, used, moment);
        let after = room.used.saturating_add(used);
        let looked_at = state.look(window, room.used, after);
        drop(state);
        if hold.is_charged() {
            self.amounts.push(used);
        }
        let (rule, account, limit) = (hold.place.rule(), &hold.place.counter().account, room.limit);
        let amount = after.saturating_sub(limit.max(room.used));
        if amount > 0 && !rule.shadow && rule.reserve != Reserve::After {
            self.overruns.push(Overrun { rule: Arc::clone(rule), account: Arc::clone(account), amount });
        }
        let is_crossed = |percent: &&u8| is_between(looked_at, after, i128::from(limit) * i128::from(**percent));
        self.crossed.extend(rule.alerts.iter().filter(is_crossed).map(|percent| Crossed {
            rule: Arc::clone(rule),
            account: Arc::clone(account),
            window,
            until,
            percent: *percent,
            used: after,
            limit,
        }));
    }
}

/// Whether a hundred times what was used passes the threshold.
fn is_between(before: i64, after: i64, threshold: i128) -> bool {
    i128::from(before) * 100 < threshold && threshold <= i128::from(after) * 100
}
