//! Where a caller stands: the figures of the six `x-ratelimit-*` headers, for the tightest scope.

use std::time::Duration;

/// Figures of one pair of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The limit, raises included.
    pub limit: i64,
    /// What is neither used nor reserved, at least 0.
    pub remaining: i64,
    /// Until everything that counts now has gone.
    pub reset: Duration,
}

/// Where a caller stands after its reservation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The enforced limit on requests with the least remaining.
    pub requests: Option<Allowance>,
    /// The enforced limit on tokens with the least remaining.
    pub tokens: Option<Allowance>,
}

impl Standing {
    pub(super) fn add_requests(&mut self, other: Allowance) {
        tighten(&mut self.requests, other);
    }

    pub(super) fn add_tokens(&mut self, other: Allowance) {
        tighten(&mut self.tokens, other);
    }
}

fn tighten(best: &mut Option<Allowance>, other: Allowance) {
    if best.is_none_or(|best| other.remaining < best.remaining) {
        *best = Some(other);
    }
}
