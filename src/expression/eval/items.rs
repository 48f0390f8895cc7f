//! Reading collections: items for `foreach` and queries, indexers.

use std::sync::Arc;

use super::{Machine, Node, Outcome};
use crate::expression::{
    Headers, Kind, Side, Thrown, Value, Which,
    library::query_rows,
    value::{Dict, Handle, Inner, Json, Key, Object, Xml, json::JsonProperty, usual},
};

/// A field of an anonymous object or tuple, or of one of the dictionaries that stand for groups.
pub(super) fn field(value: &Value, name: &str) -> Option<Value> {
    match value {
        Value::Object(object) => match &**object {
            Object::Record(fields) => fields.iter().find(|field| &*field.0 == name).map(|field| field.1.clone()),
            _ => None,
        },
        Value::Dict(dict) if matches!(name, "Id" | "Name" | "Provider" | "Email" | "Type" | "State") => {
            dict.get(&name.into())
        }
        _ => None,
    }
}

fn headers_dict(headers: Headers) -> Arc<Dict> {
    let row = |(name, values): (Arc<str>, Vec<Arc<str>>)| {
        (Value::Text(name), Value::array(values.into_iter().map(Value::Text).collect()))
    };
    Arc::new(Dict::of(true, headers.into_iter().map(row)))
}

fn texts_dict(ignore_case: bool, rows: Vec<(Arc<str>, Arc<str>)>) -> Arc<Dict> {
    Arc::new(Dict::of(ignore_case, rows.into_iter().map(|(name, value)| (Value::Text(name), Value::Text(value)))))
}

impl Machine<'_> {
    /// A live view of a collection as a dictionary, of an address as it is now; any other value as it is.
    pub(in crate::expression) fn settled(&mut self, value: &Value) -> Value {
        let Value::Handle(handle) = value else { return value.clone() };
        match handle {
            Handle::Headers(side) => {
                let rows = self.host.headers(*side).into_iter().map(|(name, values)| (usual(&name), values));
                Value::Dict(headers_dict(rows.collect()))
            }
            Handle::Query(which) => Value::Dict(self.query(*which)),
            Handle::Url(which) => Value::object(Object::Address(self.host.url(*which))),
            Handle::Matched => Value::Dict(texts_dict(true, self.host.matched_parameters())),
            Handle::Variables => {
                let rows = self.host.variables().into_iter().map(|(name, value)| (Value::Text(name), value));
                Value::Dict(Arc::new(Dict::of(false, rows)))
            }
            Handle::Certificates => {
                let certificates = self.host.certificates().into_iter();
                let rows = certificates.map(|(id, certificate)| {
                    let object = crate::expression::value::CertificateObject(certificate);
                    (Value::Text(id), Value::library(Inner::Certificate(object)))
                });
                Value::Dict(Arc::new(Dict::of(false, rows)))
            }
            _ => value.clone(),
        }
    }

    /// What an object is for `foreach` and queries.
    fn grouped(object: &Object) -> Option<Value> {
        match object {
            Object::Grouping(_, items) => Some(items.clone()),
            Object::Lookup(groups) => Some(Value::sequence(groups.rows().into_iter().map(|row| row.1).collect())),
            _ => None,
        }
    }

    fn query(&mut self, which: Which) -> Arc<Dict> {
        let query = self.host.url(which).query;
        headers_dict(query_rows(&query))
    }

    /// The items of a collection, copied: what the loop does to the collection does not disturb it.
    pub(in crate::expression) fn items(&mut self, value: &Value) -> Result<Vec<Value>, Thrown> {
        let value = self.settled(value);
        let items = match &value {
            Value::List(list) => list.items(),
            Value::Dict(dict) => dict.rows().into_iter().map(|(key, value)| Value::pair(key, value)).collect(),
            Value::Text(text) => text.chars().map(Value::Char).collect(),
            Value::Bytes(bytes) => bytes.iter().map(|byte| Value::Int(i32::from(*byte))).collect(),
            Value::Json(owner @ Json::Array(_)) => self.places.children(owner).into_iter().map(Value::Json).collect(),
            Value::Json(Json::Object(object)) => {
                let property = |row| Value::Json(JsonProperty::of(object, row));
                object.rows().into_iter().map(property).collect()
            }
            Value::Json(Json::Property(property)) => vec![Value::Json(self.value_of(property))],
            Value::Json(_) => Vec::new(),
            Value::Xml(Xml::Element(element) | Xml::Document(element)) => {
                element.elements().into_iter().map(|element| Value::Xml(Xml::Element(element))).collect()
            }
            Value::Null => return Err(Thrown::argument_null("source")),
            Value::Object(object) => match Self::grouped(object) {
                Some(items) => return self.items(&items),
                None => return Err(Thrown::cast(value.kind().full_name(), "System.Collections.IEnumerable")),
            },
            other => return Err(Thrown::cast(other.kind().full_name(), "System.Collections.IEnumerable")),
        };
        self.budget.grow(items.len() * 32)?;
        Ok(items)
    }

    pub(super) fn index_node(&mut self, value: &Node, key: &Node) -> Outcome {
        let value = self.eval(value)?;
        let key = self.eval(key)?;
        if value.is_null() {
            return Err(Thrown::null("what is indexed"));
        }
        self.index(&value, &key)
    }

    /// `value[key]`.
    pub(in crate::expression) fn index(&mut self, value: &Value, key: &Value) -> Outcome {
        match value {
            Value::Handle(handle) => self.index_handle(*handle, value, key),
            Value::List(list) => {
                let fixed = list.kind() == Kind::Array;
                let at = position(key, list.len()).map_err(|thrown| if fixed { outside() } else { thrown })?;
                list.get(at).ok_or_else(|| if fixed { outside() } else { out_of_range() })
            }
            Value::Dict(dict) => dict.get(key).ok_or_else(|| missing_key(key)),
            Value::Text(text) => {
                let at = position(key, text.len()).map_err(|_| outside())?;
                let found = if text.is_ascii() {
                    text.as_bytes().get(at).map(|byte| char::from(*byte))
                } else {
                    utf16_at(text, at)
                };
                found.map(Value::Char).ok_or_else(outside)
            }
            Value::Bytes(bytes) => {
                let at = position(key, bytes.len()).map_err(|_| outside())?;
                bytes.get(at).map(|byte| Value::Int(i32::from(*byte))).ok_or_else(outside)
            }
            Value::Json(json) => {
                let found = index_json(json, key)?;
                Ok(self.noted(json, key, found))
            }
            Value::Object(object) => {
                index_object(object, key).unwrap_or_else(|| Err(Thrown::cast(value.kind().full_name(), "a collection")))
            }
            other => Err(Thrown::cast(other.kind().full_name(), "a collection")),
        }
    }

    /// The value of a property, noted where it is.
    pub(in crate::expression) fn value_of(&mut self, property: &JsonProperty) -> Json {
        match property.2.upgrade() {
            Some(owner) => self.places.note(&Json::Object(owner), || Key::Name(property.0.clone()), property.1.clone()),
            None => property.1.clone(),
        }
    }

    /// A token that was found under a key.
    fn noted(&mut self, owner: &Json, key: &Value, found: Value) -> Value {
        let Value::Json(token) = found else { return found };
        if let Json::Property(property) = owner {
            let owner = self.value_of(property);
            return self.noted(&owner, key, Value::Json(token));
        }
        let place = || match (owner, key.as_long().and_then(|at| usize::try_from(at).ok())) {
            (Json::Array(_), Some(at)) => Key::At(at),
            _ => Key::Name(key.to_text()),
        };
        Value::Json(self.places.note(owner, place, token))
    }

    fn index_handle(&mut self, handle: Handle, value: &Value, key: &Value) -> Outcome {
        match handle {
            Handle::Variables => {
                let name = key.to_text();
                self.host.variable(&name).ok_or_else(|| missing_key(key))
            }
            Handle::Headers(side) => self.header_values(side, key),
            _ => {
                let settled = self.settled(value);
                if matches!(settled, Value::Handle(_)) {
                    return Err(Thrown::cast(value.kind().full_name(), "a collection"));
                }
                self.index(&settled, key)
            }
        }
    }

    fn header_values(&mut self, side: Side, key: &Value) -> Outcome {
        let name = key.to_text();
        let found = self.host.headers(side).into_iter().find(|header| header.0.eq_ignore_ascii_case(&name));
        let values = found.ok_or_else(|| missing_key(key))?.1;
        Ok(Value::array(values.into_iter().map(Value::Text).collect()))
    }
}

