//! Telling usage in an answer whose backend did not: the gateway's own count, worded as the dialect does.
//!
//! Deliberately not here: where the figures come from.

use serde_json::{Value, json};

use super::merge::says;
use crate::{Surface, Usage};

/// Gives the answer a usage object where it has none. A backend's own figures are left alone.
pub fn with_usage(surface: Surface, answer: &mut Value, usage: &Usage) {
    let gemini = matches!(surface, Surface::GenerateContent | Surface::StreamGenerateContent);
    let member = if gemini { "usageMetadata" } else { "usage" };
    if says(&answer[member]) || !usage.is_reported() {
        return;
    }
    answer[member] = match surface {
        Surface::GenerateContent | Surface::StreamGenerateContent => json!({
            "promptTokenCount": usage.input_total(),
            "candidatesTokenCount": usage.output_total().saturating_sub(usage.reasoning.unwrap_or(0)),
            "thoughtsTokenCount": usage.reasoning.unwrap_or(0),
            "totalTokenCount": usage.total(),
        }),
        Surface::Messages => json!({
            "input_tokens": usage.input.unwrap_or(0),
            "cache_creation_input_tokens": usage.cache_write.unwrap_or(0),
            "cache_read_input_tokens": usage.cached_input.unwrap_or(0),
            "output_tokens": usage.output_total(),
        }),
        Surface::Responses => json!({
            "input_tokens": usage.input_total(),
            "input_tokens_details": { "cached_tokens": usage.cached_input.unwrap_or(0) },
            "output_tokens": usage.output_total(),
            "output_tokens_details": { "reasoning_tokens": usage.reasoning.unwrap_or(0) },
            "total_tokens": usage.total(),
        }),
        _ => json!({
            "prompt_tokens": usage.input_total(),
            "prompt_tokens_details": { "cached_tokens": usage.cached_input.unwrap_or(0) },
            "completion_tokens": usage.output_total(),
            "completion_tokens_details": { "reasoning_tokens": usage.reasoning.unwrap_or(0) },
            "total_tokens": usage.total(),
        }),
    };
}
