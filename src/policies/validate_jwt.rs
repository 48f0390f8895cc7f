//! `validate-jwt`: lets only requests with a valid JSON Web Token pass.

use std::{sync::Arc, time::Duration};

use http::HeaderName;

use super::{
    Dynamic, Entry, Failure, Flow, Named, Needs, Policy, Reading, Step, Verdict,
    catalogue::{AttributeEntry, Content, ElementEntry},
    decryption_keys::{DECRYPTION, DecryptionKeys},
    jwt::{
        self, Accepted, Demands, Refusal,
        claims::Wanted,
        key::{self, Key},
    },
    query, values,
};
use crate::policy::{Element, Section};

const NAME: &str = "validate-jwt";

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: NAME,
    aliases: &[],
    sections: &[Section::Inbound],
    attributes: &[
        HEADER,
        QUERY,
        VALUE,
        STATUS,
        MESSAGE,
        AttributeEntry::optional("require-expiration-time", "true", "Whether the token must have `exp`.").dynamic(),
        AttributeEntry::absent("require-scheme", "Scheme that must stand before the token, such as `Bearer`.")
            .dynamic(),
        AttributeEntry::optional("require-signed-tokens", "true", "Whether the token must be signed.").dynamic(),
        AttributeEntry::optional("clock-skew", "0", "Seconds that clocks may be apart.").dynamic(),
        OUTPUT,
    ],
    children: &[
        ElementEntry {
            many: true,
            attributes: &[AttributeEntry::required("url", "URL of the issuer's discovery document.").dynamic()],
            ..element("openid-config", "Where an issuer publishes its name and its keys. Any of several will do.")
        },
        ElementEntry {
            children: &[ElementEntry {
                many: true,
                attributes: &[
                    AttributeEntry::absent("id", "The `kid` of tokens that this key signed."),
                    AttributeEntry::absent("certificate-id", "A configured certificate: its public key.").dynamic(),
                    AttributeEntry::absent("n", "Modulus of an RSA key, base64url.").dynamic(),
                    AttributeEntry::absent("e", "Exponent of an RSA key, base64url.").dynamic(),
                ],
                content: Content::Text,
                ..element("key", "A key: a shared secret in base64, a certificate, or modulus and exponent.")
            }],
            ..element("issuer-signing-keys", "Keys that tokens may be signed with.")
        },
        DECRYPTION,
        AUDIENCES,
        ElementEntry {
            children: &[ElementEntry { many: true, content: Content::Text, ..element("issuer", "An issuer.") }],
            ..element("issuers", "Issuers that are accepted, beside those of `openid-config`.")
        },
        CLAIMS,
    ],
    content: Content::Nothing,
    manual: "Lets a request pass only with a valid token: signed by a key of an `openid-config` issuer or of \
             `issuer-signing-keys`, in its time, of an accepted issuer, for an accepted audience, with the required claims. \
             Otherwise the answer has `failed-validation-httpcode`, and `context.LastError.Reason` is `TokenNotPresent`, \
             `TokenSignatureInvalid`, `TokenSignatureKeyNotFound`, `TokenExpired`, `TokenIssuerNotAllowed`, \
             `TokenAudienceNotAllowed`, `TokenClaimNotFound`, `TokenClaimValueNotAllowed` or `JwtInvalid`.\n\n\
             The key decides which algorithms are accepted: RSA keys RS256 to RS512 and PS256 to PS512, P-256 and P-384 \
             keys ES256 and ES384, Ed25519 keys EdDSA, shared secrets HS256 to HS512. `none` is refused unless \
             `require-signed-tokens` is `false`. Discovery documents and keys are kept for an hour, renewed in the \
             background, and used for two days when the issuer cannot be reached; a token with an unknown key makes the \
             issuer be asked again, at most once a minute for each key.",
    example: r#"<validate-jwt header-name="Authorization" failed-validation-httpcode="401" failed-validation-error-message="Unauthorized" require-scheme="Bearer" output-token-variable-name="jwt"><openid-config url="https://login.example.com/.well-known/openid-configuration" /><audiences><audience>api://orders</audience></audiences><required-claims><claim name="scp" match="any" separator=" "><value>orders.read</value></claim></required-claims></validate-jwt>"#,
    build,
};

const fn element(name: &'static str, text: &'static str) -> ElementEntry {
    ElementEntry { name, required: false, many: false, attributes: &[], children: &[], content: Content::Nothing, text }
}

