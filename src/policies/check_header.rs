//! `check-header`: lets a request pass only with a header of an expected value.

use std::sync::Arc;

use http::HeaderName;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, ElementEntry, INBOUND},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "check-header",
    aliases: &[],
    sections: INBOUND,
    attributes: &[
        AttributeEntry::required("name", "Name of the header.").dynamic(),
        AttributeEntry::optional("failed-check-httpcode", "401", "Status of the refusal.").dynamic(),
        AttributeEntry::optional(
            "failed-check-error-message",
            "what is wrong with the header",
            "Message of the refusal.",
        )
        .dynamic(),
        AttributeEntry::optional("ignore-case", "false", "Whether values are compared without regard to case.")
            .dynamic(),
    ],
    children: &[ElementEntry {
        name: "value",
        required: false,
        many: true,
        attributes: &[],
        children: &[],
        content: Content::Text,
        text: "A value that is allowed; without any, the header only has to be there.",
    }],
    content: Content::Nothing,
    manual: "Refuses requests that do not have the header, or have none of the values in it. Reasons: `HeaderNotFound`, \
             `HeaderValueNotAllowed`.",
    example: r#"<check-header name="x-team" failed-check-httpcode="401" failed-check-error-message="Not authorized" ignore-case="true"><value>red</value></check-header>"#,
    build,
};

struct CheckHeader {
    name: Dynamic<Arc<str>>,
    status: Option<Dynamic<u16>>,
    message: Option<Dynamic<Arc<str>>>,
    ignore_case: Option<Dynamic<bool>>,
    values: Vec<Dynamic<Arc<str>>>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let name: Dynamic<Arc<str>> = reading.dynamic("name")?;
    if let Some(name) = name.fixed().filter(|name| HeaderName::try_from(name.trim()).is_err()) {
        return reading.refuse(format!("`{name}` is not the name of a header"));
    }
    Some(Box::new(CheckHeader {
        name,
        status: reading.dynamic("failed-check-httpcode"),
        message: reading.dynamic("failed-check-error-message"),
        ignore_case: reading.dynamic("ignore-case"),
        values: reading.texts("value"),
    }))
}

impl Policy for CheckHeader {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.check(flow).into()
    }

    fn needs(&self) -> Needs {
        let mut needs = self.values.iter().fold(self.name.needs(), |needs, value| needs.and(value.needs()));
        needs = self.status.as_ref().map_or(needs, |one| needs.and(one.needs()));
        needs = self.message.as_ref().map_or(needs, |one| needs.and(one.needs()));
        self.ignore_case.as_ref().map_or(needs, |one| needs.and(one.needs()))
    }
}

impl CheckHeader {
    fn check(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let name = self.name.get(flow)?;
        let ignore_case = self.ignore_case.as_ref().map_or(Ok(false), |ignore| ignore.get(flow))?;
        let found: Vec<String> = flow.request.headers.get_all(name.trim()).iter().map(text).collect();
        if found.is_empty() {
            let message = format!("Header {name} was not found in the request. Access denied.");
            return Err(self.refusal(flow, "HeaderNotFound", message)?);
        }
        if self.values.is_empty() {
            return Ok(());
        }
        for value in &self.values {
            let value = value.get(flow)?;
            let fits = |one: &String| *one == *value || ignore_case && one.to_lowercase() == value.to_lowercase();
            if found.iter().any(fits) {
                return Ok(());
            }
        }
        let message = format!("Header {name} value of {} is not allowed. Access denied.", found.join(", "));
        Err(self.refusal(flow, "HeaderValueNotAllowed", message)?)
    }

    fn refusal(&self, flow: &mut Flow<'_>, reason: &'static str, usual: String) -> Result<Failure, Failure> {
        let status = self.status.as_ref().map_or(Ok(401), |status| status.get(flow))?;
        let message = match &self.message {
            Some(message) => message.get(flow)?.to_string(),
            None => usual,
        };
        Ok(Failure::new("check-header", reason, status, message))
    }
}

fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn only_expected_values_pass() {
        let rows = [
            ("", Some("b"), 200, ""),
            (r#"ignore-case="true""#, Some("A"), 200, ""),
            (r#"ignore-case="false""#, Some("A"), 401, "HeaderValueNotAllowed"),
            (r#"failed-check-httpcode="403""#, Some("c"), 403, "HeaderValueNotAllowed"),
            ("", None, 401, "HeaderNotFound"),
        ];
        for (attributes, given, status, reason) in rows {
            let text =
                format!(r#"<check-header name="x-a" {attributes}><value>a</value><value>b</value></check-header>"#);
            let scene = Scene::new().section("inbound", &text);
            let played = given.into_iter().fold(scene, |scene, value| scene.header("x-a", value)).run();
            assert_eq!(played.status(), status, "{attributes}");
            assert_eq!(played.failure().map_or("", |failure| &failure.reason), reason);
        }
    }

    #[test]
    fn presence_is_enough_without_values() {
        let text = r#"<check-header name="x-a" failed-check-error-message="Go away" />"#;
        assert_eq!(Scene::new().section("inbound", text).header("x-a", "anything").run().status(), 200);
        let refused = Scene::new().section("inbound", text).run();
        assert!(refused.body().contains("Go away"), "{}", refused.body());
    }
}
