//! The port of the ledger: shipping what the journal holds, reading balances, rows and reports.
//!
//! Shipping is idempotent: the same batch any number of times, or any prefix of it first, gives the same database
//! (ACCOUNTING, invariant 5). Everything of a batch is one transaction.

pub(super) mod batch;
pub(super) mod booked;
pub(super) mod booking;
pub(super) mod chain;
pub(super) mod corrections;
pub(super) mod follow;
pub(super) mod log;
pub(super) mod plan;
pub(super) mod rebuild;
pub(super) mod recount;
pub(super) mod report;
pub(super) mod rollup;
pub(super) mod series;
pub(super) mod summary;
pub(super) mod tables;

#[cfg(test)]
pub(super) mod samples;

use std::sync::Arc;

use uuid::Uuid;

use super::{Alerts, Answer, Audit, Reports};
use crate::{
    exchange::{Measure, UsageRow},
    model::Timestamp,
};

/// Where in a replica's journal something is. Positions of one epoch only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Counts the records of a journal, from 1; 0: nothing yet.
    pub sequence: u64,
}

/// What one transaction takes over from a journal.
#[derive(Clone, Debug, Default)]
pub struct Shipment {
    /// Whose journal: the replica's stable id.
    pub replica: Arc<str>,
    /// Settled requests, in journal order.
    pub rows: Vec<UsageRow>,
    /// Announced requests that stay open beyond this shipment, as the journal wrote them: an encoded intent with the
    /// charges and progress of now, so that older parts of the journal can go.
    pub opened: Vec<OpenRequest>,
    /// Requests of `opened` of earlier shipments that have ended.
    pub closed: Vec<Uuid>,
    /// Everything up to here is in the database once this is committed.
    pub position: Position,
}

/// An announced request that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRequest {
    /// Its id.
    pub id: Uuid,
    /// The encoded intent: opaque here.
    pub state: Vec<u8>,
}

/// What a shipment came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Rows that were really new.
    pub rows: u64,
    /// Pages of the reports' sums that cannot be read, and so lack what these rows add to them until
    /// [`Proof::rebuild_rollups`].
    pub unreadable: u64,
}

/// Where shipping of a replica stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shipped {
    /// Up to where the journal is in the database.
    pub position: Position,
    /// Requests that were open then.
    pub open: Vec<OpenRequest>,
}

/// What a counter holds in one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The counter.
    pub account: Arc<str>,
    /// Start of the window.
    pub window: Timestamp,
    /// End of the window.
    pub until: Timestamp,
    /// What is counted.
    pub measure: Measure,
    /// Sum of the charges of its rows.
    pub charged: i64,
    /// What an administrator's reset or correction added (negative: gave back).
    pub adjusted: i64,
}

/// An administrator's change of a counter: never of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// The counter and window, and what to add.
    pub balance: Balance,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub now: Timestamp,
}

/// The ledger's tables.
pub trait Ledger: Send + Sync {
    /// Where shipping of `replica`'s journal stands.
    fn shipped(&self, replica: Arc<str>) -> Answer<'_, Shipped>;

    /// Takes a shipment over, whole or not at all. Rows that are there already change nothing; of a shipment older
    /// than the stored position only rows that are missing are taken.
    ///
    /// With SQLite this survives the death of the process, but a power failure only after [`Self::flush`].
    fn ship(&self, shipment: Arc<Shipment>) -> Answer<'_, Taken>;

    /// Makes everything that was shipped survive a power failure: to be called before a journal's part is removed.
    fn flush(&self) -> Answer<'_, ()>;

    /// The balances of windows that end after `now`, and of each counter the last window before them (for debt
    /// carried over).
    fn balances(&self, now: Timestamp) -> Answer<'_, Vec<Balance>>;

    /// Adds to a balance's `adjusted`, with its line in the audit log.
    fn adjust(&self, adjustment: Adjustment) -> Answer<'_, ()>;
}

/// Proof that the ledger is whole: a chain of rows per replica, each row's code made of the row and of the code
/// before it with a key that is not in the database.
pub trait Proof: Send + Sync {
    /// Follows every chain from its last checkpoint to its head.
    fn verify_chains(&self) -> Answer<'_, Vec<ChainReport>>;

    /// Compares balances with the sums of charges of the rows that are kept and with the corrections that the audit log
    /// tells of, and gives the differences, at most `at_most`. Only windows that began after the newest checkpoint can
    /// be compared with rows.
    fn verify_balances(&self, at_most: usize) -> Answer<'_, Vec<BalanceFinding>>;

