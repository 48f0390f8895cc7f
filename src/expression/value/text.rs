//! The text of values: culture-invariant `ToString()`.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Handle, Json, Object, Value, object::Inner};

/// Base 64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A `double` as .NET writes it: the shortest text that reads back, with an exponent beyond 15 digits.
pub(crate) fn double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..15).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}E{sign}{:02}", exponent.abs())
}

/// The text of a Guid, lower case with dashes.
pub(crate) fn guid(bytes: [u8; 16]) -> String {
    uuid::Uuid::from_bytes(bytes).hyphenated().to_string()
}

impl Value {
    /// `ToString()` with the invariant culture. `null` is the empty text, as in concatenation.
    pub fn to_text(&self) -> Arc<str> {
        match self {
            Self::Text(text) | Self::Json(Json::String(text)) => text.clone(),
            Self::Bool(value) => if *value { "True" } else { "False" }.into(),
            Self::Char(value) => value.to_string().into(),
            Self::Int(value) => value.to_string().into(),
            Self::Long(value) => value.to_string().into(),
            Self::Double(value) => double(*value).into(),
            Self::Decimal(value) => value.to_string().into(),
            Self::DateTime(time) => time.to_string().into(),
            Self::DateTimeOffset(time) => time.to_string().into(),
            Self::TimeSpan(span) => span.to_string().into(),
            Self::Guid(bytes) => guid(*bytes).into(),
            Self::Enum(kind, value) => kind.enum_name(*value).into(),
            Self::Json(json) => json_text(json),
            Self::Xml(xml) => xml.to_text(true).into(),
            Self::Object(object) => object_text(object).unwrap_or_else(|| self.kind().full_name().into()),
            Self::Null | Self::Handle(Handle::Query(_)) => "".into(),
            other => other.kind().full_name().into(),
        }
    }
}

fn json_text(json: &Json) -> Arc<str> {
    match json {
        Json::Object(_) | Json::Array(_) | Json::Property(_) => {
            // Text of what cannot be written (nested too deeply) is empty; serializing it says so.
            Value::Json(json.clone()).json_text(true).unwrap_or_default().into()
        }
        scalar => scalar.scalar().to_text(),
    }
}

fn object_text(object: &Object) -> Option<Arc<str>> {
    Some(match object {
        Object::Pair(key, value) => format!("[{}, {}]", key.to_text(), value.to_text()).into(),
        Object::Jwt(jwt) => jwt.raw.clone(),
        Object::Uri(uri) => uri.0.text.clone(),
        Object::Builder(text) => super::guard(text).as_str().into(),
        Object::Address(url) => address(url).into(),
        Object::Record(fields) if fields.first().is_some_and(|field| &*field.0 == "Item1") => {
            let parts: Vec<_> = fields.iter().map(|field| field.1.to_text()).collect();
            format!("({})", parts.join(", ")).into()
        }
        Object::Record(fields) => {
            let parts: Vec<_> = fields.iter().map(|(name, value)| format!("{name} = {}", value.to_text())).collect();
            format!("{{ {} }}", parts.join(", ")).into()
        }
        Object::Library(library) => match &library.0 {
            Inner::Match(found) => found.groups.first()?.text.clone().unwrap_or_default(),
            Inner::Group(group) => group.text.clone().unwrap_or_default(),
            Inner::Regex(regex) => regex.pattern.clone(),
            Inner::Exception(thrown) => format!("System.{thrown}").into(),
            Inner::Namespace(text) | Inner::TextReader(text) | Inner::DistinguishedName(text) => text.clone(),
            Inner::Address(address) => address.to_string().into(),
            _ => return None,
        },
        _ => return None,
    })
}

/// The whole address, without a port that its scheme implies.
pub(crate) fn address(url: &crate::expression::host::UrlParts) -> String {
    let standard = matches!((&*url.scheme, url.port), ("http", 80) | ("https", 443) | (_, 0));
    let port = if standard { String::new() } else { format!(":{}", url.port) };
    format!("{}://{}{port}{}{}", url.scheme, url.host, url.path, url.query)
}

/// A Guid with one of the formats `D`, `N`, `B`, `P`.
pub(crate) fn guid_format(bytes: [u8; 16], format: &str) -> Result<String, super::Thrown> {
    let dashed = guid(bytes);
    Ok(match format {
        "D" | "d" => dashed,
        "N" | "n" => dashed.replace('-', ""),
        "B" | "b" => format!("{{{dashed}}}"),
        "P" | "p" => format!("({dashed})"),
        _ => return Err(super::Thrown::format("Format String can be only \"D\", \"N\", \"P\", \"B\".")),
    })
}
