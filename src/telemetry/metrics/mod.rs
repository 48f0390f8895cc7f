//! Counters, gauges and histograms of a running gateway, and their Prometheus exposition.
//!
//! One method per event; names and labels are in [`names`]. Label values are configured ids or words of this program;
//! how many distinct ones each label may take is bounded, and what is beyond is counted as `other`.

mod family;
mod guards;
mod ledger;
pub mod names;
mod process;
mod series;
mod sight;

use std::sync::Arc;

use prometheus::{Gauge, Histogram, IntCounter, IntGauge, Registry, TextEncoder};

use self::{
    family::{Bounds, Family},
    series::SeriesCache,
};
use super::event::ExchangeEvent;
use crate::model::Timestamp;

pub use self::{
    guards::{Guard, Opened},
    ledger::{LedgerMetrics, LedgerSight},
    sight::Sight,
};

/// How many distinct values labels may take in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelBounds {
    /// For the label `subscription`; zero leaves it empty.
    pub subscriptions: usize,
    /// For each of the other labels.
    pub others: usize,
}

impl Default for LabelBounds {
    fn default() -> Self {
        Self { subscriptions: 500, others: 1_000 }
    }
}

/// State of a breaker, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// One probe at a time.
    HalfOpen,
    /// No requests.
    Open,
}

impl BreakerState {
    /// The word used in lines and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    const fn number(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// Every metric of the process. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    families: Families,
    series: SeriesCache,
    opened: IntCounter,
    settled: IntCounter,
    in_flight: IntGauge,
    streams: IntGauge,
    reload_ok: IntGauge,
    reload_time: IntGauge,
    access_dropped: IntCounter,
    rows_dropped: IntCounter,
    ledger: LedgerMetrics,
}

/// The metrics with labels.
#[derive(Debug)]
struct Families {
    requests: Family<IntCounter>,
    errors: Family<IntCounter>,
    duration: Family<Histogram>,
    first_token: Family<Histogram>,
    tokens: Family<IntCounter>,
    usage: Family<IntCounter>,
    bytes: Family<IntCounter>,
    cache_lookups: Family<IntCounter>,
    attempts: Family<IntCounter>,
    attempt_duration: Family<Histogram>,
    breaker: Family<IntGauge>,
    breaker_changes: Family<IntCounter>,
    backend_up: Family<IntGauge>,
    connections: Family<IntGauge>,
    connections_refused: Family<IntCounter>,
    reloads: Family<IntCounter>,
    certificates: Family<IntCounter>,
    spans_dropped: Family<IntCounter>,
    limit_refusals: Family<IntCounter>,
    limit_shadowed: Family<IntCounter>,
    estimate_error: Family<Gauge>,
    gen_ai_usage: Family<Histogram>,
    gen_ai_duration: Family<Histogram>,
    gen_ai_first_token: Family<Histogram>,
    gen_ai_per_token: Family<Histogram>,
}

