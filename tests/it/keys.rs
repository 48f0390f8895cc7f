//! Subscription keys: every place they may be, what refuses them, how refusals read, and that none reaches a backend.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::Call,
    vendor::{Reply, Vendor, dialect},
    world::{BACKEND_KEY, KEY, OTHER_KEY, PROMPT, SECOND_KEY, World},
};

fn chat() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": PROMPT}]})
}

fn plain(extra: &str) -> String {
    format!(
        "backends: [{{ id: svc, kind: http, url: \"vendor://svc\" }}]\n\
         apis:\n  - {{ id: orders, kind: http, path: /orders, backend: svc }}\n  - {{ id: open, kind: http, path: /open, backend: svc, subscription_required: false }}\n{extra}"
    )
}

async fn plain_world(extra: &str) -> World {
    let vendor = Vendor::always(Reply::text(200, "text/plain", "served")).await;
    World::builder().config(&plain(extra)).vendor("svc", vendor).start().await
}

#[tokio::test]
async fn a_key_is_accepted_in_every_place_and_none_reaches_the_backend() {
    let world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    let headers = ["api-key", "x-api-key", "x-goog-api-key", "Ocp-Apim-Subscription-Key", "API-KEY"];
    let mut calls: Vec<(String, Call)> = headers
        .iter()
        .map(|name| (format!("header {name}"), Call::post("/v1/chat/completions", &chat()).header(name, KEY)))
        .collect();
    for value in [format!("Bearer {KEY}"), format!("bearer {KEY}"), format!("Bearer {SECOND_KEY}")] {
        let call = Call::post("/v1/chat/completions", &chat()).header("authorization", &value);
        calls.push((format!("authorization {}", &value[..6]), call));
    }
    for name in ["subscription-key", "key"] {
        let target = format!("/v1/chat/completions?a=1&{name}={KEY}&b=2");
        calls.push((format!("query {name}"), Call::post(&target, &chat())));
    }
    for (name, call) in calls {
        let before = world.vendor("one").count();
        let answer = world.send(&call).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let seen = world.vendor("one").seen().swap_remove(before);
        assert!(!seen.contains(KEY) && !seen.contains(SECOND_KEY), "{name}: {}", String::from_utf8_lossy(&seen.head));
        assert_eq!(seen.all("authorization"), [format!("Bearer {BACKEND_KEY}")], "{name}");
        for other in ["api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key"] {
            assert_eq!(seen.header(other), None, "{name}");
        }
        if name.starts_with("query") {
            assert_eq!(seen.target, "/v1/chat/completions?a=1&b=2", "{name}");
        }
    }
}

#[tokio::test]
async fn on_model_apis_every_place_is_emptied_whatever_it_holds() {
    let world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    let call = Call::post("/v1/chat/completions?key=someone-elses&subscription-key=junk-value", &chat())
        .key(KEY)
        .header("api-key", "other-canary")
        .header("x-api-key", KEY)
        .header("x-goog-api-key", "third-canary");
    world.send(&call).await.expect_whole(200);
    let seen = world.vendor("one").only();
    for leaked in [KEY, "someone-elses", "junk-value", "other-canary", "third-canary"] {
        assert!(!seen.contains(leaked), "{leaked} in {}", String::from_utf8_lossy(&seen.head));
    }
}

#[tokio::test]
async fn plain_apis_lose_the_gateways_key_only() {
    let world = plain_world("").await;
    let call = Call::get("/orders/7?key=of-the-application&q=1")
        .header("authorization", "Basic dXNlcjpwYXNz")
        .header("x-api-key", "of-the-application-too")
        .header("ocp-apim-subscription-key", KEY);
    world.send(&call).await.expect_whole(200);
    let seen = world.vendor("svc").only();
    assert!(!seen.contains(KEY));
    assert_eq!(seen.line(), "GET /7?key=of-the-application&q=1");
    assert_eq!(seen.header("authorization"), Some("Basic dXNlcjpwYXNz"));
    assert_eq!(seen.header("x-api-key"), Some("of-the-application-too"));
    world.send(&Call::get("/orders/8").key(KEY)).await.expect_whole(200);
    assert_eq!(world.vendor("svc").seen()[1].header("authorization"), None);
}

