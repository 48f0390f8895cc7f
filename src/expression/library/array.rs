//! Statics of `Array`, and what copies one into another.

use super::{Call, Row, fixed, member};
use crate::expression::{Kind, Thrown, Value, value::List};

type Outcome = Result<Value, Thrown>;

const A: Kind = Kind::Array;

pub(super) const ROWS: &[Row] = &[
    fixed(A, "Find(array, test): object", |c| Ok(passing(c)?.into_iter().next().map_or(Value::Null, |found| found.1))),
    fixed(A, "FindAll(array, test): Array", |c| {
        Ok(Value::array(passing(c)?.into_iter().map(|found| found.1).collect()))
    }),
    fixed(A, "FindIndex(array, test): int", |c| {
        Ok(Value::Int(passing(c)?.first().map_or(-1, |found| super::string::number(found.0))))
    }),
    fixed(A, "Exists(array, test): bool", |c| Ok(Value::Bool(!passing(c)?.is_empty()))),
    fixed(A, "TrueForAll(array, test): bool", |c| {
        let count = c.items(0)?.len();
        Ok(Value::Bool(passing(c)?.len() == count))
    }),
    fixed(A, "ConvertAll(array, map): Array", |c| {
        let items = c.items(0)?;
        items.into_iter().map(|item| c.invoke(1, &[item])).collect::<Result<_, _>>().map(Value::array)
    }),
    fixed(A, "ForEach(array, action): void", |c| {
        for item in c.items(0)? {
            c.invoke(1, &[item])?;
        }
        Ok(Value::Null)
    }),
    fixed(A, "Empty(): Array", |_| Ok(Value::array(Vec::new()))),
    fixed(A, "Copy(source, ...): void", copy),
    member(A, "CopyTo(target, index): void", copy_to),
    member(Kind::Bytes, "CopyTo(target, index): void", copy_to),
    member(A, "GetLength(dimension): int", |c| Ok(Value::Int(super::string::number(c.this_items()?.len())))),
    member(A, "Clone(): this", |c| c.this_items().map(Value::array)),
    member(Kind::List, "ConvertAll(map): List<R>", |c| {
        let items = c.this_items()?;
        items.into_iter().map(|item| c.invoke(0, &[item])).collect::<Result<_, _>>().map(Value::list)
    }),
    member(Kind::List, "RemoveRange(index, count): void", |c| {
        let (from, count) = (index(c, 0)?, index(c, 1)?);
        let list = list(&c.this)?;
        let is_inside = from.checked_add(count).is_some_and(|to| to <= list.len());
        if !is_inside {
            return Err(Thrown::argument("Offset and length were out of bounds."));
        }
        list.change(|items| drop(items.drain(from..from + count)));
        Ok(Value::Null)
    }),
    member(Kind::List, "LastIndexOf(item): int", |c| {
        let wanted = c.arg(0);
        let at = c.this_items()?.iter().rposition(|item| item.equals(&wanted));
        Ok(Value::Int(at.map_or(-1, super::string::number)))
    }),
];

/// The items that pass the test, with their indexes.
fn passing(c: &mut Call<'_, '_>) -> Result<Vec<(usize, Value)>, Thrown> {
    let mut found = Vec::new();
    for (at, item) in c.items(0)?.into_iter().enumerate() {
        if c.invoke(1, std::slice::from_ref(&item))?.as_bool() == Some(true) {
            found.push((at, item));
        }
    }
    Ok(found)
}

fn index(c: &Call<'_, '_>, at: usize) -> Result<usize, Thrown> {
    usize::try_from(c.int(at)?).map_err(|_| Thrown::range("Non-negative number required."))
}

fn list(value: &Value) -> Result<&List, Thrown> {
    match value {
        Value::List(list) => Ok(list),
        other => Err(Thrown::cast(other.kind().full_name(), "System.Array")),
    }
}

/// `Copy(source, target, count)` and `Copy(source, from, target, to, count)`.
fn copy(c: &mut Call<'_, '_>) -> Outcome {
    let source = c.items(0)?;
    match c.count() {
        3 => {
            let count = index(c, 2)?;
            write(c, &source, 0, (1, 0), count)
        }
        5 => {
            let (from, to, count) = (index(c, 1)?, index(c, 3)?, index(c, 4)?);
            write(c, &source, from, (2, to), count)
        }
        count => Err(Thrown::argument(format!("Array.Copy takes 3 or 5 arguments, not {count}"))),
    }
}

fn copy_to(c: &mut Call<'_, '_>) -> Outcome {
    let (source, to) = (c.this_items()?, index(c, 1)?);
    let count = source.len();
    write(c, &source, 0, (0, to), count)
}

/// Writes items into the array that is the argument `target.0`, from its place `target.1` on.
fn write(c: &Call<'_, '_>, source: &[Value], from: usize, target: (usize, usize), count: usize) -> Outcome {
    let short = || {
        Thrown::argument(
            "Destination array was not long enough. Check the destination index, length, and the array's lower bounds.",
        )
    };
    let items = from.checked_add(count).and_then(|to| source.get(from..to)).ok_or_else(short)?;
    let array = c.arg(target.0);
    let written = list(&array)?.change(|slots| {
        let slots = target.1.checked_add(count).and_then(|to| slots.get_mut(target.1..to));
        slots.map(|slots| slots.clone_from_slice(items))
    });
    written.map(|()| Value::Null).ok_or_else(short)
}
