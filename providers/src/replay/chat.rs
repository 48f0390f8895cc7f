//! Chat completions: chunks of `choices[0].delta`, a usage chunk where asked for, `[DONE]`.
//!
//! Served beside OpenAI's own: Azure's first frame and filter results, reasoning under three names, usage in the
//! last chunk that still has choices, Groq's `x_groq`. Deliberately not here: legacy completions.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    Finish, Unusual,
    frames::{Event, until_done},
    lines::{DONE, Line, pieces},
    merge::{append, filtered, once, overlay, says, without},
};

/// Members of a delta or message whose text comes in pieces.
const TEXTS: [&str; 4] = ["content", "reasoning", "reasoning_content", "refusal"];
/// Members of a chunk that belong to the stream and not to the answer.
const OF_THE_STREAM: [&str; 5] = ["choices", "usage", "object", "obfuscation", "x_groq"];

pub(super) fn finish(answer: &Value) -> Result<Finish, Unusual> {
    let choice = only_choice(answer)?;
    let message = &choice["message"];
    if !message.is_object() {
        return Err(Unusual::Unreadable);
    }
    if says(&message["refusal"]) {
        return Err(Unusual::Refused);
    }
    if ["audio", "images"].iter().any(|name| says(&message[name])) {
        return Err(Unusual::Media);
    }
    if says(&message["annotations"]) {
        return Err(Unusual::HostedTool);
    }
    let calls = says(&message["tool_calls"]) || says(&message["function_call"]);
    ended(&choice["finish_reason"], calls, says_text(&message["content"])?)
}

fn says_text(content: &Value) -> Result<bool, Unusual> {
    match content {
        Value::Null => Ok(false),
        Value::String(text) => Ok(!text.is_empty()),
        _ => Err(Unusual::Unknown),
    }
}

/// The one choice of an answer without errors, filters and probabilities; shared with legacy completions.
pub(super) fn only_choice(answer: &Value) -> Result<&Value, Unusual> {
    if says(&answer["error"]) {
        return Err(Unusual::Error);
    }
    let choices = answer["choices"].as_array().ok_or(Unusual::Unreadable)?;
    let [choice] = choices.as_slice() else { return Err(Unusual::Choices) };
    if says(&choice["error"]) {
        return Err(Unusual::Error);
    }
    if says(&choice["logprobs"]) {
        return Err(Unusual::Logprobs);
    }
    if filtered(&choice["content_filter_results"]) || filtered(&answer["prompt_filter_results"]) {
        return Err(Unusual::Filtered);
    }
    Ok(choice)
}

/// What a finish reason means; shared with legacy completions.
pub(super) fn ended(reason: &Value, calls: bool, says_text: bool) -> Result<Finish, Unusual> {
    match reason.as_str() {
        Some("stop") if calls => Ok(Finish::ToolCalls),
        Some("stop") if !says_text => Err(Unusual::Empty),
        Some("stop") => Ok(Finish::Stop),
        Some("length") => Ok(Finish::Length),
        Some("tool_calls" | "function_call") => Ok(Finish::ToolCalls),
        Some("content_filter") => Err(Unusual::Filtered),
        Some(_) => Err(Unusual::Unknown),
        None => Err(Unusual::Cut),
    }
}

