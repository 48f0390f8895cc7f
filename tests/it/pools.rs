//! Pools: who is chosen, what is tried again and where, who is taken out and for how long.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    client::{Answer, Call},
    vendor::{Gate, Reply, Vendor, dialect},
    world::{BACKEND_KEY, KEY, OTHER_KEY, PROMPT, World},
};

fn ask() -> Call {
    Call::post("/v1/chat/completions", &json!({"model": "m", "messages": [{"role": "user", "content": PROMPT}]}))
        .key(KEY)
}

/// Backends `a`, `b`, … of kind openai in one pool; `members` and `pool` are YAML.
fn pool(backends: &str, members: &str, settings: &str) -> String {
    let list: Vec<String> = backends
        .split(' ')
        .map(|entry| {
            let (name, extra) = entry.split_once('|').unwrap_or((entry, ""));
            let url = if name == "down" { "vendor://nobody/v1".to_owned() } else { format!("vendor://{name}/v1") };
            format!(
                "  - {{ id: {name}, kind: openai, url: \"{url}\", key: {BACKEND_KEY}{} }}\n",
                extra.replace('~', " ")
            )
        })
        .collect();
    format!(
        "backends:\n{}pools: [{{ id: chat, members: [{members}]{settings} }}]\nmodels: [{{ name: m, pool: chat, upstream_model: up }}]\n",
        list.concat()
    )
}

async fn two(a: Vendor, b: Vendor, members: &str, settings: &str) -> World {
    let config = pool("a b", members, settings);
    World::builder().config(&config).vendor("a", a).vendor("b", b).start().await
}

async fn fine() -> Vendor {
    Vendor::always(dialect::chat("hi")).await
}

const EQUAL: &str = "{ backend: a }, { backend: b }";
const FIRST_A: &str = "{ backend: a, priority: 1 }, { backend: b, priority: 2 }";

fn counts(world: &World) -> (usize, usize) {
    (world.vendor("a").count(), world.vendor("b").count())
}

