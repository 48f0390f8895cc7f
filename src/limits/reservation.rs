//! What a request holds until it is settled. A guard: dropped, it gives everything back, as for a request that was
//! never sent. Whoever has sent something settles.

use super::{
    Limits,
    ask::{Ask, Used},
    counter::Room,
    hold::Hold,
    moment::Moment,
    moving,
    need::used_units,
    plan::Candidate,
    refusal::{Refusal, RefusalKind},
    reserve::{self, Grant},
    rule::Counted,
    settled::Settled,
    standing::Standing,
};
use crate::exchange::Charge;

/// The least and the most by which a stream's reservation grows at once, in output tokens.
const BLOCKS: (u64, u64) = (64, 1_024);

/// Tokens, money, bytes and slots held for one request.
#[derive(Debug)]
pub struct Reservation {
    limits: Limits,
    grant: Grant,
    /// By how many output tokens it grows ahead of a stream; 0 where a cap already says that nothing more comes.
    block: u64,
    /// All output, where the caller, the model or a cap of ours says how much there can be.
    bound: Option<u64>,
}

impl Reservation {
    pub(super) fn new(limits: Limits, ask: &Ask<'_>, grant: Grant) -> Self {
        let (block, bound) = (block(ask, &grant), bound(ask, &grant));
        Self { limits, grant, block, bound }
    }

    /// Output tokens, all answers together, beyond which nothing comes from a provider that honours caps.
    #[must_use]
    pub const fn bound(&self) -> Option<u64> {
        self.bound
    }

    /// Output tokens per answer that the request has to be sent with; `None`: as it is.
    #[must_use]
    pub const fn cap(&self) -> Option<u64> {
        self.grant.plan.cap
    }

    /// Output tokens, all answers together, that are held; `u64::MAX` when nothing bounds them.
    #[must_use]
    pub fn allowed_output(&self) -> u64 {
        self.grant.plan.output.unwrap_or(u64::MAX)
    }

    /// Whether so many output tokens, all answers together, may be delivered.
    #[must_use]
    pub fn covers(&self, output: u64) -> bool {
        output <= self.allowed_output()
    }

    /// Where the caller stands, this reservation included.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.grant.standing
    }

    /// Whether any of its counters counts money.
    #[must_use]
    pub fn counts_money(&self) -> bool {
        self.grant.holds.iter().any(|hold| hold.place.rule().counted == Counted::Nanos)
    }

    /// What shadow rules would have refused.
    #[must_use]
    pub fn shadowed(&self) -> &[Refusal] {
        &self.grant.shadowed
    }

    /// What is held on the counter `account`, in its units.
    #[must_use]
    pub fn held(&self, account: &str) -> i64 {
        let held = self.grant.holds.iter().find(|hold| **hold.place.0.account() == *account);
        held.map_or(0, |hold| hold.amount)
    }

    /// What the ledger has to know: one for each quota, in the order of [`Settled::amounts`].
    #[must_use]
    pub fn charges(&self) -> Vec<Charge> {
        self.grant.holds.iter().filter_map(Hold::charge).collect()
    }

    /// Keeps the reservation one block ahead of a stream that is about to deliver its `output`th token, all answers
    /// together. `true`: charges have changed and have to be written down before those tokens are used. An error: the
    /// stream has had what it may have and there is no more; what is held stays held.
    pub fn top_up(&mut self, output: u64) -> Result<bool, Box<Refusal>> {
        let Some(allowed) = self.grant.plan.output else { return Ok(false) };
        let ahead = output.saturating_add(self.block);
        if ahead <= allowed {
            return Ok(false);
        }
        let wanted = ahead.saturating_add(self.block) - allowed;
        let missing = output.saturating_sub(allowed);
        let more = grow(&mut self.grant.holds, &Growth { allowed, missing, wanted }, self.limits.moment())?;
        self.grant.plan.output = Some(allowed.saturating_add(more));
        Ok(more > 0)
    }

    /// Moves what is held to what another model or backend needs. On a refusal nothing has changed. Counters that
    /// both share keep their window; requests and slots stay counted once.
    pub fn move_to(&mut self, ask: &Ask<'_>) -> Result<(), Box<Refusal>> {
        let moment = self.limits.moment();
        let grant = moving::relocate(&self.grant.holds, &self.limits.places(ask.scopes, moment), ask, moment)?;
        self.grant = grant;
        (self.block, self.bound) = (block(ask, &self.grant), bound(ask, &self.grant));
        Ok(())
    }

    /// Has the counter of `account` count so many units when this is settled, whatever was used.
    pub fn count_as(&mut self, account: &str, units: u64) {
        let holds = self.grant.holds.iter_mut();
        for hold in holds.filter(|hold| *hold.place.counter().account == *account) {
            hold.counts_as = Some(units);
        }
    }

    /// Ends the request: what was used counts in the windows in which it was reserved. Nothing used gives all back.
    #[must_use = "the amounts belong into the ledger"]
    pub fn settle(mut self, used: &Used) -> Settled {
        let mut settled = Settled::default();
        let moment = self.limits.moment();
        for hold in std::mem::take(&mut self.grant.holds) {
            let units = match hold.counts_as {
                Some(units) => i64::try_from(units).unwrap_or(i64::MAX),
                None => used_units(hold.place.rule().counted, used),
            };
            settled.add(&hold, units, moment);
        }
        settled
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.grant.holds.is_empty() {
            return;
        }
        let moment = self.limits.moment();
        for hold in &self.grant.holds {
            hold.release(&mut hold.place.counter().lock(), moment);
        }
    }
}

