//! Gemini's `generateContent`: chunks that are answers themselves, as events or in one JSON array.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    Finish, Unusual, frames,
    lines::{Line, pieces},
    merge::{filtered, once, says, without},
};

pub(super) fn finish(answer: &Value) -> Result<Finish, Unusual> {
    if says(&answer["error"]) {
        return Err(Unusual::Error);
    }
    if says(&answer["promptFeedback"]["blockReason"]) || filtered(&answer["candidates"]) {
        return Err(Unusual::Filtered);
    }
    let candidates = answer["candidates"].as_array().ok_or(Unusual::Unreadable)?;
    let [candidate] = candidates.as_slice() else { return Err(Unusual::Choices) };
    if says(&candidate["logprobsResult"]) {
        return Err(Unusual::Logprobs);
    }
    if ["groundingMetadata", "urlContextMetadata", "citationMetadata"].iter().any(|name| says(&candidate[*name])) {
        return Err(Unusual::HostedTool);
    }
    let (text, calls) = parts_say(candidate)?;
    match candidate["finishReason"].as_str() {
        Some("STOP") if calls => Ok(Finish::ToolCalls),
        Some("STOP") if !text => Err(Unusual::Empty),
        Some("STOP") => Ok(Finish::Stop),
        Some("MAX_TOKENS") => Ok(Finish::Length),
        Some("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "IMAGE_SAFETY" | "LANGUAGE") => {
            Err(Unusual::Filtered)
        }
        Some(_) => Err(Unusual::Unknown),
        None => Err(Unusual::Cut),
    }
}

/// Whether there is text (thoughts do not count), and whether functions are called.
fn parts_say(candidate: &Value) -> Result<(bool, bool), Unusual> {
    let (mut text, mut calls) = (false, false);
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        let members = part.as_object().ok_or(Unusual::Unreadable)?;
        for (name, value) in members {
            match name.as_str() {
                "text" => text |= says(value) && part["thought"] != true,
                "functionCall" => calls = true,
                "thought" | "thoughtSignature" => {}
                "executableCode" | "codeExecutionResult" | "toolCall" | "toolResponse" => {
                    return Err(Unusual::HostedTool);
                }
                "inlineData" | "fileData" => return Err(Unusual::Media),
                _ => return Err(Unusual::Unknown),
            }
        }
    }
    Ok((text, calls))
}

pub(super) fn whole(body: &[u8]) -> Result<Value, Unusual> {
    let chunks = chunks(body)?;
    let mut answer = Map::new();
    let mut candidate = Map::new();
    let mut parts = Vec::new();
    for chunk in &chunks {
        if says(&chunk["error"]) {
            return Err(Unusual::Error);
        }
        take_top(&mut answer, chunk);
        for part in chunk["candidates"].as_array().into_iter().flatten() {
            if part["index"].as_u64().unwrap_or(0) != 0 {
                return Err(Unusual::Choices);
            }
            take_candidate(&mut candidate, &mut parts, part)?;
        }
    }
    candidate.insert("content".into(), json!({ "parts": parts, "role": "model" }));
    candidate.insert("index".into(), 0.into());
    answer.insert("candidates".into(), json!([candidate]));
    Ok(answer.into())
}

fn chunks(body: &[u8]) -> Result<Vec<Value>, Unusual> {
    if body.trim_ascii_start().starts_with(b"[") {
        return serde_json::from_slice(body).map_err(|_| Unusual::Cut);
    }
    let events = frames::read(body)?;
    Ok(events.into_iter().filter_map(|event| event.data).collect())
}

/// Of the answer's own members the latest that say something stay: usage grows from chunk to chunk.
fn take_top(answer: &mut Map<String, Value>, chunk: &Value) {
    for (name, value) in without(chunk, &["candidates"]) {
        let first_stays = matches!(name.as_str(), "responseId" | "createTime") && answer.contains_key(&name);
        if says(&value) && !first_stays {
            answer.insert(name, value);
        }
    }
}

fn take_candidate(candidate: &mut Map<String, Value>, parts: &mut Vec<Value>, from: &Value) -> Result<(), Unusual> {
    for (name, value) in without(from, &["content", "index"]) {
        match name.as_str() {
            // Ratings are of what was said up to there.
            "safetyRatings" | "tokenCount" | "avgLogprobs" => {
                if filtered(&value) {
                    return Err(Unusual::Filtered);
                }
                candidate.insert(name, value);
            }
            _ => once(candidate, &name, &value)?,
        }
    }
    for part in from["content"]["parts"].as_array().into_iter().flatten() {
        take_part(parts, part);
    }
    Ok(())
}

/// Text goes on where text of the same kind ended; a signature closes its part.
fn take_part(parts: &mut Vec<Value>, part: &Value) {
    let joins = |last: &Value| {
        last["text"].is_string() && last.get("thoughtSignature").is_none() && last["thought"] == part["thought"]
    };
    let text = part["text"].as_str();
    if let (Some(text), Some(last)) = (text, parts.last_mut().filter(|last| joins(last))) {
        let whole = format!("{}{text}", last["text"].as_str().unwrap_or_default());
        last["text"] = whole.into();
        if let Some(signature) = part.get("thoughtSignature") {
            last["thoughtSignature"] = signature.clone();
        }
    } else if text != Some("") || part.get("thoughtSignature").is_some() {
        parts.push(part.clone());
    }
}

pub(super) fn events(answer: &Value, array: bool) -> Result<Vec<Bytes>, Unusual> {
    let shared = Value::Object(without(answer, &["candidates", "usageMetadata", "promptFeedback"])).to_string();
    let shared = shared.strip_prefix('{').unwrap_or_default();
    let shared = if shared == "}" { "}".to_owned() } else { format!(",{shared}") };
    let candidate = answer["candidates"].get(0).ok_or(Unusual::Unreadable)?;
    let mut all = Vec::new();
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        write_part(&mut all, part, &shared);
    }
    let mut last = answer.clone();
    last["candidates"][0]["content"] = json!({ "parts": [{ "text": "" }], "role": "model" });
    all.push(last.to_string());
    Ok(framed(all, array))
}

/// The chunks of one part: text in pieces, all else as it is.
fn write_part(all: &mut Vec<String>, part: &Value, shared: &str) {
    let chunk = |part: &str| {
        format!("{{\"candidates\":[{{\"content\":{{\"parts\":[{part}],\"role\":\"model\"}},\"index\":0}}]{shared}")
    };
    let Some(text) = part["text"].as_str() else {
        all.push(chunk(&part.to_string()));
        return;
    };
    let thought = if part["thought"] == true { "{\"thought\":true,\"text\":" } else { "{\"text\":" };
    let line = Line::new(thought.to_owned(), "}".to_owned());
    let texts = pieces(text).into_iter().map(|piece| chunk(&String::from_utf8_lossy(&line.with(piece))));
    all.extend(texts);
    if part.get("thoughtSignature").is_some() {
        let mut signed = part.clone();
        signed["text"] = "".into();
        all.push(chunk(&signed.to_string()));
    }
}

fn framed(chunks: Vec<String>, array: bool) -> Vec<Bytes> {
    if !array {
        return chunks.into_iter().map(|chunk| format!("data: {chunk}\r\n\r\n").into()).collect();
    }
    let last = chunks.len().saturating_sub(1);
    let element = |(at, chunk): (usize, String)| {
        let (before, after) = (if at == 0 { "[" } else { ",\r\n" }, if at == last { "]" } else { "" });
        format!("{before}{chunk}{after}").into()
    };
    chunks.into_iter().enumerate().map(element).collect()
}
