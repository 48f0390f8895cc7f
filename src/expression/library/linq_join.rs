//! Queries over two sequences or by a key: joins, sets by key, chunks.

use std::collections::{HashMap, HashSet};

use super::{Call, Row, linq::key, member};
use crate::expression::{Kind, Thrown, Value, value::Object};

type Outcome = Result<Value, Thrown>;

const E: Kind = Kind::Enumerable;

pub(super) const ROWS: &[Row] = &[
    member(E, "Join(other, key, other_key, combine): IEnumerable<R>", |c| join(c, false)),
    member(E, "GroupJoin(other, key, other_key, combine): IEnumerable<R>", |c| join(c, true)),
    member(E, "DistinctBy(key): IEnumerable<T>", |c| {
        let mut seen = HashSet::new();
        let mut kept = Vec::new();
        for item in c.this_items()? {
            let by = c.invoke(0, std::slice::from_ref(&item))?;
            if seen.insert(key(&by)) {
                kept.push(item);
            }
        }
        Ok(Value::sequence(kept))
    }),
    member(E, "MaxBy(key): T", |c| extreme(c, std::cmp::Ordering::Greater)),
    member(E, "MinBy(key): T", |c| extreme(c, std::cmp::Ordering::Less)),
    member(E, "Chunk(size): IEnumerable", |c| {
        let size = usize::try_from(c.int(0)?).ok().filter(|size| *size > 0);
        let size = size.ok_or_else(|| Thrown::range("Specified argument was out of the range of valid values."))?;
        let chunks = c.this_items()?;
        Ok(Value::sequence(chunks.chunks(size).map(|chunk| Value::array(chunk.to_vec())).collect()))
    }),
];

/// Each item with each of the other sequence that has the same key, or with all of them together.
fn join(c: &mut Call<'_, '_>, together: bool) -> Outcome {
    let mut others: HashMap<String, Vec<Value>> = HashMap::new();
    for other in c.items(0)? {
        let by = c.invoke(2, std::slice::from_ref(&other))?;
        others.entry(key(&by)).or_default().push(other);
    }
    let mut joined = Vec::new();
    for item in c.this_items()? {
        let by = c.invoke(1, std::slice::from_ref(&item))?;
        let found = others.get(&key(&by)).cloned().unwrap_or_default();
        if together {
            joined.push(c.invoke(3, &[item, Value::sequence(found)])?);
            continue;
        }
        for other in found {
            joined.push(c.invoke(3, &[item.clone(), other])?);
        }
    }
    Ok(Value::sequence(joined))
}

fn extreme(c: &mut Call<'_, '_>, better: std::cmp::Ordering) -> Outcome {
    let mut best: Option<(Value, Value)> = None;
    for item in c.this_items()? {
        let by = c.invoke(0, std::slice::from_ref(&item))?;
        if best.as_ref().is_none_or(|best| by.compare(&best.0) == Some(better)) {
            best = Some((by, item));
        }
    }
    Ok(best.map_or(Value::Null, |best| best.1))
}

/// The fields of a tuple.
pub(super) fn tuple(items: Vec<Value>) -> Value {
    let fields = items.into_iter().enumerate().map(|(at, item)| (format!("Item{}", at + 1).into(), item));
    Value::object(Object::Record(fields.collect()))
}
