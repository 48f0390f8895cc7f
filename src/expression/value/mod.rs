//! Values of the expression language: what C# calls objects, as an enum that is cheap to copy.
//!
//! Lives here: the values, their text, their equality and their JSON. Deliberately not here: their members (`library`).

mod collection;
mod convert;
mod decimal;
mod header_name;
pub(crate) mod json;
mod json_place;
mod json_read;
mod json_tree;
mod json_write;
mod object;
mod text;
mod thrown;
pub(crate) mod time;
pub(crate) mod time_format;
pub(crate) mod time_parse;
pub(crate) mod xml;
mod xml_json;
pub(crate) mod xml_read;
mod xml_write;

use std::{fmt, sync::Arc};

pub(crate) use collection::guard;
pub use collection::{Dict, List, ListKind};
pub use decimal::Decimal;
pub(crate) use header_name::usual;
pub use json::Json;
pub(crate) use json::JsonProperty;
pub(crate) use json_place::{Key, Places};
pub(crate) use object::{
    Algorithm, CertificateObject, Encoding, GroupObject, Inner, Mac, MatchObject, RegexObject, UriObject, UriWrap,
};
pub use object::{Basic, Handle, Jwt, Object, Response};
pub(crate) use text::{address, guid_format};
pub use thrown::Thrown;
pub use time::{DateTime, DateTimeOffset, TimeKind, TimeSpan};
pub use xml::Xml;

use super::{eval::Lambda, types::Kind};

/// A value. Collections, JSON objects and XML elements are shared by reference, as in C#; all else is copied.
#[derive(Clone, Default)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `bool`.
    Bool(bool),
    /// `char`; half of a surrogate pair reads as U+FFFD.
    Char(char),
    /// `int`, and `byte` and `short`, which C# computes with as `int` too.
    Int(i32),
    /// `long`.
    Long(i64),
    /// `double`, and `float`.
    Double(f64),
    /// `decimal`.
    Decimal(Arc<Decimal>),
    /// `string`.
    Text(Arc<str>),
    /// `DateTime`.
    DateTime(DateTime),
    /// `DateTimeOffset`.
    DateTimeOffset(DateTimeOffset),
    /// `TimeSpan`.
    TimeSpan(TimeSpan),
    /// `Guid`, in the order of its text.
    Guid([u8; 16]),
    /// A member of an enumeration such as `StringComparison`.
    Enum(Kind, i32),
    /// `byte[]`.
    Bytes(Arc<[u8]>),
    /// Any `JToken`.
    Json(Json),
    /// Any `XObject`.
    Xml(Xml),
    /// An array, a `List<T>` or the result of a query.
    List(Arc<List>),
    /// A `Dictionary<K, V>` or what looks like one.
    Dict(Arc<Dict>),
    /// A live view of a part of `context`.
    Handle(Handle),
    /// All else.
    Object(Arc<Object>),
    /// A lambda, within its own evaluation only.
    #[doc(hidden)]
    Lambda(Lambda),
}

impl Value {
    /// A `string`.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A `byte[]`.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// An array.
    pub fn array(items: Vec<Self>) -> Self {
        Self::List(Arc::new(List::new(ListKind::Array, items)))
    }

    /// A `List<T>`.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(List::new(ListKind::List, items)))
    }

    /// The result of a query.
    pub(crate) fn sequence(items: Vec<Self>) -> Self {
        Self::List(Arc::new(List::new(ListKind::Sequence, items)))
    }

    /// A response, as `send-request` leaves it in a variable.
    pub fn response(response: Response) -> Self {
        Self::object(Object::Response(response))
    }

    /// An `Authorization`, as `get-authorization-context` leaves it in a variable.
    pub fn authorization(access_token: impl Into<Arc<str>>) -> Self {
        Self::object(Object::Authorization(access_token.into()))
    }

    pub(crate) fn object(object: Object) -> Self {
        Self::Object(Arc::new(object))
    }

    pub(crate) fn pair(key: Self, value: Self) -> Self {
        Self::object(Object::Pair(key, value))
    }

    /// Whether it is `null`; a JSON null is a value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A `bool`, or a JSON one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) | Self::Json(Json::Bool(value)) => Some(*value),
            Self::Json(Json::Leaf(leaf)) => leaf.value.scalar().as_bool(),
            _ => None,
        }
    }

    /// A whole number of any type.
    pub fn as_long(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(i64::from(*value)),
            Self::Long(value) | Self::Json(Json::Int(value)) => Some(*value),
            Self::Char(value) => Some(i64::from(u32::from(*value))),
            Self::Json(Json::Leaf(leaf)) => leaf.value.scalar().as_long(),
            _ => None,
        }
    }

    /// A number of any type.
    #[expect(clippy::cast_precision_loss, reason = "as C# converts")]
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Self::Double(value) | Self::Json(Json::Float(value)) => Some(*value),
            Self::Decimal(value) | Self::Json(Json::Decimal(value)) => Some(value.to_f64()),
            Self::Json(Json::Leaf(leaf)) => leaf.value.scalar().as_double(),
            other => other.as_long().map(|value| value as f64),
        }
    }

    /// A `string`, or a JSON one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Json(Json::String(text)) => Some(text),
            Self::Json(Json::Leaf(leaf)) => match &leaf.value {
                Json::String(text) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// What it is, for `is`, for messages and for members.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Char(_) => Kind::Char,
            Self::Int(_) => Kind::Int,
            Self::Long(_) => Kind::Long,
            Self::Double(_) => Kind::Double,
            Self::Decimal(_) => Kind::Decimal,
            Self::Text(_) => Kind::String,
            Self::DateTime(_) => Kind::DateTime,
            Self::DateTimeOffset(_) => Kind::DateTimeOffset,
            Self::TimeSpan(_) => Kind::TimeSpan,
            Self::Guid(_) => Kind::Guid,
            Self::Enum(kind, _) => *kind,
            Self::Bytes(_) => Kind::Bytes,
            Self::Json(json) => json.kind(),
            Self::Xml(xml) => xml.kind(),
            Self::List(list) => list.kind(),
            Self::Dict(_) => Kind::Dictionary,
            Self::Handle(handle) => handle.kind(),
            Self::Object(object) => object.kind(),
            Self::Lambda(_) => Kind::Func,
        }
    }
}

impl fmt::Debug for Value {
    /// The kind only: values hold keys and prompts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({})", self.kind().name())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Long(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(value: Arc<str>) -> Self {
        Self::Text(value)
    }
}

impl From<Json> for Value {
    fn from(value: Json) -> Self {
        Self::Json(value)
    }
}

impl From<TimeSpan> for Value {
    fn from(value: TimeSpan) -> Self {
        Self::TimeSpan(value)
    }
}

impl From<DateTime> for Value {
    fn from(value: DateTime) -> Self {
        Self::DateTime(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
