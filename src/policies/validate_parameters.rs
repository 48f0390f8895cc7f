//! `validate-parameters`: parameters of path, query and headers by the API's document.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, ElementEntry, INBOUND},
    definition::{Definition, Parameter},
    query,
    schemas::{self, Bending, Schemas},
    validation::{self, ACTIONS, Action, Finding, VARIABLE, VARIABLE_TOO},
};
use crate::policy::Element;

const SPECIFIED: AttributeEntry =
    AttributeEntry::absent("specified-parameter-action", "For parameters that the API describes.")
        .dynamic()
        .one_of(ACTIONS);
const UNSPECIFIED: AttributeEntry =
    AttributeEntry::absent("unspecified-parameter-action", "For parameters that it does not.")
        .dynamic()
        .one_of(ACTIONS);

const fn group(name: &'static str, attributes: &'static [AttributeEntry], text: &'static str) -> ElementEntry {
    ElementEntry {
        name,
        required: false,
        many: false,
        attributes,
        children: PARAMETER,
        content: Content::Nothing,
        text,
    }
}

const PARAMETER: &[ElementEntry] = &[ElementEntry {
    name: "parameter",
    required: false,
    many: true,
    attributes: &[
        AttributeEntry::required("name", "Name of the parameter."),
        AttributeEntry::required("action", "For this one.").dynamic().one_of(ACTIONS),
    ],
    children: &[],
    content: Content::Nothing,
    text: "Another action for one parameter.",
}];

/// Headers that come with every request: no document describes them, and they are never unspecified.
const USUAL: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "if-match",
    "if-none-match",
    "keep-alive",
    "origin",
    "pragma",
    "range",
    "referer",
    "te",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-request-id",
];

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "validate-parameters",
    aliases: &[],
    sections: INBOUND,
    attributes: &[
        AttributeEntry { required: true, ..SPECIFIED },
        AttributeEntry { required: true, ..UNSPECIFIED },
        VARIABLE,
        VARIABLE_TOO,
    ],
    children: &[
        group("headers", &[SPECIFIED, UNSPECIFIED], "Other actions for headers."),
        group("query", &[SPECIFIED, UNSPECIFIED], "Other actions for the query."),
        group("path", &[SPECIFIED], "Another action for parameters of the path."),
    ],
    content: Content::Nothing,
    manual: "Compares the parameters of a request with what the API's OpenAPI document describes for the operation: those \
             that must be there, and values by their schemas. Headers that come with every request (`Host`, `Accept`, \
             `User-Agent`, and so on, `Sec-*`, `X-Forwarded-*`) are never unspecified. `prevent` refuses with 400.",
    example: r#"<validate-parameters specified-parameter-action="prevent" unspecified-parameter-action="ignore" errors-variable-name="found"><query unspecified-parameter-action="prevent"><parameter name="page" action="detect" /></query></validate-parameters>"#,
    build,
};

#[derive(Default)]
struct Group {
    specified: Option<Dynamic<Action>>,
    unspecified: Option<Dynamic<Action>>,
    named: Vec<(Arc<str>, Dynamic<Action>)>,
}

