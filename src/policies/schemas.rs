//! Validators of JSON by the schemas of an API's OpenAPI document, compiled once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value as Json, json};

use super::{definition::Definition, facts::ApiFacts};

/// Most validators that a policy keeps; beyond it starts anew.
const MOST: usize = 256;

/// How schemas are bent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bending {
    /// `allow-additional-properties`.
    pub additional: Option<bool>,
    /// `case-insensitive-property-names`.
    pub ignores_case: bool,
}

/// The validators of one policy.
#[derive(Default)]
pub struct Schemas(Mutex<HashMap<String, Known>>);

struct Known {
    /// The document that it was made from: another one has other schemas at the same places.
    api: Arc<ApiFacts>,
    validator: Result<Arc<Validator>, String>,
}

impl Schemas {
    /// The validator of a schema, which stands at `place` in the API's document; the error is for people.
    pub fn validator(
        &self,
        api: &Arc<ApiFacts>,
        place: &str,
        (definition, schema): (&Definition<'_>, &Json),
        bending: Bending,
    ) -> Result<Arc<Validator>, String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(place).filter(|found| Arc::ptr_eq(&found.api, api)) {
            return found.validator.clone();
        }
        if known.len() >= MOST {
            known.clear();
        }
        let validator = compiled(definition, schema, bending).map(Arc::new);
        known.insert(place.to_owned(), Known { api: Arc::clone(api), validator: validator.clone() });
        validator
    }
}

fn compiled(definition: &Definition<'_>, schema: &Json, bending: Bending) -> Result<Validator, String> {
    let draft = if definition.is_modern() { Draft::Draft202012 } else { Draft::Draft4 };
    let mut root = Map::new();
    // References of the document stay what they are: the parts that they name stand at the same places.
    for part in ["components", "definitions", "parameters", "responses"] {
        if let Some(part_of_document) = definition.document.get(part) {
            root.insert(part.to_owned(), bent(part_of_document, definition, bending));
        }
    }
    root.insert("allOf".to_owned(), json!([bent(schema, definition, bending)]));
    jsonschema::options()
        .with_draft(draft)
        .should_validate_formats(true)
        .build(&Json::Object(root))
        .map_err(|error| error.to_string())
}

/// A schema of the older kind in the words of JSON Schema (`nullable`), bent as the policy says.
fn bent(schema: &Json, definition: &Definition<'_>, bending: Bending) -> Json {
    match schema {
        Json::Array(items) => items.iter().map(|item| bent(item, definition, bending)).collect(),
        Json::Object(object) => bent_object(object, definition, bending),
        other => other.clone(),
    }
}

fn bent_object(object: &Map<String, Json>, definition: &Definition<'_>, bending: Bending) -> Json {
    let mut made: Map<String, Json> = object
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "example" | "examples" | "xml" | "externalDocs"))
        .map(|(name, value)| (name.clone(), bent(value, definition, bending)))
        .collect();
    if made.get("properties").is_some_and(Json::is_object) {
        if let Some(additional) = bending.additional {
            made.insert("additionalProperties".to_owned(), additional.into());
        }
        if bending.ignores_case {
            lower_names(&mut made);
        }
    }
    if !definition.is_modern() && made.get("nullable").is_some_and(|nullable| nullable == true) {
        nullable(&mut made);
    }
    Json::Object(made)
}

fn lower_names(schema: &mut Map<String, Json>) {
    if let Some(Json::Object(properties)) = schema.get_mut("properties") {
        *properties = std::mem::take(properties).into_iter().map(|(name, one)| (name.to_lowercase(), one)).collect();
    }
    if let Some(Json::Array(required)) = schema.get_mut("required") {
        let lower = |name: &Json| name.as_str().map_or_else(|| name.clone(), |name| name.to_lowercase().into());
        *required = required.iter().map(lower).collect();
    }
}

fn nullable(schema: &mut Map<String, Json>) {
    if let Some(kind) = schema.get("type").filter(|kind| kind.is_string()).cloned() {
        schema.insert("type".to_owned(), json!([kind, "null"]));
        if let Some(Json::Array(values)) = schema.get_mut("enum")
            && !values.contains(&Json::Null)
        {
            values.push(Json::Null);
        }
        return;
    }
    let rest = std::mem::take(schema);
    schema.insert("anyOf".to_owned(), json!([rest, { "type": "null" }]));
}

/// A value with all names of members in lower case.
#[must_use]
pub fn lowered(value: Json) -> Json {
    match value {
        Json::Object(object) => object.into_iter().map(|(name, one)| (name.to_lowercase(), lowered(one))).collect(),
        Json::Array(items) => items.into_iter().map(lowered).collect(),
        other => other,
    }
}

/// What is wrong with a value: the first few errors, with their places.
#[must_use]
pub fn errors(validator: &Validator, value: &Json) -> Vec<String> {
    let told = |error: jsonschema::ValidationError<'_>| {
        let place = error.instance_path().to_string();
        if place.is_empty() { error.masked().to_string() } else { format!("{place}: {}", error.masked()) }
    };
    validator.iter_errors(value).take(5).map(told).collect()
}
