//! Counting held to tiktoken, to published counts, to its bounds, and to linear time.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use proptest::prelude::*;
use tollgate_providers::{Surface, prompt::Unbounded};

use super::{
    Encoding, count_prompt, count_request, count_text,
    request::{processors, turn},
    upper_bound,
};

fn tiktoken(encoding: Encoding) -> &'static tiktoken_rs::CoreBPE {
    match encoding {
        Encoding::O200k => tiktoken_rs::o200k_base_singleton(),
        Encoding::Cl100k => tiktoken_rs::cl100k_base_singleton(),
    }
}

fn same(text: &str) {
    for encoding in [Encoding::O200k, Encoding::Cl100k] {
        let reference = tiktoken(encoding).encode_ordinary(text).len() as u64;
        assert_eq!(encoding.count(text), reference, "{encoding:?} of {text:?}");
    }
}

#[test]
fn hostile_texts_count_as_in_tiktoken() {
    let texts = [
        "a".repeat(2000),
        "ab".repeat(1000),
        " ".repeat(500),
        " \n".repeat(200) + "x",
        "\u{a0} \u{3000}x".repeat(50),
        "\r\n\r\r\n".repeat(50),
        "0123456789".repeat(100),
        "'s'S're'RE'll".repeat(30),
        "<|endoftext|><|im_start|>".repeat(20),
        "🦀👩\u{200d}👩\u{200d}👧\u{fe0f}".repeat(30),
        "e\u{301}\u{0}\u{7f}\u{fffd}".repeat(40),
        "カタカナ漢字مرحباहिन्दी".repeat(20),
        "/////....????!!!!".repeat(50),
        String::new(),
    ];
    for text in texts {
        same(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_text_counts_as_in_tiktoken(text in "\\PC{0,200}") {
        same(&text);
    }

    #[test]
    fn texts_of_blanks_letters_and_marks_count_as_in_tiktoken(text in "[ \\n\\r\\ta-cA-C0-9'.,/é漢\u{a0}]{0,300}") {
        same(&text);
    }

    #[test]
    fn no_count_exceeds_the_bytes(text in any::<String>()) {
        let count = count_text("gpt-4o", &text);
        prop_assert!(count.tokens <= text.len() as u64);
        prop_assert!(count.tokens <= count.upper_bound);
    }

    #[test]
    fn no_chat_of_text_exceeds_its_bytes(content in "\\PC{0,40}", role in "[a-z]{0,9}", turns in 0_usize..5) {
        let turn = serde_json::json!({ "role": role, "content": content });
        let body = serde_json::json!({ "model": "m", "messages": vec![turn; turns] }).to_string();
        let count = count_request(Surface::ChatCompletions, "gpt-4o", body.as_bytes());
        prop_assert!(count.tokens <= upper_bound(body.len() as u64, false), "{body}");
    }

    #[test]
    fn no_request_exceeds_its_bound(body in any::<String>(), content in "\\PC{0,60}", model in 0_usize..4) {
        let model = ["gpt-4o", "gpt-5", "claude-opus-5", "llama"][model];
        for body in [body, serde_json::json!({ "messages": [{ "role": "user", "content": content }] }).to_string()] {
            let count = count_request(Surface::ChatCompletions, model, body.as_bytes());
            prop_assert!(count.tokens <= count.upper_bound);
        }
    }
}

/// The cookbook's example, and what it says the API counts.
const JARGON: &str = r#"{"messages":[
 {"role":"system","content":"You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
 {"role":"system","name":"example_user","content":"New synergies will help drive top-line growth."},
 {"role":"system","name":"example_assistant","content":"Things working well together will increase revenue."},
 {"role":"system","name":"example_user","content":"Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
 {"role":"system","name":"example_assistant","content":"Let's talk later when we're less busy about how to do better."},
 {"role":"user","content":"This late pivot means we don't have time to boil the ocean for the client deliverable."}]}"#;

#[test]
fn the_cookbooks_chat_is_counted_as_the_api_counts_it() {
    for (model, tokens) in [("gpt-4", 129), ("gpt-3.5-turbo", 129), ("gpt-4o", 124), ("gpt-4o-mini", 124)] {
        let count = count_request(Surface::ChatCompletions, model, JARGON.as_bytes());
        assert_eq!((count.tokens, count.is_exact, count.upper_bound), (tokens, true, tokens), "{model}");
    }
}

#[test]
fn only_what_published_rules_cover_is_exact() {
    let chat = |content: &str, rest: &str| format!(r#"{{"messages":[{{"role":"user","content":{content}}}]{rest}}}"#);
    let plain = chat(r#""hi""#, "");
    let image = r#"[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]"#;
    let tools = r#","tools":[{"type":"function","function":{"name":"f"}}]"#;
    let cases = [
        (Surface::ChatCompletions, "gpt-4o", plain.clone(), true),
        (Surface::ChatCompletions, "our-name/gpt-4.1", plain.clone(), true),
        (Surface::ChatCompletions, "o3", plain.clone(), false),
        (Surface::ChatCompletions, "claude-opus-5", plain.clone(), false),
        (Surface::ChatCompletions, "gpt-4o", chat(image, ""), false),
        (Surface::ChatCompletions, "gpt-4o", chat(r#""hi""#, tools), false),
        (Surface::ChatCompletions, "gpt-4o", chat("7", ""), false),
        (Surface::Embeddings, "text-embedding-3-small", r#"{"input":["a b","c"]}"#.to_owned(), true),
        (Surface::Responses, "gpt-4o", r#"{"input":"hi"}"#.to_owned(), false),
    ];
    for (surface, model, body, exact) in cases {
        let count = count_request(surface, model, body.as_bytes());
        assert_eq!(count.is_exact, exact, "{model} {body}");
        assert!(count.upper_bound >= count.tokens && count.tokens > 0, "{count:?}");
    }
    assert_eq!(count_request(Surface::Embeddings, "text-embedding-3-small", br#"{"input":["a b","c"]}"#).tokens, 3);
    let unknown = count_request(Surface::ChatCompletions, "llama", chat(image, "").as_bytes());
    assert_eq!(unknown.unbounded, [Unbounded::Image]);
}

#[test]
fn a_megabyte_of_one_letter_is_counted_in_the_time_of_any_text() {
    // Time is not asserted; an algorithm that is worse than linear does not end here.
    for text in ["a".repeat(1 << 20), " ".repeat(1 << 20), "\n".repeat(1 << 20), "ab ".repeat(1 << 19)] {
        let count = count_text("gpt-4o", &text);
        assert!(count.is_exact && count.tokens > 1000 && count.tokens < 1 << 20);
    }
}

#[test]
fn long_texts_are_counted_in_pieces_that_change_nothing() {
    let text = "Some words, 12 numbers - and  blanks.\n\tMore of it! ".repeat(6_000);
    assert_eq!(count_text("gpt-4o", &text).tokens, Encoding::O200k.count(&text));
}

#[test]
fn beyond_every_models_reach_the_rest_is_taken_to_be_alike() {
    let text = "word ".repeat(2 << 20);
    let count = count_text("gpt-4o", &text);
    assert!(!count.is_exact && count.upper_bound == text.len() as u64);
    assert!(count.tokens.abs_diff(2 << 20) < (2 << 20) / 50, "{}", count.tokens);
}

#[tokio::test]
async fn a_long_prompt_waits_while_every_processor_counts() {
    let mut turns = Vec::new();
    for _ in 0..processors() {
        turns.push(turn().await.expect("a turn"));
    }
    let long = Bytes::from(format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "word ".repeat(5_000)));
    let mut count = pin!(count_prompt(Surface::ChatCompletions, "gpt-4o", long));
    let early = tokio::time::timeout(Duration::from_millis(200), &mut count).await;
    assert!(early.is_err(), "it was counted beside all others");
    drop(turns);
    assert!(count.await.tokens > 5_000);
}

#[tokio::test]
async fn off_the_reactor_the_count_is_the_same() {
    let long = format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "word ".repeat(5_000));
    for body in [JARGON.to_owned(), long, "junk".to_owned()] {
        let here = count_request(Surface::ChatCompletions, "gpt-4o", body.as_bytes());
        let there = count_prompt(Surface::ChatCompletions, "gpt-4o", Bytes::from(body)).await;
        assert_eq!(here, there);
    }
}
