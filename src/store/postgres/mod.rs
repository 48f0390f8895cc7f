//! The PostgreSQL adapter: one database for several gateways.
//!
//! Every call runs on one connection of a small pool and ends in time, whatever the network does: see
//! [`Postgres::with`]. Where SQLite has one writer, rows are locked here: `state` for configuration.

mod access;
mod alerts;
mod audit;
mod balances;
mod connect;
mod insert;
mod leases;
mod ledger;
mod model_answers;
mod objects;
mod owners;
mod proof;
mod prune;
mod reading;
mod rebuild;
mod reports;
mod series;
mod ship;
mod text;

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{PgConnection, PgPool};
use tokio::time::timeout;

use super::{Answer, Leases, SecretKey, Store, StoreError, ledger::series::Known};
use crate::{model::Secret, settings::PostgresUrl};
use text::Text;

/// How long one call may take before its connection is given up. The server is told to stop a statement a little
/// earlier.
const PATIENCE: Duration = Duration::from_secs(15);

/// For work of many statements, such as adding all rows up again. Each of them ends in time by itself.
const UNBOUNDED: Duration = Duration::from_hours(24);

/// All reads of a transaction that begins so see one moment.
const ONE_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// A database of a PostgreSQL server. Cloning shares its connections.
#[derive(Clone, Debug)]
pub struct Postgres {
    pool: PgPool,
    series: Arc<Known>,
    secret: Arc<SecretKey>,
}

impl Postgres {
    /// Connects and brings the schema up to date; of several gateways that start at once one does it. `password` is
    /// used when the URL has none.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] with the fix, [`StoreError::Newer`].
    pub fn open(
        url: PostgresUrl,
        password: Option<Secret>,
        secret: SecretKey,
    ) -> BoxFuture<'static, Result<Self, StoreError>> {
        // Boxed and owned: the driver's futures are provably `Send` then.
        Box::pin(async move {
            let pool = connect::pool(&url, password.as_ref()).await?;
            Ok(Self { pool, series: Arc::default(), secret: Arc::new(secret) })
        })
    }

    /// Runs `work` on a connection. Work that takes longer than [`PATIENCE`] loses it: after a silent break of the
    /// network a connection that went back to the pool would hang for as long as the kernel retries.
    async fn with<T: Send>(
        &self,
        work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.within(PATIENCE, work).await
    }

    async fn within<T: Send>(
        &self,
        patience: Duration,
        work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(away)?;
        if let Ok(done) = timeout(patience, work(&mut connection)).await {
            return done.map_err(|error| if let StoreError::Database(error) = error { away(error) } else { error });
        }
        // Out of the pool, closed without a word: whoever does not listen need not be told.
        drop(connection.detach());
        Err(StoreError::Away)
    }
}

impl Store for Postgres {
    fn backup<'a>(&'a self, _to: &'a Path) -> Answer<'a, ()> {
        let database = self.pool.connect_options().get_database().unwrap_or_default().to_owned();
        Box::pin(async move {
            Err(StoreError::NoCopy(format!(
                "a PostgreSQL database is copied by its own tools: pg_dump --format=custom --file=FILE {database}; \
                 keep `secret.key` (or TOLLGATE_SECRET_KEY) too, elsewhere"
            )))
        })
    }

    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        Some(self)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.pool.close())
    }
}

/// A database that is away, told apart from one that refuses.
fn away(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::PoolTimedOut => StoreError::Away,
        other => StoreError::Database(other),
    }
}

#[cfg(test)]
pub(super) mod tests;
