//! Traces as a collector gets them: spans of a request and of its tries, in the caller's trace, without secrets.

use serde_json::json;

use crate::{
    client::Call,
    vendor::{Reply, Seen, Vendor, dialect},
    world::{BACKEND_KEY, KEY, PROMPT, World},
};

/// The caller's trace and the span it calls from.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// As much of a span as is looked at (`opentelemetry.proto.trace.v1.Span`, fields 1, 2, 4 and 5).
#[derive(Debug, PartialEq)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
}

/// The fields of a protobuf message that have a length: number and bytes. Others are skipped.
fn fields(mut message: &[u8]) -> Vec<(u64, &[u8])> {
    fn varint(message: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = message[0];
            *message = &message[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let skipped = match tag & 7 {
            0 => {
                varint(&mut message);
                0
            }
            1 => 8,
            5 => 4,
            2 => {
                let length = usize::try_from(varint(&mut message)).expect("a length");
                found.push((tag >> 3, &message[..length]));
                length
            }
            other => panic!("wire type {other}"),
        };
        message = &message[skipped..];
    }
    found
}

fn inside(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    fields(message).into_iter().filter(move |(field, _)| *field == number).map(|(_, bytes)| bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The spans of an export request: resource spans, scope spans, spans.
fn spans(request: &Seen) -> Vec<Span> {
    let first = |span: &[u8], number| inside(span, number).next().map(<[u8]>::to_vec).unwrap_or_default();
    let mut all = Vec::new();
    for scope in inside(&request.body, 1).flat_map(|resource| inside(resource, 2).collect::<Vec<_>>()) {
        all.extend(inside(scope, 2).map(|span| Span {
            trace: hex(&first(span, 1)),
            id: hex(&first(span, 2)),
            parent: hex(&first(span, 4)),
            name: String::from_utf8(first(span, 5)).expect("text"),
        }));
    }
    all
}

/// The span that a request to a backend says it belongs to.
fn told(seen: &Seen) -> String {
    let parent = seen.header("traceparent").expect("a traceparent");
    let parts: Vec<&str> = parent.split('-').collect();
    assert_eq!((parts[0], parts[1], parts[3]), ("00", TRACE, "01"), "{parent}");
    parts[2].to_owned()
}

#[tokio::test]
async fn a_collector_gets_the_request_and_under_it_each_try() {
    let config = format!(
        "backends:
  - {{ id: a, kind: openai, url: \"vendor://a/v1\", key: {BACKEND_KEY} }}
  - {{ id: b, kind: openai, url: \"vendor://b/v1\", key: {BACKEND_KEY} }}
pools: [{{ id: both, members: [{{ backend: a, priority: 1 }}, {{ backend: b, priority: 2 }}] }}]
models: [{{ name: m, pool: both }}]
"
    );
    let world = World::builder()
        .config(&config)
        .server("otlp: { endpoint: \"vendor://collector/v1/traces\" }")
        .vendor("a", Vendor::always(Reply::json(500, &json!({"error": {"message": "no"}}))).await)
        .vendor("b", Vendor::always(dialect::chat("hi")).await)
        .vendor("collector", Vendor::always(Reply::text(200, "application/x-protobuf", "")).await)
        .start()
        .await;
    let body = json!({"model": "m", "messages": [{"role": "user", "content": PROMPT}]});
    let call = Call::post("/v1/chat/completions", &body).key(KEY);
    world.send(&call.header("traceparent", &format!("00-{TRACE}-{CALLER}-01"))).await.expect_whole(200);

    world.vendor("collector").reached(1).await;
    let request = world.vendor("collector").only();
    assert_eq!(request.line(), "POST /v1/traces");
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    for secret in [KEY, BACKEND_KEY, PROMPT] {
        assert!(!request.contains(secret), "{secret} is exported");
    }
    let spans = spans(&request);
    let [of_request, tries @ ..] = spans.as_slice() else { panic!("no spans") };
    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:?}");
    assert_eq!((of_request.parent.as_str(), tries.len()), (CALLER, 2), "{spans:?}");
    assert!(tries.iter().all(|one| one.parent == of_request.id), "{spans:?}");
    let sent = ["a", "b"].map(|name| told(&world.vendor(name).only()));
    assert_eq!(sent.to_vec(), tries.iter().map(|one| one.id.clone()).collect::<Vec<_>>(), "what backends were told");
}

#[tokio::test]
async fn a_collector_that_fails_costs_the_caller_nothing() {
    let world = World::builder()
        .config(&crate::world::one_backend("openai"))
        .server("otlp: { endpoint: \"vendor://nobody/v1/traces\" }")
        .vendor("one", Vendor::always(dialect::chat("hi")).await)
        .start()
        .await;
    let body = json!({"model": "m", "messages": [{"role": "user", "content": PROMPT}]});
    for _ in 0..3 {
        world.send(&Call::post("/v1/chat/completions", &body).key(KEY)).await.expect_whole(200);
    }
}
