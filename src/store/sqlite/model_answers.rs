//! Kept answers of models. Written like the ledger: the death of the process loses none, a power failure may lose the
//! last ones, which are only asked for again.

use super::{Sqlite, nanos};
use crate::{
    model::Timestamp,
    store::{
        Answer, ModelAnswer, ModelAnswers, StoreError,
        model_answers::{RawAnswer, page, sealed},
    },
};

impl ModelAnswers for Sqlite {
    fn write_model_answers(&self, kept: Vec<ModelAnswer>, gone: Vec<[u8; 32]>) -> Answer<'_, ()> {
        Box::pin(self.write_answers(kept, gone))
    }

    fn model_answers(&self, after: Option<[u8; 32]>, limit: u32) -> Answer<'_, (Vec<ModelAnswer>, Option<[u8; 32]>)> {
        Box::pin(async move {
            let after = after.map(|key| key.to_vec()).unwrap_or_default();
            let rows: Vec<RawAnswer> = sqlx::query_as(
                "SELECT key, created, expires, sealed FROM model_answers WHERE key > $1 ORDER BY key LIMIT $2",
            )
            .bind(after)
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
            Ok(page(&self.secret, rows, limit))
        })
    }

    fn sweep_model_answers(&self, now: Timestamp) -> Answer<'_, u64> {
        Box::pin(async move {
            let (mut writing, _turn) = self.shipping().await?;
            let done = sqlx::query("DELETE FROM model_answers WHERE expires <= $1")
                .bind(nanos(now))
                .execute(&mut *writing)
                .await?;
            writing.commit().await?;
            Ok(done.rows_affected())
        })
    }

    fn bound_model_answers(&self, most: u64) -> Answer<'_, u64> {
        Box::pin(async move {
            let (mut writing, _turn) = self.shipping().await?;
            let done = sqlx::query(
                "DELETE FROM model_answers WHERE key IN (SELECT key FROM (
                   SELECT key, SUM(LENGTH(sealed)) OVER (ORDER BY created DESC, key) AS upto FROM model_answers
                 ) WHERE upto > $1)",
            )
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .execute(&mut *writing)
            .await?;
            writing.commit().await?;
            Ok(done.rows_affected())
        })
    }
}

impl Sqlite {
    async fn write_answers(&self, kept: Vec<ModelAnswer>, gone: Vec<[u8; 32]>) -> Result<(), StoreError> {
        // Sealed before the lock is taken.
        let kept: Vec<_> = kept.into_iter().map(|answer| (sealed(&self.secret, &answer), answer)).collect();
        let (mut writing, _turn) = self.shipping().await?;
        for key in gone {
            sqlx::query("DELETE FROM model_answers WHERE key = $1").bind(key.to_vec()).execute(&mut *writing).await?;
        }
        for (sealed, answer) in kept {
            sqlx::query("INSERT OR REPLACE INTO model_answers (key, created, expires, sealed) VALUES ($1, $2, $3, $4)")
                .bind(answer.key.to_vec())
                .bind(nanos(answer.created))
                .bind(nanos(answer.expires))
                .bind(sealed)
                .execute(&mut *writing)
                .await?;
        }
        Ok(writing.commit().await?)
    }
}
