//! An exchange as expressions see it: the members of `context`, answered from the flow.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::{Body, Failure, Flow, LastError, Needs, facts::ProductFacts};
use crate::{
    expression::{
        self, Bounds, Certificate, Expression, Fact, Headers, Host, Part, Side, Thrown, UrlParts, Value, Which,
        value::{DateTime, Dict, TimeSpan},
    },
    model::Timestamp,
};

/// Bodies that an expression reads.
pub(super) fn needs(expression: &Expression) -> Needs {
    let expression::Needs { request_body, response_body, .. } = expression.needs();
    Needs { request_body, response_body }
}

impl Flow<'_> {
    /// Evaluates an expression for this exchange; `of` is the element that it belongs to.
    pub fn evaluate(&mut self, of: &'static str, expression: &Expression) -> Result<Value, Failure> {
        expression.evaluate(self, &Bounds::DEFAULT).map_err(|thrown| Failure::thrown(of, thrown.to_string()))
    }

    fn context_fact(&self, fact: Fact) -> Value {
        match fact {
            Fact::RequestId => guid(&self.facts.request_id),
            Fact::Timestamp => date(self.began.0),
            Fact::Elapsed => {
                let nanos = self.services.clock.ticks().since(self.began.1).as_nanos();
                Value::from(TimeSpan { ticks: i64::try_from(nanos / 100).unwrap_or(i64::MAX) })
            }
            Fact::Tracing => Value::Bool(self.trace.is_some()),
            _ => Value::Null,
        }
    }

    fn api_fact(&self, fact: Fact) -> Value {
        let Some(api) = &self.facts.api else { return Value::Null };
        match fact {
            Fact::ApiId => text(&api.id),
            Fact::ApiName => text(&api.name),
            Fact::ApiPath => text(&api.path),
            Fact::ApiProtocols => Value::list(vec!["http".into(), "https".into()]),
            Fact::ApiServiceUrl => optional(api.service_url.as_ref()),
            Fact::ApiRevision => text(&api.revision),
            Fact::ApiVersion => optional(api.version.as_ref()),
            Fact::ApiIsCurrentRevision => Value::Bool(api.is_current),
            Fact::KeyHeader => text(&api.key_names.0),
            Fact::KeyQuery => text(&api.key_names.1),
            Fact::WorkspaceId | Fact::WorkspaceName => optional(api.workspace.as_ref()),
            _ => Value::Null,
        }
    }

    fn deployment_fact(&self, fact: Fact) -> Value {
        let deployment = &self.facts.deployment;
        match fact {
            Fact::GatewayIdOld | Fact::GatewayId => text(&deployment.gateway_id),
            Fact::GatewayInstanceId => text(&deployment.instance),
            Fact::GatewayIsManaged => Value::Bool(&*deployment.gateway_id == "managed"),
            Fact::Region => text(&deployment.region),
            Fact::ServiceId | Fact::ServiceName => text(&deployment.service_name),
            _ => Value::Null,
        }
    }

    fn error_fact(&self, fact: Fact) -> Value {
        let Some(error) = &self.last_error else { return Value::Null };
        let LastError { source, reason, message, scope, section, path, policy_id } = error;
        match fact {
            Fact::ErrorSource => source.as_str().into(),
            Fact::ErrorReason => reason.as_str().into(),
            Fact::ErrorMessage => message.as_str().into(),
            Fact::ErrorScope => Value::from(*scope),
            Fact::ErrorSection => Value::from(*section),
            Fact::ErrorPath => optional(path.as_ref()),
            Fact::ErrorPolicyId => optional(policy_id.as_ref()),
            Fact::ErrorHttpCode => {
                self.response.as_ref().map_or(Value::Null, |answer| i32::from(answer.status.as_u16()).into())
            }
            _ => Value::Null,
        }
    }

    fn operation_fact(&self, fact: Fact) -> Value {
        let Some(operation) = &self.facts.operation else { return Value::Null };
        match fact {
            Fact::OperationId => text(&operation.id),
            Fact::OperationMethod => text(&operation.method),
            Fact::OperationName => text(&operation.name),
            Fact::OperationUrlTemplate => text(&operation.url_template),
            _ => Value::Null,
        }
    }

    fn product_fact(&self, fact: Fact) -> Value {
        let Some(product) = &self.facts.product else { return Value::Null };
        match fact {
            Fact::ProductId => text(&product.id),
            Fact::ProductName => text(&product.name),
            Fact::ProductState => "Published".into(),
            Fact::ProductApprovalRequired => Value::Bool(product.approval_required),
            Fact::ProductSubscriptionRequired => Value::Bool(product.subscription_required),
            Fact::ProductApis => self.product_apis(product),
            Fact::ProductGroups => named(&product.groups, "Name"),
            _ => Value::Null,
        }
    }

    /// A product of all APIs shows the one that was called.
    fn product_apis(&self, product: &ProductFacts) -> Value {
        match &product.apis {
            Some(apis) => named(apis, "Name"),
            None => self.facts.api.as_ref().map_or_else(|| Value::list(Vec::new()), |api| named([&api.id], "Name")),
        }
    }

    fn subscription_fact(&self, fact: Fact) -> Value {
        let Some(subscription) = &self.facts.subscription else { return Value::Null };
        match fact {
            Fact::SubscriptionId => text(&subscription.id),
            Fact::SubscriptionName => text(&subscription.name),
            // The one that was shown: of the other only a hash is known.
            Fact::SubscriptionKey | Fact::SubscriptionPrimaryKey => {
                self.facts.key.as_ref().map_or(Value::Null, |key| key.expose().into())
            }
            Fact::SubscriptionEndDate => moment(subscription.ends),
            _ => Value::Null,
        }
    }

    fn user_fact(&self, fact: Fact) -> Value {
        let Some(user) = &self.facts.user else { return Value::Null };
        let (first, last) = user.name.as_deref().map_or(("", ""), |name| name.split_once(' ').unwrap_or((name, "")));
        match fact {
            Fact::UserId => text(&user.id),
            Fact::UserEmail => optional(user.email.as_ref()),
            Fact::UserFirstName => first.into(),
            Fact::UserLastName => last.into(),
            Fact::UserGroups => named(&user.groups, "Name"),
            Fact::UserIdentities => user.email.as_ref().map_or_else(
                || Value::list(Vec::new()),
                |email| Value::list(vec![row([("Id", text(email)), ("Provider", "Basic".into())])]),
            ),
            _ => Value::Null,
        }
    }

    fn message_fact(&self, fact: Fact) -> Value {
        let answer = self.response.as_ref();
        match fact {
            Fact::RequestMethod => self.request.method.as_str().into(),
            Fact::RequestIpAddress => self.request.ip.map(|ip| ip.to_canonical().to_string()).into(),
            // Before there is an answer it compares as null, and is one that has not failed: published balancers ask for
            // its status inside `retry` before they forward.
            Fact::ResponseStatusCode => answer.map_or(200, |answer| i32::from(answer.status.as_u16())).into(),
            Fact::ResponseStatusReason => answer.map_or("", super::Response::reason).into(),
            _ => Value::Null,
        }
    }

    fn message(&self, side: Side) -> Option<&HeaderMap> {
        match side {
            Side::Request => Some(&self.request.headers),
            Side::Response => self.response.as_ref().map(|response| &response.headers),
        }
    }
}

