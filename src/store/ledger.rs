//! The port of the ledger: shipping what the journal holds, reading balances, rows and reports.
//!
//! Shipping is idempotent: the same batch any number of times, or any prefix of it first, gives the same database
//! (ACCOUNTING, invariant 5). Everything of a batch is one transaction.

use std::sync::Arc;

use uuid::Uuid;

use super::Answer;
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

    /// Takes a shipment over, whole or not at all. Rows that are there already change nothing. Gives how many rows
    /// were really new.
    fn ship(&self, shipment: Arc<Shipment>) -> Answer<'_, u64>;

    /// The balances of windows that end after `now`, and those before them (for debt carried over).
    fn balances(&self, now: Timestamp) -> Answer<'_, Vec<Balance>>;

    /// Adds to a balance's `adjusted`, with its line in the audit log.
    fn adjust(&self, adjustment: Adjustment) -> Answer<'_, ()>;
}
