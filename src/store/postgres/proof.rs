//! Proof that the ledger is whole: following chains, and adding rows up again.

use std::{collections::HashMap, sync::Arc};

use sqlx::{Connection, PgConnection};

use super::{
    Postgres, Text, UNBOUNDED, bad_page,
    prune::{checkpoint, remove_rollups},
    reading::{booked, raw_rows},
    series::series_after,
    ship::head,
};
use crate::{
    model::Timestamp,
    store::{
        Answer, Balance, BalanceFinding, ChainFinding, ChainProblem, ChainReport, Proof, Pruned, RollupFinding,
        StoreError,
        decode::{nanos, time},
        ledger::{
            batch::charges_of,
            booked::measure,
            chain::{Follower, HEAD, Head, hex},
            plan::Period,
            recount::{Recount, balance_finding},
            rollup::Span,
            series::{Series, SeriesId},
        },
        sums::clamped,
    },
};

/// Rows read at a time.
const PAGE: i64 = 500;

impl Proof for Postgres {
    fn verify_chains(&self) -> Answer<'_, Vec<ChainReport>> {
        let me = self.clone();
        Box::pin(self.within(UNBOUNDED, move |connection| Box::pin(async move { me.follow_chains(connection).await })))
    }

    fn verify_balances(&self, at_most: usize) -> Answer<'_, Vec<BalanceFinding>> {
        let me = self.clone();
        Box::pin(self.within(UNBOUNDED, move |connection| {
            Box::pin(async move { me.recount_balances(connection, at_most).await })
        }))
    }

    fn verify_rollups(&self, at_most: usize) -> Answer<'_, Vec<RollupFinding>> {
        let me = self.clone();
        Box::pin(self.within(UNBOUNDED, move |connection| {
            Box::pin(async move { me.recount_rollups(connection, at_most).await })
        }))
    }

    fn prune_rows(&self, before: Timestamp, at_most: u32) -> Answer<'_, Pruned> {
        let me = self.clone();
        Box::pin(self.within(UNBOUNDED, move |connection| {
            Box::pin(async move { me.remove_rows(connection, before, at_most).await })
        }))
    }

    fn prune_rollups(&self, before: Timestamp, at_most: u32) -> Answer<'_, u64> {
        Box::pin(self.with(move |connection| Box::pin(remove_rollups(connection, before, at_most))))
    }
}

/// A chain's row of `chains`.
pub(super) struct StoredChain {
    pub id: i64,
    pub replica: Arc<str>,
    pub key: String,
    pub head: Head,
    pub seal: Vec<u8>,
}

type RawChain = (i64, Text, String, i64, Vec<u8>, String, Vec<u8>);

pub(super) async fn chains(reading: &mut PgConnection) -> Result<Vec<StoredChain>, StoreError> {
    let found: Vec<RawChain> =
        sqlx::query_as("SELECT id, replica, key_id, length, head, totals, seal FROM chains ORDER BY id")
            .fetch_all(reading)
            .await?;
    let stored = |(id, replica, key, length, code, totals, seal): RawChain| {
        Ok(StoredChain { id, replica: String::from(replica).into(), key, head: head(length, &code, &totals)?, seal })
    };
    found.into_iter().map(stored).collect()
}

impl Postgres {
    async fn follow_chains(&self, reading: &mut PgConnection) -> Result<Vec<ChainReport>, StoreError> {
        let chains = chains(reading).await?;
        let mut reports = Vec::new();
        for chain in &chains {
            reports.push(self.follow_chain(reading, chain).await?);
        }
        reports.extend(strangers(reading, &chains).await?);
        Ok(reports)
    }

    /// Again from the newest checkpoint when rows were pruned meanwhile.
    async fn follow_chain(&self, reading: &mut PgConnection, chain: &StoredChain) -> Result<ChainReport, StoreError> {
        loop {
            let (report, until) = self.try_chain(reading, chain).await?;
            let missing = report.finding.as_ref().filter(|found| found.problem == ChainProblem::Missing);
            let moved = checkpoint(reading, chain.id).await?.is_some_and(|newest| newest.head.length > until);
            if missing.is_none() || !moved {
                return Ok(report);
            }
        }
    }

