//! Whether a request may pass, and how much output it may have: a pure function of what it asks and what its
//! counters have left. ACCOUNTING section 2 is this file.

use std::time::Duration;

use super::{
    ask::Ask,
    counter::Room,
    need::{Class, Need},
    refusal::RefusalKind,
    rule::{Counted, Rule},
};

/// How many times the likely output of everybody open has to be left for a reservation of just the likely output.
const PLENTY: u64 = 8;

/// One counter of the request, with what it needs and what there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub rule: &'a Rule,
    pub need: Need,
    pub room: Room,
    /// Takes part in the decision. Shadow rules decide alone.
    pub counts: bool,
}

/// How a request may pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Output tokens held, all answers together; `None`: nothing bounds them.
    pub output: Option<u64>,
    /// Output tokens per answer that the request has to be sent with; `None`: as it is.
    pub cap: Option<u64>,
}

/// Which counter is in the way, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    /// Index of the candidate.
    pub at: usize,
    pub kind: RefusalKind,
    /// What is needed at least.
    pub needed: i64,
}

/// Decides for these counters together.
pub(super) fn decide(ask: &Ask<'_>, candidates: &[Candidate<'_>]) -> Result<Plan, Obstacle> {
    let numbered = candidates.iter().enumerate().filter(|(_, candidate)| candidate.counts);
    let obstacles = numbered.filter_map(|(at, candidate)| candidate.obstacle(at, ask));
    match obstacles.max_by_key(|obstacle| obstacle.kind) {
        Some(obstacle) => Err(obstacle),
        None => plan_output(ask, candidates),
    }
}

fn plan_output(ask: &Ask<'_>, candidates: &[Candidate<'_>]) -> Result<Plan, Obstacle> {
    let Some(tight) = Tight::of(candidates) else { return Ok(Plan::default()) };
    let output = ask.output;
    let worst = output.worst();
    if tight.affords >= worst {
        let must_cap = tight.is_strict && !output.is_capped();
        return Ok(if must_cap { capped(worst, ask) } else { Plan { output: Some(worst), cap: None } });
    }
    if tight.is_strict {
        return tight.near(ask, candidates, tight.affords);
    }
    let likely = output.likely().max(output.least(tight.least));
    let open = u64::try_from(tight.open).unwrap_or(0);
    let plenty = PLENTY.saturating_mul(likely).saturating_mul(open.saturating_add(1));
    if tight.affords.saturating_sub(likely) >= plenty {
        let is_growing = ask.streamed && !output.is_reasoning;
        return Ok(if is_growing {
            Plan { output: Some(likely), cap: None }
        } else {
            capped(likely.max(tight.affords / 4).min(worst), ask)
        });
    }
    let share = if open == 0 { tight.affords } else { likely.max(tight.affords / 2).min(tight.affords) };
    tight.near(ask, candidates, share)
}

/// What the tightest of the counters allows that hold something for the output.
struct Tight {
    at: usize,
    /// Output tokens that fit beside the prompt, taken at its bound.
    affords: u64,
    open: i64,
    /// The least output worth sending for.
    least: u64,
    is_strict: bool,
}

impl Tight {
    fn of(candidates: &[Candidate<'_>]) -> Option<Self> {
        let mut tight: Option<Self> = None;
        for (at, candidate) in candidates.iter().enumerate().filter(|(_, candidate)| candidate.counts) {
            let Class::Reserving { is_strict } = candidate.need.class else { continue };
            let Some(affords) = candidate.affords() else { continue };
            let is_strict = is_strict || tight.as_ref().is_some_and(|tight| tight.is_strict);
            let least = candidate.rule.min_output.max(tight.as_ref().map_or(0, |tight| tight.least));
            let tightest = tight.take().filter(|tight| tight.affords <= affords);
            tight = Some(match tightest {
                Some(tight) => Self { least, is_strict, ..tight },
                None => Self { at, affords, open: candidate.room.open, least, is_strict },
            });
        }
        tight
    }

    /// A share of what is left, sent as the request's cap. So near the limit the prompt has to be counted first.
    fn near(&self, ask: &Ask<'_>, candidates: &[Candidate<'_>], share: u64) -> Result<Plan, Obstacle> {
        if !ask.prompt.is_final {
            let needed = candidates[self.at].least(ask).unwrap_or(i64::MAX);
            return Err(Obstacle { at: self.at, kind: RefusalKind::NeedsExactInput, needed });
        }
        let least = ask.output.least(self.least);
        Ok(capped(share.max(least).min(self.affords).min(ask.output.worst()), ask))
    }
}

/// So much output, shared equally by the answers; a cap only where it says more than the caller's own.
fn capped(output: u64, ask: &Ask<'_>) -> Plan {
    let answers = ask.output.answers();
    let each = output / answers;
    let is_needed = !ask.output.is_capped() || each < ask.output.worst_answer();
    Plan { output: Some(each.saturating_mul(answers)), cap: is_needed.then_some(each) }
}

