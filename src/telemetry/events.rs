//! What happens outside exchanges: one type per event, which writes one log line and moves its metric.
//!
//! Adding an event: a struct here with what a person needs to act, and an `emit`. Nothing else in this program logs
//! these things, so that a line and its counter never disagree. Names of fields are those of the admin API.

use std::{path::Path, time::Duration};

use super::metrics::{BreakerState, Metrics};
use crate::model::Timestamp;

/// A new configuration is in use.
#[derive(Debug)]
pub struct ReloadApplied<'a> {
    /// When.
    pub at: Timestamp,
    /// What asked for it: `SIGHUP`, `file changed`, `admin`.
    pub cause: &'a str,
    /// Revision of the snapshot now in use.
    pub revision: u64,
    /// How long reading and compiling took.
    pub took: Duration,
}

impl ReloadApplied<'_> {
    /// Logs and counts.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.reloaded(self.at);
        let took_ms = millis(self.took);
        tracing::info!(cause = self.cause, revision = self.revision, took_ms, "configuration applied");
    }
}

/// A new configuration was refused; the old one stays in use.
#[derive(Debug)]
pub struct ReloadRefused<'a> {
    /// What asked for it.
    pub cause: &'a str,
    /// Every problem, one sentence each.
    pub problems: &'a [String],
}

impl ReloadRefused<'_> {
    /// Logs one line for the refusal and one per problem, and counts.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.reload_refused();
        let count = self.problems.len();
        tracing::error!(cause = self.cause, problems = count, "configuration refused; the old one stays in use");
        for problem in self.problems {
            tracing::error!(%problem, "configuration problem");
        }
    }
}

/// The database does not take usage rows; told once until it does again.
#[derive(Debug)]
pub struct LedgerBehind<'a> {
    /// What it said.
    pub error: &'a str,
    /// Rows that wait for it.
    pub rows: usize,
}

impl LedgerBehind<'_> {
    /// Logs; the metrics are told of every attempt.
    pub fn emit(&self) {
        let (error, rows) = (self.error, self.rows);
        tracing::error!(
            error,
            rows,
            "usage rows wait in the journal: the database does not take them; nothing is lost"
        );
    }
}

/// Sums of reports in the database cannot be read; told once a process.
#[derive(Debug)]
pub struct RollupsUnreadable {
    /// Pages of a shipment that could not be read.
    pub pages: u64,
}

impl RollupsUnreadable {
    /// Logs; the metrics are told each time.
    pub fn emit(&self) {
        tracing::error!(
            pages = self.pages,
            "sums that reports are made of are damaged; usage rows are booked all the same, and reports of these hours \
             fail until `tollgate ledger rebuild-reports` has made the sums anew from the rows"
        );
    }
}

/// The database takes usage rows again.
#[derive(Debug)]
pub struct LedgerCaughtUp {
    /// Attempts that had failed.
    pub attempts: u32,
}

impl LedgerCaughtUp {
    /// Logs.
    pub fn emit(&self) {
        tracing::info!(failed_attempts = self.attempts, "the database takes usage rows again");
    }
}

/// A breaker changed its state.
#[derive(Debug)]
pub struct BreakerChanged<'a> {
    /// Whose.
    pub backend: &'a str,
    /// The state from now on.
    pub to: BreakerState,
    /// Why, in a few words: `5 failures in 60s`, `probe succeeded`.
    pub why: &'a str,
    /// How long it stays open at least.
    pub open_for: Option<Duration>,
}

impl BreakerChanged<'_> {
    /// Logs and counts. A probe (half-open) is part of the cure and logged at `debug` only.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.breaker_changed(self.backend, self.to);
        let (backend, why) = (self.backend, self.why);
        match self.to {
            BreakerState::Closed => tracing::info!(backend, why, "breaker closed: the backend takes requests again"),
            BreakerState::HalfOpen => tracing::debug!(backend, why, "breaker half-open: one probe"),
            BreakerState::Open => {
                let open_ms = self.open_for.map(millis);
                tracing::warn!(backend, why, open_ms, "breaker opened: the backend takes no requests");
            }
        }
    }
}

