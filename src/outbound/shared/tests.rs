//! Several readers of one body: what each gets, who reads on, and when the backend's side closes.

use std::{future::poll_fn, time::Duration};

use tollgate_providers::sim::{Piece, Step};

use super::*;
use crate::{
    outbound::{incoming::Patience, sim::Play},
    settings::objects::Timeouts,
};

/// A body of these pieces, a second apart, which may break at the end.
fn body(pieces: &[&'static str], breaks: bool) -> Incoming {
    let wait = Duration::from_secs(1);
    let step = |piece: &&'static str| Step { after: wait, piece: Piece::Data(Bytes::from_static(piece.as_bytes())) };
    let mut steps: Vec<Step> = pieces.iter().map(step).collect();
    if breaks {
        steps.push(Step { after: wait, piece: Piece::Cut });
    }
    Incoming::sim(Play::new(Box::new(steps.into_iter())), Patience::new(&Timeouts::default()))
}

fn shared(pieces: &[&'static str], breaks: bool) -> (Incoming, Shared) {
    body(pieces, breaks).share(Box::new(()))
}

async fn next(body: &mut Incoming) -> Option<Result<String, SendFault>> {
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    let text = |frame: Frame<Bytes>| frame.into_data().map(|data| String::from_utf8_lossy(&data).into_owned());
    Some(frame.map(|frame| text(frame).unwrap_or_default()))
}

async fn rest(mut body: Incoming) -> Result<String, SendFault> {
    let mut all = String::new();
    while let Some(piece) = next(&mut body).await {
        all += &piece?;
    }
    Ok(all)
}

#[tokio::test(start_paused = true)]
async fn everybody_reads_all_of_it_whenever_it_came() {
    let (mut first, shared) = shared(&["a", "b", "c"], false);
    assert_eq!(next(&mut first).await.expect("more").expect("whole"), "a");
    let late = shared.reader().expect("from the beginning");
    assert!(first.has_company());
    let (one, other) = tokio::join!(rest(first), rest(late));
    assert_eq!((one.expect("whole").as_str(), other.expect("whole").as_str()), ("bc", "abc"));
    assert!(shared.reader().is_some(), "also when it has ended");
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_end_was_not_asked_for_is_whole_all_the_same() {
    let (mut first, shared) = shared(&["a"], false);
    assert_eq!(next(&mut first).await.expect("more").expect("whole"), "a");
    assert!(first.is_end_stream());
    drop(first);
    assert_eq!(rest(shared.reader().expect("all of it")).await.expect("whole"), "a");
}

#[tokio::test(start_paused = true)]
async fn who_waits_reads_on_when_the_one_who_read_has_gone() {
    let (mut first, shared) = shared(&["a", "b"], false);
    let other = shared.reader().expect("from the beginning");
    let waiting = tokio::spawn(rest(other));
    // The first one polls last: the timer's waker is of its poll.
    assert_eq!(next(&mut first).await.expect("more").expect("whole"), "a");
    let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut first).poll_frame(cx).is_pending())).await;
    assert!(polled);
    drop(first);
    assert_eq!(waiting.await.expect("no panic").expect("whole"), "ab");
}

#[tokio::test(start_paused = true)]
async fn all_get_the_same_broken_end() {
    let (first, shared) = shared(&["a"], true);
    let other = shared.reader().expect("from the beginning");
    let (one, other) = tokio::join!(rest(first), rest(other));
    assert_eq!(one.expect_err("broken").message, other.expect_err("broken").message);
}

#[tokio::test(start_paused = true)]
async fn the_last_one_closes_the_backends_side() {
    let (first, shared) = shared(&["a", "b"], false);
    let mut other = shared.reader().expect("from the beginning");
    drop(first);
    assert_eq!(next(&mut other).await.expect("more").expect("whole"), "a");
    assert!(shared.tape().source.is_some());
    drop(other);
    assert!(shared.tape().source.is_none());
    assert!(shared.reader().is_none(), "nobody reads it any more");
}

#[tokio::test(start_paused = true)]
async fn a_rider_reads_as_long_as_the_others_and_no_longer() {
    let (mut first, shared) = shared(&["a", "b", "c"], false);
    let mut other = shared.reader().expect("from the beginning");
    first.ride();
    assert!(first.has_company() && !other.has_company());
    assert_eq!(next(&mut other).await.expect("more").expect("whole"), "a");
    assert_eq!(next(&mut first).await.expect("more").expect("whole"), "a");
    let riding = tokio::spawn(rest(first));
    tokio::task::yield_now().await;
    drop(other);
    assert_eq!(riding.await.expect("no panic").expect("an end"), "", "nobody to read for");
    assert!(shared.tape().source.is_none());
}

#[tokio::test(start_paused = true)]
async fn who_pays_can_end_it_for_all() {
    let (first, shared) = shared(&["a", "b"], false);
    let mut other = shared.reader().expect("from the beginning");
    assert_eq!(next(&mut other).await.expect("more").expect("whole"), "a");
    first.cut();
    drop(first);
    assert!(next(&mut other).await.expect("an end").is_err());
}

#[tokio::test(start_paused = true)]
async fn who_is_too_far_behind_is_told_so_and_holds_nobody() {
    let large: &'static str = "x".repeat(LARGEST / 2 + 1).leak();
    let (mut slow, shared) = shared(&[large, large, large, "end"], false);
    let mut quick = shared.reader().expect("from the beginning");
    let mut read = 0;
    while let Some(piece) = next(&mut quick).await {
        read += piece.expect("whole").len();
        assert!(shared.tape().bytes <= LARGEST);
    }
    assert_eq!(read, 3 * large.len() + 3);
    assert!(next(&mut slow).await.expect("an end").is_err());
    assert!(slow.has_lagged() && !quick.has_lagged());
    assert!(shared.reader().is_none(), "its beginning is gone");
}
