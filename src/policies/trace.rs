//! `trace`: writes a line to the exchange's trace and to the log.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{ANYWHERE, AttributeEntry, Content, ElementEntry},
};

/// Longest message in the log, in characters.
const LONGEST: usize = 8192;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "trace",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        AttributeEntry::required("source", "Who speaks, for whoever reads the trace.").dynamic(),
        AttributeEntry::optional("severity", "verbose", "`verbose`, `information` or `error`.").one_of(&[
            "verbose",
            "information",
            "error",
        ]),
    ],
    children: &[
        ElementEntry {
            name: "message",
            required: false,
            many: false,
            attributes: &[],
            children: &[],
            content: Content::Text,
            text: "What there is to say. Text directly inside `trace` is the same.",
        },
        ElementEntry {
            name: "metadata",
            required: false,
            many: true,
            attributes: &[
                AttributeEntry::required("name", "Name of a fact."),
                AttributeEntry::required("value", "Its value.").dynamic(),
            ],
            children: &[],
            content: Content::Nothing,
            text: "A fact beside the message.",
        },
    ],
    content: Content::Text,
    manual: "Adds a line to the exchange's trace and writes it to the gateway's log, with the request's id: `verbose` at \
             debug, `information` at info, `error` at warn. Messages go where logs go: put no secrets in them.",
    example: r#"<trace source="orders" severity="information"><message>@(context.Request.Method)</message><metadata name="team" value="red" /></trace>"#,
    build,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Verbose,
    Information,
    Error,
}

struct Trace {
    source: Dynamic<Arc<str>>,
    severity: Severity,
    message: Dynamic<Arc<str>>,
    metadata: Vec<(Arc<str>, Dynamic<Arc<str>>)>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let element = reading.element;
    let severity = match reading.literal("severity").as_deref().map(str::trim) {
        Some("information") => Severity::Information,
        Some("error") => Severity::Error,
        _ => Severity::Verbose,
    };
    let message = match element.child("message") {
        Some(message) => reading.child(message).text()?,
        None if element.text().value.trim().is_empty() => {
            return reading.refuse("`trace` needs a `message`");
        }
        None => reading.text()?,
    };
    let metadata = element.elements().filter(|child| &*child.name == "metadata").filter_map(|child| {
        let mut inner = reading.child(child);
        Some((inner.literal("name")?, inner.dynamic("value")?))
    });
    let metadata = metadata.collect();
    Some(Box::new(Trace { source: reading.dynamic("source")?, severity, message, metadata }))
}

impl Policy for Trace {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.tell(flow).into()
    }

    fn needs(&self) -> Needs {
        let needs = self.source.needs().and(self.message.needs());
        self.metadata.iter().fold(needs, |needs, (_, value)| needs.and(value.needs()))
    }
}

impl Trace {
    fn tell(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let source = self.source.get(flow)?;
        let message: String = self.message.get(flow)?.trim().chars().take(LONGEST).collect();
        let mut facts = String::new();
        for (name, value) in &self.metadata {
            facts.extend([if facts.is_empty() { "" } else { ", " }, name, "=", &*value.get(flow)?]);
        }
        self.log(&flow.facts.request_id, &source, &message, &facts);
        if let Some(trace) = &mut flow.trace {
            let facts = if facts.is_empty() { facts } else { format!(" ({facts})") };
            trace.say(format!("{source}: {message}{facts}"));
        }
        Ok(())
    }

    fn log(&self, request_id: &str, source: &str, message: &str, facts: &str) {
        match self.severity {
            Severity::Verbose => tracing::debug!(request_id, source, facts, "{message}"),
            Severity::Information => tracing::info!(request_id, source, facts, "{message}"),
            Severity::Error => tracing::warn!(request_id, source, facts, "{message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn the_trace_keeps_what_is_said() {
        let rows = [
            (
                r#"<message>hello</message><metadata name="a" value="1" /><metadata name="b" value="2" />"#,
                "s: hello (a=1, b=2)",
            ),
            ("\n  hello \n", "s: hello"),
        ];
        for (inside, wanted) in rows {
            let text = format!(r#"<trace source="s" severity="error">{inside}</trace>"#);
            let played = Scene::new().section("inbound", &text).traced().run();
            assert_eq!(played.trace.expect("a trace").steps[0].said, [wanted]);
        }
    }

    #[test]
    fn it_has_to_say_something() {
        assert_eq!(
            Scene::new().section("inbound", r#"<trace source="s" />"#).troubles(),
            ["`trace` needs a `message`"]
        );
    }
}
