//! The tap against every recorded answer: nothing changes, usage is what was recorded, content and end are seen
//! neither early nor never. The recordings lie outside the repository; without them these tests say so and pass.

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;
use tollgate_providers::{Surface, Tap, Usage};

/// One recorded exchange.
struct Recorded {
    id: String,
    surface: Surface,
    host: String,
    request: Value,
    status: u64,
    body: Bytes,
    streamed: bool,
}

fn recorded() -> Vec<Recorded> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = manifest
        .ancestors()
        .flat_map(|up| [up.join("shared/data/recordings"), up.join("../shared/data/recordings")])
        .find(|path| path.is_dir());
    let named = std::env::var_os("TOLLGATE_RECORDINGS").map(Into::into);
    let Some(folder) = named.or(folder) else {
        eprintln!("no recordings found above {}: nothing to check", manifest.display());
        return Vec::new();
    };
    let files = [
        ("openai-chat", Surface::ChatCompletions),
        ("openai-completions", Surface::Completions),
        ("openai-responses", Surface::Responses),
        ("openai-embeddings", Surface::Embeddings),
        ("anthropic", Surface::Messages),
        ("gemini", Surface::GenerateContent),
    ];
    let mut all = Vec::new();
    for (name, surface) in files {
        let text = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))).expect("a recording is readable");
        all.extend(text.lines().map(|line| parse(surface, line)));
    }
    all
}

fn parse(surface: Surface, line: &str) -> Recorded {
    let row: Value = serde_json::from_str(line).expect("a recording is JSON");
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let body = text("body");
    let surface = match text("path") {
        path if path.contains("countTokens") => Surface::CountTokens,
        path if path.contains("mbedContent") => Surface::EmbedContent,
        _ => surface,
    };
    Recorded {
        id: text("id"),
        surface,
        host: text("host"),
        request: serde_json::from_str(&text("request")).unwrap_or_default(),
        status: row["status"].as_u64().unwrap_or_default(),
        // Some recordings are marked as streams by their request alone.
        streamed: body.starts_with("data:") || body.starts_with("event:") || body.starts_with(':'),
        body: body.into(),
    }
}

fn streams() -> Vec<Recorded> {
    recorded().into_iter().filter(|r| r.streamed && r.status == 200).collect()
}

/// Frames with their blank line.
fn frames(body: &[u8]) -> Vec<Bytes> {
    let mut frames = Vec::new();
    let mut from = 0;
    let text = std::str::from_utf8(body).expect("recordings are text");
    let unit = if text.contains("\r\n\r\n") { "\r\n\r\n" } else { "\n\n" };
    while let Some(at) = text[from..].find(unit) {
        let end = from + at + unit.len();
        frames.push(Bytes::copy_from_slice(&body[from..end]));
        from = end;
    }
    if from < body.len() {
        frames.push(Bytes::copy_from_slice(&body[from..]));
    }
    frames
}

/// The frame's JSON, read without the crate under test.
fn json(frame: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(frame).ok()?;
    let data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data:")).collect();
    serde_json::from_str(&data.join("\n")).ok()
}

fn play(tap: &mut Tap, chunks: impl IntoIterator<Item = Bytes>) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in chunks {
        tap.push(chunk, &mut out);
    }
    tap.finish(&mut out);
    out.concat()
}

/// Chunk sizes from a fixed generator: small, with the odd large one.
fn randomly_cut(body: &Bytes, seed: u64) -> Vec<Bytes> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut rest = body.clone();
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let size = match state >> 60 {
            0 => 1,
            1..=3 => (state >> 33) % 7 + 1,
            4..=9 => (state >> 33) % 100 + 1,
            _ => (state >> 33) % 3000 + 1,
        };
        let size = usize::try_from(size).expect("small").min(rest.len());
        chunks.push(rest.split_to(size));
    }
    chunks
}

#[test]
fn relayed_bytes_are_identical_and_not_copied() {
    for r in streams() {
        let mut out = Vec::new();
        let mut tap = Tap::stream(r.surface, false);
        for chunk in randomly_cut(&r.body, 7) {
            let before = out.len();
            tap.push(chunk.clone(), &mut out);
            assert_eq!(out.len(), before + 1, "{}", r.id);
            assert_eq!(out[before].as_ptr(), chunk.as_ptr(), "{}: copied", r.id);
        }
        tap.finish(&mut out);
        assert_eq!(out.concat(), r.body, "{}", r.id);
    }
}

