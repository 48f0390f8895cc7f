//! Where a token is: its parent and its name or index, for `Parent`, `Path` and `Replace`.
//!
//! Tokens do not know their parents, which keeps reading JSON cheap. An expression that asks for them is run with
//! [`Places`] that note, for each token taken out of another one, where that was. Deliberately not here: the members
//! that use it (`library/json_places.rs`).

use std::{collections::HashMap, sync::Arc};

use super::{Json, JsonProperty};

/// A scalar token that remembers where it was read. Never part of a tree: what is put into one is put there plain.
pub struct JsonLeaf {
    pub(crate) value: Json,
    owner: Json,
    key: Key,
}

/// Name or index in the container.
#[derive(Clone)]
pub(crate) enum Key {
    Name(Arc<str>),
    At(usize),
}

/// The containers from which tokens were taken, in one evaluation.
#[derive(Default)]
pub(crate) struct Places {
    is_kept: bool,
    /// The container of an object or array, by its address.
    owners: HashMap<usize, Json>,
}

impl Places {
    /// Places that are noted, or not.
    pub(crate) fn new(is_kept: bool) -> Self {
        Self { is_kept, owners: HashMap::new() }
    }

    /// Notes where a token was found; the token to go on with.
    pub(crate) fn note(&mut self, owner: &Json, key: impl FnOnce() -> Key, token: Json) -> Json {
        if !self.is_kept {
            return token;
        }
        match token.address() {
            Some(address) => {
                self.owners.insert(address, owner.clone());
                token
            }
            None if matches!(token, Json::Property(_) | Json::Leaf(_)) => token,
            None => Json::Leaf(Arc::new(JsonLeaf { value: token, owner: owner.clone(), key: key() })),
        }
    }

    /// The items of an array or the values of an object, noted.
    pub(crate) fn children(&mut self, owner: &Json) -> Vec<Json> {
        match owner {
            Json::Object(object) => {
                let rows = object.rows().into_iter();
                rows.map(|(name, value)| self.note(owner, || Key::Name(name), value)).collect()
            }
            Json::Array(array) => {
                let items = array.items().into_iter().enumerate();
                items.map(|(at, item)| self.note(owner, || Key::At(at), item)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The object or array that a token is in, and where; properties are in their object.
    pub(crate) fn find(&self, token: &Json) -> Option<(Json, Key)> {
        match token {
            Json::Leaf(leaf) => Some((leaf.owner.clone(), leaf.key.clone())),
            Json::Property(property) => {
                let owner = property.2.upgrade()?;
                Some((Json::Object(owner), Key::Name(property.0.clone())))
            }
            _ => {
                let address = token.address()?;
                let owner = self.owners.get(&address)?;
                let here = |other: &Json| other.address() == Some(address);
                let key = match owner {
                    Json::Object(object) => {
                        object.rows().into_iter().find(|row| here(&row.1)).map(|row| Key::Name(row.0))
                    }
                    Json::Array(array) => array.items().iter().position(here).map(Key::At),
                    _ => None,
                };
                Some((owner.clone(), key?))
            }
        }
    }

    /// `Parent`: for a member's value its property, as in Newtonsoft.
    pub(crate) fn parent(&self, token: &Json) -> Option<Json> {
        let (owner, key) = self.find(token)?;
        match (&owner, key, token) {
            (Json::Object(_), _, Json::Property(_)) => Some(owner),
            (Json::Object(object), Key::Name(name), _) => {
                let value = object.get(&name)?;
                Some(JsonProperty::of(object, (name, value)))
            }
            _ => Some(owner),
        }
    }

    /// `Path`: `items[0].name`.
    pub(crate) fn path(&self, token: &Json) -> String {
        let mut steps = Vec::new();
        let mut token = token.clone();
        while let Some((owner, key)) = self.find(&token) {
            steps.push(key);
            if steps.len() > super::json::MAX_DEPTH {
                break;
            }
            token = owner;
        }
        steps.iter().rev().fold(String::new(), |path, key| {
            let step = step(key, path.is_empty());
            path + &step
        })
    }
}

fn step(key: &Key, is_first: bool) -> String {
    match key {
        Key::At(at) => format!("[{at}]"),
        Key::Name(name) if name.contains([' ', '\'', '"', '.', '[', ']', '(', ')', '/', '\\', '@', '$']) => {
            format!("['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
        }
        Key::Name(name) if is_first => name.to_string(),
        Key::Name(name) => format!(".{name}"),
    }
}

impl super::Value {
    /// The value without its place.
    pub(crate) fn unplaced(&self) -> Self {
        match self {
            Self::Json(Json::Leaf(leaf)) => Self::Json(leaf.value.clone()),
            other => other.clone(),
        }
    }

    /// The value, and the items of a list, without their places: places do not outlive their evaluation.
    pub(crate) fn without_places(&self) -> Self {
        if let Self::List(list) = self {
            list.change(|items| items.iter_mut().for_each(|item| *item = item.unplaced()));
        }
        self.unplaced()
    }

    /// The value of a scalar token; any other value as it is.
    pub(crate) fn as_scalar(&self) -> Self {
        match self {
            Self::Json(json) => json.scalar(),
            other => other.clone(),
        }
    }

    /// Whether it is a token that says `null`.
    pub(crate) fn is_json_null(&self) -> bool {
        matches!(self, Self::Json(json) if matches!(json.plain(), Json::Null))
    }
}

impl Json {
    /// The token without its place.
    pub(crate) fn plain(&self) -> &Self {
        match self {
            Self::Leaf(leaf) => &leaf.value,
            other => other,
        }
    }
}
