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
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::{model::Trace, telemetry::event::sample};

    #[test]
    fn the_share_of_sampled_traces_is_as_set() {
        let spread = |n: u128| n * (u128::from(u64::MAX) / 1_000);
        for (share, expected) in [(0.0, 0), (0.25, 250), (1.0, 1_000), (7.0, 1_000), (-1.0, 0)] {
            let sampled: i32 = (0..1_000).map(|n| i32::from(is_sampled(share, spread(n)))).sum();
            assert!((sampled - expected).abs() <= 1, "{share}: {sampled}");
        }
    }

    /// Takes one request as a collector would, and answers it.
    async fn collect(listener: TcpListener) -> Vec<u8> {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let (mut request, mut piece) = (Vec::new(), [0; 4_096]);
        while !is_whole(&request) {
            let read = stream.read(&mut piece).await.expect("readable");
            assert!(read > 0, "ended early: {}", String::from_utf8_lossy(&request));
            request.extend_from_slice(&piece[..read]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("writable");
        request
    }

    fn is_whole(request: &[u8]) -> bool {
        let text = String::from_utf8_lossy(request).to_ascii_lowercase();
        let Some(head) = text.find("\r\n\r\n") else { return false };
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        request.len() >= head + 4 + length.and_then(|length| length.parse::<usize>().ok()).unwrap_or(usize::MAX / 2)
    }

    #[tokio::test]
    async fn spans_reach_a_collector_as_protobuf_over_http() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().expect("bound"));
        let collector = tokio::spawn(collect(listener));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let metrics = Metrics::default();
        let otlp = Otlp::start(&endpoint, 1.0, client, &metrics).expect("starts");
        otlp.export(&sample::chat());
        otlp.flush().await;
        let request = collector.await.expect("one request");
        assert!(request.starts_with(b"POST /v1/traces HTTP/1.1\r\n"));
        let text = String::from_utf8_lossy(&request);
        for part in
            ["application/x-protobuf", "service.name", "tollgate", "chat gpt-4o-2024", "gen_ai.usage.input_tokens"]
        {
            assert!(text.contains(part), "{part}");
        }
        assert_eq!(metrics.spans_dropped("export_failed").get(), 0);
    }

    #[tokio::test]
    async fn what_is_not_sampled_is_not_sent() {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let metrics = Metrics::default();
        let otlp = Otlp::start("http://127.0.0.1:9/v1/traces", 1.0, client, &metrics).expect("starts");
        let event = sample::chat();
        otlp.export(&ExchangeEvent { trace: Trace { sampled: false, ..event.trace }, ..event });
        otlp.export(&ExchangeEvent { trace: Trace::default(), ..event });
        otlp.flush().await;
        assert_eq!(metrics.spans_dropped("export_failed").get(), 0);
        otlp.export(&event);
        otlp.flush().await;
        assert_eq!(metrics.spans_dropped("export_failed").get(), 3, "nobody listens on port 9");
    }

    #[tokio::test]
    async fn an_endpoint_that_is_no_url_is_named() {
        let client = reqwest::Client::builder().build().expect("a client");
        let error = Otlp::start("not a url", 1.0, client, &Metrics::default()).expect_err("no URL").to_string();
        assert!(error.contains("`not a url`") && error.contains("4318/v1/traces"), "{error}");
    }
}
