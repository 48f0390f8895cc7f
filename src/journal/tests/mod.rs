//! Tests of the whole journal: what was taken is there again, whatever happens to the disk.

mod damage;
mod faults;
mod handle;

use std::sync::Arc;

use super::{Disk, Journal, JournalError, Options, Replay, Sync, memory::MemoryDisk};

/// Options with the smallest segments, and no thread that syncs.
fn options(epoch: u64) -> Options {
    Options { segment_bytes: 0, sync: Sync::Off, ..Options::new(epoch) }
}

fn open(disk: &MemoryDisk, options: &Options, from: u64) -> Result<(Journal, Replay), JournalError> {
    Journal::open(Arc::new(disk.clone()) as Arc<dyn Disk>, options, from)
}

fn texts(replay: Replay) -> Vec<String> {
    replay.map(|record| String::from_utf8(record.expect("readable").bytes).expect("text")).collect()
}
