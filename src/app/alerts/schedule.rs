//! When a message that was not taken is sent again.

use std::time::Duration;

use super::post::Outcome;
use crate::model::{Entropy, Timestamp};

/// Pauses after the first try and those that follow, in seconds: the schedule that Standard Webhooks recommends, three
/// days in all.
const PAUSES: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// Longest pause that a receiver can ask for.
const LONGEST: Duration = Duration::from_secs(86_400);

/// When to try again after that many tries; `None`: taken, given up, or the receiver is gone (410). A receiver that
/// names a later moment is left alone until then.
pub fn next(attempts: u32, outcome: &Outcome, now: Timestamp, entropy: &Entropy) -> Option<Timestamp> {
    let asked = match outcome {
        Outcome::Taken(_) | Outcome::Gone => return None,
        Outcome::Refused { retry_after, .. } => retry_after.unwrap_or_default().min(LONGEST),
        Outcome::Failed(_) => Duration::ZERO,
    };
    let pause = PAUSES.get(usize::try_from(attempts.checked_sub(1)?).ok()?)?;
    Some(now.plus(jittered(*pause, entropy).max(asked)))
}

/// Up to a fifth longer: receivers that come back are not met by everything at once.
fn jittered(seconds: u64, entropy: &Entropy) -> Duration {
    let millis = seconds * 1_000;
    Duration::from_millis(millis + entropy.below(millis / 5 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_for_three_days_and_end() {
        let (entropy, start) = (Entropy::seeded(7), Timestamp::from_secs(1_000));
        let failed = Outcome::Failed("away".into());
        let mut now = start;
        let mut tries = 1;
        while let Some(next) = next(tries, &failed, now, &entropy) {
            assert!(next > now);
            (now, tries) = (next, tries + 1);
        }
        assert_eq!(tries, 10);
        let days = now.since(start).as_secs() / 86_400;
        assert!((3..=4).contains(&days), "{days}");
    }

    #[test]
    fn receivers_may_ask_for_more_time_and_the_end_is_the_end() {
        let (entropy, now) = (Entropy::seeded(7), Timestamp::from_secs(1_000));
        let refused = |after| Outcome::Refused { status: 429, retry_after: after };
        let pause =
            |attempts, outcome: &Outcome| next(attempts, outcome, now, &entropy).map(|at| at.since(now).as_secs());
        assert_eq!(pause(1, &refused(Some(Duration::from_secs(120)))), Some(120));
        assert_eq!(pause(1, &refused(Some(Duration::MAX))), Some(86_400));
        assert!(pause(1, &refused(None)).is_some_and(|pause| (5..=6).contains(&pause)));
        assert_eq!(
            (pause(1, &Outcome::Gone), pause(1, &Outcome::Taken(204)), pause(10, &refused(None))),
            (None, None, None)
        );
    }
}
