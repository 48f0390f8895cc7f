//! From the body of a call to an object.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    admin::refusal::{Refusal, refuse},
    settings::{Object, ObjectKind, Problem, Subscription, object_from_json},
    snapshot::control::{Entry, states},
};

/// The object that the fields describe. `id` is what the path says; `old` is what is there now.
pub(super) fn object(
    kind: ObjectKind,
    id: Option<&str>,
    mut fields: Map<String, Value>,
    old: Option<&Entry>,
) -> Result<Object, Refusal> {
    name(kind, id, &mut fields)?;
    keep_what_is_only_shown(&mut fields, old);
    object_from_json(kind, &Value::Object(fields)).map_err(|problems| Refusal::invalid(&problems))
}

/// The stored object as fields to merge a patch into, secrets included.
pub(super) fn stored(entry: &Entry) -> Map<String, Value> {
    match entry.object.to_json() {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            fields
        }
        _ => Map::new(),
    }
}

/// The field that identifies an object of that kind.
pub(super) const fn id_field(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Model => "name",
        _ => "id",
    }
}

fn name(kind: ObjectKind, id: Option<&str>, fields: &mut Map<String, Value>) -> Result<(), Refusal> {
    let field = id_field(kind);
    match (id, fields.get(field).and_then(Value::as_str)) {
        (Some(id), None) => {
            fields.insert(field.to_owned(), json!(id));
            Ok(())
        }
        (Some(id), Some(sent)) if id != sent => {
            let why = format!("`{sent}` is not the `{id}` of the path; objects are not renamed");
            Err(Refusal::invalid(&[Problem::new(field, why)]))
        }
        (None, None) => Err(Refusal::invalid(&[Problem::new(field, "is required")])),
        _ => Ok(()),
    }
}

/// Reading and sending back changes nothing: marks of secrets keep them, the derived state is not a change.
fn keep_what_is_only_shown(fields: &mut Map<String, Value>, old: Option<&Entry>) {
    fields.remove("meta");
    let before = old.map(stored).unwrap_or_default();
    keep(fields, &before, "key");
    keep(fields, &before, "secondary_key");
    if fields.remove("headers_set").is_some() && !fields.contains_key("headers") {
        fields.extend(before.get("headers").map(|kept| ("headers".to_owned(), kept.clone())));
    }
    keep_credentials(fields, &before);
    if let Some(Object::Subscription(subscription)) = old.map(|entry| &entry.object) {
        keep_state(fields, subscription);
    }
}

fn keep(fields: &mut Map<String, Value>, before: &Map<String, Value>, name: &str) {
    let marked = fields.remove(&format!("{name}_set")).is_some();
    if let (true, false, Some(kept)) = (marked, fields.contains_key(name), before.get(name)) {
        fields.insert(name.to_owned(), kept.clone());
    }
}

fn keep_credentials(fields: &mut Map<String, Value>, before: &Map<String, Value>) {
    let Some(Value::Array(sent)) = fields.get_mut("credentials") else { return };
    let before = before.get("credentials").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (at, credential) in sent.iter_mut().enumerate() {
        let (Some(fields), kept) = (credential.as_object_mut(), before.get(at).and_then(Value::as_object)) else {
            continue;
        };
        keep(fields, kept.unwrap_or(&Map::new()), "key");
    }
}

fn keep_state(fields: &mut Map<String, Value>, before: &Subscription) {
    if fields.get("state").and_then(Value::as_str) == Some(states::word(crate::settings::State::Expired)) {
        fields.insert("state".into(), json!(states::word(before.state)));
    }
}

/// Subscriptions come into being with keys, which needs their own way.
pub(super) fn subscription(object: Object) -> Result<Subscription, Refusal> {
    match object {
        Object::Subscription(subscription) => Ok(*subscription),
        _ => Err(refuse(StatusCode::BAD_REQUEST, "not a subscription")),
    }
}
