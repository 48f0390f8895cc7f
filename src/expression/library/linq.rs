//! Queries over any collection. They run at once, not when enumerated: nothing a policy does can tell.

use super::{Call, Row, fixed, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Dict, Json},
};

type Outcome = Result<Value, Thrown>;

const E: Kind = Kind::Enumerable;

pub(super) const ROWS: &[Row] = &[
    member(E, "Select(map): IEnumerable<R>", select),
    member(E, "SelectMany(map, [combine]): IEnumerable<S>", select_many),
    member(E, "Where(test): IEnumerable<T>", filter),
    member(E, "First([test]): T", |c| found(c, 0, true)),
    member(E, "FirstOrDefault([test]): T", |c| found(c, 0, false)),
    member(E, "Last([test]): T", |c| found(c, 1, true)),
    member(E, "LastOrDefault([test]): T", |c| found(c, 1, false)),
    member(E, "Single([test]): T", |c| found(c, 2, true)),
    member(E, "SingleOrDefault([test]): T", |c| found(c, 2, false)),
    member(E, "ElementAt(index): T", |c| element(c, true)),
    member(E, "ElementAtOrDefault(index): T", |c| element(c, false)),
    member(E, "Any([test]): bool", |c| matching(c).map(|items| Value::Bool(!items.is_empty()))),
    member(E, "All(test): bool", |c| {
        let all = c.this_items()?.len();
        matching(c).map(|items| Value::Bool(items.len() == all))
    }),
    member(E, "Count([test]): int", |c| matching(c).map(|items| Value::Int(super::string::number(items.len())))),
    member(E, "LongCount([test]): long", |c| {
        matching(c).map(|items| Value::Long(i64::from(super::string::number(items.len()))))
    }),
    member(E, "Aggregate(seed, [combine], [result]): object", aggregate),
    member(E, "Take(count): IEnumerable<T>", |c| slice(c, true)),
    member(E, "Skip(count): IEnumerable<T>", |c| slice(c, false)),
    member(E, "TakeWhile(test): IEnumerable<T>", |c| while_(c, true)),
    member(E, "SkipWhile(test): IEnumerable<T>", |c| while_(c, false)),
    member(E, "TakeLast(count): IEnumerable<T>", |c| {
        let (items, count) = (c.this_items()?, usize::try_from(c.int(0)?).unwrap_or(0));
        Ok(Value::sequence(items[items.len().saturating_sub(count)..].to_vec()))
    }),
    member(E, "SkipLast(count): IEnumerable<T>", |c| {
        let (items, count) = (c.this_items()?, usize::try_from(c.int(0)?).unwrap_or(0));
        Ok(Value::sequence(items[..items.len().saturating_sub(count)].to_vec()))
    }),
    member(E, "Concat(other): IEnumerable<T>", |c| {
        let mut items = c.this_items()?;
        items.extend(c.items(0)?);
        Ok(Value::sequence(items))
    }),
    member(E, "Append(item): IEnumerable<T>", |c| {
        let mut items = c.this_items()?;
        items.push(c.arg(0));
        Ok(Value::sequence(items))
    }),
    member(E, "Prepend(item): IEnumerable<T>", |c| {
        let mut items = c.this_items()?;
        items.insert(0, c.arg(0));
        Ok(Value::sequence(items))
    }),
    member(E, "Zip(other, [combine]): IEnumerable", zip),
    member(E, "Cast(): IEnumerable<G>", |c| {
        let kind = c.generic;
        let items = c.this_items()?.iter().map(|item| item.cast(kind)).collect::<Result<_, _>>()?;
        Ok(Value::sequence(items))
    }),
    member(E, "OfType(): IEnumerable<G>", |c| {
        let kind = c.generic;
        Ok(Value::sequence(c.this_items()?.into_iter().filter(|item| item.is(kind)).collect()))
    }),
    member(E, "ToList(): List<T>", |c| c.this_items().map(Value::list)),
    member(E, "ToArray(): T[]", |c| c.this_items().map(Value::array)),
    member(E, "ToHashSet([comparer]): HashSet<T>", |c| {
        let ignore = c.ignores_case(0);
        c.this_items().map(|items| super::set::of(items, ignore))
    }),
    member(E, "AsEnumerable(): IEnumerable<T>", |c| c.this_items().map(Value::sequence)),
    member(E, "ToDictionary(key, [value], [comparer]): Dictionary", to_dictionary),
    member(E, "ToLookup(key, [value]): ILookup", super::linq_order::lookup),
    member(E, "DefaultIfEmpty([item]): IEnumerable<T>", |c| {
        let items = c.this_items()?;
        Ok(Value::sequence(match items.is_empty() {
            true if c.count() == 0 => vec![Value::initial(c.generic)],
            true => vec![c.arg(0)],
            false => items,
        }))
    }),
    member(E, "SequenceEqual(other): bool", |c| {
        let (left, right) = (c.this_items()?, c.items(0)?);
        Ok(Value::Bool(left.len() == right.len() && left.iter().zip(&right).all(|(left, right)| left.equals(right))))
    }),
    fixed(E, "Range(start, count): IEnumerable<int>", range),
    fixed(E, "Repeat(item, count): IEnumerable", repeat),
    fixed(E, "Empty(): IEnumerable<G>", |_| Ok(Value::sequence(Vec::new()))),
];

fn truth(value: &Value) -> bool {
    value.as_bool() == Some(true)
}

