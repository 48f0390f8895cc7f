//! `llm-semantic-cache-store`: keeps the answer for `llm-semantic-cache-lookup`.

use std::time::Duration;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, OUTBOUND},
};

/// Longest time that an answer is kept: a year.
const LONGEST: f64 = 31_536_000.0;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "llm-semantic-cache-store",
    aliases: &["azure-openai-semantic-cache-store"],
    sections: OUTBOUND,
    attributes: &[AttributeEntry::required(
        "duration",
        "How long the answer is kept, in seconds; 0 or less: not at all.",
    )
    .dynamic()],
    children: &[],
    content: Content::Nothing,
    manual: "Keeps the answer for the `llm-semantic-cache-lookup` of this exchange, which has found nothing: without one \
             nothing is kept. The body passes on as it comes, streams too, and is kept when all of it has passed and it is a whole answer that ended by itself: not one that was cut at a length, filtered, refused, \
             or that calls tools. A streamed and an unstreamed call share answers. A failing or full cache fails no request.",
    example: r#"<llm-semantic-cache-store duration="60" />"#,
    build,
};

struct SemanticStore {
    seconds: Dynamic<f64>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(SemanticStore { seconds: reading.dynamic("duration")? }))
}

impl SemanticStore {
    fn store(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let seconds = self.seconds.get(flow)?;
        // Not a number is not a time either.
        if seconds > 0.0 {
            let lasts = Duration::from_secs_f64(seconds.min(LONGEST));
            let body = flow.response.as_ref().and_then(|response| response.body.held());
            flow.link.keep_model(body, lasts);
        }
        Ok(())
    }
}

impl Policy for SemanticStore {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.store(flow).into()
    }

    fn needs(&self) -> Needs {
        self.seconds.needs()
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn without_a_lookup_it_does_nothing() {
        for seconds in ["60", "0", "-1", "@(1e9)"] {
            let store = format!(r#"<azure-openai-semantic-cache-store duration="{seconds}" />"#);
            let played = Scene::new().section("outbound", &store).run();
            assert_eq!((played.status(), played.sent.len()), (200, 1), "{seconds}");
        }
        let troubles = Scene::new().section("outbound", r#"<llm-semantic-cache-store duration="long" />"#).troubles();
        assert_eq!(troubles.len(), 1, "{troubles:?}");
    }
}