    async fn try_chain(
        &self,
        reading: &mut PgConnection,
        chain: &StoredChain,
    ) -> Result<(ChainReport, u64), StoreError> {
        let key = self.secret.chain();
        let start = checkpoint(reading, chain.id).await?;
        let from = start.as_ref().map(|start| start.head.clone()).unwrap_or_default();
        let pruned = from.length;
        let mut report = ChainReport {
            replica: chain.replica.clone(),
            pruned,
            verified: 0,
            head: hex(&chain.head.code),
            finding: None,
        };
        let seals = [
            (chain.key == key.id(), ChainProblem::Key),
            (key.seal(HEAD, &chain.replica, &chain.head)[..] == chain.seal, ChainProblem::Head),
            (start.is_none_or(|start| start.is_sealed(key, &chain.replica)), ChainProblem::Checkpoint),
        ];
        report.finding = seals.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| ChainFinding {
            position: chain.head.length,
            request: None,
            problem,
        });
        if report.finding.is_none() {
            let mut follower = Follower::new(key, from);
            report.finding = follow(reading, chain, &mut follower).await?;
            report.verified = follower.at().length - pruned - u64::from(report.finding.as_ref().is_some_and(is_of_row));
        }
        Ok((report, pruned))
    }

    async fn recount_balances(
        &self,
        connection: &mut PgConnection,
        at_most: usize,
    ) -> Result<Vec<BalanceFinding>, StoreError> {
        let mut reading = connection.begin_with(super::ONE_MOMENT).await?;
        let complete_from = pruned(&mut reading).await?.saturating_add(Span::Hour.nanos());
        let mut sums = sums_of_charges(&mut reading).await?;
        let mut findings = Vec::new();
        for (id, balance) in all_balances(&mut reading).await? {
            let sum = sums.remove(&id).unwrap_or_default();
            let is_complete = nanos(balance.window) >= complete_from || complete_from == Span::Hour.nanos();
            findings.extend(balance_finding(balance, sum).filter(|_| is_complete));
        }
        findings.extend(sums.into_values().filter_map(|sum| balance_finding(nowhere(), sum)));
        findings.truncate(at_most);
        Ok(findings)
    }

    async fn recount_rollups(
        &self,
        connection: &mut PgConnection,
        at_most: usize,
    ) -> Result<Vec<RollupFinding>, StoreError> {
        let held = super::reports::held(connection).await?;
        let complete_from = pruned(connection).await?;
        let (mut at, end) = (Span::Day.start(held.from.max(complete_from)), held.to);
        let mut findings = Vec::new();
        while at < end && findings.len() < at_most {
            let day = Period { from: at, to: at.saturating_add(Span::Day.nanos()) };
            findings.extend(self.recount_day(connection, day, complete_from).await?);
            at = day.to;
        }
        findings.truncate(at_most);
        Ok(findings)
    }

    async fn recount_day(
        &self,
        connection: &mut PgConnection,
        day: Period,
        complete_from: i64,
    ) -> Result<Vec<RollupFinding>, StoreError> {
        let mut reading = connection.begin_with(super::ONE_MOMENT).await?;
        self.learn_series(&mut reading).await?;
        let mut recount = Recount::default();
        let mut after = [day.from.max(complete_from), i64::MIN, i64::MIN];
        loop {
            let rest = "(time, chain, link) > ($1, $2, $3) ORDER BY time, chain, link LIMIT 500";
            let found = raw_rows(&mut reading, rest, after).await?;
            let found: Vec<_> = found.into_iter().filter(|row| row.began() < day.to).collect();
            let Some(last) = found.last() else { break };
            after = [last.began(), last.chain, last.link];
            for (raw, booked) in booked(&mut reading, found, &|id| self.series.series(id)).await? {
                recount.count(raw.series, &booked.row()?);
            }
        }
        let pages: Vec<(String, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT span, start, body FROM rollups WHERE span IN ('hour', 'day') AND start >= $1 AND start < $2",
        )
        .bind(day.from.max(complete_from))
        .bind(day.to)
        .fetch_all(&mut *reading)
        .await?;
        reading.commit().await?;
        for (span, start, body) in pages {
            let span = if span == Span::Day.as_str() { Span::Day } else { Span::Hour };
            recount.compare_with(span, start, &body).ok_or_else(|| bad_page(span, start))?;
        }
        Ok(recount.findings(complete_from))
    }
}

/// Whether it is a row that does not fit, which then was counted as the next.
fn is_of_row(finding: &ChainFinding) -> bool {
    finding.problem == ChainProblem::Changed
}

