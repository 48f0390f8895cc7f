//! `validate-content`: bodies by size, content type and schema.

use std::sync::Arc;

use futures_util::FutureExt;
use quick_xml::{Reader, events::Event};
use serde_json::Value as Json;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step, Verdict, body_text,
    catalogue::{AROUND, AttributeEntry, Content, ElementEntry},
    definition::Definition,
    schemas::{self, Bending, Schemas},
    set_body,
    validation::{self, ACTIONS, Action, Finding, VARIABLE, VARIABLE_TOO},
};

/// Largest `max-size`, in bytes: bodies are held in memory. APIM's own bound is 100 KiB.
const LARGEST: u64 = 4 << 20;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "validate-content",
    aliases: &[],
    sections: AROUND,
    attributes: &[
        AttributeEntry::required(
            "unspecified-content-type-action",
            "For content types that the API does not describe.",
        )
        .dynamic()
        .one_of(ACTIONS),
        AttributeEntry::required("max-size", "Largest body in bytes; at most 4194304."),
        AttributeEntry::required("size-exceeded-action", "For bodies that are larger.").dynamic().one_of(ACTIONS),
        VARIABLE,
        VARIABLE_TOO,
    ],
    children: &[
        ElementEntry {
            name: "content-type-map",
            required: false,
            many: false,
            attributes: &[
                AttributeEntry::absent("any-content-type-value", "Stands for every content type."),
                AttributeEntry::absent("missing-content-type-value", "Stands for a content type that is not there."),
            ],
            children: &[ElementEntry {
                name: "type",
                required: false,
                many: true,
                attributes: &[
                    AttributeEntry::absent("from", "The content type of the message."),
                    AttributeEntry::absent("when", "An expression, instead of `from`.").dynamic(),
                    AttributeEntry::required("to", "The content type that it stands for."),
                ],
                children: &[],
                content: Content::Nothing,
                text: "Maps one content type to another.",
            }],
            content: Content::Nothing,
            text: "Which content types stand for others.",
        },
        ElementEntry {
            name: "content",
            required: false,
            many: true,
            attributes: &[
                AttributeEntry::absent("type", "The content type; without it, any."),
                AttributeEntry::required("validate-as", "`json`, `xml` or `soap`.").one_of(&["json", "xml", "soap"]),
                AttributeEntry::required("action", "For bodies that do not fit.").dynamic().one_of(ACTIONS),
                AttributeEntry::absent(
                    "schema-id",
                    "A schema by its name in the API's OpenAPI document (`components/schemas`), in the place of the \
                     operation's. With `json` only.",
                ),
                AttributeEntry::absent("schema-ref", "A part of a schema: refused here."),
                AttributeEntry::absent("allow-additional-properties", "Overrides `additionalProperties` of schemas."),
                AttributeEntry::optional(
                    "case-insensitive-property-names",
                    "false",
                    "Whether names of properties are compared without regard to case.",
                ),
            ],
            children: &[],
            content: Content::Nothing,
            text: "How bodies of a content type are validated.",
        },
    ],
    content: Content::Nothing,
    manual: "Reads the body whole and compares it with what the API's OpenAPI document describes for operation and \
             content type. JSON is validated by schema; XML and SOAP have to be well-formed (their schemas are not part \
             of OpenAPI documents). `prevent` refuses: requests with 400 and the reason, answers with 502 and no detail. \
             `detect` passes and notes it. Findings are kept in the variable as a JSON list of `Name`, `Type`, \
             `ValidationRule`, `Details`, `Action`.",
    example: r#"<validate-content unspecified-content-type-action="prevent" max-size="102400" size-exceeded-action="prevent" errors-variable-name="found"><content type="application/json" validate-as="json" action="prevent" /></validate-content>"#,
    build,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Xml,
}

struct Rule {
    content_type: Option<String>,
    kind: Kind,
    action: Dynamic<Action>,
    /// The schema by its name; the operation's without it.
    schema: Option<Arc<str>>,
    bending: Bending,
}

#[derive(Default)]
struct Map {
    any: Option<String>,
    missing: Option<String>,
    types: Vec<(From, String)>,
}

enum From {
    Literal(String),
    When(Dynamic<bool>),
}

