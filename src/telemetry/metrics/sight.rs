//! What a listener shows of itself.

use std::path::Path;

use super::{
    super::events::{CertificateReloaded, ConnectionRefused},
    Guard, Metrics,
};

/// The metrics of one listener.
#[derive(Clone, Debug)]
pub struct Sight {
    metrics: Metrics,
    listener: &'static str,
}

impl Default for Sight {
    /// Metrics that nobody reads, for listeners of tests.
    fn default() -> Self {
        Self { metrics: Metrics::default(), listener: "unseen" }
    }
}

impl Sight {
    /// Of the listener with that name: `gateway` or `console`.
    #[must_use]
    pub fn new(metrics: Metrics, listener: &'static str) -> Self {
        Self { metrics, listener }
    }

    /// A connection is open while the guard lives.
    pub fn connected(&self) -> Guard {
        self.metrics.connected(self.listener)
    }

    /// A connection was closed before a request was read.
    pub fn refused(&self, reason: &'static str) {
        ConnectionRefused { listener: self.listener, reason }.emit(&self.metrics);
    }

    /// Changed certificate files were read, and perhaps cannot be used.
    pub fn certificate(&self, path: &Path, refused: Option<&str>) {
        CertificateReloaded { listener: self.listener, path, refused }.emit(&self.metrics);
    }
}
