//! Reports: which rollups and rows answer a query, and adding them up.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    super::{Report, ReportQuery, StoreError, decode::nanos},
    plan::{Period, Steps},
    rollup::{Span, shard_of},
    series::{Known, Series, SeriesId},
    summary::Summary,
    tables::{Tables, Which, booked},
};
use crate::exchange::UsageRow;

/// Up to so many rows of an hour that a period cuts are counted one by one.
const EDGE_ROWS: i64 = 10_000;

/// Answers a query, as of the moment that `tables` shows.
pub async fn report(tables: &mut dyn Tables, known: &Known, query: &ReportQuery) -> Result<Report, StoreError> {
    learn(tables, known).await?;
    let wanted = known.matching(&query.filters);
    let held = held(tables).await?;
    let (counted, edges) = counted(tables, known, Period::of(query)).await?;
    let steps = Steps::new(query.bucket, &query.zone, counted.within(held));
    let seen = query.after.as_ref().and_then(|after| after.start);
    let first = seen.map_or(0, |start| steps.beginning(nanos(start)));
    let parts = steps.parts(counted.cut().0.within(held), first);
    let mut summary = Summary::new(query, steps, &wanted);
    let shards = shards(query, &wanted);
    let mut end = None;
    for (runs, next) in parts {
        for run in runs {
            tables.pages(run, shards.as_deref(), &mut |start, page| summary.add_page(run, start, page)).await?;
        }
        if summary.is_full() {
            end = Some(next);
            break;
        }
    }
    for (series, row) in &edges {
        summary.add_row(*series, row);
    }
    Ok(summary.finish(counted, end))
}

/// Makes series known that were added since, by whichever process.
pub async fn learn(tables: &mut dyn Tables, known: &Known) -> Result<(), StoreError> {
    known.learn(tables.series_after(known.newest()).await?);
    Ok(())
}

/// The hours that rollups are held of.
pub async fn held(tables: &mut dyn Tables) -> Result<Period, StoreError> {
    let (first, last) = tables.page_times(Span::Hour).await?;
    let to = last.map_or(0, |last| last.saturating_add(Span::Hour.nanos()));
    Ok(Period { from: first.unwrap_or(0), to })
}

/// The period that can be counted, and the rows of the hours that it cuts: when these are gone or too many, the whole
/// hour is counted.
async fn counted(
    tables: &mut dyn Tables,
    known: &Known,
    asked: Period,
) -> Result<(Period, Vec<(SeriesId, UsageRow)>), StoreError> {
    let pruned = tables.pruned().await?;
    let (mut counted, mut rows) = (asked, Vec::new());
    for edge in asked.cut().1 {
        let found = if edge.from < pruned { None } else { edge_rows(tables, known, edge).await? };
        match found {
            Some(found) => rows.extend(found),
            None => counted = counted.joined(edge.widened()),
        }
    }
    Ok((counted, rows))
}

/// The rows of a part of an hour; `None`: too many.
async fn edge_rows(
    tables: &mut dyn Tables,
    known: &Known,
    edge: Period,
) -> Result<Option<Vec<(SeriesId, UsageRow)>>, StoreError> {
    let found = tables.raw_rows(Which::Began { period: edge, at_most: EDGE_ROWS + 1 }).await?;
    if i64::try_from(found.len()).is_ok_and(|rows| rows > EDGE_ROWS) {
        return Ok(None);
    }
    let booked = booked(tables, found, &|id| known.series(id)).await?;
    booked.into_iter().map(|(raw, booked)| Ok((raw.series, booked.row()?))).collect::<Result<_, _>>().map(Some)
}

/// The pages that wanted series are in; `None`: all.
fn shards(query: &ReportQuery, wanted: &HashMap<SeriesId, Arc<Series>>) -> Option<Vec<i64>> {
    (!query.filters.is_empty()).then(|| shards_of(wanted.keys().copied()))
}

/// The pages that series are in.
pub fn shards_of(series: impl Iterator<Item = SeriesId>) -> Vec<i64> {
    series.map(shard_of).collect::<BTreeSet<_>>().into_iter().collect()
}
