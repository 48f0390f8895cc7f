//! The journal as its users hold it.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, atomic::AtomicBool},
    thread::JoinHandle,
};

use tokio::sync::{Notify, watch};

use super::{
    Disk, Health, JournalError, Options, Replay, Slot, Stats, Sync, Tail,
    recover::recover,
    shared::{Durable, Shared},
    threads,
    writer::{Identity, Writer},
};

/// Smallest segment: room for some dozens of requests.
const SMALLEST_SEGMENT: u64 = 64 * 1024;

/// An open journal. Share it by `Arc`; dropping it writes and syncs what is left, and ends its threads.
pub struct Journal {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    epoch: u64,
}

impl Journal {
    /// Opens the journal in `disk`, and what it holds beyond record `from`, the last one that is in the database.
    /// Reads it all, so it belongs on a thread that may wait.
    ///
    /// A full disk does not keep the journal from opening: it starts [`Health::Failing`] and recovers.
    ///
    /// # Errors
    /// [`JournalError::Damaged`], [`JournalError::Missing`], [`JournalError::DamagedHeader`] (all three unless the
    /// loss is accepted), [`JournalError::Foreign`], [`JournalError::Format`], [`JournalError::Io`].
    pub fn open(disk: Arc<dyn Disk>, options: &Options, from: u64) -> Result<(Self, Replay), JournalError> {
        let found = recover(&*disk, from, options.accept_loss)?;
        let identity = Identity {
            epoch: options.epoch,
            journal: found.journal.unwrap_or(options.epoch),
            segment_bytes: options.segment_bytes.max(SMALLEST_SEGMENT),
        };
        let mut writer = Writer::new(Arc::clone(&disk), identity, found.last, found.next_number, found.past);
        first_segment(&mut writer, &*disk)?;
        writer.release(from);
        let shared = Arc::new(Shared {
            writer: Mutex::new(writer),
            disk: Arc::clone(&disk),
            sync: options.sync,
            room: Condvar::new(),
            work: Condvar::new(),
            sync_sleeps: AtomicBool::new(false),
            durable: watch::Sender::new(Durable::default()),
            news: Notify::new(),
            reader_sleeps: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let threads = threads::start(&shared).map_err(|source| JournalError::Io {
            doing: "start the threads of",
            path: disk.place(""),
            source,
        })?;
        Ok((Self { shared, threads, epoch: options.epoch }, found.replay.on(disk)))
    }

    /// Announces a request. Once this returns, its record survives `kill -9`, and the room for its end is kept.
    ///
    /// # Errors
    /// [`JournalError::NoRoom`], [`JournalError::Failing`], [`JournalError::TooLong`]: nothing was announced, so
    /// nothing may be sent.
    pub fn append_opening(&self, bytes: &[u8]) -> Result<Slot, JournalError> {
        let sequence = self.shared.write(|writer| writer.open(bytes))?;
        Ok(Slot::new(Arc::clone(&self.shared), sequence))
    }

    /// A record that stands for itself.
    ///
    /// # Errors
    /// [`JournalError::NoRoom`], [`JournalError::Failing`], [`JournalError::TooLong`]: nothing was written.
    pub fn append_whole(&self, bytes: &[u8]) -> Result<(), JournalError> {
        self.shared.write(|writer| writer.append(bytes)).map(|_| ())
    }

    /// Reads what this process appends, from its first record on. There is one reader: two would take each other's
    /// wake-ups.
    #[must_use]
    pub fn reader(&self) -> Tail {
        Tail::new(Arc::clone(&self.shared), self.epoch)
    }

    /// Everything up to `sequence` is in the database: files that hold nothing else go.
    pub fn release(&self, sequence: u64) {
        self.shared.lock().release(sequence);
        self.shared.room.notify_one();
    }

    /// Whether a file would go if everything up to `sequence` were released.
    #[must_use]
    pub fn would_release(&self, sequence: u64) -> bool {
        self.shared.lock().would_release(sequence)
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.lock().health()
    }

    /// Figures.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.lock().stats()
    }

    /// Nothing more will be appended: [`Tail::ready`] ends once everything has been read.
    pub fn finish(&self) {
        self.shared.finish();
    }

    /// Whether [`Journal::finish`] was called.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.shared.is_finished()
    }
}

/// Makes the first segment. What a full disk says is a state, what a wrong folder says is an error.
fn first_segment(writer: &mut Writer, disk: &dyn Disk) -> Result<(), JournalError> {
    let made = writer.plan(0).make(disk);
    if let Err(error) = &made
        && !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    {
        let source = io::Error::new(error.kind(), error.to_string());
        return Err(JournalError::Io { doing: "make a file in", path: disk.place(""), source });
    }
    writer.made(made);
    Ok(())
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.finish();
        self.shared.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            drop(thread.join());
        }
        self.shared.lock().resume();
        if self.shared.sync != Sync::Off {
            threads::sync(&self.shared);
        }
    }
}