    /// Compares rollups of hours and days with the rows that are kept, and gives the differences, at most
    /// `at_most`. Only hours and days that began after the newest checkpoint can be compared.
    fn verify_rollups(&self, at_most: usize) -> Answer<'_, Vec<RollupFinding>>;

    /// Makes the rollups of hours and days anew from rows, as far as these are kept: those of hours that began after
    /// the newest checkpoint, and days that such hours or readable pages add up to. Pages of hours before that can
    /// only be kept as they are; those that cannot be read are removed, and the report says what is missing with them.
    /// One hour and one day a transaction: may run beside a gateway that ships.
    fn rebuild_rollups(&self) -> Answer<'_, Rebuilt>;

    /// Removes the oldest rows that began before `before`, at most `at_most` of each chain, and writes the
    /// checkpoints from which verification starts from now on. A small step, to be repeated with pauses until it
    /// removes nothing. Stops before a row that verification would object to: evidence is not removed.
    fn prune_rows(&self, before: Timestamp, at_most: u32) -> Answer<'_, Pruned>;

    /// Removes rollups of hours and days that ended before `before`, at most `at_most` pages, and balances of
    /// windows that ended before it and that no row refers to. Gives how many pages were removed.
    fn prune_rollups(&self, before: Timestamp, at_most: u32) -> Answer<'_, u64>;
}

/// What was found following a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// Whose rows.
    pub replica: Arc<str>,
    /// Rows removed by pruning; verification starts after them.
    pub pruned: u64,
    /// Rows that were found in order, one code following from the other.
    pub verified: u64,
    /// The code at the head, in hex. Whoever notes it elsewhere can tell later that the database was not set back.
    pub head: String,
    /// What is wrong first; nothing after it can be trusted.
    pub finding: Option<ChainFinding>,
}

/// What is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainFinding {
    /// Position in the chain, from 1.
    pub position: u64,
    /// The request, when its row is there.
    pub request: Option<Uuid>,
    /// What is wrong.
    pub problem: ChainProblem,
}

/// How a chain can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainProblem {
    /// The row, one of its attempts or charges was changed, or it was put there by somebody else.
    Changed,
    /// The row at this position is not there.
    Missing,
    /// There is a row beyond the head.
    Inserted,
    /// The chain's head was changed: its length, its code or the totals of its rows.
    Head,
    /// The checkpoint that pruning left was changed.
    Checkpoint,
    /// The chain was made with another `secret.key`: nothing can be said of it.
    Key,
}

/// A balance that is not the sum of its rows, or was corrected otherwise than the audit log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceFinding {
    /// The stored balance.
    pub stored: Balance,
    /// The sum of its rows' charges; where they are not all kept, what the balance says.
    pub rows: i64,
    /// What it was corrected by, as the audit log says; where that does not tell, what the balance says.
    pub audited: i64,
}

/// What [`RollupFinding::sum`] is of a page that cannot be read.
pub const UNREADABLE: &str = "(unreadable)";

/// A rollup that is not the sum of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupFinding {
    /// Start of the hour or day.
    pub start: Timestamp,
    /// Whether it is the day's.
    pub day: bool,
    /// The first sum that differs.
    pub sum: &'static str,
    /// Its value in the rollup.
    pub stored: i64,
    /// Its value in the rows.
    pub rows: i64,
}

/// What making rollups anew came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Hours whose pages were compared with their rows.
    pub hours: u64,
    /// Pages that were written or removed because they were not the sums of their rows.
    pub pages: u64,
    /// Hours and days of which no rows are kept and a page could not be read: their sums are lost. Start, and whether
    /// it is a day.
    pub lost: Vec<(Timestamp, bool)>,
    /// What all rows ever add up to, as chains and their checkpoints say, less what the rollups of days add up to:
    /// tokens of all buckets. Zero unless sums were lost or are past their age.
    pub tokens_missing: i64,
}

/// What a step of pruning did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Rows removed.
    pub rows: u64,
    /// Chains that are broken where pruning would have gone on.
    pub findings: Vec<(Arc<str>, ChainFinding)>,
}

/// Everything that metering asks of a database.
pub trait Books: Ledger + Proof + Reports + Audit + Alerts {}

impl<T: Ledger + Proof + Reports + Audit + Alerts> Books for T {}