impl Families {
    fn new(registry: &Registry, bounds: &Arc<Bounds>) -> Self {
        Self {
            requests: Family::new(&names::REQUESTS, registry, bounds),
            errors: Family::new(&names::ERRORS, registry, bounds),
            duration: Family::new(&names::DURATION, registry, bounds),
            first_token: Family::new(&names::FIRST_TOKEN, registry, bounds),
            tokens: Family::new(&names::TOKENS, registry, bounds),
            usage: Family::new(&names::USAGE, registry, bounds),
            bytes: Family::new(&names::BYTES, registry, bounds),
            cache_lookups: Family::new(&names::CACHE_LOOKUPS, registry, bounds),
            attempts: Family::new(&names::ATTEMPTS, registry, bounds),
            attempt_duration: Family::new(&names::ATTEMPT_DURATION, registry, bounds),
            breaker: Family::new(&names::BREAKER, registry, bounds),
            breaker_changes: Family::new(&names::BREAKER_CHANGES, registry, bounds),
            backend_up: Family::new(&names::BACKEND_UP, registry, bounds),
            connections: Family::new(&names::CONNECTIONS, registry, bounds),
            connections_refused: Family::new(&names::CONNECTIONS_REFUSED, registry, bounds),
            reloads: Family::new(&names::RELOADS, registry, bounds),
            certificates: Family::new(&names::CERTIFICATES, registry, bounds),
            spans_dropped: Family::new(&names::SPANS_DROPPED, registry, bounds),
            limit_refusals: Family::new(&names::LIMIT_REFUSALS, registry, bounds),
            limit_shadowed: Family::new(&names::LIMIT_SHADOWED, registry, bounds),
            estimate_error: Family::new(&names::ESTIMATE_ERROR, registry, bounds),
            gen_ai_usage: Family::new(&names::GEN_AI_USAGE, registry, bounds),
            gen_ai_duration: Family::new(&names::GEN_AI_DURATION, registry, bounds),
            gen_ai_first_token: Family::new(&names::GEN_AI_FIRST_TOKEN, registry, bounds),
            gen_ai_per_token: Family::new(&names::GEN_AI_PER_TOKEN, registry, bounds),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(LabelBounds::default())
    }
}

impl Metrics {
    /// All metrics at zero, in a registry of their own (nothing global: tests run side by side).
    #[must_use]
    pub fn new(bounds: LabelBounds) -> Self {
        let registry = Registry::new();
        let bounds = Arc::new(Bounds::new(bounds.subscriptions, bounds.others));
        let counter = |spec| Family::<IntCounter>::new(spec, &registry, &bounds).with(&[]);
        let gauge = |spec| Family::<IntGauge>::new(spec, &registry, &bounds).with(&[]);
        Family::<IntGauge>::new(&names::BUILD, &registry, &bounds).with(&[env!("CARGO_PKG_VERSION")]).set(1);
        Self(Arc::new(Inner {
            families: Families::new(&registry, &bounds),
            series: SeriesCache::default(),
            opened: counter(&names::OPENED),
            settled: counter(&names::SETTLED),
            in_flight: gauge(&names::IN_FLIGHT),
            streams: gauge(&names::STREAMS),
            reload_ok: gauge(&names::RELOAD_OK),
            reload_time: gauge(&names::RELOAD_TIME),
            access_dropped: counter(&names::ACCESS_DROPPED),
            rows_dropped: counter(&names::ROWS_DROPPED),
            ledger: LedgerMetrics {
                rows: counter(&names::LEDGER_ROWS),
                ship_failures: counter(&names::LEDGER_SHIP_FAILURES),
                unreadable: counter(&names::LEDGER_UNREADABLE_SUMS),
                append_failures: counter(&names::LEDGER_APPEND_FAILURES),
                sync_failures: counter(&names::LEDGER_SYNC_FAILURES),
                overrun: counter(&names::LEDGER_OVERRUN),
                implausible: counter(&names::LEDGER_IMPLAUSIBLE),
                unpriced: counter(&names::LEDGER_UNPRICED),
                backlog: gauge(&names::LEDGER_BACKLOG),
                lag: gauge(&names::LEDGER_LAG),
                open: gauge(&names::LEDGER_OPEN),
                waiting: gauge(&names::LEDGER_WAITING),
                writable: gauge(&names::LEDGER_WRITABLE),
            },
            registry,
        }))
    }

    /// A request's head was read. The guard counts it as in flight; [`Metrics::settled`] ends the exchange.
    pub fn opened(&self) -> Opened {
        self.0.opened.inc();
        Opened::new(Guard::raise(&self.0.in_flight), self.0.streams.clone())
    }

    /// Exchanges opened and not yet settled.
    #[must_use]
    pub fn in_flight(&self) -> i64 {
        self.0.in_flight.get()
    }

    /// An exchange ended; to be called exactly once for each.
    pub fn settled(&self, event: &ExchangeEvent<'_>) {
        let Inner { families, series, settled, .. } = &*self.0;
        settled.inc();
        series.get(event, families).record(event, families);
        if let Some(code) = event.error {
            families.errors.with(&[event.api.unwrap_or_default(), code]).inc();
        }
    }

    /// A client connected; the connection is counted as open while the guard lives. `listener`: `gateway` or
    /// `console`.
    pub fn connected(&self, listener: &'static str) -> Guard {
        Guard::raise(&self.0.families.connections.with(&[listener]))
    }

    /// A connection was closed before a request was read; `reason` in a word, such as `per_ip`, `tls`, `fd_limit`.
    pub fn connection_refused(&self, listener: &'static str, reason: &'static str) {
        self.0.families.connections_refused.with(&[listener, reason]).inc();
    }

