//! Simulated `:generateContent` and `:streamGenerateContent`.

use serde_json::{Value, json};

use super::{
    Script, Step,
    ask::{Ask, tokens},
    reply::{Finish, Reply},
};

pub(super) fn whole(ask: &Ask, reply: &Reply) -> Value {
    chunk(&Frame::of(ask, reply), &part(reply, &reply.text.whole()), Some(reply.finish), reply.output_tokens)
}

/// An event stream with `alt=sse`, else one JSON array sent element by element.
pub(super) fn stream(ask: &Ask, reply: &Reply) -> Script {
    let frame = Frame::of(ask, reply);
    let pace = reply.pace;
    let chunks: Box<dyn Iterator<Item = Value> + Send + Sync> = if reply.tool.is_some() {
        // A function call is never split.
        Box::new(std::iter::once(whole(ask, reply)))
    } else {
        let (last, total, done) = (frame.clone(), reply.output_tokens, reply.finish);
        let words = reply.text.clone().pieces().scan(0, move |bytes, piece| {
            *bytes += piece.len();
            Some(chunk(&frame, &json!({ "text": piece }), None, tokens(*bytes).min(total)))
        });
        Box::new(words.chain(std::iter::once_with(move || chunk(&last, &json!({ "text": "" }), Some(done), total))))
    };
    let wait = move |at: usize| if at == 0 { pace.first } else { pace.each };
    let chunks = chunks.enumerate();
    if ask.query.split('&').any(|pair| pair == "alt=sse") {
        return Script::events(
            chunks.map(move |(at, chunk)| Step::data(format!("data: {chunk}\r\n\r\n")).after(wait(at))),
        );
    }
    let element = move |(at, chunk): (usize, Value)| {
        let before = if at == 0 { "[" } else { ",\r\n" };
        Step::data(format!("{before}{chunk}")).after(wait(at))
    };
    Script::steps(200, "application/json", Box::new(chunks.map(element).chain(std::iter::once(Step::data("]")))))
}

/// What all chunks of one answer share.
#[derive(Clone)]
struct Frame {
    id: String,
    model: String,
    input_tokens: u64,
}

impl Frame {
    fn of(ask: &Ask, reply: &Reply) -> Self {
        Self { id: ask.named_id(""), model: ask.model_name.clone(), input_tokens: reply.input_tokens }
    }
}

fn part(reply: &Reply, text: &str) -> Value {
    match &reply.tool {
        Some(name) => {
            let args: Value = serde_json::from_str(text).unwrap_or_default();
            json!({ "functionCall": { "name": name, "args": args } })
        }
        None => json!({ "text": text }),
    }
}

fn chunk(frame: &Frame, part: &Value, finish: Option<Finish>, output: u64) -> Value {
    let mut candidate = json!({ "content": { "parts": [part], "role": "model" }, "index": 0 });
    if let Some(finish) = finish {
        candidate["finishReason"] = if finish == Finish::Length { "MAX_TOKENS" } else { "STOP" }.into();
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": frame.input_tokens,
            "candidatesTokenCount": output,
            "totalTokenCount": frame.input_tokens + output,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": frame.input_tokens }],
        },
        "modelVersion": frame.model,
        "responseId": frame.id,
    })
}
