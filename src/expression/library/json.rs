//! `JObject`, `JArray`, `JProperty`, `JToken`, `JsonConvert`.

use std::sync::Arc;

use super::{Call, Row, fixed, json_path, member};
use crate::expression::{
    Kind, Thrown, Value,
    eval::Machine,
    value::{Json, JsonProperty},
};

type Outcome = Result<Value, Thrown>;

const T: Kind = Kind::JToken;

pub(super) const ROWS: &[Row] = &[
    fixed(Kind::JObject, "Parse(text): JObject", |c| parse(c, Kind::JObject)),
    fixed(Kind::JArray, "Parse(text): JArray", |c| parse(c, Kind::JArray)),
    fixed(T, "Parse(text): JToken", |c| parse(c, T)),
    fixed(Kind::JObject, "FromObject(value): JObject", from_object),
    fixed(Kind::JArray, "FromObject(value): JArray", from_object),
    fixed(T, "FromObject(value): JToken", from_object),
    fixed(T, "DeepEquals(left, right): bool", |c| {
        let (left, right) = (token(c, 0)?, token(c, 1)?);
        Ok(Value::Bool(left.deep_equals(&right, 0)))
    }),
    fixed(Kind::JObject, "new(...): JObject", new_object),
    fixed(Kind::JArray, "new(...): JArray", new_array),
    fixed(Kind::JProperty, "new(name, ...): JProperty", new_property),
    fixed(Kind::JValue, "new(value): JValue", |c| token(c, 0).map(Value::Json)),
    fixed(Kind::JValue, "CreateNull(): JValue", |_| Ok(Value::Json(Json::Null))),
    fixed(Kind::JValue, "CreateString(text): JValue", |c| token(c, 0).map(Value::Json)),
    fixed(Kind::JsonConvert, "SerializeObject(value, [formatting], [settings]): string", serialize),
    fixed(Kind::JsonConvert, "DeserializeObject(text, [type]): G", deserialize),
    fixed(Kind::JsonConvert, "ToString(value): string", serialize),
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
    member(Kind::JArray, "Merge(other, [settings]): void", merge),
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
    member(Kind::JObject, "Merge(other, [settings]): void", merge),
    member(Kind::JProperty, "Remove(): void", |c| {
        let property = property(c)?;
        let owner = property.2.upgrade().ok_or_else(|| Thrown::operation("The parent is missing."))?;
        c.machine.budget.step(owner.len())?;
        drop(owner.remove(&property.0));
        Ok(Value::Null)
    }),
    member(Kind::JProperty, "Name: string", |c| property(c).map(|property| Value::Text(property.0.clone()))),
    member(Kind::JProperty, "Key: string", |c| property(c).map(|property| Value::Text(property.0.clone()))),
    member(Kind::JProperty, "Value: JToken", |c| property(c).map(|property| Value::Json(property.1.clone()))),
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
    match json {
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
    }
}

fn token(c: &mut Call<'_, '_>, index: usize) -> Result<Json, Thrown> {
    let value = c.arg(index);
    token_of(c.machine, &value)
}

/// An argument as a token to put into the receiver.
fn content(c: &mut Call<'_, '_>, index: usize) -> Result<Json, Thrown> {
    let (this, value) = (c.this.clone(), c.arg(index));
    content_of(c.machine, &this, &value)
}

/// A value as a token to put into an object or array. A property is no content, and what holds the container itself
/// is copied: a tree stays a tree.
pub(in crate::expression) fn content_of(
    machine: &mut Machine<'_>,
    container: &Value,
    value: &Value,
) -> Result<Json, Thrown> {
    let token = token_of(machine, value)?;
    if let Json::Property(_) = &token {
        let message = format!("Can not add Newtonsoft.Json.Linq.JProperty to {}.", container.kind().full_name());
        return Err(Thrown::argument(message));
    }
    let Value::Json(container) = container else { return Ok(token) };
    let Some(target) = container.address().filter(|_| token.address().is_some()) else { return Ok(token) };
    // A container that is in nothing can only be in itself.
    let nested = token.address() == Some(target)
        || container.is_placed() && token.encloses(target, &mut || machine.budget.step(1))?;
    Ok(if nested { token.deep_clone(0) } else { token })
}

