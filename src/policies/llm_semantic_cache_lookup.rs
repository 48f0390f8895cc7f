//! `llm-semantic-cache-lookup`: answers a prompt with what was answered to one that means the same.
//!
//! What prompts are compared with, and how, is the gateway's model cache, which is lent by `Link::look_up_model`.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, FromValue, Needs, Policy, Reading, Step, Verdict,
    catalogue::{AttributeEntry, Content, ElementEntry, INBOUND},
    flow::Cached,
    link::Likeness,
    rate_limit::optional,
};
use crate::expression::Value;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "llm-semantic-cache-lookup",
    aliases: &["azure-openai-semantic-cache-lookup"],
    sections: INBOUND,
    attributes: &[
        AttributeEntry::required(
            "score-threshold",
            "How far a prompt may be from the one that was answered, 0 to 1: a distance, so that lower is stricter. The \
             cosine of both must be at least 1 less this. 0.05 is a cautious beginning.",
        )
        .dynamic(),
        AttributeEntry::required(
            "embeddings-backend-id",
            "Which backend computes embeddings. Asked only where `embeddings-model` says by which model; else the gateway's \
             own model computes them, and no request leaves.",
        ),
        AttributeEntry::absent(
            "embeddings-model",
            "Not in APIM, where the backend's URL has it: the model by which `embeddings-backend-id`, an OpenAI or Azure \
             OpenAI backend, computes embeddings. It has 500 ms; whatever goes wrong there is a miss.",
        ),
        AttributeEntry::absent("embeddings-backend-auth", "`system-assigned`: how APIM signs in there.")
            .one_of(&["system-assigned"]),
        AttributeEntry::optional(
            "ignore-system-messages",
            "false",
            "true: prompts are compared, and answers shared, whatever the system messages say.",
        )
        .dynamic(),
        AttributeEntry::absent("max-message-count", "Messages of a conversation from which on it is not looked up.")
            .dynamic(),
        AttributeEntry::absent("cache-id", "Tells this cache apart from others: answers kept under another id are not found."),
        AttributeEntry::optional(
            "guards",
            "none",
            "Not in APIM: `strict`, `balanced` or `loose` also compares numbers, dates, negations and names, by which most \
             wrong answers are avoided, and takes the preset's own measure in place of `score-threshold`.",
        )
        .one_of(&["none", "strict", "balanced", "loose"]),
    ],
    children: &[ElementEntry {
        name: "vary-by",
        required: false,
        many: true,
        attributes: &[],
        children: &[],
        content: Content::Text,
        text: "What else tells prompts apart; several count together.",
    }],
    content: Content::Nothing,
    manual: "Answers a prompt with what `llm-semantic-cache-store` kept: for the same request, for the same words, or for a \
             prompt whose last user message means the same. The rest of `inbound` and `backend` is left out then, and \
             `outbound` goes on after the store. On APIs of models; elsewhere it does nothing.\n\nUnlike in APIM, answers are \
             never shared between subscriptions (unless `cache.scope` says so), models, or conversations that differ before \
             the last user message; `vary-by` divides further. Tools, images, several choices and a temperature above \
             `cache.temperature_limit` are not looked up, nor requests that say `Cache-Control: no-cache` or `no-store`. A \
             hit counts as a request, charges no tokens unless `cache.charge_hits` is set, and stands in the ledger with \
             what it saved. `x-tollgate-cache` says `hit`, `semantic; similarity=0.97`, `miss` or `bypass`.\n\nA threshold \
             alone gives wrong answers at every setting: `score-threshold=\"0.8\"`, as some samples have it, takes nearly \
             any prompt for any other. A figure that was found for another embedding model has to be found again; better, use \
             `guards`.",
    example: r#"<llm-semantic-cache-lookup score-threshold="0.05" embeddings-backend-id="embeddings" embeddings-backend-auth="system-assigned" ignore-system-messages="true" max-message-count="10"><vary-by>@(context.Subscription.Id)</vary-by></llm-semantic-cache-lookup>"#,
    build,
};

struct SemanticLookup {
    distance: Dynamic<Distance>,
    ignores_system: Dynamic<bool>,
    most_messages: Option<Dynamic<usize>>,
    cache: Arc<str>,
    guards: Option<Arc<str>>,
    embeddings: Option<(Arc<str>, Arc<str>)>,
    vary_by: Vec<Dynamic<Arc<str>>>,
}

