//! Objects, keys, revision, last use.

use std::{collections::HashMap, sync::Arc};

use sqlx::{Connection, PgConnection, PgTransaction};

use super::{ONE_MOMENT, Postgres, Text};
use crate::{
    model::{SubscriptionId, Timestamp},
    settings::ObjectKind,
    store::{
        Answer, Commit, KeyRow, Objects, Picture, Revision, SecretKey, StoreError, Write,
        decode::{RawKey, RawObject, key, nanos, object, revision, stored_body, time},
    },
};

impl Objects for Postgres {
    fn revision(&self) -> Answer<'_, Revision> {
        Box::pin(self.with(|connection| {
            Box::pin(async {
                let row = sqlx::query_as("SELECT revision FROM state").fetch_one(connection).await?;
                Ok(revision(row))
            })
        }))
    }

    fn picture(&self) -> Answer<'_, Picture> {
        let secret = Arc::clone(&self.secret);
        Box::pin(self.with(|connection| Box::pin(read_picture(connection, secret))))
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Revision> {
        let secret = Arc::clone(&self.secret);
        Box::pin(self.with(|connection| Box::pin(write_commit(connection, secret, commit))))
    }

    fn touch_last_used(&self, batch: Vec<(SubscriptionId, Timestamp)>) -> Answer<'_, ()> {
        Box::pin(self.with(|connection| Box::pin(write_last_used(connection, batch))))
    }

    fn last_used(&self) -> Answer<'_, HashMap<SubscriptionId, Timestamp>> {
        Box::pin(self.with(|connection| {
            Box::pin(async {
                let rows: Vec<(Text, i64)> = sqlx::query_as("SELECT subscription, last_used FROM subscription_use")
                    .fetch_all(connection)
                    .await?;
                Ok(rows.into_iter().map(|(id, at)| (String::from(id).into(), time(at))).collect())
            })
        }))
    }
}

/// All reads see one moment.
async fn read_picture(connection: &mut PgConnection, secret: Arc<SecretKey>) -> Result<Picture, StoreError> {
    let mut reading = connection.begin_with(ONE_MOMENT).await?;
    let row = sqlx::query_as("SELECT revision FROM state").fetch_one(&mut *reading).await?;
    let objects: Vec<RawObject<Text>> =
        sqlx::query_as("SELECT kind, id, sealed, body, version, created, updated FROM objects ORDER BY kind, id")
            .fetch_all(&mut *reading)
            .await?;
    let keys: Vec<RawKey<Text>> =
        sqlx::query_as("SELECT subscription, slot, hash FROM subscription_keys ORDER BY subscription, slot")
            .fetch_all(&mut *reading)
            .await?;
    reading.commit().await?;
    Ok(Picture {
        revision: revision(row),
        objects: objects.into_iter().map(|raw| object(&secret, raw)).collect::<Result<_, _>>()?,
        keys: keys.into_iter().map(key).collect::<Result<_, _>>()?,
    })
}

async fn write_commit(
    connection: &mut PgConnection,
    secret: Arc<SecretKey>,
    commit: Commit,
) -> Result<Revision, StoreError> {
    let mut writing = connection.begin().await?;
    let next = next_revision(&mut writing, commit.based_on).await?;
    let now = nanos(commit.now);
    for write in commit.writes {
        match write {
            Write::Put { kind, id, body } => {
                let stored = stored_body(&secret, kind, &id, &body);
                put(&mut writing, (kind, &id), stored, next, now).await?;
            }
            Write::Delete { kind, id } => delete(&mut writing, kind, &id).await?,
            Write::Key(row) => set_key(&mut writing, &row, now).await?,
        }
    }
    writing.commit().await?;
    Ok(Revision(next.unsigned_abs()))
}

/// Holds the row's lock until the end of the transaction: of two commits on one revision the second waits, and then
/// finds that it moved.
async fn next_revision(writing: &mut PgTransaction<'_>, based_on: Revision) -> Result<i64, StoreError> {
    let moved: Option<(i64,)> =
        sqlx::query_as("UPDATE state SET revision = revision + 1 WHERE revision = $1 RETURNING revision")
            .bind(i64::try_from(based_on.0).unwrap_or(i64::MAX))
            .fetch_optional(&mut **writing)
            .await?;
    moved.map(|(next,)| next).ok_or(StoreError::Moved)
}

async fn put(
    writing: &mut PgTransaction<'_>,
    (kind, id): (ObjectKind, &str),
    (sealed, body): (bool, Vec<u8>),
    version: i64,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO objects (kind, id, sealed, body, version, created, updated)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (kind, id) DO UPDATE SET
             sealed = excluded.sealed, body = excluded.body, version = excluded.version, updated = excluded.updated",
    )
    .bind(kind.plural())
    .bind(Text::from(id))
    .bind(sealed)
    .bind(body)
    .bind(version)
    .bind(now)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

async fn delete(writing: &mut PgTransaction<'_>, kind: ObjectKind, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM objects WHERE kind = $1 AND id = $2")
        .bind(kind.plural())
        .bind(Text::from(id))
        .execute(&mut **writing)
        .await?;
    if kind == ObjectKind::Subscription {
        for forget in [
            "DELETE FROM subscription_keys WHERE subscription = $1",
            "DELETE FROM subscription_use WHERE subscription = $1",
        ] {
            sqlx::query(forget).bind(Text::from(id)).execute(&mut **writing).await?;
        }
    }
    Ok(())
}

async fn set_key(writing: &mut PgTransaction<'_>, row: &KeyRow, now: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM subscription_keys WHERE subscription = $1 AND slot = $2")
        .bind(Text::from(row.subscription.as_str()))
        .bind(row.slot.as_str())
        .execute(&mut **writing)
        .await?;
    let inserted =
        sqlx::query("INSERT INTO subscription_keys (hash, subscription, slot, created) VALUES ($1, $2, $3, $4)")
            .bind(&row.hash.as_bytes()[..])
            .bind(Text::from(row.subscription.as_str()))
            .bind(row.slot.as_str())
            .bind(now)
            .execute(&mut **writing)
            .await;
    match inserted {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(StoreError::DuplicateKey),
        other => Ok(other.map(drop)?),
    }
}

/// In the order of ids, so that two gateways that write the same rows never wait for each other in a circle.
async fn write_last_used(
    connection: &mut PgConnection,
    batch: Vec<(SubscriptionId, Timestamp)>,
) -> Result<(), StoreError> {
    let (ids, times): (Vec<Text>, Vec<i64>) =
        batch.iter().map(|(id, at)| (Text::from(id.as_str()), nanos(*at))).unzip();
    sqlx::query(
        "INSERT INTO subscription_use (subscription, last_used)
         SELECT id, max(at) FROM unnest($1::text[], $2::bigint[]) AS batch (id, at) GROUP BY id ORDER BY id COLLATE \"C\"
         ON CONFLICT (subscription) DO UPDATE
             SET last_used = greatest(subscription_use.last_used, excluded.last_used)",
    )
    .bind(ids)
    .bind(times)
    .execute(connection)
    .await?;
    Ok(())
}
