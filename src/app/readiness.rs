//! What `/readyz` looks at: whether a configuration is in use, and whether the process is going down.

use std::sync::Arc;

use crate::{
    gateway::{
        health::{Check, Readiness},
        listener::Drain,
    },
    snapshot::Hub,
};

/// The checks of this process.
pub struct Checks {
    /// Where the snapshot is.
    pub hub: Arc<Hub>,
    /// Whether the process is going down.
    pub drain: Drain,
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
        vec![configuration, draining]
    }
}
