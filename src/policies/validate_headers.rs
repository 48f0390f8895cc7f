//! `validate-headers`: headers of answers by the API's document.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{ANSWER, AttributeEntry, Content, ElementEntry},
    definition::Definition,
    schemas::{self, Bending, Schemas},
    validation::{self, ACTIONS, Action, Finding, VARIABLE, VARIABLE_TOO},
};

/// Headers that come with every answer: no document describes them.
const USUAL: &[&str] = &[
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
    "vary",
    "via",
    "x-request-id",
    "request-id",
];

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "validate-headers",
    aliases: &[],
    sections: ANSWER,
    attributes: &[
        AttributeEntry::required("specified-header-action", "For headers that the API describes.")
            .dynamic()
            .one_of(ACTIONS),
        AttributeEntry::required("unspecified-header-action", "For headers that it does not.")
            .dynamic()
            .one_of(ACTIONS),
        VARIABLE,
        VARIABLE_TOO,
    ],
    children: &[ElementEntry {
        name: "header",
        required: false,
        many: true,
        attributes: &[
            AttributeEntry::required("name", "Name of the header."),
            AttributeEntry::required("action", "For this one.").dynamic().one_of(ACTIONS),
        ],
        children: &[],
        content: Content::Nothing,
        text: "Another action for one header.",
    }],
    content: Content::Nothing,
    manual: "Compares the headers of an answer with what the API's OpenAPI document describes for operation and status. \
             Headers that come with every answer (`Date`, `Content-Type`, and so on) are never unspecified. `prevent` \
             refuses with 502 and tells the caller no detail.",
    example: r#"<validate-headers specified-header-action="prevent" unspecified-header-action="ignore" errors-variable-name="found"><header name="x-debug" action="prevent" /></validate-headers>"#,
    build,
};

struct ValidateHeaders {
    specified: Dynamic<Action>,
    unspecified: Dynamic<Action>,
    named: Vec<(Arc<str>, Dynamic<Action>)>,
    variable: Option<Arc<str>>,
    schemas: Schemas,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let element = reading.element;
    let named = element.elements().filter_map(|child| {
        let mut inner = reading.child(child);
        Some((inner.literal("name")?, inner.dynamic("action")?))
    });
    let named = named.collect();
    Some(Box::new(ValidateHeaders {
        specified: reading.dynamic("specified-header-action")?,
        unspecified: reading.dynamic("unspecified-header-action")?,
        named,
        variable: validation::variable(reading),
        schemas: Schemas::default(),
    }))
}

impl Policy for ValidateHeaders {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.validate(flow).into()
    }

    fn needs(&self) -> Needs {
        let named = self.named.iter().map(|(_, action)| action);
        validation::needs([&self.specified, &self.unspecified].into_iter().chain(named))
    }
}

impl ValidateHeaders {
    fn validate(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let facts = flow.facts;
        let Some(response) = &flow.response else { return Ok(()) };
        let (status, headers) = (response.status.as_u16(), response.headers.clone());
        let definition = Definition::of(facts);
        let mut findings = Vec::new();
        for name in headers.keys().filter(|name| !USUAL.contains(&name.as_str())) {
            let described = definition.and_then(|definition| {
                definition.headers(status).find(|(known, _)| known.eq_ignore_ascii_case(name.as_str()))
            });
            let action = self.action(flow, name.as_str(), described.is_some())?;
            let value = String::from_utf8_lossy(headers[name].as_bytes()).into_owned();
            let broken = match (described, definition) {
                _ if action == Action::Ignore => None,
                (Some((_, header)), Some(definition)) => {
                    let schema = header.get("schema").unwrap_or(header);
                    self.error(flow, &definition, (name.as_str(), status, schema), &value)
                }
                _ => Some(("Unspecified", format!("Unspecified header {name} is not allowed."))),
            };
            findings.extend(broken.map(|(rule, details)| Finding {
                name: name.to_string(),
                kind: "ResponseHeader",
                rule,
                details,
                action,
            }));
        }
        validation::conclude(flow, "validate-headers", self.variable.as_ref(), &findings)
    }

    fn action(&self, flow: &mut Flow<'_>, name: &str, is_specified: bool) -> Result<Action, Failure> {
        let named = self.named.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, action)| action);
        named.unwrap_or(if is_specified { &self.specified } else { &self.unspecified }).get(flow)
    }

    fn error(
        &self,
        flow: &Flow<'_>,
        definition: &Definition<'_>,
        (name, status, schema): (&str, u16, &serde_json::Value),
        value: &str,
    ) -> Option<(&'static str, String)> {
        let (api, operation) = (flow.facts.api.as_ref()?, flow.facts.operation.as_ref()?);
        let id = format!("{} {} {status} {name}", operation.method, operation.url_template);
        let validator = match self.schemas.validator(api, &id, (definition, schema), Bending::default()) {
            Ok(validator) => validator,
            Err(why) => return Some(("IncorrectValue", format!("The schema of {name} cannot be used: {why}"))),
        };
        let text = serde_json::Value::from(value);
        let number = serde_json::from_str(value).unwrap_or_else(|_| text.clone());
        // A number in a header fits both a schema of numbers and one of texts.
        if schemas::errors(&validator, &text).is_empty() {
            return None;
        }
        let first = schemas::errors(&validator, &number).into_iter().next()?;
        Some(("IncorrectValue", format!("The value of the header {name} does not fit its definition. {first}")))
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::{Reply, Scene, openapi};
    use serde_json::json;

    #[test]
    fn headers_are_compared_with_the_document() {
        let document = json!({ "openapi": "3.0.0", "paths": { "/": { "get": { "responses": { "200": { "headers": {
            "X-Count": { "schema": { "type": "integer" } } } } } } } } });
        let rows = [
            (("x-count", "3"), "ignore", 200),
            (("x-count", "three"), "ignore", 502),
            (("x-other", "1"), "ignore", 200),
            (("x-other", "1"), "prevent", 502),
            (("x-debug", "1"), "ignore", 502),
            (("date", "now"), "prevent", 200),
        ];
        for ((name, value), unspecified, status) in rows {
            let text = format!(
                r#"<validate-headers specified-header-action="prevent" unspecified-header-action="{unspecified}">
                   <header name="X-Debug" action="prevent" /></validate-headers>"#
            );
            let mut scene = Scene::new().section("outbound", &text).reply(Reply::new(200, "").header(name, value));
            openapi(&mut scene, "GET", "/", document.clone());
            assert_eq!(scene.run().status(), status, "{name} {value} {unspecified}");
        }
    }
}
