//! Lists and dictionaries, shared by reference. A lock is never held while other code of the language runs.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Value;
use crate::expression::types::Kind;

/// The lock's content, also after a panic elsewhere: every change here leaves the content whole.
pub(crate) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The order of sorted collections; what has no order keeps its place.
fn in_order(left: &Value, right: &Value) -> std::cmp::Ordering {
    left.compare(right).unwrap_or(std::cmp::Ordering::Equal)
}

/// What a [`List`] is to C#.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// `T[]`.
    Array,
    /// `List<T>`.
    List,
    /// `Queue<T>`.
    Queue,
    /// `Stack<T>`, kept from the bottom up.
    Stack,
    /// `HashSet<T>`, `SortedSet<T>`.
    Set {
        /// Whether text that differs in case only is the same.
        ignore_case: bool,
        /// Whether it is read in order.
        sorted: bool,
    },
    /// The result of a query.
    Sequence,
}

/// A sequence of values.
pub struct List {
    kind: ListKind,
    items: Mutex<Vec<Value>>,
}

impl List {
    /// One with these items.
    pub fn new(kind: ListKind, items: Vec<Value>) -> Self {
        Self { kind, items: Mutex::new(items) }
    }

    /// Its items now, in the order in which C# shows them.
    pub fn items(&self) -> Vec<Value> {
        let mut items = guard(&self.items).clone();
        match self.kind {
            ListKind::Stack => items.reverse(),
            ListKind::Set { sorted: true, .. } => items.sort_by(in_order),
            _ => {}
        }
        items
    }

    /// How many.
    pub fn len(&self) -> usize {
        guard(&self.items).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at an index.
    pub fn get(&self, index: usize) -> Option<Value> {
        guard(&self.items).get(index).cloned()
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Vec<Value>) -> T) -> T {
        change(&mut guard(&self.items))
    }

    /// Whether it is a set of text without regard to case.
    pub(crate) fn ignores_case(&self) -> bool {
        matches!(self.kind, ListKind::Set { ignore_case: true, .. })
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.kind {
            ListKind::Array => Kind::Array,
            ListKind::List => Kind::List,
            ListKind::Queue => Kind::Queue,
            ListKind::Stack => Kind::Stack,
            ListKind::Set { .. } => Kind::HashSet,
            ListKind::Sequence => Kind::Enumerable,
        }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        let items = mem::take(self.items.get_mut().unwrap_or_else(PoisonError::into_inner));
        dismantle(items);
    }
}

/// Drops values without recursion: a loop can nest lists deeper than a stack is.
pub(super) fn dismantle(mut pending: Vec<Value>) {
    if !pending.iter().any(|value| matches!(value, Value::List(_) | Value::Dict(_) | Value::Object(_))) {
        return;
    }
    while let Some(value) = pending.pop() {
        match value {
            Value::List(list) => {
                if let Ok(mut list) = Arc::try_unwrap(list) {
                    pending.append(list.items.get_mut().unwrap_or_else(PoisonError::into_inner));
                }
            }
            Value::Dict(dict) => {
                if let Ok(mut dict) = Arc::try_unwrap(dict) {
                    let entries = dict.entries.get_mut().unwrap_or_else(PoisonError::into_inner);
                    pending.extend(mem::take(&mut entries.rows).into_iter().map(|(_, value)| value));
                }
            }
            Value::Object(object) => {
                if let Some(mut object) = Arc::into_inner(object) {
                    object.surrender(&mut pending);
                }
            }
            _ => {}
        }
    }
}

/// A dictionary that keeps the order of insertion, as .NET's does until something is removed.
pub struct Dict {
    ignore_case: bool,
    /// Whether it is read in the order of its keys.
    sorted: bool,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    rows: Vec<(Value, Value)>,
    index: HashMap<String, usize>,
}

impl Dict {
    /// An empty one. With `ignore_case`, text keys compare as header names do.
    pub fn new(ignore_case: bool) -> Self {
        Self { ignore_case, sorted: false, entries: Mutex::default() }
    }

    /// This one, read in the order of its keys.
    pub(crate) fn sorted(self) -> Self {
        let entries = mem::take(&mut *guard(&self.entries));
        Self { ignore_case: self.ignore_case, sorted: true, entries: Mutex::new(entries) }
    }

    /// One from rows; a later row replaces an earlier one.
    pub fn of(ignore_case: bool, rows: impl IntoIterator<Item = (Value, Value)>) -> Self {
        let dict = Self::new(ignore_case);
        for (key, value) in rows {
            dict.set(key, value);
        }
        dict
    }

    /// Whether keys ignore case.
    pub fn ignores_case(&self) -> bool {
        self.ignore_case
    }

    fn index(&self, key: &Value) -> String {
        let text = key.to_text();
        if self.ignore_case { text.to_lowercase() } else { text.to_string() }
    }

    /// The value of a key.
    pub fn get(&self, key: &Value) -> Option<Value> {
        let index = self.index(key);
        let entries = guard(&self.entries);
        entries.index.get(&index).and_then(|at| entries.rows.get(*at)).map(|row| row.1.clone())
    }

    /// Sets a key and says whether it was there before.
    pub fn set(&self, key: Value, value: Value) -> bool {
        let index = self.index(&key);
        let mut entries = guard(&self.entries);
        if let Some(at) = entries.index.get(&index).copied() {
            let old = mem::replace(&mut entries.rows[at].1, value);
            drop(entries);
            drop(old);
            return true;
        }
        let at = entries.rows.len();
        entries.index.insert(index, at);
        entries.rows.push((key, value));
        false
    }

    /// Removes a key and says whether it was there. Costs as many steps as there are rows.
    pub fn remove(&self, key: &Value) -> Option<Value> {
        let index = self.index(key);
        let mut entries = guard(&self.entries);
        let at = entries.index.remove(&index)?;
        for place in entries.index.values_mut().filter(|place| **place > at) {
            *place -= 1;
        }
        let row = entries.rows.remove(at);
        drop(entries);
        Some(row.1)
    }

    /// Its rows now, in the order in which C# shows them.
    pub fn rows(&self) -> Vec<(Value, Value)> {
        let mut rows = guard(&self.entries).rows.clone();
        if self.sorted {
            rows.sort_by(|left, right| in_order(&left.0, &right.0));
        }
        rows
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        guard(&self.entries).rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn clear(&self) {
        let old = mem::take(&mut *guard(&self.entries));
        drop(old);
    }
}

impl Drop for Dict {
    fn drop(&mut self) {
        let entries = self.entries.get_mut().unwrap_or_else(PoisonError::into_inner);
        dismantle(mem::take(&mut entries.rows).into_iter().map(|(_, value)| value).collect());
    }
}
