//! The append-only journal: what happened, on disk before anything depends on it, until the database has it.
//!
//! Bytes in, bytes out: what a record means is `usage::codec`, who takes records to the database is `usage::drain`.
//! Each record is one `write(2)` by the caller's own thread into a file that already has its room, so a record whose
//! append returned survives `kill -9`; what a power failure can take is decided by [`Sync`].
//!
//! Read [`Journal`] first, then `writer` (room, places, what happens when the disk refuses), `recover` (start-up) and
//! `frame` (the bytes).

mod disk;
mod error;
mod files;
mod frame;
mod handle;
mod header;
mod health;
mod recover;
mod replay;
mod room;
mod scan;
mod shared;
mod slot;
mod tail;
mod threads;
mod writer;

#[cfg(test)]
pub mod memory;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use disk::{Disk, SegmentFile};
pub use error::JournalError;
pub use files::Files;
pub use handle::Journal;
pub use health::{Health, Stats};
pub use replay::Replay;
pub use slot::Slot;
pub use tail::Tail;

/// Room kept on disk for the end of each open request, in bytes with the frame around it. An end that is longer takes
/// what is free beyond the room of others.
pub const SLOT_BYTES: u64 = 1024;

/// The longest record, in bytes: beyond it a request would fill the journal alone.
pub const LONGEST_RECORD: usize = 256 * 1024;

/// When records reach the disk itself, not only the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// In the background, this long after a record at the latest: bounds what a power failure can take.
    Interval(Duration),
    /// Before a request is sent: [`Slot::durable`] waits, together with everybody who waits then.
    Always,
    /// When the kernel likes.
    Off,
}

/// How a journal is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of a file of the journal, in bytes; one more is always made ahead. At least 64 KiB.
    pub segment_bytes: u64,
    /// When records reach the disk.
    pub sync: Sync,
    /// Start although records are damaged or missing that were not shipped yet, and go on without them.
    pub accept_loss: bool,
    /// Drawn at random by the caller for this start of the process; every record carries it, so that what another
    /// process wrote is never taken for ours.
    pub epoch: u64,
}

impl Options {
    /// 16 MiB a file, synced every 10 ms, no loss accepted.
    #[must_use]
    pub fn new(epoch: u64) -> Self {
        let sync = Sync::Interval(Duration::from_millis(10));
        Self { segment_bytes: 16 << 20, sync, accept_loss: false, epoch }
    }
}

/// A record as it was read back.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number: one more than that of the record before it.
    pub sequence: u64,
    /// What was appended.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Record {
    /// Without the bytes: they name callers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record {{ sequence: {}, {} bytes }}", self.sequence, self.bytes.len())
    }
}