impl Candidate<'_> {
    /// What is held on this counter under a plan, and by how much the prompt may exceed it. None: beyond 63 bits.
    pub fn amounts(&self, ask: &Ask<'_>, plan: Plan) -> Option<(i64, i64)> {
        let need = &self.need;
        Some(match need.class {
            Class::Slots | Class::Known => (need.fixed, 0),
            Class::After => (0, 0),
            Class::Rate => (self.rate_amount(ask)?, 0),
            Class::Reserving { .. } => {
                let output = need.of_output(plan.output.unwrap_or_else(|| ask.output.likely()))?;
                let fixed = if ask.prompt.is_final { need.bound } else { need.fixed };
                (fixed.checked_add(output)?, need.bound - fixed)
            }
        })
    }

    /// What a rate holds: what is likely, never more than the whole limit.
    pub fn rate_amount(&self, ask: &Ask<'_>) -> Option<i64> {
        rate_amount(&self.need, ask, self.room.limit)
    }

    /// The least that this counter needs for the request to be worth sending, the prompt at its bound.
    fn least(&self, ask: &Ask<'_>) -> Option<i64> {
        let output = self.need.of_output(ask.output.least(self.rule.min_output))?;
        let fixed = if matches!(self.need.class, Class::Rate) { self.need.fixed } else { self.need.bound };
        fixed.checked_add(output)
    }

    /// How many output tokens fit beside the prompt; none: output costs nothing here.
    fn affords(&self) -> Option<u64> {
        self.need.output_for(self.room.left().saturating_sub(self.need.bound))
    }

    fn obstacle(&self, at: usize, ask: &Ask<'_>) -> Option<Obstacle> {
        let too_large = Obstacle { at, kind: RefusalKind::TooLarge, needed: i64::MAX };
        let Some(least) = self.least(ask) else { return Some(too_large) };
        if self.need.is_free {
            return None;
        }
        let kind = match self.need.class {
            Class::Slots => (self.room.left() < 1).then_some(RefusalKind::Concurrency),
            Class::Known => self.lacks(least),
            Class::After => self.lacks(1),
            Class::Rate => self.rate_obstacle(ask, least),
            Class::Reserving { is_strict } => self.reserving_obstacle(ask, is_strict, least),
        };
        // Also what needs nothing of a quota needs one to be left: a lease of none would not do.
        kind.map(|kind| Obstacle { at, kind, needed: least.max(1) })
    }

    fn rate_obstacle(&self, ask: &Ask<'_>, least: i64) -> Option<RefusalKind> {
        if self.rule.counted.is_tokens() && least > self.room.limit {
            return Some(if ask.prompt.is_final { RefusalKind::TooLarge } else { RefusalKind::NeedsExactInput });
        }
        if self.room.wait == Duration::ZERO {
            return None;
        }
        let wait = self.room.wait;
        Some(if self.rule.counted.is_tokens() { RefusalKind::TokenRate { wait } } else { RefusalKind::Rate { wait } })
    }

    fn reserving_obstacle(&self, ask: &Ask<'_>, is_strict: bool, least: i64) -> Option<RefusalKind> {
        let refuses_unpriced = is_strict || self.rule.refuses_unpriced;
        if refuses_unpriced && self.need.is_unpriced || is_strict && self.is_unbounded(ask) {
            return Some(RefusalKind::NotBoundable);
        }
        if self.need.is_unpriced {
            return self.lacks(0);
        }
        let kind = self.lacks(least)?;
        if ask.prompt.is_final {
            return Some(kind);
        }
        // However short the prompt turns out to be, it does not fit; otherwise counting it may help.
        let floor = least.saturating_sub(self.need.bound).saturating_add(self.need.floor);
        Some(self.lacks(floor).unwrap_or(RefusalKind::NeedsExactInput))
    }

    fn is_unbounded(&self, ask: &Ask<'_>) -> bool {
        self.rule.counted != Counted::Bytes && !ask.output.is_boundable
    }

    /// Why a quota does not have `needed` units, if it has not. At least one has to be left.
    pub fn lacks(&self, needed: i64) -> Option<RefusalKind> {
        let (room, needed) = (&self.room, needed.max(1));
        if needed <= room.left() {
            return None;
        }
        let resets_in = room.resets_in;
        let exhausted = match self.rule.counted {
            Counted::Nanos => RefusalKind::Budget { resets_in },
            _ => RefusalKind::Quota { resets_in },
        };
        let settled_leaves = room.limit.saturating_sub(room.used);
        Some(if needed > room.limit.max(1) {
            RefusalKind::TooLarge
        } else if needed > settled_leaves && (room.leased.is_none() || room.lease_is_final) {
            exhausted
        } else if room.leased.is_some_and(|leased| leased < needed) {
            self.lacks_lease(needed, exhausted)
        } else {
            RefusalKind::Held
        })
    }

    fn lacks_lease(&self, needed: i64, exhausted: RefusalKind) -> RefusalKind {
        let room = &self.room;
        if !room.lease_is_final {
            return RefusalKind::Unleased;
        }
        let held = room.reserved.saturating_add(room.uncertain);
        let comes_back = room.leased.unwrap_or(0).saturating_add(held);
        if needed <= comes_back { RefusalKind::Held } else { exhausted }
    }
}

/// What a rate of this need and limit holds.
pub(super) fn rate_amount(need: &Need, ask: &Ask<'_>, limit: i64) -> Option<i64> {
    let output = need.of_output(ask.output.likely())?;
    // A limit of nothing lets nothing through.
    Some(need.fixed.checked_add(output)?.min(limit.max(1)))
}
