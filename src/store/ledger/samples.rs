//! Rows of usage for tests: any values that can be stored, huge ones too.

use std::sync::Arc;

use proptest::prelude::*;
use tollgate_providers::{Certainty, Usage};
use uuid::Uuid;

use crate::{
    exchange::{Attempt, Charge, Cost, Intent, Measure, Outcome, Settle, UsageRow},
    model::Timestamp,
};

/// The moment that samples are around: 2027-01-15 08:00 UTC.
pub const NOW: u64 = 1_800_000_000;

/// A plain row: one request of subscription `a` at `seconds` after [`NOW`], of 30 tokens and 0.000045 USD.
pub fn plain(id: u128, seconds: u64) -> UsageRow {
    let time = Timestamp::from_secs(NOW + seconds);
    let intent = Intent {
        id: Uuid::from_u128(id),
        time,
        client_request_id: None,
        subscription: Some("a".into()),
        product: Some("team".into()),
        user: None,
        api: Some("openai".into()),
        operation: Some("chat".into()),
        workspace: None,
        model: Some("gpt-4o".into()),
        end_user: None,
        metadata: Vec::new(),
        streamed: false,
        input_tokens: 9,
        charges: vec![charge("subscription:a/tokens_per_month#a", 30)],
    };
    let settle = Settle {
        id: intent.id,
        outcome: Outcome::Complete,
        status: 200,
        error: None,
        streamed: false,
        model: None,
        upstream_model: Some("gpt-4o-2024-08-06".into()),
        backend: Some("azure".into()),
        usage: Usage { input: Some(10), output: Some(20), ..Usage::default() },
        certainty: Certainty::Exact,
        cost: Some(Cost { nanos: 45_000, currency: "USD".into(), price_version: "test-1".into() }),
        saved_tokens: 0,
        saved_nanos: 0,
        cache: None,
        amounts: vec![30],
        attempts: vec![attempt("azure", None)],
        ttft_nanos: Some(20_000_000),
        duration_nanos: 300_000_000,
        bytes_in: 100,
        bytes_out: 200,
    };
    UsageRow { intent, settle }
}

/// A charge of tokens in the month of [`NOW`].
pub fn charge(account: &str, amount: i64) -> Charge {
    Charge {
        account: account.into(),
        window: Timestamp::from_secs(1_798_761_600),
        until: Timestamp::from_secs(1_801_440_000),
        measure: Measure::Tokens,
        amount,
    }
}

/// A try that was taken, or failed.
pub fn attempt(backend: &str, fault: Option<&str>) -> Attempt {
    let status = fault.is_none().then_some(200);
    Attempt { backend: backend.into(), status, fault: fault.map(Into::into), began_nanos: 5, took_nanos: 250_000_000 }
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = Option<Arc<str>>> {
    prop::option::weighted(0.8, prop::sample::select(words).prop_map(Into::into))
}

fn id<T: From<String> + std::fmt::Debug>(words: &'static [&'static str]) -> impl Strategy<Value = Option<T>> {
    word(words).prop_map(|word| word.map(|word| T::from(word.to_string())))
}

/// Mostly small; now and then the largest.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0..5000_u64, 1 => any::<u64>(), 1 => Just(i64::MAX.unsigned_abs())].prop_map(|n| n >> 1)
}

fn usage() -> impl Strategy<Value = Usage> {
    let bucket = || prop::option::of(number());
    (bucket(), bucket(), bucket(), bucket(), bucket(), bucket(), bucket(), bucket()).prop_map(
        |(input, cached_input, cache_write, audio_input, image_input, output, reasoning, audio_output)| Usage {
            input,
            cached_input,
            cache_write,
            audio_input,
            image_input,
            output,
            reasoning,
            audio_output,
        },
    )
}

fn outcome() -> impl Strategy<Value = (Outcome, u16)> {
    prop::sample::select(vec![
        (Outcome::Complete, 200),
        (Outcome::Complete, 404),
        (Outcome::Refused, 429),
        (Outcome::Refused, 401),
        (Outcome::UpstreamError, 502),
        (Outcome::UpstreamCut, 200),
        (Outcome::ClientGone, 0),
        (Outcome::Ended, 503),
        (Outcome::Abandoned, 0),
        (Outcome::LimitReached, 200),
    ])
}

