//! Equality, order and casts between values.

use std::{cmp::Ordering, sync::Arc};

use super::{
    DateTime, DateTimeOffset, Decimal, Inner, Json, Object, Thrown, TimeKind, TimeSpan, Value, Xml, xml::XName,
};
use crate::expression::types::Kind;

impl Value {
    /// `==`. Text compares ordinally and numbers by value, also where C# would compare references of `object`: documents
    /// mean the value. Collections are equal when they are the same one.
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json(left), Self::Json(right)) => match (left.plain(), right.plain()) {
                (Json::Object(a), Json::Object(b)) => Arc::ptr_eq(a, b),
                (Json::Array(a), Json::Array(b)) => Arc::ptr_eq(a, b),
                (Json::Property(a), Json::Property(b)) => Arc::ptr_eq(a, b),
                _ if !left.is_scalar() || !right.is_scalar() => false,
                _ => left.scalar().equals(&right.scalar()),
            },
            // A JSON null is a token, not a null: documents ask for `Type` to see it.
            (Self::Json(Json::Object(_) | Json::Array(_) | Json::Property(_)), _)
            | (Self::Json(_), Self::Null)
            | (Self::Null, Self::Json(_)) => false,
            (Self::Json(left), right) => left.scalar().equals(right),
            (left, Self::Json(right)) => right.is_scalar() && left.equals(&right.scalar()),
            (Self::Null, Self::Null) => true,
            (Self::Text(left), Self::Text(right)) => left == right,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Enum(_, left), Self::Enum(_, right)) => left == right,
            (Self::Guid(left), Self::Guid(right)) => left == right,
            (Self::Bytes(left), Self::Bytes(right)) => Arc::ptr_eq(left, right),
            (Self::List(left), Self::List(right)) => Arc::ptr_eq(left, right),
            (Self::Dict(left), Self::Dict(right)) => Arc::ptr_eq(left, right),
            (Self::Handle(left), Self::Handle(right)) => left == right,
            (Self::Xml(left), Self::Xml(right)) => left.same(right),
            (Self::Object(left), Self::Object(right)) => Arc::ptr_eq(left, right) || same_object(self, other),
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }

    /// Order, where there is one: numbers, times, text (as `string.Compare` does by default).
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => Some(culture_order(left, right)),
            (Self::Null, Self::Null) => Some(Ordering::Equal),
            (Self::Null, _) => Some(Ordering::Less),
            (_, Self::Null) => Some(Ordering::Greater),
            (Self::Bool(left), Self::Bool(right)) => Some(left.cmp(right)),
            (Self::DateTime(left), Self::DateTime(right)) => Some(left.ticks.cmp(&right.ticks)),
            (Self::DateTimeOffset(left), Self::DateTimeOffset(right)) => Some(left.utc.cmp(&right.utc)),
            (Self::DateTime(left), Self::DateTimeOffset(right)) => Some(left.ticks.cmp(&right.utc)),
            (Self::DateTimeOffset(left), Self::DateTime(right)) => Some(left.utc.cmp(&right.ticks)),
            (Self::TimeSpan(left), Self::TimeSpan(right)) => Some(left.ticks.cmp(&right.ticks)),
            (Self::Guid(left), Self::Guid(right)) => Some(left.cmp(right)),
            (Self::Int(left), Self::Int(right)) | (Self::Enum(_, left), Self::Enum(_, right)) => Some(left.cmp(right)),
            (Self::Json(left), Self::Json(right)) if left.is_scalar() && right.is_scalar() => {
                left.scalar().compare(&right.scalar())
            }
            (Self::Json(left), right) if left.is_scalar() => left.scalar().compare(right),
            (left, Self::Json(right)) if right.is_scalar() => left.compare(&right.scalar()),
            _ => self.compare_numbers(other),
        }
    }

    fn compare_numbers(&self, other: &Self) -> Option<Ordering> {
        match (self.as_long(), other.as_long()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ if matches!(self, Self::Decimal(_)) || matches!(other, Self::Decimal(_)) => {
                Some(self.to_decimal()?.compare(other.to_decimal()?))
            }
            _ => self.as_double()?.partial_cmp(&other.as_double()?),
        }
    }

    /// As a decimal, if it is a number.
    pub(crate) fn to_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Decimal(value) => Some(**value),
            Self::Double(value) => Decimal::from_f64(*value),
            other => other.as_long().map(Decimal::from_long),
        }
    }

    /// The cast `(kind)value`.
    ///
    /// # Errors
    /// `InvalidCastException`, `NullReferenceException` for null to a value type, `FormatException` for a token whose
    /// text is no number.
    pub(crate) fn cast(&self, to: Kind) -> Result<Self, Thrown> {
        if let Self::Json(json) = self {
            return json.cast(to);
        }
        let value = match (self, to) {
            (_, Kind::Object | Kind::Unknown) => Some(self.clone()),
            (Self::Null, to) if to.is_value_type() => return Err(Thrown::null("the value that is cast")),
            (Self::Null, _) => Some(Self::Null),
            (Self::Xml(xml), to) if !to.is_a(Kind::XNode) && !to.is_a(Kind::XObject) && to != Kind::XName => {
                return Self::text(xml.value()).parse_as(to);
            }
            (Self::Text(name), Kind::XName) => Some(Self::Xml(Xml::Name(XName::parse(name).into()))),
            (Self::Text(name), Kind::XNamespace) => Some(Self::library(Inner::Namespace(name.clone()))),
            (_, Kind::Int | Kind::Long | Kind::Double | Kind::Decimal | Kind::Char | Kind::Byte) => {
                self.cast_number(to)
            }
            (Self::Int(value), to) if to.is_enum() => Some(Self::Enum(to, *value)),
            (Self::DateTimeOffset(value), Kind::DateTime) => Some(Self::DateTime(value.date_time())),
            (Self::DateTime(value), Kind::DateTimeOffset) => Some(Self::DateTimeOffset((*value).into())),
            (_, Kind::JToken | Kind::JValue) => self.to_token(),
            (value, to) if value.kind().is_a(to) => Some(value.clone()),
            _ => None,
        };
        value.ok_or_else(|| Thrown::cast(self.kind().full_name(), to.full_name()))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as C# converts without `checked`")]
    fn cast_number(&self, to: Kind) -> Option<Self> {
        let whole = || match self {
            Self::Double(value) => Some(*value as i64),
            Self::Decimal(value) => value.trunc(),
            Self::Enum(_, value) => Some(i64::from(*value)),
            other => other.as_long(),
        };
        Some(match to {
            Kind::Int => Self::Int(whole()? as i32),
            Kind::Byte => Self::Int(i32::from(whole()? as u8)),
            Kind::Long => Self::Long(whole()?),
            Kind::Double => Self::Double(self.as_double()?),
            Kind::Decimal => Self::Decimal(Arc::new(self.to_decimal()?)),
            _ => Self::Char(char::from_u32(whole()? as u32 & 0xffff).unwrap_or('\u{fffd}')),
        })
    }

    /// A JSON token for the value, if it has one: the implicit conversions of `JToken`.
    pub(crate) fn to_token(&self) -> Option<Self> {
        Some(Self::Json(match self {
            Self::Json(json) => json.plain().clone(),
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Text(text) => Json::String(text.clone()),
            Self::Double(value) => Json::Float(*value),
            Self::Decimal(value) => Json::Decimal(value.clone()),
            Self::DateTime(time) => Json::Date(*time),
            Self::DateTimeOffset(time) => Json::string(time.to_iso()),
            Self::Guid(_) | Self::TimeSpan(_) | Self::Object(_) | Self::Char(_) => Json::String(self.to_text()),
            Self::Enum(_, value) => Json::Int(i64::from(*value)),
            Self::Bytes(bytes) => Json::string(super::text::base64(bytes)),
            other => Json::Int(other.as_long()?),
        }))
    }

    /// Whether `value is kind`.
    pub(crate) fn is(&self, kind: Kind) -> bool {
        !self.is_null() && (kind == Kind::Object || self.kind().is_a(kind))
    }

    /// `default(kind)`.
    pub(crate) fn initial(kind: Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool(false),
            Kind::Int | Kind::Byte => Self::Int(0),
            Kind::Long => Self::Long(0),
            Kind::Double => Self::Double(0.0),
            Kind::Decimal => Self::Decimal(Arc::new(Decimal::from_long(0))),
            Kind::Char => Self::Char('\0'),
            Kind::Guid => Self::Guid([0; 16]),
            Kind::TimeSpan => Self::TimeSpan(TimeSpan { ticks: 0 }),
            Kind::DateTime => Self::DateTime(DateTime { ticks: 0, kind: TimeKind::Unspecified }),
            Kind::DateTimeOffset => Self::DateTimeOffset(DateTimeOffset { utc: 0, offset: 0 }),
            kind if kind.is_enum() => Self::Enum(kind, 0),
            _ => Self::Null,
        }
    }

    /// Reads text as a value type, with the invariant culture; the scalar conversions of JSON and XML.
    ///
    /// # Errors
    /// `FormatException`, `InvalidCastException` when there is no such conversion.
    pub(crate) fn parse_as(&self, to: Kind) -> Result<Self, Thrown> {
        let text = self.to_text();
        crate::expression::library::parse_text(text.trim(), to)
    }
}

