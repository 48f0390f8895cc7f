//! How the journal is: what readiness, metrics and the operator see.

/// Whether records are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    #[default]
    Ok,
    /// Records are still taken, but something is wrong that will end this: the next file cannot be made, or a sync
    /// failed.
    Strained(String),
    /// New requests are refused; ends of open ones wait in memory.
    Failing(String),
}

/// Figures of a journal since it was opened; those of `open` onwards are of this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records written.
    pub appended: u64,
    /// Bytes of them, with frames.
    pub bytes: u64,
    /// Records that the disk or missing room refused.
    pub failures: u64,
    /// Syncs that failed.
    pub sync_failures: u64,
    /// Announced requests that have not ended.
    pub open: u64,
    /// Ends that wait in memory until the disk takes them.
    pub waiting: u64,
    /// Number of the last record.
    pub last: u64,
    /// Number up to which records have been released.
    pub released: u64,
    /// Files, with those made ahead.
    pub segments: u64,
}
