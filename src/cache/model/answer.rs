//! Which answers are worth keeping: whole ones that ended by themselves and say nothing but text.
//!
//! What is not known here is not kept: a new kind of item in an answer is refused until somebody has looked at it.

use serde_json::Value;
use tollgate_providers::Surface;

/// Whether this body is a whole, normal answer of that endpoint.
#[must_use]
pub fn is_normal(surface: Surface, body: &Value) -> bool {
    match surface {
        Surface::ChatCompletions => is_chat(body),
        Surface::Completions => is_completion(body),
        Surface::Responses => is_response(body),
        Surface::Messages => is_message(body),
        Surface::GenerateContent | Surface::StreamGenerateContent => is_gemini(body),
        Surface::Embeddings => has_items(&body["data"], |item| is_vector(&item["embedding"])),
        Surface::EmbedContent => {
            is_vector(&body["embedding"]["values"]) || has_items(&body["embeddings"], |item| is_vector(&item["values"]))
        }
        _ => false,
    }
}

/// What a normal answer says, its reasoning left out.
#[must_use]
pub fn text(surface: Surface, body: &Value) -> String {
    let texts = |list: &Value| -> String {
        let parts = list.as_array().into_iter().flatten();
        parts.filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str()).collect()
    };
    match surface {
        Surface::ChatCompletions => body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned(),
        Surface::Completions => body["choices"][0]["text"].as_str().unwrap_or_default().to_owned(),
        Surface::Responses => {
            body["output"].as_array().into_iter().flatten().map(|item| texts(&item["content"])).collect()
        }
        Surface::Messages => texts(&body["content"]),
        _ => texts(&body["candidates"][0]["content"]["parts"]),
    }
}

fn is_vector(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty()) || is_said(value)
}

fn has_items(list: &Value, is_good: impl Fn(&Value) -> bool) -> bool {
    list.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(is_good))
}

fn is_said(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

/// Absent, `null`, `false`, or without anything in it.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn only(list: &Value) -> Option<&Value> {
    match list.as_array()?.as_slice() {
        [one] => Some(one),
        _ => None,
    }
}

/// Azure's verdicts: a category that was filtered changed the answer.
fn is_filtered(results: &Value) -> bool {
    let categories = results.as_object().into_iter().flat_map(|all| all.values());
    categories.into_iter().any(|category| category["filtered"] == true || category["error"].is_object())
}

fn is_chat(body: &Value) -> bool {
    let Some(choice) = only(&body["choices"]) else { return false };
    let message = &choice["message"];
    choice["finish_reason"] == "stop"
        && is_said(&message["content"])
        && ["tool_calls", "function_call", "refusal", "audio", "annotations"]
            .iter()
            .all(|name| is_unset(&message[name]))
        && is_unset(&choice["logprobs"])
        && !is_filtered(&choice["content_filter_results"])
        && is_unset(&body["error"])
}

fn is_completion(body: &Value) -> bool {
    let Some(choice) = only(&body["choices"]) else { return false };
    choice["finish_reason"] == "stop"
        && is_said(&choice["text"])
        && is_unset(&choice["logprobs"])
        && !is_filtered(&choice["content_filter_results"])
        && is_unset(&body["error"])
}

fn is_response(body: &Value) -> bool {
    let is_text = |part: &Value| {
        part["type"] == "output_text"
            && is_said(&part["text"])
            && is_unset(&part["annotations"])
            && is_unset(&part["logprobs"])
    };
    let is_good = |item: &Value| match item["type"].as_str() {
        Some("message") => has_items(&item["content"], is_text),
        Some("reasoning") => true,
        _ => false,
    };
    let speaks = |items: &Value| items.as_array().is_some_and(|all| all.iter().any(|item| item["type"] == "message"));
    body["status"] == "completed"
        && is_unset(&body["error"])
        && is_unset(&body["incomplete_details"])
        && has_items(&body["output"], is_good)
        && speaks(&body["output"])
}

fn is_message(body: &Value) -> bool {
    let is_good = |block: &Value| match block["type"].as_str() {
        Some("text") => is_unset(&block["citations"]),
        Some("thinking" | "redacted_thinking") => true,
        _ => false,
    };
    let speaks = |blocks: &Value| blocks.as_array().is_some_and(|all| all.iter().any(|block| is_said(&block["text"])));
    body["type"] == "message"
        && matches!(body["stop_reason"].as_str(), Some("end_turn" | "stop_sequence"))
        && has_items(&body["content"], is_good)
        && speaks(&body["content"])
}

