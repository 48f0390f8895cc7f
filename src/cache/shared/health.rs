//! Whether the shared store is asked at all. After a failure nobody waits for it again until it has answered in time to one
//! who asks for all, behind the requests.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::model::clock::Ticks;

/// How long nobody asks after a failure.
pub(super) const REST: Duration = Duration::from_secs(2);
/// An answer that takes longer is slow: asking the backend may be as quick.
pub(super) const SLOW: Duration = Duration::from_millis(100);
/// So many slow answers without a quick one are a failure.
const MOST_SLOW: u32 = 3;

/// What to do with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Ask.
    Ask,
    /// Do not, but find out behind the caller whether it answers again.
    Probe,
    /// Do not.
    Rest,
}

#[derive(Default)]
struct State {
    /// Until when nobody asks; `None`: it works.
    resting: Option<Ticks>,
    is_probed: bool,
    slow: u32,
}

/// How the store does.
#[derive(Default)]
pub(super) struct Health {
    state: Mutex<State>,
    is_told: AtomicBool,
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do with a question now.
    pub(super) fn turn(&self, now: Ticks) -> Turn {
        let mut state = self.state();
        match state.resting {
            None => Turn::Ask,
            Some(until) if now < until || state.is_probed => Turn::Rest,
            Some(_) => {
                state.is_probed = true;
                Turn::Probe
            }
        }
    }

    /// It has answered within this time; true: it has been too slow too often, and is left alone now.
    pub(super) fn answered(&self, took: Duration, now: Ticks) -> bool {
        let mut state = self.state();
        state.slow = if took > SLOW { state.slow + 1 } else { 0 };
        let is_too_slow = state.slow >= MOST_SLOW;
        if is_too_slow {
            *state = State { resting: Some(now.plus(REST)), ..State::default() };
        }
        is_too_slow
    }

    /// It has not answered.
    pub(super) fn failed(&self, now: Ticks) {
        *self.state() = State { resting: Some(now.plus(REST)), ..State::default() };
    }

    /// It has answered to the one who asked for all.
    pub(super) fn is_back(&self) {
        *self.state() = State::default();
        if self.is_told.swap(false, Relaxed) {
            tracing::info!("the shared state store answers again");
        }
    }

    /// Tells of a failure, once until it is over.
    pub(super) fn tell(&self, why: &str) {
        if !self.is_told.swap(true, Relaxed) {
            tracing::warn!(
                why,
                "the shared state store does not answer: caches of this gateway work by themselves until it does"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_asks_for_all() {
        let (health, at) = (Health::default(), |seconds: u64| Ticks::from_nanos(seconds * 1_000_000_000));
        assert_eq!(health.turn(at(0)), Turn::Ask);
        health.failed(at(0));
        assert_eq!([health.turn(at(1)), health.turn(at(2)), health.turn(at(2))], [Turn::Rest, Turn::Probe, Turn::Rest]);
        health.failed(at(3));
        assert_eq!([health.turn(at(4)), health.turn(at(5))], [Turn::Rest, Turn::Probe]);
        health.is_back();
        assert_eq!(health.turn(at(5)), Turn::Ask);
    }

    #[test]
    fn a_store_that_is_always_slow_is_left_alone() {
        let (health, now, slow) = (Health::default(), Ticks::from_nanos(1), SLOW * 2);
        let told = [slow, slow, Duration::ZERO, slow, slow].map(|took| health.answered(took, now));
        assert_eq!(told, [false; 5], "a quick one between them");
        assert!(health.answered(slow, now));
        assert_eq!(health.turn(now), Turn::Rest);
    }
}
