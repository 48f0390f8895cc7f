//! What the ledger's tables are asked, in PostgreSQL's words. What the answers mean is said in `ledger::tables`.

use std::{collections::HashMap, sync::Arc};

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, PgConnection, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::Text;
use crate::store::{
    Balance, RowQuery,
    ledger::{
        booked::{FACTS, Kind, Value},
        booking::{PLACE, ROW},
        corrections::{ACTION, Corrections},
        plan::{Period, Run},
        rollup::Span,
        series::{Numbered, Series, SeriesId},
        tables::{
            self, Checkpoint, PAGES_AT_A_TIME, RawAttempt, RawBalance, RawChain, RawCheckpoint, RawRow, RawWindow,
            Reading, Search, StoredChain, Tables, TakePage, Tries, Which, Window, bad_page,
        },
    },
};

impl Tables for PgConnection {
    fn chains(&mut self) -> Reading<'_, Vec<StoredChain>> {
        Box::pin(async move {
            let found: Vec<RawChain<Text>> =
                sqlx::query_as("SELECT id, replica, key_id, length, head, totals, seal FROM chains ORDER BY id")
                    .fetch_all(self)
                    .await?;
            tables::chains(found)
        })
    }

    fn checkpoint(&mut self, chain: i64) -> Reading<'_, Option<Checkpoint>> {
        Box::pin(async move {
            let found: Option<RawCheckpoint> = sqlx::query_as(
                "SELECT link, head, totals, seal, before FROM checkpoints WHERE chain = $1 ORDER BY link DESC LIMIT 1",
            )
            .bind(chain)
            .fetch_optional(self)
            .await?;
            found.map(Checkpoint::new).transpose()
        })
    }

    fn pruned(&mut self) -> Reading<'_, i64> {
        Box::pin(async move {
            let newest = sqlx::query_scalar("SELECT coalesce(max(before), 0) FROM checkpoints");
            Ok(newest.fetch_one(self).await?)
        })
    }

    fn series_after(&mut self, after: SeriesId) -> Reading<'_, Vec<Numbered>> {
        Box::pin(async move {
            let found = sqlx::query(
                "SELECT id, subscription, product, \"user\", api, operation, workspace, model, upstream_model, \
                 backend, currency FROM series WHERE id > $1",
            )
            .bind(after)
            .fetch_all(self)
            .await?;
            found.iter().map(|row| Ok((row.try_get(0)?, Arc::new(series(row)?)))).collect()
        })
    }

    fn raw_rows(&mut self, which: Which) -> Reading<'_, Vec<RawRow>> {
        Box::pin(async move {
            let (rest, [one, two, three]) = which.sql();
            let sql = AssertSqlSafe(format!("SELECT {ROW} FROM usage_rows WHERE {rest}"));
            let mut found = sqlx::query(sql).bind(one).bind(two).bind(three).fetch(self);
            let mut rows = Vec::new();
            while let Some(row) = found.try_next().await? {
                rows.push(raw_row(&row)?);
            }
            Ok(rows)
        })
    }

    fn raw_row(&mut self, request: Uuid) -> Reading<'_, Option<RawRow>> {
        Box::pin(async move {
            let mut sql = QueryBuilder::new(format!("SELECT {ROW} FROM usage_rows WHERE request_id = "));
            let found = sql.push_bind(request.as_bytes().to_vec()).build().fetch_optional(self).await?;
            Ok(found.as_ref().map(raw_row).transpose()?)
        })
    }

    fn search<'a>(&'a mut self, search: &'a Search<'a>, period: Period, at_most: i64) -> Reading<'a, Vec<RawRow>> {
        Box::pin(async move {
            let found = page_of(search, period, at_most).build().fetch_all(self).await?;
            Ok(found.iter().map(raw_row).collect::<Result<_, _>>()?)
        })
    }

    fn attempts<'a>(&'a mut self, rows: &'a [RawRow]) -> Reading<'a, Tries> {
        Box::pin(async move {
            let (chains, links): (Vec<i64>, Vec<i64>) = rows.iter().map(|row| (row.chain, row.link)).unzip();
            let found: Vec<RawAttempt<Text>> = sqlx::query_as(
                "SELECT chain, link, backend, status, fault, began, took
                 FROM unnest($1::bigint[], $2::bigint[]) AS place (chain, link) JOIN attempts USING (chain, link)
                 ORDER BY chain, link, k",
            )
            .bind(chains)
            .bind(links)
            .fetch_all(self)
            .await?;
            Ok(tables::tries(found))
        })
    }

    fn windows(&mut self, balances: Vec<i64>) -> Reading<'_, HashMap<i64, Window>> {
        Box::pin(async move {
            let found: Vec<RawWindow<Text>> = sqlx::query_as(
                "SELECT id, account, measure, window_start, window_end FROM balances WHERE id = ANY($1)",
            )
            .bind(balances)
            .fetch_all(self)
            .await?;
            tables::windows(found)
        })
    }

    fn balances(&mut self) -> Reading<'_, Vec<(i64, Balance)>> {
        Box::pin(async move {
            let found: Vec<RawBalance<Text>> = sqlx::query_as(
                "SELECT id, account, measure, window_start, window_end, charged, adjusted FROM balances ORDER BY id",
            )
            .fetch_all(self)
            .await?;
            tables::balances(found)
        })
    }

    fn corrections(&mut self) -> Reading<'_, Corrections> {
        Box::pin(async move {
            let lines: Vec<(Text, Option<Text>)> =
                sqlx::query_as("SELECT object, became FROM audit WHERE action = $1 ORDER BY number")
                    .bind(ACTION)
                    .fetch_all(self)
                    .await?;
            Ok(Corrections::of(lines))
        })
    }

    fn charges(&mut self, after: (i64, i64), at_most: i64) -> Reading<'_, Vec<(i64, i64, Option<String>)>> {
        Box::pin(async move {
            let query = sqlx::query_as(
                "SELECT chain, link, charges FROM usage_rows WHERE (chain, link) > ($1, $2)
                 ORDER BY chain, link LIMIT $3",
            );
            Ok(query.bind(after.0).bind(after.1).bind(at_most).fetch_all(self).await?)
        })
    }

    fn outside(&mut self, chain: i64) -> Reading<'_, Option<(i64, Vec<u8>)>> {
        Box::pin(async move {
            let query = sqlx::query_as(
                "SELECT link, request_id FROM usage_rows WHERE chain = $1
                 AND (link < 1 OR link > (SELECT length FROM chains WHERE id = $1)) ORDER BY link LIMIT 1",
            );
            Ok(query.bind(chain).fetch_optional(self).await?)
        })
    }

    fn next_chain(&mut self, after: i64) -> Reading<'_, Option<i64>> {
        Box::pin(async move {
            let query = sqlx::query_scalar("SELECT min(chain) FROM usage_rows WHERE chain > $1");
            Ok(query.bind(after).fetch_one(self).await?)
        })
    }

    fn row_times(&mut self) -> Reading<'_, (Option<i64>, Option<i64>)> {
        Box::pin(async move {
            let both = "SELECT (SELECT min(time) FROM usage_rows), (SELECT max(time) FROM usage_rows)";
            Ok(sqlx::query_as(both).fetch_one(self).await?)
        })
    }

    fn page_times(&mut self, span: Span) -> Reading<'_, (Option<i64>, Option<i64>)> {
        Box::pin(async move {
            let query = sqlx::query_as(
                "SELECT (SELECT min(start) FROM rollups WHERE span = $1), (SELECT max(start) FROM rollups WHERE span = $1)",
            );
            Ok(query.bind(span.as_str()).fetch_one(self).await?)
        })
    }

    fn pages<'a>(&'a mut self, run: Run, shards: Option<&'a [i64]>, take: TakePage<'a>) -> Reading<'a, ()> {
        Box::pin(async move {
            let mut pages = sqlx::query_as::<_, (i64, Vec<u8>)>(
                "SELECT start, body FROM rollups WHERE span = $1 AND start >= $2 AND start < $3
                 AND ($4::bigint[] IS NULL OR shard = ANY($4)) ORDER BY start",
            )
            .bind(run.span.as_str())
            .bind(run.period.from)
            .bind(run.period.to)
            .bind(shards)
            .fetch(self);
            let mut count = 0;
            while let Some((start, page)) = pages.try_next().await? {
                take(start, &page).ok_or_else(|| bad_page(run.span, start))?;
                count += 1;
                if count % PAGES_AT_A_TIME == 0 {
                    tokio::task::yield_now().await;
                }
            }
            Ok(())
        })
    }
}

