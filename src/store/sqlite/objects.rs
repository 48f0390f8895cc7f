//! Objects, keys, revision, last use.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::sqlite::SqliteTransaction;

use super::{Sqlite, nanos, time};
use crate::{
    model::{KeyHash, SubscriptionId, Timestamp},
    settings::ObjectKind,
    store::{Answer, Commit, KeyRow, KeySlot, ObjectRow, Objects, Picture, Revision, SecretKey, StoreError, Write},
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

type RawObject = (String, String, bool, Vec<u8>, i64, i64, i64);
type RawKey = (String, String, Vec<u8>);

impl Sqlite {
    async fn read_picture(&self) -> Result<Picture, StoreError> {
        let mut reading = self.read.begin().await?;
        let row = sqlx::query_as("SELECT revision FROM state").fetch_one(&mut *reading).await?;
        let objects: Vec<RawObject> =
            sqlx::query_as("SELECT kind, id, sealed, body, version, created, updated FROM objects ORDER BY kind, id")
                .fetch_all(&mut *reading)
                .await?;
        let keys: Vec<RawKey> =
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
        let clear = body.to_string().into_bytes();
        let sealed = holds_secrets(kind);
        let body = if sealed { self.secret.seal(kind.plural(), id, &clear) } else { clear };
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

/// Kinds whose bodies are sealed: the others hold nothing that an answer of the admin API would not show.
const fn holds_secrets(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Backend)
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

fn revision((revision,): (i64,)) -> Revision {
    Revision(revision.unsigned_abs())
}

fn object(secret: &SecretKey, raw: RawObject) -> Result<ObjectRow, StoreError> {
    let (kind, id, sealed, body, version, created, updated) = raw;
    let kind = ObjectKind::ALL
        .into_iter()
        .find(|known| known.plural() == kind)
        .ok_or_else(|| StoreError::Corrupt(format!("an object of the unknown kind `{kind}`")))?;
    let clear = if sealed { secret.open(kind.plural(), &id, &body) } else { Some(body) };
    let clear = clear.ok_or_else(|| StoreError::Sealed { kind: kind.plural(), id: id.clone() })?;
    let body = serde_json::from_slice(&clear)
        .map_err(|_| StoreError::Corrupt(format!("{}/{id}, which is not JSON", kind.plural())))?;
    let version = version.unsigned_abs();
    Ok(ObjectRow { kind, id, body, version, created: time(created), updated: time(updated) })
}

fn key((subscription, slot, hash): RawKey) -> Result<KeyRow, StoreError> {
    let known = KeySlot::ALL.into_iter().find(|known| known.as_str() == slot);
    match (known, <[u8; 32]>::try_from(hash)) {
        (Some(slot), Ok(hash)) => {
            Ok(KeyRow { subscription: subscription.into(), slot, hash: KeyHash::from_bytes(hash) })
        }
        _ => Err(StoreError::Corrupt(format!("a key of subscription `{subscription}` that is none"))),
    }
}
