//! Tests of the way from the journal to the database: whatever is killed, repeated or refused on it, every request has
//! one row in the end, and it says what it should.

mod abandoned;
mod admission;
mod cancelled;
mod drain;
mod invariants;

use std::sync::Arc;

use tollgate_providers::{Certainty, Usage};
use uuid::Uuid;

use crate::{
    exchange::{Charge, Cost, Entry, Intent, Measure, Outcome, Settle},
    model::Timestamp,
};

pub(super) fn id(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

pub(super) fn charge(measure: Measure, amount: i64) -> Charge {
    let account = Arc::from(format!("subscription:a/{measure:?}#a"));
    Charge { account, window: Timestamp::from_secs(0), until: Timestamp::from_secs(3_600), measure, amount }
}

pub(super) fn intent(number: u32, streamed: bool, charges: Vec<Charge>) -> Intent {
    Intent {
        id: id(number),
        time: Timestamp::from_secs(u64::from(number)),
        client_request_id: None,
        subscription: Some("team-a".into()),
        product: None,
        user: None,
        api: Some("openai".into()),
        operation: None,
        workspace: None,
        model: Some("gpt-4o".into()),
        end_user: None,
        metadata: vec![("cost-center".into(), "42".into())],
        streamed,
        input_tokens: 100,
        charges,
    }
}

pub(super) fn settle(number: u32, amounts: Vec<i64>) -> Settle {
    Settle {
        id: id(number),
        outcome: Outcome::Complete,
        status: 200,
        error: None,
        streamed: false,
        model: None,
        upstream_model: Some("gpt-4o-2024".into()),
        backend: Some("azure".into()),
        usage: Usage { input: Some(90), output: Some(u64::from(number)), ..Usage::default() },
        certainty: Certainty::Exact,
        cost: Some(Cost { nanos: 5, currency: "USD".into(), price_version: "1".into() }),
        saved_tokens: 0,
        saved_nanos: 0,
        cache: None,
        amounts,
        attempts: Vec::new(),
        ttft_nanos: Some(7),
        duration_nanos: 9,
        bytes_in: 1,
        bytes_out: 2,
    }
}

pub(super) fn reserved(number: u32, charges: Vec<Charge>) -> Entry {
    Entry::Reserved { id: id(number), charges }
}

pub(super) fn progress(number: u32, output_tokens: u64) -> Entry {
    Entry::Progress { id: id(number), output_tokens }
}

/// A thousandth of a dollar for each token.
#[expect(clippy::unnecessary_wraps, reason = "a model may be unpriced")]
pub(super) fn pricing(_: &Intent, usage: &Usage) -> Option<Cost> {
    let nanos = i64::try_from(usage.total()).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    Some(Cost { nanos, currency: "USD".into(), price_version: "1".into() })
}
