//! What reaches the backend, what comes back, and how each silence and each break is told.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

use super::{
    fake::{Fake, Line, OK},
    *,
};
use crate::outbound::SendFaultKind;

async fn answering(answer: &'static str) -> Fake {
    Fake::start(move |mut line: Line| async move {
        loop {
            let head = line.head().await;
            if head.is_empty() {
                return;
            }
            line.note(head);
            line.send(answer).await;
        }
    })
    .await
}

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

fn streamed(chunks: Vec<Result<&'static str, &'static str>>, pause: Duration) -> Outgoing {
    let chunks = futures_util::stream::iter(chunks).then(move |chunk| async move {
        tokio::time::sleep(pause).await;
        chunk.map(|text| Frame::data(Bytes::from(text))).map_err(Into::into)
    });
    Outgoing::Stream(BodyExt::boxed_unsync(StreamBody::new(chunks)))
}

#[tokio::test]
async fn faults_say_what_happened_and_whether_anything_arrived() {
    type Script = fn(Line) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
    let table: [(&str, Script, SendFaultKind, bool); 4] = [
        ("silence", |mut line| Box::pin(async move { line.closed().await }), SendFaultKind::FirstByteTimeout, true),
        (
            "hang up after the request",
            |mut line| Box::pin(async move { drop(line.head().await) }),
            SendFaultKind::BrokenOff,
            true,
        ),
        (
            "not HTTP",
            |mut line| {
                Box::pin(async move {
                    line.head().await;
                    line.send("SSH-2.0-OpenSSH\r\n\r\n").await;
                    line.closed().await;
                })
            },
            SendFaultKind::Protocol,
            true,
        ),
        (
            "half a head",
            |mut line| {
                Box::pin(async move {
                    line.head().await;
                    line.send("HTTP/1.1 200 OK\r\ncontent-le").await;
                })
            },
            SendFaultKind::BrokenOff,
            true,
        ),
    ];
    for (what, script, kind, reached) in table {
        let fake = Fake::start(script).await;
        let bench = Bench::new();
        let backend = bench.backend(&settings::Backend {
            timeouts: timeouts([1_000, 200, 5_000, 5_000]),
            ..setting("x", &fake.url())
        });
        let fault = get(&bench, &backend, "/secret").await.expect_err(what);
        assert_eq!((fault.kind, fault.reached), (kind, reached), "{what}: {fault}");
        assert!(!fault.message.contains("secret"), "{fault}");
    }
}

#[tokio::test]
async fn nobody_listening_is_refused_and_nothing_was_sent() {
    let fake = answering(OK).await;
    let url = fake.url();
    drop(fake);
    tokio::task::yield_now().await;
    let bench = Bench::new();
    let fault = get(&bench, &bench.backend(&setting("x", &url)), "/").await.expect_err("refused");
    assert_eq!((fault.kind, fault.reached), (SendFaultKind::Refused, false), "{fault}");
    let bad = get(&bench, &bench.backend(&setting("x", &url)), "no-slash").await.expect_err("no path");
    assert_eq!((bad.kind, bad.reached), (SendFaultKind::Protocol, false));
}

#[tokio::test]
async fn an_answer_that_stops_is_never_a_complete_one() {
    type Case = (&'static str, &'static str, bool, SendFaultKind);
    let table: [Case; 5] = [
        ("short", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", true, SendFaultKind::BrokenOff),
        (
            "no last chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            true,
            SendFaultKind::BrokenOff,
        ),
        (
            "chunk lie",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
            true,
            SendFaultKind::Protocol,
        ),
        ("idle", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", false, SendFaultKind::IdleTimeout),
        (
            "idle stream",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            false,
            SendFaultKind::IdleTimeout,
        ),
    ];
    for (what, answer, hang_up, kind) in table {
        let fake = Fake::start(move |mut line: Line| async move {
            line.head().await;
            line.send(answer).await;
            if !hang_up {
                line.closed().await;
            }
        })
        .await;
        let bench = Bench::new();
        let patient = settings::Backend { timeouts: timeouts([1_000, 1_000, 150, 5_000]), ..setting("x", &fake.url()) };
        let answer = get(&bench, &bench.backend(&patient), "/").await.expect("a head");
        let fault = text(answer).await.expect_err(what);
        assert_eq!(fault.kind, kind, "{what}: {fault}");
        assert!(fault.reached);
    }
}

#[tokio::test]
async fn a_dripping_answer_ends_with_the_total_timeout() {
    let fake = Fake::start(|mut line: Line| async move {
        line.head().await;
        line.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        for _ in 0..200 {
            line.send("1\r\nx\r\n").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let bench = Bench::new();
    let patient = settings::Backend { timeouts: timeouts([1_000, 1_000, 150, 400]), ..setting("x", &fake.url()) };
    let answer = get(&bench, &bench.backend(&patient), "/").await.expect("a head");
    assert_eq!(text(answer).await.expect_err("too long").kind, SendFaultKind::TotalTimeout);
}

#[tokio::test]
async fn a_reader_who_takes_his_time_is_no_silence_of_the_backend() {
    let fake = answering("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc").await;
    let bench = Bench::new();
    let hasty = settings::Backend { timeouts: timeouts([1_000, 1_000, 100, 5_000]), ..setting("x", &fake.url()) };
    let answer = get(&bench, &bench.backend(&hasty), "/").await.expect("a head");
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(text(answer).await.expect("whole"), "abc");
}

#[tokio::test]
async fn a_long_upload_does_not_use_up_the_wait_for_the_head() {
    let fake = Fake::start(|mut line: Line| async move {
        line.head().await;
        let mut body = Vec::new();
        while !body.ends_with(b"0\r\n\r\n") {
            body.push(line.stream.read_u8().await.expect("a byte"));
        }
        line.send(OK).await;
        line.closed().await;
    })
    .await;
    let bench = Bench::new();
    let hasty = settings::Backend { timeouts: timeouts([1_000, 150, 1_000, 5_000]), ..setting("x", &fake.url()) };
    let backend = bench.backend(&hasty);
    let slow = streamed(vec![Ok("a"); 8], Duration::from_millis(60));
    let answer = send(&bench, &backend, Method::POST, "/", slow).await.expect("the upload moved all the time");
    assert_eq!(text(answer).await.expect("whole"), "ok");
    let broken = streamed(vec![Ok("a"), Err("gone")], Duration::from_millis(1));
    let fault = send(&bench, &backend, Method::POST, "/", broken).await.expect_err("the caller broke off");
    assert_eq!(fault.kind, SendFaultKind::RequestBody, "{fault}");
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
            let left = tokio::time::timeout(Duration::from_millis(100), get(&bench, &backend, "/")).await;
            assert!(left.is_err());
            assert_eq!(fake.note().await, "asked");
        } else {
            let mut body = get(&bench, &backend, "/").await.expect("a head").into_body();
            body.frame().await.expect("a frame").expect("data");
            assert_eq!(fake.note().await, "asked");
            drop(body);
        }
        let left = Instant::now();
        assert_eq!(fake.note().await, "gone", "{what}");
        let took = left.elapsed();
        assert!(took < Duration::from_millis(100), "{what}: the backend worked on for {took:?}");
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