fn is_gemini(body: &Value) -> bool {
    let Some(candidate) = only(&body["candidates"]) else { return false };
    let is_blocked = |rating: &Value| rating["blocked"] == true;
    let ratings = candidate["safetyRatings"].as_array();
    let is_text = |part: &Value| {
        part["text"].is_string()
            && ["functionCall", "inlineData", "executableCode"].iter().all(|name| part[name].is_null())
    };
    let speaks = |parts: &Value| parts.as_array().is_some_and(|all| all.iter().any(|part| is_said(&part["text"])));
    candidate["finishReason"] == "STOP"
        && has_items(&candidate["content"]["parts"], is_text)
        && speaks(&candidate["content"]["parts"])
        && !ratings.is_some_and(|all| all.iter().any(is_blocked))
        && is_unset(&candidate["groundingMetadata"])
        && is_unset(&body["promptFeedback"]["blockReason"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chat() -> Value {
        json!({"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}]})
    }

    fn with(mut body: Value, pointer: &str, value: Value) -> Value {
        if let Some(there) = body.pointer_mut(pointer) {
            *there = value;
            return body;
        }
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        body.pointer_mut(parent).expect("a parent")[name] = value;
        body
    }

    #[test]
    fn only_whole_normal_answers_are_kept() {
        let message = json!({"type": "message", "stop_reason": "end_turn", "content": [{"type": "text", "text": "x"}]});
        let response = json!({"status": "completed", "output": [{"type": "reasoning"}, {"type": "message",
            "content": [{"type": "output_text", "text": "x", "annotations": []}]}]});
        let gemini = json!({"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": "x"}]}}]});
        let completion = json!({"choices": [{"finish_reason": "stop", "text": "x", "logprobs": null}]});
        let embeddings = json!({"data": [{"embedding": [0.5]}, {"embedding": "AAAA"}]});
        let good = [
            (Surface::ChatCompletions, chat()),
            (Surface::ChatCompletions, with(chat(), "/choices/0/message/tool_calls", json!([]))),
            (Surface::Completions, completion.clone()),
            (Surface::Responses, response.clone()),
            (Surface::Messages, message.clone()),
            (Surface::Messages, with(message.clone(), "/stop_reason", json!("stop_sequence"))),
            (Surface::GenerateContent, gemini.clone()),
            (Surface::Embeddings, embeddings.clone()),
            (Surface::EmbedContent, json!({"embedding": {"values": [1]}})),
        ];
        for (surface, body) in good {
            assert!(is_normal(surface, &body), "{surface:?} {body}");
        }
        let bad = [
            (Surface::ChatCompletions, json!({})),
            (Surface::ChatCompletions, json!({"error": {"message": "x"}})),
            (Surface::ChatCompletions, with(chat(), "/choices/0/finish_reason", json!("length"))),
            (Surface::ChatCompletions, with(chat(), "/choices/0/finish_reason", json!("content_filter"))),
            (Surface::ChatCompletions, with(chat(), "/choices/0/finish_reason", Value::Null)),
            (Surface::ChatCompletions, with(chat(), "/choices/0/message/content", Value::Null)),
            (Surface::ChatCompletions, with(chat(), "/choices/0/message/refusal", json!("no"))),
            (Surface::ChatCompletions, with(chat(), "/choices/0/message/tool_calls", json!([{"id": "t"}]))),
            (Surface::ChatCompletions, with(chat(), "/choices/0/logprobs", json!({"content": []}))),
            (
                Surface::ChatCompletions,
                with(chat(), "/choices/0/content_filter_results", json!({"hate": {"filtered": true}})),
            ),
            (Surface::ChatCompletions, json!({"choices": [chat()["choices"][0], chat()["choices"][0]]})),
            (Surface::Completions, with(completion, "/choices/0/finish_reason", json!("length"))),
            (Surface::Responses, with(response.clone(), "/status", json!("incomplete"))),
            (Surface::Responses, with(response.clone(), "/output/0", json!({"type": "function_call"}))),
            (Surface::Responses, with(response, "/output/1/content/0", json!({"type": "refusal", "refusal": "no"}))),
            (Surface::Messages, with(message.clone(), "/stop_reason", json!("max_tokens"))),
            (Surface::Messages, with(message.clone(), "/stop_reason", json!("refusal"))),
            (Surface::Messages, with(message, "/content/0", json!({"type": "tool_use"}))),
            (Surface::GenerateContent, with(gemini.clone(), "/candidates/0/finishReason", json!("SAFETY"))),
            (Surface::GenerateContent, with(gemini, "/candidates/0/content/parts/0", json!({"functionCall": {}}))),
            (Surface::Embeddings, json!({"data": []})),
            (Surface::Images, json!({"data": [{"url": "x"}]})),
        ];
        for (surface, body) in bad {
            assert!(!is_normal(surface, &body), "{surface:?} {body}");
        }
    }
}