pub(super) fn whole(events: &[Event]) -> Result<Value, Unusual> {
    let mut top = Top::default();
    let mut choice = Map::new();
    let mut message = json!({});
    let mut calls: Vec<Value> = Vec::new();
    for chunk in until_done(events)? {
        top.take(chunk)?;
        let Some(part) = Top::choice_of(chunk)? else { continue };
        if says(choice.get("finish_reason").unwrap_or(&Value::Null)) && speaks(&part["delta"]) {
            return Err(Unusual::Contradictory);
        }
        take_choice(&mut choice, part, "delta")?;
        take_delta(&mut message, &mut calls, &part["delta"])?;
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let silent = message["content"].as_str().is_none_or(str::is_empty);
    if silent && says(&message["tool_calls"]) {
        message["content"] = Value::Null;
    }
    message["role"] = "assistant".into();
    choice.insert("message".into(), message);
    Ok(top.answer("chat.completion", choice))
}

fn speaks(delta: &Value) -> bool {
    TEXTS.iter().chain(&["tool_calls"]).any(|name| says(&delta[name]))
}

/// What the chunks say beside their choices; shared with legacy completions.
#[derive(Default)]
pub(super) struct Top {
    members: Map<String, Value>,
    usage: Value,
}

impl Top {
    /// Takes a chunk's own members: the first that say something stay.
    pub(super) fn take(&mut self, chunk: &Value) -> Result<(), Unusual> {
        if says(&chunk["error"]) {
            return Err(Unusual::Error);
        }
        for (name, value) in without(chunk, &OF_THE_STREAM) {
            let there = self.members.get(&name).is_some_and(says);
            if !there {
                self.members.insert(name, value);
            }
        }
        for usage in [&chunk["x_groq"]["usage"], &chunk["usage"]] {
            if says(usage) {
                self.usage = usage.clone();
            }
        }
        Ok(())
    }

    /// The chunk's choice, when it has one.
    pub(super) fn choice_of(chunk: &Value) -> Result<Option<&Value>, Unusual> {
        let Some(choices) = chunk["choices"].as_array() else { return Ok(None) };
        match choices.as_slice() {
            [] => Ok(None),
            [choice] if choice["index"].as_u64().unwrap_or(0) == 0 => Ok(Some(choice)),
            _ => Err(Unusual::Choices),
        }
    }

    /// The answer with its one choice.
    pub(super) fn answer(self, object: &str, mut choice: Map<String, Value>) -> Value {
        choice.insert("index".into(), 0.into());
        let mut answer = Value::Object(self.members);
        answer["object"] = object.into();
        answer["choices"] = json!([choice]);
        if says(&self.usage) {
            answer["usage"] = self.usage;
        }
        answer
    }
}

/// A choice's members but for what it says, which stands under `said`; shared with legacy completions.
pub(super) fn take_choice(choice: &mut Map<String, Value>, part: &Value, said: &str) -> Result<(), Unusual> {
    for (name, value) in without(part, &[said, "index"]) {
        match name.as_str() {
            "content_filter_results" => {
                overlay(choice.entry(name).or_insert(Value::Null), &value);
            }
            _ => once(choice, &name, &value)?,
        }
    }
    Ok(())
}

fn take_delta(message: &mut Value, calls: &mut Vec<Value>, delta: &Value) -> Result<(), Unusual> {
    let Some(members) = delta.as_object() else { return Ok(()) };
    for (name, value) in members {
        match name.as_str() {
            "role" => {}
            "tool_calls" => {
                for call in value.as_array().into_iter().flatten() {
                    take_call(calls, call)?;
                }
            }
            text if TEXTS.contains(&text) => append(entry(message, text), value)?,
            other => once(message.as_object_mut().ok_or(Unusual::Unreadable)?, other, value)?,
        }
    }
    Ok(())
}

fn entry<'m>(message: &'m mut Value, name: &str) -> &'m mut Value {
    &mut message[name]
}

/// A piece of a tool call; pieces of one call share its index.
fn take_call(calls: &mut Vec<Value>, piece: &Value) -> Result<(), Unusual> {
    let next = u64::try_from(calls.len()).unwrap_or(u64::MAX);
    let index = piece["index"].as_u64().unwrap_or(next);
    if index == next {
        calls.push(json!({ "type": "function", "function": { "arguments": "" } }));
    }
    let call = usize::try_from(index).ok().and_then(|at| calls.get_mut(at)).ok_or(Unusual::Contradictory)?;
    append(&mut call["function"]["arguments"], &piece["function"]["arguments"])?;
    for (name, value) in without(&piece["function"], &["arguments"]) {
        once(call["function"].as_object_mut().ok_or(Unusual::Unreadable)?, &name, &value)?;
    }
    for (name, value) in without(piece, &["index", "function"]) {
        once(call.as_object_mut().ok_or(Unusual::Unreadable)?, &name, &value)?;
    }
    Ok(())
}

pub(super) fn events(answer: &Value, include_usage: bool) -> Result<Vec<Bytes>, Unusual> {
    let choice = only_choice(answer)?;
    let frame = Frame::of(answer, "chat.completion.chunk", include_usage);
    let mut all = frame.filters(answer);
    all.push(frame.chunk(&first_delta(&choice["message"]), &Map::new(), &Value::Null));
    for name in ["reasoning", "reasoning_content", "content"] {
        let text = choice["message"][name].as_str().unwrap_or_default();
        let line = frame.line(&format!("{{\"{name}\":"), "}");
        all.extend(pieces(text).into_iter().map(|piece| line.with(piece)));
    }
    for (index, call) in choice["message"]["tool_calls"].as_array().into_iter().flatten().enumerate() {
        all.extend(call_chunks(&frame, index, call));
    }
    let rest = without(choice, &["message", "index", "finish_reason", "logprobs"]);
    all.push(frame.chunk(&json!({}), &rest, &choice["finish_reason"]));
    all.extend(frame.usage(answer));
    all.push(DONE);
    Ok(all)
}

