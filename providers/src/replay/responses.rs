//! Responses: the stream's last event carries the whole answer, so putting it together is checking it.
//!
//! Deliberately not here: writing the events (`responses_events`).

use serde_json::Value;

use super::{Finish, Unusual, frames::Event, merge::says};

pub(super) fn finish(answer: &Value) -> Result<Finish, Unusual> {
    if says(&answer["error"]) {
        return Err(Unusual::Error);
    }
    let items = answer["output"].as_array().ok_or(Unusual::Unreadable)?;
    let mut calls = false;
    let mut text = false;
    for item in items {
        match item["type"].as_str() {
            Some("message") => text |= message_says(item)?,
            Some("reasoning") => {}
            Some("function_call" | "custom_tool_call") => calls = true,
            Some(kind) if kind.ends_with("_call") || kind.contains("mcp") => return Err(Unusual::HostedTool),
            _ => return Err(Unusual::Unknown),
        }
    }
    match (answer["status"].as_str(), answer["incomplete_details"]["reason"].as_str()) {
        (Some("completed"), _) if calls => Ok(Finish::ToolCalls),
        (Some("completed"), _) if !text => Err(Unusual::Empty),
        (Some("completed"), _) => Ok(Finish::Stop),
        (Some("incomplete"), Some("max_output_tokens")) => Ok(Finish::Length),
        (Some("incomplete"), Some("content_filter")) => Err(Unusual::Filtered),
        (Some("failed"), _) => Err(Unusual::Error),
        _ => Err(Unusual::Cut),
    }
}

/// Whether a message says anything, in text and nothing else.
fn message_says(item: &Value) -> Result<bool, Unusual> {
    let mut text = false;
    for part in item["content"].as_array().ok_or(Unusual::Unreadable)? {
        match part["type"].as_str() {
            Some("output_text") => text |= says(part.get("text").ok_or(Unusual::Unreadable)?),
            Some("refusal") => return Err(Unusual::Refused),
            _ => return Err(Unusual::Media),
        }
        if says(&part["logprobs"]) {
            return Err(Unusual::Logprobs);
        }
    }
    Ok(text)
}

pub(super) fn whole(events: &[Event]) -> Result<Value, Unusual> {
    let mut said = String::new();
    let mut last = None;
    for event in events.iter().filter_map(|event| event.data.as_ref()) {
        match event["type"].as_str().ok_or(Unusual::Unreadable)? {
            _ if last.is_some() => return Err(Unusual::Contradictory),
            "error" | "response.failed" => return Err(Unusual::Error),
            "response.output_text.delta" => said.push_str(event["delta"].as_str().unwrap_or_default()),
            "response.completed" | "response.incomplete" => last = Some(&event["response"]),
            _ => {}
        }
    }
    let answer = last.ok_or(Unusual::Cut)?.clone();
    if said == text_of(&answer) { Ok(answer) } else { Err(Unusual::Contradictory) }
}

fn text_of(answer: &Value) -> String {
    let items = answer["output"].as_array().into_iter().flatten();
    let parts = items.filter(|item| item["type"] == "message").filter_map(|item| item["content"].as_array()).flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}