    /// A breaker changed, or exists from now on (closed).
    pub fn breaker(&self, backend: &str, state: BreakerState) {
        self.0.families.breaker.with(&[backend]).set(state.number());
    }

    pub(super) fn breaker_changed(&self, backend: &str, state: BreakerState) {
        self.breaker(backend, state);
        self.0.families.breaker_changes.with(&[backend, state.as_str()]).inc();
    }

    /// What the active health check of a backend says.
    pub fn backend_up(&self, backend: &str, up: bool) {
        self.0.families.backend_up.with(&[backend]).set(i64::from(up));
    }

    /// The configuration was applied at that time: at start, and at every reload.
    pub fn configured(&self, at: Timestamp) {
        self.0.reload_ok.set(1);
        self.0.reload_time.set(i64::try_from(at.as_secs()).unwrap_or(i64::MAX));
    }

    pub(super) fn reloaded(&self, at: Timestamp) {
        self.configured(at);
        self.0.families.reloads.with(&["applied"]).inc();
    }

    pub(super) fn reload_refused(&self) {
        self.0.reload_ok.set(0);
        self.0.families.reloads.with(&["refused"]).inc();
    }

    pub(super) fn certificate(&self, listener: &'static str, result: &'static str) {
        self.0.families.certificates.with(&[listener, result]).inc();
    }

    /// A limit refused a request; `kind` in a word.
    pub fn limit_refused(&self, kind: &'static str) {
        self.0.families.limit_refusals.with(&[kind]).inc();
    }

    /// A limit in shadow would have refused a request.
    pub fn limit_shadowed(&self, kind: &'static str) {
        self.0.families.limit_shadowed.with(&[kind]).inc();
    }

    /// How far off the estimates of a model's prompts are: mean of |estimate - reported| / reported.
    pub fn token_estimate_error(&self, model: &str, ratio: f64) {
        self.0.families.estimate_error.with(&[model]).set(ratio);
    }

    /// The row of a refused request was lost.
    pub fn ledger_row_dropped(&self) {
        self.0.rows_dropped.inc();
    }

    pub(super) fn access_dropped(&self) -> IntCounter {
        self.0.access_dropped.clone()
    }

    pub(super) fn spans_dropped(&self, reason: &'static str) -> IntCounter {
        self.0.families.spans_dropped.with(&[reason])
    }

    /// The ledger's figures.
    #[must_use]
    pub fn ledger(&self) -> &LedgerMetrics {
        &self.0.ledger
    }

    /// Exchanges opened and settled so far: equal when nothing is in flight.
    #[must_use]
    pub fn balance(&self) -> (u64, u64) {
        (self.0.opened.get(), self.0.settled.get())
    }

