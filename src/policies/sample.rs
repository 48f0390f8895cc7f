//! Values that fit a schema: examples where it has some, else the simplest ones.

use serde_json::{Map, Value as Json, json};

use super::definition::Definition;

/// Deepest nesting of a sample; recursive schemas end there.
const DEEPEST: usize = 12;

/// A value for a schema.
#[must_use]
pub fn of(definition: &Definition<'_>, schema: &Json) -> Json {
    sample(definition, schema, 0)
}

fn sample(definition: &Definition<'_>, schema: &Json, depth: usize) -> Json {
    let schema = resolved(definition, schema);
    for key in ["example", "default", "const"] {
        if let Some(value) = schema.get(key) {
            return value.clone();
        }
    }
    if let Some(first) = ["examples", "enum"].iter().find_map(|key| schema.get(*key)?.as_array()?.first()) {
        return first.clone();
    }
    if depth > DEEPEST {
        return Json::Null;
    }
    if let Some(parts) = schema.get("allOf").and_then(Json::as_array) {
        return all(definition, schema, parts, depth);
    }
    if let Some(first) = ["oneOf", "anyOf"].iter().find_map(|key| schema.get(*key)?.as_array()?.first()) {
        return sample(definition, first, depth + 1);
    }
    plain(definition, schema, depth)
}

fn resolved<'s>(definition: &Definition<'s>, schema: &'s Json) -> &'s Json {
    definition.resolve(schema)
}

/// The members of all parts, and the schema's own.
fn all(definition: &Definition<'_>, schema: &Json, parts: &[Json], depth: usize) -> Json {
    let mut members = Map::new();
    let own = plain(definition, schema, depth);
    for value in parts.iter().map(|part| sample(definition, part, depth + 1)).chain([own]) {
        match value {
            Json::Object(more) => members.extend(more),
            other if parts.len() == 1 && !other.is_null() => return other,
            _ => {}
        }
    }
    Json::Object(members)
}

fn plain(definition: &Definition<'_>, schema: &Json, depth: usize) -> Json {
    let kind = match schema.get("type") {
        Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null"),
        Some(kind) => kind.as_str(),
        None => None,
    };
    match kind {
        Some("string") => text(schema).into(),
        Some("integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(0)),
        Some("number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(0.0)),
        Some("boolean") => json!(true),
        Some("array") => {
            json!(schema.get("items").map(|items| vec![sample(definition, items, depth + 1)]).unwrap_or_default())
        }
        Some("null") => Json::Null,
        _ => {
            let members = schema.get("properties").and_then(Json::as_object);
            let members = members.into_iter().flatten();
            members.map(|(name, schema)| (name.clone(), sample(definition, schema, depth + 1))).collect()
        }
    }
}

fn text(schema: &Json) -> &'static str {
    match schema.get("format").and_then(Json::as_str) {
        Some("date-time") => "2026-01-01T00:00:00Z",
        Some("date") => "2026-01-01",
        Some("uuid") => "00000000-0000-0000-0000-000000000000",
        Some("email") => "user@example.com",
        Some("uri" | "url") => "https://example.com",
        Some("ipv4") => "192.0.2.1",
        _ => "string",
    }
}
