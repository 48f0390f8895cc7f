//! Members of `JObject`, `JArray`, `JProperty`, `JToken`.

use std::sync::Arc;

use super::{
    Call, Row,
    json_make::{content, convert, twice},
    json_path, member,
};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Json, JsonProperty, Key},
};

type Outcome = Result<Value, Thrown>;

const T: Kind = Kind::JToken;

pub(super) const ROWS: &[Row] = &[
    member(T, "Type: JTokenType", |c| Ok(Value::Enum(Kind::JTokenType, type_of(&this(c)?)))),
    member(T, "HasValues: bool", |c| Ok(Value::Bool(!c.this_items()?.is_empty()))),
    member(T, "Value([key]): G", value_of),
    member(T, "ToObject([type]): G", |c| {
        let this = c.this.clone();
        convert(c, &this)
    }),
    member(T, "SelectToken(path, [required]): JToken", |c| {
        let found = select(c)?;
        if found.is_empty() && c.arg(1).as_bool() == Some(true) {
            return Err(Thrown::new(
                "JsonException",
                format!("Property '{}' does not exist on the token.", c.text(0)?),
            ));
        }
        Ok(found.into_iter().next().unwrap_or_default())
    }),
    member(T, "SelectTokens(path, [required]): IEnumerable<JToken>", |c| select(c).map(Value::sequence)),
    member(T, "Children(): IEnumerable<JToken>", |c| {
        let kind = c.generic;
        let items = c.this_items()?.into_iter().filter(|item| kind == Kind::Unknown || item.is(kind));
        Ok(Value::sequence(items.collect()))
    }),
    member(T, "Values([key]): IEnumerable<G>", values),
    member(T, "DeepClone(): this", |c| {
        let copy = this(c)?.deep_clone(0);
        Ok(Value::Json(copy))
    }),
    member(Kind::JValue, "Value: object", |c| Ok(this(c)?.scalar())),
    member(T, "First: JToken", |c| Ok(c.this_items()?.first().cloned().unwrap_or_default())),
    member(T, "Last: JToken", |c| Ok(c.this_items()?.last().cloned().unwrap_or_default())),
    member(Kind::JContainer, "Count: int", |c| Ok(Value::Int(super::string::number(c.this_items()?.len())))),
    member(Kind::JArray, "Add(item): void", |c| {
        let item = content(c, 0)?;
        array(c)?.push(item);
        Ok(Value::Null)
    }),
    member(Kind::JArray, "Insert(index, item): void", insert),
    member(Kind::JArray, "RemoveAt(index): void", remove_at),
    member(Kind::JArray, "Remove(item): bool", remove_item),
    member(Kind::JArray, "Clear(): void", |c| {
        array(c)?.clear();
        Ok(Value::Null)
    }),
    member(Kind::JObject, "Add(name, [value]): void", add),
    member(Kind::JObject, "Remove(name): bool", |c| {
        let object = object(c)?;
        c.machine.budget.step(object.len())?;
        let name = c.text(0)?;
        Ok(Value::Bool(object.remove(&name).is_some()))
    }),
    member(Kind::JObject, "RemoveAll(): void", |c| {
        let object = object(c)?;
        c.machine.budget.step(object.len().saturating_mul(object.len()))?;
        object.rows().iter().for_each(|row| drop(object.remove(&row.0)));
        Ok(Value::Null)
    }),
    member(Kind::JObject, "Properties(): IEnumerable<JProperty>", |c| c.this_items().map(Value::sequence)),
    member(Kind::JObject, "Property(name, [comparison]): JProperty", |c| {
        let name = c.text(0)?;
        let object = object(c)?;
        let found = object.get(&name);
        Ok(found.map_or(Value::Null, |value| Value::Json(JsonProperty::of(&object, (name, value)))))
    }),
    member(Kind::JObject, "ContainsKey(name): bool", |c| {
        let name = c.text(0)?;
        Ok(Value::Bool(object(c)?.get(&name).is_some()))
    }),
    member(Kind::JObject, "GetValue(name, [comparison]): JToken", |c| Ok(get(c)?.map_or(Value::Null, Value::Json))),
    member(Kind::JObject, "TryGetValue(name, ...): bool", |c| {
        let found = get(c)?;
        let has = found.is_some();
        c.out = found.map_or(Value::Null, Value::Json);
        Ok(Value::Bool(has))
    }),
    member(Kind::JProperty, "Name: string", |c| property(c).map(|property| Value::Text(property.0.clone()))),
    member(Kind::JProperty, "Key: string", |c| property(c).map(|property| Value::Text(property.0.clone()))),
    member(Kind::JProperty, "Value: JToken", |c| {
        let property = property(c)?;
        Ok(Value::Json(c.machine.value_of(&property)))
    }),
];

fn this(c: &Call<'_, '_>) -> Result<Json, Thrown> {
    match &c.this {
        Value::Json(json) => Ok(json.clone()),
        other => Err(Thrown::cast(other.kind().full_name(), "Newtonsoft.Json.Linq.JToken")),
    }
}

