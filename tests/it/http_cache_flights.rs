//! Many callers at once: one asks the backend for all, and nobody suffers for whom that is.

use std::time::Duration;

use crate::{
    client::{Answer, Call, PATIENCE},
    vendor::{Gate, Reply, Vendor},
    world::{KEY, World},
};

async fn world(cache: &str, vendor: Vendor) -> World {
    let config = format!(
        "backends: [{{ id: svc, kind: http, url: \"vendor://svc\" }}]\n\
         apis: [{{ id: orders, kind: http, path: /orders, backend: svc, cache: {{ {cache} }} }}]\n"
    );
    World::builder().config(&config).vendor("svc", vendor).start().await
}

fn get() -> Call {
    Call::get("/orders/1").key(KEY)
}

fn cached(answer: &Answer) -> &str {
    answer.header("x-tollgate-cache").unwrap_or("nothing")
}

/// Waits until so many requests are inside the gateway.
async fn inside(world: &World, count: u64) {
    let waiting = async {
        while world.metrics().await.sum("tollgate_exchanges_in_flight", &[]) != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("all requests get in");
}

/// A backend whose first answer waits for the gate.
async fn gated(gate: &Gate, first: Reply) -> Vendor {
    let gate = gate.clone();
    let others = Reply::text(200, "text/plain", "another");
    Vendor::start(move |_, number| if number == 1 { first.clone().head_after(&gate) } else { others.clone() }).await
}

async fn finished(open: Vec<crate::client::Open>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for mut one in open {
        one.read_head().await;
        answers.push(one.finish().await);
    }
    answers
}

#[tokio::test]
async fn a_hundred_calls_at_once_are_one_call_upstream() {
    let gate = Gate::closed();
    let world = world("ttl: 10s", gated(&gate, Reply::chunks("text/plain", ["for ", "all"])).await).await;
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(get().start(world.gateway()).await);
    }
    inside(&world, 100).await;
    gate.open();
    let answers = finished(open).await;
    assert!(answers.iter().all(|answer| answer.text() == "for all" && answer.status == 200));
    assert_eq!(answers.iter().filter(|answer| cached(answer) == "hit").count(), 99);
    assert_eq!(world.vendor("svc").count(), 1);
}

/// What the first answer is, and how many calls the backend gets of four at once.
#[tokio::test]
async fn answers_that_are_not_kept_hold_nobody_up() {
    let rows = [
        ("an error", Reply::text(500, "text/plain", "sorry"), 4),
        ("not to be kept", Reply::text(200, "text/plain", "one").header("cache-control", "no-store"), 4),
        ("too large", Reply::chunks("text/plain", ["x".repeat(2_000)]), 4),
        // Tried again at once, for all.
        ("a break", Reply::hang_up(), 2),
    ];
    for (name, first, calls) in rows {
        let gate = Gate::closed();
        let world = world("ttl: 10s, max_body: 1KiB", gated(&gate, first).await).await;
        let mut open = Vec::new();
        for _ in 0..4 {
            open.push(get().start(world.gateway()).await);
            inside(&world, open.len() as u64).await;
        }
        gate.open();
        let answers = finished(open).await;
        let others = answers.iter().filter(|answer| answer.text() == "another").count();
        assert!(others >= 3, "{name}: {:?}", answers.iter().map(Answer::text).collect::<Vec<_>>());
        // Who comes later may find what one of the others has fetched by then.
        assert!((2..=calls + 1).contains(&world.vendor("svc").count()), "{name}: {}", world.vendor("svc").count());
    }
}

#[tokio::test]
async fn a_caller_that_leaves_takes_nobody_with_it() {
    let gate = Gate::closed();
    let world = world("ttl: 10s", gated(&gate, Reply::text(200, "text/plain", "first")).await).await;
    let leader = get().start(world.gateway()).await;
    world.vendor("svc").reached(1).await;
    let followers = [get().start(world.gateway()).await, get().start(world.gateway()).await];
    inside(&world, 3).await;
    drop(leader);
    let answers = finished(followers.into()).await;
    assert!(answers.iter().all(|answer| answer.text() == "another"));
    assert_eq!(world.vendor("svc").count(), 2, "one of them asks for both");
    gate.open();
}

#[tokio::test]
async fn a_break_in_the_middle_reaches_only_whom_it_must() {
    let gate = Gate::closed();
    let first = Reply::chunks("text/plain", ["half", "never"]).hold(1, &gate).cut(1);
    let vendor = {
        let others = Reply::text(200, "text/plain", "another");
        Vendor::start(move |_, number| if number == 1 { first.clone() } else { others.clone() }).await
    };
    let world = world("ttl: 10s", vendor).await;
    let mut leader = get().open(world.gateway()).await;
    assert!(leader.until_text("half").await);
    let answer = get().send(world.gateway()).await;
    assert_eq!(answer.text(), "another");
    let answer = get().send(world.gateway()).await;
    assert_eq!((answer.text().as_str(), cached(&answer)), ("another", "hit"));
}

#[tokio::test]
async fn variants_do_not_wait_for_each_other_twice() {
    let vendor = Vendor::start(|seen, number| {
        let language = seen.header("accept-language").unwrap_or_default().to_owned();
        Reply::text(200, "text/plain", format!("{language} {number}")).header("vary", "accept-language")
    })
    .await;
    let world = world("ttl: 10s", vendor).await;
    let of = |language: &str| get().header("accept-language", language);
    let open = [of("de").start(world.gateway()).await, of("fr").start(world.gateway()).await];
    let mut texts: Vec<String> =
        finished(open.into()).await.iter().map(|answer| answer.text()[..2].to_owned()).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["de", "fr"]);
    assert_eq!(cached(&of("de").send(world.gateway()).await), "hit");
    assert_eq!(cached(&of("fr").send(world.gateway()).await), "hit");
    assert_eq!(world.vendor("svc").count(), 2);
}
