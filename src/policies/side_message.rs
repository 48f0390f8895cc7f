//! The request inside `send-request` and `send-one-way-request`: new, or a copy of the exchange's, changed by the elements
//! inside.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header};

use super::{
    Body, Dynamic, Failure, Flow, Named, Needs, Reading,
    authentication_basic::{self, Basic},
    authentication_certificate::{self, Shown},
    authentication_managed_identity::{self, ManagedIdentity},
    catalogue::{AttributeEntry, Content, ElementEntry},
    set_body::{self, SetBody},
    set_header::{self, SetHeader},
    values::RawBody,
};
use crate::{
    model::Secret,
    outbound::{
        egress::Rules,
        fetch::{Call, CallFault, CallFaultKind, Via},
    },
};

/// `mode`.
pub const MODE: AttributeEntry = AttributeEntry::optional(
    "mode",
    "new",
    "`new`: an empty GET; `copy`: method, URL, headers and body of the exchange's request as it is now.",
)
.one_of(&["new", "copy"])
.dynamic();

/// `timeout`.
pub const TIMEOUT: AttributeEntry =
    AttributeEntry::optional("timeout", "60", "Seconds until the whole answer must be there.").dynamic();

const fn child(
    name: &'static str,
    attributes: &'static [AttributeEntry],
    content: Content,
    text: &'static str,
) -> ElementEntry {
    ElementEntry { name, required: false, many: false, attributes, children: &[], content, text }
}

/// What may be inside.
pub const CHILDREN: &[ElementEntry] = &[
    child("set-url", &[], Content::Text, "The whole URL. Needed with `mode=\"new\"`."),
    child("set-method", &[], Content::Text, "The method; GET without it."),
    ElementEntry {
        many: true,
        children: set_header::ENTRY.children,
        ..child("set-header", set_header::ENTRY.attributes, Content::Nothing, "A header; as the policy of that name.")
    },
    child(
        "set-body",
        set_body::ENTRY.attributes,
        Content::Anything,
        "The body: text, XML, an expression, or a template, which looks at the exchange's body as `set-body` does.",
    ),
    child(
        "authentication-certificate",
        authentication_certificate::ATTRIBUTES,
        Content::Nothing,
        "The client certificate that is shown.",
    ),
    child(
        "authentication-managed-identity",
        authentication_managed_identity::ATTRIBUTES,
        Content::Nothing,
        "A token in the `Authorization` header.",
    ),
    child("authentication-basic", authentication_basic::ATTRIBUTES, Content::Nothing, "User name and password."),
    child(
        "proxy",
        &[
            AttributeEntry::required("url", "`http://host:port`.").dynamic(),
            AttributeEntry::absent("username", "User name at the proxy.").dynamic(),
            AttributeEntry::absent("password", "Password at the proxy.").dynamic(),
        ],
        Content::Nothing,
        "A forward proxy for this request.",
    ),
];

/// The request, compiled.
pub struct SideMessage {
    of: &'static str,
    copy: Dynamic<Arc<str>>,
    timeout: Dynamic<f64>,
    url: Option<Dynamic<Arc<str>>>,
    method: Option<Dynamic<Arc<str>>>,
    headers: Vec<SetHeader>,
    body: Option<Made>,
    certificate: Option<Shown>,
    identity: Option<ManagedIdentity>,
    basic: Option<Basic>,
    proxy: Option<Proxy>,
    /// `scheme://host:port` that the document writes down: the operator's choice, also where the rest is computed.
    origins: Vec<String>,
    named: Arc<Named>,
}

/// What makes the body.
enum Made {
    Raw(Dynamic<RawBody>),
    Template(SetBody),
}

impl Made {
    fn read(reading: &mut Reading<'_, '_>) -> Option<Self> {
        if reading.attribute("template").is_some() {
            return SetBody::of(reading).map(Self::Template);
        }
        let content = reading.element.content();
        reading.of_text(&content).map(Self::Raw)
    }

    fn needs(&self) -> Needs {
        match self {
            Self::Raw(body) => body.needs(),
            Self::Template(body) => body.needs(),
        }
    }

    async fn bytes(&self, flow: &mut Flow<'_>) -> Result<Bytes, Failure> {
        match self {
            Self::Raw(body) => Ok(body.get(flow)?.0),
            Self::Template(body) => body.made(flow).await,
        }
    }
}

struct Proxy {
    url: Dynamic<Arc<str>>,
    user: Option<Dynamic<Arc<str>>>,
    password: Option<Dynamic<Arc<str>>>,
}

