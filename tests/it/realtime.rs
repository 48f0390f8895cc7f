//! The realtime surface: a WebSocket whose key is swapped and whose model is the backend's.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest as _, handshake::client::Request};

use crate::{
    client::Call,
    vendor::{Gate, Reply, Step, Vendor},
    world::{BACKEND_KEY, Builder, KEY, World, one_backend},
};

fn request(world: &World, path: &str, headers: &[(&'static str, String)]) -> Request {
    let mut request = format!("ws://{}{path}", world.gateway()).into_client_request().expect("a URL");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    request
}

#[tokio::test]
async fn every_way_to_bring_the_key_works_and_only_ours_goes_up() {
    let bearer = || vec![("authorization", format!("Bearer {KEY}"))];
    let protocol = || {
        vec![("sec-websocket-protocol", format!("realtime, openai-insecure-api-key.{KEY}, openai-beta.realtime-v1"))]
    };
    let api_key = || vec![("api-key", KEY.to_owned())];
    let deployment = "/openai/realtime?api-version=2024-10-01-preview&deployment=m";
    for (kind, path, headers, upstream) in [
        ("openai", "/v1/realtime?model=m", bearer(), "/v1/realtime?model=up"),
        ("openai", "/v1/realtime?model=m", protocol(), "/v1/realtime?model=up"),
        ("openai", "/v1/realtime?model=m", api_key(), "/v1/realtime?model=up"),
        ("azure-openai", "/openai/v1/realtime?model=m", api_key(), "/openai/v1/realtime?model=up"),
        ("azure-openai", deployment, api_key(), "/openai/realtime?api-version=2024-10-01-preview&deployment=up"),
    ] {
        let world = World::one(kind, Vendor::always(Reply::steps(vec![Step::EchoSocket])).await).await;
        let connected = tokio_tungstenite::connect_async(request(&world, path, &headers)).await;
        let (mut socket, answer) = connected.unwrap_or_else(|problem| panic!("{kind} {path}: {problem}"));
        let chosen =
            answer.headers().get("sec-websocket-protocol").map(|value| value.to_str().expect("text").to_owned());
        assert!(!chosen.unwrap_or_default().contains(KEY), "{path}");
        socket.send(Message::text("{\"type\":\"session.update\"}")).await.expect("sent");
        assert_eq!(socket.next().await.expect("open").expect("echoed"), Message::text("{\"type\":\"session.update\"}"));
        socket.close(None).await.expect("closed");
        while socket.next().await.is_some() {}
        drop(socket);
        let seen = world.vendor("one").only();
        assert_eq!(seen.line(), format!("GET {upstream}"));
        assert!(!seen.contains(KEY), "{}", String::from_utf8_lossy(&seen.head));
        let credential = if kind == "openai" {
            ("authorization", format!("Bearer {BACKEND_KEY}"))
        } else {
            ("api-key", BACKEND_KEY.into())
        };
        assert_eq!(seen.all(credential.0), [credential.1]);
    }
}

#[tokio::test]
async fn refusals_come_before_the_upgrade() {
    let world = World::one("openai", Vendor::always(Reply::steps(vec![Step::EchoSocket])).await).await;
    let bearer = |key: &str| vec![("authorization", format!("Bearer {key}"))];
    for (path, headers, status) in [
        ("/v1/realtime?model=m", Vec::new(), 401),
        ("/v1/realtime?model=m", bearer("wrong-key-0123456789"), 401),
        ("/v1/realtime?model=nowhere", bearer(KEY), 404),
    ] {
        match tokio_tungstenite::connect_async(request(&world, path, &headers)).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), status, "{path}"),
            other => panic!("{path}: {other:?}"),
        }
    }
    assert_eq!(world.vendor("one").count(), 0);
}

/// A connection that has changed its protocol, and the head of the answer that said so.
async fn switched(world: &World) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(world.gateway()).await.expect("listening");
    let request = format!(
        "GET /v1/realtime?model=m HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.expect("a head"));
    }
    let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    (socket, head)
}

#[tokio::test]
async fn the_backend_is_named_and_the_attempt_recorded() {
    for (exposed, server) in [(true, "expose_backend: true"), (false, "expose_backend: false")] {
        let vendor = Vendor::always(Reply::steps(vec![Step::EchoRaw])).await;
        let world = World::builder().config(&one_backend("openai")).vendor("one", vendor).server(server);
        let world = world.start().await;
        let (mut socket, head) = switched(&world).await;
        assert_eq!(head.contains("\r\nx-tollgate-backend: one\r\n"), exposed, "{head}");
        socket.shutdown().await.expect("open");
        socket.read_to_end(&mut Vec::new()).await.expect("ended by the backend");
        let line = world.line().await;
        assert_eq!((&line["outcome"], &line["attempts"]), (&"complete".into(), &1.into()), "{line}");
    }
}

