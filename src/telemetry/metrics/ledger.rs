//! The ledger's figures: what the journal and the way to the database are like.

use std::time::Duration;

use prometheus::{IntCounter, IntGauge};

/// Metrics of the ledger.
#[derive(Debug)]
pub struct LedgerMetrics {
    pub(super) rows: IntCounter,
    pub(super) ship_failures: IntCounter,
    pub(super) unreadable: IntCounter,
    pub(super) append_failures: IntCounter,
    pub(super) sync_failures: IntCounter,
    pub(super) overrun: IntCounter,
    pub(super) implausible: IntCounter,
    pub(super) unpriced: IntCounter,
    pub(super) backlog: IntGauge,
    pub(super) lag: IntGauge,
    pub(super) open: IntGauge,
    pub(super) waiting: IntGauge,
    pub(super) writable: IntGauge,
}

/// What the ledger looks like at a moment. The failures are counts since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerSight {
    /// Records that the database has not been given.
    pub backlog: u64,
    /// How long the database has not been taking rows.
    pub lag: Duration,
    /// Announced requests that have not ended.
    pub open: u64,
    /// Ends that wait in memory.
    pub waiting: u64,
    /// Records that the disk refused.
    pub append_failures: u64,
    /// Syncs that failed.
    pub sync_failures: u64,
    /// Whether records are taken.
    pub is_writable: bool,
}

impl LedgerMetrics {
    /// The database took so many new rows.
    pub fn shipped(&self, rows: u64) {
        self.rows.inc_by(rows);
    }

    /// The database did not take rows.
    pub fn ship_failed(&self) {
        self.ship_failures.inc();
    }

    /// So many pages of the reports' sums could not be grown by a shipment; whether they are the first.
    pub fn unreadable(&self, pages: u64) -> bool {
        let is_first = self.unreadable.get() == 0;
        self.unreadable.inc_by(pages);
        is_first
    }

    /// So many tokens were used beyond a reservation.
    pub fn overrun(&self, tokens: u64) {
        self.overrun.inc_by(tokens);
    }

    /// A provider reported what cannot be.
    pub fn implausible(&self) {
        self.implausible.inc();
    }

    /// A call of a model without a price passed a budget.
    pub fn unpriced(&self) {
        self.unpriced.inc();
    }

    /// What it looks like now.
    pub fn seen(&self, sight: &LedgerSight) {
        self.backlog.set(signed(sight.backlog));
        self.lag.set(signed(sight.lag.as_secs()));
        self.open.set(signed(sight.open));
        self.waiting.set(signed(sight.waiting));
        self.writable.set(i64::from(sight.is_writable));
        raise(&self.append_failures, sight.append_failures);
        raise(&self.sync_failures, sight.sync_failures);
    }
}

fn raise(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

fn signed(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}
