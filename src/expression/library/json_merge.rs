//! `Merge` of `JObject` and `JArray`, with `JsonMergeSettings`.

use super::{Call, Row, fixed, json_make::token, member};
use crate::expression::{
    Kind, Thrown, Value,
    eval::Machine,
    value::{Dict, Json, json::JsonArray},
};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] = &[
    member(Kind::JObject, "Merge(other, [settings]): void", merge),
    member(Kind::JArray, "Merge(other, [settings]): void", merge),
    // Its members are set by an initializer.
    fixed(Kind::MergeSettings, "new(): JsonMergeSettings", |_| Ok(Value::Dict(Dict::new(false).into()))),
];

fn merge(c: &mut Call<'_, '_>) -> Outcome {
    let Value::Json(this) = c.this.clone() else { return Err(Thrown::null("what is merged into")) };
    let other = token(c, 0)?;
    let how = Merging::of(&c.arg(1));
    merge_into(c.machine, &this, &other, how, 0)?;
    Ok(Value::Null)
}

/// How arrays and nulls are merged (`JsonMergeSettings`); Newtonsoft's defaults are to append and to ignore.
#[derive(Clone, Copy)]
struct Merging {
    arrays: i64,
    takes_nulls: bool,
}

impl Merging {
    fn of(settings: &Value) -> Self {
        let Value::Dict(settings) = settings else { return Self { arrays: 0, takes_nulls: false } };
        let number = |name: &str| match settings.get(&name.into()) {
            Some(Value::Enum(_, number)) => i64::from(number),
            _ => 0,
        };
        Self { arrays: number("MergeArrayHandling"), takes_nulls: number("MergeNullValueHandling") == 1 }
    }
}

/// Merges what stands at one place of both.
fn merge_at(machine: &mut Machine<'_>, old: &Json, new: &Json, how: Merging, depth: usize) -> Result<bool, Thrown> {
    let both = matches!((old, new), (Json::Object(_), Json::Object(_)) | (Json::Array(_), Json::Array(_)));
    if both {
        merge_into(machine, old, new, how, depth + 1)?;
    }
    Ok(both)
}

/// The items of an array that is merged into another.
fn merge_arrays(
    machine: &mut Machine<'_>,
    target: &JsonArray,
    source: Vec<Json>,
    how: Merging,
    depth: usize,
) -> Result<(), Thrown> {
    if how.arrays == 2 {
        target.clear();
    }
    for (at, item) in source.into_iter().enumerate() {
        machine.budget.grow(48)?;
        machine.budget.step(if how.arrays == 1 { target.len() } else { 1 })?;
        let old = if how.arrays == 3 { target.get(at) } else { None };
        match old {
            Some(old) if merge_at(machine, &old, &item, how, depth)? => {}
            Some(_) if matches!(item, Json::Null) && !how.takes_nulls => {}
            Some(_) => drop(target.set(at, item.deep_clone(0))),
            None if how.arrays == 1 && target.items().iter().any(|other| other.deep_equals(&item, 0)) => {}
            None => target.push(item.deep_clone(0)),
        }
    }
    Ok(())
}

/// Objects merge by name, arrays as the settings say.
fn merge_into(
    machine: &mut Machine<'_>,
    target: &Json,
    source: &Json,
    how: Merging,
    depth: usize,
) -> Result<(), Thrown> {
    if depth > crate::expression::value::json::MAX_DEPTH {
        return Err(Thrown::limit("the JSON nests too deeply to be merged"));
    }
    match (target, source) {
        (Json::Object(target), Json::Object(source)) => {
            for (name, value) in source.rows() {
                machine.budget.grow(48)?;
                match target.get(&name) {
                    Some(old) if merge_at(machine, &old, &value, how, depth)? => {}
                    Some(_) if matches!(value, Json::Null) && !how.takes_nulls => {}
                    _ => _ = target.set(name, value.deep_clone(0)),
                }
            }
        }
        (Json::Array(target), Json::Array(source)) => merge_arrays(machine, target, source.items(), how, depth)?,
        _ => {}
    }
    Ok(())
}
