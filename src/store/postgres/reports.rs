//! Reports from rollups, and the log of requests.

use std::collections::{BTreeSet, HashMap};

use futures_util::TryStreamExt;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    Postgres, bad_page,
    reading::{booked, raw_rows},
};
use crate::{
    exchange::UsageRow,
    store::{
        Answer, Report, ReportQuery, Reports, RowQuery, StoreError,
        ledger::{
            plan::{Period, Run, Steps},
            rollup::{Span, shard_of},
            series::{Series, SeriesId},
            summary::Summary,
        },
    },
};

/// Up to so many rows of an hour that a period cuts are counted one by one.
const EDGE_ROWS: i64 = 10_000;

/// After so many pages others get a turn on the thread.
const PAGES_AT_A_TIME: usize = 16;

impl Reports for Postgres {
    fn report(&self, query: ReportQuery) -> Answer<'_, Report> {
        let me = self.clone();
        Box::pin(self.with(|connection| Box::pin(async move { me.read_report(connection, &query).await })))
    }

    fn rows(&self, query: RowQuery) -> Answer<'_, Vec<UsageRow>> {
        let me = self.clone();
        Box::pin(self.with(|connection| Box::pin(async move { me.read_rows(connection, &query).await })))
    }

    fn row(&self, id: Uuid) -> Answer<'_, Option<UsageRow>> {
        let me = self.clone();
        Box::pin(self.with(move |connection| Box::pin(async move { me.read_row(connection, id).await })))
    }
}

impl Postgres {
    async fn read_report(&self, connection: &mut PgConnection, query: &ReportQuery) -> Result<Report, StoreError> {
        let mut reading = connection.begin_with(super::ONE_MOMENT).await?;
        self.learn_series(&mut reading).await?;
        let wanted = self.series.matching(&query.filters);
        let held = held(&mut reading).await?;
        let (counted, edges) = self.counted(&mut reading, Period::of(query)).await?;
        let steps = Steps::new(query.bucket, &query.zone, counted.within(held));
        let runs = steps.runs(counted.cut().0.within(held));
        let mut summary = Summary::new(query, steps, &wanted);
        let shards = shards(query, &wanted);
        for run in runs {
            add_run(&mut reading, &mut summary, run, shards.as_deref()).await?;
        }
        for (series, row) in &edges {
            summary.add_row(*series, row);
        }
        reading.commit().await?;
        Ok(summary.finish(counted))
    }

    /// The period that can be counted, and the rows of the hours that it cuts: when these are gone or too many, the
    /// whole hour is counted.
    async fn counted(
        &self,
        reading: &mut PgConnection,
        asked: Period,
    ) -> Result<(Period, Vec<(SeriesId, UsageRow)>), StoreError> {
        let pruned: i64 =
            sqlx::query_scalar("SELECT coalesce(max(before), 0) FROM checkpoints").fetch_one(&mut *reading).await?;
        let (mut counted, mut rows) = (asked, Vec::new());
        for edge in asked.cut().1 {
            let found = if edge.from < pruned { None } else { self.edge_rows(reading, edge).await? };
            match found {
                Some(found) => rows.extend(found),
                None => counted = counted.joined(edge.widened()),
            }
        }
        Ok((counted, rows))
    }

    /// The rows of a part of an hour; `None`: too many.
    async fn edge_rows(
        &self,
        reading: &mut PgConnection,
        edge: Period,
    ) -> Result<Option<Vec<(SeriesId, UsageRow)>>, StoreError> {
        let found = raw_rows(reading, "time >= $1 AND time < $2 LIMIT $3", [edge.from, edge.to, EDGE_ROWS + 1]).await?;
        if i64::try_from(found.len()).is_ok_and(|rows| rows > EDGE_ROWS) {
            return Ok(None);
        }
        let booked = booked(reading, found, &|id| self.series.series(id)).await?;
        booked.into_iter().map(|(raw, booked)| Ok((raw.series, booked.row()?))).collect::<Result<_, _>>().map(Some)
    }
}

/// The hours that rollups are held of.
pub(super) async fn held(reading: &mut PgConnection) -> Result<Period, StoreError> {
    let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT (SELECT min(start) FROM rollups WHERE span = 'hour'), (SELECT max(start) FROM rollups WHERE span = 'hour')",
    )
    .fetch_one(reading)
    .await?;
    let to = last.map_or(0, |last| last.saturating_add(Span::Hour.nanos()));
    Ok(Period { from: first.unwrap_or(0), to })
}

/// The pages that wanted series are in; `None`: all.
fn shards(query: &ReportQuery, wanted: &HashMap<SeriesId, Series>) -> Option<Vec<i64>> {
    let shards = || wanted.keys().map(|id| shard_of(*id)).collect::<BTreeSet<_>>();
    (!query.filters.is_empty()).then(|| shards().into_iter().collect())
}

async fn add_run(
    reading: &mut PgConnection,
    summary: &mut Summary<'_>,
    run: Run,
    shards: Option<&[i64]>,
) -> Result<(), StoreError> {
    let mut pages = sqlx::query_as::<_, (i64, Vec<u8>)>(
        "SELECT start, body FROM rollups WHERE span = $1 AND start >= $2 AND start < $3
         AND ($4::bigint[] IS NULL OR shard = ANY($4))",
    )
    .bind(run.span.as_str())
    .bind(run.period.from)
    .bind(run.period.to)
    .bind(shards)
    .fetch(reading);
    let mut count = 0;
    while let Some((start, page)) = pages.try_next().await? {
        summary.add_page(start, &page).ok_or_else(|| bad_page(run.span, start))?;
        count += 1;
        if count % PAGES_AT_A_TIME == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
