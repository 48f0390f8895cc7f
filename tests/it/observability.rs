//! What operators see: access lines, request ids, trace context, metrics, health.

use serde_json::{Value, json};

use crate::{
    client::Call,
    vendor::{Reply, Vendor, dialect},
    world::{KEY, PROMPT, World},
};

fn ask() -> Call {
    let body = json!({"model": "m", "user": "person-7", "messages": [{"role": "user", "content": PROMPT}]});
    Call::post("/v1/chat/completions?key=secret-in-query-0123", &body).key(KEY)
}

#[tokio::test]
async fn an_access_line_says_who_what_where_and_how_much() {
    let world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    let answer = world.send(&ask()).await.expect_whole(200);
    let line = world.line().await;
    for (field, expected) in [
        ("method", json!("POST")),
        ("path", json!("/v1/chat/completions")),
        ("status", json!(200)),
        ("outcome", json!("complete")),
        ("subscription", json!("team-a")),
        ("product", json!("all")),
        ("model", json!("m")),
        ("upstream_model", json!("up")),
        ("backend", json!("one")),
        ("streamed", json!(false)),
        ("attempts", json!(1)),
        ("client", json!("127.0.0.1")),
        ("end_user", json!("person-7")),
        ("input_tokens", json!(8)),
        ("cached_input_tokens", json!(3)),
        ("output_tokens", json!(5)),
        ("reasoning_tokens", json!(2)),
        ("total_tokens", json!(18)),
        ("certainty", json!("exact")),
        ("error", Value::Null),
        ("bytes_out", json!(answer.body.len())),
    ] {
        assert_eq!(line[field], expected, "{field} in {line}");
    }
    assert_eq!(Some(line["request_id"].as_str().expect("an id")), answer.header("x-request-id"));
    assert!(!line.to_string().contains("secret-in-query"), "{line}");
}

#[tokio::test]
async fn refusals_are_lines_too() {
    let world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    world.send(&Call::get("/v1/models")).await.expect_whole(401);
    world.send(&Call::get("/nowhere").key(KEY)).await.expect_whole(404);
    let lines = world.lines(2).await;
    assert_eq!(
        (&lines[0]["status"], &lines[0]["outcome"], &lines[0]["error"]),
        (&json!(401), &json!("refused"), &json!("invalid_api_key"))
    );
    assert_eq!((&lines[1]["status"], &lines[1]["error"]), (&json!(404), &json!("not_found")));
}

#[tokio::test]
async fn control_characters_cannot_forge_a_line() {
    let world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    let body = json!({"model": "m", "user": "x\n{\"status\":200}\u{1b}[31m", "messages": []});
    world.send(&Call::post("/v1/chat/completions", &body).key(KEY)).await.expect_whole(200);
    let line = world.line().await;
    assert_eq!(line["end_user"], "x{\"status\":200}[31m");
}

#[tokio::test]
async fn every_answer_carries_request_ids_and_a_valid_one_is_kept() {
    let world =
        World::one("openai", Vendor::always(dialect::chat("hi").header("x-request-id", "of-the-vendor")).await).await;
    for (given, kept) in [(None, false), (Some("my-id_1.2~3"), true), (Some("bad id\u{7f}"), false), (Some(""), false)]
    {
        for call in [ask(), Call::get("/v1/models"), Call::get("/nowhere"), Call::get("/livez")] {
            let call = given.map_or(call.clone(), |id| call.header("x-request-id", id));
            let answer = world.send(&call).await;
            let id = answer.header("x-request-id").unwrap_or_else(|| panic!("{call:?}: {:?}", answer.headers));
            assert_eq!(Some(id), answer.header("request-id"), "{call:?}");
            assert_eq!(Some(id) == given, kept, "{call:?}: {id}");
            let named = answer.headers.iter().filter(|(name, _)| name == "x-request-id").count();
            assert_eq!(named, 1, "{call:?}");
        }
    }
    world
        .send(&Call::get("/v1/models").key(&"x".repeat(50)).header("x-request-id", &"i".repeat(500)))
        .await
        .expect_whole(401);
}

