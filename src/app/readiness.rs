//! What `/readyz` looks at: whether a configuration is in use, whether the process is going down, and whether the
//! ledger takes requests.

use std::sync::Arc;

use crate::{
    gateway::{
        health::{Check, Readiness},
        listener::Drain,
    },
    journal::{Health, Journal},
    snapshot::Hub,
};

/// The checks of this process.
pub struct Checks {
    /// Where the snapshot is.
    pub hub: Arc<Hub>,
    /// Whether the process is going down.
    pub drain: Drain,
    /// Where requests are announced.
    pub journal: Arc<Journal>,
}

impl Readiness for Checks {
    fn checks(&self) -> Vec<Check> {
        let configuration = match self.hub.peek().revision {
            0 => Check::failed("configuration", "no configuration is in use yet"),
            _ => Check::well("configuration"),
        };
        let draining = if self.drain.draining() {
            Check::failed("draining", "the process is going down; send requests elsewhere")
        } else {
            Check::well("draining")
        };
        let ledger = match self.journal.health() {
            Health::Ok => Check::well("ledger"),
            // The reason names files: it is told in the log and by metrics.
            Health::Strained(_) => Check::failed("ledger", "the ledger's disk has trouble; see the log").remark(),
            Health::Failing(_) => Check::failed("ledger", "the ledger cannot be written; see the log"),
        };
        vec![configuration, draining, ledger]
    }
}
