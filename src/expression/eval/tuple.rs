//! Tuples: taking apart, matching, changing one item of a variable.

use super::{Machine, Node, Outcome, PatternNode};
use crate::expression::{Thrown, Value, value::Object};

/// Whether a value is a tuple, not another object with fields.
pub(super) fn is_tuple(value: &Value) -> bool {
    let Value::Object(object) = value else { return false };
    matches!(&**object, Object::Record(fields) if fields.first().is_some_and(|field| &*field.0 == "Item1"))
}

/// What a value can be taken apart into.
fn parts(value: &Value) -> Option<Vec<Value>> {
    let Value::Object(object) = value else { return None };
    match &**object {
        Object::Record(fields) if is_tuple(value) => Some(fields.iter().map(|field| field.1.clone()).collect()),
        Object::Pair(key, value) => Some(vec![key.clone(), value.clone()]),
        _ => None,
    }
}

/// An item of a tuple.
pub(super) fn item(value: &Value, at: usize) -> Outcome {
    if value.is_null() {
        return Err(Thrown::null("the tuple"));
    }
    let found = parts(value).and_then(|parts| parts.into_iter().nth(at));
    found.ok_or_else(|| Thrown::new("RuntimeBinderException", format!("the value has no item {}", at + 1)))
}

impl Machine<'_> {
    /// Evaluates a value, puts its parts into a slot and assigns them.
    pub(super) fn deconstruct(&mut self, value: &Node, slot: usize, assigned: &[Node]) -> Outcome {
        let value = self.eval(value)?;
        if value.is_null() {
            return Err(Thrown::null("what is taken apart"));
        }
        let parts = parts(&value).ok_or_else(|| {
            let message = format!("'{}' cannot be taken apart", value.kind().full_name());
            Thrown::new("RuntimeBinderException", message)
        })?;
        self.budget.grow(parts.len() * 32)?;
        self.set_slot(slot, Value::array(parts));
        for node in assigned {
            self.eval(node)?;
        }
        Ok(value)
    }

    pub(super) fn matches_items(&mut self, items: &[PatternNode], value: &Value) -> Result<bool, Thrown> {
        let Some(parts) = parts(value).filter(|parts| parts.len() == items.len()) else { return Ok(false) };
        for (pattern, part) in items.iter().zip(&parts) {
            if !self.matches(pattern, part)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Changes one item of the tuple in a variable; copies of the tuple stay as they are.
    pub(super) fn set_item(&mut self, slot: usize, at: usize, new: Value) -> Result<(), Thrown> {
        let Value::Object(object) = self.slot(slot) else { return Err(Thrown::null("the tuple")) };
        let Object::Record(fields) = &*object else { return Err(Thrown::operation("this is no tuple")) };
        let mut fields = fields.clone();
        self.budget.grow(fields.len() * 48)?;
        if let Some(field) = fields.get_mut(at) {
            field.1 = new;
        }
        self.set_slot(slot, Value::object(Object::Record(fields)));
        Ok(())
    }
}
