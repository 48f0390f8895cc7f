//! Requests that must not get as far as routing, through the whole gateway; the full table is the listener's own.

use serde_json::json;

use crate::{
    client::{Call, End, Open},
    vendor::{Reply, Vendor},
    world::{KEY, World},
};

async fn world() -> World {
    let config = "
backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]
apis: [{ id: open, kind: http, path: /, backend: svc, subscription_required: false }]
";
    let vendor = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    World::builder().config(config).server("gateway: { max_body_size: 64KiB }").vendor("svc", vendor).start().await
}

#[tokio::test]
async fn what_is_not_plain_http_never_reaches_a_backend() {
    let world = world().await;
    let long_target = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(20_000));
    let long_header = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(100_000));
    let many_headers = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-n: 1\r\n".repeat(2_000));
    let cases: [(&str, &str, &[u16]); 30] = [
        ("no host", "GET / HTTP/1.1\r\n\r\n", &[400]),
        ("two hosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", &[400]),
        ("two equal hosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", &[400]),
        ("host with user", "GET / HTTP/1.1\r\nhost: u@x\r\n\r\n", &[400]),
        ("host with path", "GET / HTTP/1.1\r\nhost: x/y\r\n\r\n", &[400]),
        ("host with blank", "GET / HTTP/1.1\r\nhost: a b\r\n\r\n", &[400]),
        ("host with bad port", "GET / HTTP/1.1\r\nhost: x:99999\r\n\r\n", &[400]),
        ("CONNECT", "CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n", &[400, 405]),
        ("TRACE", "TRACE / HTTP/1.1\r\nhost: x\r\n\r\n", &[405]),
        ("TRACK", "TRACK / HTTP/1.1\r\nhost: x\r\n\r\n", &[200, 405]),
        ("absolute form elsewhere", "GET http://y/ HTTP/1.1\r\nhost: x\r\n\r\n", &[400]),
        ("absolute form of a file", "GET file:///etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n", &[400]),
        (
            "length and chunks",
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            &[400],
        ),
        ("two lengths", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd", &[400]),
        ("list of lengths", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3, 3\r\n\r\nabc", &[400]),
        ("signed length", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +3\r\n\r\nabc", &[400]),
        ("other coding", "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n", &[400, 501]),
        ("chunked twice", "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", &[400]),
        ("chunked in 1.0", "POST / HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", &[400]),
        ("blank before the colon", "GET / HTTP/1.1\r\nhost: x\r\nx-a : b\r\n\r\n", &[400]),
        ("folded header", "GET / HTTP/1.1\r\nhost: x\r\nx-a: b\r\n c\r\n\r\n", &[400]),
        ("encoded slash", "GET /a%2fb HTTP/1.1\r\nhost: x\r\n\r\n", &[400]),
        ("encoded backslash", "GET /a%5Cb HTTP/1.1\r\nhost: x\r\n\r\n", &[400]),
        ("dot segments", "GET /a/../b HTTP/1.1\r\nhost: x\r\n\r\n", &[400]),
        ("encoded dots", "GET /a/%2e%2E/b HTTP/1.1\r\nhost: x\r\n\r\n", &[400]),
        ("encoded zero", "GET /a%00b HTTP/1.1\r\nhost: x\r\n\r\n", &[400]),
        ("long target", &long_target, &[414, 431]),
        ("long header", &long_header, &[431]),
        ("many headers", &many_headers, &[431, 400]),
        ("junk", "\u{16}\u{3}\u{1} what is this\r\n\r\n", &[400]),
    ];
    for (name, bytes, statuses) in cases {
        let before = world.vendor("svc").count();
        let mut open = Open::connect(world.gateway(), false).await;
        open.write(bytes.as_bytes()).await;
        let framing = ["length", "chunk", "coding", "colon", "folded", "junk"].iter().any(|word| name.contains(word));
        let (answer, closed) = if framing { open.finish_then_closed().await } else { (open.finish().await, true) };
        assert!(statuses.contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
        if answer.status != 200 {
            assert_eq!(world.vendor("svc").count(), before, "{name}");
        }
        assert!(closed, "{name}: the connection stays open");
    }
}

#[tokio::test]
async fn bodies_over_the_limit_are_413_announced_or_not() {
    let world = world().await;
    let announced = Call::new("POST", "/x").header("content-length", "70000").header("connection", "close");
    assert_eq!(world.send(&announced).await.status, 413);
    let mut open = Open::connect(world.gateway(), false).await;
    open.write(b"POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for _ in 0..70 {
        open.write(format!("400\r\n{}\r\n", "x".repeat(1024)).as_bytes()).await;
    }
    open.write(b"0\r\n\r\n").await;
    open.read_head().await;
    assert_eq!(open.answer().status, 413, "{}", open.answer().text());
    world.send(&Call::new("POST", "/x").body(vec![b'x'; 60_000])).await.expect_whole(200);
}

#[tokio::test]
async fn a_second_request_hidden_in_a_refused_body_is_not_served() {
    let world = world().await;
    let hidden = "GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n";
    let bytes = format!(
        "POST /a%2fb HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{hidden}GET /next HTTP/1.1\r\nhost: x\r\n\r\n",
        hidden.len()
    );
    let mut open = Open::connect(world.gateway(), false).await;
    open.write(bytes.as_bytes()).await;
    let (answer, _) = open.finish_then_closed().await;
    assert_eq!(answer.status, 400);
    assert!(world.vendor("svc").seen().iter().all(|seen| seen.target != "/hidden"));
}

#[tokio::test]
async fn health_needs_no_key_and_comes_before_any_api() {
    let world = world().await;
    for path in ["/livez", "/readyz", "/healthz", "/status-0123456789abcdef"] {
        let answer = world.send(&Call::get(path)).await.expect_whole(200);
        assert_eq!(answer.end, End::Proper);
        let head = world.send(&Call::new("HEAD", path)).await.expect(200);
        assert!(head.body.is_empty());
    }
    assert_eq!(world.vendor("svc").count(), 0);
}

#[tokio::test]
async fn many_requests_on_one_connection_do_not_mix() {
    let echo = Vendor::start(|seen, _| Reply::json(200, &json!({"target": seen.target, "body": seen.text()}))).await;
    let config = "
backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]
apis: [{ id: all, kind: http, path: /all, backend: svc }]
";
    let world = World::builder().config(config).vendor("svc", echo).start().await;
    let mut pipelined = Vec::new();
    for n in 0..20 {
        let call = Call::new("POST", &format!("/all/{n}")).key(KEY).body(format!("body {n}"));
        pipelined.extend(call.bytes("x"));
    }
    let mut open = Open::connect(world.gateway(), false).await;
    open.write(&pipelined).await;
    for n in 0..20 {
        let answer = open.next_answer().await.expect_whole(200);
        assert_eq!(answer.json(), json!({"target": format!("/{n}"), "body": format!("body {n}")}));
    }
}