fn index_json(json: &Json, key: &Value) -> Outcome {
    match (json, key) {
        (Json::Object(object), _) => Ok(object.get(&key.to_text()).map_or(Value::Null, Value::Json)),
        (Json::Array(array), key) => {
            let Some(_) = key.as_long() else {
                return Err(Thrown::argument(
                    "Accessed JArray values with invalid key value. Int32 array index expected.",
                ));
            };
            let at = position(key, array.len())?;
            array.get(at).map(Value::Json).ok_or_else(out_of_range)
        }
        (Json::Property(property), key) => index_json(&property.1, key),
        _ => Err(Thrown::operation("Cannot access child value on Newtonsoft.Json.Linq.JValue.")),
    }
}

fn index_object(object: &Object, key: &Value) -> Option<Outcome> {
    match object {
        Object::Library(library) => match &library.0 {
            Inner::Match(found) => Some(Ok(crate::expression::library::group_of(found, key))),
            _ => None,
        },
        Object::Lookup(groups) => Some(Ok(groups.get(key).unwrap_or_else(|| Value::sequence(Vec::new())))),
        Object::Grouping(_, Value::List(list)) => {
            let at = position(key, list.len()).ok()?;
            Some(list.get(at).ok_or_else(out_of_range))
        }
        _ => None,
    }
}

fn missing_key(key: &Value) -> Thrown {
    Thrown::new("KeyNotFoundException", format!("The given key '{}' was not present in the dictionary.", key.to_text()))
}

fn outside() -> Thrown {
    Thrown::new("IndexOutOfRangeException", "Index was outside the bounds of the array.")
}

fn out_of_range() -> Thrown {
    Thrown::range("Index was out of range. Must be non-negative and less than the size of the collection.")
}

fn position(key: &Value, length: usize) -> Result<usize, Thrown> {
    let at = key.as_long().ok_or_else(|| Thrown::cast(key.kind().full_name(), "System.Int32"))?;
    usize::try_from(at).ok().filter(|at| *at < length.max(1)).ok_or_else(out_of_range)
}

fn utf16_at(text: &str, at: usize) -> Option<char> {
    let unit = text.encode_utf16().nth(at)?;
    char::from_u32(u32::from(unit)).or(Some('\u{fffd}'))
}
