//! `send-service-bus-message`: puts a message into a queue or topic of a service bus, over its HTTP interface.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};

use super::{
    Dynamic, Entry, Failure, Flow, Named, Needs, Policy, Reading, Step, Verdict,
    catalogue::{ANYWHERE, AttributeEntry, Content, ElementEntry},
};
use crate::outbound::fetch::Call;

const NAME: &str = "send-service-bus-message";

/// The resource that tokens for service buses are for.
const RESOURCE: &str = "https://servicebus.azure.net";

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: NAME,
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        AttributeEntry::absent("queue-name", "The queue. Either this or `topic-name`.").dynamic(),
        AttributeEntry::absent("topic-name", "The topic. Either this or `queue-name`.").dynamic(),
        AttributeEntry::required("namespace", "Host name of the service bus, such as `ns.servicebus.windows.net`.")
            .dynamic(),
        AttributeEntry::absent("client-id", "Chooses among the token sources: a source's `id` or `client_id`.")
            .dynamic(),
    ],
    children: &[
        ElementEntry {
            name: "message-properties",
            required: false,
            many: false,
            attributes: &[],
            children: &[ElementEntry {
                name: "message-property",
                required: false,
                many: true,
                attributes: &[AttributeEntry::required("name", "Name of the property.")],
                children: &[],
                content: Content::Text,
                text: "Value of the property.",
            }],
            content: Content::Nothing,
            text: "What the message says of itself.",
        },
        ElementEntry {
            name: "payload",
            required: true,
            many: false,
            attributes: &[],
            children: &[],
            content: Content::Text,
            text: "The message.",
        },
    ],
    content: Content::Nothing,
    manual: "Puts a message into a queue or topic and waits until it is there. The token comes from the source of \
             `token_sources` that has the resource `https://servicebus.azure.net`, or from the default one. A message \
             that is not taken fails the exchange with 500.",
    example: r#"<send-service-bus-message queue-name="orders" namespace="ns.servicebus.windows.net"><message-properties><message-property name="source">gateway</message-property></message-properties><payload>@(context.Request.Body.As<string>(preserveContent: true))</payload></send-service-bus-message>"#,
    build,
};

struct SendServiceBusMessage {
    entity: Dynamic<Arc<str>>,
    namespace: Dynamic<Arc<str>>,
    client: Option<Dynamic<Arc<str>>>,
    properties: Vec<(HeaderName, Dynamic<Arc<str>>)>,
    payload: Dynamic<Arc<str>>,
    named: Arc<Named>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let entity = match (reading.attribute("queue-name").is_some(), reading.attribute("topic-name").is_some()) {
        (true, false) => reading.dynamic("queue-name")?,
        (false, true) => reading.dynamic("topic-name")?,
        _ => return reading.refuse(format!("`{NAME}` needs `queue-name` or `topic-name`, one of them")),
    };
    let element = reading.element;
    let mut properties = Vec::new();
    for property in element.child("message-properties").into_iter().flat_map(crate::policy::Element::elements) {
        let mut below = reading.child(property);
        let name = below.literal("name")?;
        let Ok(header) = HeaderName::try_from(name.trim()) else {
            return below
                .refuse(format!("`{name}` cannot be the name of a property: letters, digits, `-` and `_` can"));
        };
        properties.push((header, below.text()?));
    }
    let payload = reading.child(element.child("payload")?).text()?;
    Some(Box::new(SendServiceBusMessage {
        entity,
        namespace: reading.dynamic("namespace")?,
        client: reading.dynamic("client-id"),
        properties,
        payload,
        named: reading.compiler.known.named(),
    }))
}

impl Policy for SendServiceBusMessage {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(Box::pin(async move {
            let call = self.call(flow).await?;
            let answer = flow.services.outside.calls.call(call).await;
            let answer = answer.map_err(|fault| failed(format!("The message was not sent: {fault}")))?;
            if answer.status.is_success() {
                return Ok(Verdict::Continue);
            }
            Err(failed(format!("The message was not taken: the service bus answered {}.", answer.status.as_u16())))
        }))
    }

    fn needs(&self) -> Needs {
        let texts = [&self.entity, &self.namespace, &self.payload].into_iter().chain(&self.client);
        let properties = self.properties.iter().map(|(_, value)| value);
        texts.chain(properties).fold(Needs::NONE, |needs, text| needs.and(text.needs()))
    }

    fn may_wait(&self) -> bool {
        true
    }
}

