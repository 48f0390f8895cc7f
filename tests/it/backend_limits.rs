//! Limits of backends through the front door: whoever has no room is passed over, whatever the policy of the pool;
//! what was held where a call failed moves on with it; and callers hear of it only when nobody else is there.

use serde_json::{Value, json};

use crate::{
    client::Call,
    vendor::{Reply, Vendor, counting::Counting},
    world::{BACKEND_KEY, KEY, PROMPT, World},
};

/// Model `m` at `first`, else at `second`; plain API `/orders` likewise. Limits of both are given.
fn config(first: &str, second: &str) -> String {
    format!(
        "backends:
  - {{ id: first, kind: openai, url: \"vendor://first/v1\", key: {BACKEND_KEY}, limits: {{ {first} }} }}
  - {{ id: second, kind: openai, url: \"vendor://second/v1\", key: {BACKEND_KEY}{second} }}
  - {{ id: left, kind: http, url: \"vendor://first\", limits: {{ {first} }} }}
  - {{ id: right, kind: http, url: \"vendor://second\"{second} }}
pools:
  - {{ id: models, members: [{{ backend: first, priority: 1 }}, {{ backend: second, priority: 2 }}] }}
  - {{ id: plain, members: [{{ backend: left, priority: 1 }}, {{ backend: right, priority: 2 }}] }}
models: [{{ name: m, pool: models, upstream_model: gpt-4o, price: {{ input: 1000 USD, output: 1000 USD }} }}]
apis:
  - {{ id: models, kind: models, path: / }}
  - {{ id: orders, kind: http, path: /orders, pool: plain }}
products: [{{ id: all, limits: {{ tokens_per_day: 1M }} }}]
subscriptions: [{{ id: team-a, product: all, key: {KEY} }}]
"
    )
}

async fn world(limits: (&str, &str), first: Vendor, second: Vendor) -> World {
    let builder = World::builder().config(&config(limits.0, limits.1));
    builder.vendor("first", first).vendor("second", second).start().await
}

fn ask() -> Call {
    let body = json!({"model": "m", "max_tokens": 40, "messages": [{"role": "user", "content": PROMPT}]});
    Call::post("/v1/chat/completions", &body).key(KEY)
}

fn plain() -> Call {
    Call::get("/orders/1").key(KEY)
}

/// What a counter has used and holds, once nothing is open; counters are found by the beginning of their names.
async fn counter(world: &World, name: &str) -> (i64, i64) {
    let answer = world.admin(Call::get("/admin/v1/quotas")).await.expect(200).json();
    let all = answer["items"].as_array().expect("a list").clone();
    let own = all.iter().find(|one| one["account"].as_str().is_some_and(|account| account.starts_with(name)));
    let own = own.unwrap_or_else(|| panic!("no {name} in {all:?}"));
    (own["used"].as_i64().expect("a figure"), own["reserved"].as_i64().expect("a figure"))
}

async fn backend_of(world: &World, call: &Call, lines: usize) -> Value {
    world.send(call).await.expect_whole(200);
    world.lines(lines).await.pop().expect("a line")["backend"].clone()
}

#[tokio::test]
async fn a_member_whose_limit_is_used_up_is_passed_over() {
    let (one, _) = Counting::honest(20).start().await;
    let (two, _) = Counting::honest(20).start().await;
    let world = world(("requests_per_day: 2", ""), one, two).await;
    let mut seen = Vec::new();
    for lines in 1..=4 {
        seen.push(backend_of(&world, &ask(), lines).await);
    }
    assert_eq!(seen, ["first", "first", "second", "second"]);
    assert_eq!(counter(&world, "backend:first/").await, (2, 0));
    let (used, held) = counter(&world, "product:all/tokens_per_day").await;
    assert!(used > 0 && held == 0, "the subscription's own counter counts all four: {used}, {held}");
}

#[tokio::test]
async fn plain_apis_pass_over_members_too_and_tell_limits_in_their_own_words() {
    let fine = || Vendor::always(Reply::text(200, "text/plain", "fine"));
    let world =
        world(("requests_per_day: 2", ", limits: { requests_per_minute: 1 }"), fine().await, fine().await).await;
    for (lines, wanted) in [(1, "left"), (2, "left"), (3, "right")] {
        assert_eq!(backend_of(&world, &plain(), lines).await, wanted);
    }
    let refused = world.send(&plain()).await.expect(429);
    assert!(refused.text().contains("Rate limit is exceeded"), "{}", refused.text());
}

#[tokio::test]
async fn a_budget_in_money_sends_calls_to_the_next_member() {
    let (one, books) = Counting::honest(20).start().await;
    let (two, _) = Counting::honest(20).start().await;
    // Each call holds 40 tokens of output and its prompt, at 0.001 USD a token.
    let world = world(("budget_per_month: 0.10 USD", ""), one, two).await;
    let mut seen = Vec::new();
    for lines in 1..=6 {
        seen.push(backend_of(&world, &ask(), lines).await);
    }
    assert_eq!((&seen[0], &seen[5]), (&json!("first"), &json!("second")), "{seen:?}");
    let spent = i64::try_from(books.tokens()).expect("few") * 1_000_000;
    assert_eq!(counter(&world, "backend:first/budget_per_month").await, (spent, 0));
    assert!(spent <= 100_000_000, "{spent}");
}

#[tokio::test]
async fn a_call_that_fails_over_takes_along_what_it_holds() {
    let broken = Vendor::always(Reply::json(500, &json!({"error": {"message": "broken"}}))).await;
    let (two, _) = Counting::honest(20).start().await;
    let world = world(("tokens_per_day: 1M, concurrency: 5", ", limits: { tokens_per_day: 1M }"), broken, two).await;
    assert_eq!(backend_of(&world, &ask(), 1).await, "second");
    assert_eq!(counter(&world, "backend:first/tokens_per_day").await, (0, 0));
    assert_eq!(counter(&world, "backend:first/concurrency").await, (0, 0));
    let (used, held) = counter(&world, "backend:second/tokens_per_day").await;
    assert!(used >= 20 && held == 0, "{used}, {held}");
    assert_eq!(counter(&world, "product:all/tokens_per_day").await, (used, 0));
}

#[tokio::test]
async fn when_limits_alone_keep_all_backends_away_the_caller_is_told() {
    let (one, first) = Counting::honest(20).start().await;
    let (two, second) = Counting::honest(20).start().await;
    let world = world(("requests_per_day: 1", ", limits: { requests_per_minute: 1 }"), one, two).await;
    for lines in [1, 2] {
        backend_of(&world, &ask(), lines).await;
    }
    let refused = world.send(&ask()).await.expect(429);
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded", "the last one asked says until when");
    assert!(refused.header("retry-after").is_some());
    assert_eq!((first.answers(), second.answers()), (1, 1));
    let (used, held) = counter(&world, "product:all/tokens_per_day").await;
    assert_eq!(i64::try_from(first.tokens() + second.tokens()).expect("few"), used, "a refused call costs nothing");
    assert_eq!(held, 0);
}