impl Json {
    fn is_scalar(&self) -> bool {
        !matches!(self, Self::Object(_) | Self::Array(_) | Self::Property(_))
    }

    /// The explicit conversions of `JToken`.
    pub(crate) fn cast(&self, to: Kind) -> Result<Value, Thrown> {
        match (self, to) {
            (_, Kind::Object | Kind::Unknown | Kind::JToken | Kind::Dynamic) => Ok(Value::Json(self.clone())),
            (_, to) if self.kind().is_a(to) && to != Kind::Enumerable => Ok(Value::Json(self.clone())),
            (Self::Leaf(leaf), to) => leaf.value.cast(to),
            (Self::Property(property), to) => property.1.cast(to),
            (Self::Object(_) | Self::Array(_), Kind::Enumerable) => Ok(Value::Json(self.clone())),
            (Self::Object(_) | Self::Array(_), _) => {
                Err(Thrown::argument(format!("Can not convert {} to {}.", self.kind().name(), to.name())))
            }
            (Self::Null, to) if to.is_value_type() => {
                Err(Thrown::argument(format!("Can not convert Null to {}.", to.name())))
            }
            (Self::Null, _) => Ok(Value::Null),
            (Self::Date(time), Kind::String) => Ok(Value::text(time.to_string())),
            (_, Kind::String) => Ok(Value::Text(self.scalar().to_text())),
            (Self::Bool(value), Kind::Int | Kind::Long | Kind::Double) => Value::Int(i32::from(*value)).cast(to),
            (Self::Int(value), Kind::Bool) => Ok(Value::Bool(*value != 0)),
            (Self::Int(value), Kind::Int) => {
                i32::try_from(*value).map(Value::Int).map_err(|_| Thrown::overflow("an Int32"))
            }
            (Self::String(_), _) if to.is_value_type() => self.scalar().parse_as(to),
            (Self::Float(value), Kind::Int | Kind::Long) => Value::Double(value.round_ties_even()).cast(to),
            _ => self.scalar().cast(to),
        }
    }
}

fn same_object(left: &Value, right: &Value) -> bool {
    let (Value::Object(a), Value::Object(b)) = (left, right) else { return false };
    match (&**a, &**b) {
        (Object::Uri(_), Object::Uri(_)) => left.to_text() == right.to_text(),
        (Object::Library(_), Object::Library(_)) => {
            left.kind() == Kind::XNamespace && left.to_text() == right.to_text()
        }
        (Object::Record(x), Object::Record(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(a, b)| a.0 == b.0 && a.1.equals(&b.1))
        }
        _ => false,
    }
}

/// The order of the invariant culture, near enough: letters before their case, lower case first.
pub(crate) fn culture_order(left: &str, right: &str) -> Ordering {
    let key = |text: &str| text.chars().flat_map(char::to_lowercase).map(weight).collect::<Vec<_>>();
    key(left).cmp(&key(right)).then_with(|| right.cmp(left))
}

/// Punctuation sorts before digits, digits before letters.
fn weight(c: char) -> (u8, char) {
    (if c.is_alphabetic() { 2 } else { u8::from(c.is_numeric()) }, c)
}
