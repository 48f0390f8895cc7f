//! `mock-response`: answers with an example of the API's document.

use http::{HeaderValue, StatusCode, header};
use serde_json::Value as Json;

use super::{
    Body, Entry, Flow, Policy, Reading, Response, Step, Verdict,
    catalogue::{AROUND, AttributeEntry, Content},
    definition::Definition,
    sample,
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "mock-response",
    aliases: &[],
    sections: AROUND,
    attributes: &[
        AttributeEntry::optional("status-code", "200", "Status of the answer, and whose example is taken."),
        AttributeEntry::optional("content-type", "application/json", "Content type of the example."),
        AttributeEntry::optional("index", "1", "Which example where there are several, from 1."),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Ends the journey with a made-up answer: the example that the API's OpenAPI document has for operation, \
             status and content type; without one, a value that fits the schema; without that, no body. The backend is \
             not called when it stands in `inbound`.",
    example: r#"<mock-response status-code="200" content-type="application/json" />"#,
    build,
};

struct MockResponse {
    status: StatusCode,
    content_type: HeaderValue,
    index: usize,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let status = reading.parsed("status-code", "a status of 200 to 599", StatusCode::OK);
    let index = reading.parsed("index", "a whole number, 1 or more", 1_usize);
    let content_type = reading.parsed("content-type", "a content type", HeaderValue::from_static("application/json"));
    if status.as_u16() < 200 {
        return reading.refuse(format!("`status-code` of `mock-response` is `{status}`; it must be 200 to 599"));
    }
    Some(Box::new(MockResponse { status, content_type, index: index.max(1) }))
}

impl Policy for MockResponse {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        let mut answer = Response::new(self.status);
        let body = Definition::of(flow.facts).and_then(|definition| self.example(&definition));
        if let Some(body) = body {
            answer.headers.insert(header::CONTENT_TYPE, self.content_type.clone());
            answer.body = Body::Held(body.into());
        }
        flow.response = Some(answer);
        Step::Done(Ok(Verdict::Answer))
    }
}

impl MockResponse {
    fn example(&self, definition: &Definition<'_>) -> Option<String> {
        let content_type = self.content_type.to_str().unwrap_or_default();
        let response = definition.response(self.status.as_u16())?;
        let given = if definition.is_swagger() {
            response.get("examples").and_then(|examples| examples.get(content_type)).cloned()
        } else {
            self.of_media(definition, definition.media(response, content_type)?)
        };
        let made = || {
            let schema = definition.response_schema(self.status.as_u16(), content_type)?;
            Some(sample::of(definition, schema))
        };
        given.or_else(made).map(|value| match value {
            Json::String(text) if !content_type.contains("json") => text,
            other => other.to_string(),
        })
    }

    fn of_media(&self, definition: &Definition<'_>, media: &Json) -> Option<Json> {
        if let Some(example) = media.get("example") {
            return Some(example.clone());
        }
        let examples = media.get("examples")?.as_object()?;
        let (_, example) = examples.iter().nth(self.index - 1).or_else(|| examples.iter().next())?;
        let target = example.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix('#'));
        let example = target.and_then(|pointer| definition.document.pointer(pointer)).unwrap_or(example);
        example.get("value").cloned()
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::{Scene, openapi};
    use serde_json::json;

    fn played(attributes: &str, content: &serde_json::Value) -> (u16, String, Option<String>) {
        let document = json!({ "openapi": "3.0.1", "paths": { "/o/{id}": { "get": { "responses": {
            "200": { "content": content }, "404": { "description": "none" }
        } } } }, "components": { "schemas": { "Order": { "type": "object", "properties": {
            "id": { "type": "integer" }, "parts": { "type": "array", "items": { "$ref": "#/components/schemas/Order" } },
            "state": { "enum": ["on", "off"] }
        } } }, "examples": { "one": { "value": "first" } } } });
        let mut scene = Scene::new().section("inbound", &format!("<mock-response {attributes} />"));
        openapi(&mut scene, "GET", "/o/{oid}", document);
        let played = scene.run();
        assert!(played.sent.is_empty());
        (played.status(), played.body(), played.header("content-type"))
    }

    #[test]
    fn examples_come_first() {
        let examples = json!({ "application/json": { "examples": { "a": { "$ref": "#/components/examples/one" }, "b": { "value": [2] } } } });
        assert_eq!(played("", &json!({ "application/json": { "example": { "a": 1 } } })).1, r#"{"a":1}"#);
        assert_eq!(played("", &examples).1, r#""first""#);
        assert_eq!(played(r#"index="2""#, &examples).1, "[2]");
        let text = played(r#"content-type="text/plain""#, &json!({ "text/*": { "example": "hi" } }));
        assert_eq!(text, (200, "hi".to_owned(), Some("text/plain".to_owned())));
    }

    #[test]
    fn schemas_make_values_also_when_they_contain_themselves() {
        let schema = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } });
        let (_, body, _) = played("", &schema);
        assert!(body.starts_with(r#"{"id":0,"parts":[{"id":0,"#) && body.contains(r#""state":"on""#), "{body}");
    }

    #[test]
    fn without_anything_the_body_is_empty() {
        assert_eq!(played(r#"status-code="404""#, &json!({})), (404, String::new(), None));
        assert_eq!(played(r#"status-code="201""#, &json!({})), (201, String::new(), None));
    }
}