impl Host for Flow<'_> {
    fn fact(&mut self, fact: Fact) -> Value {
        match fact.declaration().0 {
            Part::Context => self.context_fact(fact),
            Part::Api | Part::KeyNames | Part::Workspace => self.api_fact(fact),
            Part::Deployment | Part::Gateway => self.deployment_fact(fact),
            Part::LastError => self.error_fact(fact),
            Part::Operation => self.operation_fact(fact),
            Part::Product => self.product_fact(fact),
            Part::Subscription => self.subscription_fact(fact),
            Part::User => self.user_fact(fact),
            Part::Request | Part::Response => self.message_fact(fact),
        }
    }

    fn has(&mut self, part: Part) -> bool {
        match part {
            Part::Context | Part::Deployment | Part::Gateway | Part::Request => true,
            Part::Api | Part::KeyNames => self.facts.api.is_some(),
            Part::LastError => self.last_error.is_some(),
            Part::Operation => self.facts.operation.is_some(),
            Part::Product => self.facts.product.is_some(),
            Part::Response => self.response.is_some(),
            Part::Subscription => self.facts.subscription.is_some(),
            Part::User => self.facts.user.is_some(),
            Part::Workspace => self.facts.api.as_ref().is_some_and(|api| api.workspace.is_some()),
        }
    }

    fn header(&mut self, side: Side, name: &str) -> Option<Arc<str>> {
        let mut values =
            self.message(side)?.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let first = values.next()?;
        match values.next() {
            None => Some(first.into()),
            Some(second) => {
                let rest = values.fold(format!("{first},{second}"), |all, value| format!("{all},{value}"));
                Some(rest.into())
            }
        }
    }

    fn headers(&mut self, side: Side) -> Headers {
        let Some(headers) = self.message(side) else { return Headers::new() };
        let values = |name| headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into());
        headers.keys().map(|name| (name.as_str().into(), values(name).collect())).collect()
    }

    fn url(&mut self, which: Which) -> UrlParts {
        let request = &self.request;
        let (path, query) = match which {
            Which::Url => (request.path.as_str(), request.query.as_str()),
            Which::OriginalUrl => (&*request.original.0, &*request.original.1),
        };
        let usual = if &*request.scheme == "http" { 80 } else { 443 };
        UrlParts {
            scheme: request.scheme.clone(),
            host: request.host.clone(),
            port: if request.port == 0 { usual } else { request.port },
            path: path.into(),
            query: if query.is_empty() { Arc::default() } else { format!("?{query}").into() },
        }
    }

    fn matched_parameters(&mut self) -> Vec<(Arc<str>, Arc<str>)> {
        self.request.matched.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect()
    }

    fn variable(&mut self, name: &str) -> Option<Value> {
        self.variables.get(name).cloned()
    }

    fn variables(&mut self) -> Vec<(Arc<str>, Value)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn body(&mut self, side: Side, preserve: bool) -> Result<Option<Bytes>, Thrown> {
        let body = match (side, &mut self.response) {
            (Side::Request, _) => &mut self.request.body,
            (Side::Response, Some(response)) => &mut response.body,
            (Side::Response, None) => return Ok(None),
        };
        match body {
            Body::Held(bytes) => {
                let bytes = bytes.clone();
                if !preserve {
                    *body = Body::Consumed;
                }
                Ok(Some(bytes))
            }
            Body::Passing => Err(Thrown::operation("the body is not in memory here")),
            Body::Consumed => Err(Thrown::operation(
                "The message body was read before and is gone: read it with preserveContent: true the first time.",
            )),
        }
    }

    fn trace(&mut self, message: &str) {
        self.trace.iter_mut().for_each(|trace| trace.say(message));
    }

    fn now(&mut self) -> Timestamp {
        self.services.clock.now()
    }

    fn random(&mut self, bytes: &mut [u8]) {
        self.services.entropy.fill(bytes);
    }

    fn client_certificate(&mut self) -> Option<Certificate> {
        let shown = self.request.certificate.as_ref()?;
        let is_revoked = shown.is_revoked == Some(true);
        Some(Certificate { der: shown.der[..].into(), key: None, is_trusted: shown.is_trusted, is_revoked })
    }

    fn certificates(&mut self) -> Vec<(Arc<str>, Certificate)> {
        self.facts.deployment.certificates.clone()
    }
}

