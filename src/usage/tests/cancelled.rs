//! Invariant 4 of ACCOUNTING: whoever leaves, at whichever moment a request can be left, holds nothing any more, and what
//! was announced has its end.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use jiff::tz::TimeZone;
use serde_json::json;
use tollgate_providers::{Surface, prompt::Inline};

use super::admission::{settlement, sink};
use crate::{
    exchange::{AttemptRecord, Fault, Outcome},
    journal::memory::MemoryDisk,
    limits::{Counted, Output, Period, Reserve, Rule, Scope, Window},
    model::BackendId,
    pricing::{Book, Tables},
    usage::{ModelCall, Settlement, Wish},
};

/// A limit that the prompt's bytes exceed and its tokens do not: it has to be counted.
const LIMIT: i64 = 400;

fn scope(name: &str) -> Scope {
    let window = Window::Calendar { period: Period::Day, zone: TimeZone::UTC };
    let mut rule = Rule::new(name, Counted::Tokens, window, LIMIT);
    rule.reserve = Reserve::Strict;
    Scope::new(Arc::new(rule), "a")
}

fn wish(scopes: Vec<Scope>, model: &str) -> Wish {
    let body = json!({"messages": [{"role": "user", "content": "one word after the other ".repeat(20)}]}).to_string();
    let call = ModelCall {
        surface: Surface::ChatCompletions,
        inline: Inline::default(),
        upstream_model: model.into(),
        reads_more: false,
        backends: vec![BackendId::from("one")],
        book: Arc::new(Book::empty(&Tables::new())),
        choices: 1,
        asked_usage: false,
        body: Bytes::from(body),
    };
    let output = Output { caller_cap: Some(100), ..Output::default() };
    Wish { scopes, at: None, call: Some(call), output, streamed: true, bytes_in: 500, is_plain: false }
}

/// A request that is let in, moves on to another model, is sent, answered and ended.
async fn life(mut settlement: Settlement) -> Result<(), Fault> {
    settlement.admit(wish(vec![scope("product:p/tokens_per_day"), scope("model:m/tokens_per_day")], "gpt-4o")).await?;
    settlement.move_to(wish(vec![scope("product:p/tokens_per_day"), scope("model:n/tokens_per_day")], "gpt-4")).await?;
    let backend = BackendId::from("one");
    settlement.trying(&backend);
    tokio::task::yield_now().await;
    let took = Duration::from_millis(1);
    settlement.tried(AttemptRecord { backend, status: Some(200), fault: None, began: took, took });
    tokio::task::yield_now().await;
    settlement.end(Outcome::Complete);
    Ok(())
}

/// Polls so often and then drops it; whether it had ended by itself.
async fn left_after(polls: u32, life: impl Future<Output = Result<(), Fault>>) -> bool {
    let mut life = pin!(life);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let std::task::Poll::Ready(ended) = life.as_mut().poll(&mut context) {
            ended.expect("there is room for one after the other");
            return true;
        }
        // Whatever it waits for is done by other threads.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    false
}

#[tokio::test]
async fn whoever_leaves_at_whichever_poll_holds_nothing() {
    let sink = sink(&MemoryDisk::default());
    let mut lives = 0;
    for polls in 0..10_000 {
        lives += 1;
        let has_ended = left_after(polls, life(settlement(&sink, lives))).await;
        let meter = sink.meter();
        for view in meter.limits.views() {
            assert_eq!((view.reserved, view.open), (0, 0), "{} after {polls} polls", view.account);
            // A prompt that was sent to nobody knows whom is charged, and no more than that: the window starts anew.
            assert!(view.used <= LIMIT, "{} after {polls} polls: {}", view.account, view.used);
            assert!(meter.limits.reset(&view.account).is_some());
        }
        assert_eq!(meter.journal.stats().open, 0, "after {polls} polls");
        if has_ended {
            // A count and the disk may be ready at once; the answer is waited for twice.
            assert!(polls >= 3, "it waits for its answer: {polls}");
            return;
        }
    }
    panic!("it never ended");
}
