//! Every metric: its name, what it says, its labels and buckets. docs/metrics.md is checked against this table.
//!
//! Names follow Prometheus practice (base units, `_total` for counters). The `gen_ai_*` ones are OpenTelemetry's
//! conventions for generative AI, v1.41.0, with dots as underscores and the unit as a suffix; their buckets are the
//! ones those conventions advise.

/// What a metric is called and what it says.
#[derive(Debug)]
pub struct Spec {
    /// Name.
    pub name: &'static str,
    /// One sentence for people; part of the exposition.
    pub help: &'static str,
    /// Names of labels, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram's buckets; empty for counters and gauges.
    pub buckets: &'static [f64],
}

const fn spec(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Spec {
    Spec { name, help, labels, buckets: &[] }
}

const SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];
const GEN_AI_TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
const GEN_AI_SECONDS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const GEN_AI_FIRST: &[f64] =
    &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const GEN_AI_EACH: &[f64] = &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];
const GEN_AI_LABELS: &[&str] =
    &["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model"];

/// Exchanges by everything that tells them apart.
pub const REQUESTS: Spec = spec(
    "tollgate_requests_total",
    "Exchanges that ended.",
    &["api", "operation", "product", "subscription", "model", "backend", "status", "outcome"],
);
/// Error answers of our own.
pub const ERRORS: Spec =
    spec("tollgate_request_errors_total", "Error answers made by the gateway, by their code.", &["api", "code"]);
/// Duration of exchanges.
pub const DURATION: Spec = Spec {
    name: "tollgate_request_duration_seconds",
    help: "From the request's head to the answer's last byte.",
    labels: &["api", "model", "backend"],
    buckets: SECONDS,
};
/// Time to first token.
pub const FIRST_TOKEN: Spec = Spec {
    name: "tollgate_time_to_first_token_seconds",
    help: "From the request's head to the first content byte sent to the caller.",
    labels: &["api", "model", "backend"],
    buckets: SECONDS,
};
/// Tokens by disjoint bucket.
pub const TOKENS: Spec = spec(
    "tollgate_tokens_total",
    "Tokens consumed, in disjoint buckets: their sum is what quotas charge.",
    &["api", "product", "subscription", "model", "backend", "kind"],
);
/// Certainty of usage.
pub const USAGE: Spec = spec(
    "tollgate_usage_total",
    "Model exchanges by how sure their usage is: exact, estimated, lower_bound, unknown.",
    &["model", "backend", "certainty"],
);
/// Bytes of bodies.
pub const BYTES: Spec = spec("tollgate_body_bytes_total", "Body bytes, received and sent.", &["api", "direction"]);
/// Looks into caches.
pub const CACHE_LOOKUPS: Spec = spec(
    "tollgate_cache_lookups_total",
    "Exchanges that looked into a cache of answers: hit, semantic, miss, bypass; refresh: fetched behind a caller.",
    &["api", "result"],
);
/// Attempts.
pub const ATTEMPTS: Spec = spec(
    "tollgate_backend_attempts_total",
    "Tries at a backend: ok, or the class of the fault.",
    &["backend", "result"],
);
/// Duration of attempts.
pub const ATTEMPT_DURATION: Spec = Spec {
    name: "tollgate_backend_attempt_duration_seconds",
    help: "How long a try at a backend took until it was done or given up.",
    labels: &["backend"],
    buckets: SECONDS,
};
/// Breaker state.
pub const BREAKER: Spec =
    spec("tollgate_breaker_state", "State of the breaker: 0 closed, 1 half-open, 2 open.", &["backend"]);
/// Breaker transitions.
pub const BREAKER_CHANGES: Spec =
    spec("tollgate_breaker_transitions_total", "Changes of a breaker's state.", &["backend", "to"]);
/// Active health.
pub const BACKEND_UP: Spec =
    spec("tollgate_backend_up", "Result of the active health check: 1 healthy, 0 not.", &["backend"]);
/// Opened exchanges.
pub const OPENED: Spec =
    spec("tollgate_exchanges_opened_total", "Requests whose head was read; each is settled exactly once.", &[]);