/// `header-name`.
pub const HEADER: AttributeEntry =
    AttributeEntry::absent("header-name", "Header with the token, with or without a scheme before it.").dynamic();
/// `query-parameter-name`.
pub const QUERY: AttributeEntry =
    AttributeEntry::absent("query-parameter-name", "Query parameter with the token.").dynamic();
/// `token-value`.
pub const VALUE: AttributeEntry = AttributeEntry::absent("token-value", "The token itself.").dynamic();
/// `failed-validation-httpcode`.
pub const STATUS: AttributeEntry =
    AttributeEntry::optional("failed-validation-httpcode", "401", "Status of the answer without a valid token.")
        .dynamic();
/// `failed-validation-error-message`.
pub const MESSAGE: AttributeEntry = AttributeEntry::absent(
    "failed-validation-error-message",
    "Message of that answer; without it, what is wrong, such as `JWT not present`.",
)
.dynamic();
/// `output-token-variable-name`.
pub const OUTPUT: AttributeEntry =
    AttributeEntry::absent("output-token-variable-name", "Variable that receives the token, as `Jwt`.");
/// `audiences`.
pub const AUDIENCES: ElementEntry = ElementEntry {
    children: &[ElementEntry { many: true, content: Content::Text, ..element("audience", "An audience.") }],
    ..element("audiences", "Audiences of which the token must have one.")
};
/// `required-claims`.
pub const CLAIMS: ElementEntry = ElementEntry {
    children: &[ElementEntry {
        many: true,
        attributes: &[
            AttributeEntry::required("name", "Name of the claim."),
            AttributeEntry::optional("match", "all", "Whether the token must have `all` values, or `any`.")
                .one_of(&["all", "any"]),
            AttributeEntry::absent("separator", "What the claim's text is split by, such as a space."),
        ],
        children: &[ElementEntry { many: true, content: Content::Text, ..element("value", "A value.") }],
        ..element("claim", "A claim that the token must have.")
    }],
    ..element("required-claims", "Claims that the token must have.")
};

/// Where the token is, and what happens without a valid one: shared with `validate-azure-ad-token`.
pub struct Frame {
    of: &'static str,
    place: TokenAt,
    status: Dynamic<u16>,
    message: Option<Dynamic<Arc<str>>>,
    output: Option<Arc<str>>,
    decryption: DecryptionKeys,
}

enum TokenAt {
    Header(Dynamic<Arc<str>>),
    Query(Dynamic<Arc<str>>),
    Value(Dynamic<Arc<str>>),
}

impl Frame {
    /// Reads the attributes; `otherwise` is the header where the element names no place.
    pub fn read(reading: &mut Reading<'_, '_>, otherwise: Option<&str>) -> Option<Self> {
        let named =
            ["header-name", "query-parameter-name", "token-value"].map(|name| reading.attribute(name).is_some());
        let place = match (named, otherwise) {
            ([true, false, false], _) => TokenAt::Header(reading.dynamic("header-name")?),
            ([false, true, false], _) => TokenAt::Query(reading.dynamic("query-parameter-name")?),
            ([false, false, true], _) => TokenAt::Value(reading.dynamic("token-value")?),
            ([false, false, false], Some(header)) => TokenAt::Header(Dynamic::Fixed(header.into())),
            _ => {
                let message = format!(
                    "`{}` needs one of `header-name`, `query-parameter-name` and `token-value`, not several",
                    reading.policy
                );
                return reading.refuse(message);
            }
        };
        Some(Self {
            of: reading.policy,
            place,
            status: reading.dynamic("failed-validation-httpcode").unwrap_or(Dynamic::Fixed(401)),
            message: reading.dynamic("failed-validation-error-message"),
            output: reading.literal("output-token-variable-name").filter(|name| !name.trim().is_empty()),
            decryption: DecryptionKeys::read(reading)?,
        })
    }

    /// Bodies that its expressions read.
    pub fn needs(&self) -> Needs {
        let (TokenAt::Header(place) | TokenAt::Query(place) | TokenAt::Value(place)) = &self.place;
        let needs = place.needs().and(self.status.needs()).and(self.decryption.needs());
        needs.and(all([self.message.as_ref()].into_iter().flatten()))
    }

