//! What is held on one counter for one request.

use std::sync::Arc;

use super::{
    counter::{Counter, Slot, State},
    moment::Moment,
    need::Need,
    period::Span,
    rule::{Rule, Scope},
};
use crate::exchange::Charge;

/// A scope whose counter is there.
#[derive(Clone, Debug)]
pub(super) struct Place(pub Scope);

impl Place {
    pub fn rule(&self) -> &Arc<Rule> {
        self.0.rule()
    }

    pub fn counter(&self) -> &Counter {
        self.0.counter().expect("the registry makes places of scopes with counters only")
    }

    pub fn is_same(&self, other: &Self) -> bool {
        self.counter().number == other.counter().number
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
    /// What it counts as, whatever was used; `None`: as what was used.
    pub counts_as: Option<u64>,
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

    /// Whether the ledger keeps it.
    pub fn is_charged(&self) -> bool {
        self.window().is_some() && self.place.rule().counted.measure().is_some()
    }

    /// The quota's line for the ledger.
    pub fn charge(&self) -> Option<Charge> {
        let measure = self.place.rule().counted.measure()?;
        let Span { start: window, until } = self.window()?;
        Some(Charge { account: Arc::clone(&self.place.counter().account), window, until, measure, amount: self.amount })
    }
}