fn raw_usage(value: &Value) -> Option<Value> {
    let found = [
        &value["usage"],
        &value["x_groq"]["usage"],
        &value["response"]["usage"],
        &value["message"]["usage"],
        &value["usageMetadata"],
    ];
    found.into_iter().find(|usage| usage.is_object()).cloned()
}

/// Input and output sums as the provider's figures say, computed without the crate under test.
fn expected_sums(surface: Surface, usages: &[Value]) -> (u64, u64) {
    let n = |value: &Value| value.as_u64().unwrap_or(0);
    match surface {
        Surface::Messages => {
            let most = |name: &str| usages.iter().map(|u| n(&u[name])).max().unwrap_or(0);
            let input = most("input_tokens") + most("cache_read_input_tokens") + most("cache_creation_input_tokens");
            (input, most("output_tokens"))
        }
        Surface::GenerateContent | Surface::EmbedContent => {
            let last = usages.iter().rev().find(|u| u["promptTokenCount"].is_u64()).cloned().unwrap_or_default();
            (
                n(&last["promptTokenCount"]) + n(&last["toolUsePromptTokenCount"]),
                n(&last["candidatesTokenCount"]) + n(&last["thoughtsTokenCount"]),
            )
        }
        _ => {
            let last = usages.last().cloned().unwrap_or_default();
            let output = n(&last["completion_tokens"]) + n(&last["output_tokens"]);
            let input = n(&last["prompt_tokens"]) + n(&last["input_tokens"]);
            let alone = last["prompt_tokens"].is_null() && last["input_tokens"].is_null();
            (if alone { n(&last["total_tokens"]) } else { input }, output)
        }
    }
}

fn sums(usage: Usage) -> (u64, u64) {
    (usage.input_total(), usage.output_total())
}

#[test]
fn usage_of_streams_is_what_was_recorded() {
    let mut reported = 0;
    for r in streams() {
        let usages: Vec<Value> = frames(&r.body).iter().filter_map(|f| raw_usage(&json(f)?)).collect();
        for seed in 0..3 {
            let mut tap = Tap::stream(r.surface, false);
            play(&mut tap, randomly_cut(&r.body, seed));
            assert_eq!(sums(tap.usage()), expected_sums(r.surface, &usages), "{} {}", r.id, r.host);
            assert_eq!(tap.usage().is_reported(), usages.iter().any(|u| u.as_object().is_some_and(|u| u.len() > 1)));
            reported += u32::from(tap.usage().is_reported());
        }
    }
    println!("{} streams reported usage", reported / 3);
}

#[test]
fn usage_of_bodies_is_what_was_recorded() {
    for r in recorded().into_iter().filter(|r| !r.streamed && r.status == 200 && !r.body.is_empty()) {
        let Ok(body) = serde_json::from_slice::<Value>(&r.body) else { continue };
        if r.surface == Surface::CountTokens {
            continue;
        }
        let parts = body.as_array().cloned().unwrap_or_else(|| vec![body]);
        let usages: Vec<Value> = parts.iter().filter_map(raw_usage).collect();
        let mut tap = Tap::body(r.surface);
        let out = play(&mut tap, randomly_cut(&r.body, 3));
        assert_eq!(out, r.body);
        assert_eq!(sums(tap.usage()), expected_sums(r.surface, &usages), "{} {}", r.id, r.host);
        assert!(tap.is_complete(), "{}", r.id);
    }
}

fn is_usage_only(frame: &Bytes) -> bool {
    json(frame).is_some_and(|v| v["usage"].is_object() && v["choices"] == Value::Array(Vec::new()))
}

