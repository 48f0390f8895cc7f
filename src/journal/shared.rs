//! What callers, readers and the journal's own threads share.

use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use tokio::sync::{Notify, watch};

use super::{Disk, Sync, writer::Writer};

/// How often one who writes looks whether the lock is free, before it sleeps: some 20 us.
const LOOKS: u32 = 400;

/// How far records are on the disk itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Durable {
    pub up_to: u64,
    /// Records up to here were part of a sync that failed.
    pub failed: u64,
}

pub(super) struct Shared {
    pub writer: Mutex<Writer>,
    pub disk: Arc<dyn Disk>,
    pub sync: Sync,
    /// Wakes the thread that makes room.
    pub room: Condvar,
    /// Wakes the thread that syncs; `sync_sleeps`: it waits for a first record.
    pub work: Condvar,
    pub sync_sleeps: AtomicBool,
    pub durable: watch::Sender<Durable>,
    /// Wakes the reader; `reader_sleeps`: it waits for a record.
    pub news: Notify,
    pub reader_sleeps: AtomicBool,
    /// No more is to come for the reader.
    pub finished: AtomicBool,
    /// The threads are to end. Set under the lock, so that no thread misses it.
    pub stopped: AtomicBool,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock for one who writes a record: another one's record takes microseconds, sleeping and being woken tens of
    /// them.
    fn soon(&self) -> MutexGuard<'_, Writer> {
        for _ in 0..LOOKS {
            if let Ok(writer) = self.writer.try_lock() {
                return writer;
            }
            std::hint::spin_loop();
        }
        self.lock()
    }

    /// Runs `write` and wakes whoever has something to do because of it. Waking costs a system call, so it happens
    /// only for those that sleep: the reader and the syncing thread stay awake for a while after each record.
    pub fn write<T>(&self, write: impl FnOnce(&mut Writer) -> T) -> T {
        let mut writer = self.soon();
        let written = write(&mut writer);
        let wants_room = writer.wants_spare() || writer.is_faulty();
        drop(writer);
        if wants_room {
            self.room.notify_one();
        }
        if self.sync_sleeps.load(SeqCst) && self.sync_sleeps.swap(false, SeqCst) {
            self.work.notify_one();
        }
        if self.reader_sleeps.load(SeqCst) && self.reader_sleeps.swap(false, SeqCst) {
            self.news.notify_one();
        }
        written
    }

    /// Lets the reader end once it has read everything.
    pub fn finish(&self) {
        self.finished.store(true, SeqCst);
        self.news.notify_one();
    }

    /// Ends the threads.
    pub fn stop(&self) {
        let writer = self.lock();
        self.stopped.store(true, SeqCst);
        self.room.notify_all();
        self.work.notify_all();
        drop(writer);
    }

    pub fn is_finished(&self) -> bool {
        self.finished.load(SeqCst)
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(SeqCst)
    }
}
