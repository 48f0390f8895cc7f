//! Simulated `POST /v1/messages`.

use serde_json::{Value, json};

use super::{
    Script, Step,
    ask::Ask,
    reply::{Finish, Reply},
};

pub(super) fn whole(ask: &Ask, reply: &Reply) -> Value {
    let text = reply.text.whole();
    let block = match &reply.tool {
        Some(name) => {
            let input: Value = serde_json::from_str(&text).unwrap_or_default();
            json!({ "type": "tool_use", "id": ask.named_id("toolu_"), "name": name, "input": input })
        }
        None => json!({ "type": "text", "text": text }),
    };
    message(ask, &json!([block]), Some(finish(reply.finish)), &usage(reply, reply.output_tokens))
}

pub(super) fn stream(ask: &Ask, reply: Reply) -> Script {
    let start = message(ask, &json!([]), None, &usage(&reply, 1.min(reply.output_tokens)));
    let block = match &reply.tool {
        Some(name) => json!({ "type": "tool_use", "id": ask.named_id("toolu_"), "name": name, "input": {} }),
        None => json!({ "type": "text", "text": "" }),
    };
    let opening = [
        Step::typed_event(&json!({ "type": "message_start", "message": start })).after(reply.pace.first),
        Step::typed_event(&json!({ "type": "content_block_start", "index": 0, "content_block": block })),
        Step::typed_event(&json!({ "type": "ping" })),
    ];
    let closing = [
        Step::typed_event(&json!({ "type": "content_block_stop", "index": 0 })),
        Step::typed_event(&json!({
            "type": "message_delta",
            "delta": { "stop_reason": finish(reply.finish), "stop_sequence": null },
            "usage": usage(&reply, reply.output_tokens),
        })),
        Step::typed_event(&json!({ "type": "message_stop" })),
    ];
    let (pace, is_tool) = (reply.pace, reply.tool.is_some());
    let words = reply.text.pieces().enumerate().map(move |(at, piece)| {
        let delta = if is_tool {
            json!({ "type": "input_json_delta", "partial_json": piece })
        } else {
            json!({ "type": "text_delta", "text": piece })
        };
        let wait = if at == 0 { std::time::Duration::ZERO } else { pace.each };
        Step::typed_event(&json!({ "type": "content_block_delta", "index": 0, "delta": delta })).after(wait)
    });
    Script::events(opening.into_iter().chain(words).chain(closing))
}

fn message(ask: &Ask, content: &Value, stop_reason: Option<&str>, usage: &Value) -> Value {
    json!({
        "id": ask.named_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": ask.model_name,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": usage,
    })
}

fn usage(reply: &Reply, output: u64) -> Value {
    json!({
        "input_tokens": reply.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output,
        "service_tier": "standard",
    })
}

fn finish(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::ToolCall => "tool_use",
    }
}
