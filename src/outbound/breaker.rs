//! The circuit breaker of one backend: a pure state machine over time, results and chance.
//!
//! Closed: everything passes. Open: nothing passes until the cooldown is over. Half open: one real request (the
//! probe) passes; its end closes the breaker or opens it again, for twice as long. What counts as a failure is
//! `breaker_rules`; sparing the last member of a pool is `pool`.

use std::time::Duration;

use super::{
    breaker_rules::{Rule, Rules, Sign},
    window::{Count, Window},
};
use crate::model::{Entropy, clock::Ticks};

/// The cooldown doubles with each failed probe up to this many times the rule's `open_for`.
const MAX_FACTOR: u32 = 16;
/// Up to this share is added to a cooldown by chance, so that replicas do not probe in step.
const JITTER: f64 = 0.1;

/// The permission to send one exchange. Given back by [`Breaker::report`] or [`Breaker::put_back`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Through a closed breaker.
    Free,
    /// The single probe of a half-open breaker.
    Probe(u64),
    /// Past an open breaker, because the pool has no other member.
    Forced,
}

/// What a breaker would say to a request now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may pass.
    Closed,
    /// Not before that moment.
    Open(Ticks),
    /// It may pass as the probe.
    Ready,
    /// Another request is the probe.
    Probing,
}

/// A change that operators want to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Opened, for this long.
    Opened(Duration),
    /// A probe was sent.
    HalfOpened,
    /// Closed again.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until: Ticks, cooldown: Duration },
    HalfOpen { probe: Option<(u64, Ticks)>, cooldown: Duration },
}

/// How an attempt ended, for the breaker.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// What was seen; `None`: all well.
    pub sign: Option<Sign>,
    /// When the backend asked us to come back.
    pub retry_after: Option<Duration>,
    /// Whether the request has been counted before (a stream that began well and then broke).
    pub counted: bool,
}

/// The breaker of one backend. Its rules are passed in, because they may change while its state stays.
#[derive(Clone, Debug)]
pub struct Breaker {
    phase: Phase,
    since: Ticks,
    /// Openings in a row without a successful probe between them.
    trips: u32,
    probes: u64,
    windows: Vec<(u64, Window)>,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(now: Ticks) -> Self {
        Self { phase: Phase::Closed, since: now, trips: 0, probes: 0, windows: Vec::new() }
    }

    /// What it would say to a request now.
    #[must_use]
    pub fn standing(&self, now: Ticks) -> Standing {
        match self.phase {
            Phase::Closed => Standing::Closed,
            Phase::Open { until, .. } if now < until => Standing::Open(until),
            // A probe that hangs for longer than a cooldown must not keep the backend out for ever.
            Phase::HalfOpen { probe: Some((_, sent)), cooldown } if now < sent.plus(cooldown) => Standing::Probing,
            Phase::Open { .. } | Phase::HalfOpen { .. } => Standing::Ready,
        }
    }

    /// When its present phase began.
    #[must_use]
    pub fn since(&self) -> Ticks {
        self.since
    }

    /// Failures in the fullest window.
    pub fn failures(&mut self, now: Ticks) -> u32 {
        self.windows.iter_mut().map(|(_, window)| window.sum(now).failures).max().unwrap_or(0)
    }

    /// Lets a request pass if it may.
    pub fn take(&mut self, now: Ticks) -> Option<(Pass, Option<Change>)> {
        let cooldown = match (self.standing(now), self.phase) {
            (Standing::Closed, _) => return Some((Pass::Free, None)),
            (Standing::Ready, Phase::Open { cooldown, .. } | Phase::HalfOpen { cooldown, .. }) => cooldown,
            _ => return None,
        };
        let change = matches!(self.phase, Phase::Open { .. }).then_some(Change::HalfOpened);
        self.probes += 1;
        self.enter(Phase::HalfOpen { probe: Some((self.probes, now)), cooldown }, now);
        Some((Pass::Probe(self.probes), change))
    }