struct ValidateContent {
    unspecified: Dynamic<Action>,
    max_size: u64,
    exceeded: Dynamic<Action>,
    variable: Option<Arc<str>>,
    map: Map,
    rules: Vec<Rule>,
    schemas: Schemas,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let element = reading.element;
    let before = reading.compiler.troubles.len();
    let is_json =
        |child: &crate::policy::Element| child.attribute("validate-as").is_some_and(|kind| kind.value.trim() == "json");
    let beyond = |child: &&crate::policy::Element| {
        child.attribute("schema-ref").is_some() || child.attribute("schema-id").is_some() && !is_json(child)
    };
    if element.elements().any(|child| beyond(&child)) {
        return reading.unsupported(
            "`validate-content` with `schema-ref`, or with `schema-id` for XML: schemas here are those of the API's \
             OpenAPI document, by name and for JSON",
        );
    }
    let max_size = reading.parsed("max-size", "a number of bytes", 0);
    if max_size == 0 || max_size > LARGEST {
        reading.refuse::<()>(format!("`max-size` of `validate-content` must be 1 to {LARGEST} bytes"));
    }
    let map = element.child("content-type-map").and_then(|map| mapped(reading, map)).unwrap_or_default();
    let rules = element.elements().filter(|child| &*child.name == "content");
    let rules: Vec<_> = rules.filter_map(|child| rule(&mut reading.child(child))).collect();
    let policy = ValidateContent {
        unspecified: reading.dynamic("unspecified-content-type-action")?,
        max_size,
        exceeded: reading.dynamic("size-exceeded-action")?,
        variable: validation::variable(reading),
        map,
        rules,
        schemas: Schemas::default(),
    };
    (reading.compiler.troubles.len() == before).then(|| Box::new(policy) as Box<dyn Policy>)
}

fn mapped(reading: &mut Reading<'_, '_>, element: &crate::policy::Element) -> Option<Map> {
    let text = |name: &str| element.attribute(name).map(|text| text.value.trim().to_ascii_lowercase());
    let mut map =
        Map { any: text("any-content-type-value"), missing: text("missing-content-type-value"), types: vec![] };
    for child in element.elements() {
        let mut inner = reading.child(child);
        let to = inner.literal("to")?.trim().to_ascii_lowercase();
        let from = match inner.literal("from") {
            Some(from) => From::Literal(from.trim().to_ascii_lowercase()),
            None => From::When(inner.dynamic("when").or_else(|| inner.refuse("`type` needs `from` or `when`"))?),
        };
        map.types.push((from, to));
    }
    Some(map)
}

fn rule(reading: &mut Reading<'_, '_>) -> Option<Rule> {
    let additional = reading.attribute("allow-additional-properties").is_some();
    Some(Rule {
        content_type: reading.literal("type").map(|text| text.trim().to_ascii_lowercase()),
        kind: if reading.literal("validate-as").as_deref() == Some("json") { Kind::Json } else { Kind::Xml },
        action: reading.dynamic("action")?,
        schema: reading.literal("schema-id"),
        bending: Bending {
            additional: additional.then(|| reading.switch("allow-additional-properties", true)),
            ignores_case: reading.switch("case-insensitive-property-names", false),
        },
    })
}

impl Policy for ValidateContent {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(self.validate(flow).boxed())
    }

    fn needs(&self) -> Needs {
        let rules = self.rules.iter().map(|rule| &rule.action);
        validation::needs([&self.unspecified, &self.exceeded].into_iter().chain(rules))
    }

    fn may_wait(&self) -> bool {
        true
    }
}

impl ValidateContent {
    async fn validate(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        flow.hold(flow.body_needs()).await?;
        let body = match &flow.response {
            Some(response) if flow.is_answered() => &response.body,
            _ => &flow.request.body,
        };
        let bytes = body.held().cloned().unwrap_or_default();
        if bytes.is_empty() {
            return Ok(Verdict::Continue);
        }
        let findings = match self.too_large(flow, bytes.len())? {
            Some(finding) => vec![finding],
            None => self.content(flow, &bytes)?,
        };
        validation::conclude(flow, "validate-content", self.variable.as_ref(), &findings)?;
        Ok(Verdict::Continue)
    }

    fn too_large(&self, flow: &mut Flow<'_>, size: usize) -> Result<Option<Finding>, Failure> {
        let action = self.exceeded.get(flow)?;
        let is_larger = size as u64 > self.max_size;
        Ok((is_larger && action != Action::Ignore).then(|| {
            let (name, whose) = whose(flow);
            let most = self.max_size;
            let details =
                format!("{whose} body is {size} bytes long and it exceeds the configured limit of {most} bytes.");
            Finding { name: name.to_owned(), kind: "SizeLimit", rule: "SizeLimit", details, action }
        }))
    }

