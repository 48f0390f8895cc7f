//! Saying what fails again and again once in a while: a log that a failing disk fills helps nobody.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::model::clock::Ticks;

/// Time between two lines about the same.
const EVERY: Duration = Duration::from_secs(10);

/// When it was last said, and how often it was not.
#[derive(Debug, Default)]
pub struct Complaints {
    /// In nanoseconds, from 1; 0: never.
    said: AtomicU64,
    unsaid: AtomicU64,
}

impl Complaints {
    /// Whether to say it at `now`: how often it happened unsaid since it was said before.
    pub fn due(&self, now: Ticks) -> Option<u64> {
        let (said, now) = (self.said.load(Ordering::Relaxed), now.as_nanos().saturating_add(1));
        let rests = said > 0 && now.saturating_sub(said) < u64::try_from(EVERY.as_nanos()).unwrap_or(u64::MAX);
        // Of several at once one says it.
        if rests || self.said.compare_exchange(said, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.unsaid.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_said_at_once_and_the_others_are_counted() {
        let (complaints, start) = (Complaints::default(), Ticks::default());
        let at = |seconds| start.plus(Duration::from_secs(seconds));
        let said: Vec<_> = [0, 0, 1, 9, 10, 11, 300].into_iter().map(|seconds| complaints.due(at(seconds))).collect();
        assert_eq!(said, [Some(0), None, None, None, Some(3), None, Some(1)]);
    }
}
