//! What a request is charged that was open when its process ended (ACCOUNTING section 3).
//!
//! Streamed: what was delivered as far as the journal was told, and what can have come after that; unstreamed: all
//! that was reserved, because the backend has probably generated it. Never more than what was reserved.

use tollgate_providers::{Certainty, Usage};

use super::codec::Open;
use crate::exchange::{Cost, Intent, Measure, Outcome, Settle};

/// Generated tokens that a stream may have delivered since the journal was told last: twice the step in which it is
/// told.
const SLACK: u64 = 512;

/// What a usage costs, by the prices of now.
pub type Pricing<'a> = &'a (dyn Fn(&Intent, &Usage) -> Option<Cost> + Send + Sync);

/// The end of an abandoned request.
pub(super) fn settle(open: &Open, pricing: Pricing<'_>) -> Settle {
    let intent = &open.intent;
    let (usage, certainty) = usage(open);
    let cost = usage.is_reported().then(|| pricing(intent, &usage)).flatten();
    let amounts = amounts(intent, &usage, cost.as_ref());
    Settle {
        id: intent.id,
        outcome: Outcome::Abandoned,
        status: 0,
        error: None,
        streamed: intent.streamed,
        model: None,
        upstream_model: None,
        backend: None,
        usage,
        certainty,
        cost,
        saved_tokens: 0,
        saved_nanos: 0,
        cache: None,
        amounts,
        attempts: Vec::new(),
        ttft_nanos: None,
        duration_nanos: 0,
        bytes_in: 0,
        bytes_out: 0,
    }
}

/// Without a reserved output and without progress nothing is known but the prompt: the truth is that or more.
fn usage(open: &Open) -> (Usage, Certainty) {
    let intent = &open.intent;
    if intent.model.is_none() {
        return (Usage::default(), Certainty::Unknown);
    }
    let reserved = reserved_output(intent);
    let delivered = open.progress.unwrap_or_default().saturating_add(SLACK);
    let (output, certainty) = match (intent.streamed, reserved) {
        (true, Some(reserved)) => (Some(delivered.min(reserved)), Certainty::Estimated),
        (true, None) => (Some(delivered), Certainty::Estimated),
        (false, Some(reserved)) => (Some(reserved), Certainty::Estimated),
        (false, None) => (None, Certainty::LowerBound),
    };
    (Usage { input: Some(intent.input_tokens), output, ..Usage::default() }, certainty)
}

/// The most generated tokens that any counter reserved; `None`: none counts them, or none reserved anything.
fn reserved_output(intent: &Intent) -> Option<u64> {
    let of = |measure, amount: i64| match (measure, u64::try_from(amount).ok()?) {
        (_, 0) => None,
        (Measure::Tokens, amount) => Some(amount.saturating_sub(intent.input_tokens)),
        (Measure::OutputTokens, amount) => Some(amount),
        _ => None,
    };
    intent.charges.iter().filter_map(|charge| of(charge.measure, charge.amount)).max()
}

/// What each counter is charged: never more than it reserved.
fn amounts(intent: &Intent, usage: &Usage, cost: Option<&Cost>) -> Vec<i64> {
    let used = |measure| match measure {
        Measure::Requests | Measure::Bytes => None,
        Measure::Tokens => Some(signed(usage.total())),
        Measure::InputTokens => Some(signed(usage.input_total())),
        Measure::OutputTokens => Some(signed(usage.output_total())),
        Measure::Nanos => cost.map(|cost| cost.nanos),
    };
    let of = |measure, reserved: i64| match used(measure) {
        Some(used) if intent.streamed => used.min(reserved),
        _ => reserved,
    };
    intent.charges.iter().map(|charge| of(charge.measure, charge.amount)).collect()
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
