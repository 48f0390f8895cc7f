//! Documents that cannot run: refused with all their problems and places, whichever way they come.

use serde_json::json;

use crate::{
    client::Call,
    postgres::Server,
    vendor::{Reply, Vendor},
    world::{
        KEY, World,
        policies::{inbound, orders},
    },
};

async fn fine() -> Vendor {
    Vendor::always(Reply::text(200, "text/plain", "fine")).await
}

fn teapot() -> String {
    inbound(r#"<return-response><set-status code="418" reason="Teapot" /></return-response>"#)
}

const WRONG_FILE: &str = "<policies>
    <inbound>
        <base />
        <set-headr name=\"x\" exists-action=\"override\" />
        <set-variable name=\"a\" value=\"@(context.Reqest.Method)\" />
    </inbound>
</policies>
";

const BROKEN_FILE: &str = "<policies>
    <inbound>
        <base>
    </inbound>
</policies>
";

const WRONG_YAML: &str = "inbound:
  - base
  - rate-limit:
      calls: many
      renewal-period: 60
";

#[tokio::test]
async fn a_reload_tells_every_problem_with_its_place_and_changes_nothing() {
    // Lines of the file are told: the other database would be another line.
    let builder = World::builder().on_sqlite();
    let mut world = builder.config(&orders(&teapot())).vendor("svc", fine().await).start().await;
    for (name, text) in [("wrong.xml", WRONG_FILE), ("broken.xml", BROKEN_FILE), ("wrong.yaml", WRONG_YAML)] {
        world.write_file(name, text);
    }
    let config = "backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]
policies: { global: ./broken.xml }
apis:
  - { id: orders, kind: http, path: /orders, backend: svc, policy: ./wrong.xml }
  - { id: bills, kind: http, path: /bills, backend: svc, policy: ./wrong.yaml }
  - id: inline
    kind: http
    path: /inline
    backend: svc
    policy: |
      <policies>
        <inbound>
          <base />
          <set-backend-service backend-id=\"svcs\" />
        </inbound>
      </policies>
  - id: elements
    kind: http
    path: /elements
    backend: svc
    policy:
      inbound:
        - base
        - set-method: \"@(1 +)\"
        - find-and-replace:
            from: a
  - { id: named, kind: http, path: /named, backend: svc, policy: '<policies><inbound><set-method>{{verb}}</set-method><include-fragment fragment-id=\"nowhere\" /></inbound></policies>' }
";
    let why = world.reload(config).await.expect_err("refused");
    for told in [
        "broken.xml:3:9: ",
        "wrong.xml:4:9: ",
        "did you mean `set-header`?",
        "wrong.xml:5:49: ",
        "Reqest",
        "wrong.yaml:4:14: ",
        "tollgate.yaml:18:11: ",
        "did you mean `svc`?",
        "tollgate.yaml:28:29: ",
        "tollgate.yaml:29:11: ",
        "`to`",
        "tollgate.yaml:31:98: ",
        "{{verb}}",
        "`nowhere`",
    ] {
        assert!(why.contains(told), "{told} is not in:\n{why}");
    }
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(418);
    world.reload(&orders(&inbound(""))).await.expect("valid again");
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
}

#[tokio::test]
async fn a_document_that_changes_its_file_changes_with_a_reload() {
    let config = "backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]
apis: [{ id: orders, kind: http, path: /orders, backend: svc, policy: ./orders.xml }]
";
    let builder = World::builder().config(config).vendor("svc", fine().await).file("orders.xml", &teapot());
    let mut world = builder.start().await;
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(418);
    world.write_file("orders.xml", &teapot().replace("418", "429"));
    world.reload(config).await.expect("valid");
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(429);
}

#[tokio::test]
async fn parts_that_cannot_run_here_are_refused_or_fail_when_they_are_reached() {
    let policy = inbound(
        r#"<choose><when condition="@(context.Request.Headers.ContainsKey("x-far"))"><set-backend-service dapr-app-id="x" dapr-method="y" /></when></choose>"#,
    );
    let mut world = World::builder().config(&orders(&teapot())).vendor("svc", fine().await).start().await;
    let why = world.reload(&orders(&policy)).await.expect_err("refused");
    assert!(why.contains("Dapr has no counterpart"), "{why}");
    let config = format!("{}policies: {{ on_unsupported: fail-when-reached }}\n", orders(&policy));
    world.reload(&config).await.expect("loads");
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    let answer = world.send(&Call::get("/orders/1").key(KEY).header("x-far", "1")).await.expect_whole(500);
    let told = answer.json();
    assert_eq!((&told["statusCode"], &told["message"]), (&json!(500), &json!("Internal server error")));
    assert_eq!(world.vendor("svc").count(), 1);
}

fn api(policy: &str) -> serde_json::Value {
    json!({"id": "made", "kind": "http", "path": "/made", "backend": "svc", "policy": policy})
}

#[tokio::test]
async fn the_admin_api_takes_documents_or_says_what_is_wrong() {
    let config = format!("{}  - {{ id: other, kind: http, path: /other, backend: svc }}\n", orders(&teapot()));
    let world = World::builder().config(&config).vendor("svc", fine().await).start().await;
    let bad = "<policies>\n  <inbound>\n    <set-headr name=\"x\" />\n    <set-method>@(1 +)</set-method>\n  </inbound>\n</policies>";
    let refused = world.admin(Call::post("/admin/v1/apis", &api(bad))).await;
    assert!((400..500).contains(&refused.status), "{}", refused.text());
    for told in ["\"column\":5,\"file\":\"apis/made\",\"line\":3,", "did you mean `set-header`?", "\"line\":4,"] {
        assert!(refused.text().contains(told), "{told} is not in {}", refused.text());
    }
    world.send(&Call::get("/made/1").key(KEY)).await.expect_whole(404);
    world.admin(Call::post("/admin/v1/apis", &api(&teapot()))).await.expect_whole(201);
    world.send(&Call::get("/made/1").key(KEY)).await.expect_whole(418);
    let again = Call::new("PUT", "/admin/v1/apis/made").header("content-type", "application/json");
    world.admin(again.clone().body(api(&teapot().replace("418", "429")).to_string())).await.expect_whole(200);
    world.send(&Call::get("/made/1").key(KEY)).await.expect_whole(429);
    let refused = world.admin(again.body(api(bad).to_string())).await;
    assert!((400..500).contains(&refused.status), "{}", refused.text());
    world.send(&Call::get("/made/1").key(KEY)).await.expect_whole(429);
    let shown = world.admin(Call::get("/admin/v1/apis/made")).await.expect_whole(200);
    assert!(shown.text().contains("429"), "{}", shown.text());
}

#[tokio::test]
async fn products_fragments_and_named_values_of_the_admin_api_are_in_use_at_once() {
    let policy = inbound(r#"<include-fragment fragment-id="made" />"#);
    let world = World::builder().config(&orders(&inbound(""))).vendor("svc", fine().await).start().await;
    let value = json!({"id": "level", "value": "one"});
    world.admin(Call::post("/admin/v1/named-values", &value)).await.expect_whole(201);
    let fragment = json!({"id": "made", "policy": r#"<fragment><set-header name="x-level" exists-action="override"><value>{{level}}</value></set-header></fragment>"#});
    world.admin(Call::post("/admin/v1/policy-fragments", &fragment)).await.expect_whole(201);
    let product = json!({"id": "made", "policy": policy});
    world.admin(Call::post("/admin/v1/products", &product)).await.expect_whole(201);
    let subscription = json!({"id": "made", "product": "made"});
    let created = world.admin(Call::post("/admin/v1/subscriptions", &subscription)).await.expect_whole(201).json();
    let key = created["key"].as_str().expect("shown once").to_owned();
    let call = Call::get("/orders/1").key(&key);
    world.send(&call).await.expect_whole(200);
    let put = Call::new("PUT", "/admin/v1/named-values/level").header("content-type", "application/json");
    world.admin(put.body(json!({"id": "level", "value": "two"}).to_string())).await.expect_whole(200);
    world.send(&call).await.expect_whole(200);
    let levels: Vec<_> =
        world.vendor("svc").seen().iter().map(|seen| seen.header("x-level").unwrap_or_default().to_owned()).collect();
    assert_eq!(levels, ["one", "two"]);
    let gone = world.admin(Call::new("DELETE", "/admin/v1/policy-fragments/made").header("if-match", "*")).await;
    assert!((400..500).contains(&gone.status), "{}", gone.text());
    world.send(&call).await.expect_whole(200);
}

#[tokio::test]
async fn what_one_replica_is_told_of_documents_all_do() {
    let database = Server::shared().database();
    let config = orders(&inbound(""));
    let (one, other) = (
        World::builder().config(&config).vendor("svc", fine().await).database(database.clone()).start().await,
        World::builder().config(&config).vendor("svc", fine().await).database(database).start().await,
    );
    one.admin(Call::post("/admin/v1/apis", &api(&teapot()))).await.expect_whole(201);
    for _ in 0..1_200 {
        if other.send(&Call::get("/made/1").key(KEY)).await.status == 418 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the other replica does not have it after 60 s");
}