#[tokio::test]
async fn a_client_that_vanishes_is_not_the_backends_fault() {
    let world = World::one("openai", Vendor::always(Reply::steps(vec![Step::EchoRaw])).await).await;
    let (socket, _) = switched(&world).await;
    socket.set_zero_linger().expect("a TCP socket");
    drop(socket);
    assert_eq!(world.line().await["outcome"], "client_gone");
}

#[tokio::test]
async fn a_backend_that_breaks_off_is() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let gate = Gate::closed();
    let steps = vec![Step::Send(head.into()), Step::Wait(gate.clone()), Step::Reset];
    let world = World::one("openai", Vendor::always(Reply::steps(steps)).await).await;
    let (mut socket, _) = switched(&world).await;
    gate.open();
    drop(socket.read_to_end(&mut Vec::new()).await);
    assert_eq!(world.line().await["outcome"], "upstream_cut");
}

/// Two members for the realtime API in one pool, with more settings of the first backend and of the pool.
fn two_members(backend: &str, pool: &str) -> String {
    format!(
        "backends: [{{ id: a, kind: openai, url: \"vendor://a/v1\", key: {BACKEND_KEY}{backend} }}, {{ id: b, kind: openai, url: \"vendor://b/v1\", key: {BACKEND_KEY} }}]
pools: [{{ id: both, members: [{{ backend: a, priority: 1 }}, {{ backend: b, priority: 2 }}]{pool} }}]
models: [{{ name: m, pool: both }}]
"
    )
}

#[tokio::test]
async fn breaking_off_in_mid_session_counts_for_the_breaker() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let gate = Gate::closed();
    let steps = vec![Step::Send(head.into()), Step::Wait(gate.clone()), Step::Reset];
    let (a, b) = (Vendor::always(Reply::steps(steps)).await, Vendor::always(Reply::steps(vec![Step::EchoRaw])).await);
    let breaker = ", circuit_breaker: [{ failures: 1, interval: 60s, open_for: 60s, on: [connect] }]";
    let world = World::builder().config(&two_members(breaker, "")).vendor("a", a).vendor("b", b).start().await;
    let (mut socket, _) = switched(&world).await;
    gate.open();
    drop(socket.read_to_end(&mut Vec::new()).await);
    assert_eq!(world.line().await["outcome"], "upstream_cut");
    let (mut socket, _) = switched(&world).await;
    socket.shutdown().await.expect("open");
    socket.read_to_end(&mut Vec::new()).await.expect("ended by the backend");
    assert_eq!((world.vendor("a").count(), world.vendor("b").count()), (1, 1), "the broken one is out");
}

#[tokio::test]
async fn the_affinity_cookie_comes_with_the_101() {
    let (a, b) = (Vendor::always(Reply::steps(vec![Step::EchoRaw])), Vendor::always(Reply::steps(vec![Step::EchoRaw])));
    let config = two_members("", ", session_affinity: cookie").replace("priority: 2", "priority: 1");
    let world = World::builder().config(&config).vendor("a", a.await).vendor("b", b.await).start().await;
    let (mut socket, head) = switched(&world).await;
    assert_eq!(head.matches("\r\nset-cookie: tollgate_affinity=").count(), 1, "{head}");
    socket.shutdown().await.expect("open");
    socket.read_to_end(&mut Vec::new()).await.expect("ended by the backend");
}

#[tokio::test]
async fn a_client_that_stays_when_the_backend_has_ended_is_let_go() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nbye";
    let steps = vec![Step::Send(head.into()), Step::Close];
    let world = World::one("openai", Vendor::always(Reply::steps(steps)).await).await;
    let (mut socket, _) = switched(&world).await;
    let mut heard = String::new();
    socket.read_to_string(&mut heard).await.expect("ended");
    assert_eq!(heard, "bye");
    assert_eq!(world.line().await["outcome"], "complete", "although the client has not closed");
    drop(socket);
}

