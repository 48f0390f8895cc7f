//! A setting of a policy that is written as a value or as an expression.

use std::sync::Arc;

use super::{Failure, Flow, Needs};
use crate::expression::{Expression, Value};

/// What an attribute or a text gives for an exchange.
pub enum Dynamic<T> {
    /// Written down.
    Fixed(T),
    /// Computed for each exchange.
    Computed {
        /// The element that it belongs to: the source of a failure.
        of: &'static str,
        /// How.
        expression: Box<Expression>,
    },
}

/// What an expression's value can be taken for.
pub trait FromValue: Clone {
    /// The value as this type, or why not.
    fn from_value(value: &Value) -> Result<Self, String>;
}

impl FromValue for Arc<str> {
    fn from_value(value: &Value) -> Result<Self, String> {
        Ok(value.to_text())
    }
}

impl FromValue for Value {
    fn from_value(value: &Value) -> Result<Self, String> {
        Ok(value.clone())
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Result<Self, String> {
        value
            .as_bool()
            .or_else(|| value.to_text().trim().to_ascii_lowercase().parse().ok())
            .ok_or_else(|| format!("`{}` is not true or false", value.to_text()))
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl FromValue for $type {
            fn from_value(value: &Value) -> Result<Self, String> {
                let text = value.to_text();
                text.trim().parse().map_err(|_| format!("`{text}` is not a number as expected here"))
            }
        }
    )*};
}
numbers!(u16, u32, u64, i64, f64, usize);

impl<T: FromValue> Dynamic<T> {
    /// The value for this exchange. Bodies that the expression reads have to be in memory: see [`Dynamic::needs`].
    pub fn get(&self, flow: &mut Flow<'_>) -> Result<T, Failure> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Computed { of, expression } => {
                let value = flow.evaluate(of, expression)?;
                T::from_value(&value).map_err(|why| Failure::thrown(of, why))
            }
        }
    }

    /// Bodies that it reads.
    #[must_use]
    pub fn needs(&self) -> Needs {
        match self {
            Self::Fixed(_) => Needs::NONE,
            Self::Computed { expression, .. } => super::host::needs(expression),
        }
    }

    /// The value, where it is written down.
    pub const fn fixed(&self) -> Option<&T> {
        match self {
            Self::Fixed(value) => Some(value),
            Self::Computed { .. } => None,
        }
    }
}
