//! Why the store could not do it, in words for the operator.

use std::{io::ErrorKind, path::PathBuf};

use crate::model::Timestamp;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote since the revision that the commit is based on: read again and retry.
    #[error("the database changed meanwhile; read it again and retry")]
    Moved,
    /// A key is already that of another subscription (or its other key).
    #[error("this key is already in use by a subscription")]
    DuplicateKey,
    /// An administrator's token of that name exists.
    #[error("an administrator's token of that name exists already; delete it first or choose another name")]
    DuplicateName,
    /// A row was sealed with another key, or changed by hand.
    #[error(
        "{kind}/{id} in the database cannot be opened: it was sealed with another key; restore the `secret.key` \
         (or TOLLGATE_SECRET_KEY) that this database was written with"
    )]
    Sealed {
        /// The object's kind, plural.
        kind: &'static str,
        /// The object's id.
        id: String,
    },
    /// A row does not hold what this version writes.
    #[error("the database holds {0}; it was written by a newer version of Tollgate or changed by hand")]
    Corrupt(String),
    /// A page of the reports' sums does not hold what this version writes. The rows that it sums up are not touched
    /// by that.
    #[error(
        "the sums that reports are made of are damaged for the {span} of {start}: run `tollgate ledger \
         rebuild-reports`, which makes them anew from the rows of the ledger"
    )]
    BadPage {
        /// `hour` or `day`.
        span: &'static str,
        /// When that begins.
        start: Timestamp,
    },
    /// The key for sealing is not 32 bytes in base64.
    #[error("{0} does not hold 32 bytes in base64; make one with: head -c 32 /dev/urandom | base64")]
    SecretKey(String),
    /// A file or folder could not be made or read.
    #[error("{path}: {source}{fix}", path = path.display(), fix = fix_of(source.kind()))]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database file could not be opened, or not be brought up to date.
    #[error("cannot open the database {path}: {source}{fix}", path = path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
        /// What helps, after a semicolon; empty when that is not known.
        fix: &'static str,
    },
    /// A newer version of Tollgate has used the database.
    #[error("the database {0} was written by a newer version of Tollgate; run that version, or restore a backup")]
    Newer(String),
    /// No connection to the database's server at the start.
    #[error("cannot use the database {database}: {reason}")]
    Unreachable {
        /// Which, without a password.
        database: String,
        /// Why, with the fix.
        reason: String,
    },
    /// The database's server is away or silent.
    #[error("the database does not answer: it is down, overloaded, or cannot be reached from here")]
    Away,
    /// The database is copied and put back by tools of its own.
    #[error("{0}")]
    NoCopy(String),
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The database did not do it: away, full, locked.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// What helps against a full disk.
pub(super) const FULL: &str = "; the disk is full: free some space there, or choose another folder with --data-dir";

/// What helps against a disk that takes no writes.
pub(super) const READ_ONLY: &str =
    "; it cannot be written: mount it writable, run as the owner of the folder, or choose another with --data-dir";

/// What helps, by the operating system's word.
const fn fix_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FULL,
        ErrorKind::ReadOnlyFilesystem => READ_ONLY,
        _ => "",
    }
}
