//! `find-and-replace`: replaces a text in a body.

use std::sync::Arc;

use futures_util::FutureExt;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step, Verdict, body_text,
    catalogue::{ANYWHERE, AttributeEntry, Content},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "find-and-replace",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        AttributeEntry::required("from", "The text to look for.").dynamic(),
        AttributeEntry::required("to", "What takes its place; may be empty.").dynamic(),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Replaces every occurrence of a text in the body of the request (`inbound`, `backend`) or of the answer \
             (`outbound`, `on-error`); case matters. The body is read whole first.",
    example: r#"<find-and-replace from="http://internal.example" to="https://api.example.org" />"#,
    build,
};

struct FindAndReplace {
    from: Dynamic<Arc<str>>,
    to: Dynamic<Arc<str>>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let from: Dynamic<Arc<str>> = reading.dynamic("from")?;
    if from.fixed().is_some_and(|from| from.is_empty()) {
        return reading.refuse("`from` of `find-and-replace` is empty; write the text to look for");
    }
    Some(Box::new(FindAndReplace { from, to: reading.dynamic("to")? }))
}

impl Policy for FindAndReplace {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(self.replace(flow).boxed())
    }

    fn needs(&self) -> Needs {
        self.from.needs().and(self.to.needs())
    }

    fn may_wait(&self) -> bool {
        true
    }
}

impl FindAndReplace {
    async fn replace(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        flow.hold(flow.body_needs()).await?;
        let (from, to) = (self.from.get(flow)?, self.to.get(flow)?);
        if let Some(text) = body_text::of(flow)
            && !from.is_empty()
            && text.contains(&*from)
        {
            body_text::put(flow, text.replace(&*from, &to), None);
        }
        Ok(Verdict::Continue)
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::{Reply, Scene};

    #[test]
    fn every_occurrence_is_replaced() {
        let text = r#"<find-and-replace from="a.b" to="c" />"#;
        let scene = Scene::new().section("inbound", text).section("outbound", text);
        let played = scene.body("a.b axb a.b").reply(Reply::new(200, "A.b a.b")).run();
        assert_eq!((&played.sent[0].body[..], played.body().as_str()), (&b"c axb c"[..], "A.b c"));
    }

    #[test]
    fn other_bytes_pass() {
        let text = r#"<find-and-replace from="a" to="b" />"#;
        let played = Scene::new().section("inbound", text).body(&b"a\xff"[..]).run();
        assert_eq!(&played.sent[0].body[..], b"a\xff");
    }
}