/// Sends `count` calls, 16 at a time; how many answers had each status.
async fn many(world: &World, count: usize, call: &Call) -> Vec<(u16, usize)> {
    let (to, call) = (world.gateway(), Arc::new(call.clone()));
    let mut statuses = std::collections::BTreeMap::new();
    let mut running = JoinSet::new();
    for sent in 0..count {
        if sent >= 16 {
            let status: u16 = running.join_next().await.expect("running").expect("no panic");
            *statuses.entry(status).or_default() += 1;
        }
        let call = Arc::clone(&call);
        running.spawn(async move { call.send(to).await.status });
    }
    while let Some(status) = running.join_next().await {
        *statuses.entry(status.expect("no panic")).or_default() += 1;
    }
    statuses.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_of_three_to_one_hold_over_a_thousand_calls() {
    let world =
        two(fine().await, fine().await, "{ backend: a, weight: 3 }, { backend: b, weight: 1 }", ", balance: weighted")
            .await;
    assert_eq!(many(&world, 1_000, &ask()).await, [(200, 1_000)]);
    let (a, b) = counts(&world);
    assert!((720..=780).contains(&a) && a + b == 1_000, "{a}:{b}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn round_robin_shares_alike() {
    let world = two(fine().await, fine().await, EQUAL, ", balance: round-robin").await;
    assert_eq!(many(&world, 200, &ask()).await, [(200, 200)]);
    let (a, b) = counts(&world);
    assert!(a.abs_diff(b) <= 4, "{a}:{b}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_first_member_down_every_caller_is_served() {
    let members = "{ backend: down, priority: 1 }, { backend: b, priority: 2 }";
    for settings in ["", ", balance: weighted", ", balance: least-latency", ", balance: least-busy"] {
        let world = World::builder().config(&pool("down b", members, settings)).vendor("b", fine().await).start().await;
        let count = if settings.is_empty() { 1_000 } else { 100 };
        assert_eq!(many(&world, count, &ask()).await, [(200, count)], "{settings}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_members_cost_no_caller_an_answer() {
    for (name, failing) in [
        ("500", dialect::openai_error(500, "x")),
        ("503", dialect::openai_error(503, "x")),
        ("529", dialect::openai_error(529, "x")),
        ("408", dialect::openai_error(408, "x")),
        ("429", dialect::openai_error(429, "x")),
        ("401", dialect::openai_error(401, "x")),
        ("hang up", Reply::hang_up()),
        ("reset", Reply::reset()),
        ("half a head", Reply::raw("HTTP/1.1 200 OK\r\ncont")),
        ("not HTTP", Reply::raw("lies\r\n\r\n")),
        ("half a body", dialect::chat("whole").cut(20)),
    ] {
        let world = two(Vendor::always(failing).await, fine().await, EQUAL, "").await;
        let expected = if name == "half a body" { None } else { Some(vec![(200, 40)]) };
        let statuses = many(&world, 40, &ask()).await;
        if let Some(expected) = expected {
            assert_eq!(statuses, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn a_breaker_opens_probes_once_and_closes() {
    let rule = "|,~circuit_breaker:~[{~failures:~3,~interval:~60s,~open_for:~30s,~on:~[5xx]~}]";
    let healthy = Gate::closed();
    let a = Vendor::start({
        let healthy = healthy.clone();
        move |_, number| {
            if number > 4 { dialect::chat("hi").head_after(&healthy) } else { dialect::openai_error(500, "x") }
        }
    })
    .await;
    let config = pool(&format!("a{rule} b"), FIRST_A, "");
    let world = World::builder().config(&config).vendor("a", a).vendor("b", fine().await).start().await;
    for _ in 0..10 {
        world.send(&ask()).await.expect_whole(200);
    }
    assert_eq!(counts(&world), (3, 10), "open after three failures");
    world.advance(Duration::from_secs(45));
    world.send(&ask()).await.expect_whole(200);
    assert_eq!(counts(&world), (4, 11), "one probe, failed");
    world.send(&ask()).await.expect_whole(200);
    assert_eq!(counts(&world), (4, 12), "open again");
    world.advance(Duration::from_secs(30));
    world.send(&ask()).await.expect_whole(200);
    assert_eq!(counts(&world).0, 4, "for twice as long");
    world.advance(Duration::from_secs(60));
    let probe = ask().start(world.gateway()).await;
    world.vendor("a").reached(5).await;
    world.send(&ask()).await.expect_whole(200);
    assert_eq!(world.vendor("a").count(), 5, "a single probe at a time");
    healthy.open();
    probe.finish().await.expect_whole(200);
    world.send(&ask()).await.expect_whole(200);
    assert_eq!(world.vendor("a").count(), 6, "closed");
}

#[tokio::test]
async fn the_last_member_stays_unless_told() {
    let rule = "|,~circuit_breaker:~[{~failures:~2,~interval:~60s,~open_for:~30s,~on:~[5xx,~connect]~}]";
    for (settings, requests) in [(", retry: { attempts: 1 }", 5), (", retry: { attempts: 1 }, eject_last: true", 2)] {
        let config = pool(&format!("a{rule}"), "{ backend: a }", settings);
        let vendor = Vendor::always(dialect::openai_error(500, "x")).await;
        let world = World::builder().config(&config).vendor("a", vendor).start().await;
        let mut last = None;
        for _ in 0..5 {
            last = Some(world.send(&ask()).await);
        }
        assert_eq!(world.vendor("a").count(), requests, "{settings}");
        let last = last.expect("five");
        if requests == 2 {
            assert_eq!(last.expect_whole(503).json()["error"]["code"], "no_backend_available");
        } else {
            assert!(last.status >= 500, "{}", last.status);
        }
    }
}

#[tokio::test]
async fn no_member_left_says_when_one_may_be_back() {
    let rule = "|,~circuit_breaker:~[{~failures:~1,~interval:~60s,~open_for:~30s,~on:~[5xx,~connect]~}]";
    let config = pool(&format!("down{rule}"), "{ backend: down }", ", eject_last: true, retry: { attempts: 1 }");
    let world = World::builder().config(&config).start().await;
    world.send(&ask()).await;
    let answer = world.send(&ask()).await.expect_whole(503);
    assert_eq!(answer.json()["error"]["code"], "no_backend_available");
    let wait: u64 = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
}

#[tokio::test]
async fn throttled_requests_overflow_and_come_back() {
    let a = Vendor::start(|_, number| {
        let throttled = dialect::openai_error(429, "rate_limit_exceeded").header("retry-after", "30");
        if number == 1 { throttled } else { dialect::chat("hi") }
    })
    .await;
    let world = two(a, fine().await, FIRST_A, "").await;
    for expected in [(1, 1), (1, 2), (1, 3)] {
        world.send(&ask()).await.expect_whole(200);
        assert_eq!(counts(&world), expected);
    }
    world.advance(Duration::from_secs(31));
    world.send(&ask()).await.expect_whole(200);
    assert_eq!(counts(&world), (2, 3), "usable again after its Retry-After");
}

#[tokio::test]
async fn all_members_throttled_is_429_with_the_soonest_retry() {
    let throttled = |seconds: &str| dialect::openai_error(429, "rate_limit_exceeded").header("retry-after", seconds);
    let (a, b) = (Vendor::always(throttled("50")).await, Vendor::always(throttled("20")).await);
    let world = two(a, b, EQUAL, "").await;
    for _ in 0..3 {
        let answer = world.send(&ask()).await.expect_whole(429);
        assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded", "{}", answer.text());
        let wait: u64 = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
        assert!((1..=20).contains(&wait), "{wait}");
        assert!(answer.header("retry-after-ms").is_some());
    }
    assert_eq!(counts(&world), (1, 1), "throttled members are left alone");
}

#[tokio::test]
async fn refused_credentials_are_benched_alone_and_ours_to_explain() {
    for status in [401, 402, 403] {
        let vendor = Vendor::always(dialect::openai_error(status, "upstream_says_no")).await;
        let world = World::one("openai", vendor).await;
        let answer = world.send(&ask()).await.expect_whole(502);
        assert_eq!(answer.json()["error"]["code"], "backend_credential_refused", "{status}");
        assert!(!answer.text().contains("upstream_says_no"), "{status}");
    }
    let credentials = format!(
        "backends: [{{ id: a, kind: openai, url: \"vendor://a/v1\", credentials: [{{ key: bad-credential-1 }}, {{ key: {BACKEND_KEY} }}] }}]\n\
         models: [{{ name: m, backend: a }}]\n"
    );
    let vendor = Vendor::start(|seen, _| {
        if seen.contains("bad-credential-1") { dialect::openai_error(401, "x") } else { dialect::chat("hi") }
    })
    .await;
    let world = World::builder().config(&credentials).vendor("a", vendor).start().await;
    for _ in 0..6 {
        world.send(&ask()).await.expect_whole(200);
    }
    let bad = world.vendor("a").seen().iter().filter(|seen| seen.contains("bad-credential-1")).count();
    assert!(bad <= 1, "the refused credential was used {bad} times");
}

#[tokio::test]
async fn attempts_are_bounded() {
    let failing = || Vendor::always(dialect::openai_error(500, "x"));
    for (attempts, expected) in [(1, 1), (2, 2), (3, 3)] {
        let members = "{ backend: a }, { backend: b }, { backend: c }";
        let config = pool("a b c", members, &format!(", retry: {{ attempts: {attempts} }}"));
        let builder = World::builder().config(&config).vendor("a", failing().await).vendor("b", failing().await);
        let world = builder.vendor("c", failing().await).start().await;
        assert!(world.send(&ask()).await.status >= 500);
        let total: usize = ["a", "b", "c"].map(|name| world.vendor(name).count()).iter().sum();
        assert_eq!(total, expected);
    }
}

#[tokio::test]
async fn slow_failures_and_spent_deadlines_end_the_trying() {
    for settings in [", retry: { only_after_fast_failures: 1s }", ", retry: { deadline: 1s }"] {
        let gate = Gate::closed();
        let a = Vendor::always(dialect::openai_error(500, "x").head_after(&gate)).await;
        let world = two(a, fine().await, FIRST_A, settings).await;
        let open = ask().start(world.gateway()).await;
        world.vendor("a").reached(1).await;
        world.advance(Duration::from_secs(2));
        gate.open();
        let answer = open.finish().await;
        assert!(answer.status >= 500, "{settings}: {}", answer.status);
        assert_eq!(counts(&world), (1, 0), "{settings}");
        world.send(&ask()).await.expect_whole(200);
    }
}

fn plain(settings: &str) -> String {
    format!(
        "backends: [{{ id: a, kind: http, url: \"vendor://a\" }}, {{ id: b, kind: http, url: \"vendor://b\" }}, {{ id: down, kind: http, url: \"vendor://nobody\" }}]
pools:
  - {{ id: both, members: [{FIRST_A}]{settings} }}
  - {{ id: refused, members: [{{ backend: down, priority: 1 }}, {{ backend: b, priority: 2 }}] }}
apis: [{{ id: both, kind: http, path: /both, pool: both }}, {{ id: refused, kind: http, path: /refused, pool: refused }}]
"
    )
}

#[tokio::test]
async fn a_plain_post_is_not_repeated_once_bytes_were_sent() {
    let ok = || Vendor::always(Reply::text(200, "text/plain", "fine"));
    for (settings, method, status, at_b) in [
        ("", "GET", 200, 1),
        ("", "PUT", 200, 1),
        ("", "DELETE", 200, 1),
        ("", "POST", 502, 0),
        ("", "PATCH", 502, 0),
        (", retry: { non_idempotent: true }", "POST", 200, 1),
    ] {
        let a = Vendor::always(Reply::hang_up()).await;
        let world = World::builder().config(&plain(settings)).vendor("a", a).vendor("b", ok().await).start().await;
        let answer = world.send(&Call::new(method, "/both/1").key(KEY).body("data")).await;
        assert_eq!((answer.status, counts(&world)), (status, (1, at_b)), "{method}{settings}");
    }
    let (a, b) = (ok().await, ok().await);
    let world = World::builder().config(&plain("")).vendor("a", a).vendor("b", b).start().await;
    let answer = world.send(&Call::new("POST", "/refused/1").key(KEY).body("data")).await;
    assert_eq!((answer.status, world.vendor("b").only().text().as_str()), (200, "data"), "nothing had been sent");
}

#[tokio::test]
async fn bodies_beyond_the_replay_buffer_are_sent_once() {
    let a = Vendor::always(Reply::status(503)).await;
    let b = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let builder = World::builder().config(&plain("")).server("gateway: { replay_buffer: 1KiB }");
    let world = builder.vendor("a", a).vendor("b", b).start().await;
    for (size, status, at_b) in [(100, 200, 1), (5_000, 503, 1)] {
        let answer = world.send(&Call::new("PUT", "/both/1").key(KEY).body(vec![b'x'; size])).await;
        assert_eq!((answer.status, world.vendor("b").count()), (status, at_b), "{size}");
    }
}

#[tokio::test]
async fn affinity_keeps_callers_at_their_member() {
    let conversation = |text: &str| {
        let messages = json!([{"role": "system", "content": text}, {"role": "user", "content": PROMPT}]);
        Call::post("/v1/chat/completions", &json!({"model": "m", "messages": messages})).key(KEY)
    };
    let user =
        |name: &str| Call::post("/v1/chat/completions", &json!({"model": "m", "messages": [], "user": name})).key(KEY);
    let plain = |key: &str| Call::post("/v1/chat/completions", &json!({"model": "m", "messages": []})).key(key);
    let kinds: [(&str, Vec<Call>); 4] = [
        ("subscription", vec![plain(KEY), plain(OTHER_KEY)]),
        ("user", (0..12).map(|n| user(&format!("user-{n}"))).collect()),
        ("\"header:x-session\"", (0..12).map(|n| plain(KEY).header("x-session", &format!("s{n}"))).collect()),
        ("conversation", (0..12).map(|n| conversation(&format!("system {n}"))).collect()),
    ];
    for (affinity, callers) in kinds {
        let world = two(fine().await, fine().await, EQUAL, &format!(", session_affinity: {affinity}")).await;
        let mut members = Vec::new();
        for caller in &callers {
            let mut seen = Vec::new();
            for _ in 0..4 {
                let answer = world.send(caller).await.expect_whole(200);
                seen.push(answer.header("x-tollgate-backend").expect("named").to_owned());
            }
            seen.dedup();
            assert_eq!(seen.len(), 1, "{affinity}: {seen:?}");
            members.extend(seen);
        }
        members.sort();
        members.dedup();
        assert!(callers.len() < 12 || members.len() == 2, "{affinity}: twelve callers all at {members:?}");
    }
}

#[tokio::test]
async fn a_cookie_keeps_a_browser_at_its_member() {
    let world = two(fine().await, fine().await, EQUAL, ", session_affinity: cookie").await;
    for _ in 0..4 {
        let first = world.send(&ask()).await.expect_whole(200);
        let cookie = first.header("set-cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
        let member = first.header("x-tollgate-backend").map(str::to_owned);
        for _ in 0..3 {
            let again = world.send(&ask().header("cookie", &format!("other=1; {cookie}"))).await.expect_whole(200);
            assert_eq!(again.header("x-tollgate-backend").map(str::to_owned), member);
        }
    }
    let cookies: Vec<_> =
        world.vendor("a").seen().iter().filter_map(|seen| seen.header("cookie").map(str::to_owned)).collect();
    assert!(cookies.iter().all(|cookie| cookie == "other=1"), "ours is not for the backend: {cookies:?}");
}

#[tokio::test]
async fn least_busy_avoids_the_member_with_open_answers() {
    let stalled = Reply::events(dialect::chat_events(&["x"], false)).stalled(2);
    let a = Vendor::start(
        move |seen, _| if seen.contains("\"stream\":true") { stalled.clone() } else { dialect::chat("hi") },
    );
    let world = two(a.await, fine().await, EQUAL, ", balance: least-busy").await;
    let streamed = json!({"model": "m", "stream": true, "messages": []});
    let mut held = Vec::new();
    while world.vendor("a").count() == 0 {
        let mut open = Call::post("/v1/chat/completions", &streamed).key(KEY).open(world.gateway()).await;
        open.piece().await;
        held.push(open);
    }
    let before = world.vendor("a").count();
    for _ in 0..10 {
        world.send(&ask()).await.expect_whole(200);
    }
    assert_eq!(world.vendor("a").count(), before, "all ten went to the idle member");
}

#[tokio::test]
async fn a_prompt_too_long_goes_to_the_larger_model() {
    let config = format!(
        "backends: [{{ id: a, kind: openai, url: \"vendor://a/v1\", key: {BACKEND_KEY} }}, {{ id: b, kind: openai, url: \"vendor://b/v1\", key: {BACKEND_KEY} }}]
models: [{{ name: m, backend: a, upstream_model: small, larger_context: big }}, {{ name: big, backend: b, upstream_model: large }}]
"
    );
    let a = Vendor::always(dialect::openai_error(400, "context_length_exceeded")).await;
    let world = World::builder().config(&config).vendor("a", a).vendor("b", fine().await).start().await;
    world.send(&ask()).await.expect_whole(200);
    assert_eq!(world.vendor("b").only().json()["model"], "large");
    let bare = config.replace(", larger_context: big", "");
    let a = Vendor::always(dialect::openai_error(400, "context_length_exceeded")).await;
    let world = World::builder().config(&bare).vendor("a", a).vendor("b", fine().await).start().await;
    let answer: Answer = world.send(&ask()).await.expect_whole(400);
    assert_eq!(answer.json()["error"]["code"], "context_length_exceeded");
}

#[tokio::test]
async fn the_larger_model_is_reached_through_the_proxy_of_the_document_too() {
    let config = format!(
        "backends: [{{ id: a, kind: openai, url: \"vendor://a/v1\", key: {BACKEND_KEY} }}, {{ id: b, kind: openai, url: \"vendor://b/v1\", key: {BACKEND_KEY} }}]
models: [{{ name: m, backend: a, upstream_model: small, larger_context: big }}, {{ name: big, backend: b, upstream_model: large }}]
policies: {{ global: '<policies><inbound><proxy url=\"vendor://proxy\" /></inbound></policies>' }}
"
    );
    let proxy = Vendor::start(|seen, _| {
        if seen.json()["model"] == "small" {
            return dialect::openai_error(400, "context_length_exceeded");
        }
        dialect::chat("hello")
    });
    let world = World::builder().config(&config).vendor("proxy", proxy.await);
    let world = world.vendor("a", fine().await).vendor("b", fine().await).start().await;
    world.send(&ask()).await.expect_whole(200);
    let models: Vec<_> = world.vendor("proxy").seen().iter().map(|seen| seen.json()["model"].clone()).collect();
    assert_eq!(models, ["small", "large"]);
    assert_eq!((world.vendor("a").count(), world.vendor("b").count()), (0, 0), "nobody goes past the proxy");
}

#[tokio::test]
async fn the_next_attempt_is_encoded_for_the_next_backend() {
    let config = format!(
        "backends: [{{ id: a, kind: azure-openai, url: \"vendor://a\", api_version: 2024-10-21, key: azure-key-0123 }}, {{ id: b, kind: openai, url: \"vendor://b/v1\", key: {BACKEND_KEY} }}]
pools: [{{ id: chat, members: [{{ backend: a, priority: 1, upstream_model: deployment }}, {{ backend: b, priority: 2, upstream_model: gpt }}] }}]
models: [{{ name: m, pool: chat }}]
"
    );
    let a = Vendor::always(dialect::openai_error(500, "x")).await;
    let world = World::builder().config(&config).vendor("a", a).vendor("b", fine().await).start().await;
    world.send(&ask()).await.expect_whole(200);
    let (a, b) = (world.vendor("a").only(), world.vendor("b").only());
    assert_eq!(a.target, "/openai/deployments/deployment/chat/completions?api-version=2024-10-21");
    assert_eq!((b.target.as_str(), &b.json()["model"]), ("/v1/chat/completions", &Value::from("gpt")));
    assert!(
        !b.contains("azure-key-0123") && b.header("api-key").is_none(),
        "each backend gets its own credential only"
    );
}