struct ValidateParameters {
    specified: Dynamic<Action>,
    unspecified: Dynamic<Action>,
    variable: Option<Arc<str>>,
    groups: [(&'static str, Group); 3],
    schemas: Schemas,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let before = reading.compiler.troubles.len();
    let groups = [("header", "headers"), ("query", "query"), ("path", "path")].map(|(place, name)| {
        let group = reading.element.child(name).map(|child| read(reading, child));
        (place, group.unwrap_or_default())
    });
    let policy = ValidateParameters {
        specified: reading.dynamic("specified-parameter-action")?,
        unspecified: reading.dynamic("unspecified-parameter-action")?,
        variable: validation::variable(reading),
        groups,
        schemas: Schemas::default(),
    };
    (reading.compiler.troubles.len() == before).then(|| Box::new(policy) as Box<dyn Policy>)
}

fn read(reading: &mut Reading<'_, '_>, element: &Element) -> Group {
    let mut group = reading.child(element);
    let (specified, unspecified) =
        (group.dynamic("specified-parameter-action"), group.dynamic("unspecified-parameter-action"));
    let named = element.elements().filter_map(|child| {
        let mut inner = reading.child(child);
        Some((inner.literal("name")?, inner.dynamic("action")?))
    });
    Group { specified, unspecified, named: named.collect() }
}

impl Policy for ValidateParameters {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.validate(flow).into()
    }

    fn needs(&self) -> Needs {
        let of_groups = self.groups.iter().flat_map(|(_, group)| {
            group.specified.iter().chain(&group.unspecified).chain(group.named.iter().map(|(_, action)| action))
        });
        validation::needs([&self.specified, &self.unspecified].into_iter().chain(of_groups))
    }
}

impl ValidateParameters {
    fn validate(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let facts = flow.facts;
        let Some(definition) = Definition::of(facts) else { return Ok(()) };
        let parameters = definition.parameters();
        let mut findings = Vec::new();
        for parameter in &parameters {
            let action = self.action(flow, parameter.place, parameter.name, true)?;
            if action != Action::Ignore {
                findings.extend(self.check(flow, &definition, parameter).map(|(rule, details)| Finding {
                    name: parameter.name.to_owned(),
                    kind: kind(parameter.place),
                    rule,
                    details,
                    action,
                }));
            }
        }
        for (place, name) in given(flow) {
            let is_known = |one: &Parameter<'_>| one.place == place && one.name.eq_ignore_ascii_case(&name);
            if parameters.iter().any(is_known) {
                continue;
            }
            let action = self.action(flow, place, &name, false)?;
            if action != Action::Ignore {
                let details = format!("Unspecified {} {name} is not allowed.", words(place));
                findings.push(Finding { name, kind: kind(place), rule: "Unspecified", details, action });
            }
        }
        validation::conclude(flow, "validate-parameters", self.variable.as_ref(), &findings)
    }

    fn action(&self, flow: &mut Flow<'_>, place: &str, name: &str, is_specified: bool) -> Result<Action, Failure> {
        let group = self.groups.iter().find(|(known, _)| *known == place).map(|(_, group)| group);
        let named = group.and_then(|group| group.named.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
        if let Some((_, action)) = named {
            return action.get(flow);
        }
        let (of_group, usual) = if is_specified {
            (group.and_then(|group| group.specified.as_ref()), &self.specified)
        } else {
            (group.and_then(|group| group.unspecified.as_ref()), &self.unspecified)
        };
        of_group.unwrap_or(usual).get(flow)
    }

    /// The rule that a parameter breaks, and how.
    fn check(
        &self,
        flow: &Flow<'_>,
        definition: &Definition<'_>,
        parameter: &Parameter<'_>,
    ) -> Option<(&'static str, String)> {
        let Parameter { name, place, .. } = *parameter;
        let Some(text) = value(flow, place, name) else {
            let missing = || ("Required", format!("Required {} {name} is missing.", words(place)));
            return parameter.is_required.then(missing);
        };
        let api = flow.facts.api.as_ref()?;
        let operation = flow.facts.operation.as_ref()?;
        let id = format!("{} {} {place} {name}", operation.method, operation.url_template);
        let errors = match self.schemas.validator(api, &id, (definition, parameter.schema), Bending::default()) {
            Ok(validator) => schemas::errors(&validator, &typed(definition, parameter.schema, &text)),
            Err(why) => vec![format!("The schema cannot be used: {why}")],
        };
        let first = errors.into_iter().next()?;
        Some((
            "IncorrectValue",
            format!("The value of the {} {name} does not fit its definition. {first}", words(place)),
        ))
    }
}

fn kind(place: &str) -> &'static str {
    match place {
        "header" => "HeaderParameter",
        "path" => "PathParameter",
        _ => "QueryParameter",
    }
}

fn words(place: &str) -> &'static str {
    match place {
        "header" => "header",
        "path" => "path parameter",
        _ => "query parameter",
    }
}