impl SideMessage {
    /// Reads the element and what is inside.
    pub fn read(reading: &mut Reading<'_, '_>) -> Option<Self> {
        let mut message = Self {
            of: reading.policy,
            copy: reading.dynamic("mode").unwrap_or_else(|| Dynamic::Fixed("new".into())),
            timeout: reading.dynamic("timeout").unwrap_or(Dynamic::Fixed(60.0)),
            url: None,
            method: None,
            headers: Vec::new(),
            body: None,
            certificate: None,
            identity: None,
            basic: None,
            proxy: None,
            origins: Vec::new(),
            named: reading.compiler.known.named(),
        };
        let before = reading.compiler.troubles.len();
        for element in reading.element.elements() {
            message.part(&element.name, &mut reading.child(element));
        }
        let is_new = message.copy.fixed().is_some_and(|mode| mode.trim() == "new");
        if is_new && message.url.is_none() && before == reading.compiler.troubles.len() {
            return reading.refuse(format!("`{}` with mode=\"new\" needs a `set-url`", message.of));
        }
        (before == reading.compiler.troubles.len()).then_some(message)
    }

    fn part(&mut self, name: &str, reading: &mut Reading<'_, '_>) {
        match name {
            "set-url" => {
                self.origins = origins(&reading.element.text().value);
                self.url = reading.text();
            }
            "set-method" => self.method = reading.text(),
            "set-header" => self.headers.extend(SetHeader::of(reading)),
            "set-body" => self.body = Made::read(reading),
            "authentication-certificate" => self.certificate = Shown::read(reading),
            "authentication-managed-identity" => self.identity = ManagedIdentity::read(reading),
            "authentication-basic" => self.basic = Basic::read(reading),
            "proxy" => self.proxy = Proxy::read(reading),
            _ => {}
        }
    }

    /// Bodies that have to be in memory.
    pub fn needs(&self) -> Needs {
        let texts = [self.url.as_ref(), self.method.as_ref()].into_iter().flatten().map(Dynamic::needs);
        let parts = [
            self.copy.needs(),
            self.timeout.needs(),
            self.body.as_ref().map_or(Needs::NONE, Made::needs),
            self.certificate.as_ref().map_or(Needs::NONE, Shown::needs),
            self.identity.as_ref().map_or(Needs::NONE, ManagedIdentity::needs),
            self.basic.as_ref().map_or(Needs::NONE, Basic::needs),
        ];
        let headers = self.headers.iter().map(SetHeader::needs);
        let needs = texts.chain(parts).chain(headers).fold(Needs::NONE, Needs::and);
        let is_new = self.copy.fixed().is_some_and(|mode| mode.trim() == "new");
        Needs { request_body: needs.request_body || (!is_new && self.body.is_none()), ..needs }
    }

    /// The call for this exchange.
    pub async fn call(&self, flow: &mut Flow<'_>) -> Result<Call, Failure> {
        let copied = self.copy.get(flow)?.trim().eq_ignore_ascii_case("copy");
        let mut call = if copied { copy(flow) } else { Call::new(Method::GET, "", Rules::default()) };
        if let Some(url) = &self.url {
            url.get(flow)?.trim().clone_into(&mut call.url);
        }
        call.rules = self.rules(&call.url);
        if let Some(method) = &self.method {
            let method = method.get(flow)?;
            let parsed = Method::from_bytes(method.trim().as_bytes());
            call.method = parsed.map_err(|_| self.failure("InvalidMethod", format!("`{method}` is no method")))?;
        }
        for part in &self.headers {
            part.change(flow)?.apply(&mut call.headers);
        }
        if let Some(body) = &self.body {
            call.body = body.bytes(flow).await?;
        }
        if let Some(basic) = &self.basic {
            call.headers.insert(header::AUTHORIZATION, basic.header(flow)?);
        }
        if let Some(identity) = &self.identity
            && let Some(value) = identity.header(flow).await?
        {
            call.headers.insert(header::AUTHORIZATION, value);
        }
        if let Some(certificate) = &self.certificate {
            call.identity = Some(certificate.identity(flow)?.1);
        }
        if let Some(proxy) = &self.proxy {
            call.proxy = Some(Arc::new(proxy.via(flow)?));
        }
        let seconds = self.timeout.get(flow)?;
        call.timeout = Duration::try_from_secs_f64(seconds)
            .map_err(|_| self.failure("InvalidTimeout", format!("`timeout` is {seconds}; it must be 0 or more")))?;
        Ok(call)
    }

