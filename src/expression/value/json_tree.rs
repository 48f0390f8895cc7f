//! Keeping JSON a tree: tokens know whether they are in another one, and are copied before they could be in two.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{Json, JsonProperty, Thrown, json::MAX_DEPTH};

impl Json {
    /// Whether `target` (an object or array, by its address) is this token or somewhere in it. Paid by the caller for
    /// each container seen.
    pub(crate) fn encloses(&self, target: usize, pay: &mut dyn FnMut() -> Result<(), Thrown>) -> Result<bool, Thrown> {
        let mut pending = vec![self.clone()];
        while let Some(token) = pending.pop() {
            pay()?;
            if token.address() == Some(target) {
                return Ok(true);
            }
            match token {
                Self::Object(object) => pending.extend(object.rows().into_iter().map(|row| row.1).filter(Self::nests)),
                Self::Array(array) => pending.extend(array.items().into_iter().filter(Self::nests)),
                _ => {}
            }
        }
        Ok(false)
    }

    fn nests(&self) -> bool {
        matches!(self, Self::Object(_) | Self::Array(_))
    }

    /// Whether it is in another token.
    pub(crate) fn is_placed(&self) -> bool {
        match self {
            Self::Object(object) => object.placed.load(Relaxed),
            Self::Array(array) => array.placed.load(Relaxed),
            _ => true,
        }
    }

    /// Where an object or array lives.
    pub(crate) fn address(&self) -> Option<usize> {
        match self {
            Self::Object(object) => Some(Arc::as_ptr(object).addr()),
            Self::Array(array) => Some(Arc::as_ptr(array).addr()),
            _ => None,
        }
    }

    /// The token to put into a container: one that already has a parent is copied, as Newtonsoft does. This also keeps
    /// a token from being put into itself twice.
    pub(super) fn placed(self) -> Self {
        if let Self::Leaf(leaf) = &self {
            return leaf.value.clone();
        }
        let taken = match &self {
            Self::Object(object) => object.placed.swap(true, Relaxed),
            Self::Array(array) => array.placed.swap(true, Relaxed),
            _ => false,
        };
        if !taken {
            return self;
        }
        let copy = self.deep_clone(0);
        match &copy {
            Self::Object(object) => object.placed.store(true, Relaxed),
            Self::Array(array) => array.placed.store(true, Relaxed),
            _ => {}
        }
        copy
    }

    pub(super) fn free(&self) {
        match self {
            Self::Object(object) => object.placed.store(false, Relaxed),
            Self::Array(array) => array.placed.store(false, Relaxed),
            _ => {}
        }
    }

    /// A copy that shares nothing; what nests deeper than [`MAX_DEPTH`] is left out.
    pub(crate) fn deep_clone(&self, depth: usize) -> Self {
        if depth > MAX_DEPTH {
            return Self::Null;
        }
        match self {
            Self::Object(object) => {
                Self::object(object.rows().into_iter().map(|(name, value)| (name, value.deep_clone(depth + 1))))
            }
            Self::Array(array) => Self::array(array.items().iter().map(|item| item.deep_clone(depth + 1))),
            Self::Property(property) => JsonProperty::token(property.0.clone(), property.1.deep_clone(depth + 1)),
            other => other.plain().clone(),
        }
    }

    /// Whether two tokens say the same.
    pub(crate) fn deep_equals(&self, other: &Self, depth: usize) -> bool {
        match (self, other) {
            _ if depth > MAX_DEPTH => false,
            (Self::Object(left), Self::Object(right)) => {
                left.len() == right.len()
                    && left
                        .rows()
                        .iter()
                        .all(|(name, value)| right.get(name).is_some_and(|other| value.deep_equals(&other, depth + 1)))
            }
            (Self::Array(left), Self::Array(right)) => {
                let (left, right) = (left.items(), right.items());
                left.len() == right.len() && left.iter().zip(&right).all(|(a, b)| a.deep_equals(b, depth + 1))
            }
            (Self::Property(left), Self::Property(right)) => {
                left.0 == right.0 && left.1.deep_equals(&right.1, depth + 1)
            }
            _ => self.scalar().equals(&other.scalar()),
        }
    }
}
