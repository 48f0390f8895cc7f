//! How each silence and each break is told.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::AsyncReadExt;

use super::{
    fake::{Fake, Line, OK, answering},
    *,
};
use crate::outbound::SendFaultKind;

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
            timeouts: timeouts([10_000, 1_000, 60_000, 60_000]),
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
        let patient =
            settings::Backend { timeouts: timeouts([10_000, 10_000, 150, 60_000]), ..setting("x", &fake.url()) };
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
    let patient = settings::Backend { timeouts: timeouts([10_000, 10_000, 10_000, 400]), ..setting("x", &fake.url()) };
    let answer = get(&bench, &bench.backend(&patient), "/").await.expect("a head");
    assert_eq!(text(answer).await.expect_err("too long").kind, SendFaultKind::TotalTimeout);
}

#[tokio::test]
async fn a_reader_who_takes_his_time_is_no_silence_of_the_backend() {
    let fake = answering("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc").await;
    let bench = Bench::new();
    let hasty = settings::Backend { timeouts: timeouts([10_000, 10_000, 300, 60_000]), ..setting("x", &fake.url()) };
    let answer = get(&bench, &bench.backend(&hasty), "/").await.expect("a head");
    tokio::time::sleep(Duration::from_millis(700)).await;
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
    let hasty = settings::Backend { timeouts: timeouts([10_000, 600, 10_000, 60_000]), ..setting("x", &fake.url()) };
    let backend = bench.backend(&hasty);
    let slow = streamed(vec![Ok("a"); 8], Duration::from_millis(120));
    let answer = send(&bench, &backend, Method::POST, "/", slow).await.expect("the upload moved all the time");
    assert_eq!(text(answer).await.expect("whole"), "ok");
    let broken = streamed(vec![Ok("a"), Err("gone")], Duration::from_millis(1));
    let fault = send(&bench, &backend, Method::POST, "/", broken).await.expect_err("the caller broke off");
    assert_eq!(fault.kind, SendFaultKind::RequestBody, "{fault}");
}
