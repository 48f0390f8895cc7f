//! Lists, arrays, dictionaries, headers and pairs.

use std::sync::Arc;

use super::{Call, Row, fixed, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Dict, Handle, Json, Object},
};

type Outcome = Result<Value, Thrown>;

const D: Kind = Kind::Dictionary;
const L: Kind = Kind::List;

pub(super) const ROWS: &[Row] = &[
    member(Kind::Array, "Length: int", length),
    member(Kind::Bytes, "Length: int", length),
    member(L, "Count: int", length),
    member(D, "Count: int", length),
    member(Kind::Enumerable, "Count: int", length),
    member(Kind::Enumerable, "Length: int", length),
    fixed(L, "new([items]): List", |c| match c.arg(0) {
        Value::Null | Value::Int(_) => Ok(Value::list(Vec::new())),
        _ => c.items(0).map(Value::list),
    }),
    fixed(Kind::Array, "IndexOf(array, item): int", |c| {
        let (items, item) = (c.items(0)?, c.arg(1));
        Ok(Value::Int(items.iter().position(|other| other.equals(&item)).map_or(-1, super::string::number)))
    }),
    fixed(Kind::Array, "Sort(array): void", |c| {
        let array = c.arg(0);
        c.this = array.clone();
        c.args.clear();
        let sorted = super::linq_order::sorted(c)?;
        replace_items(&array, sorted)
    }),
    fixed(Kind::Array, "Reverse(array): void", |c| {
        let array = c.arg(0);
        let mut items = c.items(0)?;
        items.reverse();
        replace_items(&array, items)
    }),
    fixed(D, "new([source], [comparer]): Dictionary", new_dict),
    member(D, "Add(key, value): void", |c| {
        let (key, value) = (c.arg(0), c.arg(1));
        c.machine.budget.grow(96)?;
        let dict = dict(c)?;
        if dict.get(&key).is_some() {
            return Err(Thrown::argument(format!(
                "An item with the same key has already been added. Key: {}",
                key.to_text()
            )));
        }
        dict.set(key, value);
        Ok(Value::Null)
    }),
    member(D, "Remove(key): bool", |c| {
        let dict = dict(c)?;
        c.machine.budget.step(dict.len())?;
        Ok(Value::Bool(dict.remove(&c.arg(0)).is_some()))
    }),
    member(D, "Clear(): void", |c| {
        dict(c)?.clear();
        Ok(Value::Null)
    }),
    member(D, "ContainsKey(key): bool", contains_key),
    member(D, "ContainsValue(value): bool", |c| {
        let wanted = c.arg(0);
        let dict = dict(c)?;
        c.machine.budget.step(dict.len())?;
        Ok(Value::Bool(dict.rows().iter().any(|row| row.1.equals(&wanted))))
    }),
    member(D, "TryGetValue(key, out): bool", |c| {
        let found = look_up(c)?;
        let has = found.is_some();
        c.out = found.unwrap_or_else(|| Value::initial(c.generic));
        Ok(Value::Bool(has))
    }),
    member(D, "GetValueOrDefault(key, [default]): G", get_or_default),
    member(D, "Keys: IEnumerable<string>", |c| columns(c, true)),
    member(D, "Values: IEnumerable<V>", |c| columns(c, false)),
    member(Kind::KeyValuePair, "Key: K", |c| side(c, true)),
    member(Kind::KeyValuePair, "Value: V", |c| side(c, false)),
    fixed(Kind::KeyValuePair, "new(key, value): KeyValuePair", |c| Ok(Value::pair(c.arg(0), c.arg(1)))),
];

fn length(c: &mut Call<'_, '_>) -> Outcome {
    let count = match &c.this {
        Value::List(list) => list.len(),
        Value::Dict(dict) => dict.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => c.this_items()?.len(),
    };
    Ok(Value::Int(super::string::number(count)))
}

