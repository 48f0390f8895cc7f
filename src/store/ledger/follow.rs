//! Following chains from their last checkpoint to their head, for proof and for pruning.

use std::{collections::HashMap, sync::Arc};

use super::{
    super::{ChainFinding, ChainProblem, ChainReport, StoreError, sums::clamped},
    booked::Booked,
    chain::{ChainKey, Follower, HEAD, Head},
    plan::{Period, Run},
    rollup::{Span, is_whole},
    series::{Series, SeriesId},
    tables::{Checkpoint, PAGE, RawRow, StoredChain, Tables, Which, booked},
};

/// Follows every chain, and finds rows of chains that there are not.
pub async fn chains(tables: &mut dyn Tables, key: &ChainKey) -> Result<Vec<ChainReport>, StoreError> {
    let chains = tables.chains().await?;
    let mut reports = Vec::new();
    for chain in &chains {
        reports.push(chain_report(tables, key, chain).await?);
    }
    reports.extend(strangers(tables, &chains).await?);
    Ok(reports)
}

/// Again from the newest checkpoint when rows were pruned meanwhile.
async fn chain_report(tables: &mut dyn Tables, key: &ChainKey, chain: &StoredChain) -> Result<ChainReport, StoreError> {
    loop {
        let report = try_chain(tables, key, chain).await?;
        let missing = report.finding.as_ref().filter(|found| found.problem == ChainProblem::Missing);
        let newest = tables.checkpoint(chain.id).await?;
        if missing.is_none() || newest.is_none_or(|newest| newest.head.length <= report.pruned) {
            return Ok(report);
        }
    }
}

async fn try_chain(tables: &mut dyn Tables, key: &ChainKey, chain: &StoredChain) -> Result<ChainReport, StoreError> {
    let start = tables.checkpoint(chain.id).await?;
    let from = start.as_ref().map(|start| start.head.clone()).unwrap_or_default();
    let (replica, pruned, head) = (chain.replica.clone(), from.length, crate::model::hex(&chain.head.code));
    let mut report = ChainReport { replica, pruned, verified: 0, head, finding: None };
    let seals = [
        (chain.key == key.id(), ChainProblem::Key),
        (key.seal(HEAD, &chain.replica, &chain.head)[..] == chain.seal, ChainProblem::Head),
        (start.is_none_or(|start| start.is_sealed(key, &chain.replica)), ChainProblem::Checkpoint),
    ];
    let broken = seals.into_iter().find(|(holds, _)| !holds);
    report.finding = broken.map(|(_, problem)| ChainFinding { position: chain.head.length, request: None, problem });
    if report.finding.is_none() {
        let mut follower = Follower::new(key, from);
        report.finding = to_the_head(tables, chain, &mut follower).await?;
        report.verified = follower.at().length - pruned - u64::from(report.finding.as_ref().is_some_and(is_of_row));
    }
    Ok(report)
}

/// Whether it is a row that does not fit, which then was counted as the next.
fn is_of_row(finding: &ChainFinding) -> bool {
    finding.problem == ChainProblem::Changed
}

/// From where the follower is to the head.
async fn to_the_head(
    tables: &mut dyn Tables,
    chain: &StoredChain,
    follower: &mut Follower<'_>,
) -> Result<Option<ChainFinding>, StoreError> {
    let series: HashMap<_, _> = tables.series_after(0).await?.into_iter().collect();
    loop {
        let left = clamped(chain.head.length.saturating_sub(follower.at().length)).min(PAGE);
        let found = next(tables, chain, follower.at(), left, &series).await?;
        if found.is_empty() {
            break;
        }
        for (raw, booked) in &found {
            if let Err(finding) = follower.follow(raw.link.unsigned_abs(), &raw.code, booked) {
                return Ok(Some(finding));
            }
        }
    }
    let finding = follower.arrive(&chain.head);
    Ok(if finding.is_some() { finding } else { outside(tables, chain).await? })
}

/// Rows of a chain after `at`, with what other tables say of them.
async fn next(
    tables: &mut dyn Tables,
    chain: &StoredChain,
    at: &Head,
    at_most: i64,
    series: &HashMap<SeriesId, Arc<Series>>,
) -> Result<Vec<(RawRow, Booked)>, StoreError> {
    let found = tables.raw_rows(Which::Chain { id: chain.id, after: clamped(at.length), at_most }).await?;
    booked(tables, found, &|id| series.get(&id).cloned()).await
}

