//! `Body.As<T>()` and forms.

use bytes::Bytes;

use super::{Call, Row, member, uri};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Dict, Handle, Json, Object, Xml, guard, xml_read},
};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] = &[
    member(Kind::Body, "As([preserveContent]): G", read_as),
    member(Kind::Body, "AsFormUrlEncodedContent([preserveContent]): IReadOnlyDictionary", form),
];

/// The bytes of the body; gone afterwards unless they are to be preserved.
fn take(c: &mut Call<'_, '_>) -> Result<Option<Bytes>, Thrown> {
    let preserve = c.arg(0).as_bool().unwrap_or(false);
    let bytes = match &c.this {
        Value::Handle(Handle::Body(side)) => c.machine.host.body(*side, preserve)?,
        Value::Object(object) => match &**object {
            Object::ResponseBody(Value::Object(owner)) => match &**owner {
                Object::Response(response) => {
                    let mut body = guard(&response.body);
                    if preserve { body.clone() } else { body.take() }
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    Ok(bytes)
}

fn read_as(c: &mut Call<'_, '_>) -> Outcome {
    let Some(bytes) = take(c)? else { return Ok(Value::Null) };
    let kind = c.generic;
    // A tree takes a few times the room of its text.
    let factor = if kind.is_a(Kind::JToken) || kind.is_a(Kind::XObject) || kind == Kind::Dynamic { 5 } else { 1 };
    c.machine.budget.read(bytes.len().saturating_mul(factor))?;
    if kind == Kind::Bytes {
        return Ok(Value::bytes(bytes.to_vec()));
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    match kind {
        Kind::String | Kind::Object | Kind::Unknown => Ok(Value::from(text)),
        Kind::XElement | Kind::XNode => xml_read::read(text).map(|root| Value::Xml(Xml::Element(root))),
        Kind::XDocument => xml_read::read(text).map(|root| Value::Xml(Xml::Document(root))),
        kind if kind.is_a(Kind::JToken) || kind == Kind::Dynamic => {
            if text.trim().is_empty() {
                return Ok(Value::Null);
            }
            let json = Json::parse(text)?;
            if kind == Kind::Dynamic || json.kind().is_a(kind) {
                return Ok(Value::Json(json));
            }
            let message =
                format!("Error reading {} from JsonReader. The body is a {}.", kind.name(), json.kind().name());
            Err(Thrown::new("JsonReaderException", message))
        }
        kind => Err(Thrown::cast("IMessageBody", kind.full_name())),
    }
}

fn form(c: &mut Call<'_, '_>) -> Outcome {
    let Some(bytes) = take(c)? else { return Ok(Value::Null) };
    let text = String::from_utf8_lossy(&bytes);
    c.machine.budget.read(text.len().saturating_mul(3))?;
    let rows = uri::query_rows(text.trim())
        .into_iter()
        .map(|(name, values)| (Value::Text(name), Value::array(values.into_iter().map(Value::Text).collect())));
    Ok(Value::Dict(Dict::of(false, rows).into()))
}
