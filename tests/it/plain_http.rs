//! Any HTTP API: what a backend sees and what comes back, byte for byte where it matters.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

use crate::{
    client::{Call, End, Open, raw},
    vendor::{Gate, Reply, Step, Vendor},
    world::{BACKEND_KEY, KEY, World},
};

const CONFIG: &str = "
backends: [{ id: svc, kind: http, url: \"vendor://svc/base\" }]
apis: [{ id: orders, kind: http, path: /orders, backend: svc }]
";

async fn world(vendor: Vendor) -> World {
    World::builder().config(CONFIG).vendor("svc", vendor).start().await
}

fn ok() -> Reply {
    Reply::text(200, "text/plain", "fine")
}

#[tokio::test]
async fn methods_paths_queries_headers_and_bodies_arrive() {
    let world =
        world(Vendor::start(|seen, _| if seen.method == "HEAD" { Reply::status(200) } else { ok() }).await).await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PROPFIND", "REPORT"] {
        for (target, upstream) in [
            ("/orders", "/base"),
            ("/orders/", "/base/"),
            ("/orders/a%20b/%C3%A4;v=1?q=%2F&x=&x=2&flag", "/base/a%20b/%C3%A4;v=1?q=%2F&x=&x=2&flag"),
            ("/orders/orders?", "/base/orders?"),
        ] {
            let before = world.vendor("svc").count();
            let body = format!("body of {method}\0\u{7f}");
            let call = Call::new(method, target)
                .key(KEY)
                .header("X-Custom", "one")
                .header("x-custom", "two")
                .body(body.clone());
            let answer = world.send(&call).await;
            assert_eq!(answer.status, 200, "{method} {target}: {}", answer.text());
            let seen = world.vendor("svc").seen().swap_remove(before);
            assert_eq!(seen.line(), format!("{method} {upstream}"));
            assert_eq!(seen.text(), body, "{method} {target}");
            assert_eq!(seen.all("x-custom"), ["one", "two"]);
        }
    }
}

#[tokio::test]
async fn paths_beside_the_prefix_do_not_match() {
    let world = world(Vendor::always(ok()).await).await;
    for target in ["/ordersx", "/order", "/", "/Orders/1"] {
        let answer = world.send(&Call::get(target).key(KEY)).await.expect_whole(404);
        assert_eq!(answer.json(), json!({"statusCode": 404, "message": "Resource not found"}), "{target}");
    }
    assert_eq!(world.vendor("svc").count(), 0);
}

#[tokio::test]
async fn answers_of_every_status_pass_with_their_headers() {
    for status in [200, 201, 202, 204, 206, 301, 304, 307, 400, 401, 403, 404, 409, 418, 422, 451] {
        let reply =
            Reply::status(status).header("x-own", "yes").header("set-cookie", "a=1").header("set-cookie", "b=2");
        let world = world(Vendor::always(reply.header("location", "http://elsewhere.example/")).await).await;
        let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(status);
        assert_eq!(answer.header("x-own"), Some("yes"));
        assert_eq!(answer.headers.iter().filter(|(name, _)| name == "set-cookie").count(), 2);
        assert_eq!(answer.header("location"), Some("http://elsewhere.example/"));
        assert_eq!(world.vendor("svc").count(), 1, "{status}: redirects are not followed");
    }
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let gate = Gate::closed();
    let vendor = Vendor::start({
        let gate = gate.clone();
        move |_, _| {
            Reply::chunks("application/octet-stream", ["first", "second"])
                .hold(1, &gate)
                .header("trailer", "x-sum")
                .trailer("x-sum", "9")
        }
    })
    .await;
    let world = world(vendor).await;
    let mut open = Call::get("/orders/1").key(KEY).header("te", "trailers").open(world.gateway()).await;
    assert!(open.until_text("first").await, "the first piece arrives while the second is held back");
    gate.open();
    let answer = open.finish().await.expect_whole(200);
    assert_eq!(answer.text(), "firstsecond");
    assert_eq!(answer.trailers, [("x-sum".to_owned(), "9".to_owned())]);
}

#[tokio::test]
async fn chunked_requests_arrive_with_their_trailers() {
    let world = world(Vendor::always(ok()).await).await;
    let request = format!(
        "POST /orders/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
         5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nx-sum: 11\r\n\r\n"
    );
    raw(world.gateway(), request.as_bytes()).await.expect_whole(200);
    let seen = world.vendor("svc").only();
    assert_eq!(seen.text(), "hello world");
    assert_eq!(seen.trailers, [("x-sum".to_owned(), "11".to_owned())]);
}

#[tokio::test]
async fn large_bodies_pass_whole() {
    let body: Vec<u8> = (0..20_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let echo = Vendor::start(|seen, _| Reply::text(200, "application/octet-stream", seen.body.clone())).await;
    let world = world(echo).await;
    let answer = world.send(&Call::new("POST", "/orders/1").key(KEY).body(body.clone())).await.expect_whole(200);
    assert!(answer.body == body, "{} of {} bytes", answer.body.len(), body.len());
}

#[tokio::test]
async fn expect_continue_is_answered_when_the_body_is_wanted_and_only_then() {
    let world = world(Vendor::always(ok()).await).await;
    for (key, status, interim) in [(KEY, 200, 1), ("wrong-key-0123456789", 401, 0)] {
        let mut open = Open::connect(world.gateway(), false).await;
        let head = format!(
            "POST /orders/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
        );
        open.write(head.as_bytes()).await;
        if interim == 1 {
            open.read_interim().await;
            open.write(b"hello").await;
        }
        open.read_head().await;
        let answer = open.finish().await;
        assert_eq!((answer.status, answer.interim), (status, interim), "{}", answer.text());
    }
    assert_eq!(world.vendor("svc").only().text(), "hello");
}

#[tokio::test]
async fn hop_by_hop_headers_end_here_and_ours_cannot_be_named_away() {
    let reply = ok()
        .header("connection", "x-hop")
        .header("x-hop", "no")
        .header("keep-alive", "timeout=1")
        .header("x-end", "yes");
    let world = world(Vendor::always(reply).await).await;
    let call = Call::get("/orders/1")
        .key(KEY)
        .header("connection", "keep-alive, X-Drop-Me, x-forwarded-for, x-request-id")
        .header("x-drop-me", "gone")
        .header("keep-alive", "timeout=5")
        .header("proxy-authorization", "Basic canary")
        .header("proxy-connection", "keep-alive")
        .header("te", "gzip, trailers")
        .header("x-keep-me", "kept");
    let answer = world.send(&call).await.expect_whole(200);
    assert_eq!((answer.header("x-hop"), answer.header("keep-alive")), (None, None));
    assert_eq!(answer.header("x-end"), Some("yes"));
    let seen = world.vendor("svc").only();
    for gone in ["x-drop-me", "keep-alive", "proxy-authorization", "proxy-connection"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    assert_eq!(seen.header("x-keep-me"), Some("kept"));
    assert!(seen.header("x-forwarded-for").is_some(), "{}", String::from_utf8_lossy(&seen.head));
}

#[tokio::test]
async fn a_clients_word_about_itself_is_replaced_unless_it_is_a_trusted_proxy() {
    let call = Call::get("/orders/1")
        .key(KEY)
        .header("host", "api.example.org")
        .header("x-forwarded-for", "203.0.113.9")
        .header("X_Forwarded_For", "203.0.113.8")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "for=203.0.113.7")
        .header("x-real-ip", "203.0.113.6")
        .header("x-tollgate-subscription", "admin");
    let stranger = world(Vendor::always(ok()).await).await;
    stranger.send(&call).await.expect_whole(200);
    let seen = stranger.vendor("svc").only();
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.all("x-forwarded-host"), ["api.example.org"]);
    assert!(!seen.contains("203.0.113") && !seen.contains("evil.example"), "{}", String::from_utf8_lossy(&seen.head));
    assert_eq!(seen.header("x-tollgate-subscription"), None);

    let vendor = Vendor::always(ok()).await;
    let builder = World::builder().config(CONFIG).server("trusted_proxies: [127.0.0.0/8]").vendor("svc", vendor);
    let trusted = builder.start().await;
    trusted.send(&call).await.expect_whole(200);
    let chain = trusted.vendor("svc").only().all("x-forwarded-for").join(", ");
    assert_eq!(chain, "203.0.113.9, 127.0.0.1");
    assert_eq!(trusted.line().await["client"], "203.0.113.9");
}

#[tokio::test]
async fn web_sockets_pass_and_their_key_does_not() {
    let world = world(Vendor::always(Reply::steps(vec![Step::EchoSocket])).await).await;
    let mut request = format!("ws://{}/orders/socket?x=1", world.gateway()).into_client_request().expect("a URL");
    request.headers_mut().insert("authorization", format!("Bearer {KEY}").parse().expect("a header"));
    let (mut socket, answer) = tokio_tungstenite::connect_async(request).await.expect("upgraded");
    assert_eq!(answer.status(), 101);
    for message in
        [Message::text("hello"), Message::binary(vec![0_u8, 255, 13, 10]), Message::text("ä".repeat(100_000))]
    {
        socket.send(message.clone()).await.expect("sent");
        assert_eq!(socket.next().await.expect("open").expect("a message"), message);
    }
    socket.close(None).await.expect("closed");
    while socket.next().await.is_some() {}
    drop(socket);
    let seen = world.vendor("svc").only();
    assert_eq!(seen.line(), "GET /base/socket?x=1");
    assert!(!seen.contains(KEY));
    assert_eq!(world.line().await["status"], 101);
}

#[tokio::test]
async fn bytes_after_an_upgrade_pass_both_ways_without_delay() {
    let world = world(Vendor::always(Reply::steps(vec![Step::EchoRaw])).await).await;
    let call = Call::get("/orders/raw").key(KEY).header("connection", "Upgrade").header("upgrade", "websocket");
    let (mut socket, early) = call.open(world.gateway()).await.into_socket();
    assert!(early.is_empty());
    for bytes in [b"a".as_slice(), b"\0\xff\r\n\r\nGET / HTTP/1.1\r\n\r\n"] {
        socket.write_all(bytes).await.expect("sent");
        let mut back = vec![0; bytes.len()];
        socket.read_exact(&mut back).await.expect("echoed");
        assert_eq!(back, bytes);
    }
}

#[tokio::test]
async fn a_backend_that_declines_an_upgrade_is_relayed() {
    let world = world(Vendor::always(Reply::text(426, "text/plain", "no")).await).await;
    let call = Call::get("/orders/ws").key(KEY).header("connection", "Upgrade").header("upgrade", "websocket");
    assert_eq!(world.send(&call).await.expect_whole(426).text(), "no");
}

#[tokio::test]
async fn backends_that_break_the_protocol_give_502_and_nothing_of_it_leaks() {
    for (name, reply) in [
        ("not http", Reply::raw("lies\r\n\r\n")),
        ("half a head", Reply::raw("HTTP/1.1 200 OK\r\ncontent-ty")),
        (
            "unsolicited 101",
            Reply::raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nboo"),
        ),
        ("two lengths", Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab")),
        ("endless header", Reply::raw(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(3_000_000)))),
        ("hang up", Reply::hang_up()),
        ("reset", Reply::reset()),
    ] {
        let world = world(Vendor::always(reply).await).await;
        let answer = world.send(&Call::get("/orders/1").key(KEY)).await;
        assert_eq!(answer.status, 502, "{name}: {}", answer.text());
        assert_eq!((answer.end, &answer.json()["statusCode"]), (End::Proper, &json!(502)), "{name}");
    }
}

#[tokio::test]
async fn answers_that_break_off_never_look_whole() {
    for (name, reply) in [
        ("short of its length", Reply::text(200, "text/plain", "0123456789").cut(4)),
        ("missing last chunk", Reply::chunks("text/plain", ["one", "two"]).cut(1)),
        ("reset", Reply::chunks("text/plain", ["one", "two"]).broken(1)),
        ("chunk of junk", Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\nZZ\r\n")),
    ] {
        let world = world(Vendor::always(reply).await).await;
        let answer = world.send(&Call::get("/orders/1").key(KEY)).await;
        assert_eq!(answer.end, End::Cut, "{name}: {} {}", answer.status, answer.text());
        assert_eq!(world.line().await["outcome"], "upstream_cut", "{name}");
    }
}

#[tokio::test]
async fn a_closed_port_is_502_and_silence_is_504() {
    let refused = World::builder().config(&CONFIG.replace("vendor://svc", "vendor://nobody")).start().await;
    refused.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(502);
    drop(refused);
    let config = CONFIG.replacen("kind: http,", "kind: http, timeouts: { first_byte: 200ms },", 1);
    let silent = World::builder().config(&config).vendor("svc", Vendor::always(Reply::silence()).await).start().await;
    silent.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(504);
    silent.vendor("svc").abandoned(1).await;
}

#[tokio::test]
async fn silence_inside_an_answer_ends_it_uncleanly() {
    let config = CONFIG.replacen("kind: http,", "kind: http, timeouts: { idle: 200ms },", 1);
    let vendor = Vendor::always(Reply::chunks("text/plain", ["one", "two"]).stalled(1)).await;
    let world = World::builder().config(&config).vendor("svc", vendor).start().await;
    let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect(200);
    assert_eq!((answer.text().as_str(), answer.end), ("one", End::Cut));
    world.vendor("svc").abandoned(1).await;
}

#[tokio::test]
async fn a_plain_backends_credential_is_added_to_its_own_header() {
    for (settings, header, value) in [
        (format!("key: {BACKEND_KEY}"), "authorization", format!("Bearer {BACKEND_KEY}")),
        (format!("key: {BACKEND_KEY}, key_header: x-functions-key"), "x-functions-key", BACKEND_KEY.to_owned()),
        (format!("headers: {{ x-extra: {BACKEND_KEY} }}"), "x-extra", BACKEND_KEY.to_owned()),
    ] {
        let config = CONFIG.replacen("kind: http,", &format!("kind: http, {settings},"), 1);
        let world = World::builder().config(&config).vendor("svc", Vendor::always(ok()).await).start().await;
        world.send(&Call::get("/orders/1").header("ocp-apim-subscription-key", KEY)).await.expect_whole(200);
        assert_eq!(world.vendor("svc").only().all(header), [value]);
    }
}

#[tokio::test]
async fn the_longest_path_wins_and_operations_close_what_they_do_not_name() {
    let config = "
backends: [{ id: a, kind: http, url: \"vendor://a\" }, { id: b, kind: http, url: \"vendor://b\" }]
apis:
  - { id: shop, kind: http, path: /shop, backend: a }
  - id: items
    kind: http
    path: /shop/items
    backend: b
    operations: [{ id: get, method: GET, path: \"/{id}\" }, { id: add, method: POST, path: / }]
";
    let (a, b) = (Vendor::always(ok()).await, Vendor::always(ok()).await);
    let world = World::builder().config(config).vendor("a", a).vendor("b", b).start().await;
    for (method, target, status) in [
        ("GET", "/shop/other", 200),
        ("GET", "/shop/items/7", 200),
        ("POST", "/shop/items/", 200),
        ("DELETE", "/shop/items/7", 404),
        ("GET", "/shop/items/7/parts", 404),
    ] {
        assert_eq!(world.send(&Call::new(method, target).key(KEY)).await.status, status, "{method} {target}");
    }
    assert_eq!((world.vendor("a").count(), world.vendor("b").count()), (1, 2));
    let lines = world.lines(5).await;
    assert_eq!(lines[1]["operation"], "get");
}

#[tokio::test]
async fn versions_are_told_apart_by_path_header_and_query() {
    let config = "
backends: [{ id: a, kind: http, url: \"vendor://a\" }, { id: b, kind: http, url: \"vendor://b\" }]
apis:
  - { id: p1, kind: http, path: /p, backend: a, versioning: { scheme: path, version: v1 } }
  - { id: p2, kind: http, path: /p, backend: b, versioning: { scheme: path, version: v2 } }
  - { id: h1, kind: http, path: /h, backend: a, versioning: { scheme: header, version: v1, name: x-version } }
  - { id: h2, kind: http, path: /h, backend: b, versioning: { scheme: header, version: v2, name: x-version } }
  - { id: q1, kind: http, path: /q, backend: a, versioning: { scheme: query, version: v1 } }
  - { id: q2, kind: http, path: /q, backend: b, versioning: { scheme: query, version: v2 } }
";
    let (a, b) = (Vendor::always(ok()).await, Vendor::always(ok()).await);
    let world = World::builder().config(config).vendor("a", a).vendor("b", b).start().await;
    for (call, at) in [
        (Call::get("/p/v1/x"), "a /x"),
        (Call::get("/p/v2/x"), "b /x"),
        (Call::get("/h/x").header("x-version", "v2"), "b /x"),
        (Call::get("/h/x").header("x-version", "v1"), "a /x"),
        (Call::get("/q/x?api-version=v2"), "b /x"),
        (Call::get("/p/v3/x"), "404"),
        (Call::get("/h/x").header("x-version", "v3"), "404"),
    ] {
        let before = (world.vendor("a").count(), world.vendor("b").count());
        let answer = world.send(&call.clone().key(KEY)).await;
        let after = (world.vendor("a").count(), world.vendor("b").count());
        let last = |name: &str| world.vendor(name).seen().last().map_or(String::new(), |seen| seen.target.clone());
        let reached = match (after.0 - before.0, after.1 - before.1) {
            (1, 0) => format!("a {}", last("a")),
            (0, 1) => format!("b {}", last("b")),
            _ => answer.status.to_string(),
        };
        assert!(reached.starts_with(at), "{call:?}: {reached}, expected {at}");
    }
}

#[tokio::test]
async fn a_request_that_breaks_off_never_looks_whole_to_the_backend() {
    let world = world(Vendor::always(ok()).await).await;
    let framings = ["content-length: 10\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"];
    for (framing, count) in framings.into_iter().zip(1..) {
        let mut open = Open::connect(world.gateway(), false).await;
        let head = format!("POST /orders/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n{framing}");
        open.write(head.as_bytes()).await;
        world.until_opened(count).await;
        open.reset();
    }
    world.lines(2).await;
    assert_eq!(world.vendor("svc").count(), 0, "no whole request arrived");
}

#[tokio::test]
async fn an_answer_that_comes_before_the_whole_request_is_relayed() {
    let early = Reply::raw("HTTP/1.1 403 No\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
    let vendor = Vendor::start(move |_, _| early.clone()).await;
    let world = world(vendor).await;
    let answer = world.send(&Call::new("POST", "/orders/1").key(KEY).body(vec![b'x'; 200_000])).await;
    assert_eq!((answer.status, answer.text().as_str()), (403, "no"));
}

#[tokio::test]
async fn connections_to_a_backend_are_kept_and_used_again() {
    let world = world(Vendor::always(ok()).await).await;
    for _ in 0..20 {
        world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    }
    assert!(world.vendor("svc").connections() <= 2, "{} connections", world.vendor("svc").connections());
    let last = world.vendor("svc").seen().last().map(|seen| seen.connection);
    assert!(last <= Some(2), "{last:?}");
}

#[tokio::test]
async fn a_body_of_unknown_length_passes_with_every_method() {
    for method in ["GET", "HEAD", "DELETE", "POST"] {
        let world = world(Vendor::always(Reply::status(204)).await).await;
        let request = format!(
            "{method} /orders/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ntransfer-encoding: chunked\r\n\r\n\
             5\r\nhello\r\n0\r\n\r\n"
        );
        raw(world.gateway(), request.as_bytes()).await.expect_whole(204);
        assert_eq!(world.vendor("svc").only().text(), "hello", "{method}");
    }
}

#[tokio::test]
async fn methods_that_should_have_a_body_say_that_there_is_none() {
    for (method, length) in [("POST", Some("0")), ("PUT", Some("0")), ("PATCH", Some("0")), ("GET", None)] {
        let world = world(Vendor::always(ok()).await).await;
        world.send(&Call::new(method, "/orders/1").key(KEY)).await.expect_whole(200);
        assert_eq!(world.vendor("svc").only().header("content-length"), length, "{method}");
    }
}
