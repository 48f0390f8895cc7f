//! JSON tokens with reference semantics: an object or array in two places is the same one, as with `JObject`.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError, Weak, atomic::AtomicBool},
};

use super::{DateTime, Decimal, Value, collection::guard, json_place::JsonLeaf};
use crate::expression::types::Kind;

/// A `JToken`.
#[derive(Clone)]
pub enum Json {
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A `decimal`, and a whole number beyond `long`.
    Decimal(Arc<Decimal>),
    /// Text.
    String(Arc<str>),
    /// A date: Newtonsoft reads text in ISO 8601 as one.
    Date(DateTime),
    /// `JObject`.
    Object(Arc<JsonObject>),
    /// `JArray`.
    Array(Arc<JsonArray>),
    /// `JProperty`, while it is outside an object.
    Property(Arc<JsonProperty>),
    /// A scalar that remembers where it was read.
    Leaf(Arc<JsonLeaf>),
}

/// `JProperty`: name, value, and the object that it was taken from.
pub struct JsonProperty(pub(crate) Arc<str>, pub(crate) Json, pub(crate) Weak<JsonObject>);

impl JsonProperty {
    pub(crate) fn token(name: Arc<str>, value: Json) -> Json {
        Json::Property(Arc::new(Self(name, value, Weak::new())))
    }

    pub(crate) fn of(owner: &Arc<JsonObject>, (name, value): (Arc<str>, Json)) -> Json {
        Json::Property(Arc::new(Self(name, value, Arc::downgrade(owner))))
    }
}

/// Objects with more members than this are indexed.
const INDEX_FROM: usize = 12;

/// `JObject`.
#[derive(Default)]
pub struct JsonObject {
    members: Mutex<Members>,
    pub(super) placed: AtomicBool,
}

#[derive(Default)]
struct Members {
    rows: Vec<(Arc<str>, Json)>,
    index: HashMap<Arc<str>, usize>,
}

impl Members {
    fn find(&self, name: &str) -> Option<usize> {
        if self.rows.len() > INDEX_FROM {
            return self.index.get(name).copied();
        }
        self.rows.iter().position(|row| &*row.0 == name)
    }

    fn reindex(&mut self) {
        self.index.clear();
        if self.rows.len() > INDEX_FROM {
            self.index = self.rows.iter().enumerate().map(|(at, row)| (row.0.clone(), at)).collect();
        }
    }
}

impl JsonObject {
    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<Json> {
        let members = guard(&self.members);
        members.find(name).map(|at| members.rows[at].1.clone())
    }

    /// Sets a member, in its place or at the end; says whether it was there.
    pub fn set(&self, name: impl Into<Arc<str>>, value: Json) -> bool {
        let name = name.into();
        let value = value.placed();
        let mut members = guard(&self.members);
        if let Some(at) = members.find(&name) {
            let old = mem::replace(&mut members.rows[at].1, value);
            drop(members);
            drop(old);
            return true;
        }
        let at = members.rows.len();
        members.rows.push((name.clone(), value));
        if at == INDEX_FROM {
            members.reindex();
        } else if at > INDEX_FROM {
            members.index.insert(name, at);
        }
        false
    }

    /// Puts a member at a place; one of that name must not be there. Costs as many steps as there are members.
    pub(crate) fn insert(&self, at: usize, name: Arc<str>, value: Json) {
        let value = value.placed();
        let mut members = guard(&self.members);
        let at = at.min(members.rows.len());
        members.rows.insert(at, (name, value));
        members.reindex();
    }

