//! Calls that nobody waits for (`send-one-way-request`): a bounded number at a time, the rest dropped and counted,
//! all of them awaited at shutdown.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

/// Calls under way or waiting for their connection. Each holds its request in memory.
pub const MOST: u32 = 1_024;

/// Work that nobody waits for.
pub struct Background {
    room: Arc<Semaphore>,
    most: u32,
    dropped: AtomicU64,
}

impl Default for Background {
    fn default() -> Self {
        Self::new(MOST)
    }
}

impl Background {
    /// Room for that many pieces of work at a time.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self { room: Arc::new(Semaphore::new(most as usize)), most, dropped: AtomicU64::new(0) }
    }

    /// Starts work; false when there was no room and it was dropped.
    pub fn start(&self, work: BoxFuture<'static, ()>) -> bool {
        let Ok(permit) = self.room.clone().try_acquire_owned() else {
            self.dropped.fetch_add(1, Relaxed);
            return false;
        };
        tokio::spawn(async move {
            work.await;
            drop(permit);
        });
        true
    }

    /// How much was dropped since the start of the process.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Waits until everything has ended, at most `patience`; false when something was still running then. Nothing can be
    /// started any more.
    pub async fn drain(&self, patience: Duration) -> bool {
        let all = tokio::time::timeout(patience, self.room.acquire_many(self.most)).await;
        self.room.close();
        matches!(all, Ok(Ok(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_no_room_is_dropped_and_counted_and_the_rest_is_awaited() {
        let background = Background::new(2);
        let done = Arc::new(AtomicU64::new(0));
        let gate = Arc::new(Semaphore::new(0));
        let work = || {
            let (done, gate) = (done.clone(), gate.clone());
            Box::pin(async move {
                if gate.acquire().await.is_ok() {
                    done.fetch_add(1, Relaxed);
                }
            })
        };
        let started: Vec<_> = (0..3).map(|_| background.start(work())).collect();
        assert_eq!((started, background.dropped()), (vec![true, true, false], 1));
        assert!(!background.drain(Duration::from_millis(10)).await, "still running");

        let background = Background::new(2);
        gate.add_permits(9);
        assert!(background.start(work()));
        assert!(background.drain(Duration::from_secs(60)).await);
        assert!(!background.start(work()), "over");
    }
}
