//! Adding rows up again, to compare with what is stored of them.

use std::collections::BTreeMap;

use super::{
    super::{
        Balance, BalanceFinding, RollupFinding, Sum, Totals,
        decode::{nanos, time},
    },
    batch::MOST,
    rollup::{Span, entries},
    series::SeriesId,
};
use crate::exchange::UsageRow;

type Place = (Span, i64, SeriesId);

/// Rollups counted again from rows, and those that are stored.
#[derive(Default)]
pub struct Recount {
    rows: BTreeMap<Place, Totals>,
    stored: BTreeMap<Place, Totals>,
}

impl Recount {
    /// Counts a row.
    pub fn count(&mut self, series: SeriesId, row: &UsageRow) {
        for span in Span::ALL {
            let place = (span, span.start(nanos(row.intent.time)), series);
            self.rows.entry(place).or_default().count(row);
        }
    }

    /// Adds a stored page; `None` when it is no page.
    #[must_use]
    pub fn compare_with(&mut self, span: Span, start: i64, page: &[u8]) -> Option<()> {
        for entry in entries(page)? {
            let (series, bytes) = entry?;
            self.stored.entry((span, start, series)).or_default().merge_encoded(bytes)?;
        }
        Some(())
    }

    /// Where the two differ, in hours and days that begin at or after `from`.
    pub fn findings(&self, from: i64) -> Vec<RollupFinding> {
        let none = Totals::default();
        let mut places: Vec<_> = self.rows.keys().chain(self.stored.keys()).collect();
        places.sort_unstable();
        places.dedup();
        let is_complete = |place: &&&Place| place.1 >= from;
        places
            .iter()
            .filter(is_complete)
            .filter_map(|place| {
                let [rows, stored] = [&self.rows, &self.stored].map(|map| map.get(place).unwrap_or(&none));
                difference(place, rows, stored)
            })
            .collect()
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

/// What is wrong with a balance whose rows add up to `sum`. Balances end at [`MOST`].
pub fn balance_finding(stored: Balance, sum: i128) -> Option<BalanceFinding> {
    let rows = i64::try_from(sum.clamp(i128::from(-MOST), i128::from(MOST))).expect("clamped");
    (stored.charged != rows).then_some(BalanceFinding { stored, rows })
}
