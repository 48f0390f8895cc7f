//! Sign-in links, administrators' tokens, sessions.

use sqlx::PgConnection;

use super::{Postgres, Text};
use crate::{
    model::{KeyHash, Timestamp},
    store::{
        Access, AdminToken, Answer, StoreError,
        decode::{RawToken, nanos, time, token},
    },
};

impl Access for Postgres {
    fn add_link(&self, hash: KeyHash, expires: Timestamp) -> Answer<'_, ()> {
        self.change_hashed("INSERT INTO sign_in_links (hash, expires) VALUES ($1, $2)", hash, expires)
    }

    fn link_is_valid(&self, hash: KeyHash, now: Timestamp) -> Answer<'_, bool> {
        let found = self.expiry("SELECT expires FROM sign_in_links WHERE hash = $1 AND expires > $2", hash, now);
        Box::pin(async { Ok(found.await?.is_some()) })
    }

    fn consume_link(&self, hash: KeyHash, now: Timestamp) -> Answer<'_, bool> {
        let gone =
            self.expiry("DELETE FROM sign_in_links WHERE hash = $1 AND expires > $2 RETURNING expires", hash, now);
        Box::pin(async { Ok(gone.await?.is_some()) })
    }

    fn add_admin_token(&self, token: AdminToken) -> Answer<'_, ()> {
        Box::pin(self.with(|connection| Box::pin(write_admin_token(connection, token))))
    }

    fn admin_token(&self, hash: KeyHash) -> Answer<'_, Option<AdminToken>> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                let row: Option<RawToken<Text>> =
                    sqlx::query_as("SELECT name, hash, created FROM admin_tokens WHERE hash = $1")
                        .bind(bytes(&hash))
                        .fetch_optional(connection)
                        .await?;
                row.map(token).transpose()
            })
        }))
    }

    fn admin_tokens(&self) -> Answer<'_, Vec<AdminToken>> {
        Box::pin(self.with(|connection| {
            Box::pin(async {
                let rows: Vec<RawToken<Text>> =
                    sqlx::query_as("SELECT name, hash, created FROM admin_tokens ORDER BY name")
                        .fetch_all(connection)
                        .await?;
                rows.into_iter().map(token).collect()
            })
        }))
    }

    fn delete_admin_token(&self, name: String) -> Answer<'_, bool> {
        Box::pin(self.with(|connection| {
            Box::pin(async move {
                let done = sqlx::query("DELETE FROM admin_tokens WHERE name = $1")
                    .bind(Text::from(name.as_str()))
                    .execute(connection)
                    .await?;
                Ok(done.rows_affected() > 0)
            })
        }))
    }

    fn add_session(&self, hash: KeyHash, expires: Timestamp) -> Answer<'_, ()> {
        self.change_hashed("INSERT INTO sessions (hash, expires) VALUES ($1, $2)", hash, expires)
    }

    fn session(&self, hash: KeyHash, now: Timestamp) -> Answer<'_, Option<Timestamp>> {
        self.expiry("SELECT expires FROM sessions WHERE hash = $1 AND expires > $2", hash, now)
    }

    fn delete_session(&self, hash: KeyHash) -> Answer<'_, ()> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM sessions WHERE hash = $1").bind(bytes(&hash)).execute(connection).await?;
                Ok(())
            })
        }))
    }

    fn sweep(&self, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                for expired in
                    ["DELETE FROM sessions WHERE expires <= $1", "DELETE FROM sign_in_links WHERE expires <= $1"]
                {
                    sqlx::query(expired).bind(nanos(now)).execute(&mut *connection).await?;
                }
                Ok(())
            })
        }))
    }
}

impl Postgres {
    /// A statement about a hash and a time.
    fn change_hashed(&self, sql: &'static str, hash: KeyHash, at: Timestamp) -> Answer<'_, ()> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                sqlx::query(sql).bind(bytes(&hash)).bind(nanos(at)).execute(connection).await?;
                Ok(())
            })
        }))
    }

    /// When what has this hash expires, by a statement that looks only at what has not yet.
    fn expiry(&self, sql: &'static str, hash: KeyHash, now: Timestamp) -> Answer<'_, Option<Timestamp>> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                let row: Option<(i64,)> =
                    sqlx::query_as(sql).bind(bytes(&hash)).bind(nanos(now)).fetch_optional(connection).await?;
                Ok(row.map(|(expires,)| time(expires)))
            })
        }))
    }
}

async fn write_admin_token(connection: &mut PgConnection, token: AdminToken) -> Result<(), StoreError> {
    let inserted = sqlx::query("INSERT INTO admin_tokens (name, hash, created) VALUES ($1, $2, $3)")
        .bind(Text::from(token.name.as_str()))
        .bind(bytes(&token.hash))
        .bind(nanos(token.created))
        .execute(connection)
        .await;
    match inserted {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(StoreError::DuplicateName),
        other => Ok(other.map(drop)?),
    }
}

fn bytes(hash: &KeyHash) -> Vec<u8> {
    hash.as_bytes().to_vec()
}
