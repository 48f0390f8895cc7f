//! Members of `List<T>`.

use std::sync::Arc;

use super::{Call, Row, member};
use crate::expression::{Kind, Thrown, Value};

type Outcome = Result<Value, Thrown>;

const L: Kind = Kind::List;

pub(super) const ROWS: &[Row] = &[
    member(L, "Add(item): void", add),
    member(L, "AddRange(items): void", add_range),
    member(L, "Insert(index, item): void", insert),
    member(L, "Remove(item): bool", remove),
    member(L, "RemoveAt(index): void", remove_at),
    member(L, "Clear(): void", clear),
    member(L, "IndexOf(item): int", |c| {
        let (items, item) = (c.this_items()?, c.arg(0));
        Ok(Value::Int(items.iter().position(|other| other.equals(&item)).map_or(-1, super::string::number)))
    }),
    member(L, "ForEach(action): void", |c| {
        for item in c.this_items()? {
            c.invoke(0, &[item])?;
        }
        Ok(Value::Null)
    }),
    member(L, "Find(test): T", |c| {
        for item in c.this_items()? {
            if c.invoke(0, std::slice::from_ref(&item))?.as_bool() == Some(true) {
                return Ok(item);
            }
        }
        Ok(Value::Null)
    }),
    member(L, "Exists(test): bool", |c| {
        for item in c.this_items()? {
            if c.invoke(0, &[item])?.as_bool() == Some(true) {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
    member(L, "FindIndex(test): int", |c| {
        let found = tested(c)?.iter().position(|(_, holds)| *holds);
        Ok(Value::Int(found.map_or(-1, super::string::number)))
    }),
    member(L, "FindAll(test): List<T>", |c| {
        Ok(Value::list(tested(c)?.into_iter().filter(|(_, holds)| *holds).map(|(item, _)| item).collect()))
    }),
    member(L, "FindLast(test): T", |c| {
        Ok(tested(c)?.into_iter().rev().find(|(_, holds)| *holds).map(|(item, _)| item).unwrap_or_default())
    }),
    member(L, "TrueForAll(test): bool", |c| Ok(Value::Bool(tested(c)?.iter().all(|(_, holds)| *holds)))),
    member(L, "RemoveAll(test): int", |c| {
        let tested = tested(c)?;
        let before = tested.len();
        let kept: Vec<_> = tested.into_iter().filter(|(_, holds)| !holds).map(|(item, _)| item).collect();
        let gone = before - kept.len();
        list(c)?.change(|items| *items = kept);
        Ok(Value::Int(super::string::number(gone)))
    }),
    member(L, "InsertRange(index, items): void", |c| {
        let (at, more) = (usize::try_from(c.int(0)?).unwrap_or(usize::MAX), c.items(1)?);
        if at > list(c)?.len() {
            return Err(Thrown::range("Index must be within the bounds of the List."));
        }
        list(c)?.change(|items| drop(items.splice(at..at, more)));
        Ok(Value::Null)
    }),
    member(L, "GetRange(index, count): List<T>", |c| {
        let (from, count) = (usize::try_from(c.int(0)?).unwrap_or(usize::MAX), usize::try_from(c.int(1)?).unwrap_or(0));
        let items = c.this_items()?;
        let range = from.checked_add(count).and_then(|to| items.get(from..to));
        range
            .map(|range| Value::list(range.to_vec()))
            .ok_or_else(|| Thrown::argument("Offset and length were out of bounds."))
    }),
    member(L, "Sort([comparison]): void", |c| {
        let sorted = super::linq_order::sorted(c)?;
        list(c)?.change(|items| *items = sorted);
        Ok(Value::Null)
    }),
    member(L, "Reverse(): void", |c| {
        list(c)?.change(|items| items.reverse());
        Ok(Value::Null)
    }),
    member(L, "AsReadOnly(): List<T>", |c| Ok(c.this.clone())),
];

/// The items, and whether each passes the test.
fn tested(c: &mut Call<'_, '_>) -> Result<Vec<(Value, bool)>, Thrown> {
    let mut tested = Vec::new();
    for item in c.this_items()? {
        let holds = c.invoke(0, std::slice::from_ref(&item))?.as_bool() == Some(true);
        tested.push((item, holds));
    }
    Ok(tested)
}

fn list<'c>(c: &'c Call<'_, '_>) -> Result<&'c Arc<crate::expression::value::List>, Thrown> {
    match &c.this {
        Value::List(list) => Ok(list),
        other => Err(Thrown::cast(other.kind().full_name(), "System.Collections.Generic.List")),
    }
}

fn add(c: &mut Call<'_, '_>) -> Outcome {
    c.machine.budget.grow(32)?;
    let item = c.arg(0);
    if let (Value::List(this), Value::List(item)) = (&c.this, &item)
        && Arc::ptr_eq(this, item)
    {
        return Err(Thrown::operation("a list cannot hold itself"));
    }
    list(c)?.change(|items| items.push(item));
    Ok(Value::Null)
}

fn add_range(c: &mut Call<'_, '_>) -> Outcome {
    let mut more = c.items(0)?;
    list(c)?.change(|items| items.append(&mut more));
    Ok(Value::Null)
}

fn insert(c: &mut Call<'_, '_>) -> Outcome {
    let (at, item) = (usize::try_from(c.int(0)?).unwrap_or(usize::MAX), c.arg(1));
    let count = list(c)?.len();
    c.machine.budget.grow(32 + count / 8)?;
    if at > count {
        return Err(Thrown::range("Index must be within the bounds of the List."));
    }
    list(c)?.change(|items| items.insert(at.min(items.len()), item));
    Ok(Value::Null)
}

fn remove(c: &mut Call<'_, '_>) -> Outcome {
    let wanted = c.arg(0);
    let at = c.this_items()?.iter().position(|item| item.equals(&wanted));
    let Some(at) = at else { return Ok(Value::Bool(false)) };
    let old = list(c)?.change(|items| (at < items.len()).then(|| items.remove(at)));
    Ok(Value::Bool(old.is_some()))
}

fn remove_at(c: &mut Call<'_, '_>) -> Outcome {
    let at = usize::try_from(c.int(0)?).unwrap_or(usize::MAX);
    let count = list(c)?.len();
    c.machine.budget.step(count / 8 + 1)?;
    let old = list(c)?.change(|items| (at < items.len()).then(|| items.remove(at)));
    old.map(|_| Value::Null).ok_or_else(|| Thrown::range("Index was out of range."))
}

fn clear(c: &mut Call<'_, '_>) -> Outcome {
    let old = list(c)?.change(std::mem::take);
    drop(old);
    Ok(Value::Null)
}