#[test]
fn the_injected_chunk_and_nothing_else_is_hidden() {
    let mut hidden = 0;
    let chats = [Surface::ChatCompletions, Surface::Completions];
    for r in streams().into_iter().filter(|r| chats.contains(&r.surface)) {
        let all = frames(&r.body);
        let shown: Vec<u8> = all.iter().filter(|f| !is_usage_only(f)).flat_map(|f| f.to_vec()).collect();
        hidden += u32::from(shown.len() != r.body.len());
        let bytewise: Vec<Bytes> = (0..r.body.len()).map(|at| r.body.slice(at..=at)).collect();
        let whole = vec![r.body.clone()];
        for chunks in [whole, all, bytewise, randomly_cut(&r.body, 1), randomly_cut(&r.body, 2)] {
            let mut tap = Tap::stream(r.surface, true);
            let out = play(&mut tap, chunks);
            assert!(out == shown, "{} {}", r.id, r.request["model"]);
        }
        if shown.len() != r.body.len() {
            // What the caller would have got without our asking, apart from `usage: null` in other chunks.
            let mut tap = Tap::stream(r.surface, true);
            let out = play(&mut tap, vec![Bytes::from(shown.clone())]);
            assert_eq!(out, shown);
            assert!(!tap.usage().is_reported() || r.host.contains("openrouter"));
        }
    }
    println!("{hidden} usage chunks hidden");
}

/// Whether a frame carries content, judged on its JSON alone.
fn is_content(surface: Surface, frame: &Bytes) -> bool {
    let said = |v: &Value| match v {
        Value::Null => false,
        Value::String(s) => !s.is_empty(),
        Value::Array(a) => !a.is_empty(),
        Value::Object(o) => !o.is_empty(),
        _ => true,
    };
    let Some(v) = json(frame) else { return frame.windows(6).any(|w| w == b"[DONE]") };
    match surface {
        Surface::Messages => match v["type"].as_str() {
            Some("content_block_delta") => {
                v["delta"].as_object().into_iter().flatten().any(|(k, v)| k != "type" && said(v))
            }
            Some("content_block_start") => {
                let kind = v["content_block"]["type"].as_str().unwrap_or_default();
                !["text", "thinking", "tool_use", "server_tool_use", "mcp_tool_use"].contains(&kind)
            }
            Some("message_delta" | "message_stop") => true,
            _ => false,
        },
        Surface::Responses => {
            let kind = v["type"].as_str().unwrap_or_default();
            (kind.strip_suffix(".delta").is_some() && said(&v["delta"])) || kind == "response.completed"
        }
        Surface::GenerateContent => v["candidates"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|c| said(&c["finishReason"]) || c["content"]["parts"].as_array().into_iter().flatten().any(said)),
        _ => v["choices"].as_array().into_iter().flatten().any(|c| {
            let carried = ["content", "reasoning", "reasoning_content", "reasoning_details", "tool_calls", "refusal"];
            said(&c["finish_reason"]) || said(&c["text"]) || carried.iter().any(|name| said(&c["delta"][name]))
        }),
    }
}

#[test]
fn content_is_seen_with_its_first_frame_and_not_before() {
    for r in streams() {
        let frames = frames(&r.body);
        let Some(first) = frames.iter().position(|f| is_content(r.surface, f)) else { panic!("{}", r.id) };
        let quiet: usize = frames[..first].iter().map(Bytes::len).sum();
        let full = quiet + frames[first].len();
        let bytewise = (0..full).map(|at| r.body.slice(at..=at)).collect::<Vec<_>>();
        for chunks in [bytewise, randomly_cut(&r.body.slice(..full), 5)] {
            let mut tap = Tap::stream(r.surface, false);
            let mut out = Vec::new();
            let mut passed = 0;
            for chunk in chunks {
                passed += chunk.len();
                tap.push(chunk, &mut out);
                assert!(passed > quiet || !tap.has_content(), "{}: content before byte {quiet}, at {passed}", r.id);
            }
            assert!(tap.has_content(), "{}: no content after {:?}", r.id, frames[first]);
        }
    }
}

#[test]
fn no_proper_prefix_looks_complete() {
    for r in streams() {
        let frames = frames(&r.body);
        let last = frames.iter().rposition(|f| json(f).is_some() || f.windows(6).any(|w| w == b"[DONE]")).unwrap();
        let mut tap = Tap::stream(r.surface, false);
        let mut out = Vec::new();
        for (at, frame) in frames.iter().enumerate().take(last) {
            tap.push(frame.clone(), &mut out);
            assert!(!tap.is_complete(), "{}: complete after frame {at} of {last}", r.id);
        }
        play(&mut tap, frames[last..].to_vec());
        let ends_in_error = json(&frames[last]).is_some_and(|v| v["error"].is_object());
        assert_eq!(tap.is_complete(), !ends_in_error, "{} {}", r.id, r.host);
        assert_eq!(tap.error().is_some(), std::str::from_utf8(&r.body).unwrap().contains("\"error\":{"), "{}", r.id);
    }
}
