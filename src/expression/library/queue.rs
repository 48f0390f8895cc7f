//! `Queue<T>` and `Stack<T>`: lists that give at one end. A stack is kept from the bottom up and read from the top down.

use super::{Call, Row, fixed, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{List, ListKind},
};

type Outcome = Result<Value, Thrown>;

const Q: Kind = Kind::Queue;
const S: Kind = Kind::Stack;

pub(super) const ROWS: &[Row] = &[
    fixed(Q, "new([items]): Queue", |c| made(c, ListKind::Queue)),
    fixed(S, "new([items]): Stack", |c| made(c, ListKind::Stack)),
    member(Q, "Enqueue(item): void", add),
    member(S, "Push(item): void", add),
    member(Q, "Dequeue(): T", |c| next(c, true).and_then(present)),
    member(S, "Pop(): T", |c| next(c, true).and_then(present)),
    member(Q, "Peek(): T", |c| next(c, false).and_then(present)),
    member(S, "Peek(): T", |c| next(c, false).and_then(present)),
    member(Q, "TryDequeue(out): bool", |c| tried(c, true)),
    member(S, "TryPop(out): bool", |c| tried(c, true)),
    member(Q, "TryPeek(out): bool", |c| tried(c, false)),
    member(S, "TryPeek(out): bool", |c| tried(c, false)),
    member(Q, "Clear(): void", clear),
    member(S, "Clear(): void", clear),
];

fn made(c: &mut Call<'_, '_>, kind: ListKind) -> Outcome {
    let given = c.arg(0).kind().is_a(Kind::Enumerable);
    let items = if given { c.items(0)? } else { Vec::new() };
    Ok(Value::List(List::new(kind, items).into()))
}

fn list<'c>(c: &'c Call<'_, '_>) -> Result<&'c List, Thrown> {
    match &c.this {
        Value::List(list) => Ok(list),
        other => Err(Thrown::cast(other.kind().full_name(), "System.Collections.Generic.Queue")),
    }
}

fn add(c: &mut Call<'_, '_>) -> Outcome {
    c.machine.budget.grow(32)?;
    let item = c.arg(0);
    if matches!((&c.this, &item), (Value::List(this), Value::List(item)) if std::sync::Arc::ptr_eq(this, item)) {
        return Err(Thrown::operation("a collection cannot hold itself"));
    }
    list(c)?.change(|items| items.push(item));
    Ok(Value::Null)
}

/// The item whose turn it is.
fn next(c: &mut Call<'_, '_>, takes: bool) -> Result<Option<Value>, Thrown> {
    let (count, first) = (list(c)?.len(), list(c)?.kind() == Q);
    c.machine.budget.step(if takes && first { count / 8 + 1 } else { 1 })?;
    Ok(list(c)?.change(|items| match (takes, first) {
        (false, true) => items.first().cloned(),
        (false, false) => items.last().cloned(),
        (true, true) => (!items.is_empty()).then(|| items.remove(0)),
        (true, false) => items.pop(),
    }))
}

fn present(item: Option<Value>) -> Outcome {
    item.ok_or_else(|| Thrown::operation("The collection is empty."))
}

fn tried(c: &mut Call<'_, '_>, takes: bool) -> Outcome {
    let found = next(c, takes)?;
    let has = found.is_some();
    c.out = found.unwrap_or_default();
    Ok(Value::Bool(has))
}

fn clear(c: &mut Call<'_, '_>) -> Outcome {
    let old = list(c)?.change(std::mem::take);
    drop(old);
    Ok(Value::Null)
}
