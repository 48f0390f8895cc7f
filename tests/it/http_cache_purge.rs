//! Forgetting what is kept: by the admin API, whatever cache it is in.

use serde_json::{Value, json};

use crate::{
    client::{Answer, Call},
    vendor::{Reply, Vendor},
    world::{KEY, World, binary::Binary},
};

const CONFIG: &str = "
backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]
apis:
  - { id: orders, kind: http, path: /orders, backend: svc, cache: { ttl: 1h, tags: [prices] } }
  - { id: stock, kind: http, path: /stock, backend: svc, cache: { ttl: 1h } }
  - id: old
    kind: http
    path: /old
    backend: svc
    policy: |
      <policies><inbound><base />
        <cache-lookup-value key=\"k\" variable-name=\"v\" default-value=\"none\" />
        <cache-store-value key=\"k\" value=\"kept\" duration=\"3600\" />
        <cache-lookup vary-by-developer=\"false\" vary-by-developer-groups=\"false\" />
      </inbound><outbound><base />
        <cache-store duration=\"3600\" />
        <set-header name=\"x-value\" exists-action=\"override\"><value>@((string)context.Variables[\"v\"])</value></set-header>
      </outbound></policies>
";

async fn world() -> World {
    let vendor = Vendor::start(|_, number| Reply::text(200, "text/plain", format!("answer {number}"))).await;
    World::builder().config(CONFIG).vendor("svc", vendor).start().await
}

async fn get(world: &World, path: &str) -> Answer {
    world.send(&Call::get(path).key(KEY)).await.expect_whole(200)
}

fn cached(answer: &Answer) -> &str {
    answer.header("x-tollgate-cache").unwrap_or("nothing")
}

async fn purge(world: &World, query: &str, body: &Value) -> Value {
    world.admin(Call::post(&format!("/admin/v1/cache/purge{query}"), body)).await.expect_whole(200).json()
}

const PATHS: [&str; 4] = ["/orders/1", "/orders/2?a=1", "/stock/1", "/old/1"];

/// What is named, how many that are in each cache, and which of the paths are forgotten.
#[tokio::test]
async fn purges_forget_what_they_name() {
    let rows = [
        (json!({"api": "orders"}), (2, 0), [true, true, false, false]),
        (json!({"api": "old"}), (0, 1), [false, false, false, true]),
        (json!({"product": "all"}), (3, 1), [true; 4]),
        (json!({"tag": "prices"}), (2, 0), [true, true, false, false]),
        (json!({"path": "/orders/2"}), (1, 0), [false, true, false, false]),
        (json!({"path": "/o*"}), (2, 1), [true, true, false, true]),
        (json!({"api": "orders", "path": "/stock/*"}), (0, 0), [false; 4]),
        (json!({"all": true}), (3, 1), [true; 4]),
    ];
    for (body, (http, policies), forgotten) in rows {
        let world = world().await;
        for path in PATHS {
            assert_eq!(cached(&get(&world, path).await), "miss");
        }
        let wanted = |is_dry_run: bool| {
            let purged = json!({"http": http, "policies": policies, "models": 0});
            json!({"purged": purged, "dry_run": is_dry_run, "replicas": null})
        };
        assert_eq!(purge(&world, "?dry_run=true", &body).await, wanted(true), "{body}");
        for path in PATHS {
            assert_eq!(cached(&get(&world, path).await), "hit", "a dry run forgets nothing");
        }
        assert_eq!(purge(&world, "", &body).await, wanted(false), "{body}");
        for (path, is_forgotten) in PATHS.into_iter().zip(forgotten) {
            let wanted = if is_forgotten { "miss" } else { "hit" };
            assert_eq!(cached(&get(&world, path).await), wanted, "{body}: {path}");
        }
    }
}

#[tokio::test]
async fn values_are_forgotten_by_their_key() {
    let world = world().await;
    let value = async |path: &str| get(&world, path).await.header("x-value").map(str::to_owned);
    assert_eq!(value("/old/1").await.as_deref(), Some("none"));
    assert_eq!(value("/old/2").await.as_deref(), Some("kept"));
    let counted = |answer: &Value| answer["purged"]["policies"].clone();
    assert_eq!(counted(&purge(&world, "", &json!({"key": "k"})).await), 1);
    assert_eq!(counted(&purge(&world, "", &json!({"key": "k"})).await), 0);
    assert_eq!(value("/old/3").await.as_deref(), Some("none"));
}

#[tokio::test]
async fn a_purge_that_says_nothing_or_too_much_is_refused() {
    let world = world().await;
    for (body, wanted) in [
        (json!({}), "says nothing"),
        (json!({"api": "order"}), "there is no API `order`"),
        (json!({"product": "x"}), "there is no product `x`"),
        (json!({"path": "orders"}), "beginning with `/`"),
        (json!({"api": 1}), "`1` is not a text"),
        (json!({"all": true, "api": "orders"}), "not both"),
        (json!({"key": "k", "api": "orders"}), "leave the others out"),
        (json!({"apis": "orders"}), "is not a field here"),
    ] {
        let answer = world.admin(Call::post("/admin/v1/cache/purge", &body)).await.expect_whole(400);
        assert!(answer.text().contains(wanted), "{body}: {}", answer.text());
    }
    let audit = world.admin(Call::get("/admin/v1/audit?action=cache.purge")).await.expect_whole(200).json();
    assert_eq!(audit["items"], json!([]), "what is refused was not done");
    purge(&world, "?dry_run=true", &json!({"all": true})).await;
    purge(&world, "", &json!({"api": "orders"})).await;
    let audit = world.admin(Call::get("/admin/v1/audit?action=cache.purge")).await.expect_whole(200).json();
    assert_eq!(audit["items"].as_array().map(Vec::len), Some(1), "{audit}");
    assert!(audit["items"][0].to_string().contains("orders"), "{audit}");
}

#[tokio::test]
async fn the_command_line_purges() {
    let vendor = Vendor::start(|_, number| Reply::text(200, "text/plain", format!("answer {number}"))).await;
    let config = format!(
        "backends: [{{ id: svc, kind: http, url: \"{}\" }}]\n\
         apis: [{{ id: orders, kind: http, path: /orders, backend: svc, subscription_required: false, cache: {{ ttl: 1h }} }}]\n",
        vendor.url()
    );
    let binary = Binary::start(&config, "").await;
    let cached_now = async || cached(&Call::get("/orders/1").send(binary.gateway).await.expect_whole(200)).to_owned();
    assert_eq!((cached_now().await.as_str(), cached_now().await.as_str()), ("miss", "hit"));
    let counted = |line: &str| -> Value { serde_json::from_str(&binary.command(line)).expect("JSON") };
    assert_eq!(counted("cache purge --path /orders/* --dry-run -o json")["purged"]["http"], 1);
    assert_eq!(cached_now().await, "hit");
    assert_eq!(counted("cache purge --api orders -o json")["purged"]["http"], 1);
    assert_eq!(cached_now().await, "miss");
    assert_eq!(binary.command("cache purge --all"), "", "what is for people goes to standard error");
}