    /// Loopback is allowed where the document itself names the place.
    fn rules(&self, url: &str) -> Rules {
        let place = origin(url);
        let is_written = place.is_some_and(|place| self.origins.contains(&place));
        if is_written { self.named.written.clone() } else { self.named.computed.clone() }
    }

    /// A failure of this policy.
    pub fn failure(&self, reason: &'static str, message: impl Into<String>) -> Failure {
        Failure::new(self.of, reason, 500, message)
    }

    /// A call that came to nothing, in APIM's words.
    pub fn fault(&self, fault: &CallFault) -> Failure {
        let reason = match fault.kind {
            CallFaultKind::Timeout => "Timeout",
            CallFaultKind::Invalid => "InvalidRequest",
            CallFaultKind::Egress => "EgressRefused",
            _ => "BackendConnectionFailure",
        };
        self.failure(reason, format!("{}: {fault}", self.of))
    }
}

impl Proxy {
    fn read(reading: &mut Reading<'_, '_>) -> Option<Self> {
        Some(Self {
            url: reading.dynamic("url")?,
            user: reading.dynamic("username"),
            password: reading.dynamic("password"),
        })
    }

    fn via(&self, flow: &mut Flow<'_>) -> Result<Via, Failure> {
        let user = self.user.as_ref().map(|user| user.get(flow)).transpose()?;
        let password = self.password.as_ref().map(|password| password.get(flow)).transpose()?;
        let password = password.map(|password| Secret::from(&*password));
        Ok(Via::new(&*self.url.get(flow)?, user.map(|user| user.to_string()), password.as_ref()))
    }
}

/// Headers of the exchange that do not go into a copy: they belong to the connection, or ask for a coding that nobody
/// would undo.
const NOT_COPIED: [HeaderName; 3] = [header::HOST, header::CONTENT_LENGTH, header::ACCEPT_ENCODING];

/// The exchange's request as a call.
fn copy(flow: &Flow<'_>) -> Call {
    let request = &flow.request;
    let base = flow.facts.api.as_ref().and_then(|api| api.service_url.clone()).unwrap_or_default();
    let question = if request.query.is_empty() { "" } else { "?" };
    let url = format!("{}{}{question}{}", base.trim_end_matches('/'), request.path, request.query);
    let mut call = Call::new(request.method.clone(), url, Rules::default());
    let mut headers: HeaderMap = request.headers.clone();
    for name in NOT_COPIED {
        headers.remove(name);
    }
    call.headers = headers;
    call.body = match &request.body {
        Body::Held(bytes) => bytes.clone(),
        Body::Passing | Body::Consumed => Bytes::new(),
    };
    call
}

/// `scheme://host:port` of a URL.
fn origin(url: &str) -> Option<String> {
    let origin = url::Url::parse(url).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// The origins that a text spells out whole: up to the `/`, `?` or quote after the authority, or its end.
fn origins(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let before = text[..at].trim_end_matches(|letter: char| letter.is_ascii_alphabetic()).len();
        let rest = &text[at + 3..];
        let end = rest.find(['/', '?', '"', '#', ' ', '\n', '\r', '\t', ')']).unwrap_or(rest.len());
        // A quote right after the authority ends the C# text, not the authority: `"http://10.0.0." + x`.
        let is_whole = !rest[end..].starts_with('"') || rest[end + 1..].trim_start().starts_with([')', ';']);
        if is_whole && !rest[..end].contains(['{', '$', '@']) {
            found.extend(origin(&text[before..at + 3 + end]));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_count_as_written_only_when_they_are_whole() {
        let rows: [(&str, &[&str]); 9] = [
            ("http://127.0.0.1:9000/a", &["http://127.0.0.1:9000"]),
            ("https://Example.test", &["https://example.test"]),
            (r#"@("http://127.0.0.1:9000/a?b=" + context.RequestId)"#, &["http://127.0.0.1:9000"]),
            (r#"@($"http://127.0.0.1:9000/{x}")"#, &["http://127.0.0.1:9000"]),
            (r#"@($"http://{host}/a")"#, &[]),
            (r#"@("http://127.0.0." + x)"#, &[]),
            (r#"@("http://127.0.0.1:" + port + "/a")"#, &[]),
            ("@(context.Variables[\"url\"])", &[]),
            ("@(\"\u{feff}https://stock.test/\")", &["https://stock.test"]),
        ];
        for (text, wanted) in rows {
            assert_eq!(origins(text), wanted, "{text}");
        }
    }
}
