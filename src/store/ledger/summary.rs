//! Adding rollups up to the lines of a report.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    super::{
        Dimension, Report, ReportKey, ReportQuery, ReportRow, Sum, Totals,
        decode::{nanos, time},
    },
    plan::{Period, Steps},
    rollup::entries,
    series::{Series, SeriesId},
};
use crate::exchange::UsageRow;

/// A report in the making.
pub struct Summary<'a> {
    query: &'a ReportQuery,
    steps: Steps,
    /// What each wanted series counts to.
    groups: HashMap<SeriesId, usize>,
    /// The groups: value and currency, which are kept apart until the end.
    keys: Vec<(ReportKey, Arc<str>)>,
    sums: HashMap<(usize, usize), Totals>,
}

impl<'a> Summary<'a> {
    /// An empty report over `wanted` series, which match the query's filters.
    pub fn new(query: &'a ReportQuery, steps: Steps, wanted: &HashMap<SeriesId, Series>) -> Self {
        let mut places = HashMap::new();
        let mut keys = Vec::new();
        let mut groups = HashMap::with_capacity(wanted.len());
        for (id, series) in wanted {
            let key = (key_of(query.by, series), series.currency().clone());
            let place = *places.entry(key.clone()).or_insert_with(|| {
                keys.push(key);
                keys.len() - 1
            });
            groups.insert(*id, place);
        }
        Self { query, steps, groups, keys, sums: HashMap::new() }
    }

    /// Adds a page of rollups that start at `start`; `None` when it is no page.
    #[must_use]
    pub fn add_page(&mut self, start: i64, page: &[u8]) -> Option<()> {
        let step = self.steps.of(start);
        for entry in entries(page)? {
            let (series, bytes) = entry?;
            if let Some(group) = self.groups.get(&series) {
                self.sums.entry((step, *group)).or_default().merge_encoded(bytes)?;
            }
        }
        Some(())
    }

    /// Adds a row of `series`.
    pub fn add_row(&mut self, series: SeriesId, row: &UsageRow) {
        if let Some(group) = self.groups.get(&series) {
            let step = self.steps.of(nanos(row.intent.time));
            self.sums.entry((step, *group)).or_default().count(row);
        }
    }

    /// The report over what was counted.
    pub fn finish(self, counted: Period) -> Report {
        let mut rows = BTreeMap::<ReportKey, ReportRow>::new();
        for ((step, group), totals) in self.sums {
            let (key, currency) = &self.keys[group];
            let mut key = key.clone();
            key.start = self.query.bucket.map(|_| time(self.steps.start(step)));
            let row = rows.entry(key.clone()).or_insert_with(|| ReportRow {
                key,
                totals: Totals::default(),
                cost: BTreeMap::new(),
                saved: BTreeMap::new(),
            });
            note(&mut row.cost, currency, totals.get(Sum::Cost));
            note(&mut row.saved, currency, totals.get(Sum::SavedCost));
            row.totals.merge(&totals);
        }
        let wanted = rows.into_values().filter(|row| self.query.after.as_ref().is_none_or(|after| row.key > *after));
        let mut rows: Vec<_> = wanted.take(self.query.limit.saturating_add(1)).collect();
        let more = rows.len() > self.query.limit;
        rows.truncate(self.query.limit);
        Report { rows, from: time(counted.from), to: time(counted.to), more }
    }
}

/// Amounts of nothing are left out where no currency is known.
fn note(sums: &mut BTreeMap<Arc<str>, i64>, currency: &Arc<str>, amount: i64) {
    if amount != 0 || !currency.is_empty() {
        let sum = sums.entry(currency.clone()).or_default();
        *sum = sum.saturating_add(amount);
    }
}

fn key_of(by: Option<Dimension>, series: &Series) -> ReportKey {
    let api = (by == Some(Dimension::Operation)).then(|| series.get(Dimension::Api).clone());
    ReportKey { start: None, api, value: by.map(|dimension| series.get(dimension).clone()) }
}
