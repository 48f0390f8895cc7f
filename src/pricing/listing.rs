//! Prices as people and programs read them: decimal dollars per million tokens.

use serde_json::{Map, Value, json};

use super::{Listed, Sheet, Unpriced};
use crate::model::money::{CURRENCY, decimal};

/// One line for each model at each backend: its prices in dollars per million tokens, as text, and their version;
/// `null` where it has none.
#[must_use]
pub fn listing(all: &[Listed]) -> Vec<Value> {
    all.iter().map(line).collect()
}

fn line(listed: &Listed) -> Value {
    let mut line = Map::new();
    line.insert("model".into(), json!(listed.model));
    line.insert("backend".into(), json!(listed.backend));
    line.insert("upstream_model".into(), json!(listed.upstream_model));
    line.insert("is_priced".into(), json!(listed.price.is_some()));
    if let Some((steps, version)) = &listed.price {
        line.extend(sheet(&steps.base));
        line.insert("currency".into(), json!(CURRENCY));
        line.insert("price_version".into(), json!(version));
        let longer = steps.above.iter().map(|(above, prices)| {
            let mut fields = sheet(prices);
            fields.insert("above".into(), json!(above));
            Value::Object(fields)
        });
        let longer: Vec<_> = longer.collect();
        if !longer.is_empty() {
            line.insert("long_prompt".into(), json!(longer));
        }
    }
    Value::Object(line)
}

fn sheet(sheet: &Sheet) -> Map<String, Value> {
    let fields = [
        ("input", sheet.input),
        ("cached_input", sheet.cached_input),
        ("cache_write", sheet.cache_write),
        ("audio_input", sheet.audio_input),
        ("image_input", sheet.image_input),
        ("output", sheet.output),
        ("reasoning", sheet.reasoning),
        ("audio_output", sheet.audio_output),
        ("per_request", sheet.request),
    ];
    fields.into_iter().map(|(name, nanos)| (name.to_owned(), json!(decimal(nanos)))).collect()
}

/// Models that were used and have no price.
#[must_use]
pub fn unpriced(all: &[Unpriced]) -> Vec<Value> {
    let line = |one: &Unpriced| json!({ "model": one.model, "backend": one.backend, "calls": one.calls, "last": one.last.to_string() });
    all.iter().map(line).collect()
}
