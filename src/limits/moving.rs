//! Moving a reservation to another model or backend.

use super::{
    ask::Ask,
    hold::{Hold, Place},
    moment::Moment,
    refusal::Refusal,
    reserve::{self, Grant, Held},
};

/// Moves holds to other places. Rates and slots that both need stay as they are; quotas are given back and judged
/// anew in the same window, under their lock; what is not needed any more goes once the rest is granted.
pub(super) fn relocate(old: &[Hold], places: &[Place], ask: &Ask<'_>, moment: Moment) -> Result<Grant, Box<Refusal>> {
    let is_asked = |hold: &&Hold| places.iter().any(|place| place.is_same(&hold.place));
    let (kept, gone): (Vec<_>, Vec<_>) = old.iter().partition(is_asked);
    let (staying, again): (Vec<_>, Vec<_>) = kept.into_iter().partition(|hold| hold.stays());
    let stays = |place: &Place| staying.iter().any(|hold| hold.place.is_same(place));
    let asked = reserve::in_order(places.iter().filter(|place| !stays(place)).cloned().collect());
    let granted = regrant(&asked, &again, ask, moment)?;
    for hold in gone {
        hold.release(&mut hold.place.counter().lock(), moment);
    }
    let mut grant = granted.with(asked);
    for hold in staying {
        reserve::add_standing(&mut grant.standing, hold, moment);
        grant.holds.push(hold.clone());
    }
    Ok(grant)
}

/// Grants as if the holds of `again` were not there; they are, until the grant takes their place.
fn regrant(asked: &[Place], again: &[&Hold], ask: &Ask<'_>, moment: Moment) -> Result<reserve::Granted, Box<Refusal>> {
    let old = |place: &Place| again.iter().find(|hold| hold.place.is_same(place));
    let mut held: Vec<_> = asked.iter().map(|place| Held::lock(place, old(place).map(|hold| hold.slot))).collect();
    for (one, place) in held.iter_mut().zip(asked) {
        if let Some(hold) = old(place) {
            hold.release(&mut one.state, moment);
        }
    }
    reserve::grant(ask, &mut held, moment).inspect_err(|_| {
        for (one, place) in held.iter_mut().zip(asked) {
            if let Some(hold) = old(place) {
                one.state.hold(hold.slot, hold.amount, hold.uncertain, moment);
            }
        }
    })
}
