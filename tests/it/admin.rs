//! The admin API through its port, and what its changes do to the data plane.

use serde_json::{Value, json};

use crate::{
    client::{Answer, Call},
    vendor::{Vendor, dialect},
    world::{KEY, World},
};

async fn world() -> World {
    World::one("openai", Vendor::always(dialect::chat("hi")).await).await
}

fn ask(model: &str, key: &str) -> Call {
    Call::post("/v1/chat/completions", &json!({"model": model, "messages": [{"role": "user", "content": "hello"}]}))
        .key(key)
}

async fn post(world: &World, path: &str, body: &Value) -> Answer {
    world.admin(Call::post(&format!("/admin/v1{path}"), body)).await
}

async fn etag(world: &World, path: &str) -> String {
    let answer = world.admin(Call::get(&format!("/admin/v1{path}"))).await.expect_whole(200);
    answer.header("etag").expect("an ETag").to_owned()
}

#[tokio::test]
async fn a_key_lives_from_its_creation_to_its_revocation() {
    let world = world().await;
    let created =
        post(&world, "/subscriptions", &json!({"id": "new-team", "product": "all"})).await.expect_whole(201).json();
    let (primary, secondary) =
        (created["key"].as_str().expect("shown once"), created["secondary_key"].as_str().expect("shown once"));
    assert!(primary.starts_with("tg_") && primary != secondary);
    for key in [primary, secondary] {
        world.send(&ask("m", key)).await.expect_whole(200);
    }
    let read = world.admin(Call::get("/admin/v1/subscriptions/new-team")).await.expect_whole(200);
    assert!(!read.text().contains(primary) && !read.text().contains(secondary));

    let renewed = post(&world, "/subscriptions/new-team/regenerate-primary", &json!({})).await.expect_whole(200).json();
    let renewed = renewed["key"].as_str().expect("shown once");
    for (key, status) in [(primary, 401), (renewed, 200), (secondary, 200)] {
        assert_eq!(world.send(&ask("m", key)).await.status, status);
    }
    for (state, status) in [("suspended", 401), ("active", 200), ("cancelled", 401)] {
        post(&world, "/subscriptions/new-team/state", &json!({"state": state})).await.expect_whole(200);
        assert_eq!(world.send(&ask("m", renewed)).await.status, status, "{state}");
    }
    let tag = etag(&world, "/subscriptions/new-team").await;
    let delete = Call::new("DELETE", "/admin/v1/subscriptions/new-team").header("if-match", &tag);
    world.admin(delete).await.expect(204);
    world.admin(Call::get("/admin/v1/subscriptions/new-team")).await.expect_whole(404);
}

