//! Values of expressions that policies make: answers of side calls, tokens.

use bytes::Bytes;
use serde_json::Value as Json;

use super::{Flow, FromValue};
use crate::{expression::Value, model::Secret, outbound::fetch::Answer};

/// An answer of a side call, as `IResponse`.
#[must_use]
pub fn response(answer: &Answer) -> Value {
    Value::from(&*String::from_utf8_lossy(&answer.body))
}

/// A validated token, as `Jwt`.
#[must_use]
pub fn jwt(text: &str, _: &Json, _: &Json) -> Value {
    Value::from(text)
}

/// What `get-authorization-context` gives, as `Authorization`.
#[must_use]
pub fn authorization(token: &Secret) -> Value {
    Value::from(token.expose())
}

/// What goes into a body.
#[derive(Clone, Debug, Default)]
pub struct RawBody(pub Bytes);

impl FromValue for RawBody {
    fn from_value(value: &Value) -> Result<Self, String> {
        Ok(Self(Bytes::from(value.to_text())))
    }
}

/// Keeps the answer of a side call in a variable; `None`: there was none.
pub fn keep_response(flow: &mut Flow<'_>, name: &std::sync::Arc<str>, answer: Option<&Answer>) {
    flow.variables.set(name, answer.map_or(Value::Null, response));
}
