//! Ending a stream properly in its own dialect when a quota is used up: the events that a provider sends when an
//! answer reaches its length limit, so that clients take what came as a whole, if shortened, answer.
//!
//! A comment line says why: SDKs skip it, people who read the wire see it. Deliberately not here: when to end.

use serde_json::{Value, json};

use crate::{Family, Surface, Usage};

/// What is known of the stream that is to end.
#[derive(Clone, Copy, Debug)]
pub struct Cutoff<'a> {
    /// The answer's id as the provider named it.
    pub id: &'a str,
    /// The model as the provider named it.
    pub model: &'a str,
    /// When, in seconds since 1970.
    pub created: u64,
    /// How many answers run side by side in the stream, at least 1.
    pub choices: u64,
    /// Anthropic: the content block that is open.
    pub open_block: Option<u64>,
    /// The number of the next event, where a dialect counts them.
    pub sequence: u64,
    /// What is charged.
    pub usage: &'a Usage,
    /// Whether the caller asked for usage.
    pub tells_usage: bool,
    /// Why, in one line for people.
    pub why: &'a str,
}

/// The events that end the stream. Whatever was sent before must have ended with a whole event.
#[must_use]
pub fn ending(surface: Surface, cutoff: &Cutoff<'_>) -> Vec<u8> {
    let mut text = format!(": {}\n\n", cutoff.why.replace(['\r', '\n'], " "));
    match (surface, surface.family()) {
        (Surface::Completions, _) => completions(cutoff, &mut text),
        (Surface::Responses | Surface::StoredResponse, _) => responses(cutoff, &mut text),
        (_, Family::OpenAi) => chat(cutoff, &mut text),
        (_, Family::Anthropic) => anthropic(cutoff, &mut text),
        (_, Family::Gemini) => gemini(cutoff, &mut text),
    }
    text.into_bytes()
}

fn data(value: &Value, text: &mut String) {
    text.push_str("data: ");
    text.push_str(&value.to_string());
    text.push_str("\n\n");
}

fn event(name: &str, value: &Value, text: &mut String) {
    text.push_str("event: ");
    text.push_str(name);
    text.push('\n');
    data(value, text);
}

fn chat(cutoff: &Cutoff<'_>, text: &mut String) {
    let ended = |index| json!({ "index": index, "delta": {}, "logprobs": null, "finish_reason": "length" });
    openai(cutoff, "chat.completion.chunk", ended, text);
}

fn completions(cutoff: &Cutoff<'_>, text: &mut String) {
    let ended = |index| json!({ "index": index, "text": "", "logprobs": null, "finish_reason": "length" });
    openai(cutoff, "text_completion", ended, text);
}

fn openai(cutoff: &Cutoff<'_>, object: &str, ended: impl Fn(u64) -> Value, text: &mut String) {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": cutoff.id, "object": object, "created": cutoff.created, "model": cutoff.model, "choices": choices,
        });
        if cutoff.tells_usage {
            chunk["usage"] = usage;
        }
        chunk
    };
    let choices: Vec<Value> = (0..cutoff.choices.max(1)).map(ended).collect();
    data(&chunk(choices.into(), Value::Null), text);
    if cutoff.tells_usage {
        data(&chunk(json!([]), openai_usage(cutoff.usage)), text);
    }
    text.push_str("data: [DONE]\n\n");
}

fn openai_usage(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.input_total(),
        "completion_tokens": usage.output_total(),
        "total_tokens": usage.total(),
        "prompt_tokens_details": { "cached_tokens": usage.cached_input.unwrap_or(0) },
        "completion_tokens_details": { "reasoning_tokens": usage.reasoning.unwrap_or(0) },
    })
}

fn responses(cutoff: &Cutoff<'_>, text: &mut String) {
    let usage = cutoff.usage;
    let body = json!({
        "type": "response.incomplete",
        "sequence_number": cutoff.sequence,
        "response": {
            "id": cutoff.id,
            "object": "response",
            "created_at": cutoff.created,
            "status": "incomplete",
            "incomplete_details": { "reason": "max_output_tokens" },
            "error": null,
            "model": cutoff.model,
            "output": [],
            "parallel_tool_calls": true,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": usage.input_total(),
                "input_tokens_details": { "cached_tokens": usage.cached_input.unwrap_or(0) },
                "output_tokens": usage.output_total(),
                "output_tokens_details": { "reasoning_tokens": usage.reasoning.unwrap_or(0) },
                "total_tokens": usage.total(),
            },
        },
    });
    event("response.incomplete", &body, text);
}

fn anthropic(cutoff: &Cutoff<'_>, text: &mut String) {
    if let Some(index) = cutoff.open_block {
        event("content_block_stop", &json!({ "type": "content_block_stop", "index": index }), text);
    }
    let delta = json!({
        "type": "message_delta",
        "delta": { "stop_reason": "max_tokens", "stop_sequence": null },
        "usage": { "output_tokens": cutoff.usage.output_total() },
    });
    event("message_delta", &delta, text);
    event("message_stop", &json!({ "type": "message_stop" }), text);
}

fn gemini(cutoff: &Cutoff<'_>, text: &mut String) {
    let usage = cutoff.usage;
    let thoughts = usage.reasoning.unwrap_or(0);
    let candidates: Vec<Value> = (0..cutoff.choices.max(1))
        .map(|index| json!({ "index": index, "content": { "role": "model", "parts": [] }, "finishReason": "MAX_TOKENS" }))
        .collect();
    let chunk = json!({
        "candidates": candidates,
        "modelVersion": cutoff.model,
        "responseId": cutoff.id,
        "usageMetadata": {
            "promptTokenCount": usage.input_total(),
            "candidatesTokenCount": usage.output_total().saturating_sub(thoughts),
            "thoughtsTokenCount": thoughts,
            "totalTokenCount": usage.total(),
        },
    });
    data(&chunk, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::Tap;

    fn cutoff(usage: &Usage) -> Cutoff<'_> {
        Cutoff {
            id: "id-1",
            model: "up",
            created: 7,
            choices: 2,
            open_block: Some(1),
            sequence: 9,
            usage,
            tells_usage: true,
            why: "quota\nused up",
        }
    }

    /// Our own reader of each dialect takes the ending as a whole answer with the usage that was charged.
    #[test]
    fn an_ended_stream_reads_as_complete_with_its_usage() {
        let usage = Usage { input: Some(5), output: Some(3), reasoning: Some(2), ..Usage::default() };
        for surface in [
            Surface::ChatCompletions,
            Surface::Completions,
            Surface::Responses,
            Surface::Messages,
            Surface::StreamGenerateContent,
        ] {
            let mut tap = Tap::stream(surface, false);
            let mut seen = Vec::new();
            tap.push(ending(surface, &cutoff(&usage)).into(), &mut seen);
            tap.finish(&mut seen);
            assert!(tap.is_complete(), "{surface:?}");
            assert!(tap.error().is_none(), "{surface:?}");
            assert_eq!(tap.usage().output_total(), 5, "{surface:?}");
        }
    }

    #[test]
    fn usage_is_told_only_to_who_asked_and_the_reason_stays_one_line() {
        let usage = Usage { input: Some(5), output: Some(3), ..Usage::default() };
        let told = Cutoff { tells_usage: false, ..cutoff(&usage) };
        let text = String::from_utf8(ending(Surface::ChatCompletions, &told)).expect("text");
        assert!(text.starts_with(": quota used up\n\n"), "{text}");
        assert!(!text.contains("usage") && text.ends_with("data: [DONE]\n\n"), "{text}");
        assert_eq!(text.matches("\"finish_reason\":\"length\"").count(), 2);
    }
}
