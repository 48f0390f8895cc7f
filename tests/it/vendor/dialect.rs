//! Answers in the model dialects, as events and bodies that real providers send.

use serde_json::{Value, json};

use super::Reply;

/// Usage that a scripted OpenAI answer reports: 11 in (3 of them cached), 7 out (2 of them reasoning).
pub fn openai_usage() -> Value {
    json!({
        "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 2}
    })
}

/// An unstreamed chat completion.
pub fn chat(text: &str) -> Reply {
    Reply::json(200, &chat_body(text))
}

/// The body of an unstreamed chat completion.
pub fn chat_body(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "upstream-model",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": openai_usage()
    })
}

fn data(value: &Value) -> Vec<u8> {
    format!("data: {value}\n\n").into_bytes()
}

fn named(event: &str, value: &Value) -> Vec<u8> {
    format!("event: {event}\ndata: {value}\n\n").into_bytes()
}

fn chat_chunk(delta: &Value, finish: &Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "upstream-model",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]
    })
}

/// A chat stream: role, one event a word, stop, the usage chunk when `usage`, `[DONE]`.
pub fn chat_events(words: &[&str], usage: bool) -> Vec<Vec<u8>> {
    let mut events = vec![data(&chat_chunk(&json!({"role": "assistant", "content": ""}), &Value::Null))];
    events.extend(words.iter().map(|word| data(&chat_chunk(&json!({"content": word}), &Value::Null))));
    events.push(data(&chat_chunk(&json!({}), &json!("stop"))));
    if usage {
        events.push(data(&json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "upstream-model", "choices": [], "usage": openai_usage()
        })));
    }
    events.push(b"data: [DONE]\n\n".to_vec());
    events
}

/// A chat stream that does what a real server does: the usage chunk is there only if it was asked for.
pub fn chat_stream(asked: &Value, words: &[&str]) -> Reply {
    Reply::events(chat_events(words, asked["stream_options"]["include_usage"] == json!(true)))
}

/// A Responses stream.
pub fn response_events(words: &[&str]) -> Vec<Vec<u8>> {
    let response = |status: &str, usage: Value| json!({"id": "resp_1", "object": "response", "status": status, "model": "upstream-model", "output": [], "usage": usage});
    let mut number = 0;
    let mut event = |kind: &str, mut value: Value| {
        value["type"] = json!(kind);
        value["sequence_number"] = json!(number);
        number += 1;
        named(kind, &value)
    };
    let mut events = vec![
        event("response.created", json!({"response": response("in_progress", Value::Null)})),
        event("response.in_progress", json!({"response": response("in_progress", Value::Null)})),
        event(
            "response.output_item.added",
            json!({"output_index": 0, "item": {"id": "msg_1", "type": "message", "role": "assistant", "content": []}}),
        ),
    ];
    for word in words {
        let delta = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": word});
        events.push(event("response.output_text.delta", delta));
    }
    let usage = json!({
        "input_tokens": 11, "input_tokens_details": {"cached_tokens": 3},
        "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 18
    });
    events.push(event("response.completed", json!({"response": response("completed", usage)})));
    events
}

/// An unstreamed response object with that id.
pub fn response(id: &str) -> Reply {
    let output = json!([{"id": "msg_1", "type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "stored", "annotations": []}]}]);
    Reply::json(
        200,
        &json!({"id": id, "object": "response", "status": "completed", "model": "upstream-model", "output": output,
            "usage": {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}}),
    )
}

/// An Anthropic stream: 8 uncached input, 3 from the cache, 7 out.
pub fn message_events(words: &[&str]) -> Vec<Vec<u8>> {
    let start = json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "upstream-model", "content": [],
        "stop_reason": null, "usage": {"input_tokens": 8, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 0, "output_tokens": 1}}});
    let mut events = vec![
        named("message_start", &start),
        named(
            "content_block_start",
            &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ),
        named("ping", &json!({"type": "ping"})),
    ];
    for word in words {
        let delta = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}});
        events.push(named("content_block_delta", &delta));
    }
    events.push(named("content_block_stop", &json!({"type": "content_block_stop", "index": 0})));
    let end = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}});
    events.push(named("message_delta", &end));
    events.push(named("message_stop", &json!({"type": "message_stop"})));
    events
}

/// An unstreamed Anthropic message.
pub fn message(text: &str) -> Reply {
    Reply::json(
        200,
        &json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "upstream-model",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 8, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 0, "output_tokens": 7}}),
    )
}

/// A Gemini stream (CRLF, usage in every event).
pub fn gemini_events(words: &[&str]) -> Vec<Vec<u8>> {
    let last = words.len().saturating_sub(1);
    let event = |(index, word): (usize, &&str)| {
        let mut value = json!({
            "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": word}]}}],
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": index + 1, "totalTokenCount": 12 + index},
            "modelVersion": "upstream-model"
        });
        if index == last {
            value["candidates"][0]["finishReason"] = json!("STOP");
        }
        format!("data: {value}\r\n\r\n").into_bytes()
    };
    words.iter().enumerate().map(event).collect()
}

/// An unstreamed Gemini answer.
pub fn gemini(text: &str) -> Reply {
    Reply::json(
        200,
        &json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": text}]}}],
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18},
            "modelVersion": "upstream-model"}),
    )
}

/// An error as OpenAI words it.
pub fn openai_error(status: u16, code: &str) -> Reply {
    Reply::json(
        status,
        &json!({"error": {"message": format!("scripted {code}"), "type": "scripted", "param": null, "code": code}}),
    )
}
