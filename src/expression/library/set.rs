//! `HashSet`: a list that holds nothing twice.

use super::{Call, Row, fixed, member};
use crate::expression::{
    Kind, Value,
    value::{List, ListKind},
};

type Outcome = Result<Value, crate::expression::Thrown>;

const S: Kind = Kind::HashSet;

pub(super) const ROWS: &[Row] = &[
    fixed(S, "new([items], [comparer]): HashSet", |c| {
        let sorted = c.take_sorted();
        let ignore = (0..c.count()).any(|at| c.ignores_case(at));
        let given = c.arg(0).kind().is_a(Kind::Enumerable);
        let items = if given { c.items(0)? } else { Vec::new() };
        Ok(made(items, ignore, sorted))
    }),
    member(S, "Add(item): bool", add),
    member(S, "Contains(item): bool", |c| {
        let item = c.arg(0);
        let Value::List(list) = &c.this else { return Ok(Value::Bool(false)) };
        c.machine.budget.step(list.len() / 8 + 1)?;
        Ok(Value::Bool(holds(list, &item)))
    }),
    member(S, "UnionWith(other): void", |c| {
        for item in c.items(0)? {
            c.args = vec![item];
            add(c)?;
        }
        Ok(Value::Null)
    }),
    member(S, "Overlaps(other): bool", |c| {
        let (mine, other) = (c.this_items()?, c.items(0)?);
        c.machine.budget.step(mine.len().saturating_mul(other.len()) / 8)?;
        Ok(Value::Bool(mine.iter().any(|item| other.iter().any(|other| other.equals(item)))))
    }),
];

/// A set of these items, each once.
pub(super) fn of(items: Vec<Value>, ignore_case: bool) -> Value {
    made(items, ignore_case, false)
}

fn made(items: Vec<Value>, ignore_case: bool, sorted: bool) -> Value {
    let mut seen = std::collections::HashSet::new();
    let fold = |item: &Value| if ignore_case { super::linq::key(item).to_lowercase() } else { super::linq::key(item) };
    let items = items.into_iter().filter(|item| seen.insert(fold(item))).collect();
    Value::List(List::new(ListKind::Set { ignore_case, sorted }, items).into())
}

fn same(list: &List, left: &Value, right: &Value) -> bool {
    if list.ignores_case() {
        left.to_text().to_lowercase() == right.to_text().to_lowercase()
    } else {
        left.equals(right)
    }
}

fn holds(list: &List, item: &Value) -> bool {
    list.change(|items| items.iter().any(|other| same(list, other, item)))
}

fn add(c: &mut Call<'_, '_>) -> Outcome {
    let item = c.arg(0);
    c.machine.budget.grow(32)?;
    let Value::List(list) = &c.this else { return Ok(Value::Bool(false)) };
    c.machine.budget.step(list.len() / 8 + 1)?;
    if holds(list, &item) {
        return Ok(Value::Bool(false));
    }
    list.change(|items| items.push(item));
    Ok(Value::Bool(true))
}
