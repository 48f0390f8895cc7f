//! Round trips over every dialect, and a table of streams that must be refused.

use serde_json::{Value, json};

use super::*;
use crate::Usage;

const TEXT: &str =
    "Der Turm ist 330 m hoch.\n\nEr steht in \"Paris\" \u{2014} seit 1889, und \u{1f5fc} leuchtet\tnachts.";

fn chat() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-2024",
        "service_tier": "default", "system_fingerprint": "fp_1",
        "choices": [{ "index": 0, "logprobs": null, "finish_reason": "stop",
            "message": { "role": "assistant", "content": TEXT, "refusal": null } }],
        "usage": { "prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12 },
    })
}

fn responses() -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "error": null,
        "incomplete_details": null, "instructions": null, "model": "m", "metadata": {}, "tools": [],
        "output": [
            { "id": "rs_1", "type": "reasoning", "summary": [{ "type": "summary_text", "text": "**Thinking** of it." }] },
            { "id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [
                { "type": "output_text", "text": TEXT, "annotations": [], "logprobs": [] }] },
        ],
        "usage": { "input_tokens": 5, "output_tokens": 7, "total_tokens": 12 },
    })
}

fn anthropic() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [
            { "type": "thinking", "thinking": "Let me see what the tower is.", "signature": "c2ln" },
            { "type": "text", "text": TEXT },
        ],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 0, "service_tier": "standard" },
    })
}

