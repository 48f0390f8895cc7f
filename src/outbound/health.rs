//! The verdict of active health checks on one backend: a pure count of results in a row.
//!
//! Sending the checks is `checks`.

use crate::{model::clock::Ticks, settings::objects::HealthCheck};

/// Healthy until enough checks in a row say otherwise, and the other way round.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Health {
    unhealthy_since: Option<Ticks>,
    /// Results in a row that contradict the present verdict.
    against: u32,
}

/// A change of the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Healthy,
    Unhealthy,
}

impl Health {
    /// Since when it is out.
    pub(super) fn unhealthy_since(&self) -> Option<Ticks> {
        self.unhealthy_since
    }

    /// Takes the result of one check.
    pub(super) fn observe(&mut self, well: bool, check: &HealthCheck, now: Ticks) -> Option<Verdict> {
        if well == self.unhealthy_since.is_none() {
            self.against = 0;
            return None;
        }
        self.against += 1;
        let needed = if well { check.healthy_after } else { check.unhealthy_after };
        if self.against < needed {
            return None;
        }
        self.against = 0;
        self.unhealthy_since = (!well).then_some(now);
        Some(if well { Verdict::Healthy } else { Verdict::Unhealthy })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::HumanDuration;

    #[test]
    fn only_results_in_a_row_change_the_verdict() {
        let check = HealthCheck {
            path: "/".into(),
            interval: HumanDuration(Duration::from_secs(1)),
            timeout: HumanDuration(Duration::from_secs(1)),
            unhealthy_after: 3,
            healthy_after: 2,
        };
        let mut health = Health::default();
        let mut seen = String::new();
        for result in "..xx.xxx.x..xx.".chars() {
            seen.push(match health.observe(result == '.', &check, Ticks::default()) {
                None => '-',
                Some(Verdict::Unhealthy) => 'U',
                Some(Verdict::Healthy) => 'H',
            });
        }
        assert_eq!(seen, "-------U---H---");
    }
}
