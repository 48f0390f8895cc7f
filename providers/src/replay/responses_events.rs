//! Responses, written as events: the lifecycle of the answer, its items and their parts, numbered throughout.
//!
//! Order and names as OpenAI sends them (API reference, "Streaming events" of Responses), which its SDKs accumulate.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Unusual,
    lines::{Line, pieces, typed},
    merge::says,
};

/// What an item has its own events for.
struct Kind {
    /// The prefix of its text's events.
    text: &'static str,
    /// The event that opens and closes a part, without `.added` and `.done`.
    part: &'static str,
    /// The member that counts the parts.
    index: &'static str,
}

const OUTPUT_TEXT: Kind = Kind { text: "response.output_text", part: "response.content_part", index: "content_index" };
const REASONING_TEXT: Kind =
    Kind { text: "response.reasoning_text", part: "response.content_part", index: "content_index" };
const SUMMARY: Kind =
    Kind { text: "response.reasoning_summary_text", part: "response.reasoning_summary_part", index: "summary_index" };

/// The events written so far.
#[derive(Default)]
struct Out {
    events: Vec<Bytes>,
}

impl Out {
    fn push(&mut self, mut event: Value) {
        event["sequence_number"] = self.events.len().into();
        self.events.push(typed(&event));
    }

    /// One event a piece; `event` is the event without piece and number.
    fn deltas(&mut self, event: &Value, text: &str) {
        let name = event["type"].as_str().unwrap_or_default();
        let mut shared = event.to_string();
        shared.pop();
        for piece in pieces(text) {
            let after = format!(",\"sequence_number\":{}}}\n\n", self.events.len());
            self.events.push(Line::new(format!("event: {name}\ndata: {shared},\"delta\":"), after).with(piece));
        }
    }
}

pub(super) fn events(answer: &Value) -> Result<Vec<Bytes>, Unusual> {
    let mut out = Out::default();
    let opening = in_progress(answer);
    out.push(json!({ "type": "response.created", "response": opening }));
    out.push(json!({ "type": "response.in_progress", "response": opening }));
    for (index, item) in answer["output"].as_array().ok_or(Unusual::Unreadable)?.iter().enumerate() {
        write_item(&mut out, index, item)?;
    }
    let status = answer["status"].as_str().ok_or(Unusual::Unreadable)?;
    out.push(json!({ "type": format!("response.{status}"), "response": answer }));
    Ok(out.events)
}

/// The answer as it is before anything has been said.
fn in_progress(answer: &Value) -> Value {
    let mut opening = answer.clone();
    opening["status"] = "in_progress".into();
    opening["output"] = json!([]);
    opening["usage"] = Value::Null;
    opening["incomplete_details"] = Value::Null;
    if opening.get("completed_at").is_some() {
        opening["completed_at"] = Value::Null;
    }
    opening
}

fn write_item(out: &mut Out, index: usize, item: &Value) -> Result<(), Unusual> {
    let mut opening = item.clone();
    if opening.get("status").is_some() {
        opening["status"] = "in_progress".into();
    }
    for (name, empty) in
        [("content", json!([])), ("summary", json!([])), ("arguments", json!("")), ("input", json!(""))]
    {
        if says(&opening[name]) {
            opening[name] = empty;
        }
    }
    out.push(json!({ "type": "response.output_item.added", "output_index": index, "item": opening }));
    match item["type"].as_str() {
        Some("message") => write_parts(out, &OUTPUT_TEXT, index, item, &item["content"]),
        Some("reasoning") => {
            write_parts(out, &SUMMARY, index, item, &item["summary"]);
            write_parts(out, &REASONING_TEXT, index, item, &item["content"]);
        }
        Some("function_call") => write_call(out, "response.function_call_arguments", "arguments", index, item),
        Some("custom_tool_call") => write_call(out, "response.custom_tool_call_input", "input", index, item),
        _ => return Err(Unusual::Unknown),
    }
    out.push(json!({ "type": "response.output_item.done", "output_index": index, "item": item }));
    Ok(())
}

fn write_parts(out: &mut Out, kind: &Kind, output_index: usize, item: &Value, parts: &Value) {
    for (at, part) in parts.as_array().into_iter().flatten().enumerate() {
        let text = part["text"].as_str().unwrap_or_default();
        let event = |name: &str, suffix: &str, member: Option<(&str, Value)>| {
            let mut event =
                json!({ "type": format!("{name}.{suffix}"), "item_id": item["id"], "output_index": output_index });
            event[kind.index] = at.into();
            if name == OUTPUT_TEXT.text && suffix != "annotation.added" {
                event["logprobs"] = json!([]);
            }
            if let Some((name, value)) = member {
                event[name] = value;
            }
            event
        };
        out.push(event(kind.part, "added", Some(("part", emptied(part)))));
        out.deltas(&event(kind.text, "delta", None), text);
        for (number, annotation) in part["annotations"].as_array().into_iter().flatten().enumerate() {
            let mut added = event(kind.text, "annotation.added", Some(("annotation", annotation.clone())));
            added["annotation_index"] = number.into();
            out.push(added);
        }
        out.push(event(kind.text, "done", Some(("text", text.into()))));
        out.push(event(kind.part, "done", Some(("part", part.clone()))));
    }
}

/// A part before its text has come.
fn emptied(part: &Value) -> Value {
    let mut part = part.clone();
    part["text"] = "".into();
    if part.get("annotations").is_some() {
        part["annotations"] = json!([]);
    }
    part
}

fn write_call(out: &mut Out, event: &str, member: &str, output_index: usize, item: &Value) {
    let text = item[member].as_str().unwrap_or_default();
    let base = |suffix: &str| json!({ "type": format!("{event}.{suffix}"), "item_id": item["id"], "output_index": output_index });
    out.deltas(&base("delta"), text);
    let mut done = base("done");
    done[member] = text.into();
    if member == "arguments" {
        done["name"] = item["name"].clone();
    }
    out.push(done);
}
