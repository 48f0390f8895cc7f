//! Backends: where requests are sent, with which credential, how patiently, and when they are taken out.
//!
//! What the fields mean together is checked in `settings::check`; connections are made by `outbound`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_providers::Kind;

use crate::model::{BackendId, HumanDuration, Secret, WorkspaceId};

use super::{Limits, Rates};

/// Where requests are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// Identifier: pools, models and APIs name it, and logs and metrics show it.
    pub id: BackendId,
    /// What speaks there.
    pub kind: Kind,
    /// Base URL, as that vendor's SDK calls it: with `/v1` for openai, openai-compatible and ollama, without a path
    /// for azure-openai, anthropic and gemini. Left out: the vendor's own (openai, anthropic, gemini, ollama).
    #[serde(default)]
    pub url: Option<String>,
    /// The credential, where there is one; callers never see it. Write `${NAME}` or `${file:PATH}` rather than the
    /// secret itself. Several: `credentials`.
    #[serde(default)]
    pub key: Option<Secret>,
    /// Several credentials: used in turn, each benched alone when the backend refuses or throttles it.
    #[serde(default)]
    pub credentials: Vec<Credential>,
    /// Header that carries the key as it is, for kind `http`. Left out: `Authorization: Bearer KEY`. The other kinds
    /// know theirs.
    #[serde(default)]
    pub key_header: Option<String>,
    /// `api-version` for azure-openai when the caller did not name one. Left out: the `/openai/v1` surface is used.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Waiting times. The defaults let a reasoning model think for minutes; shorten them where answers are quick, so
    /// that a stuck backend is left sooner.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Rules that take the backend out for a while; any of them can. Left out: 5 failures (5xx, connect, timeout) in
    /// 60 s open it for 30 s.
    #[serde(default)]
    pub circuit_breaker: Option<Vec<BreakerRule>>,
    /// HTTP version spoken to the backend: `auto`, `1.1` or `2`.
    #[serde(default)]
    pub http: HttpVersion,
    /// Certificates: an authority of your own, a client certificate (mTLS).
    #[serde(default)]
    pub tls: BackendTls,
    /// Forward proxy that the backend is reached through: `http://host:port`.
    #[serde(default)]
    pub proxy: Option<String>,
    /// User and password at the proxy, as `user:password` (basic authentication).
    #[serde(default)]
    pub proxy_key: Option<Secret>,
    /// Active health check: finds a dead backend before a caller does. Without it the breaker learns from real calls.
    #[serde(default)]
    pub health: Option<HealthCheck>,
    /// Headers added to each request, replacing the caller's of the same name. Their values are kept secret.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Keep reading a model's answer after the client has gone, so that its usage is known (bounded: 30 s).
    #[serde(default)]
    pub drain_on_disconnect: bool,
    /// Most tokens that one answer can have there, where the model does not say.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_output_tokens: Option<u32>,
    /// What every model costs there, where no price of the model is known: for machines of your own.
    #[serde(default)]
    pub price: Option<Rates>,
    /// What all callers together may consume there, such as `budget_per_month: 500 USD`. A call for which there is no
    /// room goes to another member of the pool; it is refused when there is none.
    #[serde(default)]
    pub limits: Limits,
    /// Workspace that owns it. Left out: shared.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
}

impl Backend {
    /// A backend with nothing but defaults.
    #[must_use]
    pub fn new(id: &str, kind: Kind) -> Self {
        Self {
            id: id.into(),
            kind,
            url: None,
            key: None,
            credentials: Vec::new(),
            key_header: None,
            api_version: None,
            timeouts: Timeouts::default(),
            circuit_breaker: None,
            http: HttpVersion::Auto,
            tls: BackendTls::default(),
            proxy: None,
            proxy_key: None,
            health: None,
            headers: BTreeMap::new(),
            drain_on_disconnect: false,
            max_output_tokens: None,
            price: None,
            limits: Limits::default(),
            workspace: None,
        }
    }
}

/// One credential of a backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// The secret.
    pub key: Secret,
}

/// Waiting times of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Opening the connection, TCP and TLS.
    pub connect: HumanDuration,
    /// From the request's end to the answer's head. Reasoning models may think for minutes.
    pub first_byte: HumanDuration,
    /// Longest silence inside an answer.
    pub idle: HumanDuration,
    /// The whole attempt, to the last byte of the answer.
    pub total: HumanDuration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: HumanDuration(Duration::from_secs(5)),
            first_byte: HumanDuration(Duration::from_mins(10)),
            idle: HumanDuration(Duration::from_mins(5)),
            total: HumanDuration(Duration::from_mins(30)),
        }
    }
}

/// A rule that opens the breaker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakerRule {
    /// Open after this many failures inside the interval.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub failures: Option<u32>,
    /// Open when this share of requests inside the interval failed (at least 10 requests), 1 to 100.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub percentage: Option<u8>,
    /// Over which failures are counted.
    pub interval: HumanDuration,
    /// How long it stays open at first; doubles (with jitter) each time the probe fails, up to 16 times.
    pub open_for: HumanDuration,
    /// What counts as a failure: statuses (`429`), classes (`5xx`), ranges (`500-504`), `connect`, `timeout`.
    #[schemars(length(min = 1))]
    pub on: Vec<FailureCondition>,
    /// Stay open at least as long as the backend's Retry-After or rate-limit reset says.
    #[serde(default)]
    pub accept_retry_after: bool,
}

/// One entry of a breaker rule's `on`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FailureCondition {
    /// A status.
    Status(#[schemars(range(min = 100, max = 599))] u16),
    /// `5xx`, `500-504`, `connect`, `timeout`.
    Named(#[schemars(regex(pattern = r"^([1-5]xx|[1-5][0-9][0-9](-[1-5][0-9][0-9])?|connect|timeout)$"))] String),
}

/// HTTP version spoken to a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// HTTP/1.1 in the clear; over TLS what ALPN settles.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// HTTP/1.1 only.
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2 only (prior knowledge in the clear).
    #[serde(rename = "2")]
    Http2,
}

/// Certificates towards a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackendTls {
    /// PEM file of the authorities to trust instead of the public ones.
    #[schemars(extend("format" = "file"))]
    pub ca: Option<PathBuf>,
    /// PEM file of our client certificate (mTLS).
    #[schemars(extend("format" = "file"))]
    pub certificate: Option<PathBuf>,
    /// PEM file of its key.
    #[schemars(extend("format" = "file"))]
    pub key: Option<PathBuf>,
    /// Name to verify instead of the URL's host.
    pub server_name: Option<String>,
}

/// Active health check: a failing backend is taken out before callers notice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// Path requested with GET; any 2xx is healthy.
    pub path: String,
    /// Time between checks.
    #[serde(default = "ten_seconds")]
    pub interval: HumanDuration,
    /// Time one check may take; longer counts as a failure.
    #[serde(default = "two_seconds")]
    pub timeout: HumanDuration,
    /// Failures in a row that take it out.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 1000))]
    pub unhealthy_after: u32,
    /// Successes in a row that bring it back.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 1000))]
    pub healthy_after: u32,
}

fn ten_seconds() -> HumanDuration {
    HumanDuration(Duration::from_secs(10))
}
fn two_seconds() -> HumanDuration {
    HumanDuration(Duration::from_secs(2))
}
fn three() -> u32 {
    3
}
fn two() -> u32 {
    2
}
