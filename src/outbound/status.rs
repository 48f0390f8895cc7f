//! What operators see of a backend: its state now, and each change as it happens.

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;
use tollgate_providers::Kind;

use crate::model::{BackendId, Timestamp};

/// A backend's state in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Takes requests.
    Closed,
    /// Its breaker keeps requests away.
    Open,
    /// Its breaker waits for, or on, a probe.
    HalfOpen,
    /// Its active health check fails.
    Unhealthy,
}

impl State {
    /// All states, for metrics.
    pub const ALL: [Self; 4] = [Self::Closed, Self::Open, Self::HalfOpen, Self::Unhealthy];

    /// The word used in the admin API and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// A backend as the admin API and metrics show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BackendStatus {
    /// The backend.
    pub id: BackendId,
    /// What speaks there.
    pub kind: Kind,
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// When its breaker lets a probe pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Timestamp>,
    /// Failures in the fullest window of its breaker's rules.
    pub failures: u32,
    /// Exchanges in flight.
    pub in_flight: usize,
    /// Peak-sensitive moving average of the time to first byte, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ewma_ms: Option<f64>,
    /// Its credentials, in the order of the configuration.
    pub credentials: Vec<CredentialStatus>,
}

/// A credential as the admin API shows it: never the secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CredentialStatus {
    /// Not used before, because the backend refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub benched_until: Option<Timestamp>,
    /// Not used before, because the backend throttled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_until: Option<Timestamp>,
}

/// A change of a backend's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The breaker opened, for this long.
    Opened(Duration),
    /// The breaker let a probe pass.
    HalfOpened,
    /// The breaker closed.
    Closed,
    /// The health check took it out.
    Unhealthy,
    /// The health check brought it back.
    Healthy,
    /// A credential (counted from 0) was refused and sits out for this long.
    CredentialBenched(usize, Duration),
    /// A credential (counted from 0) was throttled and rests for this long.
    CredentialThrottled(usize, Duration),
}

/// Who is told of changes: metrics and the log. Called outside of locks, on the request's task: must be quick.
pub trait Listener: Send + Sync {
    /// A backend changed.
    fn changed(&self, backend: &BackendId, change: Change);
}

/// Tells no one but the log.
#[derive(Debug, Default)]
pub struct Log;

impl Listener for Log {
    fn changed(&self, backend: &BackendId, change: Change) {
        match change {
            Change::Opened(open_for) => tracing::warn!(%backend, ?open_for, "circuit breaker opened"),
            Change::HalfOpened => tracing::info!(%backend, "circuit breaker lets a probe pass"),
            Change::Closed => tracing::info!(%backend, "circuit breaker closed"),
            Change::Unhealthy => tracing::warn!(%backend, "health check failed: taken out"),
            Change::Healthy => tracing::info!(%backend, "health check succeeded: brought back"),
            Change::CredentialBenched(credential, sits_out) => {
                tracing::warn!(%backend, credential, ?sits_out, "the backend refused our credential");
            }
            Change::CredentialThrottled(credential, rests) => {
                tracing::debug!(%backend, credential, ?rests, "the backend throttled our credential");
            }
        }
    }
}

/// A shared listener.
#[derive(Clone)]
pub(super) struct Ears(pub(super) Arc<dyn Listener>);

impl fmt::Debug for Ears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ears")
    }
}
