//! Where the record of an ended exchange goes: the ledger first, then what people watch.

use std::sync::Arc;

use super::{Meter, Metered};
use crate::{
    exchange::{AttemptRecord, Record},
    model::{ApiId, BackendId, Clock, OperationId, ProductId, SubscriptionId, UserId, WorkspaceId, clock::Ticks},
    telemetry::{AttemptEvent, ExchangeEvent, Telemetry, metrics::Opened},
};

/// Shows ended exchanges: metrics, access log, traces.
pub struct Sink {
    telemetry: Arc<Telemetry>,
    meter: Arc<Meter>,
    clock: Clock,
}

impl Sink {
    /// Into `telemetry` and `meter`; `clock` tells how long an exchange took.
    #[must_use]
    pub fn new(telemetry: Arc<Telemetry>, meter: Arc<Meter>, clock: Clock) -> Self {
        Self { telemetry, meter, clock }
    }

    /// Who lets requests in.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(super) fn now(&self) -> Ticks {
        self.clock.ticks()
    }

    /// Where it goes.
    #[must_use]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    pub(super) fn opened(&self) -> Opened {
        self.telemetry.metrics.opened()
    }

    pub(super) fn settle(&self, record: &Record, metered: Option<Box<Metered>>) {
        match metered {
            Some(metered) => metered.settle(&self.meter, record),
            None => self.meter.note(record),
        }
        let attempts: Vec<AttemptEvent<'_>> = record.attempts.iter().map(attempt).collect();
        self.telemetry.settled(&ExchangeEvent {
            request_id: record.id,
            client_request_id: record.client_request_id.as_deref(),
            trace: record.trace,
            time: record.time,
            duration: self.clock.ticks().since(record.started),
            method: record.method.as_str(),
            path: &record.path,
            client: record.client,
            api: record.api.as_ref().map(ApiId::as_str),
            operation: record.operation.as_ref().map(OperationId::as_str),
            subscription: record.subscription.as_ref().map(SubscriptionId::as_str),
            product: record.product.as_ref().map(ProductId::as_str),
            user: record.user.as_ref().map(UserId::as_str),
            workspace: record.workspace.as_ref().map(WorkspaceId::as_str),
            model: record.model.as_deref(),
            upstream_model: record.upstream_model.as_deref(),
            backend: record.backend.as_ref().map(BackendId::as_str),
            kind: record.kind,
            surface: record.surface,
            attempts: &attempts,
            status: record.status,
            error: record.error,
            outcome: record.outcome.as_str(),
            streamed: record.streamed,
            usage: record.usage,
            certainty: record.certainty,
            ttft: record.ttft,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            cache: record.cache,
            end_user: record.end_user.as_deref(),
        });
    }
}

fn attempt(record: &AttemptRecord) -> AttemptEvent<'_> {
    AttemptEvent {
        backend: record.backend.as_str(),
        status: record.status,
        fault: record.fault,
        began: record.began,
        took: record.took,
    }
}
