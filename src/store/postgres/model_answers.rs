//! Kept answers of models.

use sqlx::PgConnection;

use super::Postgres;
use crate::{
    model::Timestamp,
    store::{
        Answer, ModelAnswer, ModelAnswers, SharedAnswers, StoreError, Told,
        decode::nanos,
        model_answers::{RawAnswer, page, sealed},
    },
};

impl ModelAnswers for Postgres {
    fn write_model_answers(&self, mut kept: Vec<ModelAnswer>, gone: Vec<[u8; 32]>) -> Answer<'_, ()> {
        // In the order of names, so that two gateways never wait for each other in a circle.
        kept.sort_by_key(|answer| answer.key);
        let kept: Vec<_> = kept.into_iter().map(|answer| (sealed(&self.secret, &answer), answer)).collect();
        Box::pin(self.with(|connection| Box::pin(write(connection, kept, gone))))
    }

    fn model_answers(&self, after: Option<[u8; 32]>, limit: u32) -> Answer<'_, (Vec<ModelAnswer>, Option<[u8; 32]>)> {
        Box::pin(async move {
            let after = after.map(|key| key.to_vec()).unwrap_or_default();
            let read = self.with(|connection| {
                Box::pin(async move {
                    let rows: Vec<RawAnswer> = sqlx::query_as(
                        "SELECT key, created, expires, sealed FROM model_answers WHERE key > $1 ORDER BY key LIMIT $2",
                    )
                    .bind(after)
                    .bind(i64::from(limit))
                    .fetch_all(connection)
                    .await?;
                    Ok(rows)
                })
            });
            Ok(page(&self.secret, read.await?, limit))
        })
    }

    fn sweep_model_answers(&self, now: Timestamp) -> Answer<'_, u64> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                let done = sqlx::query("DELETE FROM model_answers WHERE expires <= $1")
                    .bind(nanos(now))
                    .execute(connection)
                    .await?;
                Ok(done.rows_affected())
            })
        }))
    }

    fn bound_model_answers(&self, most: u64) -> Answer<'_, u64> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                let done = sqlx::query(
                    "DELETE FROM model_answers WHERE key IN (SELECT key FROM (
                       SELECT key, SUM(OCTET_LENGTH(sealed)) OVER (ORDER BY created DESC, key) AS upto FROM model_answers
                     ) AS summed WHERE upto > $1)",
                )
                .bind(i64::try_from(most).unwrap_or(i64::MAX))
                .execute(connection)
                .await?;
                Ok(done.rows_affected())
            })
        }))
    }

    fn shared_answers(&self) -> Option<&dyn SharedAnswers> {
        Some(self)
    }
}

impl SharedAnswers for Postgres {
    fn tell_answers(&self, keys: Vec<[u8; 32]>, now: Timestamp, until: Timestamp) -> Answer<'_, ()> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM model_answer_changes WHERE at < $1")
                    .bind(nanos(until))
                    .execute(&mut *connection)
                    .await?;
                sqlx::query(
                    "INSERT INTO model_answer_changes (key, at) SELECT key, $2 FROM unnest($1::bytea[]) AS key",
                )
                .bind(keys.iter().map(|key| key.to_vec()).collect::<Vec<_>>())
                .bind(nanos(now))
                .execute(connection)
                .await?;
                Ok(())
            })
        }))
    }

    fn told_answers(&self, since: Option<i64>) -> Answer<'_, Told> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                let upto: i64 = sqlx::query_scalar("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
                    .fetch_one(&mut *connection)
                    .await?;
                let since = since.unwrap_or(upto);
                let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(
                    "SELECT key, max(at) FROM model_answer_changes WHERE xid >= $1 AND xid < $2 GROUP BY key",
                )
                .bind(since)
                .bind(upto)
                .fetch_all(connection)
                .await?;
                let time = |at: i64| Timestamp::from_nanos(at.try_into().unwrap_or(0));
                let keys = rows.into_iter().filter_map(|(key, at)| Some((key.try_into().ok()?, time(at))));
                Ok(Told { upto: upto.max(since), keys: keys.collect() })
            })
        }))
    }

    fn named_answers(&self, keys: Vec<[u8; 32]>) -> Answer<'_, Vec<ModelAnswer>> {
        Box::pin(async move {
            let read = self.with(|connection| {
                Box::pin(async move {
                    let rows: Vec<RawAnswer> =
                        sqlx::query_as("SELECT key, created, expires, sealed FROM model_answers WHERE key = ANY($1)")
                            .bind(keys.iter().map(|key| key.to_vec()).collect::<Vec<_>>())
                            .fetch_all(connection)
                            .await?;
                    Ok(rows)
                })
            });
            Ok(page(&self.secret, read.await?, u32::MAX).0)
        })
    }
}

async fn write(
    connection: &mut PgConnection,
    kept: Vec<(Vec<u8>, ModelAnswer)>,
    mut gone: Vec<[u8; 32]>,
) -> Result<(), StoreError> {
    if !gone.is_empty() {
        gone.sort_unstable();
        sqlx::query("DELETE FROM model_answers WHERE key = ANY($1)")
            .bind(gone.iter().map(|key| key.to_vec()).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    if kept.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO model_answers (key, created, expires, sealed)
         SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[])
         ON CONFLICT (key) DO UPDATE SET created = excluded.created, expires = excluded.expires, sealed = excluded.sealed",
    )
    .bind(kept.iter().map(|(_, answer)| answer.key.to_vec()).collect::<Vec<_>>())
    .bind(kept.iter().map(|(_, answer)| nanos(answer.created)).collect::<Vec<_>>())
    .bind(kept.iter().map(|(_, answer)| nanos(answer.expires)).collect::<Vec<_>>())
    .bind(kept.into_iter().map(|(sealed, _)| sealed).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