/// A value as a token; collections become arrays and objects.
pub(in crate::expression) fn token_of(machine: &mut Machine<'_>, value: &Value) -> Result<Json, Thrown> {
    machine.budget.grow(48)?;
    if let Some(Value::Json(json)) = value.to_token().filter(|_| !matches!(value, Value::Object(_))) {
        return Ok(json);
    }
    match value {
        Value::List(_) | Value::Dict(_) | Value::Object(_) | Value::Handle(_) => {
            let value = machine.settled(value);
            let text = value.to_json()?;
            machine.budget.grow(text.len())?;
            Json::parse(&text)
        }
        other => Ok(Json::String(other.to_text())),
    }
}

fn parse(c: &mut Call<'_, '_>, kind: Kind) -> Outcome {
    let text = c.text(0)?;
    c.machine.budget.grow(text.len().saturating_mul(4))?;
    let json = Json::parse(&text)?;
    if json.kind().is_a(kind) {
        return Ok(Value::Json(json));
    }
    let message = format!(
        "Error reading {} from JsonReader. Current JsonReader item is not an object: {}.",
        kind.name(),
        json.kind().name()
    );
    Err(Thrown::new("JsonReaderException", message))
}

fn from_object(c: &mut Call<'_, '_>) -> Outcome {
    if let Value::List(list) = c.arg(0) {
        let items = list.items().iter().map(|item| token_of(c.machine, item)).collect::<Result<Vec<_>, _>>()?;
        return Ok(Value::Json(Json::array(items)));
    }
    let json = token(c, 0)?;
    let copy = json.deep_clone(0);
    if copy.kind().is_a(c.generic) {
        return Ok(Value::Json(copy));
    }
    Err(Thrown::argument(format!(
        "Object serialized to {}. {} instance expected.",
        copy.kind().name(),
        c.generic.name()
    )))
}

fn new_object(c: &mut Call<'_, '_>) -> Outcome {
    let made = Json::object([]);
    let Json::Object(target) = &made else { return Ok(Value::Null) };
    for value in c.args.clone() {
        let items = match &value {
            Value::Json(Json::Property(_)) => vec![value],
            other => c.machine.items(other)?,
        };
        for item in items {
            match &item {
                Value::Json(Json::Property(property)) => {
                    if target.set(property.0.clone(), property.1.clone()) {
                        return Err(twice(&property.0));
                    }
                }
                other => return Err(Thrown::argument(format!("Can not add {} to JObject.", other.kind().full_name()))),
            }
        }
    }
    Ok(Value::Json(made))
}

fn new_array(c: &mut Call<'_, '_>) -> Outcome {
    let args = c.args.clone();
    let spread = args.len() == 1 && matches!(args[0], Value::List(_) | Value::Json(Json::Array(_)));
    let items = if spread { c.items(0)? } else { args };
    let made = Value::Json(Json::array([]));
    let tokens = items.iter().map(|item| content_of(c.machine, &made, item)).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::Json(Json::array(tokens)))
}

fn new_property(c: &mut Call<'_, '_>) -> Outcome {
    let name = c.text(0)?;
    c.this = Value::Json(JsonProperty::token(name.clone(), Json::Null));
    let value = if c.count() > 2 {
        let tokens = (1..c.count()).map(|at| content(c, at)).collect::<Result<Vec<_>, _>>()?;
        Json::array(tokens)
    } else {
        content(c, 1)?
    };
    Ok(Value::Json(JsonProperty::token(name, value)))
}

fn serialize(c: &mut Call<'_, '_>) -> Outcome {
    let value = c.arg(0);
    let value = c.machine.settled(&value);
    let indented = matches!(c.arg(1), Value::Enum(Kind::Formatting, 1));
    let text = value.json_text(indented)?;
    c.new_text(text)
}

fn deserialize(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.text(0)?;
    c.machine.budget.grow(text.len().saturating_mul(4))?;
    let json = Value::Json(Json::parse(&text)?);
    if c.generic == Kind::JsonConvert {
        c.generic = Kind::Unknown;
    }
    convert(c, &json)
}

