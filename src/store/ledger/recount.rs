//! Adding rows up again, to compare with what is stored of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    super::{
        Balance, BalanceFinding, RollupFinding, StoreError, Sum, Totals,
        decode::{nanos, time},
    },
    UNREADABLE,
    batch::{MOST, charges_of},
    plan::{Period, Run},
    report::{held, learn},
    rollup::{Span, entries},
    series::{Known, SeriesId},
    tables::{Tables, Which, booked},
};
use crate::{
    exchange::{Measure, UsageRow},
    model::Timestamp,
};

/// Rows whose charges are read at a time.
const CHARGES: i64 = 5_000;

/// Compares balances with what rows were charged and with how the audit log says they were corrected, as of the moment
/// that `tables` shows.
pub async fn balances(tables: &mut dyn Tables, at_most: usize) -> Result<Vec<BalanceFinding>, StoreError> {
    let complete_from = tables.pruned().await?.saturating_add(Span::Hour.nanos());
    let mut sums = sums_of_charges(tables).await?;
    let corrections = tables.corrections().await?;
    let mut findings = Vec::new();
    for (id, balance) in tables.balances().await? {
        let sum = sums.remove(&id).unwrap_or_default();
        let is_complete = nanos(balance.window) >= complete_from || complete_from == Span::Hour.nanos();
        let rows = if is_complete { within_bounds(sum) } else { balance.charged };
        let audited = corrections.to(&balance).unwrap_or(balance.adjusted);
        findings.extend(balance_finding(balance, rows, audited));
    }
    findings.extend(sums.into_values().filter_map(|sum| balance_finding(nowhere(), within_bounds(sum), 0)));
    findings.truncate(at_most);
    Ok(findings)
}

/// What the rows say that each balance was charged, a page at a time.
async fn sums_of_charges(tables: &mut dyn Tables) -> Result<HashMap<i64, i128>, StoreError> {
    let mut sums = HashMap::<i64, i128>::new();
    let mut after = (i64::MIN, i64::MIN);
    loop {
        let rows = tables.charges(after, CHARGES).await?;
        let Some(last) = rows.last() else { return Ok(sums) };
        after = (last.0, last.1);
        for (id, amount) in rows.iter().filter_map(|(.., charges)| charges_of(charges.as_deref())).flatten() {
            *sums.entry(id).or_default() += i128::from(amount);
        }
    }
}

/// Stands for a balance that rows refer to and that is not there.
fn nowhere() -> Balance {
    Balance {
        account: "(missing)".into(),
        window: Timestamp::default(),
        until: Timestamp::default(),
        measure: Measure::Requests,
        charged: 0,
        adjusted: 0,
    }
}

/// Whole hours that there are rollups or rows of.
pub async fn told(tables: &mut dyn Tables) -> Result<Period, StoreError> {
    let held = held(tables).await?;
    let (first, last) = tables.row_times().await?;
    let rows = Period { from: first.unwrap_or(held.from), to: last.map_or(held.to, |last| last.saturating_add(1)) };
    Ok(if held.is_empty() { rows } else { rows.joined(held) }.widened())
}

/// The days whose rollups can be compared with rows, and from when on all rows are kept.
pub async fn days(tables: &mut dyn Tables) -> Result<(Vec<Period>, i64), StoreError> {
    // Rollups may have an age of their own: where there are any, rows before them have none.
    let held = held(tables).await?;
    let told = if held.is_empty() { told(tables).await? } else { held };
    let complete_from = tables.pruned().await?;
    let (mut at, mut days) = (Span::Day.start(told.from.max(complete_from)), Vec::new());
    while at < told.to {
        let day = Period { from: at, to: at.saturating_add(Span::Day.nanos()) };
        days.push(day);
        at = day.to;
    }
    Ok((days, complete_from))
}

