//! Streams: relayed as they arrive, never ended as if complete when they were not, cancelled when nobody listens.

use std::{io::Write as _, time::Duration};

use serde_json::{Value, json};

use crate::{
    client::{Answer, Call, End},
    vendor::{Gate, Reply, Vendor, dialect},
    world::{BACKEND_KEY, KEY, PROMPT, World, one_backend},
};

/// One dialect's streamed call and answer.
struct Dialect {
    kind: &'static str,
    path: &'static str,
    /// Events of a whole stream of three words.
    events: Vec<Vec<u8>>,
    /// Index of the first event with content.
    first_content: usize,
    /// What only a complete stream contains.
    terminal: &'static str,
    /// What our error event contains.
    error: &'static str,
}

const WORDS: [&str; 3] = ["one", "two", "three"];

fn dialects() -> Vec<Dialect> {
    vec![
        Dialect {
            kind: "openai",
            path: "/v1/chat/completions",
            events: dialect::chat_events(&WORDS, false),
            first_content: 1,
            terminal: "data: [DONE]",
            error: "data: {\"error\":",
        },
        Dialect {
            kind: "openai",
            path: "/v1/responses",
            events: dialect::response_events(&WORDS),
            first_content: 3,
            terminal: "response.completed",
            error: "event: error\n",
        },
        Dialect {
            kind: "anthropic",
            path: "/v1/messages",
            events: dialect::message_events(&WORDS),
            first_content: 3,
            terminal: "message_stop",
            error: "event: error\n",
        },
        Dialect {
            kind: "gemini",
            path: "/v1beta/models/m:streamGenerateContent?alt=sse",
            events: dialect::gemini_events(&WORDS),
            first_content: 0,
            terminal: "\"STOP\"",
            error: "data: {\"error\":",
        },
    ]
}

fn ask() -> Value {
    json!({"model": "m", "stream": true, "max_tokens": 9, "input": PROMPT, "messages": [{"role": "user", "content": PROMPT}]})
}

fn call(path: &str) -> Call {
    Call::post(path, &ask()).key(KEY)
}

