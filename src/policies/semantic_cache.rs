//! The semantic cache policies: known by name, and refused until the gateway has a semantic cache.

use super::{
    Entry, Policy, Reading,
    catalogue::{AttributeEntry, Content, ElementEntry, INBOUND, OUTBOUND},
};

/// Why they are refused.
const NOT_YET: &str = "the semantic cache comes with a later release; until then remove it, or set \
                       `policies.on_unsupported: fail_when_reached` and keep it out of reach by a `choose`";

/// `llm-semantic-cache-lookup`.
pub const LOOKUP: Entry = Entry {
    name: "llm-semantic-cache-lookup",
    aliases: &["azure-openai-semantic-cache-lookup"],
    sections: INBOUND,
    attributes: &[
        AttributeEntry::required("score-threshold", "How far a prompt may be from the one that was answered: 0 to 1.")
            .dynamic(),
        AttributeEntry::required("embeddings-backend-id", "Backend that computes embeddings."),
        AttributeEntry::absent("embeddings-backend-auth", "`system-assigned`."),
        AttributeEntry::optional(
            "ignore-system-messages",
            "false",
            "Whether system messages are left out of the comparison.",
        )
        .dynamic(),
        AttributeEntry::absent("max-message-count", "Messages of a dialogue from which on it is not looked up.")
            .dynamic(),
        AttributeEntry::absent("cache-id", "Which cache."),
    ],
    children: &[ElementEntry {
        name: "vary-by",
        required: false,
        many: true,
        attributes: &[],
        children: &[],
        content: Content::Text,
        text: "What else tells prompts apart.",
    }],
    content: Content::Nothing,
    manual: "Answers a prompt with the answer of a similar one. Not in this release: documents that use it are refused, or \
             fail when it is reached (`policies.on_unsupported`).",
    example: r#"<llm-semantic-cache-lookup score-threshold="0.05" embeddings-backend-id="embeddings" embeddings-backend-auth="system-assigned"><vary-by>@(context.Subscription.Id)</vary-by></llm-semantic-cache-lookup>"#,
    build,
};

/// `llm-semantic-cache-store`.
pub const STORE: Entry = Entry {
    name: "llm-semantic-cache-store",
    aliases: &["azure-openai-semantic-cache-store"],
    sections: OUTBOUND,
    attributes: &[AttributeEntry::required("duration", "How long an answer is kept, in seconds.").dynamic()],
    children: &[],
    content: Content::Nothing,
    manual: "Keeps an answer for `llm-semantic-cache-lookup`. Not in this release: documents that use it are refused, or \
             fail when it is reached (`policies.on_unsupported`).",
    example: r#"<llm-semantic-cache-store duration="60" />"#,
    build,
};

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let name = reading.element.name.clone();
    reading.unsupported(format!("`{name}` cannot be done yet: {NOT_YET}"))
}

#[cfg(test)]
mod tests {
    use crate::policies::{compile::OnUnsupported, testing::Scene};

    const LOOKUP: &str = r#"<azure-openai-semantic-cache-lookup score-threshold="0.8" embeddings-backend-id="e" embeddings-backend-auth="system-assigned" />"#;

    #[test]
    fn they_are_refused_by_their_own_name() {
        let troubles = Scene::new()
            .section("inbound", LOOKUP)
            .section("outbound", r#"<llm-semantic-cache-store duration="60" />"#)
            .troubles();
        assert_eq!(troubles.len(), 2, "{troubles:?}");
        assert!(troubles[0].starts_with("`azure-openai-semantic-cache-lookup` cannot be done yet"), "{troubles:?}");
        assert!(troubles[1].starts_with("`llm-semantic-cache-store` cannot be done yet"), "{troubles:?}");
    }

    #[test]
    fn or_fail_when_they_are_reached() {
        let mut scene = Scene::new().section("inbound", LOOKUP);
        scene.on_unsupported = OnUnsupported::FailWhenReached;
        let played = scene.run();
        assert_eq!((played.status(), played.sent.len()), (500, 0));
    }
}
