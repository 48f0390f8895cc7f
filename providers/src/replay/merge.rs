//! Small steps that putting answers together shares. Deliberately not here: any dialect.

use serde_json::{Map, Value};

use super::Unusual;

/// Whether a value says anything: neither null, false, nor an empty string, array or object.
pub(super) fn says(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

/// Appends text to a member that is a string, null or missing.
///
/// # Errors
/// Either is something else than text.
pub(super) fn append(target: &mut Value, more: &Value) -> Result<(), Unusual> {
    match (&mut *target, more) {
        (_, Value::Null) => Ok(()),
        (Value::String(text), Value::String(more)) => {
            text.push_str(more);
            Ok(())
        }
        (Value::Null, Value::String(more)) => {
            *target = Value::String(more.clone());
            Ok(())
        }
        _ => Err(Unusual::Unknown),
    }
}

/// Takes a member that may come once, or again with the same value.
///
/// # Errors
/// It came with another value: how to join them is not known.
pub(super) fn once(members: &mut Map<String, Value>, name: &str, value: &Value) -> Result<(), Unusual> {
    if !says(value) {
        if !members.contains_key(name) {
            members.insert(name.to_owned(), value.clone());
        }
        return Ok(());
    }
    match members.get(name) {
        Some(there) if says(there) && there != value => Err(Unusual::Unknown),
        _ => {
            members.insert(name.to_owned(), value.clone());
            Ok(())
        }
    }
}

/// Takes every member of an object over what is there; those that are null leave it alone.
pub(super) fn overlay(target: &mut Value, more: &Value) {
    let Some(more) = more.as_object() else { return };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (name, value) in more {
        if !value.is_null() || target.get(name).is_none() {
            target[name] = value.clone();
        }
    }
}

/// Whether a vendor's filter says anywhere inside that it acted: `filtered`, `blocked` or `detected` with
/// `filtered`, as Azure and Gemini word it.
pub(super) fn filtered(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| {
            (matches!(name.as_str(), "filtered" | "blocked") && *value == true) || filtered(value)
        }),
        Value::Array(items) => items.iter().any(filtered),
        _ => false,
    }
}

/// The object's members without those named.
pub(super) fn without(value: &Value, names: &[&str]) -> Map<String, Value> {
    let members = value.as_object().into_iter().flatten();
    members
        .filter(|(name, _)| !names.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