fn gemini() -> Value {
    json!({
        "candidates": [{ "content": { "parts": [
            { "text": "Thinking first.", "thought": true }, { "text": TEXT, "thoughtSignature": "c2ln" },
        ], "role": "model" }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": { "promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12 },
        "modelVersion": "gemini-2", "responseId": "r1",
    })
}

fn completion() -> Value {
    json!({
        "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
        "choices": [{ "text": TEXT, "index": 0, "logprobs": null, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12 },
    })
}

fn answers() -> Vec<(Surface, Value)> {
    vec![
        (Surface::ChatCompletions, chat()),
        (Surface::Completions, completion()),
        (Surface::Responses, responses()),
        (Surface::Messages, anthropic()),
        (Surface::GenerateContent, gemini()),
    ]
}

fn asked() -> Wanted {
    Wanted { include_usage: true, ..Wanted::default() }
}

fn stream(surface: Surface, answer: &Value) -> Vec<u8> {
    events(surface, answer, &asked()).unwrap().concat()
}

#[test]
fn what_was_written_as_events_reads_as_the_same_answer() {
    for (surface, answer) in answers() {
        assert_eq!(finish(surface, &answer), Ok(Finish::Stop), "{surface:?}");
        let again = whole(surface, &stream(surface, &answer));
        assert_eq!(again.as_ref(), Ok(&answer), "{surface:?}");
    }
}

#[test]
fn gemini_has_a_second_form_of_streams() {
    let array = events(Surface::StreamGenerateContent, &gemini(), &Wanted { array: true, ..Wanted::default() });
    let array = array.unwrap().concat();
    assert!(serde_json::from_slice::<Vec<Value>>(&array).unwrap().len() > 3);
    assert_eq!(whole(Surface::StreamGenerateContent, &array), Ok(gemini()));
}

#[test]
fn a_stream_cut_before_any_of_its_events_is_not_whole() {
    for (surface, answer) in answers() {
        let events = events(surface, &answer, &asked()).unwrap();
        for end in 0..events.len() {
            assert!(whole(surface, &events[..end].concat()).is_err(), "{surface:?} cut at {end}");
        }
        let all = events.concat();
        for cut in [1, 2, 5] {
            let result = whole(surface, &all[..all.len() - cut]);
            // The blank line may miss its last byte where lines end in CR LF: a CR is a line end by itself.
            assert!(result.is_err() || (surface == Surface::GenerateContent && cut == 1), "{surface:?} less {cut}");
        }
    }
}

#[test]
fn tool_calls_are_put_together_and_told() {
    let mut answer = chat();
    answer["choices"][0]["finish_reason"] = "tool_calls".into();
    answer["choices"][0]["message"]["content"] = Value::Null;
    answer["choices"][0]["message"]["tool_calls"] = json!([
        { "id": "call_1", "type": "function", "function": { "name": "f", "arguments": "{\"a\":1}" } },
        { "id": "call_2", "type": "function", "function": { "name": "g", "arguments": "{}" } },
    ]);
    assert_eq!(finish(Surface::ChatCompletions, &answer), Ok(Finish::ToolCalls));
    let again = whole(Surface::ChatCompletions, &stream(Surface::ChatCompletions, &answer));
    assert_eq!(again, Ok(answer));

    let mut answer = anthropic();
    answer["stop_reason"] = "tool_use".into();
    answer["content"][1] = json!({ "type": "tool_use", "id": "t", "name": "f", "input": { "city": "Paris" } });
    assert_eq!(finish(Surface::Messages, &answer), Ok(Finish::ToolCalls));
    assert_eq!(whole(Surface::Messages, &stream(Surface::Messages, &answer)), Ok(answer));

    let mut answer = responses();
    answer["output"][1] = json!({ "id": "fc", "type": "function_call", "status": "completed", "call_id": "c",
        "name": "f", "arguments": "{\"a\":1}" });
    assert_eq!(finish(Surface::Responses, &answer), Ok(Finish::ToolCalls));
    assert_eq!(whole(Surface::Responses, &stream(Surface::Responses, &answer)), Ok(answer));

    let mut answer = gemini();
    answer["candidates"][0]["content"]["parts"] = json!([{ "functionCall": { "name": "f", "args": { "a": 1 } } }]);
    assert_eq!(finish(Surface::GenerateContent, &answer), Ok(Finish::ToolCalls));
    assert_eq!(whole(Surface::GenerateContent, &stream(Surface::GenerateContent, &answer)), Ok(answer));
}

#[test]
fn unusual_answers_are_refused_with_the_reason() {
    type Case = (Surface, fn() -> Value, &'static str, Value, Unusual);
    let one = "/choices/0";
    let cases: Vec<Case> = vec![
        (Surface::ChatCompletions, chat, "/error", json!({ "message": "x" }), Unusual::Error),
        (Surface::ChatCompletions, chat, "/choices", json!([]), Unusual::Choices),
        (Surface::ChatCompletions, chat, "/choices", json!([{}, {}]), Unusual::Choices),
        (Surface::ChatCompletions, chat, "/choices/0/logprobs", json!({ "content": [1] }), Unusual::Logprobs),
        (Surface::ChatCompletions, chat, "/choices/0/finish_reason", "content_filter".into(), Unusual::Filtered),
        (Surface::ChatCompletions, chat, "/choices/0/finish_reason", Value::Null, Unusual::Cut),
        (Surface::ChatCompletions, chat, "/choices/0/finish_reason", "new".into(), Unusual::Unknown),
        (Surface::ChatCompletions, chat, "/choices/0/message/content", "".into(), Unusual::Empty),
        (Surface::ChatCompletions, chat, "/choices/0/message/content", json!([{}]), Unusual::Unknown),
        (Surface::ChatCompletions, chat, "/choices/0/message/refusal", "no".into(), Unusual::Refused),
        (Surface::ChatCompletions, chat, "/choices/0/message/audio", json!({ "id": "a" }), Unusual::Media),
        (
            Surface::ChatCompletions,
            chat,
            "/choices/0/content_filter_results",
            json!({ "hate": { "filtered": true } }),
            Unusual::Filtered,
        ),
        (Surface::ChatCompletions, || json!([1]), one, Value::Null, Unusual::Unreadable),
        (Surface::Completions, completion, "/choices/0/logprobs", json!({ "tokens": ["a"] }), Unusual::Logprobs),
        (Surface::Responses, responses, "/status", "failed".into(), Unusual::Error),
        (Surface::Responses, responses, "/status", "in_progress".into(), Unusual::Cut),
        (Surface::Responses, responses, "/output", json!([{ "type": "web_search_call" }]), Unusual::HostedTool),
        (Surface::Responses, responses, "/output/1/content", json!([{ "type": "refusal" }]), Unusual::Refused),
        (Surface::Responses, responses, "/output", json!([]), Unusual::Empty),
        (Surface::Messages, anthropic, "/stop_reason", "refusal".into(), Unusual::Refused),
        (Surface::Messages, anthropic, "/stop_reason", Value::Null, Unusual::Cut),
        (Surface::Messages, anthropic, "/type", "error".into(), Unusual::Error),
        (Surface::Messages, anthropic, "/content/0/type", "server_tool_use".into(), Unusual::HostedTool),
        (Surface::GenerateContent, gemini, "/candidates/0/finishReason", "SAFETY".into(), Unusual::Filtered),
        (Surface::GenerateContent, gemini, "/promptFeedback", json!({ "blockReason": "OTHER" }), Unusual::Filtered),
        (Surface::GenerateContent, gemini, "/candidates/0/content/parts", json!([]), Unusual::Empty),
        (
            Surface::GenerateContent,
            gemini,
            "/candidates/0/content/parts",
            json!([{ "inlineData": {} }]),
            Unusual::Media,
        ),
        (Surface::Embeddings, || json!({ "data": [] }), "/x", Value::Null, Unusual::Unreadable),
        (Surface::Images, || json!({}), "/x", Value::Null, Unusual::Surface),
    ];
    for (surface, answer, at, value, expected) in cases {
        let mut answer = answer();
        set(&mut answer, at, value);
        assert_eq!(finish(surface, &answer), Err(expected), "{surface:?} {at}");
        assert_eq!(events(surface, &answer, &asked()), Err(expected), "{surface:?} {at}");
    }
}

/// Sets a member by its JSON pointer, which may be new in its object.
fn set(answer: &mut Value, at: &str, value: Value) {
    let (parent, name) = at.rsplit_once('/').unwrap();
    if let Some(Value::Object(members)) = answer.pointer_mut(parent) {
        members.insert(name.to_owned(), value);
    } else if let Some(element) = answer.pointer_mut(at) {
        *element = value;
    }
}

#[test]
fn usage_stands_in_chunks_only_where_it_was_asked_for() {
    for (surface, answer) in [(Surface::ChatCompletions, chat()), (Surface::Completions, completion())] {
        let silent = events(surface, &answer, &Wanted::default()).unwrap().concat();
        assert!(!String::from_utf8(silent.clone()).unwrap().contains("usage"), "{surface:?}");
        let mut expected = answer.clone();
        expected.as_object_mut().unwrap().remove("usage");
        assert_eq!(whole(surface, &silent), Ok(expected), "{surface:?}");
    }
}

#[test]
fn broken_streams_are_refused_with_the_reason() {
    let done = "data: [DONE]\n\n";
    let chunk = |choices: &str| format!("data: {{\"id\":\"a\",\"choices\":{choices}}}\n\n");
    let said = chunk(r#"[{"index":0,"delta":{"content":"a b"},"finish_reason":null}]"#);
    let stop = chunk(r#"[{"index":0,"delta":{},"finish_reason":"stop"}]"#);
    let cases = [
        (String::new(), Unusual::Cut),
        (format!("{said}{stop}"), Unusual::Cut),
        (format!("{said}{done}"), Unusual::Cut),
        (format!("{said}{stop}{done}{said}"), Unusual::Cut),
        (format!("{said}{done}{stop}{done}"), Unusual::Contradictory),
        (format!("{said}{stop}{said}{done}"), Unusual::Contradictory),
        (format!("{said}data: {{\"error\":{{\"message\":\"m\"}}}}\n\n{stop}{done}"), Unusual::Error),
        (format!("{said}event: error\ndata: {{}}\n\n{stop}{done}"), Unusual::Error),
        (format!("{said}data: {{\n\n{stop}{done}"), Unusual::Unreadable),
        (format!("{said}{}{stop}{done}", chunk(r#"[{"index":1,"delta":{"content":"x"}}]"#)), Unusual::Choices),
        (format!("{said}{}{stop}{done}", chunk(r#"[{"index":0,"delta":{"content":3}}]"#)), Unusual::Unknown),
        (format!("{stop}{done}"), Unusual::Empty),
    ];
    for (body, expected) in cases {
        assert_eq!(whole(Surface::ChatCompletions, body.as_bytes()), Err(expected), "{body}");
    }
}

#[test]
fn text_is_cut_at_word_borders_and_long_text_into_few_pieces() {
    let long = "word ".repeat(40_000);
    let solid = "\u{20ac}".repeat(5000);
    for text in [TEXT, &long, &solid, "", "a"] {
        let pieces = lines::pieces(text);
        assert_eq!(pieces.concat(), text);
        assert!(pieces.len() <= 260, "{} pieces", pieces.len());
    }
    let all = lines::pieces(TEXT);
    assert!(all.len() > 1 && all[..all.len() - 1].iter().all(|piece| piece.ends_with(char::is_whitespace)));
}

#[test]
fn a_missing_usage_is_filled_and_a_given_one_left_alone() {
    let counted = Usage { input: Some(3), output: Some(4), ..Usage::default() };
    for (surface, mut answer) in answers() {
        let given = answer.clone();
        with_usage(surface, &mut answer, &counted);
        assert_eq!(answer, given, "{surface:?}");
        let member = if surface == Surface::GenerateContent { "usageMetadata" } else { "usage" };
        answer.as_object_mut().unwrap().remove(member);
        with_usage(surface, &mut answer, &counted);
        let raw = serde_json::value::to_raw_value(&answer[member]).unwrap();
        let read = match surface {
            Surface::Messages => Usage::from_anthropic(&raw),
            Surface::GenerateContent => Usage::from_gemini(&raw),
            _ => Usage::from_openai(&raw),
        };
        assert_eq!(read.total(), 7, "{surface:?}");
    }
}

#[test]
fn an_answer_may_get_another_id() {
    for (surface, answer) in answers() {
        let wanted = Wanted { id: Some("other".into()), ..asked() };
        let again = whole(surface, &events(surface, &answer, &wanted).unwrap().concat()).unwrap();
        let id = if surface == Surface::GenerateContent { &again["responseId"] } else { &again["id"] };
        assert_eq!(id, "other", "{surface:?}");
    }
}
