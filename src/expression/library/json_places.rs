//! Members of `JToken` that go up and sideways, and that change the tree around a token.

use std::sync::Arc;

use super::{
    Call, Row,
    json_make::{content_of, twice},
    member,
};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Json, JsonProperty, Key, json::JsonObject},
};

type Outcome = Result<Value, Thrown>;

const T: Kind = Kind::JToken;

pub(super) const ROWS: &[Row] = &[
    member(T, "Parent: JContainer", |c| Ok(optional(c.machine.places.parent(&this(c)?)))),
    member(T, "Path: string", |c| {
        let path = c.machine.places.path(&this(c)?);
        c.new_text(path)
    }),
    member(T, "Root: JToken", |c| {
        let token = this(c)?;
        let last = ancestors(c, &token)?.pop();
        Ok(Value::Json(last.unwrap_or(token)))
    }),
    member(T, "Next: JToken", |c| sibling(c, 1)),
    member(T, "Previous: JToken", |c| sibling(c, -1)),
    member(T, "Ancestors(): IEnumerable<JToken>", |c| {
        let token = this(c)?;
        Ok(Value::sequence(ancestors(c, &token)?.into_iter().map(Value::Json).collect()))
    }),
    member(T, "AncestorsAndSelf(): IEnumerable<JToken>", |c| {
        let token = this(c)?;
        let above = ancestors(c, &token)?;
        Ok(Value::sequence(std::iter::once(token).chain(above).map(Value::Json).collect()))
    }),
    member(Kind::JContainer, "Descendants(): IEnumerable<JToken>", |c| descendants(c, false)),
    member(Kind::JContainer, "DescendantsAndSelf(): IEnumerable<JToken>", |c| descendants(c, true)),
    member(T, "Replace(value): void", replace),
    member(T, "Remove(): void", remove),
    member(T, "AddAfterSelf(content): void", |c| add_beside(c, 1)),
    member(T, "AddBeforeSelf(content): void", |c| add_beside(c, 0)),
    member(Kind::JContainer, "AddFirst(content): void", |c| {
        let (token, new) = (this(c)?, c.arg(0));
        put(c, &token, 0, &new)
    }),
    member(Kind::JArray, "IndexOf(item): int", |c| {
        let wanted = c.arg(0);
        let at = c.this_items()?.iter().position(|item| item.equals(&wanted));
        Ok(Value::Int(at.map_or(-1, super::string::number)))
    }),
    member(Kind::JArray, "Contains(item): bool", |c| {
        let wanted = c.arg(0);
        Ok(Value::Bool(c.this_items()?.iter().any(|item| item.equals(&wanted))))
    }),
    member(Kind::JObject, "PropertyValues(): IEnumerable<JToken>", |c| {
        let owner = this(c)?;
        Ok(Value::sequence(c.machine.places.children(&owner).into_iter().map(Value::Json).collect()))
    }),
];

fn this(c: &Call<'_, '_>) -> Result<Json, Thrown> {
    match &c.this {
        Value::Json(json) => Ok(json.clone()),
        other => Err(Thrown::cast(other.kind().full_name(), "Newtonsoft.Json.Linq.JToken")),
    }
}

fn optional(token: Option<Json>) -> Value {
    token.map_or(Value::Null, Value::Json)
}

fn no_parent() -> Thrown {
    Thrown::operation("The parent is missing.")
}

/// Parents, the nearest first.
fn ancestors(c: &mut Call<'_, '_>, token: &Json) -> Result<Vec<Json>, Thrown> {
    let mut found: Vec<Json> = Vec::new();
    while let Some(parent) = c.machine.places.parent(found.last().unwrap_or(token)) {
        c.machine.budget.grow(32)?;
        if found.len() > 2 * crate::expression::value::json::MAX_DEPTH {
            break;
        }
        found.push(parent);
    }
    Ok(found)
}

/// Everything below, in document order, properties before their values.
fn descendants(c: &mut Call<'_, '_>, with_self: bool) -> Outcome {
    let root = this(c)?;
    let mut pending = vec![root];
    let mut all = Vec::new();
    while let Some(token) = pending.pop() {
        let mut below = c.machine.items(&Value::Json(token.plain().clone()))?;
        all.push(Value::Json(token));
        below.reverse();
        pending.extend(below.into_iter().filter_map(|item| match item {
            Value::Json(json) => Some(json),
            _ => None,
        }));
    }
    Ok(Value::sequence(all.into_iter().skip(usize::from(!with_self)).collect()))
}