    /// The token's text; `scheme` must stand before it, where one is asked for.
    pub fn token(&self, flow: &mut Flow<'_>, scheme: Option<&str>) -> Result<Result<String, Refusal>, Failure> {
        let absent = || Refusal::new("TokenNotPresent", "JWT not present.");
        let text = match &self.place {
            TokenAt::Value(value) => value.get(flow)?.trim().to_owned(),
            TokenAt::Query(name) => {
                let name = name.get(flow)?;
                let mut all = query::pairs(&flow.request.query).filter(|(known, _)| known.eq_ignore_ascii_case(&name));
                all.next().map(|(_, value)| value).unwrap_or_default()
            }
            TokenAt::Header(name) => {
                let name = name.get(flow)?;
                let Ok(name) = HeaderName::try_from(name.trim()) else { return Ok(Err(absent())) };
                let mut lines = flow.request.headers.get_all(name).iter();
                match (lines.next(), lines.next()) {
                    (Some(_), Some(_)) => {
                        return Ok(Err(Refusal::new("JwtInvalid", "The header with the token stands there twice.")));
                    }
                    (Some(line), None) => String::from_utf8_lossy(line.as_bytes()).trim().to_owned(),
                    (None, _) => return Ok(Err(absent())),
                }
            }
        };
        let (before, token) = text.split_once(char::is_whitespace).map_or(("", &*text), |(a, b)| (a, b.trim()));
        let fits = scheme.is_none_or(|wanted| before.eq_ignore_ascii_case(wanted));
        if token.is_empty() || !fits { Ok(Err(absent())) } else { self.decryption.open(flow, token.to_owned()) }
    }

    /// Keeps an accepted token, or makes the failure of a refused one.
    pub fn finish(
        &self,
        flow: &mut Flow<'_>,
        outcome: Result<(String, Accepted), Refusal>,
    ) -> Result<Verdict, Failure> {
        match outcome {
            Ok((text, accepted)) => {
                if let Some(variable) = &self.output {
                    let value = values::jwt(&text, &accepted.header.into(), &accepted.claims.into());
                    flow.variables.set(variable, value);
                }
                Ok(Verdict::Continue)
            }
            Err(refusal) => {
                let status = self.status.get(flow)?;
                let shown = self.message.as_ref().map(|message| message.get(flow)).transpose()?;
                let failure = Failure::new(self.of, refusal.reason, status, refusal.message);
                Err(shown.iter().fold(failure, |failure, shown| failure.shown(&**shown)))
            }
        }
    }
}

/// What all of these read.
pub fn all<'d, T: super::FromValue + 'd>(dynamics: impl Iterator<Item = &'d Dynamic<T>>) -> Needs {
    dynamics.map(Dynamic::needs).fold(Needs::NONE, Needs::and)
}

/// `required-claims`, compiled.
#[derive(Default)]
pub struct ClaimRules(Vec<ClaimRule>);

struct ClaimRule {
    name: String,
    all: bool,
    separator: Option<String>,
    values: Vec<Dynamic<Arc<str>>>,
}

impl ClaimRules {
    /// Reads the element, if it is there.
    pub fn read(reading: &mut Reading<'_, '_>) -> Self {
        let Some(element) = reading.element.child("required-claims") else { return Self::default() };
        let rules = element.elements().map(|claim| {
            let mut reading = reading.child(claim);
            ClaimRule {
                name: reading.literal("name").unwrap_or_default().to_string(),
                all: reading.literal("match").as_deref() != Some("any"),
                separator: reading.literal("separator").map(|separator| separator.to_string()),
                values: reading.texts("value"),
            }
        });
        Self(rules.collect())
    }

    /// Bodies that its expressions read.
    pub fn needs(&self) -> Needs {
        all(self.0.iter().flat_map(|rule| &rule.values))
    }

    /// The claims with the values of this exchange.
    pub fn wanted(&self, flow: &mut Flow<'_>) -> Result<Vec<Wanted>, Failure> {
        let wanted = self.0.iter().map(|rule| {
            let values = texts(&rule.values, flow)?;
            Ok(Wanted { name: rule.name.clone(), all: rule.all, separator: rule.separator.clone(), values })
        });
        wanted.collect()
    }
}

/// The texts of this exchange.
pub fn texts(dynamics: &[Dynamic<Arc<str>>], flow: &mut Flow<'_>) -> Result<Vec<String>, Failure> {
    dynamics.iter().map(|dynamic| Ok(dynamic.get(flow)?.trim().to_owned())).collect()
}