#[tokio::test]
async fn backends_pools_models_products_and_apis_take_effect_at_once() {
    let world = world().await;
    let url = format!("{}/v1", world.vendor("one").url());
    for (path, body) in [
        ("/backends", json!({"id": "simulated", "kind": "sim"})),
        ("/pools", json!({"id": "new-pool", "members": [{"backend": "simulated"}]})),
        ("/models", json!({"name": "sim-echo", "pool": "new-pool"})),
        (
            "/apis",
            json!({"id": "echo", "kind": "http", "path": "/echo", "backend": "simulated", "subscription_required": false}),
        ),
        ("/products", json!({"id": "small", "models": ["sim-echo"]})),
    ] {
        let answer = post(&world, path, &body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
    }
    world.send(&ask("sim-echo", KEY)).await.expect_whole(200);
    world.send(&Call::get("/echo/x")).await.expect_whole(200);
    let small = post(&world, "/subscriptions", &json!({"id": "s", "product": "small"})).await.expect_whole(201).json();
    let small = small["key"].as_str().expect("a key").to_owned();
    world.send(&ask("sim-echo", &small)).await.expect_whole(200);
    world.send(&ask("m", &small)).await.expect_whole(403);
    // Loopback is for backends that the file declares: what comes over the API must not reach the machine's own ports.
    let answer =
        post(&world, "/backends", &json!({"id": "local", "kind": "openai", "url": url, "key": "sk-0123456789"})).await;
    if answer.status == 201 {
        post(&world, "/models", &json!({"name": "local", "backend": "local"})).await.expect_whole(201);
        let before = world.vendor("one").count();
        let refused = world.send(&ask("local", KEY)).await;
        assert_eq!((refused.status, world.vendor("one").count()), (502, before), "{}", refused.text());
    }
}

#[tokio::test]
async fn what_the_file_owns_is_refused_with_file_and_line() {
    let world = world().await;
    for path in ["/backends/one", "/models/m", "/products/all", "/subscriptions/team-a"] {
        let tag = etag(&world, path).await;
        for call in [
            Call::new("DELETE", &format!("/admin/v1{path}")).header("if-match", &tag),
            Call::new("PATCH", &format!("/admin/v1{path}"))
                .header("if-match", &tag)
                .header("content-type", "application/merge-patch+json")
                .body("{\"workspace\":null}"),
        ] {
            let answer = world.admin(call).await.expect_whole(409);
            assert!(
                answer.text().contains("tollgate.yaml") && answer.text().contains("line"),
                "{path}: {}",
                answer.text()
            );
        }
    }
    let taken = post(&world, "/subscriptions/team-a/regenerate-primary", &json!({})).await;
    assert_eq!(taken.status, 409, "{}", taken.text());
    world.send(&ask("m", KEY)).await.expect_whole(200);
}

#[tokio::test]
async fn changes_are_conditional_and_stale_ones_are_refused() {
    let world = world().await;
    post(&world, "/products", &json!({"id": "p"})).await.expect_whole(201);
    let path = "/admin/v1/products/p";
    let tag = etag(&world, "/products/p").await;
    let patch = |tag: Option<&str>| {
        let call =
            Call::new("PATCH", path).header("content-type", "application/merge-patch+json").body("{\"title\":\"T\"}");
        tag.map_or(call.clone(), |tag| call.header("if-match", tag))
    };
    world.admin(patch(None)).await.expect_whole(428);
    world.admin(patch(Some("\"stale\""))).await.expect_whole(412);
    let dry = Call::new("PATCH", &format!("{path}?dry_run=true"))
        .header("if-match", &tag)
        .header("content-type", "application/merge-patch+json");
    world.admin(dry.body("{\"title\":\"D\"}")).await.expect_whole(200);
    let changed = world.admin(patch(Some(&tag))).await.expect_whole(200);
    assert_eq!(changed.json()["title"], "T");
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
    world.admin(patch(Some(&tag))).await.expect_whole(412);
    world.admin(Call::new("DELETE", path)).await.expect_whole(428);
    let again = post(&world, "/products", &json!({"id": "p"})).await;
    assert!(matches!(again.status, 409 | 412), "{}", again.status);
}

#[tokio::test]
async fn nothing_is_stored_of_a_change_that_does_not_compile() {
    let world = world().await;
    for (path, body) in [
        ("/models", json!({"name": "x", "backend": "nowhere"})),
        ("/models", json!({"name": "x", "backends": "one"})),
        ("/pools", json!({"id": "x", "members": []})),
        ("/backends", json!({"id": "x", "kind": "azure-openai"})),
        ("/apis", json!({"id": "x", "kind": "http", "path": "no-slash", "backend": "one"})),
        ("/subscriptions", json!({"id": "x", "product": "nowhere"})),
        ("/products", json!({"id": "x y"})),
    ] {
        let answer = post(&world, path, &body).await;
        assert!(matches!(answer.status, 400 | 422), "{path} {body}: {} {}", answer.status, answer.text());
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/problem+json"), "{path}: {kind}");
        world.admin(Call::get(&format!("/admin/v1{path}/x"))).await.expect_whole(404);
    }
    world.send(&ask("m", KEY)).await.expect_whole(200);
}

#[tokio::test]
async fn strangers_get_nothing() {
    let world = world().await;
    let path = "/admin/v1/subscriptions";
    for (call, statuses) in [
        (Call::get(path), &[401_u16][..]),
        (Call::get(path).key(KEY), &[401]),
        (Call::get(path).header("authorization", "Basic YTpi"), &[401]),
        (Call::get(path).header("api-key", crate::world::ADMIN_TOKEN), &[401]),
        (Call::get(path).key(crate::world::ADMIN_TOKEN).header("host", "attacker.example"), &[400, 403, 421]),
        (Call::get("/metrics").header("host", "attacker.example"), &[403]),
    ] {
        let answer = call.send(world.console()).await;
        assert!(statuses.contains(&answer.status), "{call:?}: {}", answer.status);
        assert!(!answer.text().contains("team-a"), "{}", answer.text());
    }
    let on_the_data_plane = Call::get(path).key(crate::world::ADMIN_TOKEN).send(world.gateway()).await;
    assert!(matches!(on_the_data_plane.status, 401 | 404), "{}", on_the_data_plane.status);
}

#[tokio::test]
async fn backends_show_their_breakers() {
    let config = crate::world::one_backend("openai").replace(
        "kind: openai,",
        "kind: openai, circuit_breaker: [{ failures: 1, interval: 60s, open_for: 60s, on: [5xx] }],",
    );
    let vendor = Vendor::always(dialect::openai_error(500, "x")).await;
    let world = World::builder().config(&config).vendor("one", vendor).start().await;
    let state = |answer: Answer| answer.expect_whole(200).json()["meta"]["status"]["state"].clone();
    assert_eq!(state(world.admin(Call::get("/admin/v1/backends/one")).await), "closed");
    world.send(&ask("m", KEY)).await;
    assert_eq!(state(world.admin(Call::get("/admin/v1/backends/one")).await), "open");
    assert!(world.metrics().await.sum("tollgate_breaker_state", &["backend=\"one\""]) > 1);
}

#[tokio::test]
async fn the_description_matches_the_server() {
    let world = world().await;
    let answer = Call::get("/admin/openapi.json").send(world.console()).await;
    let answer = if answer.status == 401 { world.admin(Call::get("/admin/openapi.json")).await } else { answer };
    let description = answer.expect_whole(200).json();
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let paths = description["paths"].as_object().expect("paths");
    for (path, methods) in paths.iter().filter(|(path, methods)| !path.contains('{') && !methods["get"].is_null()) {
        let answer = world.admin(Call::get(path)).await;
        assert_eq!(answer.status, 200, "{path} {methods}: {}", answer.text());
    }
}
