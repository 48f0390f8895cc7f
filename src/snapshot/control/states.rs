//! Which state of a subscription may follow which. `expired` is never set: it follows from `expires`.

use std::fmt;

use crate::{
    model::Timestamp,
    settings::{State, Subscription},
};

/// The states that an administrator may move a subscription to.
#[must_use]
pub const fn next(from: State) -> &'static [State] {
    match from {
        State::Submitted => &[State::Active, State::Rejected, State::Cancelled],
        State::Active => &[State::Suspended, State::Cancelled],
        State::Suspended | State::Expired => &[State::Active, State::Cancelled],
        State::Rejected => &[State::Submitted, State::Active],
        // Its owner gave it up: whoever wants access again creates a new one, with new keys.
        State::Cancelled => &[],
    }
}

/// Whether `to` may follow `from`; staying is always allowed.
#[must_use]
pub fn may_follow(from: State, to: State) -> bool {
    from == to || next(from).contains(&to)
}

/// The state at a moment: an active subscription past its end is expired.
#[must_use]
pub fn at(subscription: &Subscription, now: Timestamp) -> State {
    let ended = subscription.expires.is_some_and(|end| end.as_nanosecond() <= i128::from(now.as_nanos()));
    if ended && subscription.state == State::Active { State::Expired } else { subscription.state }
}

/// The state's word in files and answers.
#[must_use]
pub const fn word(state: State) -> &'static str {
    match state {
        State::Submitted => "submitted",
        State::Active => "active",
        State::Suspended => "suspended",
        State::Rejected => "rejected",
        State::Cancelled => "cancelled",
        State::Expired => "expired",
    }
}

pub(super) fn explain(f: &mut fmt::Formatter<'_>, id: &str, from: State, to: State) -> fmt::Result {
    let allowed: Vec<&str> = next(from).iter().copied().map(word).collect();
    let (from, to) = (word(from), word(to));
    match allowed.as_slice() {
        [] => write!(f, "subscriptions/{id} is {from} and stays so; create a new subscription instead of `{to}`"),
        _ => write!(f, "subscriptions/{id} is {from} and cannot become `{to}`; allowed: {}", allowed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_steps() {
        use State::{Active, Cancelled, Expired, Rejected, Submitted, Suspended};
        for (from, to, allowed) in [
            (Submitted, Active, true),
            (Submitted, Suspended, false),
            (Active, Suspended, true),
            (Active, Submitted, false),
            (Active, Expired, false),
            (Suspended, Active, true),
            (Suspended, Cancelled, true),
            (Rejected, Active, true),
            (Cancelled, Active, false),
            (Cancelled, Cancelled, true),
            (Expired, Active, true),
        ] {
            assert_eq!(may_follow(from, to), allowed, "{from:?} -> {to:?}");
        }
    }
}
