//! What administrators do to counters at one gateway reaches the others that share its database: each of them reads
//! the audit log's new lines, twice a second, and does the same.
//!
//! Nothing is lost when a look fails: the next one starts where the last good one ended. A line is acted upon again
//! now and then, which changes nothing: a raise is what it is, and a reset of a shared quota is only looked up here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use super::{
    leases::Leases,
    raises::{self, RAISE, UNRAISE},
};
use crate::{
    limits::Limits,
    model::{Clock, clock::Ticks},
    store::{Audit, AuditLine, AuditQuery, StoreError},
};

/// Time between two looks.
const EVERY: Duration = Duration::from_millis(500);

/// A line may become visible after one with a higher number: for this long its place is looked at again.
const LATE: Duration = Duration::from_secs(10);

/// Lines that are read at once.
const PAGE: u32 = 500;

/// The action of a corrected quota in the audit log.
const ADJUST: &str = "quota.adjust";
/// The action of a rate that was reset in the audit log.
const RESET: &str = "quota.reset";

/// Reads what other gateways were asked to do.
pub struct QuotaNews {
    audit: Arc<dyn Audit>,
    limits: Limits,
    leases: Arc<Leases>,
    clock: Clock,
    /// Lines up to here are done with.
    done: u64,
    /// Lines beyond that have been acted upon, and when.
    seen: BTreeMap<u64, Ticks>,
}

impl QuotaNews {
    /// Everything from now on. To be made before raises are restored, so that none falls between.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn from_now(
        audit: Arc<dyn Audit>,
        limits: Limits,
        leases: Arc<Leases>,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let newest = audit.audit(AuditQuery { limit: 1, ..AuditQuery::default() }).await?;
        // What was being written at this moment may have a lower number.
        let done = newest.first().map_or(0, |line| line.number.saturating_sub(u64::from(PAGE)));
        Ok(Self { audit, limits, leases, clock, done, seen: BTreeMap::new() })
    }

    /// Looks until told to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "changes of quotas at other gateways could not be read; they are read later");
            }
            let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
            if timeout(EVERY, stopped).await.is_ok() {
                return;
            }
        }
    }

    /// One look.
    pub(super) async fn look(&mut self) -> Result<(), StoreError> {
        let now = self.clock.ticks();
        let lines = self.unseen().await?;
        let mut changed = BTreeSet::new();
        // From old to new: the last word holds.
        for line in lines.iter().rev() {
            self.seen.insert(line.number, now);
            match line.action.as_str() {
                RAISE | UNRAISE => raises::apply(line, &self.limits, self.clock.now()),
                RESET => self.reset_rate(&line.object),
                ADJUST => {}
                _ => continue,
            }
            changed.insert(line.object.as_str());
        }
        for account in changed {
            self.leases.refresh(account).await;
        }
        self.forget(now);
        Ok(())
    }

    async fn unseen(&self) -> Result<Vec<AuditLine>, StoreError> {
        let mut lines = Vec::new();
        let mut after = None;
        loop {
            let query = AuditQuery { limit: PAGE, after, beyond: Some(self.done), ..AuditQuery::default() };
            let page = self.audit.audit(query).await?;
            after = page.last().map(|line| line.number);
            let is_last = page.len() < PAGE as usize;
            lines.extend(page.into_iter().filter(|line| !self.seen.contains_key(&line.number)));
            if is_last {
                return Ok(lines);
            }
        }
    }

    /// Quotas are reset at the authority; rates each gateway counts for itself.
    fn reset_rate(&self, account: &str) {
        if self.limits.view(account).is_some_and(|view| !view.rule.is_quota()) {
            drop(self.limits.reset(account));
        }
    }

    fn forget(&mut self, now: Ticks) {
        let is_old = |(_, at): &(&u64, &Ticks)| now.since(**at) >= LATE;
        if let Some(done) = self.seen.iter().filter(is_old).map(|(number, _)| *number).max() {
            self.done = self.done.max(done);
            self.seen.retain(|number, _| *number > done);
        }
    }
}

#[cfg(test)]
mod tests;
