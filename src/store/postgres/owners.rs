//! Owners of stored provider objects.

use sqlx::PgConnection;

use super::{Postgres, Text};
use crate::{
    model::{BackendId, SubscriptionId},
    store::{
        Answer, Owner, Owners, StoreError,
        decode::{RawOwner, nanos, owner},
    },
};

/// Longest id that is remembered, in bytes: an entry of a PostgreSQL index has at most 2,704.
const LONGEST: usize = 2_000;

impl Owners for Postgres {
    fn insert_owners(&self, batch: Vec<Owner>) -> Answer<'_, ()> {
        Box::pin(self.with(|connection| Box::pin(write_owners(connection, batch))))
    }

    fn owner(&self, object: String) -> Answer<'_, Option<Owner>> {
        Box::pin(self.with(|connection| {
            Box::pin(async move {
                let row: Option<RawOwner<Text>> =
                    sqlx::query_as("SELECT object, kind, subscription, backend, created FROM owners WHERE object = $1")
                        .bind(Text::from(object.as_str()))
                        .fetch_optional(connection)
                        .await?;
                Ok(row.map(owner))
            })
        }))
    }

    fn owners(&self, objects: Vec<String>) -> Answer<'_, Vec<Owner>> {
        let objects: Vec<Text> = objects.iter().map(|object| Text::from(object.as_str())).collect();
        Box::pin(self.with(|connection| {
            Box::pin(async move {
                let rows: Vec<RawOwner<Text>> = sqlx::query_as(
                    "SELECT object, kind, subscription, backend, created FROM owners WHERE object = ANY($1)",
                )
                .bind(objects)
                .fetch_all(connection)
                .await?;
                Ok(rows.into_iter().map(owner).collect())
            })
        }))
    }

    fn homes(&self, subscription: SubscriptionId, kind: String) -> Answer<'_, Vec<BackendId>> {
        Box::pin(self.with(|connection| {
            Box::pin(async move {
                let rows: Vec<Text> = sqlx::query_scalar(
                    "SELECT DISTINCT backend FROM owners WHERE subscription = $1 AND kind = $2 ORDER BY backend",
                )
                .bind(Text::from(subscription.as_str()))
                .bind(Text::from(kind.as_str()))
                .fetch_all(connection)
                .await?;
                Ok(rows.into_iter().map(|backend| BackendId::from(String::from(backend))).collect())
            })
        }))
    }

    fn owned(
        &self,
        subscription: SubscriptionId,
        kind: String,
        after: Option<String>,
        limit: u32,
    ) -> Answer<'_, Vec<Owner>> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                let rows: Vec<RawOwner<Text>> = sqlx::query_as(
                    "SELECT object, kind, subscription, backend, created FROM owners
                     WHERE subscription = $1 AND kind = $2 AND object > $3 ORDER BY object LIMIT $4",
                )
                .bind(Text::from(subscription.as_str()))
                .bind(Text::from(kind.as_str()))
                .bind(Text::from(after.as_deref().unwrap_or_default()))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
                Ok(rows.into_iter().map(owner).collect())
            })
        }))
    }

    fn delete_owner(&self, object: String) -> Answer<'_, bool> {
        Box::pin(self.with(|connection| {
            Box::pin(async move {
                let done = sqlx::query("DELETE FROM owners WHERE object = $1")
                    .bind(Text::from(object.as_str()))
                    .execute(connection)
                    .await?;
                Ok(done.rows_affected() > 0)
            })
        }))
    }
}

/// In the order of ids, so that two gateways that write the same rows never wait for each other in a circle. Of one
/// id in a batch the first entry counts.
async fn write_owners(connection: &mut PgConnection, mut batch: Vec<Owner>) -> Result<(), StoreError> {
    let all = batch.len();
    batch.retain(|owner| owner.object.len() <= LONGEST);
    if batch.len() < all {
        let count = all - batch.len();
        tracing::warn!(count, "stored objects have no owner: their ids are longer than {LONGEST} bytes");
    }
    batch.sort_by(|a, b| a.object.cmp(&b.object));
    let column = |text: fn(&Owner) -> &str| batch.iter().map(|owner| Text::from(text(owner))).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO owners (object, kind, subscription, backend, created)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
         ON CONFLICT (object) DO NOTHING",
    )
    .bind(column(|owner| &owner.object))
    .bind(column(|owner| &owner.kind))
    .bind(column(|owner| owner.subscription.as_str()))
    .bind(column(|owner| owner.backend.as_str()))
    .bind(batch.iter().map(|owner| nanos(owner.created)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
