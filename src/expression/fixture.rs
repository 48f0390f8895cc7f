//! A [`Host`] from JSON: for tests, and for trying a policy without a gateway.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::{
    Certificate, Fact, Headers, Host, Part, Side, Thrown, UrlParts, Value, Which,
    value::{DateTime, Dict, Json, TimeSpan, time_parse},
};
use crate::model::{Clock, Entropy, Timestamp};

/// An exchange described by a document such as
/// `{"api":{"id":"a"},"request":{"method":"GET","url":"https://h/p?q=1","headers":{"X":["1"]},"body":"…"},"variables":{}}`.
/// Objects of `context` that the document does not have are null, but for `Api`, `Deployment`, `Operation`, `Request`.
pub struct Fixture {
    document: serde_json::Value,
    variables: BTreeMap<Arc<str>, Value>,
    bodies: [Option<Bytes>; 2],
    /// What `context.Trace` was told.
    pub traces: Vec<String>,
    clock: Clock,
    entropy: Entropy,
}

impl Fixture {
    /// From a document; its `variables` become [`Value`]s: text, numbers, booleans, objects.
    pub fn new(document: serde_json::Value, clock: Clock, entropy: Entropy) -> Self {
        let body = |side: &str| match &document[side]["body"] {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(Bytes::from(text.clone())),
            other => Some(Bytes::from(other.to_string())),
        };
        let bodies = [body("request"), body("response")];
        let rows = document["variables"].as_object().into_iter().flatten();
        let variables = rows.map(|(name, value)| (name.as_str().into(), variable(value))).collect();
        Self { document, variables, bodies, traces: Vec::new(), clock, entropy }
    }

    /// Sets a variable, as `set-variable` does.
    pub fn set(&mut self, name: &str, value: Value) {
        self.variables.insert(name.into(), value);
    }

    fn object(&self, part: Part) -> &serde_json::Value {
        match part {
            Part::Context => &self.document,
            Part::Api => &self.document["api"],
            Part::Deployment => &self.document["deployment"],
            Part::Gateway => &self.document["gateway"],
            Part::LastError => &self.document["lastError"],
            Part::Operation => &self.document["operation"],
            Part::Product => &self.document["product"],
            Part::Request => &self.document["request"],
            Part::Response => &self.document["response"],
            Part::Subscription => &self.document["subscription"],
            Part::User => &self.document["user"],
            Part::Workspace => &self.document["workspace"],
            Part::KeyNames => &self.document["api"]["subscriptionKeyParameterNames"],
        }
    }

    fn message(&self, side: Side) -> &serde_json::Value {
        self.object(if side == Side::Request { Part::Request } else { Part::Response })
    }
}

fn variable(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => i32::try_from(whole).map_or(Value::Long(whole), Value::Int),
            None => Value::Double(number.as_f64().unwrap_or_default()),
        },
        other => Json::parse(&other.to_string()).map_or(Value::Null, Value::Json),
    }
}

/// `SubscriptionId` reads `subscriptionId` or, within its object, `id`.
fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

fn list(value: &serde_json::Value) -> Value {
    let item = |item: &serde_json::Value| match item {
        serde_json::Value::Object(fields) => {
            let rows = fields.iter().map(|(name, value)| {
                let mut letters = name.chars();
                let name: String = letters.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(letters).collect();
                (Value::from(name), variable(value))
            });
            Value::Dict(Dict::of(false, rows).into())
        }
        other => variable(other),
    };
    Value::list(value.as_array().into_iter().flatten().map(item).collect())
}

impl Host for Fixture {
    fn fact(&mut self, fact: Fact) -> Value {
        let (part, name, of) = fact.declaration();
        if fact == Fact::Timestamp && self.document["timestamp"].is_null() {
            return Value::DateTime(DateTime::from_timestamp(self.clock.now()));
        }
        let value = &self.object(part)[camel(name)];
        match (of, value) {
            (_, serde_json::Value::Null) if of == "bool" => Value::Bool(false),
            (_, serde_json::Value::Null) => Value::Null,
            ("Guid", value) => variable(value).parse_as(super::Kind::Guid).unwrap_or_default(),
            ("DateTime", value) => time_parse::parse(value.as_str().unwrap_or_default())
                .map_or(Value::Null, |found| Value::DateTime(found.0)),
            ("TimeSpan", value) => {
                let ticks = value.as_i64().unwrap_or_default().saturating_mul(10_000);
                Value::TimeSpan(TimeSpan { ticks })
            }
            (_, value @ serde_json::Value::Array(_)) => list(value),
            (_, value) => variable(value),
        }
    }

    fn has(&mut self, part: Part) -> bool {
        let given = !self.object(part).is_null();
        given
            || matches!(
                part,
                Part::Context
                    | Part::Api
                    | Part::Deployment
                    | Part::Gateway
                    | Part::Operation
                    | Part::Request
                    | Part::KeyNames
            )
    }

    fn header(&mut self, side: Side, name: &str) -> Option<Arc<str>> {
        let found = self.headers(side).into_iter().find(|header| header.0.eq_ignore_ascii_case(name))?;
        Some(found.1.join(",").into())
    }

    fn headers(&mut self, side: Side) -> Headers {
        let rows = self.message(side)["headers"].as_object().into_iter().flatten();
        rows.map(|(name, value)| {
            let values = match value {
                serde_json::Value::Array(values) => values.iter().map(|value| variable(value).to_text()).collect(),
                other => vec![variable(other).to_text()],
            };
            (name.as_str().into(), values)
        })
        .collect()
    }

    fn url(&mut self, which: Which) -> UrlParts {
        let request = self.object(Part::Request);
        let own = if which == Which::OriginalUrl { &request["originalUrl"] } else { &request["url"] };
        let text = own.as_str().or_else(|| request["url"].as_str()).unwrap_or("https://localhost/");
        let Ok(url) = url::Url::parse(text) else { return UrlParts::default() };
        UrlParts {
            scheme: url.scheme().into(),
            host: url.host_str().unwrap_or_default().into(),
            port: url.port_or_known_default().unwrap_or(0),
            path: url.path().into(),
            query: url.query().map(|query| format!("?{query}")).unwrap_or_default().into(),
        }
    }

    fn matched_parameters(&mut self) -> Vec<(Arc<str>, Arc<str>)> {
        let rows = self.object(Part::Request)["matchedParameters"].as_object().into_iter().flatten();
        rows.map(|(name, value)| (name.as_str().into(), variable(value).to_text())).collect()
    }

    fn variable(&mut self, name: &str) -> Option<Value> {
        self.variables.get(name).cloned()
    }

    fn variables(&mut self) -> Vec<(Arc<str>, Value)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn body(&mut self, side: Side, preserve: bool) -> Result<Option<Bytes>, Thrown> {
        let body = &mut self.bodies[usize::from(side == Side::Response)];
        Ok(if preserve { body.clone() } else { body.take() })
    }

    fn trace(&mut self, message: &str) {
        self.traces.push(message.to_owned());
    }

    fn now(&mut self) -> Timestamp {
        self.clock.now()
    }

    fn random(&mut self, bytes: &mut [u8]) {
        self.entropy.fill(bytes);
    }

    fn client_certificate(&mut self) -> Option<Certificate> {
        None
    }

    fn certificates(&mut self) -> Vec<(Arc<str>, Certificate)> {
        Vec::new()
    }
}
