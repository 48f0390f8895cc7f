//! Why the journal could not do it, in words for the operator.

use std::{io, path::PathBuf};

/// Why the journal could not do it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has the journal open.
    #[error("{path} is in use by another process; stop it, or give this one a folder of its own", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The disk refused at a moment when that cannot be borne.
    #[error("cannot {doing} {path}: {source}", path = path.display())]
    Io {
        /// The verb: `read`, `write`, `make`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No room that is promised to nobody. Nothing was written.
    #[error("the journal has no room for another request: {reason}")]
    NoRoom {
        /// What the disk said when room was last asked for.
        reason: String,
    },
    /// The disk refused a record. Nothing of it counts.
    #[error("the journal cannot be written: {reason}")]
    Failing {
        /// What the disk said.
        reason: String,
    },
    /// A record is longer than [`super::LONGEST_RECORD`].
    #[error("a record of {bytes} bytes is longer than the journal's {most}", most = super::LONGEST_RECORD)]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Records are damaged or missing that are not in the database, and others follow them.
    #[error(
        "the journal is damaged: {path} at offset {offset}: records {first} to {last} cannot be read, and they are not \
         in the database yet; restore the file, or start once with --accept-ledger-loss to go on without them", path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// The first record that is lost.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// Records are neither in the journal nor in the database.
    #[error(
        "the journal goes on at {path}, but records {first} to {last} before it are neither there nor in the database; \
         restore the missing file, or the newer database if this one is a backup, or start once with \
         --accept-ledger-loss to go on without them", path = path.display()
    )]
    Missing {
        /// The file before which they are missing.
        path: PathBuf,
        /// The first record that is missing.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// A segment whose beginning cannot be read.
    #[error(
        "the journal is damaged: the beginning of {path} cannot be read, so nothing in it can; restore the file, or \
         start once with --accept-ledger-loss to go on without it", path = path.display()
    )]
    DamagedHeader {
        /// The file.
        path: PathBuf,
    },
    /// A file of another journal, or one that was put back.
    #[error(
        "{path} does not belong here: {why}; move it away, or restore the whole folder as it was", path = path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What gives it away.
        why: String,
    },
    /// Written by another version.
    #[error(
        "{path} is in journal format {seen}, this version of Tollgate reads format {ours}; start the version that wrote \
         it once, so that it takes everything to the database, then this one", path = path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        seen: u16,
        /// The only format read here.
        ours: u16,
    },
}
