//! What only subscriptions have: new keys and steps between states.

mod regenerate;
mod state;

pub(super) use regenerate::regenerate;
pub(super) use state::set_state;
