//! Adding rollups up to the lines of a report.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    super::{
        Dimension, Report, ReportKey, ReportQuery, ReportRow, Sum, Totals,
        decode::{nanos, time},
    },
    plan::{Period, Run, Steps},
    rollup::{Span, entries},
    series::{Series, SeriesId},
};
use crate::{exchange::UsageRow, model::money::CURRENCY};

/// A report in the making.
pub struct Summary<'a> {
    query: &'a ReportQuery,
    steps: Steps,
    /// What each wanted series counts to, by series.
    groups: Vec<(SeriesId, usize)>,
    /// The groups: value and currency, which are kept apart until the end.
    keys: Vec<(ReportKey, Arc<str>)>,
    /// Steps that are added to at the moment, with their sums by group. Pages come by time: a step is hardly ever
    /// returned to, and then its parts are put together at the end.
    open: BTreeMap<usize, Vec<Option<Totals>>>,
    /// Step, group and sums of the steps before.
    done: Vec<(usize, usize, Totals)>,
}

/// Steps that are open at a time: a day's, and those that its hours are moved to.
const OPEN: usize = 3;

impl<'a> Summary<'a> {
    /// An empty report over `wanted` series, which match the query's filters.
    pub fn new(query: &'a ReportQuery, steps: Steps, wanted: &HashMap<SeriesId, Arc<Series>>) -> Self {
        let mut places = HashMap::new();
        let mut keys = Vec::new();
        let mut groups = Vec::with_capacity(wanted.len());
        for (id, series) in wanted {
            let key = (key_of(query, series), series.currency().clone());
            let place = *places.entry(key.clone()).or_insert_with(|| {
                keys.push(key);
                keys.len() - 1
            });
            groups.push((*id, place));
        }
        groups.sort_unstable();
        Self { query, steps, groups, keys, open: BTreeMap::new(), done: Vec::new() }
    }

    /// Adds a page of rollups of `run` that start at `start`; `None` when it is no page.
    #[must_use]
    pub fn add_page(&mut self, run: Run, start: i64, page: &[u8]) -> Option<()> {
        let step = self.steps.of_page(run.span, start);
        let whence = run.is_moved.then(|| self.steps.of_page(Span::Day, Span::Day.start(start)));
        let mut sums = self.take(step);
        let mut entries = entries(page)?.peekable();
        let first = entries.peek().copied().flatten().map_or(0, |(series, _)| series);
        // Both are in the order of series: no entry has to be looked up.
        let from = self.groups.partition_point(|(id, _)| *id < first);
        let mut moved = Vec::new();
        let mut groups = self.groups[from..].iter().peekable();
        for entry in entries {
            let (series, bytes) = entry?;
            while groups.next_if(|(id, _)| *id < series).is_some() {}
            if let Some((_, group)) = groups.next_if(|(id, _)| *id == series) {
                sums[*group].get_or_insert_default().merge_encoded(bytes)?;
                moved.extend(whence.map(|_| (*group, bytes)));
            }
        }
        self.open.insert(step, sums);
        whence.map_or(Some(()), |whence| self.subtract(whence, &moved))
    }

    /// Takes what was moved to another step off the one that it was counted to.
    fn subtract(&mut self, step: usize, moved: &[(usize, &[u8])]) -> Option<()> {
        let mut sums = self.take(step);
        for (group, bytes) in moved {
            let mut part = Totals::default();
            part.merge_encoded(bytes)?;
            sums[*group].get_or_insert_default().subtract(&part);
        }
        self.open.insert(step, sums);
        Some(())
    }

    /// Adds a row of `series`.
    pub fn add_row(&mut self, series: SeriesId, row: &UsageRow) {
        if let Ok(at) = self.groups.binary_search_by_key(&series, |(id, _)| *id) {
            let step = self.steps.of(nanos(row.intent.time));
            let mut sums = self.take(step);
            sums[self.groups[at].1].get_or_insert_default().count(row);
            self.open.insert(step, sums);
        }
    }

    /// The sums of a step, to be put back; the oldest open one is closed when there are too many.
    fn take(&mut self, step: usize) -> Vec<Option<Totals>> {
        if let Some(sums) = self.open.remove(&step) {
            return sums;
        }
        while self.open.len() >= OPEN {
            self.close();
        }
        vec![None; self.keys.len()]
    }

    fn close(&mut self) {
        if let Some((step, sums)) = self.open.pop_first() {
            let sums = sums.into_iter().enumerate();
            self.done.extend(sums.filter_map(|(group, sums)| Some((step, group, sums?))));
        }
    }

    /// Whether the steps that were counted so far, which are whole, make more lines than are wanted.
    pub fn is_full(&mut self) -> bool {
        while !self.open.is_empty() {
            self.close();
        }
        if self.done.len() <= self.query.limit {
            return false;
        }
        let lines = self.done.iter().filter(|(.., totals)| totals.get(Sum::Calls) != 0);
        let keys: BTreeSet<_> = lines.map(|(step, group, _)| self.key(*step, *group)).collect();
        keys.into_iter().filter(|key| self.wants(key)).count() > self.query.limit
    }

    fn key(&self, step: usize, group: usize) -> ReportKey {
        let start = self.query.bucket.map(|_| time(self.steps.start(step)));
        ReportKey { start, ..self.keys[group].0.clone() }
    }

    fn wants(&self, key: &ReportKey) -> bool {
        self.query.after.as_ref().is_none_or(|after| key > after)
    }

    /// The report over what was counted; `end`: the first step that was not, where not all were.
    pub fn finish(mut self, counted: Period, end: Option<usize>) -> Report {
        while !self.open.is_empty() {
            self.close();
        }
        let done = std::mem::take(&mut self.done);
        let done = done.into_iter().filter(|(step, ..)| end.is_none_or(|end| *step < end));
        let mut rows = BTreeMap::<ReportKey, ReportRow>::new();
        // What was moved away altogether is nothing.
        for (step, group, totals) in done.filter(|(.., totals)| totals.get(Sum::Calls) != 0) {
            let (key, currency) = (self.key(step, group), &self.keys[group].1);
            let row = rows.entry(key.clone()).or_insert_with(|| ReportRow {
                key,
                totals: Totals::default(),
                cost: BTreeMap::new(),
                saved: BTreeMap::new(),
            });
            note(&mut row.cost, currency, totals.get(Sum::Cost));
            // What a hit saves is in the currency that all prices are in; it cost nothing, so its series has none.
            let is_saved = currency.is_empty() && totals.get(Sum::SavedCost) != 0;
            let saved_in = if is_saved { &Arc::from(CURRENCY) } else { currency };
            note(&mut row.saved, saved_in, totals.get(Sum::SavedCost));
            row.totals.merge(&totals);
        }
        let wanted = rows.into_values().filter(|row| self.wants(&row.key));
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

fn key_of(query: &ReportQuery, series: &Series) -> ReportKey {
    let value = |dimension: Dimension| series.get(dimension).clone();
    let api = (query.by == Some(Dimension::Operation)).then(|| value(Dimension::Api));
    let also = query.also.iter().copied().map(value).collect();
    ReportKey { start: None, api, value: query.by.map(value), also }
}