    /// The Prometheus text exposition (version 0.0.4) of everything, with a few figures of the process.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = TextEncoder::new()
            .encode_to_string(&self.0.registry.gather())
            .expect("the registry prunes empty families, and nothing else is refused");
        process::append(&mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::telemetry::{
        event::sample,
        events::{BreakerChanged, CertificateReloaded, ConnectionRefused, ReloadRefused},
    };

    fn shows(text: &str, line: &str) {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
    }

    #[test]
    fn an_exchange_moves_what_it_should() {
        let metrics = Metrics::default();
        let guard = metrics.opened();
        assert_eq!(metrics.in_flight(), 1);
        metrics.settled(&sample::chat());
        drop(guard);
        let text = metrics.encode();
        for line in [
            "tollgate_requests_total{api=\"openai\",backend=\"azure-weu\",model=\"gpt-4o\",operation=\"\",outcome=\"complete\",product=\"team\",status=\"2xx\",subscription=\"team-a\"} 1",
            "tollgate_tokens_total{api=\"openai\",backend=\"azure-weu\",kind=\"input\",model=\"gpt-4o\",product=\"team\",subscription=\"team-a\"} 12",
            "tollgate_tokens_total{api=\"openai\",backend=\"azure-weu\",kind=\"cached_input\",model=\"gpt-4o\",product=\"team\",subscription=\"team-a\"} 4",
            "tollgate_usage_total{backend=\"azure-weu\",certainty=\"exact\",model=\"gpt-4o\"} 1",
            "tollgate_backend_attempts_total{backend=\"openai\",result=\"server_error\"} 1",
            "tollgate_backend_attempts_total{backend=\"azure-weu\",result=\"ok\"} 1",
            "tollgate_body_bytes_total{api=\"openai\",direction=\"out\"} 9000",
            "tollgate_exchanges_opened_total 1",
            "tollgate_exchanges_settled_total 1",
        ] {
            shows(&text, line);
        }
        let input = "gen_ai_client_token_usage_sum{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"azure.ai.openai\",gen_ai_request_model=\"gpt-4o\",gen_ai_response_model=\"gpt-4o-2024\",gen_ai_token_type=\"input\"} 16";
        shows(&text, input);
    }

    #[test]
    fn a_refusal_counts_its_code_and_no_model() {
        let metrics = Metrics::default();
        metrics.settled(&ExchangeEvent {
            status: 401,
            outcome: "refused",
            error: Some("invalid_api_key"),
            model: None,
            backend: None,
            kind: None,
            attempts: &[],
            ..sample::chat()
        });
        let text = metrics.encode();
        shows(&text, "tollgate_request_errors_total{api=\"openai\",code=\"invalid_api_key\"} 1");
        assert!(!text.contains("tollgate_tokens_total") && !text.contains("gen_ai_"));
    }

    /// What a process that saw everything shows; used to check that the table, the code and the manual agree.
    fn everything() -> String {
        let metrics = Metrics::default();
        let (at, why) = (Timestamp::from_secs(1), "test");
        metrics.settled(&ExchangeEvent { error: Some("internal_error"), ..sample::chat() });
        let connection = metrics.connected("gateway");
        metrics.backend_up("b", true);
        metrics.reloaded(at);
        ReloadRefused { cause: why, problems: &[] }.emit(&metrics);
        BreakerChanged { backend: "b", to: BreakerState::Open, why, open_for: None }.emit(&metrics);
        CertificateReloaded { listener: "gateway", path: "a.pem".as_ref(), refused: None }.emit(&metrics);
        ConnectionRefused { listener: "gateway", reason: "tls" }.emit(&metrics);
        metrics.spans_dropped("queue_full").inc();
        metrics.limit_refused("quota");
        metrics.limit_shadowed("quota");
        metrics.token_estimate_error("gpt-4o", 0.1);
        let text = metrics.encode();
        drop(connection);
        text
    }

    #[test]
    fn every_metric_of_the_table_is_made_and_is_in_the_manual() {
        let shown = everything();
        let manual = include_str!("../../../docs/metrics.md");
        for spec in names::ALL {
            let labels: Vec<_> = spec.labels.iter().map(|label| format!("`{label}`")).collect();
            let prefix = format!("# TYPE {} ", spec.name);
            let kind = shown.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or("(never made)");
            let row = format!("| `{}` | {kind} | ", spec.name);
            let line = manual.lines().find(|line| line.starts_with(&row)).unwrap_or_default();
            let expected = format!("{row}{} |", labels.join(", "));
            assert!(line.starts_with(&expected), "docs/metrics.md should have `{expected}`, not `{line}`");
        }
    }

    #[test]
    fn the_table_lists_each_metric_once() {
        let distinct: BTreeSet<_> = names::ALL.iter().map(|spec| spec.name).collect();
        assert_eq!(distinct.len(), names::ALL.len());
        let shown = everything();
        let types = shown.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let made: BTreeSet<_> = types.filter_map(|line| line.split(' ').next()).collect();
        let unlisted: Vec<_> = made.difference(&distinct).filter(|name| !name.starts_with("process_")).collect();
        assert!(unlisted.is_empty(), "made but not in the table: {unlisted:?}");
    }

    #[test]
    fn ten_thousand_subscriptions_do_not_make_ten_thousand_series() {
        let metrics = Metrics::default();
        for number in 0..10_050 {
            let id = format!("sub-{number}");
            metrics.settled(&ExchangeEvent { subscription: Some(&id), ..sample::chat() });
        }
        let text = metrics.encode();
        let rows = text.lines().filter(|line| line.starts_with("tollgate_requests_total{")).count();
        assert_eq!(rows, 501);
        assert!(text.contains("subscription=\"other\"} 9550"), "the rest is counted together");
    }
}
