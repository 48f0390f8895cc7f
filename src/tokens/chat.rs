//! What OpenAI puts around the texts of a chat, by its published rules.
//!
//! From its cookbook, "How to count tokens with tiktoken" (verified there against the API for gpt-3.5-turbo, gpt-4,
//! gpt-4o and gpt-4o-mini): each message is framed by 3 tokens, a name costs 1 more, the answer is primed with 3.

use tollgate_providers::{
    models,
    prompt::{Part, Prompt},
};

const PER_MESSAGE: u64 = 3;
const PER_NAME: u64 = 1;
const PRIMING: u64 = 3;

/// Families for which the rules are published, so that a plain chat is counted exactly.
const PUBLISHED: [&str; 5] = ["gpt-4", "gpt-4o", "gpt-4.1", "gpt-3.5-turbo", "gpt-35-turbo"];

/// Whether plain chats with this model are counted exactly by these rules.
pub(super) fn is_published(model: &str) -> bool {
    PUBLISHED.iter().any(|prefix| models::begins_with(models::bare(model), prefix))
}

/// Tokens around a prompt's texts: none where there are no messages (embeddings, completions).
pub(super) fn framing(prompt: &Prompt<'_>) -> u64 {
    if prompt.messages == 0 {
        return 0;
    }
    let names = prompt.texts.iter().filter(|text| text.part == Part::Name).count() as u64;
    prompt.messages.saturating_mul(PER_MESSAGE) + names * PER_NAME + PRIMING
}
