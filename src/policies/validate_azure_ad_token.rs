//! `validate-azure-ad-token`: lets only requests with a valid token of Microsoft Entra ID pass.

use std::{sync::Arc, time::Duration};

use super::{
    Dynamic, Entry, Failure, Flow, Named, Needs, Policy, Reading, Step, Verdict,
    catalogue::{AttributeEntry, Content, ElementEntry},
    decryption_keys::DECRYPTION,
    jwt::{self, Accepted, Demands, Refusal},
    validate_jwt::{
        AUDIENCES, CLAIMS, ClaimRules, Frame, HEADER, MESSAGE, OUTPUT, QUERY, STATUS, VALUE, all, list, texts,
    },
};
use crate::policy::Section;

const fn element(
    name: &'static str,
    children: &'static [ElementEntry],
    content: Content,
    text: &'static str,
) -> ElementEntry {
    ElementEntry { name, required: false, many: false, attributes: &[], children, content, text }
}

const APPLICATION: &[ElementEntry] =
    &[ElementEntry { many: true, ..element("application-id", &[], Content::Text, "An application.") }];

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "validate-azure-ad-token",
    aliases: &[],
    sections: &[Section::Inbound],
    attributes: &[
        AttributeEntry::required("tenant-id", "Tenant: an id, a domain, `organizations` or `common`.").dynamic(),
        HEADER,
        QUERY,
        VALUE,
        AttributeEntry::optional(
            "authentication-endpoint",
            "https://login.microsoftonline.com",
            "Where the tenant's keys are, for national clouds.",
        )
        .dynamic(),
        STATUS,
        MESSAGE,
        OUTPUT,
    ],
    children: &[
        element(
            "client-application-ids",
            APPLICATION,
            Content::Nothing,
            "Applications that may have asked for the token.",
        ),
        element("backend-application-ids", APPLICATION, Content::Nothing, "Applications that the token may be for."),
        AUDIENCES,
        CLAIMS,
        DECRYPTION,
    ],
    content: Content::Nothing,
    manual: "Lets a request pass only with a token of that tenant of Microsoft Entra ID, of version 1 or 2. Keys and names \
             come from the tenant's two discovery documents, kept as with `validate-jwt`, whose reasons and rules of \
             algorithms it shares. Where applications are listed, the claim `azp` (or `appid`) of the token must be one of \
             `client-application-ids`, and `aud` one of `backend-application-ids` or of `audiences`. Without a place the \
             token is taken from `Authorization`.",
    example: r#"<validate-azure-ad-token tenant-id="contoso.onmicrosoft.com" output-token-variable-name="jwt"><client-application-ids><application-id>00001111-aaaa-2222-bbbb-3333cccc4444</application-id></client-application-ids></validate-azure-ad-token>"#,
    build,
};

const LOGIN: &str = "https://login.microsoftonline.com";

struct ValidateAzureAdToken {
    frame: Frame,
    tenant: Dynamic<Arc<str>>,
    endpoint: Dynamic<Arc<str>>,
    clients: Vec<Dynamic<Arc<str>>>,
    backends: Vec<Dynamic<Arc<str>>>,
    audiences: Vec<Dynamic<Arc<str>>>,
    claims: ClaimRules,
    named: Arc<Named>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(ValidateAzureAdToken {
        frame: Frame::read(reading, Some("Authorization"))?,
        tenant: reading.dynamic("tenant-id")?,
        endpoint: reading.dynamic("authentication-endpoint").unwrap_or_else(|| Dynamic::Fixed(LOGIN.into())),
        clients: list(reading, "client-application-ids", "application-id"),
        backends: list(reading, "backend-application-ids", "application-id"),
        audiences: list(reading, "audiences", "audience"),
        claims: ClaimRules::read(reading),
        named: reading.compiler.known.named(),
    }))
}

impl ValidateAzureAdToken {
    fn demands(&self, flow: &mut Flow<'_>) -> Result<Demands, Failure> {
        let (tenant, endpoint) = (self.tenant.get(flow)?, self.endpoint.get(flow)?);
        let base = format!("{}/{}", endpoint.trim().trim_end_matches('/'), tenant.trim());
        let is_written = self.tenant.fixed().is_some() && self.endpoint.fixed().is_some();
        let rules = if is_written { &self.named.written } else { &self.named.computed };
        let at = |path: &str| (Arc::from(format!("{base}{path}/.well-known/openid-configuration")), rules.clone());
        let mut audiences = texts(&self.audiences, flow)?;
        for id in texts(&self.backends, flow)? {
            audiences.push(format!("api://{id}"));
            audiences.push(id);
        }
        Ok(Demands {
            issuers_at: vec![at("/v2.0"), at("")],
            audiences,
            claims: self.claims.wanted(flow)?,
            needs_end: true,
            needs_signature: true,
            skew: Duration::from_secs(300),
            ..Demands::default()
        })
    }

    /// Whether the application that asked for the token is one of those that may.
    fn is_client(clients: &[String], accepted: &Accepted) -> bool {
        let client = ["azp", "appid"].into_iter().find_map(|name| accepted.claims.get(name)?.as_str());
        clients.is_empty() || client.is_some_and(|client| clients.iter().any(|one| one.eq_ignore_ascii_case(client)))
    }

    async fn check(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let text = match self.frame.token(flow, None)? {
            Ok(text) => text,
            Err(refusal) => return self.frame.finish(flow, Err(refusal)),
        };
        let (demands, clients) = (self.demands(flow)?, texts(&self.clients, flow)?);
        let now = flow.services.clock.now();
        let outcome = jwt::validate(&text, &demands, &flow.services.outside.issuers, now).await;
        let outcome = outcome.and_then(|accepted| {
            if Self::is_client(&clients, &accepted) {
                return Ok((text, accepted));
            }
            Err(Refusal::new("TokenClaimValueNotAllowed", "The application that asked for the token is not allowed."))
        });
        self.frame.finish(flow, outcome)
    }
}

impl Policy for ValidateAzureAdToken {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(Box::pin(self.check(flow)))
    }

    fn needs(&self) -> Needs {
        let texts = [&self.tenant, &self.endpoint].into_iter().chain(&self.clients).chain(&self.backends);
        self.frame.needs().and(all(texts.chain(&self.audiences))).and(self.claims.needs())
    }

    fn may_wait(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn without_a_token_it_is_said_so() {
        let policy = r#"<base /><validate-azure-ad-token tenant-id="t" failed-validation-error-message="No" />"#;
        let played = Scene::new().section("inbound", policy).run();
        assert_eq!((played.status(), &*played.body()), (401, r#"{"statusCode":401,"message":"No"}"#));
        assert_eq!(played.last_error.expect("an error").source, "validate-azure-ad-token");
    }
}