/// The items that pass the test, if there is one.
fn matching(c: &mut Call<'_, '_>) -> Result<Vec<Value>, Thrown> {
    let items = c.this_items()?;
    if c.count() == 0 {
        return Ok(items);
    }
    let mut kept = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        if truth(&c.invoke(0, &[item.clone(), Value::Int(super::string::number(at))])?) {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn filter(c: &mut Call<'_, '_>) -> Outcome {
    matching(c).map(Value::sequence)
}

fn select(c: &mut Call<'_, '_>) -> Outcome {
    let mut mapped = Vec::new();
    for (at, item) in c.this_items()?.into_iter().enumerate() {
        mapped.push(c.invoke(0, &[item, Value::Int(super::string::number(at))])?);
    }
    Ok(Value::sequence(mapped))
}

fn select_many(c: &mut Call<'_, '_>) -> Outcome {
    let mut mapped = Vec::new();
    for item in c.this_items()? {
        let inner = c.invoke(0, std::slice::from_ref(&item))?;
        for inner in c.machine.items(&inner)? {
            let value = if c.count() > 1 { c.invoke(1, &[item.clone(), inner])? } else { inner };
            mapped.push(value);
        }
    }
    Ok(Value::sequence(mapped))
}

/// `which`: 0 first, 1 last, 2 the only one.
fn found(c: &mut Call<'_, '_>, which: u8, required: bool) -> Outcome {
    let items = matching(c)?;
    if which == 2 && items.len() > 1 {
        return Err(Thrown::operation("Sequence contains more than one element"));
    }
    let item = if which == 1 { items.last() } else { items.first() };
    match item {
        Some(item) => Ok(item.clone()),
        None if required => Err(Thrown::operation("Sequence contains no elements")),
        None => Ok(Value::initial(c.generic)),
    }
}

fn element(c: &mut Call<'_, '_>, required: bool) -> Outcome {
    let items = c.this_items()?;
    let item = usize::try_from(c.int(0)?).ok().and_then(|at| items.get(at));
    match item {
        Some(item) => Ok(item.clone()),
        None if required => Err(Thrown::range("Index was out of range. Parameter name: index")),
        None => Ok(Value::initial(c.generic)),
    }
}

fn aggregate(c: &mut Call<'_, '_>) -> Outcome {
    let mut items = c.this_items()?.into_iter();
    let (mut value, lambda) = match c.count() {
        1 => (items.next().ok_or_else(|| Thrown::operation("Sequence contains no elements"))?, 0),
        _ => (c.arg(0), 1),
    };
    for item in items {
        value = c.invoke(lambda, &[value, item])?;
    }
    if c.count() > 2 { c.invoke(2, &[value]) } else { Ok(value) }
}

fn slice(c: &mut Call<'_, '_>, take: bool) -> Outcome {
    let items = c.this_items()?;
    let at = usize::try_from(c.int(0)?).unwrap_or(0).min(items.len());
    Ok(Value::sequence(if take { items[..at].to_vec() } else { items[at..].to_vec() }))
}

fn while_(c: &mut Call<'_, '_>, take: bool) -> Outcome {
    let items = c.this_items()?;
    let mut at = 0;
    while at < items.len() && truth(&c.invoke(0, &[items[at].clone()])?) {
        at += 1;
    }
    Ok(Value::sequence(if take { items[..at].to_vec() } else { items[at..].to_vec() }))
}

fn zip(c: &mut Call<'_, '_>) -> Outcome {
    let mut zipped = Vec::new();
    for (left, right) in c.this_items()?.into_iter().zip(c.items(0)?) {
        zipped.push(if c.count() > 1 {
            c.invoke(1, &[left, right])?
        } else {
            Value::object(crate::expression::value::Object::Record(vec![
                ("Item1".into(), left),
                ("Item2".into(), right),
            ]))
        });
    }
    Ok(Value::sequence(zipped))
}

fn to_dictionary(c: &mut Call<'_, '_>) -> Outcome {
    let dict = Dict::new((1..c.count()).any(|at| c.ignores_case(at)));
    for item in c.this_items()? {
        let key = c.invoke(0, std::slice::from_ref(&item))?;
        let value = if matches!(c.arg(1), Value::Lambda(_)) { c.invoke(1, &[item])? } else { item };
        if dict.set(key.clone(), value) {
            return Err(Thrown::argument(format!(
                "An item with the same key has already been added. Key: {}",
                key.to_text()
            )));
        }
    }
    Ok(Value::Dict(dict.into()))
}

fn range(c: &mut Call<'_, '_>) -> Outcome {
    let (start, count) = (c.int(0)?, c.int(1)?);
    let count = usize::try_from(count)
        .map_err(|_| Thrown::range("Specified argument was out of the range of valid values."))?;
    c.machine.budget.grow(count.saturating_mul(32))?;
    Ok(Value::sequence(
        (0..count)
            .map(|at| Value::Int(i32::try_from(start).unwrap_or(0).wrapping_add(super::string::number(at))))
            .collect(),
    ))
}

fn repeat(c: &mut Call<'_, '_>) -> Outcome {
    let count = usize::try_from(c.int(1)?)
        .map_err(|_| Thrown::range("Specified argument was out of the range of valid values."))?;
    c.machine.budget.grow(count.saturating_mul(32))?;
    Ok(Value::sequence(vec![c.arg(0); count]))
}

/// What a JSON or other value is as a key of a set.
pub(super) fn key(value: &Value) -> String {
    let value = match &value.unplaced() {
        Value::Json(json @ (Json::String(_) | Json::Int(_) | Json::Bool(_) | Json::Float(_) | Json::Decimal(_))) => {
            json.scalar()
        }
        other => other.clone(),
    };
    let tag = if value.as_double().is_some() { 'n' } else { 't' };
    format!("{tag}{}", value.to_text())
}
