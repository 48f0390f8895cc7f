//! Rollups: sums per hour and day, in pages of 128 series of one replica. All aggregation is here; an adapter only
//! reads and writes pages.
//!
//! A page is a version byte and then entries by series: distance to the series before, length, encoded totals. So a
//! batch rewrites a few pages, copies the entries that it does not touch, and a report skips those it does not want.

use std::collections::BTreeMap;

use super::{super::Totals, series::SeriesId};
use crate::{exchange::UsageRow, model::varint};

/// Series in a page.
pub const SERIES_PER_SHARD: i64 = 128;

const VERSION: u8 = 1;

/// The length of time that a page sums up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// An hour of UTC.
    Hour,
    /// A day of UTC.
    Day,
}

impl Span {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Hour, Self::Day];

    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Its length in nanoseconds.
    pub const fn nanos(self) -> i64 {
        match self {
            Self::Hour => 3_600_000_000_000,
            Self::Day => 86_400_000_000_000,
        }
    }

    /// Start of the span that `time` falls into, in nanoseconds.
    pub const fn start(self, time: i64) -> i64 {
        time - time.rem_euclid(self.nanos())
    }
}

/// Which page of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageKey {
    /// How long.
    pub span: Span,
    /// From when, in nanoseconds.
    pub start: i64,
    /// Which series: `id / 128`.
    pub shard: i64,
}

impl PageKey {
    /// A page as it was read, by its key; `None`: of a span that is none.
    pub fn keyed((word, start, shard, body): (String, i64, i64, Vec<u8>)) -> Option<(Self, Vec<u8>)> {
        let span = Span::ALL.into_iter().find(|span| span.as_str() == word)?;
        Some((Self { span, start, shard }, body))
    }
}

/// What one page is to be grown by.
pub type Growth = BTreeMap<SeriesId, Totals>;

/// What a batch adds to rollups.
#[derive(Debug, Default)]
pub struct Rollups(pub BTreeMap<PageKey, Growth>);

impl Rollups {
    /// Counts a row, in its hour only; days follow by [`Self::with_days`].
    pub fn count(&mut self, series: SeriesId, time: i64, row: &UsageRow) {
        let key = PageKey { span: Span::Hour, start: Span::Hour.start(time), shard: shard_of(series) };
        self.0.entry(key).or_default().entry(series).or_default().count(row);
    }

    /// Adds the pages of days.
    pub fn with_days(mut self) -> Self {
        let mut days = BTreeMap::<PageKey, Growth>::new();
        for (key, growth) in &self.0 {
            let key = PageKey { span: Span::Day, start: Span::Day.start(key.start), shard: key.shard };
            let day = days.entry(key).or_default();
            for (series, totals) in growth {
                day.entry(*series).or_default().merge(totals);
            }
        }
        self.0.append(&mut days);
        self
    }
}

/// Which page's series this is.
pub const fn shard_of(series: SeriesId) -> i64 {
    series / SERIES_PER_SHARD
}

/// The page `old` (empty: none yet) with `growth` added; `None` when `old` is no page.
pub fn grown(old: &[u8], growth: &Growth) -> Option<Vec<u8>> {
    let mut page = Writer::default();
    let mut growth = growth.iter().peekable();
    for entry in entries(old)? {
        let (series, bytes) = entry?;
        while let Some((earlier, totals)) = growth.next_if(|(new, _)| **new < series) {
            page.put(*earlier, totals);
        }
        match growth.next_if(|(new, _)| **new == series) {
            None => page.copy(series, bytes),
            Some((_, more)) => {
                let mut totals = more.clone();
                totals.merge_encoded(bytes)?;
                page.put(series, &totals);
            }
        }
    }
    growth.for_each(|(series, totals)| page.put(*series, totals));
    Some(page.bytes)
}

/// The entries of a page: series and encoded totals; an entry that is none ends it with `None`. Nothing when it is
/// no page at all.
pub fn entries(page: &[u8]) -> Option<Entries<'_>> {
    match page.split_first() {
        None => Some(Entries { rest: page, last: 0 }),
        Some((&VERSION, rest)) => Some(Entries { rest, last: 0 }),
        Some(_) => None,
    }
}

