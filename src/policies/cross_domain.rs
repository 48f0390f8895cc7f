//! `cross-domain`: the policy file of Flash and Silverlight clients.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};

use super::{
    Body, Entry, Flow, Policy, Reading, Response, Step, Verdict,
    catalogue::{Content, INBOUND},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "cross-domain",
    aliases: &[],
    sections: INBOUND,
    attributes: &[],
    children: &[],
    content: Content::Anything,
    manual: "Answers a GET of `crossdomain.xml` below the API with the document inside, as Adobe's clients ask for it. \
             Other requests go on. Browsers of today use `cors`.",
    example: r#"<cross-domain><cross-domain-policy><allow-access-from domain="*.example.org" /></cross-domain-policy></cross-domain>"#,
    build,
};

struct CrossDomain(Bytes);

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let Some(root) = reading.element.elements().next() else {
        return reading.refuse("`cross-domain` needs the document inside: `<cross-domain-policy>`");
    };
    if &*root.name != "cross-domain-policy" && &*root.name != "cross-domain" {
        return reading.refuse(format!("`cross-domain` contains `{}`; it must be `cross-domain-policy`", root.name));
    }
    Some(Box::new(CrossDomain(reading.element.content().value.trim().to_owned().into())))
}

impl Policy for CrossDomain {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        let asks = flow.request.method == Method::GET && flow.request.original.0.ends_with("/crossdomain.xml");
        if !asks {
            return Step::NEXT;
        }
        let mut answer = Response::new(StatusCode::OK);
        answer.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/x-cross-domain-policy"));
        answer.body = Body::Held(self.0.clone());
        flow.response = Some(answer);
        Step::Done(Ok(Verdict::Answer))
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn the_document_is_told_to_who_asks() {
        let text = r#"<cross-domain><cross-domain-policy><allow-access-from domain="*" /></cross-domain-policy></cross-domain>"#;
        let played = Scene::new().section("inbound", text).request("GET", "/a/crossdomain.xml").run();
        assert_eq!(played.body(), r#"<cross-domain-policy><allow-access-from domain="*" /></cross-domain-policy>"#);
        assert_eq!(Scene::new().section("inbound", text).request("GET", "/a").run().sent.len(), 1);
        assert_eq!(Scene::new().section("inbound", "<cross-domain />").troubles().len(), 1);
    }
}
