//! Usage rows for tests.

use tollgate_providers::{Certainty, Usage};
use uuid::Uuid;

use crate::{
    exchange::{Attempt, Charge, Cost, Intent, Measure, Outcome, Settle, UsageRow},
    model::Timestamp,
};

/// A priced call of `team-a` that failed over once, `n` seconds after noon of 18 November 2026.
pub fn row(n: u64) -> UsageRow {
    let id = Uuid::from_u128(u128::from(n));
    let time = Timestamp::from_secs(1_795_003_200 + n);
    UsageRow { intent: intent(id, time), settle: settle(id) }
}

fn intent(id: Uuid, time: Timestamp) -> Intent {
    let charge = Charge {
        account: "subscription:team-a/tokens_per_month#team-a".into(),
        window: Timestamp::from_secs(1_793_491_200),
        until: Timestamp::from_secs(1_796_083_200),
        measure: Measure::Tokens,
        amount: 15,
    };
    Intent {
        id,
        time,
        client_request_id: Some("mine".into()),
        subscription: Some("team-a".into()),
        product: Some("team".into()),
        user: Some("ann".into()),
        api: Some("openai".into()),
        operation: Some("chat".into()),
        workspace: None,
        model: Some("gpt-4o".into()),
        end_user: None,
        metadata: vec![("cost_centre".into(), "=42".into())],
        streamed: false,
        input_tokens: 9,
        charges: vec![charge],
    }
}

fn settle(id: Uuid) -> Settle {
    let attempt = |backend: &str, status, fault: Option<&str>, began_nanos| Attempt {
        backend: backend.into(),
        status,
        fault: fault.map(Into::into),
        began_nanos,
        took_nanos: 30_000_000,
    };
    Settle {
        id,
        outcome: Outcome::Complete,
        status: 200,
        error: None,
        streamed: false,
        model: None,
        upstream_model: Some("gpt-4o-2024-11-20".into()),
        backend: Some("b".into()),
        usage: Usage { input: Some(8), cached_input: Some(2), output: Some(5), ..Usage::default() },
        certainty: Certainty::Exact,
        cost: Some(Cost { nanos: 12_345, currency: "USD".into(), price_version: "test-1".into() }),
        saved_tokens: 0,
        saved_nanos: 0,
        cache: None,
        amounts: vec![15],
        attempts: vec![attempt("a", None, Some("timeout"), 0), attempt("b", Some(200), None, 20_000_000)],
        ttft_nanos: Some(40_000_000),
        duration_nanos: 50_000_000,
        bytes_in: 100,
        bytes_out: 200,
    }
}