/// A row behind the head, as the head is now.
async fn outside(tables: &mut dyn Tables, chain: &StoredChain) -> Result<Option<ChainFinding>, StoreError> {
    let found = tables.outside(chain.id).await?;
    Ok(found.map(|(link, id)| ChainFinding {
        position: link.unsigned_abs(),
        request: uuid::Uuid::from_slice(&id).ok(),
        problem: ChainProblem::Inserted,
    }))
}

/// Rows of chains that there are not.
async fn strangers(tables: &mut dyn Tables, chains: &[StoredChain]) -> Result<Vec<ChainReport>, StoreError> {
    let mut reports = Vec::new();
    let mut after = i64::MIN;
    while let Some(id) = tables.next_chain(after).await? {
        after = id;
        if chains.iter().any(|chain| chain.id == id) {
            continue;
        }
        let first = tables.raw_rows(Which::Chain { id, after: i64::MIN, at_most: 1 }).await?;
        let first = booked(tables, first, &|_| None).await?.pop();
        let finding = first.map(|(raw, row)| ChainFinding {
            position: raw.link.unsigned_abs(),
            request: Some(row.id()),
            problem: ChainProblem::Inserted,
        });
        reports.push(ChainReport { replica: "".into(), pruned: 0, verified: 0, head: String::new(), finding });
    }
    Ok(reports)
}

/// What a step of pruning may remove of a chain.
pub enum Cut {
    /// Nothing is old enough.
    Nothing,
    /// Verification objects to what would go next.
    Refused(ChainFinding),
    /// All rows up to a new checkpoint.
    UpTo {
        /// The last row that goes, with the sums of all that went.
        head: Head,
        /// The checkpoint's `before`.
        before: i64,
        /// How many rows go.
        rows: u64,
        /// Begin of each hour that they began in.
        hours: Vec<i64>,
    },
}

/// One step of one chain. Rows are followed before they are removed: their sums go into the checkpoint, and what does
/// not fit stays.
pub async fn cut(
    tables: &mut dyn Tables,
    key: &ChainKey,
    chain: &StoredChain,
    before: i64,
    at_most: u32,
) -> Result<Cut, StoreError> {
    let start = tables.checkpoint(chain.id).await?;
    let from = start.as_ref().map(|start| start.head.clone()).unwrap_or_default();
    let series: HashMap<_, _> = tables.series_after(0).await?.into_iter().collect();
    let mut old = next(tables, chain, &from, i64::from(at_most), &series).await?;
    let keep = old.iter().position(|(_, row)| row.began() >= before).unwrap_or(old.len());
    old.truncate(keep);
    if old.is_empty() {
        return Ok(Cut::Nothing);
    }
    let problem = match &start {
        _ if chain.key != key.id() => Some(ChainProblem::Key),
        Some(start) if !start.is_sealed(key, &chain.replica) => Some(ChainProblem::Checkpoint),
        _ => None,
    };
    if let Some(problem) = problem {
        return Ok(Cut::Refused(ChainFinding { position: from.length + 1, request: None, problem }));
    }
    let mut follower = Follower::new(key, from);
    for (raw, row) in &old {
        if let Err(finding) = follower.follow(raw.link.unsigned_abs(), &raw.code, row) {
            return Ok(Cut::Refused(finding));
        }
    }
    let before = start.map_or(0, |start: Checkpoint| start.before).max(before);
    let mut hours: Vec<_> = old.iter().map(|(_, row)| Span::Hour.start(row.began())).collect();
    hours.sort_unstable();
    hours.dedup();
    Ok(Cut::UpTo { head: follower.at().clone(), before, rows: old.len() as u64, hours })
}

/// Rows go only when the sums that stay of them can be read: otherwise they are what those are made anew from.
///
/// # Errors
/// [`StoreError::BadPage`].
pub async fn sums_are_whole(tables: &mut dyn Tables, hours: &[i64]) -> Result<(), StoreError> {
    let mut days: Vec<_> = hours.iter().map(|hour| Span::Day.start(*hour)).collect();
    days.dedup();
    for (span, starts) in [(Span::Hour, hours), (Span::Day, &days)] {
        for start in starts {
            let run = Run::of(span, Period { from: *start, to: start.saturating_add(1) });
            tables.pages(run, None, &mut |_, page| is_whole(page).then_some(())).await?;
        }
    }
    Ok(())
}
