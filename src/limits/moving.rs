//! Moving a reservation to another model or backend, under the locks of all counters of both.

use super::{
    ask::Ask,
    hold::{Hold, Place},
    moment::Moment,
    refusal::Refusal,
    reserve::{self, Grant, Held},
};

/// Moves holds to other places under all their locks.
pub(super) fn relocate(old: &[Hold], places: &[Place], ask: &Ask<'_>, moment: Moment) -> Result<Grant, Box<Refusal>> {
    let is_among = |places: &[Place], hold: &Hold| places.iter().any(|place| place.is_same(&hold.place));
    let (staying, moving): (Vec<_>, Vec<_>) = old.iter().partition(|hold| hold.stays() && is_among(places, hold));
    let asked = places.iter().filter(|place| !staying.iter().any(|hold| hold.place.is_same(place)));
    let leaving = moving.iter().map(|hold| &hold.place).filter(|place| !places.iter().any(|new| new.is_same(place)));
    let locked = reserve::in_order(asked.chain(leaving).cloned().collect());
    let mut crowd: Vec<_> = locked.iter().map(|place| Moving::lock(place, &moving, places)).collect();
    for one in &mut crowd {
        one.let_go(moment);
    }
    let (mut asked, mut left): (Vec<_>, Vec<_>) = crowd.into_iter().partition(|one| one.is_asked);
    let mut held: Vec<_> = asked.iter_mut().map(|one| &mut one.held).collect();
    match reserve::grant(ask, &mut held, moment) {
        Ok(mut grant) => {
            for one in &mut left {
                one.leave(moment);
            }
            drop((asked, left));
            for hold in staying {
                reserve::add_standing(&mut grant.standing, hold, moment);
                grant.holds.push(hold.clone());
            }
            Ok(grant)
        }
        Err(refusal) => {
            asked.iter_mut().chain(&mut left).for_each(|one| one.take_back(moment));
            Err(refusal)
        }
    }
}

/// A counter that is locked while a reservation moves.
struct Moving<'a> {
    held: Held<'a>,
    old: Option<&'a Hold>,
    is_asked: bool,
}

impl<'a> Moving<'a> {
    fn lock(place: &'a Place, old: &[&'a Hold], new: &[Place]) -> Self {
        let old = old.iter().copied().find(|hold| hold.place.is_same(place));
        let is_asked = new.iter().any(|other| other.is_same(place));
        let kept = old.filter(|_| is_asked).map(|hold| hold.slot);
        Self { held: Held { place, state: place.counter.lock(), kept }, old, is_asked }
    }

    /// A quota can be given back and taken again as if nothing had been; a rate's bucket cannot.
    fn let_go(&mut self, moment: Moment) {
        if let Some(old) = self.old.filter(|old| !old.stays()) {
            old.release(&mut self.held.state, moment);
        }
    }

    fn leave(&mut self, moment: Moment) {
        if let Some(old) = self.old.filter(|old| old.stays()) {
            old.release(&mut self.held.state, moment);
        }
    }

    fn take_back(&mut self, moment: Moment) {
        if let Some(old) = self.old.filter(|old| !old.stays()) {
            self.held.state.hold(old.slot, old.amount, old.uncertain, moment);
        }
    }
}