fn two_members(kind: &str) -> String {
    let path = if kind == "openai" { "/v1" } else { "" };
    format!(
        "backends:
  - {{ id: a, kind: {kind}, url: \"vendor://a{path}\", key: {BACKEND_KEY} }}
  - {{ id: b, kind: {kind}, url: \"vendor://b{path}\", key: {BACKEND_KEY} }}
pools: [{{ id: both, members: [{{ backend: a, priority: 1 }}, {{ backend: b, priority: 2 }}] }}]
models: [{{ name: m, pool: both, upstream_model: up }}]
"
    )
}

/// Whether a client would take the answer for a complete one.
fn looks_complete(answer: &Answer, dialect: &Dialect) -> bool {
    answer.status == 200 && answer.end == End::Proper || answer.text().contains(dialect.terminal)
}

#[tokio::test]
async fn whole_streams_arrive_byte_for_byte() {
    for dialect in dialects() {
        let world = World::one(dialect.kind, Vendor::always(Reply::events(dialect.events.clone())).await).await;
        let answer = world.send(&call(dialect.path)).await.expect_whole(200);
        assert_eq!(answer.text(), String::from_utf8_lossy(&dialect.events.concat()), "{}", dialect.path);
        assert!(answer.header("content-type").is_some_and(|value| value.starts_with("text/event-stream")));
        let line = world.line().await;
        assert_eq!((&line["streamed"], &line["outcome"]), (&json!(true), &json!("complete")), "{}", dialect.path);
    }
}

#[tokio::test]
async fn events_arrive_before_the_next_one_is_sent() {
    for dialect in dialects() {
        let gates: Vec<Gate> = dialect.events.iter().map(|_| Gate::closed()).collect();
        let held = gates.iter().enumerate().skip(dialect.first_content + 1);
        let reply = held.fold(Reply::events(dialect.events.clone()), |reply, (index, gate)| reply.hold(index, gate));
        let world = World::one(dialect.kind, Vendor::always(reply).await).await;
        let mut open = call(dialect.path).open(world.gateway()).await;
        for (index, gate) in gates.iter().enumerate().skip(dialect.first_content) {
            gate.open();
            let so_far = String::from_utf8_lossy(&dialect.events[..=index].concat()).into_owned();
            assert!(open.until_text(&so_far).await, "{} event {index}", dialect.path);
        }
        open.finish().await.expect_whole(200);
    }
}

/// Frames are held for failover 10 s at most (DESIGN section 5): a model that thinks for long is seen to be alive.
#[tokio::test]
async fn held_frames_go_out_after_a_while_and_failover_is_given_up() {
    let content = Gate::closed();
    let events = dialect::chat_events(&WORDS, true);
    let slow = Reply::events(events.clone()).hold(1, &content).broken(2);
    let world = World::builder()
        .config(&two_members("openai"))
        .vendor("a", Vendor::always(slow).await)
        .vendor("b", Vendor::always(Reply::events(events)).await)
        .start()
        .await;
    let mut open = call("/v1/chat/completions").open(world.gateway()).await;
    assert!(open.until_text("assistant").await, "the first frame comes while the content is still awaited");
    content.open();
    let answer = open.finish().await;
    assert!(answer.text().contains("data: {\"error\":") && !answer.text().contains("[DONE]"), "{}", answer.text());
    assert_eq!(answer.end, End::Cut);
    assert_eq!(world.vendor("b").count(), 0, "nobody else is asked once something was shown");
}

#[tokio::test]
async fn a_stream_cut_at_any_event_never_looks_complete() {
    for dialect in dialects() {
        for index in 0..dialect.events.len() {
            let whole = Reply::events(dialect.events.clone());
            for (how, reply) in [("fin", whole.clone().cut(index)), ("rst", whole.broken(index))] {
                let name = format!("{} {how} after {index} events", dialect.path);
                let world = World::one(dialect.kind, Vendor::always(reply).await).await;
                let answer = world.send(&call(dialect.path)).await;
                assert!(!looks_complete(&answer, &dialect), "{name}: {:?} {}", answer.end, answer.text());
                let nothing_came = how == "rst" && answer.status == 502; // a reset may overtake the data before it
                if index <= dialect.first_content || nothing_came {
                    assert_eq!(answer.status, 502, "{name}: {}", answer.text());
                } else {
                    assert_eq!((answer.status, answer.end), (200, End::Cut), "{name}");
                    assert!(answer.text().contains(dialect.error), "{name}: {}", answer.text());
                    let relayed = String::from_utf8_lossy(&dialect.events[..index].concat()).into_owned();
                    assert!(how == "rst" || answer.text().starts_with(&relayed), "{name}: {}", answer.text());
                    assert_eq!(world.line().await["outcome"], "upstream_cut", "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_stream_cut_inside_an_event_never_looks_complete() {
    for dialect in dialects() {
        let bytes = dialect.events.concat();
        let content = dialect.events[..=dialect.first_content].concat().len();
        for at in (content..bytes.len() - 4).step_by(53) {
            let reply = Reply::events([bytes[..content].to_vec(), bytes[content..at].to_vec()]);
            let reply = if at == content { Reply::events([bytes[..content].to_vec()]).cut(1) } else { reply.cut(2) };
            let world = World::one(dialect.kind, Vendor::always(reply).await).await;
            let answer = world.send(&call(dialect.path)).await;
            let name = format!("{} cut at byte {at}", dialect.path);
            assert_eq!((answer.status, answer.end), (200, End::Cut), "{name}: {}", answer.text());
            let text = answer.text();
            let error = text.rfind(dialect.error).unwrap_or_else(|| panic!("{name}: no error event in {text}"));
            assert!(text[..error].ends_with("\n\n") || text[..error].ends_with("\r\n\r\n"), "{name}: {text}");
        }
    }
}

#[tokio::test]
async fn two_hundred_then_an_error_fails_over_before_the_first_content() {
    let openai = b"data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\",\"code\":\"x\"}}\n\n".as_slice();
    let responses = b"event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"boom\",\"param\":null,\"sequence_number\":3}\n\n".as_slice();
    let anthropic =
        b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"boom\"}}\n\n"
            .as_slice();
    let gemini = b"data: {\"error\":{\"code\":503,\"message\":\"boom\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n".as_slice();
    for (dialect, error) in dialects().into_iter().zip([openai, responses, anthropic, gemini]) {
        for lead in 0..=dialect.first_content {
            let mut failing = dialect.events[..lead].to_vec();
            failing.push(error.to_vec());
            let a = Vendor::always(Reply::events(failing)).await;
            let b = Vendor::always(Reply::events(dialect.events.clone())).await;
            let world = World::builder().config(&two_members(dialect.kind)).vendor("a", a).vendor("b", b).start().await;
            let answer = world.send(&call(dialect.path)).await.expect_whole(200);
            assert_eq!(answer.text(), String::from_utf8_lossy(&dialect.events.concat()), "{} {lead}", dialect.path);
            assert_eq!((world.vendor("a").count(), world.vendor("b").count()), (1, 1), "{} {lead}", dialect.path);
            assert_eq!(answer.header("x-tollgate-backend"), Some("b"));
            assert_eq!(world.line().await["attempts"], 2);
        }
    }
}

#[tokio::test]
async fn an_error_after_content_is_relayed_and_not_repeated() {
    let mut events = dialect::chat_events(&WORDS, false);
    events.truncate(3);
    events.push(b"data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n".to_vec());
    let a = Vendor::always(Reply::events(events).cut(4)).await;
    let b = Vendor::always(dialect::chat("no")).await;
    let world = World::builder().config(&two_members("openai")).vendor("a", a).vendor("b", b).start().await;
    let answer = world.send(&call("/v1/chat/completions")).await.expect(200);
    assert!(answer.text().contains("boom") && !answer.text().contains("[DONE]"), "{}", answer.text());
    assert_eq!((answer.end, world.vendor("b").count()), (End::Cut, 0));
}

#[tokio::test]
async fn usage_is_asked_for_and_hidden_unless_the_caller_asked() {
    let vendor = Vendor::start(|seen, _| dialect::chat_stream(&seen.json(), &WORDS)).await;
    let world = World::one("openai", vendor).await;
    let with_usage = dialect::chat_events(&WORDS, true).concat();
    let without = dialect::chat_events(&WORDS, false).concat();
    for (options, expected) in [
        (None, &without),
        (Some(Value::Null), &without),
        (Some(json!({})), &without),
        (Some(json!({"include_usage": false})), &without),
        (Some(json!({"include_obfuscation": false})), &without),
        (Some(json!({"include_usage": true})), &with_usage),
    ] {
        let before = world.vendor("one").count();
        let mut body = ask();
        if let Some(options) = &options {
            body["stream_options"] = options.clone();
        }
        let call = Call::post("/v1/chat/completions", &body).key(KEY);
        let answer = world.send(&call).await.expect_whole(200);
        assert_eq!(answer.text(), String::from_utf8_lossy(expected), "{options:?}");
        let asked = world.vendor("one").seen()[before].json();
        assert_eq!(asked["stream_options"]["include_usage"], json!(true), "{options:?}");
        let line = world.lines(before + 1).await.swap_remove(before);
        let buckets = ["input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "total_tokens"];
        let counted = buckets.map(|bucket| line[bucket].as_u64().unwrap_or_default());
        assert_eq!((counted, &line["certainty"]), ([8, 3, 5, 2, 18], &json!("exact")), "{options:?}");
    }
}

#[tokio::test]
async fn a_server_that_rejects_stream_options_is_learned() {
    let vendor = Vendor::start(|seen, _| {
        if seen.contains("stream_options") {
            let message = "Unrecognized request argument supplied: stream_options";
            return Reply::json(400, &json!({"error": {"message": message, "type": "invalid_request_error"}}));
        }
        Reply::events(dialect::chat_events(&WORDS, false))
    })
    .await;
    let world = World::one("openai-compatible", vendor).await;
    for requests in [2, 3, 4] {
        let answer = world.send(&call("/v1/chat/completions")).await.expect_whole(200);
        assert!(answer.text().ends_with("data: [DONE]\n\n"));
        assert_eq!(world.vendor("one").count(), requests, "asked with the option only once");
    }
    let mut body = ask();
    body["stream_options"] = json!({"include_usage": true});
    world.send(&Call::post("/v1/chat/completions", &body).key(KEY)).await.expect_whole(400);
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_backend() {
    let events = dialect::chat_events(&WORDS, false);
    let gate = Gate::closed();
    let replies = [
        ("in the stream", true, Reply::events(events.clone()).stalled(2)),
        ("with only lifecycle events so far", true, Reply::events(events.clone()).stalled(1)),
        ("before the first byte", true, Reply::silence()),
        ("unstreamed", false, Reply::silence()),
        ("unstreamed, inside the body", false, dialect::chat("half").stalled(20)),
        ("behind a held head", false, dialect::chat("late").head_after(&gate)),
    ];
    for (name, streamed, reply) in replies {
        let world = World::one("openai", Vendor::always(reply).await).await;
        let mut body = ask();
        body["stream"] = json!(streamed);
        let open = Call::post("/v1/chat/completions", &body).key(KEY).start(world.gateway()).await;
        world.vendor("one").reached(1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let clock = tollgate::model::Clock::system();
        let left = clock.ticks();
        drop(open);
        world.vendor("one").abandoned(1).await;
        let took = clock.ticks().since(left);
        eprintln!("client gone {name}: upstream cancelled after {took:?}");
        // Told, not asserted closely: 0.3 ms on an idle machine.
        assert!(took < Duration::from_secs(10), "{name}: {took:?}");
        let line = world.line().await;
        assert_eq!(line["outcome"], "client_gone", "{name}: {line}");
    }
}

#[tokio::test]
async fn compressed_streams_are_relayed_readable_and_their_usage_is_read() {
    let events = dialect::chat_events(&WORDS, true);
    for coding in ["gzip", "deflate", "br", "zstd"] {
        for accepts in ["identity", "gzip, deflate, br, zstd"] {
            let reply = Reply::events(events.clone()).encoded(coding);
            let world = World::one("openai", Vendor::always(reply).await).await;
            let mut body = ask();
            body["stream_options"] = json!({"include_usage": true});
            let call = Call::post("/v1/chat/completions", &body).key(KEY).header("accept-encoding", accepts);
            let answer = world.send(&call).await.expect_whole(200);
            assert_eq!(answer.header("content-encoding"), None, "{coding} {accepts}: decoded, and said so");
            assert_eq!(answer.text(), String::from_utf8_lossy(&events.concat()), "{coding} {accepts}");
            assert_eq!(world.line().await["total_tokens"], 18, "{coding} {accepts}");
        }
        let world = World::one("openai", Vendor::always(dialect::chat("hi").encoded(coding)).await).await;
        let body = json!({"model": "m", "messages": []});
        let answer = world.send(&Call::post("/v1/chat/completions", &body).key(KEY)).await.expect_whole(200);
        assert_eq!(answer.json(), dialect::chat_body("hi"), "{coding} unstreamed");
        assert_eq!(world.line().await["total_tokens"], 18, "{coding} unstreamed");
    }
}

#[tokio::test]
async fn an_error_or_a_coding_that_was_cut_does_not_look_whole() {
    let mut coded = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    coded.write_all(dialect::chat_body("hi").to_string().as_bytes()).expect("memory");
    let coded = coded.finish().expect("memory");
    let gzip =
        |status: u16, bytes: &[u8]| Reply::text(status, "application/json", bytes).header("content-encoding", "gzip");
    let cases = [
        ("a refusal", 400, dialect::openai_error(400, "bad").cut(20)),
        ("a failure", 500, dialect::openai_error(500, "bad").broken(20)),
        ("the coding of an answer", 200, gzip(200, &coded[..coded.len() - 9])),
        ("the coding of a refusal", 400, gzip(400, &coded[..coded.len() - 9])),
    ];
    let body = json!({"model": "m", "messages": []});
    for (name, status, reply) in cases {
        let world = World::one("openai", Vendor::always(reply).await).await;
        let answer = world.send(&Call::post("/v1/chat/completions", &body).key(KEY)).await.expect(status);
        assert_eq!(answer.end, End::Cut, "{name}: {}", answer.text());
        assert_eq!(world.line().await["outcome"], "upstream_cut", "{name}");
    }
}

#[tokio::test]
async fn odd_framing_passes_untouched() {
    let chunk = |text: &str| format!("{{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}");
    let usage = "{\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":7,\"total_tokens\":18}}";
    let big = "x".repeat(5_000_000);
    for (name, body) in [
        ("carriage returns", format!("data: {}\r\rdata: {usage}\r\rdata: [DONE]\r\r", chunk("a"))),
        ("CRLF", format!("data: {}\r\n\r\ndata: {usage}\r\n\r\ndata: [DONE]\r\n\r\n", chunk("a"))),
        ("byte order mark", format!("\u{feff}data: {}\n\ndata: {usage}\n\ndata: [DONE]\n\n", chunk("a"))),
        ("comments", format!(": hello\n\n: again\ndata: {}\n\n:\n\ndata: {usage}\n\ndata: [DONE]\n\n", chunk("a"))),
        ("no blank", format!("data:{}\n\ndata:{usage}\n\ndata:[DONE]\n\n", chunk("a"))),
        ("a large event", format!("data: {}\n\ndata: {usage}\n\ndata: [DONE]\n\n", chunk(&big))),
    ] {
        let mut asked = ask();
        asked["stream_options"] = json!({"include_usage": true});
        for size in [7, 4096] {
            if size == 7 && body.len() > 100_000 {
                continue;
            }
            let pieces: Vec<Vec<u8>> = body.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
            let world = World::one("openai", Vendor::always(Reply::events(pieces)).await).await;
            let call = Call::post("/v1/chat/completions", &asked).key(KEY);
            let answer = world.send(&call).await.expect_whole(200);
            assert!(answer.body == body.as_bytes(), "{name} in pieces of {size} changed");
            assert_eq!(world.line().await["total_tokens"], 18, "{name} in pieces of {size}");
        }
    }
}

#[tokio::test]
async fn silence_in_a_stream_ends_it_with_an_error() {
    let config = one_backend("openai").replace("kind: openai,", "kind: openai, timeouts: { idle: 200ms },");
    let vendor = Vendor::always(Reply::events(dialect::chat_events(&WORDS, false)).stalled(2)).await;
    let world = World::builder().config(&config).vendor("one", vendor).start().await;
    let answer = world.send(&call("/v1/chat/completions")).await.expect(200);
    assert_eq!(answer.end, End::Cut);
    assert!(answer.text().contains("data: {\"error\":") && !answer.text().contains("[DONE]"), "{}", answer.text());
    world.vendor("one").abandoned(1).await;
}

#[tokio::test]
async fn unreported_usage_is_estimated_never_zero() {
    let vendor = Vendor::always(Reply::events(dialect::chat_events(&WORDS, false))).await;
    let world = World::one("openai-compatible", vendor).await;
    world.send(&call("/v1/chat/completions")).await.expect_whole(200);
    let line = world.line().await;
    assert_ne!(line["certainty"], "exact", "{line}");
    if line["certainty"] == "estimated" {
        assert!(line["total_tokens"].as_u64().is_some_and(|total| total > 0), "{line}");
    }
}

#[tokio::test]
async fn a_backend_may_be_read_to_its_end_after_the_client_has_gone() {
    let config = one_backend("openai").replace("kind: openai,", "kind: openai, drain_on_disconnect: true,");
    let gate = Gate::closed();
    let reply = Reply::events(dialect::chat_events(&WORDS, true)).hold(3, &gate);
    let world = World::builder().config(&config).vendor("one", Vendor::always(reply).await).start().await;
    let mut open = call("/v1/chat/completions").open(world.gateway()).await;
    assert!(open.until_text("one").await);
    drop(open);
    tokio::time::sleep(Duration::from_millis(500)).await;
    gate.open();
    let line = world.line().await;
    assert_eq!((&line["outcome"], &line["total_tokens"]), (&json!("client_gone"), &json!(18)), "{line}");
    assert_eq!(world.vendor("one").gone(), 0);
}
