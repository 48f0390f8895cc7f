//! The port of the quota authority: several gateways spend one quota from leases (ACCOUNTING, section 5).
//!
//! A gateway may have settled and reserved at most `spent + open` in a window: what it has shipped and what it may
//! spend beyond that. Shipping moves from the one to the other, so that the sum changes only by grants and returns.
//! What a silent gateway holds stays counted: nobody else gets it. Who asks, and when, is `usage::leases`.

use std::{sync::Arc, time::Duration};

use super::Answer;
use crate::{exchange::Measure, model::Timestamp};

/// One window of one counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeasedWindow {
    /// The counter.
    pub account: Arc<str>,
    /// What it counts.
    pub measure: Measure,
    /// Start of the window.
    pub window: Timestamp,
    /// End of the window.
    pub until: Timestamp,
}

/// Asking for a lease, or for a larger one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseAsk {
    /// Who asks.
    pub replica: Arc<str>,
    /// Of what.
    pub of: LeasedWindow,
    /// What is needed at least; more is given while there is much left. 0: only say how it stands.
    pub want: i64,
    /// The limit as the asking gateway knows it, raises included.
    pub limit: i64,
}

/// What a gateway holds of a window, and what the others do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseState {
    /// What it has shipped.
    pub spent: i64,
    /// What it may spend beyond that.
    pub open: i64,
    /// What the others hold open.
    pub elsewhere: i64,
    /// What nobody has: can still be given.
    pub left: i64,
    /// What counts beside `spent`: what the others have shipped, corrections and the debt of the window before.
    pub beside: i64,
    /// Counts grants and returns.
    pub version: i64,
}

/// An administrator's reset of a quota that several gateways share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseReset {
    /// Whom it was asked of.
    pub replica: Arc<str>,
    /// Of what.
    pub of: LeasedWindow,
    /// The limit, for the debt of the window before.
    pub limit: i64,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub now: Timestamp,
}

impl LeaseState {
    /// What the gateway may have settled and reserved in the window.
    #[must_use]
    pub const fn ceiling(&self) -> i64 {
        self.spent.saturating_add(self.open)
    }

    /// Whether asking again cannot help: nothing is left, and nobody holds what could come back.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        self.left <= 0 && self.elsewhere == 0
    }
}

/// A gateway that shares the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaState {
    /// Its stable id.
    pub id: Arc<str>,
    /// How long it has been silent, by the database's clock.
    pub silent: Duration,
    /// How many windows it holds leases of.
    pub leases: u64,
}

/// The quota authority.
pub trait Leases: Send + Sync {
    /// Says that a gateway lives; gives how many do. Who has been silent for longer than [`SILENCE`] does not count.
    fn heartbeat(&self, replica: Arc<str>) -> Answer<'_, u32>;

    /// Gives some of what is left, perhaps nothing. `None`: by the database's clock the window has not begun or is
    /// over (the asking gateway's clock is off).
    fn grant(&self, ask: LeaseAsk) -> Answer<'_, Option<LeaseState>>;

    /// Takes back what a gateway does not need, when the lease is still at this version; otherwise nothing happens
    /// (`None`). The gateway must have stopped spending it before: what it has spent or reserved and not yet shipped
    /// is not to be given back.
    fn give_back(
        &self,
        replica: Arc<str>,
        of: LeasedWindow,
        version: i64,
        amount: i64,
    ) -> Answer<'_, Option<LeaseState>>;

    /// What a gateway holds and has spent, of windows that end after `now`: for its start.
    fn leases_of(&self, replica: Arc<str>, now: Timestamp) -> Answer<'_, Vec<(LeasedWindow, LeaseState)>>;

    /// Makes what is used of a window nothing, by a correction beside the sum of its rows, with its line in the audit
    /// log. What gateways hold open stays counted, so that afterwards no more than the limit can be spent; so does what
    /// was settled and is not shipped yet. Gives how it stands, and how much was forgiven.
    fn reset(&self, reset: LeaseReset) -> Answer<'_, (LeaseState, i64)>;

    /// All gateways by id, silent ones included.
    fn replicas(&self) -> Answer<'_, Vec<ReplicaState>>;

    /// Forgets a gateway that is lost for good with its journal, and gives what it held to the others. Only an
    /// administrator can know that: were it alive, a quota could be exceeded by what it held. Whether it was known.
    fn write_off(&self, replica: Arc<str>) -> Answer<'_, bool>;
}

/// A gateway that was not heard of for this long is not counted when leases are sized.
pub const SILENCE: Duration = Duration::from_secs(30);

/// How far a gateway's clock may be off when it asks for the lease of a window.
pub const SKEW: Duration = Duration::from_secs(5);

/// How much to give: what is wanted, or a share of what is left that leaves as much again for every other gateway;
/// never more than what is left, and nothing when nothing is wanted.
#[must_use]
pub fn share(left: i64, want: i64, replicas: u32) -> i64 {
    let share = left / (2 * i64::from(replicas.max(1)));
    if want > 0 { want.max(share).min(left).max(0) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_shrinks_with_what_is_left_and_never_exceeds_it() {
        for (left, want, replicas, expected) in [
            (1_000, 10, 1, 500),
            (1_000, 10, 5, 100),
            (1_000, 10, 0, 500),
            (15, 10, 2, 10),
            (7, 10, 2, 7),
            (0, 10, 2, 0),
            (1_000, 0, 2, 0),
            (-50, 10, 2, 0),
            (i64::MAX, i64::MAX, u32::MAX, i64::MAX),
        ] {
            assert_eq!(share(left, want, replicas), expected, "{left} {want} {replicas}");
        }
    }
}
