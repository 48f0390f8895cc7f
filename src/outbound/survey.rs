//! Why no member of a pool takes an exchange, summed up from each member's standing.

use std::time::Duration;

use crate::model::clock::Ticks;

/// Why no member is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No member can answer such a request.
    NoneUsable,
    /// Members are out: breakers, health checks; or out for different reasons.
    Open,
    /// Every member is throttled.
    Throttled,
    /// Every member refused our credential.
    CredentialRefused,
    /// Members that could take it were tried for this exchange.
    Tried,
}

/// No member is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoneLeft {
    /// Why.
    pub why: Why,
    /// When the first of them may take requests again, where that is known.
    pub retry_after: Option<Duration>,
}

/// Whether a member can take an exchange now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Free,
    Ejected { since: Ticks, until: Option<Ticks> },
    Throttled(Ticks),
    Refused(Ticks),
    Tried,
}

/// Why each member is out.
#[derive(Default)]
pub(super) struct Survey {
    total: usize,
    ejected: usize,
    throttled: usize,
    refused: usize,
    tried: usize,
    latest: Option<(Ticks, usize)>,
    soonest: Option<Ticks>,
}

impl Survey {
    pub(super) fn add(&mut self, index: usize, standing: Standing) {
        self.total += 1;
        match standing {
            Standing::Ejected { since, until } => {
                self.ejected += 1;
                self.latest = self.latest.max(Some((since, index)));
                self.wait(until);
            }
            Standing::Throttled(until) => {
                self.throttled += 1;
                self.wait(Some(until));
            }
            Standing::Refused(until) => {
                self.refused += 1;
                self.wait(Some(until));
            }
            Standing::Tried | Standing::Free => self.tried += 1,
        }
    }

    fn wait(&mut self, until: Option<Ticks>) {
        self.soonest = match (self.soonest, until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// The member that was ejected last, when all are ejected.
    pub(super) fn last_ejected(&self) -> Option<usize> {
        self.latest.filter(|_| self.ejected == self.total).map(|(_, index)| index)
    }

    pub(super) fn verdict(&self, now: Ticks) -> NoneLeft {
        let why = if self.total == 0 {
            Why::NoneUsable
        } else if self.throttled == self.total {
            Why::Throttled
        } else if self.refused == self.total {
            Why::CredentialRefused
        } else if self.tried > 0 {
            Why::Tried
        } else {
            Why::Open
        };
        NoneLeft { why, retry_after: self.soonest.map(|until| until.since(now)) }
    }
}