/// Settled exchanges.
pub const SETTLED: Spec = spec("tollgate_exchanges_settled_total", "Exchanges settled.", &[]);
/// Exchanges in flight.
pub const IN_FLIGHT: Spec = spec("tollgate_exchanges_in_flight", "Exchanges opened and not yet settled.", &[]);
/// Open streams.
pub const STREAMS: Spec = spec("tollgate_streams_open", "Event streams being relayed.", &[]);
/// Open connections.
pub const CONNECTIONS: Spec = spec("tollgate_connections_open", "Connections of clients.", &["listener"]);
/// Refused connections.
pub const CONNECTIONS_REFUSED: Spec = spec(
    "tollgate_connections_refused_total",
    "Connections closed before a request was read, by reason.",
    &["listener", "reason"],
);
/// Reloads.
pub const RELOADS: Spec =
    spec("tollgate_config_reloads_total", "Reloads of the configuration: applied or refused.", &["result"]);
/// Success of the last reload.
pub const RELOAD_OK: Spec = spec(
    "tollgate_config_last_reload_successful",
    "1 when the configuration that was last offered is the one in use.",
    &[],
);
/// Time of the last applied reload.
pub const RELOAD_TIME: Spec = spec(
    "tollgate_config_last_reload_success_timestamp_seconds",
    "When the configuration in use was applied, Unix time.",
    &[],
);
/// Certificate reloads.
pub const CERTIFICATES: Spec = spec(
    "tollgate_certificate_reloads_total",
    "Readings of changed certificate files: applied or refused.",
    &["listener", "result"],
);
/// Requests refused by limits.
pub const LIMIT_REFUSALS: Spec = spec(
    "tollgate_limit_refusals_total",
    "Requests that a limit refused, by why: rate, token_rate, concurrency, quota, budget, held, too_large, ...",
    &["kind"],
);
/// What shadow limits would have refused.
pub const LIMIT_SHADOWED: Spec = spec(
    "tollgate_limit_shadow_refusals_total",
    "Requests that a limit in shadow would have refused, by why.",
    &["kind"],
);
/// Error of estimates.
pub const ESTIMATE_ERROR: Spec = spec(
    "tollgate_token_estimate_error_ratio",
    "How far the estimates of prompts have been off lately: mean of |estimate - reported| / reported.",
    &["model"],
);
/// Rows lost.
pub const ROWS_DROPPED: Spec = spec(
    "tollgate_ledger_rows_dropped_total",
    "Rows of refused requests that could not be written; nothing was sent for them and nothing is charged.",
    &[],
);
/// Access lines lost.
pub const ACCESS_DROPPED: Spec = spec(
    "tollgate_access_log_dropped_total",
    "Access lines lost because the writer could not keep up or the file could not be written.",
    &[],
);
/// Spans lost.
pub const SPANS_DROPPED: Spec =
    spec("tollgate_spans_dropped_total", "Spans lost: queue full, or the collector did not take them.", &["reason"]);
/// Rows in the database.
pub const LEDGER_ROWS: Spec = spec("tollgate_ledger_rows_total", "Usage rows taken to the database.", &[]);
/// Records not in the database.
pub const LEDGER_BACKLOG: Spec =
    spec("tollgate_ledger_backlog_records", "Records of the journal that the database has not been given yet.", &[]);
/// How long the database has been away.
pub const LEDGER_LAG: Spec = spec(
    "tollgate_ledger_lag_seconds",
    "How long the database has not been taking rows; 0: it does. Rows wait in the journal meanwhile.",
    &[],
);
/// Attempts that the database did not take.
pub const LEDGER_SHIP_FAILURES: Spec =
    spec("tollgate_ledger_ship_failures_total", "Times the database did not take rows; they are tried again.", &[]);
/// What lacks in reports until they are made anew.
pub const LEDGER_UNREADABLE_SUMS: Spec = spec(
    "tollgate_ledger_unreadable_sums_total",
    "Times a damaged page of the reports' sums could not be grown; `tollgate ledger rebuild-reports` mends it.",
    &[],
);
/// Records that the disk refused.
pub const LEDGER_APPEND_FAILURES: Spec = spec(
    "tollgate_ledger_append_failures_total",
    "Records that the journal's disk refused: requests answered 503 ledger_unavailable, ends that wait.",
    &[],
);
/// Syncs that failed.
pub const LEDGER_SYNC_FAILURES: Spec = spec(
    "tollgate_ledger_sync_failures_total",
    "Times the journal could not be brought to the disk itself; a power failure may take what was written.",
    &[],
);
/// Announced requests.
pub const LEDGER_OPEN: Spec =
    spec("tollgate_ledger_open_requests", "Requests announced in the journal that have not ended.", &[]);
/// Ends that wait in memory.
pub const LEDGER_WAITING: Spec =
    spec("tollgate_ledger_waiting_ends", "Ends of requests that wait in memory until the disk takes them.", &[]);