#[tokio::test]
async fn a_refused_upgrade_leaves_the_next_member_its_chance() {
    let config = two_members("", "");
    let lie = Reply::raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n");
    let (a, b) = (Vendor::always(lie).await, Vendor::always(Reply::steps(vec![Step::EchoSocket])).await);
    let world = World::builder().config(&config).vendor("a", a).vendor("b", b).start().await;
    let headers = [("authorization", format!("Bearer {KEY}"))];
    let connected = tokio_tungstenite::connect_async(request(&world, "/v1/realtime?model=m", &headers)).await;
    let (mut socket, _) = connected.expect("upgraded at the second member");
    socket.send(Message::text("hello")).await.expect("sent");
    assert_eq!(socket.next().await.expect("open").expect("echoed"), Message::text("hello"));
    assert_eq!((world.vendor("a").count(), world.vendor("b").count()), (1, 1));
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>>;

/// A gateway whose backend says what its client tells it to, with this limit on each subscription.
async fn metered(limit: &str, builder: Builder) -> (World, Socket) {
    let config = one_backend("openai")
        + &format!("products: [{{ id: all, limits: {{ {limit} }} }}]\n")
        + &format!("subscriptions: [{{ id: team-a, product: all, key: {KEY} }}]\n");
    let vendor = Vendor::always(Reply::steps(vec![Step::EchoSocket])).await;
    let world = builder.config(&config).vendor("one", vendor).start().await;
    let headers = [("authorization", format!("Bearer {KEY}"))];
    let connected = tokio_tungstenite::connect_async(request(&world, "/v1/realtime?model=m", &headers)).await;
    let socket = connected.expect("upgraded").0;
    (world, socket)
}

/// One response of the session, of 400 tokens in and 600 out.
async fn respond(socket: &mut Socket) {
    let created = json!({"type": "response.created", "response": {"usage": null}});
    let usage = json!({"total_tokens": 1_000, "input_tokens": 400, "output_tokens": 600,
        "input_token_details": {"cached_tokens": 100, "audio_tokens": 50}, "output_token_details": {"audio_tokens": 500}});
    let done = json!({"type": "response.done", "response": {"usage": usage}});
    for event in [created, done] {
        let event = Message::text(event.to_string());
        socket.send(event.clone()).await.expect("sent");
        assert_eq!(socket.next().await.expect("open").expect("echoed"), event);
    }
}

async fn used(world: &World) -> Value {
    let quotas = world.admin(Call::get("/admin/v1/quotas")).await.expect(200).json();
    json!([quotas["items"][0]["used"], quotas["items"][0]["reserved"]])
}

#[tokio::test]
async fn a_session_is_charged_what_its_responses_report() {
    let (world, mut socket) = metered("tokens_per_day: 100k", World::builder()).await;
    for _ in 0..3 {
        respond(&mut socket).await;
    }
    socket.close(None).await.expect("closed");
    while socket.next().await.is_some() {}
    let line = world.line().await;
    assert_eq!((&line["outcome"], &line["model"]), (&"complete".into(), &"m".into()), "{line}");
    assert_eq!(used(&world).await, json!([3_000, 0]));
    let row = &world.admin(Call::get("/admin/v1/requests?limit=1")).await.expect(200).json()["items"][0];
    if !row.is_null() {
        assert_eq!((&row["certainty"], &row["audio_output_tokens"]), (&json!("exact"), &json!(1_500)), "{row}");
    }
}

#[tokio::test]
async fn a_session_ends_properly_when_its_quota_is_used_up() {
    ends_properly(World::builder()).await;
}

/// Several gateways share the quota: what a session needs is leased as it goes, and it ends only when all is used up.
#[tokio::test]
async fn a_session_waits_for_leases_of_a_shared_quota() {
    ends_properly(World::builder().on_postgres()).await;
}

async fn ends_properly(builder: Builder) {
    let (world, mut socket) = metered("tokens_per_day: 3k", builder).await;
    respond(&mut socket).await;
    respond(&mut socket).await;
    let event = socket.next().await.expect("told").expect("a message").into_text().expect("text");
    let event: Value = serde_json::from_str(&event).expect("JSON");
    assert_eq!(event["error"]["code"], "insufficient_quota", "{event}");
    match socket.next().await.expect("closed").expect("properly") {
        Message::Close(Some(close)) => assert_eq!(u16::from(close.code), 1008),
        other => panic!("{other:?}"),
    }
    while socket.next().await.is_some() {}
    assert_eq!(world.line().await["outcome"], "limit_reached");
    assert_eq!(used(&world).await, json!([2_000, 0]), "no third response was paid for");
}
