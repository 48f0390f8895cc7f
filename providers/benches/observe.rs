//! What observing costs: heads of bodies and events of streams, in nanoseconds, printed as plain lines.
//!
//! Run with `cargo bench -p tollgate-providers`. No harness: each figure is the best of several rounds.

use std::{hint::black_box, time::Duration};

use bytes::Bytes;
use tollgate_providers::{Surface, Tap, conversation_key, read};

/// Best time of one call in ns, over rounds of `calls` calls.
fn measure(name: &str, calls: u32, mut call: impl FnMut()) {
    let mut best = Duration::MAX;
    for _ in 0..100 {
        #[expect(clippy::disallowed_methods, reason = "a benchmark measures the real clock")]
        let started = std::time::Instant::now();
        for _ in 0..calls {
            call();
        }
        best = best.min(started.elapsed());
    }
    println!("{name}: {} ns", best.as_nanos() / u128::from(calls));
}

fn main() {
    for kb in [1, 32, 256] {
        let prompt = "Tell me about it, \\\"please\\\".\\n".repeat(kb * 1024 / 30);
        let body = format!(
            r#"{{"model":"gpt-4o","messages":[{{"role":"system","content":"s"}},{{"role":"user","content":"{prompt}"}}],"stream":true,"temperature":0.5}}"#
        );
        let body = Bytes::from(body);
        let json = Some("application/json");
        let head = read(Surface::ChatCompletions, json, &body).expect("a good body");
        measure(&format!("head of a {kb} kB prompt"), 20, || {
            black_box(read(Surface::ChatCompletions, json, &body)).expect("a good body");
        });
        measure(&format!("(one plain serde_json pass over {kb} kB)"), 20, || {
            black_box(serde_json::from_slice::<serde::de::IgnoredAny>(&body)).expect("a good body");
        });
        measure(&format!("rewrite of a {kb} kB prompt"), 20, || {
            black_box(head.rewrite(&body, Some("deployment"), true, None));
        });
        measure(&format!("conversation key of a {kb} kB prompt"), 5, || {
            black_box(conversation_key(Surface::ChatCompletions, &body));
        });
    }
    let chat = r#"data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o","service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"abcdefgh"}"#;
    let anthropic = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" word\"}     }";
    let responses = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"content_index\":0,\"delta\":\" word\",\"item_id\":\"msg_0123456789abcdef\",\"logprobs\":[],\"obfuscation\":\"abcdefgh\",\"output_index\":0,\"sequence_number\":17}";
    let gemini = r#"data: {"candidates": [{"content": {"parts": [{"text": " word"}],"role": "model"}}],"usageMetadata": {"promptTokenCount": 169,"totalTokenCount": 169,"promptTokensDetails": [{"modality": "TEXT","tokenCount": 169}]},"modelVersion": "gemini-2.0-flash","responseId": "x"}"#;
    let streams = [
        ("chat delta", Surface::ChatCompletions, chat, false),
        ("chat delta, usage hidden", Surface::ChatCompletions, chat, true),
        ("Anthropic delta", Surface::Messages, anthropic, false),
        ("Responses delta", Surface::Responses, responses, false),
        ("Gemini chunk", Surface::StreamGenerateContent, gemini, false),
    ];
    for (name, surface, event, hide) in streams {
        let chunk = Bytes::from(format!("{event}\n\n"));
        let mut tap = Tap::stream(surface, hide);
        let mut out = Vec::with_capacity(8);
        measure(name, 1000, || {
            tap.push(black_box(chunk.clone()), &mut out);
            out.clear();
        });
    }
}