fn value(flow: &Flow<'_>, place: &str, name: &str) -> Option<String> {
    match place {
        "header" => flow.request.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        "path" => flow
            .request
            .matched
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone()),
        _ => {
            let values: Vec<_> =
                query::pairs(&flow.request.query).filter(|(known, _)| known == name).map(|(_, value)| value).collect();
            (!values.is_empty()).then(|| values.join(","))
        }
    }
}

/// What the request brings, beside the usual headers.
fn given(flow: &Flow<'_>) -> Vec<(&'static str, String)> {
    let is_usual = |name: &str| USUAL.contains(&name) || name.starts_with("sec-") || name.starts_with("x-forwarded-");
    let headers = flow.request.headers.keys().map(|name| name.as_str().to_owned()).filter(|name| !is_usual(name));
    let query = query::pairs(&flow.request.query).map(|(name, _)| ("query", name));
    headers.map(|name| ("header", name)).chain(query).collect()
}

/// A text as a value of the type that its schema names.
fn typed(definition: &Definition<'_>, schema: &Json, text: &str) -> Json {
    let schema = definition.resolve(schema);
    let has = |wanted: &str| match schema.get("type") {
        Some(Json::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
        Some(kind) => kind == wanted,
        None => false,
    };
    if has("array") {
        let items = schema.get("items").unwrap_or(&Json::Null);
        return text.split(',').map(|item| typed(definition, items, item)).collect();
    }
    let parsed = serde_json::from_str::<Json>(text).ok();
    let is_plain =
        |value: &Json| value.is_number() && (has("integer") || has("number")) || value.is_boolean() && has("boolean");
    parsed.filter(is_plain).unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::{Scene, openapi};
    use serde_json::json;

    fn scene(attributes: &str, inside: &str) -> Scene {
        let text =
            format!("<validate-parameters {attributes} errors-variable-name=\"v\">{inside}</validate-parameters>");
        let mut scene = Scene::new().section("inbound", &text);
        let document = json!({ "openapi": "3.0.0", "paths": { "/o/{id}": { "get": { "parameters": [
            { "name": "id", "in": "path", "schema": { "type": "integer" } },
            { "name": "n", "in": "query", "required": true, "schema": { "type": "integer", "maximum": 9 } },
            { "name": "tags", "in": "query", "schema": { "type": "array", "items": { "enum": ["a", "b"] } } },
            { "name": "x-on", "in": "header", "schema": { "type": "boolean" } }
        ] } } } });
        openapi(&mut scene, "GET", "/o/{id}", document);
        scene.matched("id", "7").header("user-agent", "test").header("sec-fetch-mode", "cors")
    }

    const PREVENT: &str = r#"specified-parameter-action="prevent" unspecified-parameter-action="prevent""#;

    #[test]
    fn parameters_are_compared_with_the_document() {
        let rows = [
            ("/?n=1&tags=a,b", "true", 200),
            ("/?n=1&tags=a&tags=c", "true", 400),
            ("/?n=10", "true", 400),
            ("/?n=x", "true", 400),
            ("/", "true", 400),
            ("/?n=1", "maybe", 400),
            ("/?n=1&more=2", "true", 400),
        ];
        for (target, on, status) in rows {
            let played = scene(PREVENT, "").request("GET", target).header("x-on", on).run();
            assert_eq!(played.status(), status, "{target}: {}", played.body());
        }
    }

    #[test]
    fn groups_and_names_have_their_own_actions() {
        let inside = r#"<query unspecified-parameter-action="ignore"><parameter name="n" action="detect" /></query>"#;
        let played = scene(PREVENT, inside).request("GET", "/?n=99&more=1").run();
        assert_eq!(played.status(), 200);
        assert!(played.variable("v").expect("findings").contains("QueryParameter"));
    }
}