    /// Takes back the permission of a request that was never judged (its client went away).
    pub fn put_back(&mut self, pass: Pass) {
        if let (Phase::HalfOpen { probe, .. }, Pass::Probe(number)) = (&mut self.phase, pass)
            && probe.is_some_and(|(current, _)| current == number)
        {
            *probe = None;
        }
    }

    /// Judges the end of an attempt.
    pub fn report(
        &mut self,
        rules: &Rules,
        pass: Pass,
        ending: Ending,
        now: Ticks,
        entropy: &Entropy,
    ) -> Option<Change> {
        let broken = ending.sign.and_then(|sign| rules.as_slice().iter().find(|rule| rule.matches(sign)));
        match (self.phase, broken) {
            (Phase::Closed, _) => self.count(rules, ending, now, entropy),
            // Only a request that was let past the open breaker says something of the present.
            (Phase::Open { .. } | Phase::HalfOpen { .. }, None) if pass != Pass::Free => Some(self.close(now)),
            (Phase::HalfOpen { cooldown, .. }, Some(rule)) if self.is_current(pass) => {
                Some(self.open(rule, cooldown, ending, now, entropy))
            }
            (Phase::Open { until, cooldown }, Some(rule)) => {
                let asked = now.plus(asked(rule, ending));
                self.phase = Phase::Open { until: until.max(asked), cooldown };
                None
            }
            _ => None,
        }
    }

    fn is_current(&self, pass: Pass) -> bool {
        matches!((self.phase, pass), (Phase::HalfOpen { probe: Some((current, _)), .. }, Pass::Probe(number)) if current == number)
    }

    fn enter(&mut self, phase: Phase, now: Ticks) {
        if std::mem::discriminant(&self.phase) != std::mem::discriminant(&phase) {
            self.since = now;
        }
        self.phase = phase;
    }

    fn close(&mut self, now: Ticks) -> Change {
        self.trips = 0;
        self.windows.clear();
        self.enter(Phase::Closed, now);
        Change::Closed
    }

    /// Adds the result to every rule's window; the first rule that has had enough opens the breaker.
    fn count(&mut self, rules: &Rules, ending: Ending, now: Ticks, entropy: &Entropy) -> Option<Change> {
        let tripped = rules.as_slice().iter().find(|rule| {
            let failed = ending.sign.is_some_and(|sign| rule.matches(sign));
            let added = Count { requests: u32::from(!ending.counted), failures: u32::from(failed) };
            let window = self.window(rule);
            window.add(now, added);
            failed && rule.trips(window.sum(now))
        })?;
        Some(self.open(tripped, Duration::ZERO, ending, now, entropy))
    }

    /// Windows belong to rules by their tag; those of rules that are gone are dropped when the breaker closes.
    fn window(&mut self, rule: &Rule) -> &mut Window {
        let index = self.windows.iter().position(|(tag, _)| *tag == rule.tag).unwrap_or_else(|| {
            self.windows.push((rule.tag, Window::new(rule.interval)));
            self.windows.len() - 1
        });
        &mut self.windows[index].1
    }

    /// Opens for `open_for` times 2 to the number of failed probes, never shorter than what the backend asked for
    /// or than the cooldown before.
    fn open(&mut self, rule: &Rule, last: Duration, ending: Ending, now: Ticks, entropy: &Entropy) -> Change {
        let factor = 2_u32.saturating_pow(self.trips).min(MAX_FACTOR);
        let longest = rule.open_for.saturating_mul(MAX_FACTOR);
        let base = rule.open_for.saturating_mul(factor).max(last.min(longest));
        let cooldown = base.max(asked(rule, ending));
        let open_for = cooldown.mul_f64(1.0 + JITTER * entropy.unit());
        self.trips = self.trips.saturating_add(1);
        self.enter(Phase::Open { until: now.plus(open_for), cooldown: base }, now);
        Change::Opened(open_for)
    }
}

fn asked(rule: &Rule, ending: Ending) -> Duration {
    ending.retry_after.filter(|_| rule.accept_retry_after).unwrap_or_default()
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