    /// The place of a member.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        guard(&self.members).find(name)
    }

    /// Takes a member out. Costs as many steps as there are members.
    pub fn remove(&self, name: &str) -> Option<Json> {
        let mut members = guard(&self.members);
        let at = members.find(name)?;
        let row = members.rows.remove(at);
        members.reindex();
        drop(members);
        row.1.free();
        Some(row.1)
    }

    /// Its members now.
    pub fn rows(&self) -> Vec<(Arc<str>, Json)> {
        guard(&self.members).rows.clone()
    }

    /// How many members.
    pub fn len(&self) -> usize {
        guard(&self.members).rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for JsonObject {
    fn drop(&mut self) {
        let members = self.members.get_mut().unwrap_or_else(PoisonError::into_inner);
        dismantle(mem::take(&mut members.rows).into_iter().map(|row| row.1).collect());
    }
}

/// `JArray`.
#[derive(Default)]
pub struct JsonArray {
    items: Mutex<Vec<Json>>,
    pub(super) placed: AtomicBool,
}

impl JsonArray {
    /// Its items now.
    pub fn items(&self) -> Vec<Json> {
        guard(&self.items).clone()
    }

    /// How many items.
    pub fn len(&self) -> usize {
        guard(&self.items).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at an index.
    pub fn get(&self, index: usize) -> Option<Json> {
        guard(&self.items).get(index).cloned()
    }

    /// Adds an item.
    pub fn push(&self, item: Json) {
        let item = item.placed();
        guard(&self.items).push(item);
    }

    /// Replaces the item at an index; false when there is none.
    pub(crate) fn set(&self, index: usize, item: Json) -> bool {
        let item = item.placed();
        let old = guard(&self.items).get_mut(index).map(|slot| mem::replace(slot, item));
        old.inspect(Json::free).is_some()
    }

    /// Puts an item before the one at an index, or at the end.
    pub(crate) fn insert(&self, index: usize, item: Json) {
        let item = item.placed();
        let mut items = guard(&self.items);
        let index = index.min(items.len());
        items.insert(index, item);
    }

    /// Takes out the item at an index.
    pub(crate) fn take(&self, index: usize) -> Option<Json> {
        let mut items = guard(&self.items);
        let old = (index < items.len()).then(|| items.remove(index));
        drop(items);
        old.inspect(Json::free)
    }

    /// Takes out all items.
    pub(crate) fn clear(&self) {
        let old = mem::take(&mut *guard(&self.items));
        drop(old);
    }
}

impl Drop for JsonArray {
    fn drop(&mut self) {
        dismantle(mem::take(self.items.get_mut().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// Drops tokens without recursion.
fn dismantle(mut pending: Vec<Json>) {
    while let Some(json) = pending.pop() {
        match json {
            Json::Object(object) => {
                if let Ok(mut object) = Arc::try_unwrap(object) {
                    let members = object.members.get_mut().unwrap_or_else(PoisonError::into_inner);
                    pending.extend(mem::take(&mut members.rows).into_iter().map(|row| row.1));
                }
            }
            Json::Array(array) => {
                if let Ok(mut array) = Arc::try_unwrap(array) {
                    pending.append(array.items.get_mut().unwrap_or_else(PoisonError::into_inner));
                }
            }
            _ => {}
        }
    }
}

impl Json {
    /// A string token.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// An object from rows.
    pub fn object(rows: impl IntoIterator<Item = (Arc<str>, Self)>) -> Self {
        let object = JsonObject::default();
        for (name, value) in rows {
            object.set(name, value);
        }
        Self::Object(Arc::new(object))
    }

    /// An array from items.
    pub fn array(items: impl IntoIterator<Item = Self>) -> Self {
        let array = JsonArray::default();
        items.into_iter().for_each(|item| array.push(item));
        Self::Array(Arc::new(array))
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Object(_) => Kind::JObject,
            Self::Array(_) => Kind::JArray,
            Self::Property(_) => Kind::JProperty,
            _ => Kind::JValue,
        }
    }

    /// The value inside a `JValue`; the token itself otherwise. A JSON null is `null` here.
    pub fn scalar(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Long(*value),
            Self::Float(value) => Value::Double(*value),
            Self::Decimal(value) => Value::Decimal(value.clone()),
            Self::String(text) => Value::Text(text.clone()),
            Self::Date(time) => Value::DateTime(*time),
            Self::Leaf(leaf) => leaf.value.scalar(),
            _ => Value::Json(self.clone()),
        }
    }
}

/// Deepest nesting that is read, copied, compared and written.
pub(crate) const MAX_DEPTH: usize = 128;