/// The next or previous item of an array, or member of an object.
fn sibling(c: &mut Call<'_, '_>, by: isize) -> Outcome {
    let token = this(c)?;
    let Some((owner, key)) = c.machine.places.find(&token) else { return Ok(Value::Null) };
    let at = |at: usize| at.checked_add_signed(by);
    Ok(match (&owner, key) {
        (Json::Array(array), Key::At(index)) => {
            let found = at(index).and_then(|at| Some((at, array.get(at)?)));
            optional(found.map(|(at, item)| c.machine.places.note(&owner, || Key::At(at), item)))
        }
        (Json::Object(object), Key::Name(name)) if matches!(token, Json::Property(_)) => {
            let found = object.position(&name).and_then(at).and_then(|at| object.rows().into_iter().nth(at));
            optional(found.map(|row| JsonProperty::of(object, row)))
        }
        _ => Value::Null,
    })
}

fn place(c: &mut Call<'_, '_>) -> Result<(Json, Key), Thrown> {
    let token = this(c)?;
    c.machine.places.find(&token).ok_or_else(no_parent)
}

fn replace(c: &mut Call<'_, '_>) -> Outcome {
    let (new, is_property) = (c.arg(0), matches!(c.this, Value::Json(Json::Property(_))));
    let (owner, key) = place(c)?;
    match (&owner, key) {
        (Json::Object(object), Key::Name(name)) if is_property => {
            let at = object.position(&name).ok_or_else(no_parent)?;
            c.machine.budget.step(object.len())?;
            drop(object.remove(&name));
            put(c, &owner, at, &new)
        }
        (_, key) => {
            let key = match key {
                Key::Name(name) => Value::Text(name),
                Key::At(at) => Value::Int(super::string::number(at)),
            };
            c.machine.store(&Value::Json(owner), key, &new)?;
            Ok(Value::Null)
        }
    }
}

fn remove(c: &mut Call<'_, '_>) -> Outcome {
    let is_property = matches!(c.this, Value::Json(Json::Property(_)));
    let (owner, key) = place(c)?;
    match (owner, key) {
        (Json::Array(array), Key::At(at)) => {
            c.machine.budget.step(array.len() / 8 + 1)?;
            drop(array.take(at));
            Ok(Value::Null)
        }
        (Json::Object(object), Key::Name(name)) if is_property => {
            c.machine.budget.step(object.len())?;
            drop(object.remove(&name));
            Ok(Value::Null)
        }
        _ => Err(Thrown::new("JsonException", "Cannot add or remove items from Newtonsoft.Json.Linq.JProperty.")),
    }
}

fn add_beside(c: &mut Call<'_, '_>, by: usize) -> Outcome {
    let (new, is_property) = (c.arg(0), matches!(c.this, Value::Json(Json::Property(_))));
    let (owner, key) = place(c)?;
    let at = match (&owner, key) {
        (_, Key::At(at)) => at,
        (Json::Object(object), Key::Name(name)) if is_property => object.position(&name).ok_or_else(no_parent)?,
        _ => return Err(Thrown::new("JsonException", "Newtonsoft.Json.Linq.JProperty cannot have multiple values.")),
    };
    put(c, &owner, at + by, &new)
}

/// Puts content into a container at an index: a property into an object, anything else into an array.
fn put(c: &mut Call<'_, '_>, owner: &Json, at: usize, new: &Value) -> Outcome {
    c.machine.budget.grow(64)?;
    match owner {
        Json::Array(array) => {
            let token = content_of(c.machine, &Value::Json(owner.clone()), new)?;
            c.machine.budget.step(array.len() / 8 + 1)?;
            array.insert(at, token);
        }
        Json::Object(object) => put_member(c, object, at, new)?,
        _ => return Err(no_parent()),
    }
    Ok(Value::Null)
}

fn put_member(c: &mut Call<'_, '_>, object: &Arc<JsonObject>, at: usize, new: &Value) -> Result<(), Thrown> {
    let Value::Json(Json::Property(property)) = new else {
        let message = format!("Can not add {} to Newtonsoft.Json.Linq.JObject.", new.kind().full_name());
        return Err(Thrown::argument(message));
    };
    if object.position(&property.0).is_some() {
        return Err(twice(&property.0));
    }
    c.machine.budget.step(object.len())?;
    let value = Value::Json(property.1.clone());
    let value = content_of(c.machine, &Value::Json(Json::Object(object.clone())), &value)?;
    object.insert(at, property.0.clone(), value);
    Ok(())
}
