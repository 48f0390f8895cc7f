//! `set-status`: sets the status of the answer.

use std::sync::Arc;

use http::StatusCode;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Response, Step,
    catalogue::{ANYWHERE, AttributeEntry, Content},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "set-status",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        AttributeEntry::required("code", "The status: 200 to 599.").dynamic(),
        AttributeEntry::optional("reason", "the status's usual phrase", "The reason phrase.").dynamic(),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Sets status and reason phrase of the answer. Mostly inside `return-response`; by itself it needs an answer, \
             so it fails in `inbound`.",
    example: r#"<set-status code="401" reason="Unauthorized" />"#,
    build,
};

/// Sets the status.
pub struct SetStatus {
    code: Dynamic<u16>,
    reason: Option<Dynamic<Arc<str>>>,
}

/// A status for an answer.
pub struct Status(StatusCode, Option<String>);

impl Status {
    /// Sets it.
    pub fn apply(self, response: &mut Response) {
        (response.status, response.reason) = (self.0, self.1);
    }
}

impl SetStatus {
    /// As the element says.
    pub fn of(reading: &mut Reading<'_, '_>) -> Option<Self> {
        let code: Dynamic<u16> = reading.dynamic("code")?;
        if let Some(code) = code.fixed().filter(|code| parsed(**code).is_err()) {
            return reading.refuse(format!("`code` of `set-status` is `{code}`; it must be 200 to 599"));
        }
        Some(Self { code, reason: reading.dynamic("reason") })
    }

    /// The status for this exchange.
    pub fn status(&self, flow: &mut Flow<'_>) -> Result<Status, Failure> {
        let code = parsed(self.code.get(flow)?)?;
        let reason = self.reason.as_ref().map(|reason| reason.get(flow)).transpose()?;
        Ok(Status(code, reason.map(|reason| reason.to_string())))
    }

    /// Bodies that it reads.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.reason.as_ref().map_or(self.code.needs(), |reason| self.code.needs().and(reason.needs()))
    }
}

fn parsed(code: u16) -> Result<StatusCode, Failure> {
    StatusCode::from_u16(code).ok().filter(|code| (200..600).contains(&code.as_u16())).ok_or_else(|| {
        Failure::new("set-status", "InvalidStatus", 500, format!("`{code}` is no status of an answer: 200 to 599"))
    })
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    SetStatus::of(reading).map(|status| Box::new(status) as Box<dyn Policy>)
}

impl Policy for SetStatus {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        let set = self.status(flow).and_then(|status| match &mut flow.response {
            Some(response) => {
                status.apply(response);
                Ok(())
            }
            None => {
                Err(Failure::new("set-status", "NoResponse", 500, "There is no answer yet whose status could be set."))
            }
        });
        set.into()
    }

    fn needs(&self) -> Needs {
        self.needs()
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn the_answer_gets_the_status() {
        let text = r#"<set-status code="418" reason="Tea" />"#;
        let played = Scene::new().section("outbound", text).run();
        assert_eq!((played.status(), played.response.as_ref().expect("an answer").reason()), (418, "Tea"));
        let played = Scene::new().section("inbound", text).run();
        assert_eq!(played.failure().map(|failure| &*failure.reason), Some("NoResponse"));
    }

    #[test]
    fn statuses_are_checked_at_load() {
        for code in ["99", "100", "600", "abc"] {
            let troubles = Scene::new().section("outbound", &format!(r#"<set-status code="{code}" />"#)).troubles();
            assert_eq!(troubles.len(), 1, "{code}: {troubles:?}");
        }
    }
}
