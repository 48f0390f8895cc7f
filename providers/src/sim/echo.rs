//! The Echo API: says what arrived at the backend.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{Asked, Script};

/// Method, path, query, headers and body as they arrived, credentials included: the caller sees exactly what the
/// gateway let through.
pub(super) fn answer(asked: &Asked<'_>, path: &str, query: &str) -> Script {
    let mut headers: Map<String, Value> = Map::new();
    for name in asked.headers.keys() {
        let values = asked.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        headers.insert(name.to_string(), values.collect::<Vec<_>>().join(", ").into());
    }
    let (encoding, body) = match std::str::from_utf8(asked.body) {
        Ok(text) => ("utf8", text.to_owned()),
        Err(_) => ("base64", STANDARD.encode(asked.body)),
    };
    let said = json!({
        "method": asked.method.as_str(),
        "path": path,
        "query": query,
        "headers": headers,
        "body": body,
        "body_encoding": encoding,
        "body_bytes": asked.body.len(),
    });
    Script::json(200, &said)
}
