//! What can be seen of a running gateway: metrics, access lines, log lines, traces, identifiers of requests.
//!
//! Lives here: the names and bounds of everything that is shown, and how it leaves the process without making the
//! hot path wait. Deliberately not here: what an exchange is (`exchange`) and when it ends (`usage`, which calls
//! [`Telemetry::settled`] exactly once per exchange), how HTTP clients are built (`outbound`), and the routes that
//! show metrics (`admin`). No key, no prompt and no answer's text ever enters this module: [`ExchangeEvent`] has no
//! field for them.

pub mod access;
pub mod event;
pub mod events;
pub mod genai;
pub mod logging;
pub mod metrics;
pub mod otlp;
pub mod request_id;

pub use access::{AccessLog, Format};
pub use event::{AttemptEvent, ExchangeEvent};
pub use metrics::Metrics;
pub use otlp::Otlp;
pub use request_id::{new_request_id, valid_request_id};

use crate::model::{Entropy, Trace, Traceparent};

/// The three places an ended exchange is shown in.
#[derive(Debug)]
pub struct Telemetry {
    /// Counters, gauges, histograms.
    pub metrics: Metrics,
    /// One line a request.
    pub access: AccessLog,
    /// Export of traces, when it is configured.
    pub otlp: Option<Otlp>,
}

impl Telemetry {
    /// Shows an ended exchange. Never waits: what does not fit the queues is dropped and counted.
    pub fn settled(&self, event: &ExchangeEvent<'_>) {
        self.metrics.settled(event);
        self.access.write(event);
        if let Some(otlp) = &self.otlp {
            otlp.export(event);
        }
    }

    /// The trace context of a new exchange, from the caller's `traceparent` (of exactly one header).
    ///
    /// Without export nothing is invented: a caller's valid context is passed on unchanged ([`Trace::span_id`] is the
    /// caller's own), and without one there is none (trace id zero), because a new context that says "not sampled"
    /// would silence the tracing of everything behind us. With export, the caller's sampled flag decides, else the
    /// configured share.
    #[must_use]
    pub fn trace(&self, traceparent: Option<&str>, entropy: &Entropy) -> Trace {
        let received = traceparent.and_then(|text| Trace::resume(text, entropy));
        match (&self.otlp, received) {
            (Some(_), Some(trace)) => trace,
            (Some(otlp), None) => {
                let trace = Trace::start(entropy, false);
                Trace { sampled: otlp.samples(trace.trace_id), ..trace }
            }
            (None, Some(trace)) => Trace { span_id: trace.parent_id, ..trace },
            (None, None) => Trace::default(),
        }
    }

    /// The `traceparent` for the backend of that try (counted from zero): when traces are exported the try's own span,
    /// so that the backend's spans hang under it. `None`: what is passed on is right for every try.
    #[must_use]
    pub fn attempt(&self, trace: &Trace, number: usize) -> Option<Traceparent> {
        let is_traced = self.otlp.is_some() && trace.trace_id != 0;
        is_traced.then(|| trace.header(trace.attempt(number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn telemetry() -> Telemetry {
        Telemetry { metrics: Metrics::default(), access: AccessLog::off(), otlp: None }
    }

    #[test]
    fn without_export_a_context_is_passed_on_as_it_came_and_none_is_invented() {
        let (telemetry, entropy) = (telemetry(), Entropy::seeded(5));
        let trace = telemetry.trace(Some(RECEIVED), &entropy);
        assert_eq!(trace.header(trace.span_id).as_str(), RECEIVED);
        assert!(telemetry.attempt(&trace, 0).is_none());
        for nothing in [None, Some("garbage")] {
            assert_eq!(telemetry.trace(nothing, &entropy), Trace::default());
        }
    }

    #[test]
    fn an_exchange_is_counted_once_and_its_guard_falls() {
        let telemetry = telemetry();
        let mut opened = telemetry.metrics.opened();
        opened.streams();
        assert_eq!(telemetry.metrics.balance(), (1, 0));
        let text = telemetry.metrics.encode();
        assert!(text.contains("tollgate_exchanges_in_flight 1") && text.contains("tollgate_streams_open 1"));
        telemetry.settled(&event::sample::chat());
        drop(opened);
        assert_eq!(telemetry.metrics.balance(), (1, 1));
        let text = telemetry.metrics.encode();
        assert!(text.contains("tollgate_exchanges_in_flight 0") && text.contains("tollgate_streams_open 0"));
    }
}
