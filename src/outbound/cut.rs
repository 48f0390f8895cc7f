//! Telling a breaker of an attempt that somebody above it ended for being late.
//!
//! Whoever bounds attempts from outside (a policy's timeout) can only drop them, and a dropped attempt judges nothing:
//! clients that leave are no failures of a backend. With this the bound says first that it was one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Shared by a bound and the attempts under it. The default is no bound.
#[derive(Clone, Debug, Default)]
pub struct Cut(Option<Arc<AtomicBool>>);

impl Cut {
    /// A bound that has not been reached.
    #[must_use]
    pub fn bound() -> Self {
        Self(Some(Arc::default()))
    }

    /// It has: attempts dropped from now on were too slow.
    pub fn reached(&self) {
        if let Some(reached) = &self.0 {
            reached.store(true, Relaxed);
        }
    }

    /// Whether it has.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.0.as_ref().is_some_and(|reached| reached.load(Relaxed))
    }
}
