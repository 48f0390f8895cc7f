//! The log of requests: rows by time, filtered.
//!
//! A filter may match much or little. Rollups tell on which days there is anything of the wanted values, outcome and
//! status; on these the newest hour is searched first, then eight hours before it, then 64 … until the page is full.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    super::{RowQuery, StoreError, Sum, Totals, decode::nanos},
    plan::{Period, Run, stretches},
    report::{learn, shards_of},
    rollup::{Span, tells_of},
    series::{Known, SeriesId},
    tables::{Search, Tables, booked},
};
use crate::exchange::UsageRow;

/// Each period searched is so many times as long as the one before it.
const WIDER: i64 = 8;

/// A page of the log, as of the moment that `tables` shows.
pub async fn rows(tables: &mut dyn Tables, known: &Known, query: &RowQuery) -> Result<Vec<UsageRow>, StoreError> {
    learn(tables, known).await?;
    let ids = || known.matching(&query.filters).into_keys().collect::<BTreeSet<_>>();
    let wanted = (!query.filters.is_empty()).then(ids);
    let series = wanted.as_ref().map(|ids| ids.iter().copied().collect());
    let search = Search { query, series, after: after(tables, query).await? };
    let whole = within(tables, &search).await?;
    let hints = Hints { wanted, sums: sums_of(query) };
    let stretches = match &hints {
        Hints { wanted: None, sums } if sums.is_empty() => vec![whole],
        hints => stretches_of(tables, whole, hints, query.newest_first).await?,
    };
    let mut found = Vec::new();
    for period in stretches.into_iter().flat_map(|stretch| periods(stretch, query.newest_first)) {
        let left = i64::from(query.limit) - i64::try_from(found.len()).unwrap_or(i64::MAX);
        if left <= 0 {
            break;
        }
        found.extend(tables.search(&search, period, left).await?);
    }
    let rows = booked(tables, found, &|id| known.series(id)).await?;
    rows.into_iter().map(|(_, booked)| booked.row()).collect()
}

/// The row of a request.
pub async fn row(tables: &mut dyn Tables, known: &Known, id: Uuid) -> Result<Option<UsageRow>, StoreError> {
    learn(tables, known).await?;
    let found = tables.raw_row(id).await?.into_iter().collect();
    let rows = booked(tables, found, &|id| known.series(id)).await?;
    rows.into_iter().next().map(|(_, booked)| booked.row()).transpose()
}

/// The part of the query's period in which there are rows.
async fn within(tables: &mut dyn Tables, search: &Search<'_>) -> Result<Period, StoreError> {
    let (first, last) = tables.row_times().await?;
    let mut asked = Period { from: nanos(search.query.from), to: nanos(search.query.to) };
    match search.after {
        Some((time, ..)) if search.query.newest_first => asked.to = asked.to.min(time.saturating_add(1)),
        Some((time, ..)) => asked.from = asked.from.max(time),
        None => {}
    }
    Ok(asked.within(Period { from: first.unwrap_or(0), to: last.map_or(0, |last| last.saturating_add(1)) }))
}

/// What rollups can tell of the wanted rows.
struct Hints {
    /// Their series; `None`: any.
    wanted: Option<BTreeSet<SeriesId>>,
    /// Of each of these, one counts them.
    sums: Vec<Vec<Sum>>,
}

impl Hints {
    /// Whether there can be wanted rows among these of a series; `None`: its totals cannot be read.
    fn fit(&self, series: SeriesId, totals: &[u8]) -> Option<bool> {
        if self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(&series)) {
            return Some(false);
        }
        if self.sums.is_empty() {
            return Some(true);
        }
        let mut sum = Totals::default();
        sum.merge_encoded(totals)?;
        Some(self.sums.iter().all(|any| any.iter().any(|one| sum.get(*one) != 0)))
    }
}

fn sums_of(query: &RowQuery) -> Vec<Vec<Sum>> {
    let of_outcome = |word: &str| Sum::OUTCOMES.into_iter().filter(|sum| sum.as_str() == word).collect();
    let outcome = query.outcome.as_deref().map(of_outcome);
    outcome.into_iter().chain(query.status.as_ref().map(Sum::of_statuses)).collect()
}

/// The days in which there are rows that are wanted, as rollups tell. A day whose page cannot be read is searched.
async fn stretches_of(
    tables: &mut dyn Tables,
    whole: Period,
    hints: &Hints,
    newest_first: bool,
) -> Result<Vec<Period>, StoreError> {
    let (first, _) = tables.page_times(Span::Day).await?;
    let shards = hints.wanted.as_ref().map(|wanted| shards_of(wanted.iter().copied()));
    let run = Run::of(Span::Day, Period { from: Span::Day.start(whole.from), to: whole.to });
    let mut days = BTreeSet::new();
    let mut take = |start, page: &[u8]| {
        if tells_of(page, |series, totals| hints.fit(series, totals)).unwrap_or(true) {
            days.insert(start);
        }
        Some(())
    };
    tables.pages(run, shards.as_deref(), &mut take).await?;
    Ok(stretches(whole, first.unwrap_or(i64::MAX), &days, newest_first))
}

/// Where the page before ended. Its last row may have been pruned since: then all rows of its moment count as seen.
async fn after(tables: &mut dyn Tables, query: &RowQuery) -> Result<Option<(i64, i64, i64)>, StoreError> {
    let Some(cursor) = query.after else { return Ok(None) };
    let found = tables.raw_row(cursor.id).await?.map(|row| (row.chain, row.link));
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
