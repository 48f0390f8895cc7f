//! `redirect-content-urls`: links to the backend become links to the gateway, and the other way round.

use futures_util::FutureExt;
use http::{HeaderValue, header};

use super::{
    Entry, Failure, Flow, Policy, Reading, Step, Verdict, body_text,
    catalogue::{AROUND, Content},
    link::Target,
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "redirect-content-urls",
    aliases: &[],
    sections: AROUND,
    attributes: &[],
    children: &[],
    content: Content::Nothing,
    manual: "In `outbound` and `on-error`, links to the backend in the answer's body, `Location` and `Content-Location` \
             are made links to the gateway; in `inbound`, links to the gateway in the request's body become links to the \
             backend. The backend's URL is that of `set-backend-service base-url`, or the API's own. The body is read \
             whole.",
    example: "<redirect-content-urls />",
    build,
};

struct RedirectContentUrls;

#[expect(clippy::unnecessary_wraps, reason = "the signature of all builds")]
fn build(_: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(RedirectContentUrls))
}

impl Policy for RedirectContentUrls {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(redirect(flow).boxed())
    }

    fn may_wait(&self) -> bool {
        true
    }
}

async fn redirect(flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
    let Some((backend, gateway)) = bases(flow) else { return Ok(Verdict::Continue) };
    let (from, to) = if flow.is_answered() { (backend, gateway) } else { (gateway, backend) };
    flow.hold(flow.body_needs()).await?;
    if let Some(text) = body_text::of(flow) {
        let escape = |url: &str| url.replace('/', "\\/");
        let made = replaced(&replaced(&text, &from, &to), &escape(&from), &escape(&to));
        if made != text {
            body_text::put(flow, made, None);
        }
    }
    if flow.is_answered() {
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            let headers = flow.headers_mut();
            let value = headers.get(&name).and_then(|value| value.to_str().ok()).map(|text| replaced(text, &from, &to));
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        }
    }
    Ok(Verdict::Continue)
}

/// Base URLs of backend and gateway, without a slash at the end.
fn bases(flow: &Flow<'_>) -> Option<(String, String)> {
    let api = flow.facts.api.as_ref();
    let backend = match &flow.route.target {
        Some(Target::Url { url, .. }) => url.clone(),
        _ => api?.service_url.clone()?,
    };
    let request = &flow.request;
    let port = if request.port == 0 { String::new() } else { format!(":{}", request.port) };
    let path = api.map_or("", |api| &*api.path).trim_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    let gateway = format!("{}://{}{port}{slash}{path}", request.scheme, request.host);
    Some((backend.trim().trim_end_matches('/').to_owned(), gateway))
}

/// Every `from` that is not the beginning of another host or path segment.
fn replaced(text: &str, from: &str, to: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, behind) = (&rest[..at], &rest[at + from.len()..]);
        let goes_on = behind.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | ':' | '@' | '_'));
        made.extend([before, if goes_on { from } else { to }]);
        rest = behind;
    }
    made + rest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::policies::{
        facts::ApiFacts,
        testing::{Reply, Scene},
    };

    fn scene(section: &'static str) -> Scene {
        let mut scene = Scene::new().section(section, "<redirect-content-urls />").request("POST", "/o");
        let service_url = Some("https://backend.test/v1/".into());
        scene.facts.api = Some(Arc::new(ApiFacts { path: "/orders".into(), service_url, ..ApiFacts::default() }));
        scene
    }

    #[test]
    fn answers_lead_to_the_gateway() {
        let body =
            r#"{"a":"https://backend.test/v1/x","b":"https:\/\/backend.test\/v1","c":"https://backend.test/v10"}"#;
        let reply = Reply::new(201, body).header("location", "https://backend.test/v1/o/7");
        let played = scene("outbound").reply(reply).run();
        assert_eq!(
            played.body(),
            r#"{"a":"https://gateway.test/orders/x","b":"https:\/\/gateway.test\/orders","c":"https://backend.test/v10"}"#
        );
        assert_eq!(played.header("location").as_deref(), Some("https://gateway.test/orders/o/7"));
    }

    #[test]
    fn requests_lead_to_the_backend() {
        let played = scene("inbound").body("see https://gateway.test/orders/7.").run();
        assert_eq!(&played.sent[0].body[..], b"see https://backend.test/v1/7.");
    }
}
