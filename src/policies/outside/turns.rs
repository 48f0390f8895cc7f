//! One at a time for each key: who makes a value for all, and who waits for it (`cache-value`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// So many turns are remembered before those that nobody has or waits for are forgotten.
const MANY: usize = 1_000;

/// A turn: whoever locks it has it.
pub type Turn = Arc<tokio::sync::Mutex<()>>;

/// The turns that somebody has or waits for.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<Arc<str>, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// The turn of a key.
    pub fn of(&self, key: &str) -> Turn {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        if turns.len() >= MANY {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Turn::default();
        turns.insert(key.into(), Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_turn_while_somebody_has_it() {
        let turns = Turns::default();
        let first = turns.of("a");
        let held = first.try_lock().expect("free");
        assert!(turns.of("a").try_lock().is_err() && turns.of("b").try_lock().is_ok());
        drop(held);
        assert!(turns.of("a").try_lock().is_ok());
        for at in 0..3 * MANY {
            turns.of(&at.to_string());
        }
        assert!(turns.0.lock().expect("no panic").len() <= MANY, "those that nobody has are forgotten");
        assert!(Arc::ptr_eq(&first, &turns.of("a")), "those that somebody has are not");
    }
}
