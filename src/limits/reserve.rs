//! Letting a request in: all its counters are locked in one order, judged together, and held together or not at all.
//!
//! No reservation exists for a moment only, so none can refuse another by accident.

use std::sync::{Arc, MutexGuard};

use super::{
    ask::Ask,
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
    pub place: &'a Place,
    pub state: MutexGuard<'a, State>,
    /// Where an earlier reservation of the same request counts, when it is moved.
    pub kept: Option<Slot>,
}

/// What a request was granted.
#[derive(Debug, Default)]
pub(super) struct Grant {
    pub plan: Plan,
    pub holds: Vec<Hold>,
    pub standing: Standing,
    pub shadowed: Vec<Refusal>,
}

/// Locks in the counters' order: two requests never wait for each other. One counter twice is once.
pub(super) fn in_order(mut places: Vec<Place>) -> Vec<Place> {
    places.sort_unstable_by_key(|place| place.counter.number);
    places.dedup_by_key(|place| place.counter.number);
    places
}

/// Judges and holds. On a refusal nothing has changed.
pub(super) fn grant(ask: &Ask<'_>, held: &mut [&mut Held<'_>], moment: Moment) -> Result<Grant, Box<Refusal>> {
    let mut judged = Vec::with_capacity(held.len());
    for one in held.iter_mut() {
        judged.push(one.judge(ask, moment)?);
    }
    let enforced: Vec<_> = judged.iter().map(|judged| judged.candidate).filter(|one| !one.rule.shadow).collect();
    let refused = |obstacle: Obstacle| {
        let rule = enforced[obstacle.at].rule;
        let at = judged.iter().position(|judged| std::ptr::eq(judged.candidate.rule, rule)).unwrap_or(obstacle.at);
        Box::new(refusal(&judged[at], obstacle, standing(&judged, None)))
    };
    let plan = plan::decide(ask, &enforced).map_err(refused)?;
    let mut granted = Grant { plan, ..Grant::default() };
    let amounts = amounts(ask, &judged, &mut granted)?;
    granted.standing = standing(&judged, Some(&amounts));
    let slots: Vec<_> = judged.iter().map(|judged| (judged.slot, judged.candidate.need)).collect();
    for ((one, (amount, uncertain)), (slot, need)) in held.iter_mut().zip(amounts).zip(slots) {
        let slot = one.state.hold(slot, amount, uncertain, moment);
        let is_growing = !one.place.rule.shadow && need.holds_output();
        granted.holds.push(Hold { place: one.place.clone(), slot, amount, uncertain, need, is_growing });
    }
    Ok(granted)
}

/// A counter with its figures.
struct Judged<'a> {
    place: &'a Place,
    candidate: Candidate<'a>,
    slot: Slot,
}

impl<'a> Held<'a> {
    fn judge(&mut self, ask: &Ask<'_>, moment: Moment) -> Result<Judged<'a>, Box<Refusal>> {
        let rule = &self.place.rule;
        self.state.adopt(rule);
        let slot = match self.kept {
            Some(slot) => slot,
            None => self.state.slot(moment),
        };
        let limit = self.state.limit(moment.now);
        let need = Need::of(rule, ask);
        let asked = need.as_ref().and_then(|need| plan::rate_amount(need, ask, limit)).unwrap_or(limit);
        let room = self.state.room(slot, asked, moment);
        let Some(need) = need else { return Err(Box::new(beyond_counting(self.place, &room))) };
        Ok(Judged { place: self.place, candidate: Candidate { rule, need, room }, slot })
    }
}

/// What each counter holds; shadow rules decide alone, and let pass.
fn amounts(ask: &Ask<'_>, judged: &[Judged<'_>], granted: &mut Grant) -> Result<Vec<(i64, i64)>, Box<Refusal>> {
    let mut amounts = Vec::with_capacity(judged.len());
    for one in judged {
        let plan = if one.candidate.rule.shadow { shadow_plan(ask, one, granted) } else { granted.plan };
        let amount = one.candidate.amounts(ask, plan);
        amounts.push(amount.ok_or_else(|| Box::new(beyond_counting(one.place, &one.candidate.room)))?);
    }
    Ok(amounts)
}

fn shadow_plan(ask: &Ask<'_>, one: &Judged<'_>, granted: &mut Grant) -> Plan {
    let mut prompt = ask.prompt;
    prompt.is_final = true;
    match plan::decide(&Ask { prompt, ..*ask }, &[one.candidate]) {
        Ok(plan) => plan,
        Err(obstacle) => {
            granted.shadowed.push(refusal(one, obstacle, Standing::default()));
            Plan::default()
        }
    }
}

fn refusal(one: &Judged<'_>, obstacle: Obstacle, standing: Standing) -> Refusal {
    let needed = obstacle.needed;
    Refusal { standing, ..refusal_of(one.place, &one.candidate.room, obstacle.kind, needed) }
}

/// A refusal by one counter's figures.
pub(super) fn refusal_of(place: &Place, room: &Room, kind: RefusalKind, needed: i64) -> Refusal {
    Refusal {
        kind,
        rule: Arc::clone(&place.rule),
        account: Arc::clone(&place.counter.account),
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

fn standing(judged: &[Judged<'_>], amounts: Option<&[(i64, i64)]>) -> Standing {
    let mut standing = Standing::default();
    for (nth, one) in judged.iter().enumerate() {
        let held = amounts.map_or(0, |amounts| amounts[nth].0);
        add(&mut standing, one.candidate.rule, &one.candidate.room, held);
    }
    standing
}

/// Adds where a counter stands that stays as it is while its request moves.
pub(super) fn add_standing(standing: &mut Standing, hold: &Hold, moment: Moment) {
    let room = hold.place.counter.lock().room(hold.slot, 0, moment);
    add(standing, &hold.place.rule, &room, 0);
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