/// The active health check of a backend changed its mind.
#[derive(Debug)]
pub struct HealthChanged<'a> {
    /// Whose.
    pub backend: &'a str,
    /// Whether it is healthy from now on.
    pub healthy: bool,
    /// What was seen.
    pub why: &'a str,
}

impl HealthChanged<'_> {
    /// Logs and sets the gauge.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.backend_up(self.backend, self.healthy);
        let (backend, why) = (self.backend, self.why);
        if self.healthy {
            tracing::info!(backend, why, "health check passes again");
        } else {
            tracing::warn!(backend, why, "health check fails");
        }
    }
}

/// Changed certificate files were read.
#[derive(Debug)]
pub struct CertificateReloaded<'a> {
    /// `gateway` or `console`.
    pub listener: &'static str,
    /// The certificate file.
    pub path: &'a Path,
    /// Why they cannot be used, when they cannot; the old ones stay in use.
    pub refused: Option<&'a str>,
}

impl CertificateReloaded<'_> {
    /// Logs and counts.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.certificate(self.listener, if self.refused.is_some() { "refused" } else { "applied" });
        let (listener, path) = (self.listener, self.path.display());
        match self.refused {
            None => tracing::info!(listener, %path, "certificate read again"),
            Some(why) => tracing::error!(listener, %path, why, "certificate refused; the old one stays in use"),
        }
    }
}

/// A client's connection was closed before a request was read.
#[derive(Debug)]
pub struct ConnectionRefused {
    /// `gateway` or `console`.
    pub listener: &'static str,
    /// In a word: `per_ip`, `tls`, `fd_limit`.
    pub reason: &'static str,
}

impl ConnectionRefused {
    /// Counts; logs at `debug` only, because clients decide how many of these there are.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.connection_refused(self.listener, self.reason);
        tracing::debug!(listener = self.listener, reason = self.reason, "connection refused");
    }
}

/// The process takes no new requests and waits for the open ones.
#[derive(Debug)]
pub struct DrainStarted {
    /// Exchanges still open.
    pub open: u64,
    /// How long they may go on.
    pub grace: Duration,
}

impl DrainStarted {
    /// Logs.
    pub fn emit(&self, _: &Metrics) {
        tracing::info!(open = self.open, grace_ms = millis(self.grace), "shutting down: open exchanges may finish");
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_moves_its_metric() {
        let metrics = Metrics::default();
        let at = Timestamp::from_secs(1_764_000_000);
        ReloadApplied { at, cause: "SIGHUP", revision: 2, took: Duration::from_millis(3) }.emit(&metrics);
        ReloadRefused { cause: "admin", problems: &["x".to_owned()] }.emit(&metrics);
        let open_for = Some(Duration::from_secs(30));
        BreakerChanged { backend: "b", to: BreakerState::Open, why: "5 failures in 60s", open_for }.emit(&metrics);
        HealthChanged { backend: "b", healthy: false, why: "status 503" }.emit(&metrics);
        CertificateReloaded { listener: "gateway", path: Path::new("a.pem"), refused: Some("no key") }.emit(&metrics);
        ConnectionRefused { listener: "gateway", reason: "per_ip" }.emit(&metrics);
        let text = metrics.encode();
        for line in [
            "tollgate_config_reloads_total{result=\"applied\"} 1",
            "tollgate_config_reloads_total{result=\"refused\"} 1",
            "tollgate_config_last_reload_successful 0",
            "tollgate_config_last_reload_success_timestamp_seconds 1764000000",
            "tollgate_breaker_state{backend=\"b\"} 2",
            "tollgate_breaker_transitions_total{backend=\"b\",to=\"open\"} 1",
            "tollgate_backend_up{backend=\"b\"} 0",
            "tollgate_certificate_reloads_total{listener=\"gateway\",result=\"refused\"} 1",
            "tollgate_connections_refused_total{listener=\"gateway\",reason=\"per_ip\"} 1",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
    }
}