/// `ToObject<T>`, with the types of items and values as far as they are simple.
fn convert(c: &mut Call<'_, '_>, value: &Value) -> Outcome {
    let (kind, element) = (c.generic, c.element);
    let Value::Json(json) = value else { return value.cast(kind) };
    let item = |json: &Json| match element {
        Kind::Unknown | Kind::Object => Ok(json.scalar()),
        element => json.cast(element),
    };
    match (json, kind) {
        (Json::Array(array), Kind::List | Kind::HashSet | Kind::Enumerable | Kind::Array) => {
            let items = array.items().iter().map(item).collect::<Result<Vec<_>, _>>()?;
            c.machine.budget.grow(items.len() * 32)?;
            Ok(match kind {
                Kind::Array => Value::array(items),
                Kind::HashSet => super::set::of(items, false),
                _ => Value::list(items),
            })
        }
        (Json::Object(object), Kind::Dictionary) => {
            let rows = object.rows().into_iter().map(|(name, value)| Ok((Value::Text(name), item(&value)?)));
            let rows = rows.collect::<Result<Vec<_>, Thrown>>()?;
            c.machine.budget.grow(rows.len() * 64)?;
            Ok(Value::Dict(crate::expression::value::Dict::of(false, rows).into()))
        }
        (Json::Null, _) => Ok(Value::Null),
        _ => json.cast(kind),
    }
}

fn value_of(c: &mut Call<'_, '_>) -> Outcome {
    let (this, key, kind) = (c.this.clone(), c.arg(0), c.generic);
    let found = if c.count() == 0 { this } else { c.machine.index(&this, &key)? };
    match found {
        Value::Json(Json::Null) | Value::Null if c.nullable => Ok(Value::Null),
        Value::Null => Ok(Value::initial(kind)),
        found => found.cast(kind),
    }
}

/// The values of the children, or of their members of a name.
fn values(c: &mut Call<'_, '_>) -> Outcome {
    let items = match this(c)? {
        Json::Object(object) if c.count() == 0 => object.rows().into_iter().map(|row| Value::Json(row.1)).collect(),
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
    let found = json_path::select(&root, &path, &mut c.machine.budget)?;
    Ok(found.into_iter().map(Value::Json).collect())
}

fn get(c: &mut Call<'_, '_>) -> Result<Option<Json>, Thrown> {
    let name = c.text(0)?;
    let object = object(c)?;
    let found = object.get(&name);
    if found.is_some() || !c.ignores_case(1) {
        return Ok(found);
    }
    Ok(object.rows().into_iter().find(|row| row.0.eq_ignore_ascii_case(&name)).map(|row| row.1))
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

fn twice(name: &str) -> Thrown {
    Thrown::argument(format!(
        "Can not add property {name} to Newtonsoft.Json.Linq.JObject. Property with the same name already exists on object."
    ))
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

fn merge(c: &mut Call<'_, '_>) -> Outcome {
    let (this, other) = (this(c)?, token(c, 0)?);
    merge_into(c.machine, &this, &other, 0)?;
    Ok(Value::Null)
}

/// Objects merge by name, arrays are concatenated: Newtonsoft's defaults.
fn merge_into(machine: &mut Machine<'_>, target: &Json, source: &Json, depth: usize) -> Result<(), Thrown> {
    if depth > crate::expression::value::json::MAX_DEPTH {
        return Err(Thrown::limit("the JSON nests too deeply to be merged"));
    }
    match (target, source) {
        (Json::Object(target), Json::Object(source)) => {
            for (name, value) in source.rows() {
                machine.budget.grow(48)?;
                match (target.get(&name), &value) {
                    (Some(old @ Json::Object(_)), Json::Object(_)) | (Some(old @ Json::Array(_)), Json::Array(_)) => {
                        merge_into(machine, &old, &value, depth + 1)?;
                    }
                    _ => _ = target.set(name, value.deep_clone(0)),
                }
            }
        }
        (Json::Array(target), Json::Array(source)) => {
            for item in source.items() {
                machine.budget.grow(48)?;
                target.push(item.deep_clone(0));
            }
        }
        _ => {}
    }
    Ok(())
}