fn raw_row(row: &PgRow) -> Result<RawRow, sqlx::Error> {
    let fact = |(nth, (_, kind)): (usize, &(&str, Kind))| value(row, PLACE.len() + nth, *kind);
    Ok(RawRow {
        chain: row.try_get(0)?,
        link: row.try_get(1)?,
        code: row.try_get(2)?,
        series: row.try_get(3)?,
        charges: row.try_get(4)?,
        facts: FACTS.iter().enumerate().map(fact).collect::<Result<_, _>>()?,
    })
}

fn value(row: &PgRow, nth: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    let value = match kind {
        Kind::Int => row.try_get::<Option<i64>, _>(nth)?.map(Value::Int),
        Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(nth)?.map(Value::Bytes),
        Kind::Text => row.try_get::<Option<Text>, _>(nth)?.map(|text| Value::Text(String::from(text).into())),
    };
    Ok(value.unwrap_or(Value::Null))
}

fn series(row: &PgRow) -> Result<Series, sqlx::Error> {
    let mut series = Series::default();
    for (nth, value) in series.0.iter_mut().enumerate() {
        *value = String::from(row.try_get::<Text, _>(nth + 1)?).into();
    }
    Ok(series)
}

/// The places of the page are found first: whole rows are then read of these only.
fn page_of(search: &Search<'_>, period: Period, at_most: i64) -> QueryBuilder<sqlx::Postgres> {
    let (order, beyond) = if search.query.newest_first { (" DESC", "<") } else { ("", ">") };
    let mut sql = QueryBuilder::new("WITH page AS MATERIALIZED (SELECT chain AS c, link AS l FROM usage_rows WHERE ");
    sql.push("time >= ").push_bind(period.from).push(" AND time < ").push_bind(period.to);
    if let Some(series) = &search.series {
        sql.push(" AND series = ANY(").push_bind(series.clone()).push(")");
    }
    push_conditions(&mut sql, search.query);
    if let Some((time, chain, link)) = search.after {
        sql.push(format!(" AND (time, chain, link) {beyond} (")).push_bind(time).push(", ");
        sql.push_bind(chain).push(", ").push_bind(link).push(")");
    }
    let order = format!(" ORDER BY time{order}, chain{order}, link{order}");
    sql.push(&order).push(" LIMIT ").push_bind(at_most);
    sql.push(format!(") SELECT {ROW} FROM page JOIN usage_rows ON chain = c AND link = l{order}"));
    sql
}

fn push_conditions(sql: &mut QueryBuilder<sqlx::Postgres>, query: &RowQuery) {
    if let Some(outcome) = &query.outcome {
        sql.push(" AND outcome = ").push_bind(Text::from(&**outcome));
    }
    if let Some(status) = &query.status {
        sql.push(" AND status >= ").push_bind(i64::from(*status.start()));
        sql.push(" AND status <= ").push_bind(i64::from(*status.end()));
    }
    if let Some(end_user) = &query.end_user {
        // The first half is what the index holds.
        sql.push(" AND left(end_user, 64) = left(").push_bind(Text::from(&**end_user));
        sql.push(", 64) AND end_user = ").push_bind(Text::from(&**end_user));
    }
    if let Some(id) = &query.client_request_id {
        sql.push(" AND client_request_id = ").push_bind(Text::from(&**id));
    }
}