/// Compares the rollups of a day with its rows, as of the moment that `tables` shows.
pub async fn day(
    tables: &mut dyn Tables,
    known: &Known,
    day: Period,
    complete_from: i64,
) -> Result<Vec<RollupFinding>, StoreError> {
    learn(tables, known).await?;
    let from = day.from.max(complete_from);
    let mut recount = Recount::default();
    let mut after = [from, i64::MIN, i64::MIN];
    loop {
        let found = tables.raw_rows(Which::Time { after }).await?;
        let found: Vec<_> = found.into_iter().filter(|row| row.began() < day.to).collect();
        let Some(last) = found.last() else { break };
        after = [last.began(), last.chain, last.link];
        for (raw, booked) in booked(tables, found, &|id| known.series(id)).await? {
            recount.count(raw.series, &booked.row()?);
        }
    }
    for span in Span::ALL {
        let run = Run::of(span, Period { from, to: day.to });
        let mut compare = |start, page: &[u8]| {
            recount.compare_with(span, start, page);
            Some(())
        };
        tables.pages(run, None, &mut compare).await?;
    }
    Ok(recount.findings(complete_from))
}

type Place = (Span, i64, SeriesId);

/// Rollups counted again from rows, and those that are stored.
#[derive(Default)]
pub struct Recount {
    rows: BTreeMap<Place, Totals>,
    stored: BTreeMap<Place, Totals>,
    unreadable: BTreeSet<(Span, i64)>,
}

impl Recount {
    /// Counts a row.
    pub fn count(&mut self, series: SeriesId, row: &UsageRow) {
        for span in Span::ALL {
            let place = (span, span.start(nanos(row.intent.time)), series);
            self.rows.entry(place).or_default().count(row);
        }
    }

    /// Adds a stored page, or notes that it is none.
    pub fn compare_with(&mut self, span: Span, start: i64, page: &[u8]) {
        if self.add(span, start, page).is_none() {
            self.unreadable.insert((span, start));
        }
    }

    fn add(&mut self, span: Span, start: i64, page: &[u8]) -> Option<()> {
        for entry in entries(page)? {
            let (series, bytes) = entry?;
            self.stored.entry((span, start, series)).or_default().merge_encoded(bytes)?;
        }
        Some(())
    }

    /// Where the two differ, in hours and days that begin at or after `from`. Of those with a page that cannot be read
    /// nothing more is said.
    pub fn findings(&self, from: i64) -> Vec<RollupFinding> {
        let none = Totals::default();
        let mut places: Vec<_> = self.rows.keys().chain(self.stored.keys()).collect();
        places.sort_unstable();
        places.dedup();
        let is_comparable = |place: &&&Place| place.1 >= from && !self.unreadable.contains(&(place.0, place.1));
        let unreadable = self.unreadable.iter().map(|(span, start)| self.unreadable(*span, *start));
        let differences = places.iter().filter(is_comparable).filter_map(|place| {
            let [rows, stored] = [&self.rows, &self.stored].map(|map| map.get(place).unwrap_or(&none));
            difference(place, rows, stored)
        });
        unreadable.chain(differences).collect()
    }

    fn unreadable(&self, span: Span, start: i64) -> RollupFinding {
        let here = self.rows.iter().filter(|(place, _)| (place.0, place.1) == (span, start));
        let rows = here.fold(0_i64, |sum, (_, totals)| sum.saturating_add(totals.get(Sum::Calls)));
        RollupFinding { start: time(start), day: span == Span::Day, sum: UNREADABLE, stored: 0, rows }
    }
}

fn difference(&(span, start, _): &Place, rows: &Totals, stored: &Totals) -> Option<RollupFinding> {
    if rows == stored {
        return None;
    }
    let sum = Sum::ALL.into_iter().find(|sum| rows.get(*sum) != stored.get(*sum));
    let values = |totals: &Totals| sum.map_or_else(|| counted(totals), |sum| totals.get(sum));
    Some(RollupFinding {
        start: time(start),
        day: span == Span::Day,
        sum: sum.map_or("distributions", Sum::as_str),
        stored: values(stored),
        rows: values(rows),
    })
}

fn counted(totals: &Totals) -> i64 {
    super::super::sums::clamped(totals.durations.count().saturating_add(totals.ttfts.count()))
}

/// Balances end at [`MOST`].
fn within_bounds(sum: i128) -> i64 {
    i64::try_from(sum.clamp(i128::from(-MOST), i128::from(MOST))).expect("clamped")
}

/// What is wrong with a balance whose rows and corrections add up to these.
fn balance_finding(stored: Balance, rows: i64, audited: i64) -> Option<BalanceFinding> {
    let is_right = (stored.charged, stored.adjusted) == (rows, audited);
    (!is_right).then_some(BalanceFinding { stored, rows, audited })
}
