//! What reaches the backend, and what comes back.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use http_body::Body;
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

use super::{
    fake::{Fake, Line, OK, answering},
    *,
};

#[tokio::test]
async fn a_request_carries_our_host_credential_and_headers_over_the_callers() {
    let mut fake = answering(OK).await;
    let bench = Bench::new();
    let mut setting = with_keys(setting("x", &format!("{}/base/", fake.url())), &["k-1"]);
    setting.headers.insert("x-team".into(), "ours".into());
    let backend = bench.backend(&setting);
    let pool = bench.fleet.single(backend.clone());
    let mut choice = choose(&pool).expect("one");
    let mut headers = HeaderMap::new();
    for (name, value) in [("host", "evil"), ("authorization", "Bearer caller"), ("x-team", "theirs"), ("x-kept", "1")] {
        headers.insert(name, value.parse().expect("value"));
    }
    let path = format!("{}/v?q=%20a", backend.base_path());
    let answer = choice.send(Method::POST, &path, headers, Outgoing::Full("hello".into())).await.expect("sent");
    assert_eq!(answer.headers()["content-length"], "2");
    assert_eq!(answer.body().size_hint().exact(), Some(2));
    assert_eq!(text(answer).await.expect("whole"), "ok");
    let seen = fake.note().await.to_ascii_lowercase();
    assert!(seen.starts_with("post /base/v?q=%20a http/1.1\r\n"), "{seen}");
    for line in [
        format!("host: {}", fake.address),
        "authorization: bearer k-1".into(),
        "x-team: ours".into(),
        "x-kept: 1".into(),
        "content-length: 5".into(),
    ] {
        assert_eq!(seen.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line} in {seen}");
    }
    assert_eq!(seen.matches("authorization").count(), 1);
}

#[tokio::test]
async fn each_kind_gets_its_key_in_its_one_header() {
    for (kind, expected) in [
        (Kind::OpenAi, "authorization: bearer k"),
        (Kind::AzureOpenAi, "api-key: k"),
        (Kind::Anthropic, "x-api-key: k"),
        (Kind::Gemini, "x-goog-api-key: k"),
    ] {
        let mut fake = answering(OK).await;
        let bench = Bench::new();
        let backend = bench.backend(&settings::Backend { kind, key: Some("k".into()), ..setting("x", &fake.url()) });
        get(&bench, &backend, "/").await.expect("sent");
        let seen = fake.note().await.to_ascii_lowercase();
        assert!(seen.contains(&format!("\r\n{expected}\r\n")), "{kind:?}: {seen}");
        let carriers =
            ["authorization:", "api-key:", "x-api-key:", "x-goog-api-key:"].map(|name| format!("\r\n{name}"));
        let count: usize = carriers.iter().map(|name| seen.matches(name.as_str()).count()).sum();
        assert_eq!(count, 1, "{kind:?}: {seen}");
        assert_eq!(seen.contains("anthropic-version: 2023-06-01"), kind == Kind::Anthropic);
    }
}

#[tokio::test]
async fn connections_are_kept_and_shared_by_backends_with_the_same_settings() {
    let fake = answering(OK).await;
    let bench = Bench::new();
    for id in ["x", "y", "x"] {
        let backend = bench.backend(&setting(id, &fake.url()));
        for _ in 0..3 {
            text(get(&bench, &backend, "/").await.expect("sent")).await.expect("whole");
            tokio::task::yield_now().await;
        }
    }
    // The transport lives as long as a backend that uses it; each round here holds its own.
    assert!(fake.connections.load(SeqCst) <= 3, "{}", fake.connections.load(SeqCst));
}

#[tokio::test]
async fn a_connection_that_the_backend_closed_while_idle_is_not_noticed_by_callers() {
    let fake = Fake::start(|mut line: Line| async move {
        line.head().await;
        line.send(OK).await;
    })
    .await;
    let bench = Bench::new();
    let backend = bench.backend(&setting("x", &fake.url()));
    for round in 0..20 {
        let body = Outgoing::Full("x".into());
        let answer = send(&bench, &backend, Method::POST, "/", body).await;
        text(answer.unwrap_or_else(|fault| panic!("round {round}: {fault:?}"))).await.expect("whole");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A server that notes when the other side goes away, after having sent `answer`.
async fn watching(answer: &'static str) -> Fake {
    Fake::start(move |mut line: Line| async move {
        line.head().await;
        line.note("asked");
        line.send(answer).await;
        line.closed().await;
        line.note("gone");
    })
    .await
}

#[tokio::test]
async fn leaving_closes_the_connection_at_once() {
    const PART: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";
    const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nabc";
    for (what, answer) in [("before the head", ""), ("inside a stream", PART), ("inside a body", WHOLE)] {
        let mut fake = watching(answer).await;
        let bench = Bench::new();
        let backend = bench.backend(&setting("x", &fake.url()));
        if answer.is_empty() {
            tokio::select! {
                _ = get(&bench, &backend, "/") => panic!("no head was sent"),
                asked = fake.note() => assert_eq!(asked, "asked"),
            }
        } else {
            let mut body = get(&bench, &backend, "/").await.expect("a head").into_body();
            body.frame().await.expect("a frame").expect("data");
            assert_eq!(fake.note().await, "asked");
            drop(body);
        }
        let left = Instant::now();
        assert_eq!(fake.note().await, "gone", "{what}");
        let took = left.elapsed();
        // Not asserted closely: at once, and not when some timeout is over.
        assert!(took < Duration::from_secs(10), "{what}: the backend worked on for {took:?}");
    }
}

#[tokio::test]
async fn an_upgrade_hands_over_the_connection() {
    let fake = Fake::start(|mut line: Line| async move {
        let head = line.head().await.to_ascii_lowercase();
        assert!(head.contains("upgrade: websocket") && head.contains("connection: upgrade"), "{head}");
        line.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await;
        let mut word = [0; 5];
        line.stream.read_exact(&mut word).await.expect("five bytes");
        line.stream.write_all(&word).await.expect("echo");
        line.closed().await;
    })
    .await;
    let bench = Bench::new();
    let pool = bench.fleet.single(bench.backend(&setting("x", &fake.url())));
    let mut choice = choose(&pool).expect("one");
    let mut headers = HeaderMap::new();
    headers.insert("connection", "upgrade".parse().expect("value"));
    headers.insert("upgrade", "websocket".parse().expect("value"));
    let mut answer = choice.send(Method::GET, "/ws", headers, Outgoing::Empty).await.expect("an answer");
    assert_eq!(answer.status(), 101);
    let upgraded = hyper::upgrade::on(&mut answer).await.expect("upgraded");
    let mut io = hyper_util::rt::TokioIo::new(upgraded);
    io.write_all(b"hello").await.expect("write");
    let mut echo = [0; 5];
    io.read_exact(&mut echo).await.expect("read");
    assert_eq!(&echo, b"hello");
}

#[tokio::test]
async fn trailers_and_redirects_come_through_as_they_are() {
    let fake = answering(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
         2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n",
    )
    .await;
    let bench = Bench::new();
    let pool = bench.fleet.single(bench.backend(&setting("x", &fake.url())));
    let mut headers = HeaderMap::new();
    headers.insert("te", "trailers".parse().expect("value"));
    let mut choice = choose(&pool).expect("one");
    let answer = choice.send(Method::GET, "/", headers, Outgoing::Empty).await.expect("an answer");
    assert_eq!(answer.status(), 302);
    let whole = answer.into_body().collect().await.expect("whole");
    assert_eq!(whole.trailers().expect("trailers")["x-sum"], "7");
}
