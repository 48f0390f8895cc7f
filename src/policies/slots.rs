//! Places that exchanges take while they are inside `limit-concurrency`, by key, for the whole process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// How many are inside, by key. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Slots(Arc<Mutex<HashMap<Arc<str>, u64>>>);

/// A place that is taken; dropping it gives it back.
#[derive(Debug)]
pub struct Slot {
    slots: Slots,
    key: Arc<str>,
}

impl Slots {
    /// Takes a place, unless `most` are taken already.
    #[must_use]
    pub fn take(&self, key: &Arc<str>, most: u64) -> Option<Slot> {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inside.entry(Arc::clone(key)).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Slot { slots: self.clone(), key: Arc::clone(key) })
    }

    /// How many are inside.
    #[must_use]
    pub fn inside(&self, key: &str) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or(0)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut inside = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = inside.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&self.key);
            }
        }
    }
}
