//! Queries that compare: order, groups, sets, sums and extremes.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Call, Row, linq::key, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Decimal, Dict, Object},
};

type Outcome = Result<Value, Thrown>;

const E: Kind = Kind::Enumerable;

pub(super) const ROWS: &[Row] = &[
    member(E, "OrderBy(key, [comparer]): IEnumerable<T>", |c| order(c, false)),
    member(E, "OrderByDescending(key, [comparer]): IEnumerable<T>", |c| order(c, true)),
    member(E, "ThenBy(key): IEnumerable<T>", then),
    member(E, "ThenByDescending(key): IEnumerable<T>", |c| refine(c, true)),
    member(E, "Reverse(): IEnumerable<T>", |c| {
        let mut items = c.this_items()?;
        items.reverse();
        Ok(Value::sequence(items))
    }),
    member(E, "GroupBy(key, [value]): IEnumerable<IGrouping<object, T>>", group_by),
    member(Kind::Grouping, "Key: object", |c| match &c.this {
        Value::Object(object) => match &**object {
            Object::Grouping(key, _) => Ok(key.clone()),
            _ => Ok(Value::Null),
        },
        _ => Ok(Value::Null),
    }),
    member(E, "Distinct([comparer]): IEnumerable<T>", |c| {
        let ignore = c.ignores_case(0);
        let items = c.this_items()?;
        let mut seen = HashSet::new();
        let fold = |item: &Value| if ignore { key(item).to_lowercase() } else { key(item) };
        Ok(Value::sequence(items.into_iter().filter(|item| seen.insert(fold(item))).collect()))
    }),
    member(E, "Union(other): IEnumerable<T>", |c| {
        let mut items = c.this_items()?;
        items.extend(c.items(0)?);
        Ok(Value::sequence(distinct(items)))
    }),
    member(E, "Except(other): IEnumerable<T>", |c| against(c, false)),
    member(E, "Intersect(other): IEnumerable<T>", |c| against(c, true)),
    member(E, "Contains(item, [comparer]): bool", contains),
    member(E, "Sum([map]): number", sum),
    member(E, "Average([map]): double", average),
    member(E, "Max([map]): object", |c| extreme(c, Ordering::Greater)),
    member(E, "Min([map]): object", |c| extreme(c, Ordering::Less)),
];

fn keys(c: &mut Call<'_, '_>, items: Vec<Value>) -> Result<Vec<(Value, Value)>, Thrown> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((c.invoke(0, std::slice::from_ref(&item))?, item));
    }
    Ok(keyed)
}

fn compare(left: &Value, right: &Value) -> Ordering {
    left.compare(right).unwrap_or(Ordering::Equal)
}

/// A stable order. `ThenBy` is the same sort applied before: see [`then`].
fn order(c: &mut Call<'_, '_>, descending: bool) -> Outcome {
    let items = c.this_items()?;
    c.machine.budget.step(items.len().saturating_mul(8))?;
    let mut keyed = keys(c, items)?;
    sort(&mut keyed, descending);
    let ranks = ranks(&keyed, None);
    Ok(ordered(keyed, ranks))
}

/// Comparison need not be total (mixed types compare equal); sorting by insertion into runs cannot panic on that.
fn sort(keyed: &mut Vec<(Value, Value)>, descending: bool) {
    let mut indexed: Vec<_> = std::mem::take(keyed).into_iter().enumerate().collect();
    merge_sort(&mut indexed, &|left, right| {
        let order = compare(&left.1.0, &right.1.0);
        if descending { order.reverse() } else { order }
    });
    *keyed = indexed.into_iter().map(|(_, row)| row).collect();
}

/// The items of the receiver in their order, or in that of the comparison that is the first argument.
pub(super) fn sorted(c: &mut Call<'_, '_>) -> Result<Vec<Value>, Thrown> {
    let mut items = c.this_items()?;
    c.machine.budget.step(items.len().saturating_mul(8))?;
    if !matches!(c.arg(0), Value::Lambda(_)) {
        merge_sort(&mut items, &compare);
        return Ok(items);
    }
    // Insertion keeps errors of the comparison simple; the budget is paid by each call.
    let mut sorted: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        let mut at = sorted.len();
        while at > 0 && c.invoke(0, &[sorted[at - 1].clone(), item.clone()])?.as_long().unwrap_or(0) > 0 {
            at -= 1;
        }
        sorted.insert(at, item);
    }
    Ok(sorted)
}

fn merge_sort<T: Clone>(items: &mut Vec<T>, compare: &dyn Fn(&T, &T) -> Ordering) {
    let mut width = 1;
    while width < items.len() {
        let mut merged = Vec::with_capacity(items.len());
        for chunk in items.chunks(width * 2) {
            let (left, right) = chunk.split_at(width.min(chunk.len()));
            let (mut a, mut b) = (0, 0);
            while a < left.len() || b < right.len() {
                let take_left = b >= right.len() || a < left.len() && compare(&left[a], &right[b]) != Ordering::Greater;
                let next = if take_left { &left[a] } else { &right[b] };
                merged.push(next.clone());
                if take_left { a += 1 } else { b += 1 }
            }
        }
        *items = merged;
        width *= 2;
    }
}

/// Equal keys share a rank; a later order refines within a rank.
fn ranks(keyed: &[(Value, Value)], before: Option<&[i32]>) -> Vec<i32> {
    let mut rank = 0;
    let mut ranks = Vec::with_capacity(keyed.len());
    for at in 0..keyed.len() {
        let same = at > 0
            && compare(&keyed[at - 1].0, &keyed[at].0) == Ordering::Equal
            && before.is_none_or(|before| before[at - 1] == before[at]);
        rank += i32::from(at > 0 && !same);
        ranks.push(rank);
    }
    ranks
}

