//! What all exchanges share with each other through policies: time, side calls, counters, caches, keys.

use std::sync::Arc;

use super::{Outside, Slots};
use crate::{
    limits::Limits,
    model::{Clock, Entropy},
};

/// Shared by all exchanges; made once for the process.
pub struct Services {
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// Side calls, tokens, keys, loggers.
    pub outside: Outside,
    /// Counters of rates, quotas and tokens.
    pub limits: Arc<Limits>,
    /// Who is inside `limit-concurrency`.
    pub slots: Slots,
}
