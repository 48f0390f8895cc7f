//! Anthropic's messages: `message_start`, blocks with their deltas, `message_delta`, `message_stop`.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    Finish, Unusual,
    frames::Event,
    lines::{Line, pieces, typed},
    merge::{append, overlay, says, without},
};

/// Members of `message_delta` that say how the message ended.
const ENDING: [&str; 4] = ["stop_reason", "stop_sequence", "stop_details", "container"];
/// Usage figures that the end repeats.
const FINAL_FIGURES: [&str; 5] =
    ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens", "server_tool_use"];

pub(super) fn finish(answer: &Value) -> Result<Finish, Unusual> {
    if answer["type"] == "error" || says(&answer["error"]) {
        return Err(Unusual::Error);
    }
    let mut text = false;
    for block in answer["content"].as_array().ok_or(Unusual::Unreadable)? {
        match block["type"].as_str() {
            Some("text") => text |= says(&block["text"]),
            Some("thinking" | "redacted_thinking" | "tool_use") => {}
            Some("server_tool_use" | "mcp_tool_use") => return Err(Unusual::HostedTool),
            Some(kind) if kind.ends_with("_tool_result") => return Err(Unusual::HostedTool),
            _ => return Err(Unusual::Unknown),
        }
    }
    match answer["stop_reason"].as_str() {
        Some("end_turn" | "stop_sequence") if !text => Err(Unusual::Empty),
        Some("end_turn" | "stop_sequence") => Ok(Finish::Stop),
        Some("max_tokens" | "model_context_window_exceeded") => Ok(Finish::Length),
        Some("tool_use") => Ok(Finish::ToolCalls),
        Some("refusal") => Err(Unusual::Refused),
        Some("pause_turn") => Err(Unusual::HostedTool),
        Some(_) => Err(Unusual::Unknown),
        None => Err(Unusual::Cut),
    }
}

/// A message being put together.
#[derive(Default)]
struct Message {
    /// What `message_start` said, and `message_delta` after it.
    frame: Value,
    blocks: Vec<Block>,
    stopped: bool,
}

struct Block {
    value: Value,
    /// The pieces of a tool's input.
    input: String,
    open: bool,
}

pub(super) fn whole(events: &[Event]) -> Result<Value, Unusual> {
    let mut message = Message::default();
    for event in events.iter().filter_map(|event| event.data.as_ref()) {
        if message.stopped {
            return Err(Unusual::Contradictory);
        }
        message.take(event)?;
    }
    message.answer()
}

impl Message {
    fn take(&mut self, event: &Value) -> Result<(), Unusual> {
        match event["type"].as_str().ok_or(Unusual::Unreadable)? {
            "ping" => {}
            "error" => return Err(Unusual::Error),
            "message_start" if self.frame.is_null() => self.frame = event["message"].clone(),
            "content_block_start" => self.open(event)?,
            "content_block_delta" => self.grow(event)?,
            "content_block_stop" => self.block(event)?.close()?,
            "message_delta" => self.end(event),
            "message_stop" => self.stopped = true,
            _ => return Err(Unusual::Unknown),
        }
        Ok(())
    }

    fn open(&mut self, event: &Value) -> Result<(), Unusual> {
        if event["index"].as_u64() != u64::try_from(self.blocks.len()).ok() {
            return Err(Unusual::Contradictory);
        }
        self.blocks.push(Block { value: event["content_block"].clone(), input: String::new(), open: true });
        Ok(())
    }

    /// The open block that the event speaks of.
    fn block(&mut self, event: &Value) -> Result<&mut Block, Unusual> {
        let at = event["index"].as_u64().and_then(|index| usize::try_from(index).ok());
        at.and_then(|at| self.blocks.get_mut(at)).filter(|block| block.open).ok_or(Unusual::Contradictory)
    }

    fn grow(&mut self, event: &Value) -> Result<(), Unusual> {
        let delta = &event["delta"];
        let block = self.block(event)?;
        match delta["type"].as_str().ok_or(Unusual::Unreadable)? {
            "text_delta" => append(&mut block.value["text"], &delta["text"]),
            "thinking_delta" => append(&mut block.value["thinking"], &delta["thinking"]),
            "signature_delta" => append(&mut block.value["signature"], &delta["signature"]),
            "citations_delta" => block.cite(&delta["citation"]),
            "input_json_delta" => {
                block.input.push_str(delta["partial_json"].as_str().ok_or(Unusual::Unreadable)?);
                Ok(())
            }
            _ => Err(Unusual::Unknown),
        }
    }