    fn content(&self, flow: &mut Flow<'_>, bytes: &[u8]) -> Result<Vec<Finding>, Failure> {
        let content_type = self.content_type(flow)?;
        let rule = self.rules.iter().find(|rule| rule.content_type.as_ref().is_none_or(|one| *one == content_type));
        let status = flow.response.as_ref().filter(|_| flow.is_answered()).map(|response| response.status.as_u16());
        let definition = Definition::of(flow.facts);
        let is_described = definition.is_some_and(|definition| definition.names_content(status, &content_type));
        let (name, whose) = whose(flow);
        let finding = |rule, details, action| Finding { name: name.to_owned(), kind: "Body", rule, details, action };
        let Some(rule) = rule else {
            let action = self.unspecified.get(flow)?;
            let details = format!("Unspecified content type {content_type} is not allowed.");
            let counts = !is_described && action != Action::Ignore;
            return Ok(counts.then(|| finding("ContentType", details, action)).into_iter().collect());
        };
        let action = rule.action.get(flow)?;
        if action == Action::Ignore {
            return Ok(Vec::new());
        }
        let errors = match rule.kind {
            Kind::Xml => well_formed(bytes).err().into_iter().collect(),
            Kind::Json => self.json_errors(flow, rule, (bytes, status, &content_type)),
        };
        let told = |error: String| {
            let details =
                format!("{whose} body does not fit the definition for the content type {content_type}. {error}");
            finding("IncorrectMessage", details, action)
        };
        Ok(errors.into_iter().map(told).collect())
    }

    fn content_type(&self, flow: &mut Flow<'_>) -> Result<String, Failure> {
        let sent = set_body::content_type(body_text::headers(flow)).to_ascii_lowercase();
        if let Some(any) = &self.map.any {
            return Ok(any.clone());
        }
        for (from, to) in &self.map.types {
            let fits = match from {
                From::Literal(from) => *from == sent,
                From::When(condition) => condition.get(flow)?,
            };
            if fits {
                return Ok(to.clone());
            }
        }
        Ok(if sent.is_empty() { self.map.missing.clone().unwrap_or_default() } else { sent })
    }

    fn json_errors(&self, flow: &Flow<'_>, rule: &Rule, body: (&[u8], Option<u16>, &str)) -> Vec<String> {
        let (bytes, status, content_type) = body;
        let value: Json = match serde_json::from_slice(bytes) {
            Ok(value) => value,
            Err(error) => return vec![format!("It is not JSON: {error}")],
        };
        let (definition, named) = (Definition::of(flow.facts), rule.schema.as_deref());
        let schema = definition.as_ref().and_then(|definition| match (named, status) {
            (Some(name), _) => definition.named_schema(name),
            (None, Some(status)) => definition.response_schema(status, content_type),
            (None, None) => definition.request_schema(content_type),
        });
        let (Some(definition), Some(api), Some(schema)) = (definition, flow.facts.api.as_ref(), schema) else {
            let missing = named.map(|name| format!("The API's OpenAPI document has no schema `{name}`."));
            return missing.into_iter().collect();
        };
        let operation = flow.facts.operation.as_ref().map(|one| format!("{} {}", one.method, one.url_template));
        let place = format!("{} {status:?} {content_type} {named:?} {:?}", operation.unwrap_or_default(), rule.bending);
        let value = if rule.bending.ignores_case { schemas::lowered(value) } else { value };
        match self.schemas.validator(api, &place, (&definition, schema), rule.bending) {
            Ok(validator) => schemas::errors(&validator, &value),
            Err(why) => vec![format!("The schema cannot be used: {why}")],
        }
    }
}

/// Name of the finding, and whose body it is in sentences.
fn whose(flow: &Flow<'_>) -> (&'static str, &'static str) {
    if flow.is_answered() { ("ResponseBody", "Response's") } else { ("RequestBody", "Request's") }
}

