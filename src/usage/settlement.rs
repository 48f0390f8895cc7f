//! The guard that ends an exchange.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use crate::{
    exchange::{Outcome, Record},
    telemetry::metrics::Opened,
};

use super::Sink;

/// Owns the record of an open exchange. Dropping it settles: so a task that is cancelled or panics settles as
/// "client gone", and nothing can settle twice.
pub struct Settlement {
    record: Box<Record>,
    sink: Arc<Sink>,
    /// Counts the exchange as in flight while it is held.
    opened: Opened,
}

impl Settlement {
    /// Opens an exchange.
    #[must_use]
    pub fn open(record: Record, sink: Arc<Sink>) -> Self {
        let opened = sink.opened();
        Self { record: Box::new(record), sink, opened }
    }

    /// The answer is an event stream.
    pub fn streams(&mut self) {
        self.record.streamed = true;
        self.opened.streams();
    }

    /// Ends the exchange now, with `outcome`.
    pub fn end(mut self, outcome: Outcome) {
        self.record.outcome = outcome;
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        self.sink.settle(&self.record);
    }
}

impl Deref for Settlement {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

impl DerefMut for Settlement {
    fn deref_mut(&mut self) -> &mut Record {
        &mut self.record
    }
}
