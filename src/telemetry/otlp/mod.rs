//! Export of traces by OTLP over HTTP: spans are made after the fact, from the settled exchange.
//!
//! One bounded queue, one task, batches. The SDK's own batch processor is not used: it drives the exporter on a
//! thread without a runtime, where an asynchronous HTTP client cannot run, and tells nobody what it dropped. What an
//! exchange becomes is in `spans`.

mod batch;
mod spans;

use std::env;

use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, trace::SpanData, trace::SpanExporter as _};
use prometheus::IntCounter;
use tokio::sync::{mpsc, oneshot};

use super::{Metrics, event::ExchangeEvent};

/// Exchanges that may wait for export.
const MOST_WAITING: usize = 2_048;

/// Why the export could not be started.
#[derive(Debug, thiserror::Error)]
#[error(
    "otlp.endpoint `{endpoint}` cannot be used ({why}); use the collector's traces URL, such as http://127.0.0.1:4318/v1/traces"
)]
pub struct OtlpError {
    endpoint: String,
    why: String,
}

/// The running export.
#[derive(Debug)]
pub struct Otlp {
    share: f64,
    queue: mpsc::Sender<Message>,
    full: IntCounter,
}

#[derive(Debug)]
enum Message {
    Spans(Vec<SpanData>),
    Flush(oneshot::Sender<()>),
}

impl Otlp {
    /// Starts the export on the running tokio runtime. `endpoint` is the collector's traces URL, `share` the part of
    /// new traces that is exported (0 to 1), `client` one made by `outbound` (the only place that builds clients).
    /// Headers and resource attributes come from the standard `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME` and
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    ///
    /// # Errors
    /// When the endpoint is not a URL.
    pub fn start(endpoint: &str, share: f64, client: reqwest::Client, metrics: &Metrics) -> Result<Self, OtlpError> {
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .build()
            .map_err(|why| OtlpError { endpoint: endpoint.to_owned(), why: why.to_string() })?;
        exporter.set_resource(&resource());
        let (queue, messages) = mpsc::channel(MOST_WAITING);
        tokio::spawn(batch::run(exporter, messages, metrics.spans_dropped("export_failed")));
        Ok(Self { share, queue, full: metrics.spans_dropped("queue_full") })
    }

    /// Whether a new trace belongs to the exported share. The same answer for the same id everywhere, as the SDK's
    /// `TraceIdRatioBased` sampler gives it.
    #[must_use]
    pub fn samples(&self, trace_id: u128) -> bool {
        is_sampled(self.share, trace_id)
    }

    /// Hands the spans of an ended exchange to the export, if its trace is sampled. Never waits.
    pub fn export(&self, event: &ExchangeEvent<'_>) {
        if !event.trace.sampled || event.trace.trace_id == 0 {
            return;
        }
        let spans = spans::of(event);
        let count = spans.len() as u64;
        if self.queue.try_send(Message::Spans(spans)).is_err() {
            self.full.inc_by(count);
        }
    }

    /// Waits until everything handed over so far was sent or given up; for the end of the process, under a timeout.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_err() || wait.await.is_err() {
            tracing::warn!("the export of traces has ended before its last spans were sent");
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of 2^63, saturating at both ends; the error of rounding is far below one trace in a million"
)]
fn is_sampled(share: f64, trace_id: u128) -> bool {
    let bound = (share.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64;
    (trace_id as u64) >> 1 < bound
}

fn resource() -> Resource {
    let builder = Resource::builder();
    if env::var_os("OTEL_SERVICE_NAME").is_some() {
        return builder.build();
    }
    builder.with_service_name("tollgate").build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_sampled_traces_is_as_set() {
        let spread = |n: u128| n * (u128::from(u64::MAX) / 1_000);
        for (share, expected) in [(0.0, 0), (0.25, 250), (1.0, 1_000), (7.0, 1_000), (-1.0, 0)] {
            let sampled: i32 = (0..1_000).map(|n| i32::from(is_sampled(share, spread(n)))).sum();
            assert!((sampled - expected).abs() <= 1, "{share}: {sampled}");
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_is_no_url_is_named() {
        let client = reqwest::Client::builder().build().expect("a client");
        let error = Otlp::start("not a url", 1.0, client, &Metrics::default()).expect_err("no URL").to_string();
        assert!(error.contains("`not a url`") && error.contains("4318/v1/traces"), "{error}");
    }
}
