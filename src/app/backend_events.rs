//! What happens to backends, told to metrics and the log.

use std::sync::Arc;

use crate::{
    model::BackendId,
    outbound::{BackendStatus, Change, Listener, State},
    telemetry::{
        Metrics, Telemetry,
        events::{BreakerChanged, HealthChanged},
        metrics::BreakerState,
    },
};

/// Hears every change of every backend.
pub struct BackendEvents(pub Arc<Telemetry>);

impl Listener for BackendEvents {
    fn changed(&self, backend: &BackendId, change: Change) {
        let backend = backend.as_str();
        let breaker = |to, why, open_for| BreakerChanged { backend, to, why, open_for }.emit(&self.0.metrics);
        let health = |healthy, why| HealthChanged { backend, healthy, why }.emit(&self.0.metrics);
        match change {
            Change::Opened(open_for) => breaker(BreakerState::Open, "a rule of its breaker", Some(open_for)),
            Change::HalfOpened => breaker(BreakerState::HalfOpen, "its time is over", None),
            Change::Closed => breaker(BreakerState::Closed, "the probe succeeded", None),
            Change::Unhealthy => health(false, "failures in a row"),
            Change::Healthy => health(true, "successes in a row"),
            Change::CredentialBenched(credential, sits_out) => {
                tracing::warn!(backend, credential, ?sits_out, "the backend refused our credential");
            }
            Change::CredentialThrottled(credential, rests) => {
                tracing::debug!(backend, credential, ?rests, "the backend throttled our credential");
            }
        }
    }
}

/// Brings the gauges up to date, for backends too that nothing has happened to yet.
pub fn refresh(metrics: &Metrics, statuses: &[BackendStatus]) {
    for status in statuses {
        let breaker = match status.state {
            State::Open => BreakerState::Open,
            State::HalfOpen => BreakerState::HalfOpen,
            State::Closed | State::Unhealthy => BreakerState::Closed,
        };
        metrics.breaker(status.id.as_str(), breaker);
    }
}