fn charges() -> impl Strategy<Value = Vec<Charge>> {
    let account = prop::sample::select(vec!["p:t/tokens#x", "s:a/tokens#a", "s:a/budget#a", "u:é/requests#'\"漢"]);
    let measure = prop::sample::select(vec![Measure::Requests, Measure::Tokens, Measure::Nanos, Measure::Bytes]);
    let one = (account, measure, 0..3_u64, -100_000..1_000_000_i64).prop_map(|(account, measure, nth, amount)| {
        let window = Timestamp::from_secs(NOW + nth * 3600);
        Charge {
            account: account.into(),
            window,
            until: Timestamp::from_secs(NOW + nth * 3600 + 3600),
            measure,
            amount,
        }
    });
    prop::collection::vec(one, 0..4)
}

fn intent() -> impl Strategy<Value = Intent> {
    let who = (id(&["a", "b", "c"]), id(&["team", "free"]), id(&["ann", "bob"]), id(&["openai", "orders"]));
    let what = (id(&["chat", "list"]), id(&["w"]), word(&["gpt-4o", "fast"]), word(&["end-1", "e'\"漢"]));
    let rest = (any::<u128>(), 0..200_000_u64, word(&["req-1", "req-2"]), any::<bool>(), number(), charges());
    let metadata = prop::collection::vec((word(&["team", "é\"x"]), word(&["", "v", "\u{1}"])), 0..3);
    (who, what, rest, metadata).prop_map(|(who, what, rest, metadata)| {
        let (subscription, product, user, api) = who;
        let (operation, workspace, model, end_user) = what;
        let (id, seconds, client_request_id, streamed, input_tokens, charges) = rest;
        let (id, time) = (Uuid::from_u128(id), Timestamp::from_secs(NOW + seconds));
        let pair = |(name, value): (Option<Arc<str>>, Option<Arc<str>>)| Some((name?, value?));
        let metadata = metadata.into_iter().filter_map(pair).collect();
        Intent {
            id,
            time,
            client_request_id,
            subscription,
            product,
            user,
            api,
            operation,
            workspace,
            model,
            end_user,
            metadata,
            streamed,
            input_tokens,
            charges,
        }
    })
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let fault = prop::option::of(prop::sample::select(vec!["timeout", "connect"]));
    prop::collection::vec((prop::sample::select(vec!["azure", "openai"]), fault), 0..3)
        .prop_map(|tries| tries.into_iter().map(|(backend, fault)| attempt(backend, fault)).collect())
}

fn cost() -> impl Strategy<Value = Option<Cost>> {
    let one = (-5_i64..1_000_000_000, prop::sample::select(vec!["USD", "EUR"]));
    prop::option::of(one.prop_map(|(nanos, currency)| Cost {
        nanos,
        currency: currency.into(),
        price_version: "test-1".into(),
    }))
}

/// Any row.
pub fn row() -> impl Strategy<Value = UsageRow> {
    let ends = (outcome(), usage(), cost(), attempts(), any::<bool>());
    let marks =
        (word(&["invalid_api_key"]), word(&["gpt-4o-2024", "mini"]), id(&["azure", "openai"]), word(&["hit", "miss"]));
    let certainty =
        prop::sample::select(vec![Certainty::Unknown, Certainty::LowerBound, Certainty::Estimated, Certainty::Exact]);
    let numbers = (number(), -9..9_i64, prop::option::of(number()), number(), number(), number());
    (intent(), ends, marks, certainty, numbers, prop::option::of(Just("other"))).prop_map(
        |(intent, ends, marks, certainty, numbers, moved)| {
            let ((outcome, status), usage, cost, attempts, streamed) = ends;
            let (error, upstream_model, backend, cache) = marks;
            let (saved_tokens, saved_nanos, ttft_nanos, duration_nanos, bytes_in, bytes_out) = numbers;
            let settle = Settle {
                id: intent.id,
                outcome,
                status,
                error,
                streamed,
                // Without an asked model the database does not tell which of the two a model was.
                model: intent.model.as_ref().and(moved).map(Into::into),
                upstream_model,
                backend,
                usage,
                certainty,
                cost,
                saved_tokens,
                saved_nanos,
                cache,
                amounts: intent.charges.iter().map(|charge| charge.amount).collect(),
                attempts,
                ttft_nanos,
                duration_nanos,
                bytes_in,
                bytes_out,
            };
            UsageRow { intent, settle }
        },
    )
}
