//! Identical calls in flight through the front door: one call of the model, everybody's own key, pace, form, limits
//! and row.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::{Answer, Call, Open},
    vendor::{Gate, Reply, Vendor, dialect},
    world::{KEY, OTHER_KEY, World, one_backend},
};

const WORDS: [&str; 4] = ["one", " two", " three", " four"];
const TEXT: &str = "one two three four";

async fn world(vendor: Vendor) -> World {
    let config = one_backend("openai") + "cache: {}\n";
    World::builder().config(&config).vendor("one", vendor).start().await
}

/// A model that answers in the form that was asked for, but not before the gate is open.
async fn model(gate: &Gate) -> Vendor {
    let gate = gate.clone();
    Vendor::start(move |seen, _| {
        let asked = seen.json();
        let reply = if asked["stream"] == true { dialect::chat_stream(&asked, &WORDS) } else { dialect::chat(TEXT) };
        reply.head_after(&gate)
    })
    .await
}

/// A model whose stream waits before its third event.
async fn streaming(gate: &Gate) -> Vendor {
    let gate = gate.clone();
    Vendor::start(move |seen, _| dialect::chat_stream(&seen.json(), &WORDS).hold(2, &gate)).await
}

fn chat(streamed: bool) -> Call {
    let body = json!({"model": "m", "stream": streamed, "messages": [{"role": "user", "content": "Count!"}]});
    Call::post("/v1/chat/completions", &body).key(KEY)
}

fn said(answer: &Answer) -> String {
    if answer.header("content-type") == Some("application/json") {
        return answer.json()["choices"][0]["message"]["content"].as_str().expect("words").to_owned();
    }
    let events = answer.data();
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"), "{}", answer.text());
    let chunks = events.iter().filter_map(|data| serde_json::from_str::<Value>(data).ok());
    chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(ToOwned::to_owned)).collect()
}

/// The rows of the ledger once there are `count`.
async fn rows(world: &World, count: usize) -> Vec<Value> {
    for _ in 0..1_200 {
        let listed = world.admin(Call::get("/admin/v1/requests?limit=200")).await.expect(200).json();
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        if items.len() >= count {
            assert_eq!(items.len(), count, "{items:?}");
            return items;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not {count} rows after 60 s");
}

/// Waits until so many calls have come in and had time to find one another.
async fn together(world: &World, count: u64) {
    world.until_opened(count).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// Sends all calls, each on a connection of its own, and opens the gate when the model has been asked.
async fn burst(world: &World, gate: &Gate, calls: Vec<Call>) -> Vec<Answer> {
    let mut opened: Vec<Open> = Vec::new();
    let all = world.opened().await + calls.len() as u64;
    for call in &calls {
        opened.push(call.start(world.gateway()).await);
    }
    world.vendor("one").reached(1).await;
    together(world, all).await;
    gate.open();
    let reading = opened.into_iter().map(|open| tokio::spawn(open.finish()));
    let mut answers = Vec::new();
    for answer in reading.collect::<Vec<_>>() {
        answers.push(answer.await.expect("no panic").expect_whole(200));
    }
    answers
}

#[tokio::test]
async fn a_burst_of_identical_calls_asks_the_model_once() {
    type Form = fn(usize) -> bool;
    let forms: [(&str, Form); 3] = [("unstreamed", |_| false), ("streamed", |_| true), ("mixed", |at| at % 2 == 0)];
    for (name, form) in forms {
        let gate = Gate::closed();
        let world = world(model(&gate).await).await;
        let answers = burst(&world, &gate, (0..100).map(|at| chat(form(at))).collect()).await;
        for (at, answer) in answers.iter().enumerate() {
            assert_eq!(said(answer), TEXT, "{name} {at}");
            let is_stream = answer.header("content-type") == Some("text/event-stream");
            assert_eq!(is_stream, form(at), "{name} {at}");
        }
        assert_eq!(world.vendor("one").count(), 1, "{name}");
        let rows = rows(&world, 100).await;
        let paid: Vec<_> = rows.iter().filter(|row| row["total_tokens"] == 18).collect();
        assert_eq!(paid.len(), 1, "{name}: one call was made, one pays");
        assert_eq!(paid[0]["saved_tokens"], 0, "{name}");
        for row in rows.iter().filter(|row| row["total_tokens"] != 18) {
            assert_eq!((&row["total_tokens"], &row["saved_tokens"]), (&json!(0), &json!(18)), "{name} {row}");
            assert_eq!((&row["cache"], &row["outcome"]), (&json!("hit"), &json!("complete")), "{name} {row}");
        }
    }
}

#[tokio::test]
async fn each_follower_of_a_stream_has_it_as_it_comes_and_usage_as_it_asked() {
    let gate = Gate::closed();
    let world = world(streaming(&gate).await).await;
    let mut first = chat(true).open(world.gateway()).await;
    assert!(first.until_text("one").await);
    let body = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "Count!"}]});
    let mut second = Call::post("/v1/chat/completions", &body).key(KEY).open(world.gateway()).await;
    assert!(second.until_text("one").await, "what came before it joined, at once");
    assert_eq!(second.answer().header("x-tollgate-cache"), Some("hit"));
    assert!(!second.answer().text().contains("two"));
    gate.open();
    let (first, second) = (first.finish().await.expect_whole(200), second.finish().await.expect_whole(200));
    assert_eq!((said(&first).as_str(), said(&second).as_str()), (TEXT, TEXT));
    assert!(!first.text().contains("total_tokens") && second.text().contains("total_tokens"));
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    assert_eq!(world.vendor("one").count(), 1);
}