/// Whether a page tells of what is wanted, by series and encoded totals; `None` when it is no page.
pub fn tells_of(page: &[u8], is_wanted: impl Fn(SeriesId, &[u8]) -> Option<bool>) -> Option<bool> {
    for entry in entries(page)? {
        let (series, totals) = entry?;
        if is_wanted(series, totals)? {
            return Some(true);
        }
    }
    Some(false)
}

/// Whether all of a page can be read.
pub fn is_whole(page: &[u8]) -> bool {
    let whole = |entry: Option<(SeriesId, &[u8])>| Totals::default().merge_encoded(entry?.1);
    entries(page).is_some_and(|mut entries| entries.all(|entry| whole(entry).is_some()))
}

/// See [`entries`].
pub struct Entries<'a> {
    rest: &'a [u8],
    last: SeriesId,
}

impl<'a> Entries<'a> {
    fn entry(&mut self) -> Option<(SeriesId, &'a [u8])> {
        self.last = self.last.checked_add(i64::try_from(varint::take(&mut self.rest)?).ok()?)?;
        let length = usize::try_from(varint::take(&mut self.rest)?).ok()?;
        let (entry, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some((self.last, entry))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Option<(SeriesId, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.entry();
        if entry.is_none() {
            self.rest = &[];
        }
        Some(entry)
    }
}

/// Writes entries in the order of their series.
struct Writer {
    bytes: Vec<u8>,
    last: SeriesId,
    scratch: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        Self { bytes: vec![VERSION], last: 0, scratch: Vec::new() }
    }
}

impl Writer {
    fn put(&mut self, series: SeriesId, totals: &Totals) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        totals.encode(&mut scratch);
        self.copy(series, &scratch);
        self.scratch = scratch;
    }

    fn copy(&mut self, series: SeriesId, entry: &[u8]) {
        varint::put(&mut self.bytes, (series - self.last).unsigned_abs());
        varint::put(&mut self.bytes, entry.len() as u64);
        self.bytes.extend_from_slice(entry);
        self.last = series;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::samples, *};

    /// Rows of few series in few hours, in batches.
    fn batches() -> impl Strategy<Value = Vec<Vec<(SeriesId, i64, UsageRow)>>> {
        let row = (0..5_i64, 0..4_i64, samples::row())
            .prop_map(|(series, hour, row)| (series * 77, hour * 50_000 * 1_000_000_000, row));
        prop::collection::vec(prop::collection::vec(row, 0..12), 0..8)
    }

    fn apply(pages: &mut BTreeMap<PageKey, Vec<u8>>, batch: &[(SeriesId, i64, UsageRow)]) {
        let mut rollups = Rollups::default();
        for (series, time, row) in batch {
            rollups.count(*series, *time, row);
        }
        for (key, growth) in rollups.with_days().0 {
            let page = pages.entry(key).or_default();
            *page = grown(page, &growth).expect("a page");
        }
    }

    proptest! {
        #[test]
        fn pages_are_the_same_whatever_the_batches(batches in batches()) {
            let [mut many, mut one] = [BTreeMap::new(), BTreeMap::new()];
            for batch in &batches {
                apply(&mut many, batch);
            }
            apply(&mut one, &batches.concat());
            prop_assert_eq!(many, one);
        }

        #[test]
        fn any_bytes_are_a_page_or_refused(bytes: Vec<u8>) {
            let growth = Growth::from([(3, Totals::default())]);
            let page = [&[VERSION], &bytes[..]].concat();
            if let Some(grown) = grown(&page, &growth) {
                prop_assert!(entries(&grown).expect("a page").all(|entry| entry.is_some()));
            }
        }
    }

    #[test]
    fn a_page_of_a_later_version_is_refused() {
        assert!(grown(&[VERSION + 1], &Growth::default()).is_none());
    }
}
