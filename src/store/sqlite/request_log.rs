//! The log of requests: rows by time, filtered.
//!
//! A filter may match much or little. Rollups tell on which days there is anything of the wanted values; on these the
//! newest hour is searched first, then eight hours before it, then 64 … until the page is full.

use std::collections::BTreeSet;

use futures_util::TryStreamExt;
use sqlx::{QueryBuilder, SqliteConnection};
use uuid::Uuid;

use super::{
    Sqlite, nanos,
    reading::{COLUMNS, RawRow, booked},
};
use crate::{
    exchange::UsageRow,
    store::{
        RowQuery, StoreError,
        ledger::{
            plan::{Period, stretches},
            rollup::{Span, shard_of, tells_of},
            series::SeriesId,
        },
    },
};

/// Each period searched is so many times as long as the one before it.
const WIDER: i64 = 8;

/// The rest of a query, in the terms of the database.
struct Search<'a> {
    query: &'a RowQuery,
    /// Numbers of series, as JSON; `None`: all.
    series: Option<String>,
    /// Time and place of the last row of the page before.
    after: Option<(i64, i64, i64)>,
}

impl Sqlite {
    pub(super) async fn read_rows(&self, query: &RowQuery) -> Result<Vec<UsageRow>, StoreError> {
        let mut reading = self.read.begin().await?;
        self.learn_series(&mut reading).await?;
        let wanted: Option<BTreeSet<_>> =
            (!query.filters.is_empty()).then(|| self.series.matching(&query.filters).into_keys().collect());
        let series = wanted.as_ref().map(|ids| serde_json::json!(ids).to_string());
        let search = Search { query, series, after: after(&mut reading, query).await? };
        let whole = search.within(&mut reading).await?;
        let stretches = match &wanted {
            Some(wanted) => stretches_of(&mut reading, whole, wanted, query.newest_first).await?,
            None => vec![whole],
        };
        let mut found = Vec::new();
        for period in stretches.into_iter().flat_map(|stretch| periods(stretch, query.newest_first)) {
            let left = i64::from(query.limit) - i64::try_from(found.len()).unwrap_or(i64::MAX);
            if left <= 0 {
                break;
            }
            found.extend(search.rows(&mut reading, period, left).await?);
        }
        let rows = booked(&mut reading, found, &|id| self.series.series(id)).await?;
        reading.commit().await?;
        rows.into_iter().map(|(_, booked)| booked.row()).collect()
    }

    pub(super) async fn read_row(&self, id: Uuid) -> Result<Option<UsageRow>, StoreError> {
        let mut reading = self.read.begin().await?;
        self.learn_series(&mut reading).await?;
        let found = QueryBuilder::new(format!("SELECT {COLUMNS} FROM usage_rows WHERE request_id = "))
            .push_bind(id.as_bytes().to_vec())
            .build()
            .fetch_optional(&mut *reading)
            .await?;
        let raw = found.iter().map(RawRow::new).collect::<Result<_, _>>()?;
        let rows = booked(&mut reading, raw, &|id| self.series.series(id)).await?;
        reading.commit().await?;
        rows.into_iter().next().map(|(_, booked)| booked.row()).transpose()
    }
}

