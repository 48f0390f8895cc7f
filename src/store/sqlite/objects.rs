//! Objects, keys, revision, last use.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::sqlite::SqliteTransaction;

use super::{Sqlite, nanos, time};
use crate::{
    model::{SubscriptionId, Timestamp},
    settings::ObjectKind,
    store::{
        Answer, Commit, KeyRow, Objects, Picture, Revision, StoreError, Write,
        decode::{RawKey, RawObject, key, object, revision, stored_body},
    },
};

impl Objects for Sqlite {
    fn revision(&self) -> Answer<'_, Revision> {
        Box::pin(async {
            let row = sqlx::query_as("SELECT revision FROM state").fetch_one(&self.read).await?;
            Ok(revision(row))
        })
    }

    fn picture(&self) -> Answer<'_, Picture> {
        Box::pin(self.read_picture())
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Revision> {
        Box::pin(self.write_commit(commit))
    }

    fn touch_last_used(&self, batch: Vec<(SubscriptionId, Timestamp)>) -> Answer<'_, ()> {
        Box::pin(self.write_last_used(batch))
    }

    fn last_used(&self) -> Answer<'_, HashMap<SubscriptionId, Timestamp>> {
        Box::pin(async {
            let rows: Vec<(String, i64)> =
                sqlx::query_as("SELECT subscription, last_used FROM subscription_use").fetch_all(&self.read).await?;
            Ok(rows.into_iter().map(|(id, at)| (id.into(), time(at))).collect())
        })
    }
}

impl Sqlite {
    async fn read_picture(&self) -> Result<Picture, StoreError> {
        let mut reading = self.read.begin().await?;
        let row = sqlx::query_as("SELECT revision FROM state").fetch_one(&mut *reading).await?;
        let objects: Vec<RawObject<String>> =
            sqlx::query_as("SELECT kind, id, sealed, body, version, created, updated FROM objects ORDER BY kind, id")
                .fetch_all(&mut *reading)
                .await?;
        let keys: Vec<RawKey<String>> =
            sqlx::query_as("SELECT subscription, slot, hash FROM subscription_keys ORDER BY subscription, slot")
                .fetch_all(&mut *reading)
                .await?;
        reading.commit().await?;
        Ok(Picture {
            revision: revision(row),
            objects: objects.into_iter().map(|raw| object(&self.secret, raw)).collect::<Result<_, _>>()?,
            keys: keys.into_iter().map(key).collect::<Result<_, _>>()?,
        })
    }

    async fn write_commit(&self, commit: Commit) -> Result<Revision, StoreError> {
        let (mut writing, _turn) = self.writing().await?;
        let next = next_revision(&mut writing, commit.based_on).await?;
        for write in commit.writes {
            match write {
                Write::Put { kind, id, body } => {
                    self.put(&mut writing, (kind, &id, &body), next, nanos(commit.now)).await?;
                }
                Write::Delete { kind, id } => delete(&mut writing, kind, &id).await?,
                Write::Key(row) => set_key(&mut writing, &row, nanos(commit.now)).await?,
            }
        }
        writing.commit().await?;
        Ok(Revision(next.unsigned_abs()))
    }

    async fn put(
        &self,
        writing: &mut SqliteTransaction<'_>,
        (kind, id, body): (ObjectKind, &str, &Value),
        version: i64,
        now: i64,
    ) -> Result<(), StoreError> {
        let (sealed, body) = stored_body(&self.secret, kind, id, body);
        sqlx::query(
            "INSERT INTO objects (kind, id, sealed, body, version, created, updated)
             VALUES ($1, $2, $3, $4, $5, $6, $6)
             ON CONFLICT (kind, id) DO UPDATE SET
                 sealed = excluded.sealed, body = excluded.body, version = excluded.version, updated = excluded.updated",
        )
        .bind(kind.plural())
        .bind(id)
        .bind(sealed)
        .bind(body)
        .bind(version)
        .bind(now)
        .execute(&mut **writing)
        .await?;
        Ok(())
    }

    async fn write_last_used(&self, batch: Vec<(SubscriptionId, Timestamp)>) -> Result<(), StoreError> {
        let (mut writing, _turn) = self.writing().await?;
        for (subscription, at) in batch {
            sqlx::query(
                "INSERT INTO subscription_use (subscription, last_used) VALUES ($1, $2)
                 ON CONFLICT (subscription) DO UPDATE SET last_used = max(last_used, excluded.last_used)",
            )
            .bind(subscription.as_str())
            .bind(nanos(at))
            .execute(&mut *writing)
            .await?;
        }
        Ok(writing.commit().await?)
    }
}

async fn next_revision(writing: &mut SqliteTransaction<'_>, based_on: Revision) -> Result<i64, StoreError> {
    let moved: Option<(i64,)> =
        sqlx::query_as("UPDATE state SET revision = revision + 1 WHERE revision = $1 RETURNING revision")
            .bind(i64::try_from(based_on.0).unwrap_or(i64::MAX))
            .fetch_optional(&mut **writing)
            .await?;
    moved.map(|(next,)| next).ok_or(StoreError::Moved)
}

async fn delete(writing: &mut SqliteTransaction<'_>, kind: ObjectKind, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM objects WHERE kind = $1 AND id = $2")
        .bind(kind.plural())
        .bind(id)
        .execute(&mut **writing)
        .await?;
    if kind == ObjectKind::Subscription {
        for forget in [
            "DELETE FROM subscription_keys WHERE subscription = $1",
            "DELETE FROM subscription_use WHERE subscription = $1",
        ] {
            sqlx::query(forget).bind(id).execute(&mut **writing).await?;
        }
    }
    Ok(())
}

async fn set_key(writing: &mut SqliteTransaction<'_>, row: &KeyRow, now: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM subscription_keys WHERE subscription = $1 AND slot = $2")
        .bind(row.subscription.as_str())
        .bind(row.slot.as_str())
        .execute(&mut **writing)
        .await?;
    let inserted =
        sqlx::query("INSERT INTO subscription_keys (hash, subscription, slot, created) VALUES ($1, $2, $3, $4)")
            .bind(&row.hash.as_bytes()[..])
            .bind(row.subscription.as_str())
            .bind(row.slot.as_str())
            .bind(now)
            .execute(&mut **writing)
            .await;
    match inserted {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(StoreError::DuplicateKey),
        other => Ok(other.map(drop)?),
    }
}
