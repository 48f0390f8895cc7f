//! Now, on both clocks: read once for everything that one step decides.

use crate::model::{Clock, Timestamp, clock::Ticks};

#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub now: Timestamp,
    pub ticks: Ticks,
}

impl Moment {
    pub fn read(clock: &Clock) -> Self {
        Self { now: clock.now(), ticks: clock.ticks() }
    }
}