/// The texts of children in a list: `<audiences><audience>…`.
pub fn list(reading: &mut Reading<'_, '_>, list: &str, item: &str) -> Vec<Dynamic<Arc<str>>> {
    let Some(element) = reading.element.child(list) else { return Vec::new() };
    reading.child(element).texts(item)
}

/// A key of the document.
enum KeyRule {
    Known(Box<Key>),
    Secret { id: Option<Arc<str>>, text: Dynamic<Arc<str>> },
    Rsa { id: Option<Arc<str>>, modulus: Dynamic<Arc<str>>, exponent: Dynamic<Arc<str>> },
    Certificate { id: Option<Arc<str>>, name: Dynamic<Arc<str>> },
}

struct ValidateJwt {
    frame: Frame,
    needs_end: Dynamic<bool>,
    needs_signature: Dynamic<bool>,
    scheme: Option<Dynamic<Arc<str>>>,
    skew: Dynamic<u64>,
    /// Discovery documents, and whether the document writes them down.
    issuers_at: Vec<(Dynamic<Arc<str>>, bool)>,
    keys: Vec<KeyRule>,
    issuers: Vec<Dynamic<Arc<str>>>,
    audiences: Vec<Dynamic<Arc<str>>>,
    claims: ClaimRules,
    named: Arc<Named>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let named = reading.compiler.known.named();
    let mut issuers_at = Vec::new();
    let mut keys = Vec::new();
    for child in reading.element.elements() {
        match &*child.name {
            "openid-config" => {
                let url: Dynamic<Arc<str>> = reading.child(child).dynamic("url")?;
                let is_written = url.fixed().is_some();
                issuers_at.push((url, is_written));
            }
            "issuer-signing-keys" => {
                for element in child.elements() {
                    keys.push(key_rule(&mut reading.child(element), element, &named)?);
                }
            }
            _ => {}
        }
    }
    let needs_signature = reading.dynamic("require-signed-tokens").unwrap_or(Dynamic::Fixed(true));
    if issuers_at.is_empty() && keys.is_empty() && needs_signature.fixed() != Some(&false) {
        let place = reading.element.place.clone();
        let message = "`validate-jwt` has neither `openid-config` nor `issuer-signing-keys`: no token will be valid";
        reading.compiler.warn(&place, message);
    }
    Some(Box::new(ValidateJwt {
        frame: Frame::read(reading, None)?,
        needs_end: reading.dynamic("require-expiration-time").unwrap_or(Dynamic::Fixed(true)),
        needs_signature,
        scheme: reading.dynamic("require-scheme"),
        skew: reading.dynamic("clock-skew").unwrap_or(Dynamic::Fixed(0)),
        issuers_at,
        keys,
        issuers: list(reading, "issuers", "issuer"),
        audiences: list(reading, "audiences", "audience"),
        claims: ClaimRules::read(reading),
        named,
    }))
}

fn key_rule(reading: &mut Reading<'_, '_>, element: &Element, named: &Named) -> Option<KeyRule> {
    let id = reading.literal("id");
    let rule = if reading.attribute("certificate-id").is_some() {
        KeyRule::Certificate { id, name: reading.dynamic("certificate-id")? }
    } else if reading.attribute("n").is_some() || reading.attribute("e").is_some() {
        match (reading.dynamic("n"), reading.dynamic("e")) {
            (Some(modulus), Some(exponent)) => KeyRule::Rsa { id, modulus, exponent },
            _ => return reading.refuse("a `key` with a modulus needs `n` and `e`"),
        }
    } else if element.text().value.trim().is_empty() {
        return reading.refuse("a `key` needs a secret in base64, `certificate-id`, or `n` and `e`");
    } else {
        KeyRule::Secret { id, text: reading.text()? }
    };
    if !rule.is_fixed() {
        return Some(rule);
    }
    match rule.key(&mut |dynamic| Ok(dynamic.fixed().cloned().unwrap_or_default()), named) {
        Ok(key) => Some(KeyRule::Known(Box::new(key))),
        Err(failure) if matches!(rule, KeyRule::Certificate { .. }) => {
            let place = reading.element.place.clone();
            reading.compiler.warn(&place, format!("{} Tokens signed by it will be refused.", failure.message));
            Some(rule)
        }
        Err(failure) => reading.refuse(failure.message),
    }
}

/// How the texts of a key are had.
type Get<'g> = &'g mut dyn FnMut(&Dynamic<Arc<str>>) -> Result<Arc<str>, Failure>;