fn object(c: &Call<'_, '_>) -> Result<Arc<crate::expression::value::json::JsonObject>, Thrown> {
    match &c.this {
        Value::Json(Json::Object(object)) => Ok(object.clone()),
        other => Err(Thrown::cast(other.kind().full_name(), "Newtonsoft.Json.Linq.JObject")),
    }
}

fn array(c: &Call<'_, '_>) -> Result<Arc<crate::expression::value::json::JsonArray>, Thrown> {
    match &c.this {
        Value::Json(Json::Array(array)) => Ok(array.clone()),
        other => Err(Thrown::cast(other.kind().full_name(), "Newtonsoft.Json.Linq.JArray")),
    }
}

fn property(c: &Call<'_, '_>) -> Result<Arc<JsonProperty>, Thrown> {
    match &c.this {
        Value::Json(Json::Property(property)) => Ok(property.clone()),
        other => Err(Thrown::cast(other.kind().full_name(), "Newtonsoft.Json.Linq.JProperty")),
    }
}

fn type_of(json: &Json) -> i32 {
    match json.plain() {
        Json::Object(_) => 1,
        Json::Array(_) => 2,
        Json::Property(_) => 4,
        Json::Int(_) => 6,
        Json::Decimal(value) if value.trunc().is_none() => 6,
        Json::Float(_) | Json::Decimal(_) => 7,
        Json::String(_) => 8,
        Json::Bool(_) => 9,
        Json::Null => 10,
        Json::Date(_) => 12,
        Json::Leaf(_) => 0,
    }
}

fn value_of(c: &mut Call<'_, '_>) -> Outcome {
    let (this, key, kind) = (c.this.clone(), c.arg(0), c.generic);
    let found = if c.count() == 0 { this } else { c.machine.index(&this, &key)? };
    match found {
        found if c.nullable && (found.is_null() || found.is_json_null()) => Ok(Value::Null),
        Value::Null => Ok(Value::initial(kind)),
        found => found.cast(kind),
    }
}

/// The values of the children, or of their members of a name.
fn values(c: &mut Call<'_, '_>) -> Outcome {
    let items = match this(c)? {
        owner @ Json::Object(_) if c.count() == 0 => {
            c.machine.places.children(&owner).into_iter().map(Value::Json).collect()
        }
        _ => c.this_items()?,
    };
    let (key, kind) = (c.arg(0), c.generic);
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let value = if c.count() == 0 { item } else { c.machine.index(&item, &key)? };
        if !value.is_null() {
            found.push(if kind == Kind::Unknown { value } else { value.cast(kind)? });
        }
    }
    Ok(Value::sequence(found))
}

fn select(c: &mut Call<'_, '_>) -> Result<Vec<Value>, Thrown> {
    let path = c.text(0)?;
    let root = this(c)?;
    let found = json_path::select(&root, &path, &mut c.machine.budget, &mut c.machine.places)?;
    Ok(found.into_iter().map(Value::Json).collect())
}

fn get(c: &mut Call<'_, '_>) -> Result<Option<Json>, Thrown> {
    let name = c.text(0)?;
    let object = object(c)?;
    let found = object.get(&name);
    if found.is_some() || !c.ignores_case(1) {
        let owner = Json::Object(object);
        return Ok(found.map(|found| c.machine.places.note(&owner, || Key::Name(name), found)));
    }
    let found = object.rows().into_iter().find(|row| row.0.eq_ignore_ascii_case(&name));
    let owner = Json::Object(object);
    Ok(found.map(|row| c.machine.places.note(&owner, || Key::Name(row.0), row.1)))
}

fn add(c: &mut Call<'_, '_>) -> Outcome {
    let object = object(c)?;
    let (name, value) = match c.arg(0) {
        Value::Json(Json::Property(property)) => (property.0.clone(), property.1.clone()),
        name => (name.to_text(), content(c, 1)?),
    };
    if object.get(&name).is_some() {
        return Err(twice(&name));
    }
    object.set(name, value);
    Ok(Value::Null)
}

fn insert(c: &mut Call<'_, '_>) -> Outcome {
    let at = usize::try_from(c.int(0)?).unwrap_or(usize::MAX);
    let item = content(c, 1)?;
    let array = array(c)?;
    c.machine.budget.step(array.len() / 8 + 1)?;
    if at > array.len() {
        return Err(Thrown::range("Index must be within the bounds of the List."));
    }
    array.insert(at, item);
    Ok(Value::Null)
}

fn remove_at(c: &mut Call<'_, '_>) -> Outcome {
    let at = usize::try_from(c.int(0)?).unwrap_or(usize::MAX);
    let array = array(c)?;
    c.machine.budget.step(array.len() / 8 + 1)?;
    array.take(at).map(|_| Value::Null).ok_or_else(|| Thrown::range("index is equal to or greater than Count."))
}

fn remove_item(c: &mut Call<'_, '_>) -> Outcome {
    let wanted = c.arg(0);
    let at = c.this_items()?.iter().position(|item| item.equals(&wanted));
    let Some(at) = at else { return Ok(Value::Bool(false)) };
    Ok(Value::Bool(array(c)?.take(at).is_some()))
}
