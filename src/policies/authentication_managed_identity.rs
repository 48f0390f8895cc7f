//! `authentication-managed-identity`: a token of a configured token source for the backend.

use std::sync::Arc;

use http::{HeaderValue, header};

use super::{
    Dynamic, Entry, Failure, Flow, Named, Needs, Policy, Reading, Step, Verdict,
    catalogue::{AttributeEntry, Content, Sections},
};
use crate::{expression::Value, model::Secret, policy::Section};

const NAME: &str = "authentication-managed-identity";

/// Wherever requests are made.
const SECTIONS: Sections = &[Section::Inbound, Section::Backend, Section::Outbound];

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: NAME,
    aliases: &[],
    sections: SECTIONS,
    attributes: ATTRIBUTES,
    children: &[],
    content: Content::Nothing,
    manual: "Gets a token for `resource` and sends it to the backend as `Authorization: Bearer`; with \
             `output-token-variable-name` the token is put into that variable instead.\n\n\
             Outside Azure there are no managed identities: the token comes from the configured source (`token_sources`) \
             whose `resources` has this resource, or the one marked `default`. It is asked for once and kept until \
             shortly before its end. Without a source, or when it gives no token, the exchange fails with 500 unless \
             `ignore-error` is `true`. Also inside `send-request`.",
    example: r#"<authentication-managed-identity resource="https://cognitiveservices.azure.com" output-token-variable-name="token" ignore-error="false" />"#,
    build: |reading| Some(Box::new(ManagedIdentity::read(reading)?)),
};

/// Its attributes, also inside `send-request`.
pub const ATTRIBUTES: &[AttributeEntry] = &[
    AttributeEntry::required("resource", "The resource that the token is for: an application id URI.").dynamic(),
    AttributeEntry::absent("client-id", "Chooses among the sources for the resource: a source's `id` or `client_id`.")
        .dynamic(),
    AttributeEntry::absent(
        "output-token-variable-name",
        "Variable that receives the token. The `Authorization` header is left as it is then.",
    ),
    AttributeEntry::optional("ignore-error", "false", "Whether to go on without a token.").dynamic(),
];

/// The element.
pub struct ManagedIdentity {
    resource: Dynamic<Arc<str>>,
    client: Option<Dynamic<Arc<str>>>,
    variable: Option<Arc<str>>,
    ignore_error: Dynamic<bool>,
    named: Arc<Named>,
}

impl ManagedIdentity {
    /// Reads the element.
    pub fn read(reading: &mut Reading<'_, '_>) -> Option<Self> {
        let resource: Dynamic<Arc<str>> = reading.dynamic("resource")?;
        let named = reading.compiler.known.named();
        if let Some(resource) = resource.fixed()
            && named.source(resource, None).is_none()
        {
            let message = format!(
                "no `token_sources` of the configuration has the resource `{resource}` and none is the default: \
                 requests will fail here"
            );
            let place = reading.element.place.clone();
            reading.compiler.warn(&place, message);
        }
        Some(Self {
            resource,
            client: reading.dynamic("client-id"),
            variable: reading.literal("output-token-variable-name").filter(|name| !name.trim().is_empty()),
            ignore_error: reading.dynamic("ignore-error").unwrap_or(Dynamic::Fixed(false)),
            named,
        })
    }

    /// Bodies that its expressions read.
    pub fn needs(&self) -> Needs {
        let client = self.client.as_ref().map_or(Needs::NONE, Dynamic::needs);
        self.resource.needs().and(client).and(self.ignore_error.needs())
    }

    /// The header's value, unless the token goes into a variable or is done without.
    pub async fn header(&self, flow: &mut Flow<'_>) -> Result<Option<HeaderValue>, Failure> {
        let ignore_error = self.ignore_error.get(flow)?;
        let token = match self.token(flow).await {
            Ok(token) => token,
            Err(failure) if !ignore_error => return Err(failure),
            Err(failure) => {
                if let Some(trace) = &mut flow.trace {
                    trace.say(failure.message);
                }
                if let Some(variable) = &self.variable {
                    flow.variables.set(variable, Value::from(""));
                }
                return Ok(None);
            }
        };
        if let Some(variable) = &self.variable {
            flow.variables.set(variable, Value::from(token.expose()));
            return Ok(None);
        }
        bearer(&token).map(Some)
    }

    async fn token(&self, flow: &mut Flow<'_>) -> Result<Arc<Secret>, Failure> {
        let resource = self.resource.get(flow)?;
        let client = self.client.as_ref().map(|client| client.get(flow)).transpose()?;
        let client = client.as_deref().filter(|client| !client.trim().is_empty());
        let Some(source) = self.named.source(&resource, client) else {
            return Err(failed(format!(
                "There is no token source for the resource `{resource}`: add it to `resources` of one of `token_sources`."
            )));
        };
        flow.services.outside.tokens.get(source, &resource).await.map_err(failed)
    }
}

fn failed(message: String) -> Failure {
    Failure::new(NAME, "ManagedIdentityTokenFailed", 500, message)
}

/// `Bearer` and the token.
fn bearer(token: &Secret) -> Result<HeaderValue, Failure> {
    let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
    let mut value = value.map_err(|_| failed("The token has characters that a header cannot have.".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Policy for ManagedIdentity {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(Box::pin(async move {
            if let Some(value) = self.header(flow).await? {
                flow.request.headers.insert(header::AUTHORIZATION, value);
            }
            Ok(Verdict::Continue)
        }))
    }

    fn needs(&self) -> Needs {
        Self::needs(self)
    }

    fn may_wait(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::{outside::scripted::configured, testing::Scene};

    fn scene(policy: &str) -> Scene {
        let named =
            configured(&[r#"{"kind": "token_sources", "id": "a", "token": "t0ken", "resources": ["https://a.test"]}"#]);
        Scene::new().named(named).section("inbound", &format!("<base />{policy}"))
    }

    #[test]
    fn the_backend_gets_the_token() {
        let played = scene(r#"<authentication-managed-identity resource="https://a.test/" />"#).run();
        assert_eq!(played.sent[0].header("authorization").as_deref(), Some("Bearer t0ken"));
    }

    #[test]
    fn or_a_variable_does_and_the_header_stays() {
        let policy = r#"<authentication-managed-identity resource="https://a.test" output-token-variable-name="v" />"#;
        let played = scene(policy).header("authorization", "kept").run();
        assert_eq!(played.variable("v").as_deref(), Some("t0ken"));
        assert_eq!(played.sent[0].header("authorization").as_deref(), Some("kept"));
    }

    #[test]
    fn without_a_token_it_fails_unless_that_is_ignored() {
        let played = scene(r#"<authentication-managed-identity resource="https://b.test" />"#).run();
        assert_eq!((played.status(), played.sent.len()), (500, 0));
        assert_eq!(played.last_error.expect("an error").source, "authentication-managed-identity");
        let policy = r#"<authentication-managed-identity resource="https://b.test" ignore-error="true" />"#;
        let played = scene(policy).run();
        assert_eq!((played.status(), played.sent[0].header("authorization")), (200, None));
    }
}