#[tokio::test]
async fn the_first_may_leave_and_the_last_closes_the_backends_side() {
    let gate = Gate::closed();
    let world = world(streaming(&gate).await).await;
    let mut first = chat(true).open(world.gateway()).await;
    assert!(first.until_text("one").await);
    let mut second = chat(true).open(world.gateway()).await;
    let mut third = chat(true).open(world.gateway()).await;
    assert!(second.until_text("one").await && third.until_text("one").await);
    first.reset();
    tokio::time::sleep(Duration::from_millis(300)).await;
    third.reset();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.vendor("one").gone(), 0, "the second one still reads");
    gate.open();
    assert_eq!(said(&second.finish().await.expect_whole(200)), TEXT);
    assert_eq!(world.vendor("one").count(), 1);
    let rows = rows(&world, 3).await;
    let paid: Vec<_> = rows.iter().filter(|row| row["total_tokens"] == 18).collect();
    assert_eq!(paid.len(), 1, "{rows:?}");
    assert_eq!(paid[0]["outcome"], "client_gone", "who led pays for all of it: {rows:?}");
}

#[tokio::test]
async fn when_all_have_left_the_backend_is_left_too() {
    let gate = Gate::closed();
    let world = world(streaming(&gate).await).await;
    let mut first = chat(true).open(world.gateway()).await;
    assert!(first.until_text("one").await);
    let mut second = chat(true).open(world.gateway()).await;
    assert!(second.until_text("one").await);
    first.reset();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.vendor("one").gone(), 0);
    second.reset();
    world.vendor("one").abandoned(1).await;
    assert_eq!(rows(&world, 2).await.iter().filter(|row| row["outcome"] == "client_gone").count(), 2);
}

#[tokio::test]
async fn when_the_first_leaves_before_there_is_an_answer_another_one_asks() {
    let gate = Gate::closed();
    let world = world(model(&gate).await).await;
    let first = chat(false).start(world.gateway()).await;
    world.vendor("one").reached(1).await;
    let others: Vec<_> = [chat(false), chat(true), chat(false)].to_vec();
    let mut open = Vec::new();
    for call in &others {
        open.push(call.start(world.gateway()).await);
    }
    together(&world, 4).await;
    first.reset();
    world.vendor("one").reached(2).await;
    gate.open();
    for open in open {
        assert_eq!(said(&open.finish().await.expect_whole(200)), TEXT);
    }
    assert_eq!(world.vendor("one").count(), 2);
}

#[tokio::test]
async fn an_error_is_not_shared() {
    let gate = Gate::closed();
    let held = gate.clone();
    let vendor = Vendor::start(move |_, number| match number {
        1 => dialect::openai_error(400, "bad").head_after(&held),
        _ => dialect::chat(TEXT),
    });
    let world = world(vendor.await).await;
    let first = chat(false).start(world.gateway()).await;
    world.vendor("one").reached(1).await;
    let mut others = Vec::new();
    for _ in 0..10 {
        others.push(chat(false).start(world.gateway()).await);
    }
    together(&world, 11).await;
    gate.open();
    first.finish().await.expect(400);
    for other in others {
        assert_eq!(said(&other.finish().await.expect_whole(200)), TEXT);
    }
    assert_eq!(world.vendor("one").count(), 2, "one of the others has asked for all");
}

#[tokio::test]
async fn when_every_call_fails_nobody_waits_for_more_than_two_others() {
    let gate = Gate::closed();
    let held = gate.clone();
    let vendor = Vendor::start(move |_, _| dialect::openai_error(400, "bad").head_after(&held)).await;
    let world = world(vendor).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(chat(false).start(world.gateway()).await);
    }
    world.vendor("one").reached(1).await;
    gate.open();
    for open in open {
        open.finish().await.expect(400);
    }
}