/// `score-threshold`.
#[derive(Clone, Copy)]
struct Distance(f64);

impl FromValue for Distance {
    fn from_value(value: &Value) -> Result<Self, String> {
        let text = value.to_text();
        let distance = text.trim().parse().ok().filter(|distance: &f64| (0.0..=1.0).contains(distance));
        distance.map(Self).ok_or_else(|| format!("`score-threshold` is `{text}`; it must be a number from 0 to 1"))
    }
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let ignores_system = match reading.attribute("ignore-system-messages") {
        None => Dynamic::Fixed(false),
        Some(_) => reading.dynamic("ignore-system-messages")?,
    };
    let most_messages = optional(reading, "max-message-count")?;
    Some(Box::new(SemanticLookup {
        distance: reading.dynamic("score-threshold")?,
        ignores_system,
        most_messages,
        cache: reading.literal("cache-id").unwrap_or_default(),
        guards: reading.literal("guards").filter(|guards| &**guards != "none"),
        embeddings: reading.literal("embeddings-backend-id").zip(reading.literal("embeddings-model")),
        vary_by: reading.texts("vary-by"),
    }))
}

impl SemanticLookup {
    fn likeness(&self, flow: &mut Flow<'_>) -> Result<Likeness, Failure> {
        let mut vary_by = vec![self.cache.to_string()];
        for text in &self.vary_by {
            vary_by.push(text.get(flow)?.to_string());
        }
        Ok(Likeness {
            vary_by,
            similarity: 1.0 - self.distance.get(flow)?.0,
            guards: self.guards.clone(),
            embeddings: self.embeddings.clone(),
            ignores_system: self.ignores_system.get(flow)?,
            most_messages: self.most_messages.as_ref().map(|most| most.get(flow)).transpose()?,
        })
    }

    async fn look(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        if !matches!(flow.cached, Cached::Unasked) {
            return Ok(Verdict::Continue);
        }
        let likeness = self.likeness(flow)?;
        let found = flow.link.look_up_model(&flow.request, likeness).await?;
        let Some(answer) = found else { return Ok(Verdict::Continue) };
        flow.response = Some(answer);
        flow.cached = Cached::Found;
        Ok(Verdict::Outbound)
    }
}

impl Policy for SemanticLookup {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(Box::pin(self.look(flow)))
    }

    fn needs(&self) -> Needs {
        let own = Needs { request_body: true, response_body: false };
        let most = self.most_messages.as_ref().map_or(Needs::NONE, Dynamic::needs);
        let needs = own.and(self.distance.needs()).and(self.ignores_system.needs()).and(most);
        self.vary_by.iter().fold(needs, |needs, text| needs.and(text.needs()))
    }

    fn may_wait(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    fn troubles(attributes: &str) -> Vec<String> {
        let lookup = format!(r#"<llm-semantic-cache-lookup embeddings-backend-id="e" {attributes} />"#);
        Scene::new().section("inbound", &lookup).troubles()
    }

    #[test]
    fn what_is_wrong_is_told_at_load() {
        for (attributes, word) in [
            (r#"score-threshold="1.5""#, "score-threshold"),
            (r#"score-threshold="near""#, "score-threshold"),
            ("", "score-threshold"),
            (r#"score-threshold="0.1" embeddings-backend-auth="none""#, "embeddings-backend-auth"),
            (r#"score-threshold="0.1" guards="all""#, "guards"),
            (r#"score-threshold="0.1" max-message-count="many""#, "many"),
        ] {
            let troubles = troubles(attributes);
            assert!(troubles.len() == 1 && troubles[0].contains(word), "{attributes}: {troubles:?}");
        }
        assert_eq!(troubles(r#"score-threshold="0.1" guards="strict" cache-id="mine""#), Vec::<String>::new());
    }

    #[test]
    fn where_there_is_no_model_cache_the_request_goes_on() {
        let lookup = r#"<azure-openai-semantic-cache-lookup score-threshold="0.05" embeddings-backend-id="e"><vary-by>x</vary-by></azure-openai-semantic-cache-lookup>"#;
        let played = Scene::new().section("inbound", lookup).run();
        assert_eq!((played.status(), played.sent.len()), (200, 1));
    }
}
