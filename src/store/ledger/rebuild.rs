//! Making rollups anew: hours from the rows that are kept, days from hours.
//!
//! Each hour and each day is a transaction of its own, begun by the adapter, so that a gateway may ship meanwhile: it
//! grows whichever pages it finds.

use std::collections::BTreeMap;

use super::{
    super::{
        Rebuilt, StoreError, Totals,
        decode::{nanos, time},
    },
    plan::{Period, Run},
    recount::told,
    report::learn,
    rollup::{Growth, PageKey, Rollups, Span, entries, grown, is_whole},
    series::{Known, SeriesId},
    tables::{Pages, Tables, Which, bad_page, booked},
};
use crate::model::Timestamp;

/// What is to be made anew.
pub struct Plan {
    /// All hours that there are rollups or rows of.
    pub hours: Vec<i64>,
    /// All days, likewise.
    pub days: Vec<i64>,
    /// All rows of hours that begin at or after this are kept.
    pub complete_from: i64,
    /// Rollups of hours that begin at or after this are kept.
    pub held_from: i64,
}

/// Which hours and days there are.
pub async fn plan(tables: &mut dyn Tables) -> Result<Plan, StoreError> {
    let complete_from = tables.pruned().await?;
    let whole = told(tables).await?;
    let starts = |span: Span| {
        let step = usize::try_from(span.nanos()).expect("a day fits");
        (span.start(whole.from)..whole.to).step_by(step).collect()
    };
    Ok(Plan { hours: starts(Span::Hour), days: starts(Span::Day), complete_from, held_from: whole.from })
}

/// The pages of each chain.
type ByChain = BTreeMap<i64, BTreeMap<PageKey, Vec<u8>>>;

/// Makes the pages of an hour anew. Without all of its rows, only those that cannot be read go, and it is lost.
pub async fn hour(
    pages: &mut dyn Pages,
    known: &Known,
    (start, plan): (i64, &Plan),
    done: &mut Rebuilt,
) -> Result<(), StoreError> {
    let period = Period { from: start, to: start.saturating_add(Span::Hour.nanos()) };
    let stored = stored(pages, Span::Hour, period).await?;
    done.hours += 1;
    if start >= plan.complete_from {
        learn(pages, known).await?;
        let counted = counted(pages, known, period).await?;
        return replace(pages, stored, counted, done).await;
    }
    if drop_unreadable(pages, stored, done).await? {
        done.lost.push((time(start), false));
    }
    Ok(())
}

/// Makes the pages of a day anew from those of its hours. A day of which not all rows are kept stays as it is while it
/// can be read.
pub async fn day(pages: &mut dyn Pages, (start, plan): (i64, &Plan), done: &mut Rebuilt) -> Result<(), StoreError> {
    let period = Period { from: start, to: start.saturating_add(Span::Day.nanos()) };
    let stored = stored(pages, Span::Day, period).await?;
    if start < plan.complete_from {
        if stored.values().flatten().all(|(_, page)| is_whole(page)) {
            return Ok(());
        }
        let is_of_day = |(hour, _): &(Timestamp, bool)| Span::Day.start(nanos(*hour)) == start;
        if start < plan.held_from || done.lost.iter().any(is_of_day) {
            done.lost.push((time(start), true));
        }
    }
    let hours = self::stored(pages, Span::Hour, period).await?;
    replace(pages, stored, days_of(hours)?, done).await
}

/// What all rows ever add up to, less what rollups of days do.
pub async fn tokens_missing(tables: &mut dyn Tables) -> Result<i64, StoreError> {
    let chains = tables.chains().await?;
    let all = chains.iter().flat_map(|chain| chain.head.totals.tokens).fold(0_i64, i64::saturating_add);
    let mut sum = Totals::default();
    let mut add = |_, page: &[u8]| {
        for entry in entries(page)? {
            sum.merge_encoded(entry?.1)?;
        }
        Some(())
    };
    let always = Period { from: i64::MIN, to: i64::MAX };
    tables.pages(Run::of(Span::Day, always), None, &mut add).await?;
    Ok(all.saturating_sub(sum.tokens()))
}

