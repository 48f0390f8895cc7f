//! Peak EWMA: a moving average of the time to first byte that jumps to a peak at once and forgets it slowly.
//!
//! After Finagle's load metric of the same name: a backend that stalls loses its traffic with the first slow
//! answer, and wins it back as the memory of the peak fades.

use std::time::Duration;

use crate::model::clock::Ticks;

/// After this long without news, a peak weighs a third.
const DECAY: Duration = Duration::from_secs(10);
/// What a failure counts as, at least: failing fast must not look like answering fast.
const FAILURE: Duration = Duration::from_secs(1);

/// The moving average of one backend.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PeakEwma {
    nanos: f64,
    at: Ticks,
}

impl PeakEwma {
    /// Takes an answer's time to first byte.
    pub(super) fn observe(&mut self, took: Duration, now: Ticks) {
        let sample = nanos(took);
        let faded = self.fade(now);
        self.nanos = if sample > self.nanos { sample } else { sample + (self.nanos - sample) * faded };
        self.at = now;
    }

    /// Takes a failure.
    pub(super) fn observe_failure(&mut self, now: Ticks) {
        let present = self.nanos * self.fade(now);
        self.nanos = (present * 2.0).max(nanos(FAILURE));
        self.at = now;
    }

    /// The present average; zero when nothing was ever observed.
    pub(super) fn value(&self, now: Ticks) -> Duration {
        Duration::try_from_secs_f64(self.nanos * self.fade(now) / 1e9).unwrap_or_default()
    }

    /// What one more exchange would cost: the average times those in flight. A backend that never answered yet
    /// is tried first, but by one exchange at a time.
    pub(super) fn load(&self, in_flight: usize, now: Ticks) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a weight: exchanges in flight are far below 2^52")]
        let flying = in_flight as f64;
        if self.nanos == 0.0 {
            return if in_flight == 0 { 0.0 } else { f64::MAX / 2.0 + flying };
        }
        self.nanos * self.fade(now) * (flying + 1.0)
    }

    fn fade(&self, now: Ticks) -> f64 {
        (-nanos(now.since(self.at)) / nanos(DECAY)).exp()
    }
}

fn nanos(of: Duration) -> f64 {
    of.as_secs_f64() * 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Ticks {
        Ticks::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn peaks_count_at_once_and_fade() {
        let mut ewma = PeakEwma::default();
        ewma.observe(Duration::from_millis(10), at(0));
        ewma.observe(Duration::from_millis(500), at(1));
        assert_eq!(ewma.value(at(1)), Duration::from_millis(500));
        ewma.observe(Duration::from_millis(10), at(1_001));
        let after_one = ewma.value(at(1_001));
        assert!(after_one > Duration::from_millis(400), "{after_one:?}");
        ewma.observe(Duration::from_millis(10), at(60_001));
        assert!(ewma.value(at(60_001)) < Duration::from_millis(12));
    }

    #[test]
    fn a_fast_failure_is_no_fast_answer() {
        let mut ewma = PeakEwma::default();
        ewma.observe_failure(at(0));
        assert!(ewma.value(at(0)) >= FAILURE);
    }

    #[test]
    fn the_untried_goes_first_once() {
        let fresh = PeakEwma::default();
        let mut known = PeakEwma::default();
        known.observe(Duration::from_millis(5), at(0));
        assert!(fresh.load(0, at(0)) < known.load(0, at(0)));
        assert!(fresh.load(1, at(0)) > known.load(100, at(0)));
    }
}
