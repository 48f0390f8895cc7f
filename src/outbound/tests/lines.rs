//! HTTP/1.1 connections between exchanges: kept, noticed dead, closed when old.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    fake::{Fake, Line, OK},
    *,
};

#[tokio::test]
async fn one_connection_serves_exchange_after_exchange_however_its_answers_are_framed() {
    let answers = [
        OK,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ];
    let fake = Fake::start(move |mut line: Line| async move {
        for answer in answers.iter().cycle() {
            if line.head().await.is_empty() {
                return;
            }
            line.send(answer).await;
        }
    })
    .await;
    let bench = Bench::new();
    let backend = bench.backend(&setting("x", &fake.url()));
    for round in 0..3 * answers.len() {
        let answer = get(&bench, &backend, "/").await.expect("sent");
        let expected = if [0, 1, 5].contains(&(round % answers.len())) { "ok" } else { "" };
        assert_eq!(text(answer).await.expect("whole"), expected, "round {round}");
    }
    assert_eq!(fake.connections.load(SeqCst), 1);
}

/// A socket is watched by the thread that opened it: used from another, it would wake that one for every piece.
#[test]
fn a_connection_is_used_only_by_the_runtime_that_opened_it() {
    let [one, other] = [(); 2].map(|()| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    });
    let fake = one.block_on(Fake::start(|mut line: Line| async move {
        while !line.head().await.is_empty() {
            line.send(OK).await;
        }
    }));
    let bench = Bench::new();
    let backend = bench.backend(&setting("x", &fake.url()));
    for (runtime, connections) in [(&one, 1), (&other, 2), (&one, 2), (&other, 2)] {
        runtime.block_on(async {
            let answer = get(&bench, &backend, "/").await.expect("sent");
            assert_eq!(text(answer).await.expect("whole"), "ok");
        });
        assert_eq!(fake.connections.load(SeqCst), connections);
    }
}

#[tokio::test]
async fn an_answer_that_says_close_or_has_no_length_ends_its_connection() {
    for answer in ["HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\n\r\nok"] {
        let fake = Fake::start(move |mut line: Line| async move {
            line.head().await;
            line.send(answer).await;
        })
        .await;
        let bench = Bench::new();
        let backend = bench.backend(&setting("x", &fake.url()));
        for _ in 0..3 {
            let answer = get(&bench, &backend, "/").await.expect("sent");
            assert_eq!(text(answer).await.expect("whole"), "ok");
        }
        assert_eq!(fake.connections.load(SeqCst), 3, "{answer}");
    }
}

#[tokio::test]
async fn an_upload_goes_on_while_nobody_takes_its_early_answer() {
    let mut fake = Fake::start(|mut line: Line| async move {
        line.head().await;
        line.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no").await;
        let mut seen = Vec::new();
        while !seen.ends_with(b"0\r\n\r\n") {
            let mut piece = [0; 64];
            let count = line.stream.read(&mut piece).await.expect("the upload");
            assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&piece[..count]);
        }
        line.note("all there");
        line.stream.write_all(b"k").await.expect("the rest");
    })
    .await;
    let bench = Bench::new();
    let backend = bench.backend(&setting("x", &fake.url()));
    let (pieces, body) = tokio::sync::mpsc::channel::<Bytes>(1);
    let frames = futures_util::stream::unfold(body, |mut body| async move {
        let piece = body.recv().await?;
        Some((Ok(Frame::data(piece)), body))
    });
    let body = Outgoing::Stream(StreamBody::new(frames).boxed_unsync());
    let answer = send(&bench, &backend, Method::POST, "/", body).await.expect("an early head");
    for _ in 0..10 {
        pieces.send("piece".into()).await.expect("taken");
    }
    drop(pieces);
    assert_eq!(fake.note().await, "all there");
    assert_eq!(text(answer).await.expect("whole"), "ok");
}

#[tokio::test]
async fn a_connection_that_was_not_used_for_long_is_closed() {
    let mut fake = Fake::start(|mut line: Line| async move {
        line.head().await;
        line.send(OK).await;
        line.closed().await;
        line.note("gone");
    })
    .await;
    let bench = Bench::new();
    let backend = bench.backend(&setting("x", &fake.url()));
    text(get(&bench, &backend, "/").await.expect("sent")).await.expect("whole");
    tokio::time::pause();
    for _ in 0..25 {
        tokio::time::advance(Duration::from_secs(4)).await;
        tokio::task::yield_now().await;
    }
    tokio::time::resume();
    assert_eq!(fake.note().await, "gone");
}

#[tokio::test]
async fn many_exchanges_at_once_have_a_connection_each_and_leave_them_to_the_next() {
    let fake = Fake::start(|mut line: Line| async move {
        while !line.head().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            line.send(OK).await;
        }
    })
    .await;
    let bench = Bench::new();
    let backend = bench.backend(&setting("x", &fake.url()));
    for _ in 0..3 {
        let all = futures_util::future::join_all((0..20).map(|_| get(&bench, &backend, "/"))).await;
        for answer in all {
            assert_eq!(text(answer.expect("sent")).await.expect("whole"), "ok");
        }
    }
    assert_eq!(fake.connections.load(SeqCst), 20);
}