    fn end(&mut self, event: &Value) {
        overlay(&mut self.frame, &event["delta"]);
        overlay(&mut self.frame["usage"], &event["usage"]);
        let rest = Value::Object(without(event, &["type", "delta", "usage"]));
        overlay(&mut self.frame, &rest);
    }

    fn answer(mut self) -> Result<Value, Unusual> {
        let whole = self.stopped && self.frame.is_object() && self.blocks.iter().all(|block| !block.open);
        if !whole {
            return Err(Unusual::Cut);
        }
        self.frame["content"] = self.blocks.into_iter().map(|block| block.value).collect();
        Ok(self.frame)
    }
}

impl Block {
    fn cite(&mut self, citation: &Value) -> Result<(), Unusual> {
        match &mut self.value["citations"] {
            Value::Array(there) => there.push(citation.clone()),
            none @ Value::Null => *none = json!([citation]),
            _ => return Err(Unusual::Unreadable),
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Unusual> {
        self.open = false;
        if !self.input.is_empty() {
            self.value["input"] = serde_json::from_str(&self.input).map_err(|_| Unusual::Unreadable)?;
        }
        Ok(())
    }
}

pub(super) fn events(answer: &Value) -> Result<Vec<Bytes>, Unusual> {
    let mut all = vec![typed(&json!({ "type": "message_start", "message": opening(answer) }))];
    for (index, block) in answer["content"].as_array().ok_or(Unusual::Unreadable)?.iter().enumerate() {
        if index == 1 {
            all.push(typed(&json!({ "type": "ping" })));
        }
        write_block(&mut all, index, block);
    }
    all.push(typed(&closing(answer)));
    all.push(typed(&json!({ "type": "message_stop" })));
    Ok(all)
}

/// The message before it says anything; usage with what is known by then.
fn opening(answer: &Value) -> Value {
    let mut message = answer.clone();
    message["content"] = json!([]);
    for name in ENDING.iter().filter(|name| answer.get(**name).is_some()) {
        message[*name] = Value::Null;
    }
    if says(&answer["usage"]) {
        message["usage"]["output_tokens"] = answer["usage"]["output_tokens"].as_u64().unwrap_or(0).min(1).into();
    }
    message
}

fn closing(answer: &Value) -> Value {
    let named = |from: &Value, names: &[&str]| -> Map<String, Value> {
        let there = names.iter().filter_map(|name| Some(((*name).to_owned(), from.get(name)?.clone())));
        there.collect()
    };
    let mut delta = named(answer, &ENDING);
    delta.entry("stop_sequence").or_insert(Value::Null);
    json!({ "type": "message_delta", "delta": delta, "usage": named(&answer["usage"], &FINAL_FIGURES) })
}

fn write_block(all: &mut Vec<Bytes>, index: usize, block: &Value) {
    let mut opening = block.clone();
    let mut deltas = Vec::new();
    let mut text = |opening: &mut Value, kind: &str, delta: &str, member: &str, text: &str| {
        opening[member] = "".into();
        let before = format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"{kind}\",\"{delta}\":"
        );
        let line = Line::new(before, "}}\n\n".to_owned());
        deltas.extend(pieces(text).into_iter().map(|piece| line.with(piece)));
    };
    let of = |member: &str| block[member].as_str().unwrap_or_default();
    match block["type"].as_str() {
        Some("text") => text(&mut opening, "text_delta", "text", "text", of("text")),
        Some("thinking") => {
            text(&mut opening, "thinking_delta", "thinking", "thinking", of("thinking"));
            opening["signature"] = "".into();
        }
        Some("tool_use") => {
            text(&mut opening, "input_json_delta", "partial_json", "input", &block["input"].to_string());
            opening["input"] = json!({});
        }
        _ => {}
    }
    if says(&opening["citations"]) {
        opening["citations"] = json!([]);
    }
    let event = |name: &str, member: Option<(&str, Value)>| {
        let mut event = json!({ "type": name, "index": index });
        if let Some((name, value)) = member {
            event[name] = value;
        }
        typed(&event)
    };
    let delta = |value: Value| event("content_block_delta", Some(("delta", value)));
    all.push(event("content_block_start", Some(("content_block", opening))));
    all.append(&mut deltas);
    for citation in block["citations"].as_array().into_iter().flatten() {
        all.push(delta(json!({ "type": "citations_delta", "citation": citation })));
    }
    if let Some(signature) = block.get("signature") {
        all.push(delta(json!({ "type": "signature_delta", "signature": signature })));
    }
    all.push(event("content_block_stop", None));
}
