//! Values of expressions that policies make: answers of side calls, tokens.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value as Json;

use super::{Body, Flow, FromValue, Response};
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

/// The answer that a variable holds, as one that can be given to the caller. What was read away is empty.
#[must_use]
pub fn answer(value: &Value) -> Option<Response> {
    let Value::Object(object) = value else { return None };
    let Object::Response(stored) = &**object else { return None };
    let mut response = Response::new(StatusCode::from_u16(stored.status).ok()?);
    response.reason = Some(stored.reason.to_string()).filter(|reason| !reason.is_empty());
    for (name, values) in stored.headers.iter().filter(|(name, _)| !CONNECTIONS.contains(&&**name)) {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        for value in values.iter().filter_map(|value| HeaderValue::from_str(value).ok()) {
            response.headers.append(&name, value);
        }
    }
    response.body = Body::Held(stored.body());
    Some(response)
}

/// Headers about a connection (RFC 9110, section 7.6.1) and the length of what came over it.
const CONNECTIONS: [&str; 6] = ["connection", "content-length", "keep-alive", "te", "transfer-encoding", "upgrade"];

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
