//! Simulated `POST /v1/chat/completions`.

use serde_json::{Value, json};

use super::{
    Script, Step,
    ask::Ask,
    reply::{Finish, Reply},
};

pub(super) fn whole(ask: &Ask, reply: &Reply) -> Value {
    let message = match &reply.tool {
        Some(_) => json!({ "role": "assistant", "content": null, "refusal": null, "tool_calls": [
            tool_call(ask, reply, &reply.text.whole())
        ]}),
        None => json!({ "role": "assistant", "content": reply.text.whole(), "refusal": null }),
    };
    let choice =
        |index| json!({ "index": index, "message": message, "logprobs": null, "finish_reason": finish(reply.finish) });
    json!({
        "id": ask.named_id("chatcmpl-"),
        "object": "chat.completion",
        "created": ask.created,
        "model": ask.model_name,
        "choices": (0..ask.choices).map(choice).collect::<Vec<_>>(),
        "usage": usage(reply, ask.choices),
        "system_fingerprint": "fp_simulated",
    })
}

pub(super) fn stream(ask: &Ask, reply: Reply) -> Script {
    let frame = Frame::of(ask);
    let opening = match &reply.tool {
        Some(_) => json!({ "role": "assistant", "content": null, "tool_calls": [indexed(tool_call(ask, &reply, ""))] }),
        None => json!({ "role": "assistant", "content": "", "refusal": null }),
    };
    let end = frame.trailer(ask, &reply);
    let (pace, is_tool, done) = (reply.pace, reply.tool.is_some(), finish(reply.finish));
    let choices = (0..ask.choices).flat_map(move |index| {
        let (each, last) = (frame.clone(), frame.clone());
        let open = frame.chunk(index, &opening, None);
        let words = reply.text.clone().pieces().enumerate().map(move |(at, piece)| {
            let delta = if is_tool {
                json!({ "tool_calls": [{ "index": 0, "function": { "arguments": piece } }] })
            } else {
                json!({ "content": piece })
            };
            let wait = if at == 0 { std::time::Duration::ZERO } else { pace.each };
            each.chunk(index, &delta, None).after(wait)
        });
        let close = std::iter::once_with(move || last.chunk(index, &json!({}), Some(done)));
        std::iter::once(open.after(pace.first)).chain(words).chain(close)
    });
    Script::events(choices.chain(end))
}

/// What all chunks of one answer share.
#[derive(Clone)]
struct Frame {
    id: String,
    model: String,
    created: u64,
    include_usage: bool,
}

impl Frame {
    fn of(ask: &Ask) -> Self {
        Self {
            id: ask.named_id("chatcmpl-"),
            model: ask.model_name.clone(),
            created: ask.created,
            include_usage: ask.include_usage,
        }
    }

    fn base(&self, choices: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": "fp_simulated",
            "choices": choices,
        })
    }

    fn chunk(&self, index: u64, delta: &Value, finish: Option<&str>) -> Step {
        let mut chunk =
            self.base(&json!([{ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish }]));
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        Step::event(&chunk)
    }

    /// The usage chunk, where asked for, and the end marker.
    fn trailer(&self, ask: &Ask, reply: &Reply) -> impl Iterator<Item = Step> + Send + Sync + use<> {
        let usage = self.include_usage.then(|| {
            let mut chunk = self.base(&json!([]));
            chunk["usage"] = usage(reply, ask.choices);
            Step::event(&chunk)
        });
        usage.into_iter().chain(std::iter::once(Step::data("data: [DONE]\n\n")))
    }
}

fn tool_call(ask: &Ask, reply: &Reply, arguments: &str) -> Value {
    json!({
        "id": ask.named_id("call_"),
        "type": "function",
        "function": { "name": reply.tool, "arguments": arguments },
    })
}

fn indexed(mut call: Value) -> Value {
    call["index"] = 0.into();
    call
}

pub(super) fn finish(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ToolCall => "tool_calls",
    }
}

pub(super) fn usage(reply: &Reply, choices: u64) -> Value {
    json!({
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens * choices,
        "total_tokens": reply.total_tokens(choices),
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}
