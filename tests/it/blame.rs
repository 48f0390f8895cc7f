//! Whose fault a failure is: what callers do wrong is told to them at once, and never counted against a backend, its
//! credential or what was learned of it.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    client::{Answer, Call, End, Open},
    vendor::{Gate, Reply, Vendor, dialect},
    world::{BACKEND_KEY, KEY, PROMPT, World},
};

const STRICT: &str = "circuit_breaker: [{ failures: 1, interval: 60s, open_for: 60s, on: [5xx, connect, timeout] }]";

/// Model `m` on `a`, then `b`; one failure takes a backend out.
fn two() -> String {
    format!(
        "backends:
  - {{ id: a, kind: openai, url: \"vendor://a/v1\", key: {BACKEND_KEY}, {STRICT} }}
  - {{ id: b, kind: openai, url: \"vendor://b/v1\", key: {BACKEND_KEY}, {STRICT} }}
pools: [{{ id: both, members: [{{ backend: a, priority: 1 }}, {{ backend: b, priority: 2 }}] }}]
models: [{{ name: m, pool: both }}]
"
    )
}

async fn world(a: Vendor, b: Vendor) -> World {
    World::builder().config(&two()).vendor("a", a).vendor("b", b).start().await
}

fn stream(path: &str) -> Call {
    let content = json!([{"role": "user", "content": PROMPT}]);
    Call::post(path, &json!({"model": "m", "stream": true, "input": PROMPT, "messages": content})).key(KEY)
}

fn counts(world: &World) -> (usize, usize) {
    (world.vendor("a").count(), world.vendor("b").count())
}

fn error(members: &Value) -> Vec<u8> {
    format!("data: {}\n\n", json!({ "error": members })).into_bytes()
}

#[tokio::test]
async fn a_callers_mistake_told_inside_a_stream_is_relayed_at_once() {
    let failed = |code: &str| {
        let event = json!({"type": "response.failed", "response": {"id": "resp_1", "status": "failed", "error": {"code": code, "message": "told"}}});
        format!("event: response.failed\ndata: {event}\n\n").into_bytes()
    };
    let chat = "/v1/chat/completions";
    for (path, event) in [
        (chat, error(&json!({"message": "told", "type": "BadRequestError", "code": 400}))),
        (chat, error(&json!({"message": "told", "type": "BadRequestError"}))),
        (chat, error(&json!({"message": "told", "code": "context_length_exceeded"}))),
        (chat, error(&json!({"message": "told", "type": "invalid_request_error"}))),
        ("/v1/responses", failed("invalid_prompt")),
        ("/v1/responses", failed("invalid_image_url")),
        ("/v1/responses", failed("image_too_large")),
        ("/v1/responses", failed("failed_to_download_image")),
    ] {
        let world =
            world(Vendor::always(Reply::events([event.clone()])).await, Vendor::always(dialect::chat("b")).await);
        let world = world.await;
        for asked in 1..=3 {
            let answer: Answer = world.send(&stream(path)).await.expect(200);
            assert!(answer.text().contains("told"), "{path}: {}", answer.text());
            let event = String::from_utf8_lossy(&event);
            assert_eq!(counts(&world), (asked, 0), "{event}: nobody else is asked, nobody is taken out");
        }
    }
}

#[tokio::test]
async fn a_refused_credential_and_throttling_inside_a_stream_are_what_they_are() {
    for (code, status, word) in [
        ("invalid_api_key", 502, "backend_credential_refused"),
        ("billing_error", 502, "backend_credential_refused"),
        ("rate_limit_exceeded", 429, "rate_limit_exceeded"),
    ] {
        let failing = || Vendor::always(Reply::events([error(&json!({"message": "told", "code": code}))]));
        let world = world(failing().await, failing().await).await;
        let answer = world.send(&stream("/v1/chat/completions")).await.expect_whole(status);
        assert_eq!(answer.json()["error"]["code"], word, "{code}");
        assert_eq!(counts(&world), (1, 1), "{code}");
    }
}

#[tokio::test]
async fn an_error_inside_a_stream_is_one_failure() {
    let breaker = STRICT.replace("failures: 1", "failures: 2");
    let config = format!(
        "backends: [{{ id: a, kind: openai, url: \"vendor://a/v1\", key: {BACKEND_KEY}, {breaker} }}]\n\
         pools: [{{ id: one, members: [{{ backend: a }}], eject_last: true, retry: {{ attempts: 1 }} }}]\nmodels: [{{ name: m, pool: one }}]\n"
    );
    let a = Vendor::always(Reply::events([error(&json!({"message": "told", "type": "server_error"}))])).await;
    let world = World::builder().config(&config).vendor("a", a).start().await;
    for asked in [1, 2, 2] {
        world.send(&stream("/v1/chat/completions")).await;
        assert_eq!(world.vendor("a").count(), asked, "out after two failures, not after one");
    }
}

#[tokio::test]
async fn a_first_attempt_that_streamed_does_not_make_the_answer_a_stream() {
    let a = Vendor::always(Reply::events([error(&json!({"message": "told", "type": "server_error"}))])).await;
    let world = world(a, Vendor::always(dialect::chat("whole")).await).await;
    world.send(&stream("/v1/chat/completions")).await.expect_whole(200);
    let line = world.line().await;
    assert_eq!((&line["outcome"], line["streamed"].as_bool().unwrap_or_default()), (&json!("complete"), false));
}

#[tokio::test]
async fn a_refusal_that_quotes_the_caller_teaches_nothing() {
    let a = Vendor::start(|seen, _| {
        if seen.contains("\"role\":\"stream_options\"") {
            let message = "'stream_options' is not one of ['system', 'assistant', 'user']";
            return Reply::json(400, &json!({"error": {"message": message, "type": "invalid_request_error"}}));
        }
        dialect::chat_stream(&seen.json(), &["one"])
    })
    .await;
    let world = world(a, Vendor::always(dialect::chat("b")).await).await;
    let odd = json!({"model": "m", "stream": true, "messages": [{"role": "stream_options", "content": "x"}]});
    world.send(&Call::post("/v1/chat/completions", &odd).key(KEY)).await.expect_whole(400);
    world.send(&stream("/v1/chat/completions")).await.expect_whole(200);
    let last = world.vendor("a").seen().pop().expect("asked").json();
    assert_eq!(last["stream_options"]["include_usage"], true, "usage is still asked for");
}

#[tokio::test]
async fn what_was_learned_is_forgotten_when_the_configuration_is_read_anew() {
    let a = Vendor::start(|seen, number| {
        if number == 1 && seen.contains("stream_options") {
            let error = json!({"error": {"message": "unknown field stream_options"}});
            return Reply::json(400, &error);
        }
        dialect::chat_stream(&seen.json(), &["one"])
    })
    .await;
    let mut world = world(a, Vendor::always(dialect::chat("b")).await).await;
    for (requests, asks) in [(2, false), (3, false), (4, true)] {
        if asks {
            world.reload(&format!("{}users: [{{ id: someone }}]\n", two())).await.expect("valid");
        }
        world.send(&stream("/v1/chat/completions")).await.expect_whole(200);
        let seen = world.vendor("a").seen();
        let last = seen.last().expect("asked").contains("stream_options");
        assert_eq!((seen.len(), last), (requests, asks));
    }
}

#[tokio::test]
async fn a_callers_own_account_stays_here() {
    for (kind, path, names) in [
        ("openai", "/v1/chat/completions", ["openai-organization", "openai-project"]),
        (
            "gemini",
            "/v1beta/models/m:generateContent?access_token=foreign-1&x=1&oauth_token=foreign-2",
            ["x-goog-user-project", "x-goog-user-project"],
        ),
    ] {
        let vendor = Vendor::always(if kind == "gemini" { dialect::gemini("hi") } else { dialect::chat("hi") }).await;
        let world = World::one(kind, vendor).await;
        let body = json!({"model": "m", "messages": [], "contents": []});
        let call = Call::post(path, &body).key(KEY).header(names[0], "foreign-3").header(names[1], "foreign-4");
        world.send(&call).await.expect_whole(200);
        let seen = world.vendor("one").only();
        assert!(!seen.contains("foreign-"), "{}", String::from_utf8_lossy(&seen.head));
        assert_eq!(seen.target.ends_with("?x=1"), kind == "gemini", "{}", seen.target);
    }
}

#[tokio::test]
async fn what_a_proxy_says_of_the_client_does_not_reach_a_provider() {
    let vendor = Vendor::always(dialect::chat("hi")).await;
    let builder = World::builder().config(&crate::world::one_backend("openai")).vendor("one", vendor);
    let world = builder.server("trusted_proxies: [127.0.0.0/8]").start().await;
    let mut call = Call::post("/v1/chat/completions", &json!({"model": "m", "messages": []})).key(KEY);
    for name in ["x-forwarded-for", "x-forwarded-user", "x-client-cert-subject", "x-tollgate-team", "x-real-ip"] {
        call = call.header(name, "203.0.113.9");
    }
    world.send(&call).await.expect_whole(200);
    let seen = world.vendor("one").only();
    assert!(!seen.contains("203.0.113.9"), "{}", String::from_utf8_lossy(&seen.head));
    assert_eq!(world.line().await["client"], "203.0.113.9", "but it is believed");
}

/// A plain backend that one failure takes out, at `url`.
async fn strict(url: &str, extra: &str) -> World {
    let config = format!(
        "backends: [{{ id: a, kind: http, url: \"{url}\", {STRICT}{extra} }}]\n\
         pools: [{{ id: one, members: [{{ backend: a }}], eject_last: true, retry: {{ attempts: 1 }} }}]\n\
         apis: [{{ id: all, kind: http, path: /all, pool: one }}]\n"
    );
    World::builder().config(&config).start().await
}

/// An upload whose second chunk is none.
async fn broken_upload(world: &World, before: impl AsyncFnOnce(&mut Open)) -> Answer {
    let mut open = Open::connect(world.gateway(), false).await;
    let head = format!("PUT /all/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n");
    open.write(format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").as_bytes()).await;
    before(&mut open).await;
    open.write(b"zzz\r\n").await;
    open.finish().await
}

#[tokio::test]
async fn an_upload_that_breaks_on_its_way_is_no_failure_of_the_backend() {
    let gate = Gate::closed();
    gate.open();
    let backend = crate::http2::h2_backend(gate, tokio::sync::mpsc::unbounded_channel().0).await;
    let world = strict(&format!("http://{backend}"), ", http: \"2\"").await;
    assert_eq!(broken_upload(&world, async |_| {}).await.status, 400);
    world.send(&Call::get("/all/1").key(KEY)).await.expect_whole(200);
}

#[tokio::test]
async fn an_upload_that_breaks_under_an_early_answer_is_no_failure_of_the_backend() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let backend = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let asked = socket.read(&mut [0; 1024]).await;
            assert!(asked.is_ok_and(|bytes| bytes > 0));
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nearly").await.expect("connected");
            open.push(socket);
        }
    });
    let world = strict(&format!("http://{backend}"), "").await;
    let answer = broken_upload(&world, async |open| assert!(open.until_text("early").await)).await;
    assert_eq!((answer.status, answer.end), (200, End::Cut));
    assert_eq!(Call::get("/all/1").key(KEY).open(world.gateway()).await.answer().status, 200);
}

#[tokio::test]
async fn a_prompt_too_long_for_all_gets_the_backends_own_refusal() {
    let too_long = || dialect::openai_error(400, "context_length_exceeded");
    for (name, larger) in [
        ("too long there too", too_long()),
        ("failing", dialect::openai_error(500, "broken")),
        ("throttled", dialect::openai_error(429, "rate_limit_exceeded")),
        ("gone", Reply::hang_up()),
    ] {
        let config = two().replace(
            "models: [{ name: m, pool: both }]",
            "models: [{ name: m, backend: a, larger_context: big }, { name: big, backend: b }]",
        );
        let (a, b) = (Vendor::always(too_long()).await, Vendor::always(larger).await);
        let world = World::builder().config(&config).vendor("a", a).vendor("b", b).start().await;
        let body = json!({"model": "m", "messages": []});
        let answer = world.send(&Call::post("/v1/chat/completions", &body).key(KEY)).await.expect_whole(400);
        assert_eq!(answer.json()["error"]["code"], "context_length_exceeded", "{name}");
    }
}

#[tokio::test]
async fn a_stored_response_cannot_go_on_with_a_model_that_lives_elsewhere() {
    let config = two()
        .replace("models: [{ name: m, pool: both }]", "models: [{ name: m, backend: a }, { name: other, backend: b }]");
    let (a, b) = (Vendor::always(dialect::response("resp_1")).await, Vendor::always(dialect::response("resp_2")).await);
    let world = World::builder().config(&config).vendor("a", a).vendor("b", b).start().await;
    let ask = |body: &Value| Call::post("/v1/responses", body).key(KEY);
    world.send(&ask(&json!({"model": "m", "input": "x"}))).await.expect_whole(200);
    let body = json!({"model": "other", "input": "x", "previous_response_id": "resp_1"});
    let answer = world.send(&ask(&body)).await.expect_whole(400);
    assert_eq!(answer.json()["error"]["param"], "previous_response_id", "{}", answer.text());
    assert_eq!(counts(&world), (1, 0));
}

#[tokio::test]
async fn a_plain_backend_that_refuses_our_credential_is_our_affair() {
    let config = "backends: [{ id: a, kind: http, url: \"vendor://a\", KEYS }]
apis: [{ id: all, kind: http, path: /all, backend: a }]
";
    let bad = "credentials: [{ key: bad-credential-1 }]";
    let both = format!("credentials: [{{ key: bad-credential-1 }}, {{ key: {BACKEND_KEY} }}]");
    let call = Call::get("/all/1").header("ocp-apim-subscription-key", KEY);
    let own = call.clone().header("cookie", "session=expired");
    for (keys, refusal, call, status) in [
        (bad, 401, &call, 502),
        (bad, 402, &call, 502),
        (bad, 403, &call, 403),
        (bad, 401, &own, 401),
        ("timeouts: {}", 401, &call, 401),
        (both.as_str(), 401, &call, 200),
    ] {
        let a = Vendor::start(move |seen, _| {
            let is_good = seen.contains(BACKEND_KEY);
            Reply::text(if is_good { 200 } else { refusal }, "text/plain", "told")
        });
        let builder = World::builder().config(&config.replace("KEYS", keys)).vendor("a", a.await);
        let answer = builder.start().await.send(call).await.expect_whole(status);
        assert_eq!(answer.text().contains("told"), status != 502, "{keys} {refusal}");
    }
}
