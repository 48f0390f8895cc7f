//! Making JSON: parsing, `new`, from values; and making values of it. What is put into a tree goes through `content_of`.

use super::{Call, Row, fixed};
use crate::expression::{
    Kind, Thrown, Value,
    eval::Machine,
    value::{Json, JsonProperty, Object},
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
    fixed(Kind::JsonConvert, "SerializeXNode(node, [formatting]): string", serialize),
    fixed(Kind::JsonConvert, "DeserializeObject(text, [type]): G", deserialize),
    fixed(Kind::JsonConvert, "ToString(value): string", serialize),
];

pub(super) fn token(c: &mut Call<'_, '_>, index: usize) -> Result<Json, Thrown> {
    let value = c.arg(index);
    token_of(c.machine, &value)
}

/// An argument as a token to put into the receiver.
pub(super) fn content(c: &mut Call<'_, '_>, index: usize) -> Result<Json, Thrown> {
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
    // One sequence stands for its items.
    let items = match &args[..] {
        [Value::List(_) | Value::Json(Json::Array(_))] => c.items(0)?,
        [Value::Object(object)] if matches!(&**object, Object::Grouping(..) | Object::Lookup(_)) => c.items(0)?,
        _ => args,
    };
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
pub(super) fn convert(c: &mut Call<'_, '_>, value: &Value) -> Outcome {
    let (kind, element) = (c.generic, c.element);
    let Value::Json(json) = value else { return value.cast(kind) };
    let json = json.plain();
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

pub(super) fn twice(name: &str) -> Thrown {
    Thrown::argument(format!(
        "Can not add property {name} to Newtonsoft.Json.Linq.JObject. Property with the same name already exists on object."
    ))
}