#[tokio::test]
async fn the_trace_goes_on_and_broken_ones_do_not() {
    let world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let given = format!("00-{trace}-00f067aa0ba902b7-01");
    world.send(&ask().header("traceparent", &given).header("tracestate", "vendor=1")).await.expect_whole(200);
    let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
    for broken in ["nonsense", zero, "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"] {
        world.send(&ask().header("traceparent", broken).header("tracestate", "vendor=1")).await.expect_whole(200);
    }
    let seen = world.vendor("one").seen();
    let passed = seen[0].header("traceparent").expect("passed on");
    assert_eq!(passed, given, "without export there is no span of ours that the backend's could hang below");
    assert_eq!(seen[0].header("tracestate"), Some("vendor=1"));
    for request in &seen[1..] {
        assert_eq!(
            request.header("traceparent"),
            None,
            "without export none is invented: \"not sampled\" would spread"
        );
        assert_eq!(request.header("tracestate"), None, "state of a trace that was not taken over");
    }
    assert_eq!(world.lines(4).await[0]["trace_id"], trace);
}

#[tokio::test]
async fn metrics_count_and_their_labels_stay_bounded() {
    let world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    world.send(&ask()).await.expect_whole(200);
    for n in 0..50 {
        let body = json!({"model": format!("made-up-{n}"), "messages": []});
        world.send(&Call::post("/v1/chat/completions", &body).key(KEY)).await.expect_whole(404);
        world.send(&Call::get(&format!("/made-up-path-{n}")).key(KEY)).await.expect_whole(404);
        world.send(&Call::get("/v1/models").key(&format!("made-up-key-{n}-0123"))).await.expect_whole(401);
    }
    world.lines(151).await;
    let metrics = world.metrics().await;
    assert_eq!(
        metrics.sum("tollgate_requests_total", &["model=\"m\"", "backend=\"one\"", "subscription=\"team-a\""]),
        1
    );
    assert_eq!(metrics.sum("tollgate_requests_total", &[]), 151);
    assert_eq!(metrics.sum("tollgate_tokens_total", &["model=\"m\""]), 18);
    assert_eq!(metrics.sum("gen_ai_client_token_usage_sum", &[]), 18);
    assert_eq!(metrics.sum("tollgate_exchanges_in_flight", &[]), 0);
    assert!(!metrics.0.contains("made-up"), "a caller's text became a label");
}

#[tokio::test]
async fn metrics_stay_off_the_data_plane() {
    let world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    let answer = world.send(&Call::get("/metrics").key(KEY)).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn the_backends_name_can_be_kept_back() {
    let vendor = Vendor::always(dialect::chat("hi").header("server", "vendor/1.0")).await;
    let builder = World::builder().config(&crate::world::one_backend("openai")).server("expose_backend: false");
    let world = builder.vendor("one", vendor).start().await;
    assert_eq!(world.send(&ask()).await.expect_whole(200).header("x-tollgate-backend"), None);
}

#[tokio::test]
async fn attempts_are_counted_by_their_fault() {
    let vendor = Vendor::start(|_, number| if number == 1 { Reply::hang_up() } else { dialect::chat("hi") }).await;
    let config = format!(
        "{}pools: [{{ id: p, members: [{{ backend: one }}, {{ backend: two }}] }}]\n",
        crate::world::one_backend("openai").replace("backend: one,", "pool: p,").replace(
            "}]\nmodels",
            "}, { id: two, kind: openai, url: \"vendor://one/v1\", key: sk-backend-canary-0004 }]\nmodels"
        )
    );
    let world = World::builder().config(&config).vendor("one", vendor).start().await;
    world.send(&ask()).await.expect_whole(200);
    let line = world.line().await;
    assert_eq!(line["attempts"], 2, "{line}");
    let metrics = world.metrics().await;
    assert_eq!(metrics.sum("tollgate_backend_attempts_total", &[]), 2);
    assert_eq!(metrics.sum("tollgate_backend_attempts_total", &["result=\"ok\""]), 1);
}

#[tokio::test]
async fn usage_of_whole_answers_is_read_in_every_dialect() {
    let body = json!({"model": "m", "max_tokens": 9, "messages": [], "contents": [], "input": PROMPT});
    for (kind, path, reply) in [
        ("openai", "/v1/chat/completions", dialect::chat("hi")),
        ("openai", "/v1/responses", dialect::response("resp_1")),
        ("anthropic", "/v1/messages", dialect::message("hi")),
        ("gemini", "/v1beta/models/m:generateContent", dialect::gemini("hi")),
    ] {
        let world = World::one(kind, Vendor::always(reply).await).await;
        world.send(&Call::post(path, &body).key(KEY)).await.expect_whole(200);
        let line = world.line().await;
        assert_eq!((&line["total_tokens"], &line["certainty"]), (&json!(18), &json!("exact")), "{path} {line}");
    }
}
