//! Values of expressions that policies make: answers of side calls, tokens.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value as Json;

use super::{Flow, FromValue};
use crate::{
    expression::{
        Headers, Value,
        value::{self, Object},
    },
    model::Secret,
    outbound::fetch::Answer,
};

/// An answer of a side call, as `IResponse`.
#[must_use]
pub fn response(answer: &Answer) -> Value {
    let reason = answer.status.canonical_reason().unwrap_or_default();
    let headers = headers(&answer.headers);
    Value::response(value::Response::new(answer.status.as_u16(), reason, headers, answer.body.clone()))
}

fn headers(headers: &HeaderMap) -> Headers {
    let values = |name| headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into());
    headers.keys().map(|name| (name.as_str().into(), values(name).collect())).collect()
}

/// A validated token, as `Jwt`.
#[must_use]
pub fn jwt(text: &str, header: &Json, claims: &Json) -> Value {
    let members = |json: &Json| {
        let members = json.as_object().into_iter().flatten();
        members.map(|(name, value)| (Arc::from(name.as_str()), value::Json::from(value))).collect()
    };
    Value::object(Object::Jwt(value::Jwt { header: members(header), claims: members(claims), raw: text.into() }))
}

/// What `get-authorization-context` gives, as `Authorization`.
#[must_use]
pub fn authorization(token: &Secret) -> Value {
    Value::authorization(token.expose())
}

/// What goes into a body: bytes as they are, all else as its text.
#[derive(Clone, Debug, Default)]
pub struct RawBody(pub Bytes);

impl FromValue for RawBody {
    fn from_value(value: &Value) -> Result<Self, String> {
        Ok(Self(match value {
            Value::Bytes(bytes) => Bytes::copy_from_slice(bytes),
            other => Bytes::copy_from_slice(other.to_text().as_bytes()),
        }))
    }
}

/// Keeps the answer of a side call in a variable; `None`: there was none.
pub fn keep_response(flow: &mut Flow<'_>, name: &Arc<str>, answer: Option<&Answer>) {
    flow.variables.set(name, answer.map_or(Value::Null, response));
}
