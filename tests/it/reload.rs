//! Changing the configuration while it is in use.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use serde_json::json;

use crate::{
    client::Call,
    vendor::{Gate, Reply, Vendor, dialect},
    world::{BACKEND_KEY, KEY, PROMPT, World, one_backend},
};

fn ask() -> Call {
    Call::post("/v1/chat/completions", &json!({"model": "m", "messages": [{"role": "user", "content": PROMPT}]}))
        .key(KEY)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_reloads_under_load_lose_no_request() {
    let stable = one_backend("openai");
    let mut world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (stop, served, to) = (Arc::clone(&stop), Arc::clone(&served), world.gateway());
            tokio::spawn(async move {
                while !stop.load(SeqCst) {
                    let answer = ask().send(to).await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    served.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    for number in 0..200 {
        let config = format!("{stable}users: [{{ id: user-{number} }}]\n");
        world.reload(&config).await.expect("a valid configuration");
    }
    stop.store(true, SeqCst);
    for caller in callers {
        caller.await.expect("every request was answered");
    }
    assert!(served.load(SeqCst) > 0);
}

#[tokio::test]
async fn a_reload_takes_effect_whole() {
    let mut world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    world.send(&ask()).await.expect_whole(200);
    let renamed = one_backend("openai").replace("name: m,", "name: n,");
    world.reload(&renamed).await.expect("valid");
    world.send(&ask()).await.expect_whole(404);
    let other_key = format!(
        "{}products: [{{ id: all }}]\nsubscriptions: [{{ id: x, product: all, key: another-key-012345 }}]\n",
        one_backend("openai")
    );
    world.reload(&other_key).await.expect("valid");
    world.send(&ask()).await.expect_whole(401);
    world.reload(&one_backend("openai")).await.expect("valid");
    world.send(&ask()).await.expect_whole(200);
}

#[tokio::test]
async fn an_invalid_configuration_changes_nothing_and_every_problem_is_told() {
    let mut world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    let wrong = format!(
        "backends: [{{ id: one, kind: openai, url: \"vendor://one/v1\", keys: {BACKEND_KEY} }}]\nmodels: [{{ name: m, backend: nowhere }}]\npools: [{{ id: p, members: [] }}]\n"
    );
    let why = world.reload(&wrong).await.expect_err("refused");
    for told in ["tollgate.yaml:", "keys", "nowhere"] {
        assert!(why.contains(told), "{told} in {why}");
    }
    assert!(!why.contains(BACKEND_KEY), "{why}");
    world.send(&ask()).await.expect_whole(200);
    assert!(world.metrics().await.sum("tollgate_config_reloads_total", &["result=\"refused\""]) >= 1);
    world.reload(&one_backend("openai")).await.expect("valid again");
}

#[tokio::test]
async fn streams_in_flight_finish_on_what_they_started_with() {
    let gate = Gate::closed();
    let events = dialect::chat_events(&["one", "two"], false);
    let whole = events.concat();
    let mut world = World::one("openai", Vendor::always(Reply::events(events).hold(2, &gate)).await).await;
    let body = json!({"model": "m", "stream": true, "messages": []});
    let mut open = Call::post("/v1/chat/completions", &body).key(KEY).open(world.gateway()).await;
    assert!(open.until_text("one").await);
    let gone = "backends: [{ id: other, kind: sim }]\nmodels: [{ name: other, backend: other }]\nproducts: [{ id: all }]\nsubscriptions: [{ id: x, product: all, key: another-key-012345 }]\n";
    world.reload(gone).await.expect("valid");
    gate.open();
    let answer = open.finish().await.expect_whole(200);
    assert_eq!(answer.text(), String::from_utf8_lossy(&whole));
}

#[tokio::test]
async fn breakers_survive_a_reload() {
    let config = format!(
        "backends:
  - {{ id: a, kind: openai, url: \"vendor://a/v1\", key: {BACKEND_KEY}, circuit_breaker: [{{ failures: 1, interval: 60s, open_for: 60s, on: [5xx] }}] }}
  - {{ id: b, kind: openai, url: \"vendor://b/v1\", key: {BACKEND_KEY} }}
pools: [{{ id: both, members: [{{ backend: a, priority: 1 }}, {{ backend: b, priority: 2 }}] }}]
models: [{{ name: m, pool: both }}]
"
    );
    let a = Vendor::always(dialect::openai_error(500, "x")).await;
    let b = Vendor::always(dialect::chat("hi")).await;
    let mut world = World::builder().config(&config).vendor("a", a).vendor("b", b).start().await;
    world.send(&ask()).await.expect_whole(200);
    world.reload(&format!("{config}users: [{{ id: someone }}]\n")).await.expect("valid");
    world.send(&ask()).await.expect_whole(200);
    assert_eq!(world.vendor("a").count(), 1, "still open");
    world.advance(Duration::from_secs(130));
    world.send(&ask()).await.expect_whole(200);
    assert_eq!(world.vendor("a").count(), 2, "probed");
}

#[tokio::test]
async fn the_admin_api_reloads_and_says_what_is_wrong() {
    let mut world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    let answer = world.admin(Call::new("POST", "/admin/v1/reload").body("")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    world.write_only("backends: nonsense\n");
    let answer = world.admin(Call::new("POST", "/admin/v1/reload").body("")).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    assert!(answer.header("content-type").is_some_and(|value| value.starts_with("application/problem+json")));
    world.send(&ask()).await.expect_whole(200);
}
