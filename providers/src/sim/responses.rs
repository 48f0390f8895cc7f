//! Simulated `POST /v1/responses`: one output item, in the order of events that SDKs accumulate.

use serde_json::{Value, json};

use super::{
    Script, Step,
    ask::Ask,
    reply::{Finish, Reply},
};

pub(super) fn whole(ask: &Ask, reply: &Reply) -> Value {
    Item::of(ask, reply).response(final_status(reply.finish), Some(reply))
}

pub(super) fn stream(ask: &Ask, reply: Reply) -> Script {
    let item = Item::of(ask, &reply);
    let pace = reply.pace;
    let opening = item.opening().into_iter().enumerate();
    let words = {
        let (item, text) = (item.clone(), reply.text.clone());
        text.pieces().enumerate().map(move |(at, piece)| {
            let wait = if at == 0 { std::time::Duration::ZERO } else { pace.each };
            (item.delta(&piece), wait)
        })
    };
    let closing = std::iter::once_with(move || item.closing(&reply)).flatten();
    let opening = opening.map(move |(at, event)| (event, if at == 0 { pace.first } else { std::time::Duration::ZERO }));
    let events = opening.chain(words).chain(closing.map(|event| (event, std::time::Duration::ZERO)));
    Script::events(events.enumerate().map(|(number, (mut event, wait))| {
        event["sequence_number"] = number.into();
        Step::typed_event(&event).after(wait)
    }))
}

/// The one output item of an answer, and what every event repeats.
#[derive(Clone)]
struct Item {
    id: String,
    /// The call's id, when the item is a function call.
    call_id: String,
    tool: Option<String>,
    /// The response object without status, output and usage.
    frame: Value,
}

impl Item {
    fn of(ask: &Ask, reply: &Reply) -> Self {
        let prefix = if reply.tool.is_some() { "fc_" } else { "msg_" };
        Self { id: ask.named_id(prefix), call_id: ask.named_id("call_"), tool: reply.tool.clone(), frame: frame(ask) }
    }

    fn response(&self, status: &str, finished: Option<&Reply>) -> Value {
        let mut response = self.frame.clone();
        response["status"] = status.into();
        if let Some(reply) = finished {
            response["output"] = json!([self.item(status, &reply.text.whole())]);
            response["usage"] = usage(reply);
        }
        if status == "incomplete" {
            response["incomplete_details"] = json!({ "reason": "max_output_tokens" });
        }
        response
    }

    fn item(&self, status: &str, text: &str) -> Value {
        if let Some(name) = &self.tool {
            return json!({
                "id": self.id, "type": "function_call", "status": status,
                "call_id": self.call_id, "name": name, "arguments": text,
            });
        }
        let content = if status == "in_progress" { json!([]) } else { json!([part(text)]) };
        json!({ "id": self.id, "type": "message", "status": status, "role": "assistant", "content": content })
    }

    fn opening(&self) -> Vec<Value> {
        let response = self.response("in_progress", None);
        let item = self.item("in_progress", "");
        let mut events = vec![
            json!({ "type": "response.created", "response": response }),
            json!({ "type": "response.in_progress", "response": response }),
            json!({ "type": "response.output_item.added", "output_index": 0, "item": item }),
        ];
        if self.tool.is_none() {
            events.push(json!({
                "type": "response.content_part.added",
                "item_id": self.id, "output_index": 0, "content_index": 0, "part": part(""),
            }));
        }
        events
    }

    fn delta(&self, piece: &str) -> Value {
        match self.tool {
            Some(_) => json!({
                "type": "response.function_call_arguments.delta",
                "item_id": self.id, "output_index": 0, "delta": piece,
            }),
            None => json!({
                "type": "response.output_text.delta",
                "item_id": self.id, "output_index": 0, "content_index": 0, "delta": piece, "logprobs": [],
            }),
        }
    }

    fn closing(&self, reply: &Reply) -> Vec<Value> {
        let text = reply.text.whole();
        let status = final_status(reply.finish);
        let mut events = match &self.tool {
            Some(name) => vec![json!({
                "type": "response.function_call_arguments.done",
                "item_id": self.id, "output_index": 0, "name": name, "arguments": text,
            })],
            None => vec![
                json!({
                    "type": "response.output_text.done",
                    "item_id": self.id, "output_index": 0, "content_index": 0, "text": text, "logprobs": [],
                }),
                json!({
                    "type": "response.content_part.done",
                    "item_id": self.id, "output_index": 0, "content_index": 0, "part": part(&text),
                }),
            ],
        };
        let item = self.item(status, &text);
        events.push(json!({ "type": "response.output_item.done", "output_index": 0, "item": item }));
        let kind = format!("response.{status}");
        events.push(json!({ "type": kind, "response": self.response(status, Some(reply)) }));
        events
    }
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

fn final_status(finish: Finish) -> &'static str {
    if finish == Finish::Length { "incomplete" } else { "completed" }
}

/// The response object, repeating what was asked as the real API does.
fn frame(ask: &Ask) -> Value {
    let asked = |name: &str, otherwise: Value| match &ask.body[name] {
        Value::Null => otherwise,
        given => given.clone(),
    };
    json!({
        "id": ask.named_id("resp_"),
        "object": "response",
        "created_at": ask.created,
        "status": "in_progress",
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": asked("instructions", Value::Null),
        "max_output_tokens": asked("max_output_tokens", Value::Null),
        "model": ask.model_name,
        "output": [],
        "parallel_tool_calls": asked("parallel_tool_calls", true.into()),
        "previous_response_id": asked("previous_response_id", Value::Null),
        "reasoning": { "effort": null, "summary": null },
        "store": asked("store", true.into()),
        "temperature": asked("temperature", json!(1.0)),
        "text": asked("text", json!({ "format": { "type": "text" } })),
        "tool_choice": asked("tool_choice", "auto".into()),
        "tools": asked("tools", json!([])),
        "top_p": asked("top_p", json!(1.0)),
        "truncation": "disabled",
        "usage": null,
        "user": asked("user", Value::Null),
        "metadata": asked("metadata", json!({})),
    })
}

fn usage(reply: &Reply) -> Value {
    json!({
        "input_tokens": reply.input_tokens,
        "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": reply.output_tokens,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": reply.total_tokens(1),
    })
}