fn block(ask: &Ask<'_>, grant: &Grant) -> u64 {
    let is_worst = ask.output.is_capped() && grant.plan.output == Some(ask.output.worst());
    if is_worst || grant.plan.cap.is_some() {
        return 0;
    }
    (ask.output.likely() / 2).clamp(BLOCKS.0, BLOCKS.1)
}

fn bound(ask: &Ask<'_>, grant: &Grant) -> Option<u64> {
    let capped = grant.plan.cap.map(|cap| cap.saturating_mul(ask.output.answers()));
    capped.or_else(|| ask.output.is_capped().then(|| ask.output.worst()))
}

/// Output tokens that a stream has, must have and would like.
struct Growth {
    allowed: u64,
    missing: u64,
    wanted: u64,
}

/// Holds what is wanted on every counter that grows, or as much as all of them have; refuses below what is missing.
fn grow(holds: &mut [Hold], growth: &Growth, moment: Moment) -> Result<u64, Box<Refusal>> {
    let mut growing: Vec<_> = holds.iter_mut().filter(|hold| hold.is_growing).collect();
    let places: Vec<_> = growing.iter().map(|hold| hold.place.clone()).collect();
    let mut states: Vec<_> = places.iter().map(|place| place.counter().lock()).collect();
    let mut more = growth.wanted;
    for (hold, state) in growing.iter().zip(&mut states) {
        let room = state.room(hold.slot, 0, moment);
        more = more.min(hold.need.output_for(room.left()).unwrap_or(u64::MAX));
        if more < growth.missing {
            let needed = hold.need.of_output(growth.missing).unwrap_or(i64::MAX);
            let kind = why_no_more(hold, &room, needed);
            return Err(Box::new(reserve::refusal_of(&hold.place, &room, kind, needed)));
        }
    }
    for (hold, state) in growing.iter_mut().zip(&mut states) {
        let total = |output: u64| hold.need.of_output(output).unwrap_or(i64::MAX);
        // Rounded up, the sum is at most the sum of what is rounded up: it fits what is left.
        let by = total(growth.allowed.saturating_add(more)).saturating_sub(total(growth.allowed));
        state.grow(hold.slot, by);
        hold.amount = hold.amount.saturating_add(by);
    }
    Ok(more)
}

/// A running stream's own reservation will be used: only what others hold can come back.
fn why_no_more(hold: &Hold, room: &Room, needed: i64) -> RefusalKind {
    let candidate =
        Candidate { rule: hold.place.rule(), need: hold.need, room: room.with_own(hold.amount), counts: true };
    candidate.lacks(needed).unwrap_or(RefusalKind::Held)
}
