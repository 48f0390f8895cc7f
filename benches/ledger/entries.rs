//! An announcement and an end as an ordinary model call has them.

use tollgate::{
    exchange::{Attempt, Charge, Cost, Entry, Intent, Measure, Outcome, Settle},
    model::Timestamp,
};
use tollgate_providers::{Certainty, Usage};
use uuid::Uuid;

/// Announcement and end of one request with four quotas.
pub fn pair() -> (Entry, Entry) {
    let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
    (Entry::Intent(intent(id)), Entry::Settle(settle(id)))
}

fn intent(id: Uuid) -> Intent {
    let charge = |account: &str| Charge {
        account: account.into(),
        window: Timestamp::from_secs(1_700_000_000),
        until: Timestamp::from_secs(1_702_600_000),
        measure: Measure::Tokens,
        amount: 1_200,
    };
    Intent {
        id,
        time: Timestamp::from_secs(1_700_000_001),
        client_request_id: None,
        subscription: Some("team-a".into()),
        product: Some("team".into()),
        user: Some("ada".into()),
        api: Some("openai".into()),
        operation: Some("chat-completions".into()),
        workspace: None,
        model: Some("gpt-4o".into()),
        end_user: None,
        metadata: vec![("cost-center".into(), "4711".into())],
        streamed: true,
        input_tokens: 200,
        charges: vec![
            charge("subscription:team-a/tokens_per_month#team-a"),
            charge("product:team/tokens_per_month#team-a"),
            charge("user:ada/tokens_per_day#ada"),
            charge("subscription:team-a/gpt-4o/tokens_per_day#team-a"),
        ],
    }
}

fn settle(id: Uuid) -> Settle {
    Settle {
        id,
        outcome: Outcome::Complete,
        status: 200,
        error: None,
        streamed: true,
        model: None,
        upstream_model: Some("gpt-4o-2024-08-06".into()),
        backend: Some("azure-weu".into()),
        usage: Usage { input: Some(190), cached_input: Some(10), output: Some(412), ..Usage::default() },
        certainty: Certainty::Exact,
        cost: Some(Cost { nanos: 4_600_000, currency: "USD".into(), price_version: "genai-prices 0.2".into() }),
        saved_tokens: 0,
        saved_nanos: 0,
        cache: None,
        amounts: vec![612; 4],
        attempts: vec![Attempt {
            backend: "azure-weu".into(),
            status: Some(200),
            fault: None,
            began_nanos: 20_000,
            took_nanos: 180_000_000,
        }],
        ttft_nanos: Some(180_000_000),
        duration_nanos: 2_400_000_000,
        bytes_in: 900,
        bytes_out: 31_000,
    }
}