fn text(text: &Arc<str>) -> Value {
    Value::Text(text.clone())
}

fn optional(text: Option<&Arc<str>>) -> Value {
    Value::from(text.cloned())
}

fn date(at: Timestamp) -> Value {
    Value::DateTime(DateTime::from_timestamp(at))
}

fn moment(nanos: Option<u64>) -> Value {
    nanos.map_or(Value::Null, |nanos| date(Timestamp::from_nanos(nanos)))
}

/// Objects with an `Id`, and the same under another name: configured objects are named by their id.
fn named<'a>(ids: impl IntoIterator<Item = &'a Arc<str>>, name: &'static str) -> Value {
    Value::list(ids.into_iter().map(|id| row([("Id", text(id)), (name, text(id))])).collect())
}

fn row<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::Dict(Arc::new(Dict::of(false, members.map(|(name, value)| (name.into(), value)))))
}

/// The request id, whose letters and digits are those of a UUID, as a Guid; else as it is.
fn guid(id: &str) -> Value {
    let digits: Vec<u8> = id.bytes().filter(u8::is_ascii_hexdigit).collect();
    let mut bytes = [0; 16];
    match hex(&digits, &mut bytes) {
        Some(()) => Value::Guid(bytes),
        None => id.into(),
    }
}

fn hex(digits: &[u8], bytes: &mut [u8; 16]) -> Option<()> {
    if digits.len() != 32 {
        return None;
    }
    let digit = |at: usize| char::from(digits[at]).to_digit(16);
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::try_from(digit(2 * at)? << 4 | digit(2 * at + 1)?).ok()?;
    }
    Some(())
}
