//! Traces of live requests: who may have one, what it shows, and what it hides.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::{Answer, Call},
    vendor::{Reply, Vendor},
    world::{
        KEY, World,
        policies::{inbound, orders},
    },
};

const POLICY: &str = r#"<set-variable name="who" value="@(context.Request.Headers.GetValueOrDefault("x-who", "none"))" />
    <set-header name="Authorization" exists-action="override"><value>Bearer {{svc-key}}</value></set-header>
    <set-header name="x-copy" exists-action="override"><value>@("key {{svc-key}} for " + (string)context.Variables["who"])</value></set-header>"#;

async fn world() -> World {
    let named = "named_values: [{ id: svc-key, value: \"canary-of-the-backend\", secret: true }]\n";
    let fine = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    World::builder().config(&format!("{}{named}", orders(&inbound(POLICY)))).vendor("svc", fine).start().await
}

async fn token(world: &World, api: &str) -> String {
    let asked = Call::post("/admin/v1/debug-tokens", &json!({ "api": api, "minutes": 10 }));
    let made = world.admin(asked).await.expect(201).json();
    made["token"].as_str().expect("a token").to_owned()
}

async fn traced(world: &World, token: &str) -> Answer {
    let call = Call::get("/orders/7?x=1").key(KEY).header("x-who", "ada").header("Apim-Debug-Authorization", token);
    world.send(&call).await.expect_whole(200)
}

fn steps(trace: &Value) -> Vec<&str> {
    let steps = trace["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["policy"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_token_gets_a_trace_that_shows_no_secret() {
    let world = world().await;
    let token = token(&world, "orders").await;
    let answer = traced(&world, &token).await;
    let id = answer.header("apim-trace-id").expect("an id").to_owned();
    let trace = world.admin(Call::get(&format!("/admin/v1/traces/{id}"))).await.expect(200).json();
    assert_eq!(steps(&trace), ["base", "set-variable", "set-header", "set-header", "forward-request"]);
    assert_eq!(trace["steps"][1]["changes"]["variables.who"], json!([null, "ada"]));
    assert_eq!(trace["steps"][3]["changes"]["request.headers.x-copy"], json!([null, "key *** for ada"]));
    assert_eq!((&trace["about"]["api"], &trace["about"]["path"]), (&json!("orders"), &json!("/orders/7")));
    let text = trace.to_string();
    for secret in ["canary-of-the-backend", KEY, &token] {
        assert!(!text.contains(secret), "{text}");
    }
    let all = world.vendor("svc").seen();
    let seen = &all[0];
    assert!(seen.header("apim-debug-authorization").is_none(), "the token is the gateway's");
    assert_eq!(seen.header("authorization"), Some("Bearer canary-of-the-backend"));
}

#[tokio::test]
async fn without_rights_there_is_none() {
    let world = world().await;
    let good = token(&world, "orders").await;
    let answer = traced(&world, &good).await;
    let id = answer.header("apim-trace-id").expect("an id").to_owned();
    let stranger = Call::get(&format!("/admin/v1/traces/{id}")).send(world.console()).await;
    assert_eq!(stranger.status, 401, "{}", stranger.text());
    let asked = Call::post("/admin/v1/debug-tokens", &json!({ "api": "orders" })).key(KEY).send(world.console()).await;
    assert_eq!(asked.status, 401, "a caller's key is no administrator's: {}", asked.text());
    world.admin(Call::get("/admin/v1/traces/none")).await.expect(404);
    let guessed = traced(&world, "tgd_guess").await;
    let told = (guessed.header("apim-debug-authorization-expired"), guessed.header("apim-trace-id"));
    assert_eq!(told, (Some("true"), None));
    world.advance(Duration::from_mins(11));
    assert_eq!(traced(&world, &good).await.header("apim-debug-authorization-expired"), Some("true"));
    assert!(world.vendor("svc").seen().iter().all(|seen| seen.header("apim-debug-authorization").is_none()));
}

#[tokio::test]
async fn refused_calls_are_traced_too() {
    let world = world().await;
    let token = token(&world, "orders").await;
    let answer = world.send(&Call::get("/orders/7").header("Apim-Debug-Authorization", &token)).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert!(answer.header("apim-trace-id").is_some());
    assert_eq!(world.vendor("svc").count(), 0);
}

#[tokio::test]
async fn a_token_goes_no_further_where_no_document_applies() {
    let plain = "backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]\n\
                 apis: [{ id: orders, kind: http, path: /orders, backend: svc }]\n";
    let fine = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let world = World::builder().config(plain).vendor("svc", fine).start().await;
    traced(&world, "tgd_anything").await;
    assert!(world.vendor("svc").seen()[0].header("apim-debug-authorization").is_none());
}