async fn stored(pages: &mut dyn Pages, span: Span, period: Period) -> Result<ByChain, StoreError> {
    let mut by_chain = ByChain::new();
    for (key, chain, body) in pages.stored_pages(span, period).await? {
        by_chain.entry(chain).or_default().insert(key, body);
    }
    Ok(by_chain)
}

/// The pages that the rows of an hour make.
async fn counted(tables: &mut dyn Tables, known: &Known, hour: Period) -> Result<ByChain, StoreError> {
    let mut sums = BTreeMap::<i64, Rollups>::new();
    let mut after = [hour.from, i64::MIN, i64::MIN];
    loop {
        let found = tables.raw_rows(Which::Time { after }).await?;
        let found: Vec<_> = found.into_iter().filter(|row| row.began() < hour.to).collect();
        let Some(last) = found.last() else { break };
        after = [last.began(), last.chain, last.link];
        for (raw, booked) in booked(tables, found, &|id| known.series(id)).await? {
            let began = booked.began();
            sums.entry(raw.chain).or_default().count(raw.series, began, &booked.row()?);
        }
    }
    Ok(sums.into_iter().map(|(chain, sums)| (chain, pages_of(sums.0))).collect())
}

fn pages_of(sums: BTreeMap<PageKey, Growth>) -> BTreeMap<PageKey, Vec<u8>> {
    sums.into_iter().filter_map(|(key, growth)| Some((key, grown(&[], &growth)?))).collect()
}

/// The pages of days that pages of hours add up to.
fn days_of(hours: ByChain) -> Result<ByChain, StoreError> {
    let mut days = ByChain::new();
    for (chain, pages) in hours {
        let mut sums = BTreeMap::<PageKey, Growth>::new();
        for (hour, page) in pages {
            let key = PageKey { span: Span::Day, start: Span::Day.start(hour.start), shard: hour.shard };
            let bad = || bad_page(Span::Hour, hour.start);
            add(sums.entry(key).or_default(), &page).ok_or_else(bad)?;
        }
        days.insert(chain, pages_of(sums));
    }
    Ok(days)
}

fn add(sums: &mut BTreeMap<SeriesId, Totals>, page: &[u8]) -> Option<()> {
    for entry in entries(page)? {
        let (series, bytes) = entry?;
        sums.entry(series).or_default().merge_encoded(bytes)?;
    }
    Some(())
}

/// Writes what differs, and removes what nothing adds up to.
async fn replace(
    pages: &mut dyn Pages,
    mut stored: ByChain,
    counted: ByChain,
    done: &mut Rebuilt,
) -> Result<(), StoreError> {
    for (chain, right) in counted {
        let mut there = stored.remove(&chain).unwrap_or_default();
        let differs = |(key, page): &(PageKey, Vec<u8>)| there.remove(key).as_ref() != Some(page);
        let wrong: Vec<_> = right.into_iter().filter(differs).collect();
        done.pages += wrong.len() as u64;
        pages.put_pages(chain, wrong).await?;
        remove(pages, chain, there.into_keys().collect(), done).await?;
    }
    for (chain, there) in stored {
        remove(pages, chain, there.into_keys().collect(), done).await?;
    }
    Ok(())
}

/// Whether there were any that cannot be read.
async fn drop_unreadable(pages: &mut dyn Pages, stored: ByChain, done: &mut Rebuilt) -> Result<bool, StoreError> {
    let before = done.pages;
    for (chain, there) in stored {
        let unreadable = there.into_iter().filter(|(_, page)| !is_whole(page)).map(|(key, _)| key).collect();
        remove(pages, chain, unreadable, done).await?;
    }
    Ok(done.pages > before)
}

async fn remove(pages: &mut dyn Pages, chain: i64, keys: Vec<PageKey>, done: &mut Rebuilt) -> Result<(), StoreError> {
    done.pages += keys.len() as u64;
    pages.remove_pages(chain, keys).await
}
