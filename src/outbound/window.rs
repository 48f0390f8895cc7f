//! A sliding count of requests and failures over an interval, in ten slots: exact to a tenth of the interval.

use std::time::Duration;

use crate::model::clock::Ticks;

const SLOTS: usize = 10;

/// Requests and failures of the last interval.
#[derive(Clone, Debug)]
pub struct Window {
    slot_nanos: u64,
    /// Number of the newest slot, counted from the start of the clock.
    newest: u64,
    slots: [Count; SLOTS],
}

/// What one slot, or a whole window, has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests that ended.
    pub requests: u32,
    /// Those that failed by the rule.
    pub failures: u32,
}

impl Window {
    /// An empty window over `interval` (at least ten nanoseconds).
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        Self { slot_nanos: (nanos / SLOTS as u64).max(1), newest: 0, slots: [Count::default(); SLOTS] }
    }

    /// Adds to the current slot.
    pub fn add(&mut self, now: Ticks, added: Count) {
        let slot = self.advance(now);
        slot.requests = slot.requests.saturating_add(added.requests);
        slot.failures = slot.failures.saturating_add(added.failures);
    }

    /// The sum over the interval that ends now.
    pub fn sum(&mut self, now: Ticks) -> Count {
        self.advance(now);
        self.slots.iter().fold(Count::default(), |sum, slot| Count {
            requests: sum.requests.saturating_add(slot.requests),
            failures: sum.failures.saturating_add(slot.failures),
        })
    }

    /// Clears the slots that time has passed over; the current one is returned.
    fn advance(&mut self, now: Ticks) -> &mut Count {
        let current = now.as_nanos() / self.slot_nanos;
        let passed = current.saturating_sub(self.newest).min(SLOTS as u64);
        self.newest = self.newest.max(current);
        for back in 0..passed {
            *self.slot(self.newest - back) = Count::default();
        }
        self.slot(self.newest)
    }

    fn slot(&mut self, number: u64) -> &mut Count {
        let index = usize::try_from(number % SLOTS as u64).unwrap_or(0);
        &mut self.slots[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Count = Count { requests: 1, failures: 1 };

    #[test]
    fn counts_leave_with_their_slot() {
        let mut window = Window::new(Duration::from_secs(10));
        let at = |seconds: u64| Ticks::from_nanos(seconds * 1_000_000_000);
        for second in 0..10 {
            window.add(at(second), FAILED);
        }
        for (second, left) in [(9, 10), (10, 9), (14, 5), (18, 1), (19, 0), (1_000, 0)] {
            assert_eq!(window.clone().sum(at(second)).failures, left, "at {second} s");
        }
    }

    #[test]
    fn a_clock_that_stands_or_starts_late_is_no_matter() {
        let mut window = Window::new(Duration::ZERO);
        window.add(Ticks::from_nanos(u64::MAX), FAILED);
        window.add(Ticks::from_nanos(u64::MAX), FAILED);
        assert_eq!(window.sum(Ticks::from_nanos(u64::MAX)), Count { requests: 2, failures: 2 });
    }
}
