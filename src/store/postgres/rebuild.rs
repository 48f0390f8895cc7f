//! Making rollups anew.

use sqlx::{Connection, PgConnection, PgTransaction};

use super::{ONE_MOMENT, Postgres, ship::write_pages};
use crate::store::{
    Rebuilt, StoreError,
    ledger::{
        plan::Period,
        rebuild,
        rollup::{PageKey, Span},
        tables::{Pages, Reading},
    },
};

impl Pages for PgConnection {
    fn stored_pages(&mut self, span: Span, period: Period) -> Reading<'_, Vec<(PageKey, i64, Vec<u8>)>> {
        Box::pin(async move {
            let found: Vec<(i64, i64, i64, Vec<u8>)> = sqlx::query_as(
                "SELECT start, shard, chain, body FROM rollups WHERE span = $1 AND start >= $2 AND start < $3
                 ORDER BY start, shard, chain",
            )
            .bind(span.as_str())
            .bind(period.from)
            .bind(period.to)
            .fetch_all(self)
            .await?;
            let page = |(start, shard, chain, body)| (PageKey { span, start, shard }, chain, body);
            Ok(found.into_iter().map(page).collect())
        })
    }

    fn put_pages(&mut self, chain: i64, pages: Vec<(PageKey, Vec<u8>)>) -> Reading<'_, ()> {
        Box::pin(write_pages(self, chain, pages))
    }

    fn remove_pages(&mut self, chain: i64, pages: Vec<PageKey>) -> Reading<'_, ()> {
        Box::pin(async move {
            for key in pages {
                sqlx::query("DELETE FROM rollups WHERE span = $1 AND start = $2 AND shard = $3 AND chain = $4")
                    .bind(key.span.as_str())
                    .bind(key.start)
                    .bind(key.shard)
                    .bind(chain)
                    .execute(&mut *self)
                    .await?;
            }
            Ok(())
        })
    }
}

impl Postgres {
    pub(super) async fn rebuild(&self, connection: &mut PgConnection) -> Result<Rebuilt, StoreError> {
        let plan = rebuild::plan(connection).await?;
        let mut done = Rebuilt::default();
        for hour in &plan.hours {
            let mut writing = connection.begin().await?;
            keep_others_out(&mut writing).await?;
            rebuild::hour(&mut *writing, &self.series, (*hour, &plan), &mut done).await?;
            writing.commit().await?;
        }
        for day in &plan.days {
            let mut writing = connection.begin().await?;
            keep_others_out(&mut writing).await?;
            rebuild::day(&mut *writing, (*day, &plan), &mut done).await?;
            writing.commit().await?;
        }
        let mut reading = connection.begin_with(ONE_MOMENT).await?;
        done.tokens_missing = rebuild::tokens_missing(&mut *reading).await?;
        Ok(done)
    }
}

/// Whoever ships locks its chain first: with all of them locked nobody else changes rollups.
async fn keep_others_out(writing: &mut PgTransaction<'_>) -> Result<(), StoreError> {
    sqlx::query("SELECT id FROM chains ORDER BY id FOR UPDATE").execute(&mut **writing).await?;
    Ok(())
}
