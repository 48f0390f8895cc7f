//! Sign-in links, administrators' tokens, sessions.

use super::{Sqlite, nanos, time};
use crate::{
    model::{KeyHash, Timestamp},
    store::{
        Access, AdminToken, Answer, StoreError,
        decode::{RawToken, token},
    },
};

impl Access for Sqlite {
    fn add_link(&self, hash: KeyHash, expires: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query("INSERT INTO sign_in_links (hash, expires) VALUES ($1, $2)")
                .bind(bytes(&hash))
                .bind(nanos(expires))
                .execute(&self.write)
                .await?;
            Ok(())
        })
    }

    fn link_is_valid(&self, hash: KeyHash, now: Timestamp) -> Answer<'_, bool> {
        Box::pin(async move {
            let row: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM sign_in_links WHERE hash = $1 AND expires > $2")
                .bind(bytes(&hash))
                .bind(nanos(now))
                .fetch_optional(&self.read)
                .await?;
            Ok(row.is_some())
        })
    }

    fn consume_link(&self, hash: KeyHash, now: Timestamp) -> Answer<'_, bool> {
        Box::pin(async move {
            let done = sqlx::query("DELETE FROM sign_in_links WHERE hash = $1 AND expires > $2")
                .bind(bytes(&hash))
                .bind(nanos(now))
                .execute(&self.write)
                .await?;
            Ok(done.rows_affected() == 1)
        })
    }

    fn add_admin_token(&self, token: AdminToken) -> Answer<'_, ()> {
        Box::pin(self.write_admin_token(token))
    }

    fn admin_token(&self, hash: KeyHash) -> Answer<'_, Option<AdminToken>> {
        Box::pin(async move {
            let row: Option<RawToken<String>> =
                sqlx::query_as("SELECT name, hash, created FROM admin_tokens WHERE hash = $1")
                    .bind(bytes(&hash))
                    .fetch_optional(&self.read)
                    .await?;
            row.map(token).transpose()
        })
    }

    fn admin_tokens(&self) -> Answer<'_, Vec<AdminToken>> {
        Box::pin(async {
            let rows: Vec<RawToken<String>> =
                sqlx::query_as("SELECT name, hash, created FROM admin_tokens ORDER BY name")
                    .fetch_all(&self.read)
                    .await?;
            rows.into_iter().map(token).collect()
        })
    }

    fn delete_admin_token(&self, name: String) -> Answer<'_, bool> {
        Box::pin(async {
            let done = sqlx::query("DELETE FROM admin_tokens WHERE name = $1").bind(name).execute(&self.write).await?;
            Ok(done.rows_affected() > 0)
        })
    }

    fn add_session(&self, hash: KeyHash, expires: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query("INSERT INTO sessions (hash, expires) VALUES ($1, $2)")
                .bind(bytes(&hash))
                .bind(nanos(expires))
                .execute(&self.write)
                .await?;
            Ok(())
        })
    }

    fn session(&self, hash: KeyHash, now: Timestamp) -> Answer<'_, Option<Timestamp>> {
        Box::pin(async move {
            let row: Option<(i64,)> = sqlx::query_as("SELECT expires FROM sessions WHERE hash = $1 AND expires > $2")
                .bind(bytes(&hash))
                .bind(nanos(now))
                .fetch_optional(&self.read)
                .await?;
            Ok(row.map(|(expires,)| time(expires)))
        })
    }

    fn delete_session(&self, hash: KeyHash) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query("DELETE FROM sessions WHERE hash = $1").bind(bytes(&hash)).execute(&self.write).await?;
            Ok(())
        })
    }

    fn sweep(&self, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            for expired in ["DELETE FROM sessions WHERE expires <= $1", "DELETE FROM sign_in_links WHERE expires <= $1"]
            {
                sqlx::query(expired).bind(nanos(now)).execute(&self.write).await?;
            }
            Ok(())
        })
    }
}

impl Sqlite {
    async fn write_admin_token(&self, token: AdminToken) -> Result<(), StoreError> {
        let inserted = sqlx::query("INSERT INTO admin_tokens (name, hash, created) VALUES ($1, $2, $3)")
            .bind(token.name)
            .bind(bytes(&token.hash))
            .bind(nanos(token.created))
            .execute(&self.write)
            .await;
        match inserted {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(StoreError::DuplicateName),
            other => Ok(other.map(drop)?),
        }
    }
}

fn bytes(hash: &KeyHash) -> Vec<u8> {
    hash.as_bytes().to_vec()
}