/// What opens a message: its role, the members that are no text, and empty content.
fn first_delta(message: &Value) -> Value {
    let mut opening = without(message, &["content", "reasoning", "reasoning_content", "tool_calls", "annotations"]);
    opening.insert("role".into(), "assistant".into());
    opening.insert("content".into(), if says(&message["tool_calls"]) { Value::Null } else { "".into() });
    opening.into()
}

/// A tool call: its name first, then its arguments in one piece.
fn call_chunks(frame: &Frame, index: usize, call: &Value) -> [Bytes; 2] {
    let mut opening = call.clone();
    opening["index"] = index.into();
    let arguments = json!({ "index": index, "function": { "arguments": opening["function"]["arguments"].take() } });
    opening["function"]["arguments"] = "".into();
    [opening, arguments].map(|part| frame.chunk(&json!({ "tool_calls": [part] }), &Map::new(), &Value::Null))
}

/// What all chunks of one answer share; also for legacy completions.
pub(super) struct Frame {
    /// The members of the answer that every chunk repeats, as text without the closing brace.
    shared: String,
    /// Whether chunks say `"usage": null`, as they do when usage was asked for.
    usage: bool,
}

impl Frame {
    pub(super) fn of(answer: &Value, object: &str, usage: bool) -> Self {
        let mut members = without(answer, &["choices", "usage", "object", "prompt_filter_results"]);
        members.insert("object".into(), object.into());
        let mut shared = Value::Object(members).to_string();
        shared.pop();
        Self { shared, usage }
    }

    fn end(&self) -> &'static str {
        if self.usage { "],\"usage\":null}\n\n" } else { "]}\n\n" }
    }

    /// A chunk of which only the piece of text differs.
    fn line(&self, before: &str, after: &str) -> Line {
        let open = format!("data: {},\"choices\":[{{\"index\":0,\"delta\":{before}", self.shared);
        Line::new(open, format!("{after},\"logprobs\":null,\"finish_reason\":null}}{}", self.end()))
    }

    /// A chunk of legacy completions, of which only the text differs.
    pub(super) fn text_line(&self) -> Line {
        let open = format!("data: {},\"choices\":[{{\"index\":0,\"text\":", self.shared);
        Line::new(open, format!(",\"logprobs\":null,\"finish_reason\":null}}{}", self.end()))
    }

    fn chunk(&self, delta: &Value, more: &Map<String, Value>, finish: &Value) -> Bytes {
        let mut choice = Value::Object(more.clone());
        choice["delta"] = delta.clone();
        self.choice(choice, finish)
    }

    /// A chunk with a choice as it is.
    pub(super) fn choice(&self, mut choice: Value, finish: &Value) -> Bytes {
        choice["index"] = 0.into();
        choice["logprobs"] = Value::Null;
        choice["finish_reason"] = finish.clone();
        format!("data: {},\"choices\":[{choice}{}", self.shared, self.end()).into()
    }

    /// Azure's first frame: what its filter thinks of the prompt.
    pub(super) fn filters(&self, answer: &Value) -> Vec<Bytes> {
        let found = &answer["prompt_filter_results"];
        if !says(found) {
            return Vec::new();
        }
        vec![format!("data: {},\"prompt_filter_results\":{found},\"choices\":[{}", self.shared, self.end()).into()]
    }

    /// The last chunk, where usage was asked for and is known.
    pub(super) fn usage(&self, answer: &Value) -> Option<Bytes> {
        let usage = answer.get("usage").filter(|usage| self.usage && says(usage))?;
        Some(format!("data: {},\"choices\":[],\"usage\":{usage}}}\n\n", self.shared).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_valid_json_whatever_the_text() {
        let answer = json!({ "id": "a\"b", "model": "m", "choices": [] });
        for usage in [false, true] {
            let line = Frame::of(&answer, "x", usage).line("{\"content\":", "}").with("quote \" and \n and \u{2028}");
            let text = std::str::from_utf8(&line).unwrap().strip_prefix("data: ").unwrap();
            let chunk: Value = serde_json::from_str(text).unwrap();
            assert_eq!(chunk["choices"][0]["delta"]["content"], "quote \" and \n and \u{2028}");
            assert_eq!(chunk.get("usage").is_some(), usage);
        }
    }
}