/// From where the follower is to the head.
async fn follow(
    reading: &mut PgConnection,
    chain: &StoredChain,
    follower: &mut Follower<'_>,
) -> Result<Option<ChainFinding>, StoreError> {
    let series: HashMap<SeriesId, Series> = series_after(reading, 0).await?.into_iter().collect();
    loop {
        let after = clamped(follower.at().length);
        let to = after.saturating_add(PAGE).min(clamped(chain.head.length));
        let found =
            raw_rows(reading, "chain = $1 AND link > $2 AND link <= $3 ORDER BY link", [chain.id, after, to]).await?;
        if found.is_empty() {
            break;
        }
        for (raw, booked) in booked(reading, found, &|id| series.get(&id).cloned()).await? {
            if let Err(finding) = follower.follow(raw.link.unsigned_abs(), &raw.code, &booked) {
                return Ok(Some(finding));
            }
        }
    }
    let finding = follower.arrive(&chain.head);
    Ok(if finding.is_some() { finding } else { beyond(reading, chain).await? })
}

/// A row behind the head, as the head is now.
async fn beyond(reading: &mut PgConnection, chain: &StoredChain) -> Result<Option<ChainFinding>, StoreError> {
    let found: Option<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT link, request_id FROM usage_rows
         WHERE chain = $1 AND (link < 1 OR link > (SELECT length FROM chains WHERE id = $1)) ORDER BY link LIMIT 1",
    )
    .bind(chain.id)
    .fetch_optional(reading)
    .await?;
    Ok(found.map(|(link, id)| ChainFinding {
        position: link.unsigned_abs(),
        request: uuid::Uuid::from_slice(&id).ok(),
        problem: ChainProblem::Inserted,
    }))
}

/// Rows of chains that there are not.
async fn strangers(reading: &mut PgConnection, chains: &[StoredChain]) -> Result<Vec<ChainReport>, StoreError> {
    let mut reports = Vec::new();
    let mut after = i64::MIN;
    loop {
        let next: Option<i64> = sqlx::query_scalar("SELECT min(chain) FROM usage_rows WHERE chain > $1")
            .bind(after)
            .fetch_one(&mut *reading)
            .await?;
        let Some(id) = next else { return Ok(reports) };
        after = id;
        if chains.iter().all(|chain| chain.id != id) {
            let first =
                raw_rows(reading, "chain = $1 AND link >= $2 ORDER BY link LIMIT $3", [id, i64::MIN, 1]).await?;
            let first = booked(reading, first, &|_| None).await?.pop();
            let finding = first.map(|(raw, row)| ChainFinding {
                position: raw.link.unsigned_abs(),
                request: Some(row.id()),
                problem: ChainProblem::Inserted,
            });
            reports.push(ChainReport { replica: "".into(), pruned: 0, verified: 0, head: String::new(), finding });
        }
    }
}

/// What the rows say that each balance was charged, a page at a time.
async fn sums_of_charges(reading: &mut PgConnection) -> Result<HashMap<i64, i128>, StoreError> {
    let mut sums = HashMap::<i64, i128>::new();
    let mut after = (i64::MIN, i64::MIN);
    loop {
        let rows: Vec<(i64, i64, Option<String>)> = sqlx::query_as(
            "SELECT chain, link, charges FROM usage_rows WHERE (chain, link) > ($1, $2) ORDER BY chain, link LIMIT 5000",
        )
        .bind(after.0)
        .bind(after.1)
        .fetch_all(&mut *reading)
        .await?;
        let Some(last) = rows.last() else { return Ok(sums) };
        after = (last.0, last.1);
        for (id, amount) in rows.iter().filter_map(|(.., charges)| charges_of(charges.as_deref())).flatten() {
            *sums.entry(id).or_default() += i128::from(amount);
        }
    }
}

/// Up to when rows may have been removed.
async fn pruned(reading: &mut PgConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT coalesce(max(before), 0) FROM checkpoints").fetch_one(reading).await?)
}

type RawBalance = (i64, Text, String, i64, i64, i64, i64);

async fn all_balances(reading: &mut PgConnection) -> Result<Vec<(i64, Balance)>, StoreError> {
    let found: Vec<RawBalance> = sqlx::query_as(
        "SELECT id, account, measure, window_start, window_end, charged, adjusted FROM balances ORDER BY id",
    )
    .fetch_all(reading)
    .await?;
    let balance = |(id, account, word, window, until, charged, adjusted): RawBalance| {
        let measure = measure(&word)?;
        let (window, until) = (time(window), time(until));
        Ok((id, Balance { account: String::from(account).into(), window, until, measure, charged, adjusted }))
    };
    found.into_iter().map(balance).collect()
}

/// Stands for a balance that rows refer to and that is not there.
fn nowhere() -> Balance {
    Balance {
        account: "(missing)".into(),
        window: Timestamp::default(),
        until: Timestamp::default(),
        measure: crate::exchange::Measure::Requests,
        charged: 0,
        adjusted: 0,
    }
}
