//! `return-response`: ends the journey with an answer of its own.

use std::sync::Arc;

use http::StatusCode;

use super::{
    Body, Entry, Failure, Flow, Needs, Policy, Reading, Response, Step, Verdict,
    catalogue::{ANYWHERE, AttributeEntry, Content, ElementEntry},
    parts::Part,
    set_body, set_header, set_status, values,
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "return-response",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[AttributeEntry::absent(
        "response-variable-name",
        "Variable with the answer of a side call (`send-request`): where the answer starts from.",
    )],
    children: &[
        ElementEntry {
            name: "set-status",
            required: false,
            many: true,
            attributes: set_status::ENTRY.attributes,
            children: &[],
            content: Content::Nothing,
            text: "Status of the answer; 200 without it.",
        },
        ElementEntry {
            name: "set-header",
            required: false,
            many: true,
            attributes: set_header::ENTRY.attributes,
            children: set_header::ENTRY.children,
            content: Content::Nothing,
            text: "A header of the answer.",
        },
        ElementEntry {
            name: "set-body",
            required: false,
            many: true,
            attributes: set_body::ENTRY.attributes,
            children: &[],
            content: Content::Anything,
            text: "Body of the answer; empty without it.",
        },
    ],
    content: Content::Nothing,
    manual: "Ends the journey at once: no other statement runs, in this section and in later ones, and the caller gets \
             the answer that is described here: 200 without a body, or the answer in `response-variable-name`, changed \
             by the statements inside. What they compute may still look at `context.Response` from before.",
    example: r#"<return-response><set-status code="401" reason="Unauthorized" /><set-header name="WWW-Authenticate" exists-action="override"><value>Bearer</value></set-header></return-response>"#,
    build,
};

struct ReturnResponse {
    variable: Option<Arc<str>>,
    parts: Vec<Part>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let element = reading.element;
    let before = reading.compiler.troubles.len();
    let parts = element.elements().filter_map(|child| Part::of(&mut reading.child(child))).collect();
    let variable = reading.literal("response-variable-name").filter(|name| !name.trim().is_empty());
    (reading.compiler.troubles.len() == before).then(|| Box::new(ReturnResponse { variable, parts }) as Box<dyn Policy>)
}

impl Policy for ReturnResponse {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Done(self.answer(flow).map(|answer| {
            flow.response = Some(answer);
            Verdict::Answer
        }))
    }

    fn needs(&self) -> Needs {
        self.parts.iter().fold(Needs::NONE, |needs, part| needs.and(part.needs()))
    }
}

impl ReturnResponse {
    /// A variable without an answer in it is none: what `send-request` could not get is null in APIM as well.
    fn answer(&self, flow: &mut Flow<'_>) -> Result<Response, Failure> {
        let stored = self.variable.as_ref().and_then(|name| values::answer(flow.variables.get(name)?));
        let mut answer = stored.unwrap_or_else(|| Response::new(StatusCode::OK));
        for part in &self.parts {
            part.apply(flow, &mut answer)?;
        }
        if let Body::Held(_) = answer.body {
            answer.headers.remove(http::header::TRANSFER_ENCODING);
            answer.headers.remove(http::header::CONTENT_LENGTH);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::{outside::scripted::script, testing::Scene};

    const ANSWER: &str = r#"<return-response><set-status code="401" reason="No" /><set-header name="x-a">
        <value>1</value></set-header><set-body>{"error":1}</set-body></return-response>"#;

    #[test]
    fn nothing_runs_after_it() {
        for section in ["inbound", "backend", "outbound"] {
            let after = r#"<set-variable name="after" value="1" />"#;
            let played = Scene::new()
                .section(section, &format!("{ANSWER}{after}"))
                .section("outbound", &format!("<base />{after}"))
                .section("on-error", r#"<set-status code="500" />"#)
                .run();
            let found = (played.status(), played.body(), played.header("x-a"), played.header("content-type"));
            assert_eq!(found, (401, r#"{"error":1}"#.to_owned(), Some("1".to_owned()), None), "{section}");
            assert_eq!(played.variable("after"), None, "{section}");
            assert_eq!(played.sent.len(), usize::from(section == "outbound"), "{section}");
        }
    }

    #[test]
    fn it_is_an_empty_200_by_itself() {
        let played = Scene::new().section("inbound", "<return-response />").run();
        assert_eq!((played.status(), played.body().as_str()), (200, ""));
    }

    #[test]
    fn it_begins_with_the_answer_of_a_side_call() {
        let call =
            r#"<send-request mode="new" response-variable-name="r"><set-url>https://a.test/</set-url></send-request>"#;
        let calls = script();
        calls.on("https://a.test/", 403, &[("x-a", "1"), ("connection", "close")], "why");
        for (inside, status) in [("", 403), (r#"<set-status code="401" reason="No" />"#, 401)] {
            let text = format!(r#"{call}<return-response response-variable-name="r">{inside}</return-response>"#);
            let played = Scene::new().calls(&calls).section("inbound", &text).run();
            let found = (played.status(), played.body(), played.header("x-a"), played.header("connection"));
            assert_eq!(found, (status, "why".to_owned(), Some("1".to_owned()), None), "{inside}");
        }
        let none = Scene::new().section("inbound", r#"<return-response response-variable-name="none" />"#).run();
        assert_eq!((none.status(), none.body().as_str()), (200, ""));
    }

    #[test]
    fn on_error_may_answer_with_it() {
        let played = Scene::new().section("inbound", r#"<set-status code="200" />"#).section("on-error", ANSWER).run();
        assert_eq!((played.status(), played.last_error.is_some()), (401, true));
    }
}
