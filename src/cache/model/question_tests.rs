//! Tables of what is cached and what is not, in every dialect.

use serde_json::{Value, json};

use super::*;

const RULES: Rules =
    Rules { temperature_limit: 0.5, max_body: 10_000, per_end_user: false, ignore_system: false, max_messages: None };

fn asked(surface: Surface, body: &Value, rules: &Rules) -> Result<Question, Why> {
    let body = body.to_string();
    let owner = ["subscription", "api", "product", "team"];
    question(&Asked { surface, owner: &owner, model: ["m", "p"], vary: &[], body: body.as_bytes() }, rules)
}

fn chat(messages: &Value) -> Value {
    json!({"model": "m", "messages": messages})
}

#[test]
fn the_last_user_text_is_found_in_every_dialect() {
    let user = json!([{"role": "user", "content": "Why?"}]);
    let parts = json!([{"role": "user", "content": [{"type": "text", "text": "Why?"}]}]);
    let input = json!([{"role": "user", "content": [{"type": "input_text", "text": "Why?"}]}]);
    let some = Some("Why?");
    let table = [
        (Surface::ChatCompletions, chat(&user), some),
        (Surface::ChatCompletions, chat(&parts), some),
        (
            Surface::ChatCompletions,
            chat(&json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}])),
            None,
        ),
        (Surface::Completions, json!({"prompt": "Why?"}), some),
        (Surface::Completions, json!({"prompt": [1, 2]}), None),
        (Surface::Responses, json!({"input": "Why?"}), some),
        (Surface::Responses, json!({"input": input}), some),
        (Surface::Messages, json!({"messages": parts}), some),
        (Surface::GenerateContent, json!({"contents": [{"parts": [{"text": "Why?"}]}]}), some),
        (Surface::StreamGenerateContent, json!({"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]}), some),
        (Surface::Embeddings, json!({"input": "Why?"}), None),
    ];
    for (surface, body, wanted) in table {
        let question = asked(surface, &body, &RULES).unwrap_or_else(|why| panic!("{surface:?} {body}: {why:?}"));
        assert_eq!(question.text.as_deref(), wanted, "{surface:?} {body}");
    }
}

#[test]
fn what_may_not_be_cached_says_why() {
    let said = |part: Value| chat(&json!([{"role": "user", "content": [part]}]));
    let with = |name: &str, value: Value| {
        let mut body = chat(&json!([{"role": "user", "content": "Why?"}]));
        body[name] = value;
        body
    };
    let chats = Surface::ChatCompletions;
    let table = [
        (chats, with("n", json!(2)), Why::Choices),
        (Surface::Completions, json!({"prompt": "x", "best_of": 2}), Why::Choices),
        (Surface::Completions, json!({"prompt": "x", "logprobs": 0}), Why::Logprobs),
        (Surface::GenerateContent, json!({"contents": [], "generationConfig": {"candidateCount": 2}}), Why::Choices),
        (Surface::GenerateContent, json!({"contents": [], "generationConfig": {"temperature": 1}}), Why::Temperature),
        (Surface::GenerateContent, json!({"contents": [{"parts": [{"inlineData": {}}]}]}), Why::Media),
        (Surface::GenerateContent, json!({"contents": [{"parts": [{"functionResponse": {}}]}]}), Why::ToolResults),
        (Surface::GenerateContent, json!({"contents": [], "tools": [{"google_search": {}}]}), Why::ProviderState),
        (Surface::GenerateContent, json!({"contents": [], "cachedContent": "x"}), Why::ProviderState),
        (chats, with("logprobs", json!(true)), Why::Logprobs),
        (chats, with("temperature", json!(0.6)), Why::Temperature),
        (chats, with("temperature", json!("hot")), Why::Temperature),
        (chats, with("modalities", json!(["text", "audio"])), Why::Media),
        (chats, said(json!({"type": "image_url"})), Why::Media),
        (chats, said(json!({"type": "file", "file": {}})), Why::Media),
        (chats, chat(&json!([{"role": "tool", "content": "1"}])), Why::ToolResults),
        (
            Surface::Messages,
            chat(&json!([{"role": "user", "content": [{"type": "tool_result", "content": "1"}]}])),
            Why::ToolResults,
        ),
        (Surface::Messages, with("tools", json!([{"type": "web_search_20250305"}])), Why::ProviderState),
        (Surface::Responses, json!({"input": "x", "tools": [{"type": "web_search"}]}), Why::ProviderState),
        (Surface::Responses, json!({"input": "x", "conversation": "c"}), Why::ProviderState),
        (Surface::Responses, json!({"input": "x", "background": true}), Why::Background),
        (Surface::Responses, json!({"input": [{"type": "function_call_output", "output": "1"}]}), Why::ToolResults),
        (Surface::Responses, json!({"input": "x", "include": ["message.output_text.logprobs"]}), Why::Logprobs),
        (chats, chat(&json!("x".repeat(10_000))), Why::TooLong),
        (Surface::Images, json!({}), Why::Surface),
    ];
    for (surface, body, why) in table {
        assert_eq!(asked(surface, &body, &RULES).err(), Some(why), "{surface:?} {body}");
    }
}

#[test]
fn labels_do_not_tell_requests_apart_and_everything_else_does() {
    let base = chat(&json!([{"role": "system", "content": "s"}, {"role": "user", "content": "Why?"}]));
    let partition =
        |body: &Value, rules: &Rules| asked(Surface::ChatCompletions, body, rules).expect("cached").partition;
    let with = |name: &str, value: Value| {
        let mut body = base.clone();
        body[name] = value;
        body
    };
    for label in LABELS {
        assert_eq!(partition(&with(label, json!("x")), &RULES), partition(&base, &RULES), "{label}");
    }
    for name in ["temperature", "max_tokens", "anything"] {
        assert_ne!(partition(&with(name, json!(0)), &RULES), partition(&base, &RULES), "{name}");
    }
    let own = Rules { per_end_user: true, ..RULES };
    assert_ne!(partition(&with("user", json!("x")), &own), partition(&with("user", json!("y")), &own));
    let ignoring = Rules { ignore_system: true, ..RULES };
    let alone = chat(&json!([{"role": "user", "content": "Why?"}]));
    assert_ne!(partition(&alone, &RULES), partition(&base, &RULES));
    assert_eq!(partition(&alone, &ignoring), partition(&base, &ignoring));
    let short = Rules { max_messages: Some(1), ..RULES };
    assert_eq!(asked(Surface::ChatCompletions, &base, &short), Err(Why::Conversation));
}
