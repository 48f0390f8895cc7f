//! A waker that stays silent while the one it would wake is looking anyway.
//!
//! Whoever drives a connection inside its own task polls two things that wake each other: the connection and what is
//! waited for. Each such call would wake the task that is just running, and it would run once more for nothing.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU8,
            Ordering::{AcqRel, Acquire},
        },
    },
    task::{Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// Nobody is looking: a ring wakes the owner.
const QUIET: u8 = 0;
/// The owner is looking: a ring is noted.
const WATCHED: u8 = 1;
/// It rang.
const RUNG: u8 = 2;

/// Wakes its owner, or only notes the ring while the owner is looking.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: AtomicU8,
    owner: AtomicWaker,
}

impl Bell {
    /// Rings are for `owner` from now on.
    pub(super) fn rings_for(&self, owner: &Waker) {
        self.owner.register(owner);
    }

    /// Forgets its owner: rings wake nobody.
    pub(super) fn forget(&self) {
        drop(self.owner.take());
    }

    /// Whether the owner has looked away and it has not rung since: then there is nothing new to see. To be asked after
    /// [`Bell::rings_for`], or a ring in between is lost.
    pub(super) fn is_quiet(&self) -> bool {
        self.state.load(Acquire) == QUIET
    }

    /// The owner looks now: what rang before is seen, what rings from here on is noted.
    pub(super) fn watch(&self) {
        self.state.swap(WATCHED, AcqRel);
    }

    /// The owner looks away, unless it rang meanwhile: then this is false, and looking again is due.
    pub(super) fn leave(&self) -> bool {
        self.state.compare_exchange(WATCHED, QUIET, AcqRel, Acquire).is_ok()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(RUNG, AcqRel) == QUIET {
            self.owner.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn a_ring_wakes_the_owner_only_when_nobody_looks() {
        let (owner, bell) = (Arc::new(Counted::default()), Arc::new(Bell::default()));
        let woken = || owner.0.load(SeqCst);
        bell.rings_for(&owner.clone().into());
        bell.wake_by_ref();
        assert_eq!(woken(), 1, "quiet at first");
        bell.wake_by_ref();
        assert_eq!(woken(), 1, "the owner has been woken and has not looked yet");

        bell.watch();
        bell.wake_by_ref();
        assert_eq!((woken(), bell.leave()), (1, false), "noted, and leaving is refused");
        bell.rings_for(&owner.clone().into());
        bell.watch();
        assert!(!bell.is_quiet(), "somebody looks");
        assert!(bell.leave(), "nothing rang since");
        assert!(bell.is_quiet());
        bell.wake_by_ref();
        assert_eq!(woken(), 2);
        assert!(!bell.is_quiet(), "it rang");

        bell.rings_for(&owner.clone().into());
        bell.watch();
        assert!(bell.leave());
        bell.forget();
        bell.wake_by_ref();
        assert_eq!(woken(), 2, "forgotten");
    }
}
