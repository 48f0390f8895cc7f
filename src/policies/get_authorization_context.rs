//! `get-authorization-context`: a token of a configured token source, for expressions.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, Named, Needs, Policy, Reading, Step, Verdict,
    catalogue::{AttributeEntry, Content, Sections},
    values,
};
use crate::{expression::Value, policy::Section};

const NAME: &str = "get-authorization-context";

const SECTIONS: Sections = &[Section::Inbound, Section::Backend, Section::Outbound];

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: NAME,
    aliases: &[],
    sections: SECTIONS,
    attributes: &[
        AttributeEntry::required("provider-id", "The credential provider.").dynamic(),
        AttributeEntry::required("authorization-id", "The connection of the provider.").dynamic(),
        AttributeEntry::required("context-variable-name", "Variable that receives the `Authorization` object."),
        AttributeEntry::optional(
            "identity-type",
            "managed",
            "Who asks: the gateway (`managed`), or the token in `identity`.",
        )
        .one_of(&["managed", "jwt"]),
        AttributeEntry::absent("identity", "A token of the caller; with `identity-type=\"jwt\"`. Not used here.")
            .dynamic(),
        AttributeEntry::optional("ignore-error", "false", "Whether to go on without: the variable is null then.")
            .dynamic(),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Puts an `Authorization` object into a variable: `((Authorization)context.Variables[\"auth\"]).AccessToken`.\
             \n\nThe credential manager of Azure is here the list of `token_sources`: the source whose `id` is \
             `provider-id/authorization-id`, `authorization-id` or `provider-id`, in this order. When there is none, or it \
             gives no token, the exchange fails with 500 unless `ignore-error` is `true`.",
    example: r#"<get-authorization-context provider-id="github" authorization-id="bot" context-variable-name="auth" identity-type="managed" ignore-error="false" />"#,
    build,
};

struct GetAuthorizationContext {
    provider: Dynamic<Arc<str>>,
    authorization: Dynamic<Arc<str>>,
    variable: Arc<str>,
    ignore_error: Dynamic<bool>,
    named: Arc<Named>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(GetAuthorizationContext {
        provider: reading.dynamic("provider-id")?,
        authorization: reading.dynamic("authorization-id")?,
        variable: reading.literal("context-variable-name")?,
        ignore_error: reading.dynamic("ignore-error").unwrap_or(Dynamic::Fixed(false)),
        named: reading.compiler.known.named(),
    }))
}

impl GetAuthorizationContext {
    async fn value(&self, flow: &mut Flow<'_>) -> Result<Value, Failure> {
        let (provider, authorization) = (self.provider.get(flow)?, self.authorization.get(flow)?);
        let failed = |message: String| Failure::new(NAME, "AuthorizationAcquisitionFailed", 500, message);
        let both = format!("{provider}/{authorization}");
        let source = [&*both, &authorization, &provider].into_iter().find_map(|id| self.named.source_named(id));
        let source = source.ok_or_else(|| {
            failed(format!("None of `token_sources` is `{authorization}` or `{provider}`: add one with that id."))
        })?;
        let resource = source.resources.first().map_or("", String::as_str);
        let token = flow.services.outside.tokens.get(source, resource).await.map_err(failed)?;
        Ok(values::authorization(&token))
    }
}

impl Policy for GetAuthorizationContext {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(Box::pin(async move {
            let ignore_error = self.ignore_error.get(flow)?;
            let value = match self.value(flow).await {
                Err(_) if ignore_error => Value::Null,
                outcome => outcome?,
            };
            flow.variables.set(&self.variable, value);
            Ok(Verdict::Continue)
        }))
    }

    fn needs(&self) -> Needs {
        self.provider.needs().and(self.authorization.needs()).and(self.ignore_error.needs())
    }

    fn may_wait(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::{outside::scripted::configured, testing::Scene};

    fn policy(attributes: &str) -> String {
        format!(r#"<base /><get-authorization-context context-variable-name="auth" {attributes} />"#)
    }

    #[test]
    fn the_source_is_found_by_its_name() {
        let named = configured(&[r#"{"kind": "token_sources", "id": "bot", "token": "t0ken"}"#]);
        let policy = policy(r#"provider-id="github" authorization-id="bot""#);
        let played = Scene::new().named(named).section("inbound", &policy).run();
        assert!(played.variables.get("auth").is_some());
        assert_eq!(played.status(), 200);
    }

    #[test]
    fn without_it_the_exchange_fails_unless_that_is_ignored() {
        let rows = [("false", 500), ("true", 200)];
        for (ignore, status) in rows {
            let policy = policy(&format!(r#"provider-id="p" authorization-id="a" ignore-error="{ignore}""#));
            assert_eq!(Scene::new().section("inbound", &policy).run().status(), status);
        }
    }
}