impl KeyRule {
    fn dynamics(&self) -> Vec<&Dynamic<Arc<str>>> {
        match self {
            Self::Known(_) => Vec::new(),
            Self::Secret { text, .. } => vec![text],
            Self::Rsa { modulus, exponent, .. } => vec![modulus, exponent],
            Self::Certificate { name, .. } => vec![name],
        }
    }

    fn is_fixed(&self) -> bool {
        self.dynamics().iter().all(|dynamic| dynamic.fixed().is_some())
    }

    fn key(&self, get: Get<'_>, named: &Named) -> Result<Key, Failure> {
        let bad = |what: String| Failure::new(NAME, "JwtInvalid", 500, what);
        let bytes = |text: &str, what: &str| {
            key::base64(text).filter(|bytes| !bytes.is_empty()).ok_or_else(|| bad(format!("{what} is not base64.")))
        };
        match self {
            Self::Known(key) => Ok((**key).clone()),
            Self::Secret { id, text } => {
                Ok(Key::symmetric(&bytes(&get(text)?, "The text of a `key`")?).with_id(id.as_deref()))
            }
            Self::Rsa { id, modulus, exponent } => {
                let (modulus, exponent) =
                    (bytes(&get(modulus)?, "`n` of a `key`")?, bytes(&get(exponent)?, "`e` of a `key`")?);
                Ok(Key::rsa(&modulus, &exponent).with_id(id.as_deref()))
            }
            Self::Certificate { id, name } => {
                let name = get(name)?;
                let identity = named.certificate(name.trim());
                let identity = identity.ok_or_else(|| bad(format!("The certificate `{name}` is not configured.")))?;
                let key =
                    Key::of_certificate(identity).map_err(|why| bad(format!("The certificate `{name}`: {why}.")))?;
                Ok(key.with_id(id.as_deref()))
            }
        }
    }
}

impl ValidateJwt {
    fn demands(&self, flow: &mut Flow<'_>) -> Result<Demands, Failure> {
        let issuers_at = self.issuers_at.iter().map(|(url, is_written)| {
            let rules = if *is_written { &self.named.written } else { &self.named.computed };
            Ok((Arc::from(url.get(flow)?.trim()), rules.clone()))
        });
        let issuers_at = issuers_at.collect::<Result<_, Failure>>()?;
        let mut get = |dynamic: &Dynamic<Arc<str>>| dynamic.get(flow);
        // A key that cannot be had verifies nothing; the others still do.
        let keys = self.keys.iter().filter_map(|rule| rule.key(&mut get, &self.named).ok()).collect();
        Ok(Demands {
            issuers_at,
            keys,
            issuers: texts(&self.issuers, flow)?,
            audiences: texts(&self.audiences, flow)?,
            claims: self.claims.wanted(flow)?,
            needs_end: self.needs_end.get(flow)?,
            needs_signature: self.needs_signature.get(flow)?,
            skew: Duration::from_secs(self.skew.get(flow)?),
        })
    }

    async fn check(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let scheme = self.scheme.as_ref().map(|scheme| scheme.get(flow)).transpose()?;
        let scheme = scheme.as_deref().map(str::trim).filter(|scheme| !scheme.is_empty());
        let text = match self.frame.token(flow, scheme)? {
            Ok(text) => text,
            Err(refusal) => return self.frame.finish(flow, Err(refusal)),
        };
        let demands = self.demands(flow)?;
        let now = flow.services.clock.now();
        let outcome = jwt::validate(&text, &demands, &flow.services.outside.issuers, now).await;
        self.frame.finish(flow, outcome.map(|accepted| (text, accepted)))
    }
}

impl Policy for ValidateJwt {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(Box::pin(self.check(flow)))
    }

    fn needs(&self) -> Needs {
        let texts = self.issuers.iter().chain(&self.audiences).chain(self.issuers_at.iter().map(|(url, _)| url));
        let keys = self.keys.iter().flat_map(KeyRule::dynamics);
        let rest = self.needs_end.needs().and(self.needs_signature.needs()).and(self.skew.needs());
        self.frame
            .needs()
            .and(all(texts))
            .and(all(keys))
            .and(self.claims.needs())
            .and(rest)
            .and(all(self.scheme.iter()))
    }

    fn may_wait(&self) -> bool {
        true
    }
}

#[cfg(test)]
#[path = "validate_jwt_tests.rs"]
mod tests;
