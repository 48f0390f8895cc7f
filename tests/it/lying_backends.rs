//! Backends whose answers are not what their heads say: another member is asked while that is possible, and what was
//! begun never looks like something else than it is.

use std::time::Duration;

use crate::{
    client::{Answer, Call, End},
    vendor::{Reply, Step, Vendor, dialect},
    world::{BACKEND_KEY, KEY, World},
};

const CHAT: &str = "/v1/chat/completions";

/// Model `m` on `liar`, then `honest`; model `alone` on `liar` only; `/open` is `liar` without a key.
fn config() -> String {
    format!(
        "backends:
  - {{ id: liar, kind: openai, url: \"vendor://liar/v1\", key: {BACKEND_KEY} }}
  - {{ id: honest, kind: openai, url: \"vendor://honest/v1\", key: {BACKEND_KEY} }}
pools: [{{ id: both, members: [{{ backend: liar, priority: 1 }}, {{ backend: honest, priority: 2 }}] }}]
models: [{{ name: m, pool: both }}, {{ name: alone, backend: liar }}]
"
    )
}

async fn world(lie: Reply) -> World {
    let honest = Vendor::always(dialect::chat("the truth")).await;
    World::builder().config(&config()).vendor("liar", Vendor::always(lie).await).vendor("honest", honest).start().await
}

async fn ask(world: &World, model: &str, streamed: bool) -> Answer {
    let body = serde_json::json!({"model": model, "stream": streamed, "messages": [{"role": "user", "content": "x"}]});
    world.send(&Call::post(CHAT, &body).key(KEY)).await
}

#[tokio::test]
async fn an_answer_that_is_none_is_asked_for_elsewhere() {
    let page = "<!doctype html><title>Sign in</title>";
    for (name, lie) in [
        ("a web page", Reply::text(200, "text/html; charset=utf-8", page)),
        ("a web page in pieces", Reply::chunks("Text/HTML", [page])),
        (
            "gzip that is none",
            Reply::text(200, "application/json", "{\"id\":\"x\"}").header("content-encoding", "gzip"),
        ),
        ("a head without its body", Reply::text(200, "application/json", "{\"id\":\"x\"}").cut(0)),
        ("a head and a reset", Reply::text(200, "application/json", "{\"id\":\"x\"}").broken(0)),
        ("an unknown coding", Reply::text(200, "application/json", "{}").header("content-encoding", "rot13")),
    ] {
        for streamed in [false, true] {
            let world = world(lie.clone()).await;
            let answer = ask(&world, "m", streamed).await.expect_whole(200);
            assert!(answer.text().contains("the truth"), "{name}: {}", answer.text());
            assert_eq!(answer.header("x-tollgate-backend"), Some("honest"), "{name}");
            let alone = ask(&world, "alone", streamed).await.expect_whole(502);
            assert_eq!(alone.json()["error"]["code"], "backend_unreachable", "{name}: {}", alone.text());
        }
    }
}

#[tokio::test]
async fn two_lengths_do_not_make_a_part_look_whole() {
    let whole = dialect::chat_body("all of it").to_string();
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n";
    let lie = Reply::steps(vec![
        Step::Send(format!("{head}{:x}\r\n{whole}\r\n0\r\n\r\n", whole.len()).into_bytes()),
        Step::Close,
    ]);
    let world = world(lie).await;
    let answer = ask(&world, "m", false).await.expect_whole(200);
    assert_eq!((answer.text().as_str(), answer.header("content-length")), (whole.as_str(), None));
}

/// What comes behind a stream's own end is nobody's loss: the connection may break, or never end.
#[tokio::test]
async fn a_stream_that_has_told_its_end_is_whole_however_its_connection_ends() {
    let events = dialect::chat_events(&["one", "two"], true);
    let told = events.len();
    for reply in [Reply::events(events.clone()).cut(told), Reply::events(events.clone()).stalled(told)] {
        let idle = "timeouts: { idle: 300ms }";
        let config = format!(
            "backends: [{{ id: one, kind: openai, url: \"vendor://one/v1\", key: {BACKEND_KEY}, {idle} }}]
models: [{{ name: m, backend: one }}]
"
        );
        let world = World::builder().config(&config).vendor("one", Vendor::always(reply).await).start().await;
        let answer = tokio::time::timeout(Duration::from_secs(60), ask(&world, "m", true)).await.expect("ends");
        assert_eq!((answer.status, answer.end), (200, End::Proper), "{}", answer.text());
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
        let line = world.line().await;
        assert_eq!((&line["outcome"], &line["certainty"]), (&"complete".into(), &"exact".into()));
    }
}