/// Whether the journal takes records.
pub const LEDGER_WRITABLE: Spec = spec(
    "tollgate_ledger_writable",
    "1 when the journal takes records, 0 when its disk is full or failing and requests are refused.",
    &[],
);
/// Tokens beyond a reservation.
pub const LEDGER_OVERRUN: Spec = spec(
    "tollgate_ledger_overrun_tokens_total",
    "Tokens used beyond what was reserved: providers that ignore their cap. They are charged, as debt if need be.",
    &[],
);
/// Reports that cannot be.
pub const LEDGER_IMPLAUSIBLE: Spec = spec(
    "tollgate_ledger_implausible_reports_total",
    "Answers whose reported usage cannot be, by their size and the model's: they were counted here instead.",
    &[],
);
/// Calls that passed budgets uncounted.
pub const LEDGER_UNPRICED: Spec = spec(
    "tollgate_ledger_unpriced_calls_total",
    "Calls of models without a price that passed a budget uncounted; `tollgate models prices` lists the models.",
    &[],
);
/// Version.
pub const BUILD: Spec = spec("tollgate_build_info", "Always 1; the version is the label.", &["version"]);
/// Token usage, by the conventions.
pub const GEN_AI_USAGE: Spec = Spec {
    name: "gen_ai_client_token_usage",
    help: "Tokens of one call, input and output (OpenTelemetry gen_ai.client.token.usage).",
    labels: &[
        "gen_ai_operation_name",
        "gen_ai_provider_name",
        "gen_ai_request_model",
        "gen_ai_response_model",
        "gen_ai_token_type",
    ],
    buckets: GEN_AI_TOKENS,
};
/// Duration of calls, by the conventions.
pub const GEN_AI_DURATION: Spec = Spec {
    name: "gen_ai_client_operation_duration_seconds",
    help: "Duration of one call (OpenTelemetry gen_ai.client.operation.duration).",
    labels: &[
        "gen_ai_operation_name",
        "gen_ai_provider_name",
        "gen_ai_request_model",
        "gen_ai_response_model",
        "error_type",
    ],
    buckets: GEN_AI_SECONDS,
};
/// Time to first token, by the conventions.
pub const GEN_AI_FIRST_TOKEN: Spec = Spec {
    name: "gen_ai_server_time_to_first_token_seconds",
    help: "Time to the first token of a streamed answer (OpenTelemetry gen_ai.server.time_to_first_token).",
    labels: GEN_AI_LABELS,
    buckets: GEN_AI_FIRST,
};
/// Time per output token, by the conventions.
pub const GEN_AI_PER_TOKEN: Spec = Spec {
    name: "gen_ai_server_time_per_output_token_seconds",
    help: "Time per token after the first one (OpenTelemetry gen_ai.server.time_per_output_token).",
    labels: GEN_AI_LABELS,
    buckets: GEN_AI_EACH,
};

/// All of them, for the manual and its test.
pub const ALL: &[&Spec] = &[
    &REQUESTS,
    &ERRORS,
    &DURATION,
    &FIRST_TOKEN,
    &TOKENS,
    &USAGE,
    &BYTES,
    &CACHE_LOOKUPS,
    &ATTEMPTS,
    &ATTEMPT_DURATION,
    &BREAKER,
    &BREAKER_CHANGES,
    &BACKEND_UP,
    &OPENED,
    &SETTLED,
    &IN_FLIGHT,
    &STREAMS,
    &CONNECTIONS,
    &CONNECTIONS_REFUSED,
    &RELOADS,
    &RELOAD_OK,
    &RELOAD_TIME,
    &CERTIFICATES,
    &LIMIT_REFUSALS,
    &LIMIT_SHADOWED,
    &ESTIMATE_ERROR,
    &ROWS_DROPPED,
    &ACCESS_DROPPED,
    &SPANS_DROPPED,
    &LEDGER_ROWS,
    &LEDGER_BACKLOG,
    &LEDGER_LAG,
    &LEDGER_SHIP_FAILURES,
    &LEDGER_UNREADABLE_SUMS,
    &LEDGER_APPEND_FAILURES,
    &LEDGER_SYNC_FAILURES,
    &LEDGER_OPEN,
    &LEDGER_WAITING,
    &LEDGER_WRITABLE,
    &LEDGER_OVERRUN,
    &LEDGER_IMPLAUSIBLE,
    &LEDGER_UNPRICED,
    &BUILD,
    &GEN_AI_USAGE,
    &GEN_AI_DURATION,
    &GEN_AI_FIRST_TOKEN,
    &GEN_AI_PER_TOKEN,
];
