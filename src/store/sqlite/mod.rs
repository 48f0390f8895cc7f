//! The SQLite adapter: one connection that writes configuration (every commit synced), one that ships the ledger (the
//! journal covers what a power failure takes), a few that read; write-ahead log.

mod access;
mod alerts;
mod audit;
mod insert;
mod ledger;
mod model_answers;
mod objects;
mod owners;
mod proof;
mod prune;
mod reading;
mod rebuild;
mod reports;
mod ship;

use std::{
    fs::{DirBuilder, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use sqlx::{
    ConnectOptions, Connection, SqlitePool,
    error::DatabaseError,
    migrate::MigrateError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous, SqliteTransaction},
};
use tokio::sync::{Mutex, MutexGuard};

use super::{
    Answer, Leases, SecretKey, Store, StoreError,
    decode::{nanos, time},
    error::{FULL, READ_ONLY},
    ledger::series::Known,
};

/// How long a writer waits for another process's commit.
const BUSY: Duration = Duration::from_secs(10);

/// Connections that read; each is a thread, and only admin calls read.
const READERS: u32 = 2;

/// A database in one SQLite file. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Sqlite {
    write: SqlitePool,
    ledger: SqlitePool,
    read: SqlitePool,
    /// Held while writing: whoever waits is next, so that a ledger that catches up does not starve configuration.
    turn: Arc<Mutex<()>>,
    series: Arc<Known>,
    secret: Arc<SecretKey>,
}

impl Sqlite {
    /// Opens the file (making it 0600, its folder 0700 when missing) and brings its schema up to date.
    ///
    /// # Errors
    /// The file cannot be made or opened, is no database, or is of a newer version.
    pub async fn open(path: &Path, secret: SecretKey) -> Result<Self, StoreError> {
        make_private(path).map_err(|source| StoreError::File { path: PathBuf::from(path), source })?;
        Self::with(path, options(path), secret).await
    }

    async fn with(path: &Path, options: SqliteConnectOptions, secret: SecretKey) -> Result<Self, StoreError> {
        let connected = one_writer().connect_with(options.clone()).await;
        let write = connected.map_err(|source| not_opened(path, source))?;
        migrate(&write, path).await?;
        let ledger = ledger_pool(options.clone());
        let options = options.pragma("query_only", "ON");
        let read = SqlitePoolOptions::new().max_connections(READERS).min_connections(0).connect_lazy_with(options);
        Ok(Self { write, ledger, read, turn: Arc::default(), series: Arc::default(), secret: Arc::new(secret) })
    }

    /// A transaction that holds the write lock from its start, so that what it reads cannot change before it writes.
    /// The guard is to be held until it is committed.
    async fn writing(&self) -> Result<(SqliteTransaction<'static>, MutexGuard<'_, ()>), StoreError> {
        let turn = self.turn.lock().await;
        Ok((self.write.begin_with("BEGIN IMMEDIATE").await?, turn))
    }

    /// The same, for the ledger: survives the death of the process, not every power failure.
    async fn shipping(&self) -> Result<(SqliteTransaction<'static>, MutexGuard<'_, ()>), StoreError> {
        let turn = self.turn.lock().await;
        Ok((self.ledger.begin_with("BEGIN IMMEDIATE").await?, turn))
    }

    async fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        make_private(to).map_err(|source| StoreError::File { path: PathBuf::from(to), source })?;
        // VACUUM INTO takes an existing file only when it is empty: a backup never overwrites another.
        sqlx::query("VACUUM INTO $1").bind(to.display().to_string()).execute(&self.write).await?;
        Ok(())
    }
}

impl Store for Sqlite {
    fn backup<'a>(&'a self, to: &'a Path) -> Answer<'a, ()> {
        Box::pin(self.copy_to(to))
    }

    /// One gateway: its counters in memory are the authority.
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        None
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.read.close().await;
            self.ledger.close().await;
            self.write.close().await;
        })
    }
}

async fn migrate(write: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    match sqlx::migrate!("./migrations/sqlite").run(write).await {
        Err(MigrateError::VersionMissing(_)) => Err(StoreError::Newer(path.display().to_string())),
        Err(MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _)) => Err(not_opened(path, source)),
        done => Ok(done?),
    }
}

/// With what helps, by SQLite's result code: <https://sqlite.org/rescode.html>. Extended codes carry theirs in the
/// lowest byte.
fn not_opened(path: &Path, source: sqlx::Error) -> StoreError {
    let code = source.as_database_error().and_then(DatabaseError::code);
    let fix = match code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
        Some(8 | 14) => READ_ONLY,
        Some(13) => FULL,
        _ => "",
    };
    StoreError::Open { path: PathBuf::from(path), source, fix }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .foreign_keys(true)
}

/// The connection of the ledger.
fn ledger_pool(options: SqliteConnectOptions) -> SqlitePool {
    let options = options.synchronous(SqliteSynchronous::Normal).disable_statement_logging();
    one_writer().min_connections(0).test_before_acquire(false).connect_lazy_with(options)
}

/// A full disk makes SQLite roll back by itself, and sqlx then counts a transaction that is no longer there: it would
/// refuse to begin another on that connection for ever. Such a connection is closed when it comes back.
fn one_writer() -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(1).after_release(|connection, _| {
        Box::pin(async move {
            // Waits for the rollback that the dropped transaction has asked for.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}

/// SQLite gives its log files the mode of the database file.
fn make_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

#[cfg(test)]
mod ledger_tests;
#[cfg(test)]
mod tests;
