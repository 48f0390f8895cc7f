//! Letting a request in: all its counters are locked in one order, judged together, and held together or not at all.
//!
//! No reservation exists for a moment only, so none can refuse another by accident.

use std::sync::{Arc, MutexGuard};

use super::{
    ask::{Ask, Prompt},
    counter::{Room, Slot, State},
    hold::{Hold, Place},
    moment::Moment,
    need::Need,
    plan::{self, Candidate, Obstacle, Plan},
    refusal::{Refusal, RefusalKind},
    rule::{Counted, Rule, Window},
    standing::{Allowance, Standing},
};

/// A place while its counter is locked.
pub(super) struct Held<'a> {
    place: &'a Place,
    pub state: MutexGuard<'a, State>,
    /// Where an earlier reservation of the same request counts, when it is moved.
    kept: Option<Slot>,
}

/// What a request was granted, and what is held of it.
#[derive(Debug, Default)]
pub(super) struct Grant {
    pub plan: Plan,
    pub holds: Vec<Hold>,
    pub standing: Standing,
    pub shadowed: Vec<Refusal>,
}

/// A grant that does not own its places yet: they are borrowed while they are locked.
pub(super) struct Granted {
    grant: Grant,
    shares: Vec<Share>,
}

/// One counter's share.
struct Share {
    slot: Slot,
    amount: i64,
    uncertain: i64,
    need: Need,
}

/// Locks in the counters' order: two requests never wait for each other. One counter twice is once.
pub(super) fn in_order(mut places: Vec<Place>) -> Vec<Place> {
    places.sort_unstable_by_key(|place| place.counter().number);
    places.dedup_by_key(|place| place.counter().number);
    places
}

/// Judges and holds. On a refusal nothing has changed.
pub(super) fn grant(ask: &Ask<'_>, held: &mut [Held<'_>], moment: Moment) -> Result<Granted, Box<Refusal>> {
    let mut judged = Vec::with_capacity(held.len());
    let mut slots = Vec::with_capacity(held.len());
    for one in held.iter_mut() {
        let (candidate, slot) = one.judge(ask, moment)?;
        judged.push(candidate);
        slots.push(slot);
    }
    let refused = |obstacle: Obstacle| {
        let standing = standing(&judged, &[]);
        let (place, room) = (held[obstacle.at].place, &judged[obstacle.at].room);
        Box::new(Refusal { standing, ..refusal_of(place, room, obstacle.kind, obstacle.needed) })
    };
    let plan = plan::decide(ask, &judged).map_err(refused)?;
    let mut granted = Granted { grant: Grant { plan, ..Grant::default() }, shares: Vec::with_capacity(judged.len()) };
    for ((one, candidate), slot) in held.iter().zip(&judged).zip(slots) {
        granted.add(ask, one.place, candidate, slot)?;
    }
    granted.grant.standing = standing(&judged, &granted.shares);
    for (one, share) in held.iter_mut().zip(&mut granted.shares) {
        share.slot = one.state.hold(share.slot, share.amount, share.uncertain, moment);
    }
    Ok(granted)
}

impl<'a> Held<'a> {
    pub fn lock(place: &'a Place, kept: Option<Slot>) -> Self {
        Self { place, state: place.counter().lock(), kept }
    }

    fn judge(&mut self, ask: &Ask<'_>, moment: Moment) -> Result<(Candidate<'a>, Slot), Box<Refusal>> {
        let rule = self.place.rule();
        self.state.adopt(rule);
        let slot = match self.kept {
            Some(slot) => slot,
            None => self.state.slot(moment),
        };
        let limit = self.state.limit(moment.now);
        let need = Need::of(rule, ask);
        let asked = need.as_ref().and_then(|need| plan::rate_amount(need, ask, limit)).unwrap_or(limit);
        // Also what holds nothing waits until something is left.
        let room = self.state.room(slot, asked.max(1), moment);
        let Some(need) = need else { return Err(Box::new(beyond_counting(self.place, &room))) };
        Ok((Candidate { rule, need, room, counts: !rule.shadow }, slot))
    }
}

impl Granted {
    /// The grant with the places that it was given for, in their order.
    pub fn with(self, places: Vec<Place>) -> Grant {
        let Self { mut grant, shares } = self;
        let hold = |(place, share): (Place, Share)| {
            let Share { slot, amount, uncertain, need } = share;
            let is_growing = !place.rule().shadow && need.holds_output();
            Hold { place, slot, amount, uncertain, need, is_growing, counts_as: None }
        };
        grant.holds = places.into_iter().zip(shares).map(hold).collect();
        grant
    }

    fn add(&mut self, ask: &Ask<'_>, place: &Place, candidate: &Candidate<'_>, slot: Slot) -> Result<(), Box<Refusal>> {
        let plan = if candidate.counts { self.grant.plan } else { self.shadow_plan(ask, place, candidate) };
        let amounts = candidate.amounts(ask, plan);
        let (amount, uncertain) = amounts.ok_or_else(|| Box::new(beyond_counting(place, &candidate.room)))?;
        self.shares.push(Share { slot, amount, uncertain, need: candidate.need });
        Ok(())
    }

    /// What a shadow rule would do, if it were alone. What it would refuse is noted, and held all the same.
    fn shadow_plan(&mut self, ask: &Ask<'_>, place: &Place, candidate: &Candidate<'_>) -> Plan {
        let prompt = Prompt { is_final: true, ..ask.prompt };
        match plan::decide(&Ask { prompt, ..*ask }, &[Candidate { counts: true, ..*candidate }]) {
            Ok(plan) => plan,
            Err(obstacle) => {
                self.grant.shadowed.push(refusal_of(place, &candidate.room, obstacle.kind, obstacle.needed));
                Plan::default()
            }
        }
    }
}

/// A refusal by one counter's figures.
pub(super) fn refusal_of(place: &Place, room: &Room, kind: RefusalKind, needed: i64) -> Refusal {
    Refusal {
        kind,
        rule: Arc::clone(place.rule()),
        account: Arc::clone(&place.counter().account),
        limit: room.limit,
        used: room.used,
        reserved: room.reserved,
        needed,
        standing: Standing::default(),
    }
}

/// More than 63 bits can count is more than any limit.
fn beyond_counting(place: &Place, room: &Room) -> Refusal {
    refusal_of(place, room, RefusalKind::TooLarge, i64::MAX)
}

fn standing(judged: &[Candidate<'_>], shares: &[Share]) -> Standing {
    let mut standing = Standing::default();
    for (nth, one) in judged.iter().enumerate() {
        add(&mut standing, one.rule, &one.room, shares.get(nth).map_or(0, |share| share.amount));
    }
    standing
}

/// Adds where a counter stands that stays as it is while its request moves.
pub(super) fn add_standing(standing: &mut Standing, hold: &Hold, moment: Moment) {
    let room = hold.place.counter().lock().room(hold.slot, 0, moment);
    add(standing, hold.place.rule(), &room, 0);
}

/// `held`: what is going to be held beyond what the room shows.
fn add(standing: &mut Standing, rule: &Rule, room: &Room, held: i64) {
    if rule.shadow {
        return;
    }
    let reset = match rule.window {
        Window::Rolling(length) if held > 0 => length,
        _ => room.resets_in,
    };
    let remaining = room.unreserved().saturating_sub(held).max(0);
    let allowance = Allowance { limit: room.limit, remaining, reset };
    match rule.counted {
        Counted::Requests => standing.add_requests(allowance),
        counted if counted.is_tokens() => standing.add_tokens(allowance),
        _ => {}
    }
}
