//! Getting connections: the first one with words for the operator, the others by a pool.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, PgPool,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use super::StoreError;
use crate::{model::Secret, settings::PostgresUrl};

/// How long the first connection may take: a database in another zone and a cold name lookup fit in.
const FIRST: Duration = Duration::from_secs(10);

/// How long a call waits for a free connection or a new one.
const ACQUIRE: Duration = Duration::from_secs(2);

/// Connections of one gateway: polling, shipping and leases take one each now and then, the rest is for admin calls.
/// PostgreSQL allows 100 by default, so that ten gateways fit.
const CONNECTIONS: u32 = 8;

/// What a session tells the server. A gateway that froze or vanished must not hold locks for long: a statement ends
/// before our own patience does, a transaction whose owner says nothing is ended, a dead peer is noticed.
const SESSION: &str = "SET statement_timeout = '14s'; SET lock_timeout = '10s'; \
    SET idle_in_transaction_session_timeout = '20s'; \
    SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
    SET timezone = 'UTC'";

/// A pool for the database, its schema up to date.
pub async fn pool(url: &PostgresUrl, password: Option<&Secret>) -> Result<PgPool, StoreError> {
    let unreachable = |reason: String| StoreError::Unreachable { database: url.to_string(), reason };
    let options = options(url, password).map_err(|error| unreachable(reason(&error, url)))?;
    let first = timeout(FIRST, options.connect()).await;
    let first = first.map_err(|_| {
        unreachable(format!("no answer within {} s; is the address right, and is the port open?", FIRST.as_secs()))
    })?;
    let first = first.map_err(|error| unreachable(reason(&error, url)))?;
    migrate(first, url).await?;
    let pool =
        PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE).after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SESSION).await?;
                Ok(())
            })
        });
    Ok(pool.connect_lazy_with(options))
}

fn options(url: &PostgresUrl, password: Option<&Secret>) -> Result<PgConnectOptions, sqlx::Error> {
    let mut options = PgConnectOptions::from_str(url.expose().expose())?;
    if let Some(password) = password.filter(|_| !url.has_password()) {
        options = options.password(password.expose());
    }
    if options.get_application_name().is_none() {
        options = options.application_name("tollgate");
    }
    Ok(options)
}

/// Runs on a connection of its own, without the pool's limits of time: a migration may take minutes, and so may
/// waiting for another gateway's.
async fn migrate(mut connection: PgConnection, url: &PostgresUrl) -> Result<(), StoreError> {
    // `run` itself, short of a lifetime that keeps its future from being `Send` here.
    match sqlx::migrate!("./migrations/postgres").run_direct(None, &mut connection, false).await {
        Err(MigrateError::VersionMissing(_)) => return Err(StoreError::Newer(url.to_string())),
        done => done?,
    }
    Ok(connection.close().await?)
}

/// Why connecting failed, with the fix. By SQLSTATE where the server spoke.
fn reason(error: &sqlx::Error, url: &PostgresUrl) -> String {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let name = url.name().unwrap_or_default();
    match (error, code.as_deref()) {
        (_, Some("28P01" | "28000")) => {
            format!("{error}; check user and password (in the URL, or PGPASSWORD), and the server's pg_hba.conf")
        }
        (_, Some("3D000")) => format!("{error}; create it: createdb {name}"),
        (_, Some("53300")) => format!("{error}; raise the server's max_connections"),
        (_, Some("42501")) => format!("{error}; its user must be allowed to create tables: GRANT ALL ON SCHEMA public"),
        (sqlx::Error::Io(cause), _) => format!("{cause}; is the server running there?"),
        (sqlx::Error::Tls(cause), _) => format!("TLS failed: {cause}; see `sslmode` and `sslrootcert`"),
        _ => error.to_string(),
    }
}