fn replace_items(array: &Value, new: Vec<Value>) -> Outcome {
    match array {
        Value::List(list) => list.change(|items| *items = new),
        other => return Err(Thrown::cast(other.kind().full_name(), "System.Array")),
    }
    Ok(Value::Null)
}

fn new_dict(c: &mut Call<'_, '_>) -> Outcome {
    let sorted = c.take_sorted();
    let ignore = (0..c.count()).any(|at| c.ignores_case(at));
    let rows = match c.arg(0) {
        value @ (Value::Dict(_) | Value::Handle(_)) => match c.machine.settled(&value) {
            Value::Dict(dict) => dict.rows(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let dict = Dict::of(ignore, rows);
    Ok(Value::Dict(if sorted { dict.sorted() } else { dict }.into()))
}

fn dict(c: &mut Call<'_, '_>) -> Result<Arc<Dict>, Thrown> {
    let this = c.this.clone();
    match c.machine.settled(&this) {
        Value::Dict(dict) => Ok(dict),
        other => Err(Thrown::cast(other.kind().full_name(), "System.Collections.Generic.Dictionary")),
    }
}

/// The value of the key that is the first argument.
fn look_up(c: &mut Call<'_, '_>) -> Result<Option<Value>, Thrown> {
    let key = c.arg(0);
    if key.is_null() {
        return Err(Thrown::argument_null("key"));
    }
    match c.this {
        Value::Handle(Handle::Variables) => Ok(c.machine.host.variable(&key.to_text())),
        _ => Ok(dict(c)?.get(&key)),
    }
}

fn contains_key(c: &mut Call<'_, '_>) -> Outcome {
    if let Value::Handle(Handle::Headers(side)) = c.this {
        let name = c.text(0)?;
        return Ok(Value::Bool(c.machine.host.header(side, &name).is_some()));
    }
    look_up(c).map(|found| Value::Bool(found.is_some()))
}

/// Headers and query parameters join their values; other dictionaries give the value, cast if a type is given.
fn get_or_default(c: &mut Call<'_, '_>) -> Outcome {
    let found = match c.this {
        Value::Handle(Handle::Headers(side)) => {
            let name = c.text(0)?;
            c.machine.host.header(side, &name).map(Value::Text)
        }
        _ => look_up(c)?.map(joined),
    };
    let Some(found) = found else {
        let default = c.arg(1);
        let unset = c.count() < 2 && !c.nullable;
        return Ok(if unset { Value::initial(c.generic) } else { default });
    };
    if c.generic == Kind::Unknown || found.is_null() { Ok(found) } else { found.cast(c.generic) }
}

fn joined(value: Value) -> Value {
    match &value {
        Value::List(list)
            if list.items().iter().all(|item| matches!(item, Value::Text(_))) && value.kind() == Kind::Array =>
        {
            let texts: Vec<_> = list.items().iter().map(Value::to_text).collect();
            Value::from(texts.join(","))
        }
        _ => value,
    }
}

fn columns(c: &mut Call<'_, '_>, keys: bool) -> Outcome {
    let rows = dict(c)?.rows();
    c.machine.budget.grow(rows.len() * 32)?;
    Ok(Value::sequence(rows.into_iter().map(|(key, value)| if keys { key } else { value }).collect()))
}

fn side(c: &mut Call<'_, '_>, key: bool) -> Outcome {
    match &c.this {
        Value::Object(object) => match &**object {
            Object::Pair(left, right) => Ok(if key { left.clone() } else { right.clone() }),
            _ => Err(Thrown::cast(c.this.kind().full_name(), "KeyValuePair")),
        },
        // What `foreach` over an object gives has both faces.
        Value::Json(Json::Property(property)) => {
            Ok(if key { Value::Text(property.0.clone()) } else { Value::Json(property.1.clone()) })
        }
        other => Err(Thrown::cast(other.kind().full_name(), "KeyValuePair")),
    }
}