#[tokio::test]
async fn refusals_speak_the_callers_dialect() {
    let world = World::one("openai", Vendor::always(dialect::chat("hi")).await).await;
    let cases: [(&str, Value, &str, Value); 4] = [
        ("/v1/chat/completions", chat(), "/error/code", json!("invalid_api_key")),
        (
            "/openai/deployments/m/chat/completions?api-version=2024-10-21",
            chat(),
            "/error/code",
            json!("invalid_api_key"),
        ),
        ("/v1/messages", chat(), "/error/type", json!("authentication_error")),
        ("/v1beta/models/m:generateContent", json!({"contents": []}), "/error/status", json!("UNAUTHENTICATED")),
    ];
    for (path, body, pointer, expected) in &cases {
        for key in [None, Some("wrong-key-0123456789"), Some("tg_checksumdoesnothold")] {
            let call = Call::post(path, body);
            let call = key.map_or(call.clone(), |key| call.header("x-api-key", key));
            let answer = world.send(&call).await.expect_whole(401);
            assert_eq!(answer.json().pointer(pointer), Some(expected), "{path} {key:?} {}", answer.text());
            assert!(answer.header("x-request-id").is_some() && answer.header("request-id").is_some(), "{path}");
        }
    }
    assert_eq!(world.vendor("one").count(), 0);
}

#[tokio::test]
async fn refusals_on_plain_apis_have_apims_words() {
    let world = plain_world("").await;
    let missing = world.send(&Call::get("/orders/1")).await.expect_whole(401);
    assert_eq!(
        missing.json(),
        json!({"statusCode": 401, "message": "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API."})
    );
    assert!(missing.header("www-authenticate").is_some_and(|value| value.starts_with("AzureApiManagementKey")));
    let wrong = Call::get("/orders/1").header("ocp-apim-subscription-key", "wrong-key-0123456789");
    let wrong = world.send(&wrong).await.expect_whole(401);
    assert_eq!(
        wrong.json(),
        json!({"statusCode": 401, "message": "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."})
    );
    world.send(&Call::get("/open/1")).await.expect_whole(200);
    assert_eq!(world.vendor("svc").count(), 1);
}

#[tokio::test]
async fn only_active_subscriptions_within_their_time_pass() {
    let world = plain_world(
        "users: [{ id: gone, blocked: true }]
products: [{ id: all }]
subscriptions:
  - { id: s-active, product: all, key: key-state-active-0001 }
  - { id: s-submitted, product: all, key: key-state-submitted-01, state: submitted }
  - { id: s-suspended, product: all, key: key-state-suspended-01, state: suspended }
  - { id: s-rejected, product: all, key: key-state-rejected-001, state: rejected }
  - { id: s-cancelled, product: all, key: key-state-cancelled-01, state: cancelled }
  - { id: s-expired, product: all, key: key-state-expired-0001, state: expired }
  - { id: s-blocked, product: all, key: key-state-blocked-0001, user: gone }
  - { id: s-ends, product: all, key: key-state-ends-000001, expires: 'clock://start+1m' }
  - { id: s-never-ends, product: all, key: key-state-never-000001, expires: 9999-12-30T00:00:00Z }
  - { id: s-ended-early, product: all, key: key-state-early-000001, expires: 1969-12-30T00:00:00Z }
",
    )
    .await;
    for (key, status) in [
        ("key-state-active-0001", 200),
        ("key-state-submitted-01", 401),
        ("key-state-suspended-01", 401),
        ("key-state-rejected-001", 401),
        ("key-state-cancelled-01", 401),
        ("key-state-expired-0001", 401),
        ("key-state-blocked-0001", 401),
        ("key-state-ends-000001", 200),
        ("key-state-never-000001", 200),
        ("key-state-early-000001", 401),
    ] {
        assert_eq!(world.send(&Call::get("/orders/1").key(key)).await.status, status, "{key}");
    }
    world.advance(Duration::from_secs(61));
    world.send(&Call::get("/orders/1").key("key-state-ends-000001")).await.expect_whole(401);
    world.send(&Call::get("/orders/1").key("key-state-active-0001")).await.expect_whole(200);
}

