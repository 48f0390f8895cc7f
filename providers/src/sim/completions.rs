//! Simulated legacy `POST /v1/completions`.

use serde_json::{Value, json};

use super::{Script, Step, ask::Ask, chat, reply::Reply};

pub(super) fn whole(ask: &Ask, reply: &Reply) -> Value {
    let text = reply.text.whole();
    let choice =
        |index| json!({ "text": text, "index": index, "logprobs": null, "finish_reason": chat::finish(reply.finish) });
    let mut body = base(ask, &(0..ask.choices).map(choice).collect());
    body["usage"] = chat::usage(reply, ask.choices);
    body
}

pub(super) fn stream(ask: &Ask, reply: Reply) -> Script {
    let template = base(ask, &json!([]));
    let mut last = template.clone();
    last["usage"] = chat::usage(&reply, ask.choices);
    let include_usage = ask.include_usage;
    let (pace, done) = (reply.pace, chat::finish(reply.finish));
    let choices =
        (0..ask.choices).flat_map(move |index| {
            let (each, end) = (template.clone(), template.clone());
            let chunk = move |template: &Value, text: &str, finish: Option<&str>| {
                let mut chunk = template.clone();
                chunk["choices"] = json!([{ "text": text, "index": index, "logprobs": null, "finish_reason": finish }]);
                if include_usage {
                    chunk["usage"] = Value::Null;
                }
                Step::event(&chunk)
            };
            let words =
                reply.text.clone().pieces().enumerate().map(move |(at, piece)| {
                    chunk(&each, &piece, None).after(if at == 0 { pace.first } else { pace.each })
                });
            words.chain(std::iter::once_with(move || chunk(&end, "", Some(done))))
        });
    let usage = include_usage.then(|| Step::event(&last));
    Script::events(choices.chain(usage).chain(std::iter::once(Step::data("data: [DONE]\n\n"))))
}

fn base(ask: &Ask, choices: &Value) -> Value {
    json!({
        "id": ask.named_id("cmpl-"),
        "object": "text_completion",
        "created": ask.created,
        "model": ask.model_name,
        "choices": choices,
    })
}
