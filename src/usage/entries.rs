//! What the journal is told of an exchange, made of its record.

use std::{sync::Arc, time::Duration};

use crate::exchange::{Attempt, AttemptRecord, Charge, Cost, Intent, Record, Settle};

/// The announcement of an exchange that is about to be sent to a backend.
#[must_use]
pub fn intent(record: &Record, streamed: bool, input_tokens: u64, charges: Vec<Charge>) -> Intent {
    Intent {
        id: record.id,
        time: record.time,
        client_request_id: record.client_request_id.clone(),
        subscription: record.subscription.clone(),
        product: record.product.clone(),
        user: record.user.clone(),
        api: record.api.clone(),
        operation: record.operation.clone(),
        workspace: record.workspace.clone(),
        model: record.model.clone(),
        end_user: record.end_user.clone(),
        metadata: record.metadata.clone(),
        streamed,
        input_tokens,
        charges,
    }
}

/// The end of an exchange; `announced`: the model that its intent names.
#[must_use]
pub fn settle(
    record: &Record,
    took: Duration,
    cost: Option<Cost>,
    amounts: Vec<i64>,
    announced: Option<&Arc<str>>,
) -> Settle {
    Settle {
        id: record.id,
        outcome: record.outcome,
        status: record.status,
        error: record.error.map(Into::into),
        streamed: record.streamed,
        model: record.model.clone().filter(|model| Some(model) != announced),
        upstream_model: record.upstream_model.clone(),
        backend: record.backend.clone(),
        usage: record.usage,
        certainty: record.certainty,
        cost,
        saved_tokens: record.saved.tokens,
        saved_nanos: record.saved.nanos,
        cache: record.cache.map(Into::into),
        amounts,
        attempts: record.attempts.iter().map(attempt).collect(),
        ttft_nanos: record.ttft.map(nanos),
        duration_nanos: nanos(took),
        bytes_in: record.bytes_in,
        bytes_out: record.bytes_out,
    }
}

fn attempt(record: &AttemptRecord) -> Attempt {
    Attempt {
        backend: record.backend.clone(),
        status: record.status,
        fault: record.fault.map(Into::into),
        began_nanos: nanos(record.began),
        took_nanos: nanos(record.took),
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
