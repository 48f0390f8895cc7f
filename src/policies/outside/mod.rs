//! What policies reach beyond the exchange: side calls, tokens, keys of issuers, cached values, loggers, metrics. Lasts as
//! long as the process; what a configuration names is in [`Named`].

pub mod background;
pub mod fresh;
pub mod loggers;
pub mod metrics;
pub mod named;
#[cfg(test)]
pub mod scripted;
pub mod tokens;
pub mod turns;

use std::{sync::Arc, time::Duration};

pub use self::{
    background::Background, loggers::Loggers, metrics::CustomMetrics, named::Named, tokens::Tokens, turns::Turns,
};
use super::jwt::issuers::Issuers;
use crate::{
    cache::{self, Cache},
    model::Clock,
    outbound::{
        Resolve, SystemResolver,
        fetch::{Fetch, SideCalls},
    },
};

/// What all exchanges share of the world outside; made once for the process.
pub struct Outside {
    /// Sends side calls.
    pub calls: Arc<dyn SideCalls>,
    /// Calls that nobody waits for.
    pub background: Background,
    /// Tokens of token sources.
    pub tokens: Tokens,
    /// Values and answers that are kept.
    pub cache: Cache,
    /// Who makes a value of the cache for all.
    pub turns: Turns,
    /// Issuers of tokens and their keys.
    pub issuers: Issuers,
    /// Messages of `log-to-eventhub`.
    pub loggers: Loggers,
    /// Metrics of `emit-metric`.
    pub metrics: CustomMetrics,
}

impl Outside {
    /// The world as the operating system knows it.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        Self::with_resolver(clock, Arc::new(SystemResolver))
    }

    /// With its own resolver of names.
    #[must_use]
    pub fn with_resolver(clock: &Clock, resolver: Arc<dyn Resolve>) -> Self {
        Self::with_calls(clock, Arc::new(Fetch::new(resolver)))
    }

    /// With its own sender of side calls: for tests, and for documents that are run without a network.
    #[must_use]
    pub fn with_calls(clock: &Clock, calls: Arc<dyn SideCalls>) -> Self {
        Self {
            background: Background::default(),
            tokens: Tokens::new(calls.clone(), clock.clone()),
            turns: Turns::default(),
            cache: Cache::new(cache::ROOM, clock.clone()),
            issuers: Issuers::new(calls.clone(), clock.clone()),
            loggers: Loggers::new(calls.clone()),
            metrics: CustomMetrics::default(),
            calls,
        }
    }

    /// The metrics of policies in Prometheus' text format, and what was dropped of what policies asked for.
    #[must_use]
    pub fn encode(&self) -> String {
        let dropped = [
            ("log_messages", "Messages of log-to-eventhub that were not delivered.", self.loggers.dropped()),
            ("requests", "Requests of send-one-way-request that were not sent.", self.background.dropped()),
            ("metric_values", "Values of emit-metric that were not counted.", self.metrics.dropped()),
        ];
        let mut text = self.metrics.encode();
        for (what, help, count) in dropped {
            let name = format!("tollgate_policy_{what}_dropped_total");
            let lines = format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {count}\n");
            text.push_str(&lines);
        }
        text
    }

    /// At shutdown, when no exchange is open any more: sends what waits, for at most `patience`.
    pub async fn drain(&self, patience: Duration) {
        if !self.background.drain(patience).await {
            tracing::warn!("calls of send-one-way-request were still open at shutdown");
        }
        self.loggers.drain(patience).await;
    }
}
