//! A usage row as one flat object, in the names of the contract.

use serde_json::{Map, Value, json};
use tollgate_providers::Usage;

use crate::{
    exchange::{Attempt, Charge, UsageRow},
    model::money::decimal,
};

/// The fields of a row, in the order of CSV.
pub const COLUMNS: &[&str] = &[
    "request_id",
    "client_request_id",
    "time",
    "subscription",
    "product",
    "user",
    "workspace",
    "api",
    "operation",
    "model",
    "upstream_model",
    "backend",
    "status",
    "outcome",
    "error",
    "streamed",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "audio_input_tokens",
    "image_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_output_tokens",
    "total_tokens",
    "certainty",
    "cost",
    "cost_nanos",
    "currency",
    "price_version",
    "saved_tokens",
    "saved_nanos",
    "attempts",
    "ttft_ms",
    "duration_ms",
    "bytes_in",
    "bytes_out",
    "cache",
    "end_user",
    "metadata",
];

/// The row. Every field of [`COLUMNS`] is there: `null` when nothing is known, except that a bucket of tokens of which
/// the provider said nothing is 0, so that the buckets add up to the total for every reader; `certainty` tells how
/// much was known. A cost of `null` is an unpriced model or a request that consumed nothing.
#[must_use]
pub fn flat(row: &UsageRow) -> Value {
    let mut fields = Map::new();
    who(&mut fields, row);
    ending(&mut fields, row);
    tokens(&mut fields, &row.settle.usage);
    money(&mut fields, row);
    Value::Object(fields)
}

/// The row with its tries at backends (`tries`) and with what it counted on quotas (`charges`).
#[must_use]
pub fn whole(row: &UsageRow) -> Value {
    let mut fields = flat(row);
    fields["tries"] = row.settle.attempts.iter().map(attempt).collect();
    fields["charges"] = row.intent.charges.iter().map(charge).collect();
    fields
}

fn who(fields: &mut Map<String, Value>, row: &UsageRow) {
    let (intent, settle) = (&row.intent, &row.settle);
    let metadata: Map<String, Value> =
        intent.metadata.iter().map(|(name, value)| (name.to_string(), json!(**value))).collect();
    extend(
        fields,
        json!({
            "request_id": intent.id.to_string(),
            "client_request_id": intent.client_request_id.as_deref(),
            "time": intent.time.to_string(),
            "subscription": intent.subscription,
            "product": intent.product,
            "user": intent.user,
            "workspace": intent.workspace,
            "api": intent.api,
            "operation": intent.operation,
            "model": row.model().map(|model| &**model),
            "upstream_model": settle.upstream_model.as_deref(),
            "backend": settle.backend,
            "end_user": intent.end_user.as_deref(),
            "metadata": metadata,
        }),
    );
}

fn ending(fields: &mut Map<String, Value>, row: &UsageRow) {
    let settle = &row.settle;
    extend(
        fields,
        json!({
            "status": (settle.status != 0).then_some(settle.status),
            "outcome": settle.outcome.as_str(),
            "error": settle.error.as_deref(),
            "streamed": settle.streamed,
            "attempts": settle.attempts.len(),
            "ttft_ms": settle.ttft_nanos.map(millis),
            "duration_ms": millis(settle.duration_nanos),
            "bytes_in": settle.bytes_in,
            "bytes_out": settle.bytes_out,
            "cache": settle.cache.as_deref(),
        }),
    );
}

fn tokens(fields: &mut Map<String, Value>, usage: &Usage) {
    extend(
        fields,
        json!({
            "input_tokens": usage.input.unwrap_or(0),
            "cached_input_tokens": usage.cached_input.unwrap_or(0),
            "cache_write_tokens": usage.cache_write.unwrap_or(0),
            "audio_input_tokens": usage.audio_input.unwrap_or(0),
            "image_input_tokens": usage.image_input.unwrap_or(0),
            "output_tokens": usage.output.unwrap_or(0),
            "reasoning_tokens": usage.reasoning.unwrap_or(0),
            "audio_output_tokens": usage.audio_output.unwrap_or(0),
            "total_tokens": usage.total(),
        }),
    );
}

fn money(fields: &mut Map<String, Value>, row: &UsageRow) {
    let (settle, cost) = (&row.settle, row.settle.cost.as_ref());
    extend(
        fields,
        json!({
            "certainty": settle.certainty,
            "cost": cost.map(|cost| decimal(cost.nanos)),
            "cost_nanos": cost.map(|cost| cost.nanos),
            "currency": cost.map(|cost| &*cost.currency),
            "price_version": cost.map(|cost| &*cost.price_version),
            "saved_tokens": settle.saved_tokens,
            "saved_nanos": settle.saved_nanos,
        }),
    );
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "backend": attempt.backend,
        "status": attempt.status,
        "fault": attempt.fault.as_deref(),
        "began_ms": millis(attempt.began_nanos),
        "took_ms": millis(attempt.took_nanos),
    })
}

fn charge(charge: &Charge) -> Value {
    json!({
        "account": &*charge.account,
        "measure": charge.measure,
        "window": charge.window.to_string(),
        "until": charge.until.to_string(),
        "amount": charge.amount,
    })
}

/// Whole milliseconds, as in the access log.
const fn millis(nanos: u64) -> u64 {
    nanos / 1_000_000
}

fn extend(fields: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        fields.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::usage::report::sample;

    #[test]
    fn a_row_has_the_contracts_fields_and_no_others() {
        let shown = flat(&sample::row(1));
        let named: BTreeSet<&str> = shown.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(named, COLUMNS.iter().copied().collect());
    }

    #[test]
    fn buckets_add_up_to_the_total_whatever_the_provider_left_out() {
        let row = sample::row(1);
        let shown = flat(&row);
        let buckets = ["input", "cached_input", "cache_write", "audio_input", "image_input", "output", "reasoning"];
        let sum: u64 = buckets.iter().map(|name| shown[format!("{name}_tokens")].as_u64().expect("a number")).sum();
        assert_eq!(json!(sum), shown["total_tokens"]);
        assert_eq!(row.settle.usage.cache_write, None, "or the sample proves nothing");
    }

    #[test]
    fn what_is_unknown_is_null_and_money_is_exact() {
        let mut row = sample::row(1);
        let shown = flat(&row);
        assert_eq!((&shown["cost"], &shown["cost_nanos"]), (&json!("0.000012345"), &json!(12_345)));
        assert_eq!((&shown["time"], &shown["certainty"]), (&json!("2026-11-18T12:00:01.000Z"), &json!("exact")));
        row.settle.cost = None;
        row.settle.status = 0;
        let shown = flat(&row);
        for name in ["cost", "cost_nanos", "currency", "price_version", "status", "cache"] {
            assert_eq!(shown[name], Value::Null, "{name}");
        }
    }

    #[test]
    fn one_row_shows_its_tries_and_charges() {
        let shown = whole(&sample::row(1));
        assert_eq!(shown["attempts"], 2);
        assert_eq!(shown["tries"][0]["fault"], "timeout");
        assert_eq!(
            shown["tries"][1],
            json!({"backend": "b", "status": 200, "fault": null, "began_ms": 20, "took_ms": 30})
        );
        assert_eq!(shown["charges"][0]["measure"], "tokens");
    }
}