#[tokio::test]
async fn a_key_opens_what_its_scope_names() {
    let world = plain_world(
        "products: [{ id: some, apis: [orders] }, { id: other, apis: [open] }]
subscriptions:
  - { id: s-product, product: some, key: key-scope-product-0001 }
  - { id: s-other, product: other, key: key-scope-other-000001 }
  - { id: s-api, scope: \"api:orders\", key: key-scope-api-00000001 }
  - { id: s-wrong, scope: \"api:open\", key: key-scope-wrong-000001 }
  - { id: s-all, scope: all, key: key-scope-all-00000001 }
",
    )
    .await;
    for (key, status) in [
        ("key-scope-product-0001", 200),
        ("key-scope-other-000001", 401),
        ("key-scope-api-00000001", 200),
        ("key-scope-wrong-000001", 401),
        ("key-scope-all-00000001", 200),
    ] {
        assert_eq!(world.send(&Call::get("/orders/1").key(key)).await.status, status, "{key}");
    }
}

#[tokio::test]
async fn unknown_models_do_not_exist_and_those_outside_product_or_subscription_are_forbidden() {
    let config = format!(
        "backends: [{{ id: one, kind: openai, url: \"vendor://one/v1\", key: {BACKEND_KEY} }}]
models: [{{ name: m, backend: one }}, {{ name: n, backend: one }}, {{ name: o, backend: one }}]
products: [{{ id: some, models: [m, n] }}]
subscriptions:
  - {{ id: team-a, product: some, key: {KEY} }}
  - {{ id: team-b, product: some, key: {OTHER_KEY}, models: [m] }}
"
    );
    let vendor = Vendor::always(dialect::chat("hi")).await;
    let world = World::builder().config(&config).vendor("one", vendor).start().await;
    for (key, model, status, code) in [
        (KEY, "m", 200, Value::Null),
        (KEY, "n", 200, Value::Null),
        (KEY, "o", 403, json!("model_not_allowed")),
        (KEY, "nowhere", 404, json!("model_not_found")),
        (OTHER_KEY, "m", 200, Value::Null),
        (OTHER_KEY, "n", 403, json!("model_not_allowed")),
        (OTHER_KEY, "o", 403, json!("model_not_allowed")),
    ] {
        let body = json!({"model": model, "messages": []});
        let answer = world.send(&Call::post("/v1/chat/completions", &body).key(key)).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &code), "{model}");
    }
    for (key, names) in [(KEY, vec!["m", "n"]), (OTHER_KEY, vec!["m"])] {
        let list = world.send(&Call::get("/v1/models").key(key)).await.expect_whole(200).json();
        let listed: Vec<_> = list["data"].as_array().expect("a list").iter().map(|model| model["id"].clone()).collect();
        assert_eq!(listed, names);
    }
}

#[tokio::test]
async fn an_api_may_name_its_own_places_for_the_key() {
    let world = plain_world(
        "", // the usual places
    )
    .await;
    world.send(&Call::get("/orders/1").header("x-own-key", KEY)).await.expect_whole(401);
    drop(world);
    let config = plain("").replace("path: /orders,", "path: /orders, key_names: { header: x-own-key, query: own },");
    let vendor = Vendor::always(Reply::status(204)).await;
    let world = World::builder().config(&config).vendor("svc", vendor).start().await;
    for (call, status) in [
        (Call::get("/orders/1").header("x-own-key", KEY), 204),
        (Call::get(&format!("/orders/1?own={KEY}")), 204),
        (Call::get("/orders/1").header("ocp-apim-subscription-key", KEY), 401),
    ] {
        assert_eq!(world.send(&call).await.status, status, "{call:?}");
    }
    assert!(world.vendor("svc").seen().iter().all(|seen| !seen.contains(KEY)));
}

#[tokio::test]
async fn plain_apis_lose_every_copy_of_a_key() {
    let world = plain_world("").await;
    let call = Call::get(&format!("/orders/7?key={SECOND_KEY}&q=1&subscription-key={OTHER_KEY}"))
        .key(KEY)
        .header("x-api-key", OTHER_KEY)
        .header("api-key", "tg_nobodys-key")
        .header("x-goog-api-key", "of-the-application");
    world.send(&call).await.expect_whole(200);
    let seen = world.vendor("svc").only();
    assert_eq!(seen.line(), "GET /7?q=1");
    for leaked in [KEY, SECOND_KEY, OTHER_KEY, "tg_"] {
        assert!(!seen.contains(leaked), "{leaked} in {}", String::from_utf8_lossy(&seen.head));
    }
    assert_eq!(seen.header("x-goog-api-key"), Some("of-the-application"));
}

#[tokio::test]
async fn a_model_api_with_its_own_places_empties_the_usual_ones_too() {
    let config = format!(
        "{}apis: [{{ id: models, kind: models, path: /own, key_names: {{ header: x-own-key }} }}]\n",
        crate::world::one_backend("openai")
    );
    let vendor = Vendor::always(dialect::chat("hi")).await;
    let world = World::builder().config(&config).vendor("one", vendor).start().await;
    let call = Call::post("/own/v1/chat/completions?key=foreign-1", &chat())
        .header("x-own-key", KEY)
        .header("api-key", OTHER_KEY)
        .header("x-goog-api-key", "foreign-2");
    world.send(&call).await.expect_whole(200);
    let seen = world.vendor("one").only();
    for leaked in [KEY, OTHER_KEY, "foreign-"] {
        assert!(!seen.contains(leaked), "{leaked} in {}", String::from_utf8_lossy(&seen.head));
    }
}