#[tokio::test]
async fn a_cut_after_bytes_is_everybodys_and_is_never_kept() {
    let gate = Gate::closed();
    let held = gate.clone();
    let vendor = Vendor::start(move |seen, number| match number {
        1 => dialect::chat_stream(&seen.json(), &WORDS).hold(2, &held).broken(3),
        _ => dialect::chat_stream(&seen.json(), &WORDS),
    });
    let world = world(vendor.await).await;
    let mut first = chat(true).open(world.gateway()).await;
    assert!(first.until_text("one").await);
    let mut second = chat(true).open(world.gateway()).await;
    assert!(second.until_text("one").await);
    gate.open();
    for open in [first, second] {
        let answer = open.finish().await;
        assert!(answer.text().contains("backend_broke_off") && !answer.text().contains("[DONE]"), "{}", answer.text());
    }
    let again = world.send(&chat(true)).await.expect_whole(200);
    assert_eq!((said(&again).as_str(), again.header("x-tollgate-cache")), (TEXT, Some("miss")));
}

#[tokio::test]
async fn a_slow_caller_holds_nobody() {
    let large = "word ".repeat(20_000);
    let words: Vec<String> = (0..40).map(|_| large.clone()).collect();
    let gate = Gate::closed();
    let held = gate.clone();
    let vendor = Vendor::start(move |seen, _| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        dialect::chat_stream(&seen.json(), &words).hold(38, &held)
    });
    let world = world(vendor.await).await;
    let mut slow = chat(true).open(world.gateway()).await;
    assert!(slow.until_text("word").await);
    // Nothing more is read there, and yet another has what came, and the end.
    let mut quick = chat(true).open(world.gateway()).await;
    assert!(quick.until_length(36 * large.len()).await);
    gate.open();
    assert_eq!(said(&quick.finish().await.expect_whole(200)).len(), 40 * large.len());
    assert_eq!(said(&slow.finish().await.expect_whole(200)).len(), 40 * large.len());
    assert_eq!(world.vendor("one").count(), 1);
}

#[tokio::test]
async fn what_differs_or_is_not_cached_is_not_shared() {
    let other = |name: &str, value: Value| {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Count!"}]});
        body[name] = value;
        Call::post("/v1/chat/completions", &body).key(KEY)
    };
    let message = |text: &str| json!([{"role": "user", "content": text}]);
    let cases = [
        ("another team", chat(false).key(OTHER_KEY)),
        ("other words", other("messages", message("Count it!"))),
        ("other tokens", other("max_tokens", json!(5))),
        ("too warm", other("temperature", json!(2))),
        ("no cache", chat(false).header("cache-control", "no-cache")),
        ("no store", chat(false).header("cache-control", "no-store")),
    ];
    for (name, call) in cases {
        let call = if name == "another team" {
            let body = json!({"model": "m", "stream": false, "messages": [{"role": "user", "content": "Count!"}]});
            Call::post("/v1/chat/completions", &body).key(OTHER_KEY)
        } else {
            call
        };
        let gate = Gate::closed();
        let world = world(model(&gate).await).await;
        let open = [chat(false).start(world.gateway()).await, call.start(world.gateway()).await];
        world.vendor("one").reached(2).await;
        gate.open();
        for open in open {
            open.finish().await.expect_whole(200);
        }
        assert_eq!(world.vendor("one").count(), 2, "{name}");
    }
}

#[tokio::test]
async fn without_a_cache_every_call_is_its_own() {
    let gate = Gate::closed();
    let world = World::one("openai", model(&gate).await).await;
    let open = [chat(false).start(world.gateway()).await, chat(false).start(world.gateway()).await];
    world.vendor("one").reached(2).await;
    gate.open();
    for open in open {
        assert_eq!(open.finish().await.expect_whole(200).header("x-tollgate-cache"), None);
    }
}

#[tokio::test]
async fn a_follower_keeps_its_own_limits() {
    let gate = Gate::closed();
    let config = one_backend("openai")
        + "cache: {}\nproducts: [{ id: all, limits: { requests_per_minute: 2 } }]\n\
           subscriptions: [{ id: team-a, product: all, key: key-of-team-a-canary-0001 }]\n";
    let world = World::builder().config(&config).vendor("one", model(&gate).await).start().await;
    let open = [chat(false).start(world.gateway()).await, chat(false).start(world.gateway()).await];
    world.vendor("one").reached(1).await;
    together(&world, 2).await;
    world.send(&chat(false)).await.expect(429);
    gate.open();
    for open in open {
        open.finish().await.expect_whole(200);
    }
    assert_eq!(world.vendor("one").count(), 1);
}

#[tokio::test]
async fn an_answer_that_is_not_kept_is_shared_all_the_same() {
    let gate = Gate::closed();
    let held = gate.clone();
    let vendor = Vendor::start(move |_, _| {
        let mut body = dialect::chat_body(TEXT);
        body["choices"][0]["finish_reason"] = "length".into();
        Reply::json(200, &body).head_after(&held)
    });
    let world = world(vendor.await).await;
    for answer in burst(&world, &gate, (0..10).map(|_| chat(false)).collect()).await {
        assert_eq!(said(&answer), TEXT);
    }
    assert_eq!(world.vendor("one").count(), 1);
    world.send(&chat(false)).await.expect_whole(200);
    assert_eq!(world.vendor("one").count(), 2, "it was not kept");
}