fn well_formed(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("It is not XML: {error}"))?;
    let mut reader = Reader::from_str(text);
    let (mut elements, mut open) = (0_usize, 0_usize);
    loop {
        match reader.read_event().map_err(|error| format!("It is not XML: {error}"))? {
            Event::Start(_) => (elements, open) = (elements + 1, open + 1),
            Event::Empty(_) => elements += 1,
            Event::End(_) => open -= 1,
            Event::Eof if elements == 0 => return Err("It is not XML: there is no element".to_owned()),
            Event::Eof if open > 0 => return Err("It is not XML: an element does not end".to_owned()),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::{Played, Reply, Scene, openapi};
    use serde_json::json;

    fn scene(section: &'static str, inside: &str, attributes: &str) -> Scene {
        let text = format!(
            r#"<validate-content unspecified-content-type-action="prevent" max-size="40" size-exceeded-action="prevent"
               errors-variable-name="found" {attributes}>{inside}</validate-content>"#
        );
        let mut scene = Scene::new().section(section, &text);
        let schema =
            json!({ "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } });
        let document = json!({
            "openapi": "3.0.1",
            "paths": { "/o": { "post": { "requestBody": schema, "responses": { "200": schema } } } },
            "components": { "schemas": { "Order": { "type": "object", "required": ["Id"], "properties": {
                "Id": { "type": "integer", "minimum": 1, "exclusiveMinimum": true },
                "note": { "type": "string", "nullable": true }
            } } } }
        });
        openapi(&mut scene, "POST", "/o", document);
        scene
    }

    fn asked(inside: &str, content_type: &str, body: &'static str) -> Played {
        scene("inbound", inside, "").request("POST", "/o").header("content-type", content_type).body(body).run()
    }

    const JSON: &str = r#"<content type="application/json" validate-as="json" action="prevent" />"#;

    #[test]
    fn requests_are_compared_with_the_document() {
        let rows = [
            (r#"{"Id":2,"note":null,"more":1}"#, 200, ""),
            (r#"{"Id":1}"#, 400, "IncorrectMessage"),
            (r#"{"note":"x"}"#, 400, "IncorrectMessage"),
            ("{", 400, "IncorrectMessage"),
            (r#"{"Id":2,"note":"01234567890123456789012345678901234567890"}"#, 400, "SizeLimit"),
            ("", 200, ""),
        ];
        for (body, status, reason) in rows {
            let played = asked(JSON, "application/json; charset=utf-8", body);
            assert_eq!(played.status(), status, "{body}: {}", played.body());
            assert_eq!(played.failure().map_or("", |failure| &failure.reason), reason);
            assert_eq!(played.variable("found").is_some(), status == 400);
        }
    }

    #[test]
    fn content_types_have_to_be_described() {
        assert_eq!(asked("", "text/csv", "a").failure().map(|failure| failure.status), Some(400));
        assert_eq!(asked("", "application/json", "anything").status(), 200, "no rule: described types pass");
        let map = r#"<content-type-map missing-content-type-value="application/json"><type from="application/hal+json"
            to="application/json" /></content-type-map>"#;
        for content_type in ["application/hal+json", " "] {
            assert_eq!(asked(&format!("{map}{JSON}"), content_type, "{}").status(), 400, "{content_type}");
        }
    }

    #[test]
    fn detecting_notes_and_passes() {
        let detects = JSON.replace("prevent", "detect");
        let played = asked(&detects, "application/json", r#"{"Id":0}"#);
        let found: serde_json::Value =
            serde_json::from_str(&played.variable("found").expect("findings")).expect("JSON");
        assert_eq!(
            (played.status(), &found[0]["Name"], &found[0]["Action"]),
            (200, &json!("RequestBody"), &json!("Detected"))
        );
        assert_eq!(asked(&JSON.replace("prevent", "ignore"), "application/json", "{").status(), 200);
    }

    #[test]
    fn schemas_can_be_bent() {
        let bent = |attributes: &str| JSON.replace("type=", &format!("{attributes} type="));
        let strict = bent(r#"allow-additional-properties="false""#);
        assert_eq!(asked(&strict, "application/json", r#"{"Id":2,"more":1}"#).status(), 400);
        let loose = bent(r#"case-insensitive-property-names="true""#);
        assert_eq!(asked(&loose, "application/json", r#"{"ID":2}"#).status(), 200);
    }

    #[test]
    fn answers_that_do_not_fit_tell_the_caller_nothing() {
        let reply = Reply::new(200, r#"{"Id":"secret"}"#).header("content-type", "application/json");
        let played = scene("outbound", JSON, "").request("POST", "/o").reply(reply).run();
        assert_eq!((played.status(), played.body().contains("secret")), (502, false));
    }

    #[test]
    fn xml_has_to_be_well_formed() {
        let xml = r#"<content type="text/xml" validate-as="xml" action="prevent" />"#;
        for (body, status) in [("<a><b/></a>", 200), ("<a>", 400), ("a", 400), ("<a></b>", 400)] {
            assert_eq!(asked(xml, "text/xml", body).status(), status, "{body}");
        }
    }

    #[test]
    fn schemas_are_found_by_name() {
        let by = |name: &str| JSON.replace("type=", &format!(r#"schema-id="{name}" type="#));
        for (name, body, status) in [("Order", r#"{"Id":2}"#, 200), ("Order", "{}", 400), ("None", r#"{"Id":2}"#, 400)]
        {
            assert_eq!(asked(&by(name), "application/json", body).status(), status, "{name} {body}");
        }
        for inside in [by("Order").replace("\"json\"", "\"xml\""), JSON.replace("type=", r#"schema-ref="a" type="#)] {
            assert!(scene("inbound", &inside, "").troubles()[0].contains("by name and for JSON"));
        }
    }
}
