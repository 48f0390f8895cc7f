//! Owners of stored provider objects.

use super::{Sqlite, nanos};
use crate::{
    model::{BackendId, SubscriptionId},
    store::{
        Answer, Owner, Owners, StoreError,
        decode::{RawOwner, owner},
    },
};

impl Owners for Sqlite {
    fn insert_owners(&self, batch: Vec<Owner>) -> Answer<'_, ()> {
        Box::pin(self.write_owners(batch))
    }

    fn owner(&self, object: String) -> Answer<'_, Option<Owner>> {
        Box::pin(async {
            let row: Option<RawOwner<String>> =
                sqlx::query_as("SELECT object, kind, subscription, backend, created FROM owners WHERE object = $1")
                    .bind(object)
                    .fetch_optional(&self.read)
                    .await?;
            Ok(row.map(owner))
        })
    }

    fn owners(&self, objects: Vec<String>) -> Answer<'_, Vec<Owner>> {
        Box::pin(async move {
            let rows: Vec<RawOwner<String>> = sqlx::query_as(
                "SELECT object, kind, subscription, backend, created FROM owners
                 WHERE object IN (SELECT value FROM json_each($1))",
            )
            .bind(serde_json::Value::from(objects).to_string())
            .fetch_all(&self.read)
            .await?;
            Ok(rows.into_iter().map(owner).collect())
        })
    }

    fn homes(&self, subscription: SubscriptionId, kind: String) -> Answer<'_, Vec<BackendId>> {
        Box::pin(async move {
            let rows: Vec<String> = sqlx::query_scalar(
                "SELECT DISTINCT backend FROM owners WHERE subscription = $1 AND kind = $2 ORDER BY backend",
            )
            .bind(subscription.as_str())
            .bind(kind)
            .fetch_all(&self.read)
            .await?;
            Ok(rows.into_iter().map(BackendId::from).collect())
        })
    }

    fn owned(
        &self,
        subscription: SubscriptionId,
        kind: String,
        after: Option<String>,
        limit: u32,
    ) -> Answer<'_, Vec<Owner>> {
        Box::pin(async move {
            let rows: Vec<RawOwner<String>> = sqlx::query_as(
                "SELECT object, kind, subscription, backend, created FROM owners
                 WHERE subscription = $1 AND kind = $2 AND object > $3 ORDER BY object LIMIT $4",
            )
            .bind(subscription.as_str())
            .bind(kind)
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
            Ok(rows.into_iter().map(owner).collect())
        })
    }

    fn delete_owner(&self, object: String) -> Answer<'_, bool> {
        Box::pin(async {
            let done = sqlx::query("DELETE FROM owners WHERE object = $1").bind(object).execute(&self.write).await?;
            Ok(done.rows_affected() > 0)
        })
    }
}

impl Sqlite {
    async fn write_owners(&self, batch: Vec<Owner>) -> Result<(), StoreError> {
        let (mut writing, _turn) = self.writing().await?;
        for owner in batch {
            sqlx::query(
                "INSERT INTO owners (object, kind, subscription, backend, created) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (object) DO NOTHING",
            )
            .bind(owner.object)
            .bind(owner.kind)
            .bind(owner.subscription.as_str())
            .bind(owner.backend.as_str())
            .bind(nanos(owner.created))
            .execute(&mut *writing)
            .await?;
        }
        Ok(writing.commit().await?)
    }
}
