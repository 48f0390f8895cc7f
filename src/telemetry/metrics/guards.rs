//! Gauges that fall again when what they count ends, whichever way it ends.

use prometheus::IntGauge;

/// Counts one thing while it lives.
#[derive(Debug)]
#[must_use = "the gauge falls when this is dropped"]
pub struct Guard(IntGauge);

impl Guard {
    pub(super) fn raise(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Counts one exchange while it lives, and its stream once it has one.
#[derive(Debug)]
#[must_use = "the exchange counts as in flight until this is dropped"]
pub struct Opened {
    _exchange: Guard,
    streams: IntGauge,
    stream: Option<Guard>,
}

impl Opened {
    pub(super) fn new(exchange: Guard, streams: IntGauge) -> Self {
        Self { _exchange: exchange, streams, stream: None }
    }

    /// The answer is an event stream: counted as open until this guard is dropped.
    pub fn streams(&mut self) {
        if self.stream.is_none() {
            self.stream = Some(Guard::raise(&self.streams));
        }
    }
}