/// An ordered sequence remembers its ranks in a grouping, so that `ThenBy` can refine it.
fn ordered(keyed: Vec<(Value, Value)>, ranks: Vec<i32>) -> Value {
    let items = keyed.into_iter().map(|row| row.1).collect();
    let ranks = Value::array(ranks.into_iter().map(Value::Int).collect());
    Value::object(Object::Grouping(ranks, Value::sequence(items)))
}

fn then(c: &mut Call<'_, '_>) -> Outcome {
    refine(c, false)
}

fn refine(c: &mut Call<'_, '_>, descending: bool) -> Outcome {
    let before: Vec<_> = match &c.this {
        Value::Object(object) => match &**object {
            Object::Grouping(Value::List(ranks), _) => {
                ranks.items().iter().map(|rank| i32::try_from(rank.as_long().unwrap_or(0)).unwrap_or(0)).collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let items = c.this_items()?;
    c.machine.budget.step(items.len().saturating_mul(8))?;
    let before = if before.len() == items.len() { before } else { vec![0; items.len()] };
    let mut rows: Vec<_> = before.into_iter().zip(keys(c, items)?).collect();
    merge_sort(&mut rows, &|left, right| {
        let order = compare(&left.1.0, &right.1.0);
        left.0.cmp(&right.0).then(if descending { order.reverse() } else { order })
    });
    let (before, keyed): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let ranks = ranks(&keyed, Some(&before));
    Ok(ordered(keyed, ranks))
}

/// Groups by key, in the order of first appearance.
pub(super) fn group_by(c: &mut Call<'_, '_>) -> Outcome {
    let items = c.this_items()?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    let mut index = HashMap::new();
    for (group, item) in keys(c, items)? {
        let at = *index.entry(key(&group)).or_insert(groups.len());
        if at == groups.len() {
            groups.push((group, Vec::new()));
        }
        let value = if c.count() > 1 { c.invoke(1, &[item])? } else { item };
        groups[at].1.push(value);
    }
    let group = |(key, items)| Value::object(Object::Grouping(key, Value::sequence(items)));
    Ok(Value::sequence(groups.into_iter().map(group).collect()))
}

/// Groups that are found by their key; none is an empty one.
pub(super) fn lookup(c: &mut Call<'_, '_>) -> Outcome {
    let groups = group_by(c)?;
    let rows = c.machine.items(&groups)?.into_iter().map(|group| match &group {
        Value::Object(object) => match &**object {
            Object::Grouping(key, _) => (key.clone(), group.clone()),
            _ => (Value::Null, group.clone()),
        },
        _ => (Value::Null, group.clone()),
    });
    Ok(Value::object(Object::Lookup(Dict::of(false, rows))))
}

fn distinct(items: Vec<Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|item| seen.insert(key(item))).collect()
}

fn against(c: &mut Call<'_, '_>, keep: bool) -> Outcome {
    let other: HashSet<_> = c.items(0)?.iter().map(key).collect();
    let items = c.this_items()?.into_iter().filter(|item| other.contains(&key(item)) == keep).collect();
    Ok(Value::sequence(distinct(items)))
}

fn contains(c: &mut Call<'_, '_>) -> Outcome {
    let wanted = c.arg(0);
    let ignore = c.ignores_case(1);
    let fold = |value: &Value| value.to_text().to_lowercase();
    let same = |item: &Value| if ignore { fold(item) == fold(&wanted) } else { item.equals(&wanted) };
    Ok(Value::Bool(c.this_items()?.iter().any(same)))
}

fn mapped(c: &mut Call<'_, '_>) -> Result<Vec<Value>, Thrown> {
    let items = c.this_items()?;
    if c.count() == 0 {
        return Ok(items);
    }
    items.into_iter().map(|item| c.invoke(0, &[item])).collect()
}

fn sum(c: &mut Call<'_, '_>) -> Outcome {
    let items = mapped(c)?;
    let mut total = Value::Int(0);
    for item in &items {
        total = match (&total, item) {
            (Value::Int(total), Value::Int(item)) => {
                Value::Int(total.checked_add(*item).ok_or_else(|| Thrown::overflow("an Int32"))?)
            }
            (_, Value::Null) => total,
            (Value::Decimal(_), _) | (_, Value::Decimal(_)) => {
                let both = total.to_decimal().and_then(|total| total.plus(item.to_decimal()?));
                Value::Decimal(Arc::new(both.unwrap_or_else(|| Decimal::from_long(0))))
            }
            (total, item) => match (total.as_long(), item.as_long()) {
                (Some(total), Some(item)) => {
                    Value::Long(total.checked_add(item).ok_or_else(|| Thrown::overflow("an Int64"))?)
                }
                _ => Value::Double(total.as_double().unwrap_or(0.0) + number(item)?),
            },
        };
    }
    Ok(total)
}

fn number(value: &Value) -> Result<f64, Thrown> {
    value.as_double().ok_or_else(|| Thrown::cast(value.kind().full_name(), "System.Double"))
}

fn average(c: &mut Call<'_, '_>) -> Outcome {
    let items = mapped(c)?;
    if items.is_empty() {
        return Err(Thrown::operation("Sequence contains no elements"));
    }
    let total = items.iter().map(number).sum::<Result<f64, _>>()?;
    Ok(Value::Double(total / f64::from(super::string::number(items.len()))))
}

fn extreme(c: &mut Call<'_, '_>, better: Ordering) -> Outcome {
    let items = mapped(c)?;
    let best = items.iter().reduce(|best, item| if item.compare(best) == Some(better) { item } else { best });
    best.cloned().ok_or_else(|| Thrown::operation("Sequence contains no elements"))
}
