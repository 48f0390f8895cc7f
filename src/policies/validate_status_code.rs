//! `validate-status-code`: statuses of answers by the API's document.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{ANSWER, AttributeEntry, Content, ElementEntry},
    definition::Definition,
    validation::{self, ACTIONS, Action, Finding, VARIABLE, VARIABLE_TOO},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "validate-status-code",
    aliases: &[],
    sections: ANSWER,
    attributes: &[
        AttributeEntry::required("unspecified-status-code-action", "For statuses that the API does not describe.")
            .dynamic()
            .one_of(ACTIONS),
        VARIABLE,
        VARIABLE_TOO,
    ],
    children: &[ElementEntry {
        name: "status-code",
        required: false,
        many: true,
        attributes: &[
            AttributeEntry::required("code", "The status."),
            AttributeEntry::required("action", "For this one.").dynamic().one_of(ACTIONS),
        ],
        children: &[],
        content: Content::Nothing,
        text: "Another action for one status that the API does not describe.",
    }],
    content: Content::Nothing,
    manual: "Compares the status of an answer with those that the API's OpenAPI document describes for the operation \
             (`default` describes none). `prevent` refuses with 502. Without a document nothing is compared.",
    example: r#"<validate-status-code unspecified-status-code-action="prevent" errors-variable-name="found"><status-code code="404" action="ignore" /></validate-status-code>"#,
    build,
};

struct ValidateStatusCode {
    unspecified: Dynamic<Action>,
    named: Vec<(u16, Dynamic<Action>)>,
    variable: Option<Arc<str>>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let element = reading.element;
    let named = element.elements().filter_map(|child| {
        let mut inner = reading.child(child);
        Some((inner.parsed("code", "a status", 0), inner.dynamic("action")?))
    });
    let named = named.collect();
    let variable = validation::variable(reading);
    Some(Box::new(ValidateStatusCode {
        unspecified: reading.dynamic("unspecified-status-code-action")?,
        named,
        variable,
    }))
}

impl Policy for ValidateStatusCode {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.validate(flow).into()
    }

    fn needs(&self) -> Needs {
        validation::needs(self.named.iter().map(|(_, action)| action).chain([&self.unspecified]))
    }
}

impl ValidateStatusCode {
    fn validate(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let Some(status) = flow.response.as_ref().map(|response| response.status.as_u16()) else { return Ok(()) };
        let is_described = Definition::of(flow.facts).is_none_or(|definition| definition.names_status(status));
        if is_described {
            return Ok(());
        }
        let named = self.named.iter().find(|(code, _)| *code == status).map(|(_, action)| action);
        let action = named.unwrap_or(&self.unspecified).get(flow)?;
        if action == Action::Ignore {
            return Ok(());
        }
        let details = format!("Response status code {status} is not allowed.");
        let name = status.to_string();
        let finding = Finding { name, kind: "StatusCode", rule: "UnspecifiedStatusCode", details, action };
        validation::conclude(flow, "validate-status-code", self.variable.as_ref(), &[finding])
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::{Reply, Scene, openapi};
    use serde_json::json;

    #[test]
    fn statuses_are_compared_with_the_document() {
        let document = json!({ "openapi": "3.0.0", "paths": { "/": { "get": { "responses": {
            "200": {}, "4XX": {}, "default": {} } } } } });
        for (given, wanted) in [(200, 200), (404, 404), (500, 502), (503, 503)] {
            let text = r#"<validate-status-code unspecified-status-code-action="prevent" error-variable-name="v">
                <status-code code="503" action="detect" /></validate-status-code>"#;
            let mut scene = Scene::new().section("outbound", text).reply(Reply::new(given, "x"));
            openapi(&mut scene, "GET", "/", document.clone());
            let played = scene.run();
            assert_eq!((played.status(), played.variable("v").is_some()), (wanted, given >= 500), "{given}");
        }
    }
}