impl Search<'_> {
    /// The part of the query's period in which there are rows.
    async fn within(&self, reading: &mut SqliteConnection) -> Result<Period, StoreError> {
        let (first, last): (Option<i64>, Option<i64>) =
            sqlx::query_as("SELECT (SELECT min(time) FROM usage_rows), (SELECT max(time) FROM usage_rows)")
                .fetch_one(reading)
                .await?;
        let mut asked = Period { from: nanos(self.query.from), to: nanos(self.query.to) };
        match self.after {
            Some((time, ..)) if self.query.newest_first => asked.to = asked.to.min(time.saturating_add(1)),
            Some((time, ..)) => asked.from = asked.from.max(time),
            None => {}
        }
        Ok(asked.within(Period { from: first.unwrap_or(0), to: last.map_or(0, |last| last.saturating_add(1)) }))
    }

    async fn rows(
        &self,
        reading: &mut SqliteConnection,
        period: Period,
        limit: i64,
    ) -> Result<Vec<RawRow>, StoreError> {
        let (order, beyond) = if self.query.newest_first { (" DESC", "<") } else { ("", ">") };
        let mut sql =
            QueryBuilder::new("WITH page AS MATERIALIZED (SELECT chain AS c, link AS l FROM usage_rows WHERE ");
        sql.push("time >= ").push_bind(period.from).push(" AND time < ").push_bind(period.to);
        if let Some(series) = &self.series {
            sql.push(" AND series IN (SELECT value FROM json_each(").push_bind(series.clone()).push("))");
        }
        self.push_conditions(&mut sql);
        if let Some((time, chain, link)) = self.after {
            sql.push(format!(" AND (time, chain, link) {beyond} (")).push_bind(time).push(", ");
            sql.push_bind(chain).push(", ").push_bind(link).push(")");
        }
        let order = format!(" ORDER BY time{order}, chain{order}, link{order}");
        sql.push(&order).push(" LIMIT ").push_bind(limit);
        sql.push(format!(") SELECT {COLUMNS} FROM page CROSS JOIN usage_rows ON chain = c AND link = l{order}"));
        let found = sql.build().fetch_all(reading).await?;
        Ok(found.iter().map(RawRow::new).collect::<Result<_, _>>()?)
    }

    fn push_conditions(&self, sql: &mut QueryBuilder<sqlx::Sqlite>) {
        if let Some(outcome) = &self.query.outcome {
            sql.push(" AND outcome = ").push_bind(outcome.clone());
        }
        if let Some(status) = &self.query.status {
            sql.push(" AND status >= ").push_bind(i64::from(*status.start()));
            sql.push(" AND status <= ").push_bind(i64::from(*status.end()));
        }
        if let Some(end_user) = &self.query.end_user {
            sql.push(" AND end_user = ").push_bind(end_user.clone());
        }
        if let Some(id) = &self.query.client_request_id {
            sql.push(" AND client_request_id = ").push_bind(id.clone());
        }
    }
}

/// The days in which there are rows of wanted series, as rollups tell.
async fn stretches_of(
    reading: &mut SqliteConnection,
    whole: Period,
    wanted: &BTreeSet<SeriesId>,
    newest_first: bool,
) -> Result<Vec<Period>, StoreError> {
    let first: Option<i64> =
        sqlx::query_scalar("SELECT min(start) FROM rollups WHERE span = 'day'").fetch_one(&mut *reading).await?;
    let shards: BTreeSet<_> = wanted.iter().map(|id| shard_of(*id)).collect();
    let mut pages = sqlx::query_as::<_, (i64, Vec<u8>)>(
        "SELECT start, body FROM rollups WHERE span = 'day' AND start >= $1 AND start < $2
         AND shard IN (SELECT value FROM json_each($3))",
    )
    .bind(Span::Day.start(whole.from))
    .bind(whole.to)
    .bind(serde_json::json!(shards).to_string())
    .fetch(reading);
    let mut days = BTreeSet::new();
    while let Some((start, page)) = pages.try_next().await? {
        let tells = tells_of(&page, |id| wanted.contains(&id));
        if tells.ok_or_else(|| super::bad_page(Span::Day, start))? {
            days.insert(start);
        }
    }
    Ok(stretches(whole, first.unwrap_or(i64::MAX), &days, newest_first))
}

/// Where the page before ended. Its last row may have been pruned since: then all rows of its moment count as seen.
async fn after(reading: &mut SqliteConnection, query: &RowQuery) -> Result<Option<(i64, i64, i64)>, StoreError> {
    let Some(cursor) = query.after else { return Ok(None) };
    let found: Option<(i64, i64)> = sqlx::query_as("SELECT chain, link FROM usage_rows WHERE request_id = $1")
        .bind(&cursor.id.as_bytes()[..])
        .fetch_optional(reading)
        .await?;
    let (chain, link) = found.unwrap_or(if query.newest_first { (0, 0) } else { (i64::MAX, i64::MAX) });
    Ok(Some((nanos(cursor.time), chain, link)))
}

/// A period in parts, from the end that is wanted first, each longer than the one before.
fn periods(whole: Period, newest_first: bool) -> Vec<Period> {
    let mut parts = Vec::new();
    let (mut left, mut length) = (whole, Span::Hour.nanos());
    while !left.is_empty() {
        let part = if newest_first {
            Period { from: left.to.saturating_sub(length), to: left.to }.within(left)
        } else {
            Period { from: left.from, to: left.from.saturating_add(length) }.within(left)
        };
        if newest_first {
            left.to = part.from;
        } else {
            left.from = part.to;
        }
        parts.push(part);
        length = length.saturating_mul(WIDER);
    }
    parts
}