impl SendServiceBusMessage {
    /// The call of the bus's interface ("Send Message" of its REST reference): properties are headers in quotes.
    async fn call(&self, flow: &mut Flow<'_>) -> Result<Call, Failure> {
        let (namespace, entity) = (self.namespace.get(flow)?, self.entity.get(flow)?);
        let url = format!("https://{}/{}/messages", namespace.trim(), entity.trim().trim_matches('/'));
        let is_host = url::Url::parse(&url).is_ok_and(|url| url.host_str() == Some(&*namespace.trim().to_lowercase()));
        if !is_host {
            return Err(failed(format!("`{namespace}` is not the host name of a service bus.")));
        }
        let rules = if self.namespace.fixed().is_some() { &self.named.written } else { &self.named.computed };
        let mut call = Call::new(Method::POST, url, rules.clone());
        for (name, value) in &self.properties {
            let value = value.get(flow)?;
            let quoted = HeaderValue::try_from(serde_json::json!(*value).to_string());
            let quoted = quoted.map_err(|_| failed(format!("The property `{name}` cannot be sent as a header.")))?;
            call.headers.insert(name.clone(), quoted);
        }
        call.body = Bytes::from(self.payload.get(flow)?.to_string());
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let mut token = self.token(flow).await?;
        token.set_sensitive(true);
        call.headers.insert(header::AUTHORIZATION, token);
        Ok(call)
    }

    async fn token(&self, flow: &mut Flow<'_>) -> Result<HeaderValue, Failure> {
        let client = self.client.as_ref().map(|client| client.get(flow)).transpose()?;
        let client = client.as_deref().map(str::trim).filter(|client| !client.is_empty());
        let Some(source) = self.named.source(RESOURCE, client) else {
            let what =
                format!("There is no token source for `{RESOURCE}`: add it to `resources` of one of `token_sources`.");
            return Err(failed(what));
        };
        let token = flow.services.outside.tokens.get(source, RESOURCE).await.map_err(failed)?;
        let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
        value.map_err(|_| failed("The token has characters that a header cannot have.".to_owned()))
    }
}

fn failed(message: String) -> Failure {
    Failure::new(NAME, "ServiceBusMessageFailed", 500, message)
}

#[cfg(test)]
mod tests {
    use crate::policies::{
        outside::scripted::{configured, script},
        testing::Scene,
    };

    const POLICY: &str = r#"<base /><send-service-bus-message queue-name="orders" namespace="ns.example">
        <message-properties><message-property name="source">gate "1"</message-property></message-properties>
        <payload>@("n=" + context.Request.Method)</payload></send-service-bus-message>"#;

    #[test]
    fn a_message_is_put_into_the_queue_or_fails_the_exchange() {
        for (status, wanted) in [(201, 200), (401, 500)] {
            let calls = script();
            calls.on("https://ns.example/", status, &[], "");
            let named = configured(&[r#"{"kind": "token_sources", "id": "t", "default": true, "token": "secret"}"#]);
            let played = Scene::new().calls(&calls).named(named).section("inbound", POLICY).run();
            assert_eq!(played.status(), wanted);
            let call = calls.call(0);
            assert_eq!((call.method.as_str(), &*call.url), ("POST", "https://ns.example/orders/messages"));
            assert_eq!(
                (&call.headers["source"], &call.body[..]),
                (&r#""gate \"1\"""#.parse().expect("v"), &b"n=GET"[..])
            );
            assert_eq!(call.headers["authorization"], "Bearer secret");
        }
    }

    #[test]
    fn one_of_queue_and_topic_is_named() {
        for names in ["", r#"queue-name="a" topic-name="b""#] {
            let text = format!(
                r#"<send-service-bus-message {names} namespace="n"><payload>x</payload></send-service-bus-message>"#
            );
            assert!(Scene::new().section("inbound", &text).troubles()[0].contains("one of them"), "{names}");
        }
    }
}
