//! What is held on one counter for one request.

use std::sync::Arc;

use super::{
    counter::{Counter, Slot, State},
    moment::Moment,
    need::Need,
    period::Span,
    rule::Rule,
};
use crate::exchange::Charge;

/// One counter of a request, and the rule under which it is asked.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub rule: Arc<Rule>,
    pub counter: Arc<Counter>,
}

impl Place {
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.counter, &other.counter)
    }
}

/// What is held on one counter.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub place: Place,
    pub slot: Slot,
    pub amount: i64,
    pub uncertain: i64,
    pub need: Need,
    /// Grows with a stream.
    pub is_growing: bool,
}

impl Hold {
    pub fn release(&self, state: &mut State, moment: Moment) {
        state.settle(self.slot, self.amount, self.uncertain, 0, moment);
    }

    /// Rates and slots are counted once, however often the request moves.
    pub fn stays(&self) -> bool {
        !matches!(self.slot, Slot::Window(_))
    }

    pub fn window(&self) -> Option<Span> {
        match self.slot {
            Slot::Window(span) => Some(span),
            Slot::Bucket(_) | Slot::Open => None,
        }
    }

    /// The quota's line for the ledger.
    pub fn charge(&self) -> Option<Charge> {
        let measure = self.place.rule.counted.measure()?;
        let Span { start: window, until } = self.window()?;
        Some(Charge { account: Arc::clone(&self.place.counter.account), window, until, measure, amount: self.amount })
    }
}
