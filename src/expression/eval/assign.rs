//! Assignment: locals, indexers, `Value` of XML; initializers of new objects.

use std::sync::Arc;

use super::{InitialNode, Machine, Node, Operator, Outcome, Target, tuple};
use crate::expression::{
    Kind, Thrown, Value, library,
    value::{Inner, Json, Object, Xml, guard, json::JsonObject},
};

impl Machine<'_> {
    pub(super) fn assign(&mut self, (operator, target, value): &(Option<Operator>, Target, Node)) -> Outcome {
        match target {
            Target::Local(slot) => {
                let old = operator.map(|_| self.slot(*slot));
                let new = self.updated(*operator, old, value)?;
                self.set_slot(*slot, new.clone());
                Ok(new)
            }
            Target::Index(owner, key) => {
                let owner = self.eval(owner)?;
                let key = self.eval(key)?;
                let old = operator.map(|_| self.index(&owner, &key)).transpose()?;
                let new = self.updated(*operator, old, value)?;
                self.store(&owner, key, &new)?;
                Ok(new)
            }
            Target::Item(slot, at) => {
                let old = operator.map(|_| tuple::item(&self.slot(*slot), *at)).transpose()?;
                let new = self.updated(*operator, old, value)?;
                self.set_item(*slot, *at, new.clone())?;
                Ok(new)
            }
            Target::Member(owner, name) => {
                let owner = self.eval(owner)?;
                let old = if operator.is_some() { library::length_of(&owner) } else { None };
                let new = self.updated(*operator, old, value)?;
                if let (Value::Json(Json::Property(property)), "Value", Some(object)) =
                    (&owner, &**name, owner_of(&owner))
                {
                    let token = library::content_of(self, &Value::Json(Json::Object(object.clone())), &new)?;
                    object.set(property.0.clone(), token);
                    return Ok(new);
                }
                set_member(&owner, name, &new)?;
                Ok(new)
            }
        }
    }

    fn updated(&mut self, operator: Option<Operator>, old: Option<Value>, value: &Node) -> Outcome {
        match (operator, old) {
            (Some(Operator::Coalesce), Some(old)) if !old.is_null() => Ok(old),
            (Some(operator), Some(old)) => {
                let value = self.eval(value)?;
                self.operate(operator, &old, &value)
            }
            _ => self.eval(value),
        }
    }

    pub(super) fn step(&mut self, by: i32, before: bool, target: &Target) -> Outcome {
        let (owner, key, old) = match target {
            Target::Local(slot) => (Value::Null, Value::Null, self.slot(*slot)),
            Target::Item(slot, at) => (Value::Null, Value::Null, tuple::item(&self.slot(*slot), *at)?),
            Target::Index(owner, key) => {
                let owner = self.eval(owner)?;
                let key = self.eval(key)?;
                let old = self.index(&owner, &key)?;
                (owner, key, old)
            }
            Target::Member(owner, name) => {
                let owner = self.eval(owner)?;
                let old = if &**name == "Length" { library::length_of(&owner) } else { None };
                let old = old.ok_or_else(|| Thrown::operation("this member cannot be counted up"))?;
                (owner, Value::Text(name.clone()), old)
            }
        };
        let new = self.operate(Operator::Add, &old, &Value::Int(by))?;
        match target {
            Target::Local(slot) => self.set_slot(*slot, new.clone()),
            Target::Item(slot, at) => self.set_item(*slot, *at, new.clone())?,
            Target::Member(_, name) => set_member(&owner, name, &new)?,
            Target::Index(..) => self.store(&owner, key, &new)?,
        }
        Ok(if before { old } else { new })
    }

    /// `owner[key] = value`.
    pub(in crate::expression) fn store(&mut self, owner: &Value, key: Value, value: &Value) -> Result<(), Thrown> {
        self.budget.grow(64)?;
        match owner {
            Value::Json(Json::Object(object)) => {
                let token = library::content_of(self, owner, value)?;
                object.set(key.to_text(), token);
                Ok(())
            }
            Value::Json(Json::Array(array)) => {
                let token = library::content_of(self, owner, value)?;
                let at = key.as_long().and_then(|at| usize::try_from(at).ok());
                let is_set = at.is_some_and(|at| array.set(at, token));
                if is_set { Ok(()) } else { Err(Thrown::range("Index was out of range.")) }
            }
            Value::Dict(dict) => {
                dict.set(key, value.clone());
                Ok(())
            }
            Value::List(list) => {
                let at = key.as_long().and_then(|at| usize::try_from(at).ok());
                let new = value.clone();
                let old =
                    at.and_then(|at| list.change(|items| items.get_mut(at).map(|slot| std::mem::replace(slot, new))));
                let out = || match list.kind() {
                    Kind::Array => {
                        Thrown::new("IndexOutOfRangeException", "Index was outside the bounds of the array.")
                    }
                    _ => Thrown::range("Index was out of range."),
                };
                old.map(|_| ()).ok_or_else(out)
            }
            Value::Null => Err(Thrown::null("what is assigned to")),
            Value::Handle(_) => {
                Err(Thrown::new("NotSupportedException", "context is read-only: use set-variable or set-header."))
            }
            other => Err(Thrown::cast(other.kind().full_name(), "a collection that can change")),
        }
    }

    pub(super) fn initialize(&mut self, value: &Node, initial: &[InitialNode]) -> Outcome {
        let value = self.eval(value)?;
        let add = library::method(value.kind(), false, "Add");
        for entry in initial {
            match entry {
                InitialNode::Set(key, node) => {
                    let key = self.eval(key)?;
                    let new = self.eval(node)?;
                    self.store(&value, key, &new)?;
                }
                InitialNode::Member(name, node) => {
                    let new = self.eval(node)?;
                    set_member(&value, name, &new)?;
                }
                InitialNode::Add(nodes) => {
                    let args = self.values(nodes)?;
                    let Some(add) = add else {
                        return Err(Thrown::cast(value.kind().full_name(), "a collection"));
                    };
                    self.call_native(add.native, value.clone(), args)?;
                }
            }
        }
        Ok(value)
    }
}

fn owner_of(property: &Value) -> Option<Arc<JsonObject>> {
    match property {
        Value::Json(Json::Property(property)) => property.2.upgrade(),
        _ => None,
    }
}

fn set_member(owner: &Value, name: &str, value: &Value) -> Result<(), Thrown> {
    match (owner, name) {
        (Value::Xml(xml @ (Xml::Element(_) | Xml::Attribute(_))), "Value") => {
            library::set_xml_value(xml, &value.to_text());
            Ok(())
        }
        (Value::Xml(Xml::Element(element)), "Name") => {
            if let Value::Xml(Xml::Name(name)) = value.cast(Kind::XName)? {
                element.rename((*name).clone());
            }
            Ok(())
        }
        (Value::Object(object), "Length") if matches!(&**object, Object::Builder(_)) => {
            library::set_length(object, value.as_long().unwrap_or(-1))
        }
        (Value::Null, _) => Err(Thrown::null("what is assigned to")),
        (owner, "Key") if matches!(owner.inner(), Some(Inner::Mac(_))) => {
            if let Some(Inner::Mac(mac)) = owner.inner() {
                *guard(&mac.key) = library::bytes_of(value)?;
            }
            Ok(())
        }
        (owner, name) => Err(Thrown::operation(format!("{}.{name} cannot be set", owner.kind().name()))),
    }
}
