//! `log-to-eventhub`: a message to a configured logger, which posts or appends it in batches.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{ANYWHERE, AttributeEntry, Content},
    outside::named::Logger,
};

/// Longest message in bytes, as in Azure API Management; what is beyond is cut off.
const LONGEST: usize = 200 * 1024;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "log-to-eventhub",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        AttributeEntry::required("logger-id", "A logger of the configuration."),
        AttributeEntry::absent(
            "partition-id",
            "Index of a partition, passed on with the message. Not with `partition-key`.",
        ),
        AttributeEntry::absent(
            "partition-key",
            "Key by which the receiver chooses a partition, passed on with the message. Not with `partition-id`.",
        )
        .dynamic(),
    ],
    children: &[],
    content: Content::Text,
    manual: "Hands a message to a logger of the configuration (`loggers`), which posts messages to an HTTP collector or \
             appends them to a file, in batches; no request waits for it. A message that is JSON goes as JSON, any other as \
             a string; with a partition it is `{\"message\": …, \"partitionKey\": …}`. Messages beyond 200 KiB are cut off. \
             What does not fit into the logger's queue, or cannot be delivered, is dropped and counted by \
             `tollgate_policy_log_messages_dropped_total`.",
    example: r#"<log-to-eventhub logger-id="audit">@(context.RequestId.ToString())</log-to-eventhub>"#,
    build,
};

struct LogToEventhub {
    logger: Arc<Logger>,
    partition: Option<Partition>,
    message: Dynamic<Arc<str>>,
}

enum Partition {
    Id(u32),
    Key(Dynamic<Arc<str>>),
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let id = reading.literal("logger-id")?;
    let named = reading.compiler.known.named();
    let Some(logger) = named.logger(id.trim()) else {
        let hint = reading.compiler.hint(&id, named.logger_ids());
        return reading.unsupported(format!("there is no logger `{id}`{hint}; name it under `loggers`"));
    };
    let partition = match (reading.attribute("partition-id"), reading.attribute("partition-key")) {
        (Some(_), Some(_)) => return reading.refuse("`partition-id` and `partition-key` exclude each other"),
        (Some(_), None) => Some(Partition::Id(reading.parsed("partition-id", "the index of a partition", 0))),
        (None, Some(_)) => Some(Partition::Key(reading.dynamic("partition-key")?)),
        (None, None) => None,
    };
    Some(Box::new(LogToEventhub { logger: logger.clone(), partition, message: reading.text()? }))
}

impl LogToEventhub {
    fn log(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let text = self.message.get(flow)?;
        let message = message(cut(&text));
        let message = match &self.partition {
            None => message,
            Some(Partition::Id(id)) => json!({ "message": message, "partitionId": id }),
            Some(Partition::Key(key)) => json!({ "message": message, "partitionKey": &*key.get(flow)? }),
        };
        if !flow.services.outside.loggers.log(&self.logger, message)
            && let Some(trace) = &mut flow.trace
        {
            trace.say("dropped: the logger's queue is full");
        }
        Ok(())
    }
}

/// Its beginning, as far as a message may be long.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

/// Objects and lists go as they are, anything else as a string.
fn message(text: &str) -> Json {
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    let parsed = looks_like_json.then(|| serde_json::from_str(text).ok()).flatten();
    parsed.unwrap_or_else(|| text.into())
}

impl Policy for LogToEventhub {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.log(flow).into()
    }

    fn needs(&self) -> Needs {
        match &self.partition {
            Some(Partition::Key(key)) => self.message.needs().and(key.needs()),
            _ => self.message.needs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::policies::{
        outside::scripted::{configured, script},
        testing::Scene,
    };

    const LOGGER: &str = r#"{"kind":"loggers","id":"l","url":"https://logs.test/in","interval":"1ms"}"#;

    fn logged(policy: &str) -> Json {
        let calls = script();
        calls.on("https://logs.test/in", 202, &[], "");
        let scene = Scene::new().calls(&calls).named(configured(&[LOGGER])).section("inbound", policy).drained();
        assert_eq!(scene.run().status(), 200);
        serde_json::from_slice(&calls.call(0).body).expect("JSON")
    }

    #[test]
    fn messages_reach_the_logger() {
        let rows = [
            (r#"<log-to-eventhub logger-id="l">hello</log-to-eventhub>"#, json!(["hello"])),
            (
                r#"<log-to-eventhub logger-id="l">@("m: " + context.Request.Method)</log-to-eventhub>"#,
                json!(["m: GET"]),
            ),
            (
                r#"<log-to-eventhub logger-id="l">@{ return new JObject(new JProperty("a", 1)).ToString(); }</log-to-eventhub>"#,
                json!([{"a": 1}]),
            ),
            (r#"<log-to-eventhub logger-id="l">{not json</log-to-eventhub>"#, json!(["{not json"])),
            (
                r#"<log-to-eventhub logger-id="l" partition-id="3">x</log-to-eventhub>"#,
                json!([{"message": "x", "partitionId": 3}]),
            ),
            (
                r#"<log-to-eventhub logger-id="l" partition-key="@(context.Request.Method)">x</log-to-eventhub>"#,
                json!([{"message": "x", "partitionKey": "GET"}]),
            ),
        ];
        for (policy, wanted) in rows {
            assert_eq!(logged(policy), wanted, "{policy}");
        }
    }

    #[test]
    fn long_messages_are_cut_off_between_letters() {
        let long = format!("a{}", "é".repeat(LONGEST));
        assert_eq!(cut(&long).len(), LONGEST - 1);
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn bad_ones_are_told() {
        let rows = [
            (r#"<log-to-eventhub logger-id="ll">x</log-to-eventhub>"#, "no logger `ll`; did you mean `l`?"),
            (
                r#"<log-to-eventhub logger-id="l" partition-id="1" partition-key="k">x</log-to-eventhub>"#,
                "exclude each other",
            ),
            (r#"<log-to-eventhub logger-id="l" partition-id="one">x</log-to-eventhub>"#, "the index of a partition"),
        ];
        for (policy, wanted) in rows {
            let troubles = Scene::new().named(configured(&[LOGGER])).section("inbound", policy).troubles();
            assert!(troubles.iter().any(|trouble| trouble.contains(wanted)), "{policy}: {troubles:?}");
        }
    }
}
