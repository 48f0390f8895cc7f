//! Answers that documents give themselves: to browsers' questions, as mocks, as refusals.

use serde_json::json;

use crate::{
    client::{Answer, Call},
    vendor::{Reply, Vendor},
    world::{
        KEY, World,
        policies::{document, inbound, orders},
    },
};

async fn fine() -> Vendor {
    Vendor::always(Reply::text(200, "text/plain", "fine").header("x-custom", "1")).await
}

async fn world(policy: &str) -> World {
    World::builder().config(&orders(policy)).vendor("svc", fine().await).start().await
}

const CORS: &str = r#"<cors allow-credentials="true">
    <allowed-origins><origin>https://app.example</origin></allowed-origins>
    <allowed-methods preflight-result-max-age="300"><method>GET</method><method>PUT</method></allowed-methods>
    <allowed-headers><header>x-custom</header></allowed-headers>
    <expose-headers><header>x-custom</header></expose-headers>
</cors>"#;

fn preflight(origin: &str, method: &str) -> Call {
    Call::new("OPTIONS", "/orders/1").header("origin", origin).header("access-control-request-method", method)
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn browsers_are_answered_before_any_key() {
    let world = world(&inbound(CORS)).await;
    let ask = preflight("https://app.example", "PUT").header("access-control-request-headers", "x-custom");
    let answer = world.send(&ask).await.expect_whole(200);
    assert_eq!(allowed(&answer), Some("https://app.example"));
    assert_eq!(answer.header("access-control-allow-methods").map(|list| list.contains("PUT")), Some(true));
    assert_eq!(answer.header("access-control-max-age"), Some("300"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let other = world.send(&preflight("https://evil.example", "PUT")).await.expect_whole(200);
    assert_eq!(allowed(&other), None);
    assert_eq!(world.vendor("svc").count(), 0);
    let get = Call::get("/orders/1").key(KEY).header("origin", "https://app.example");
    let answer = world.send(&get).await.expect_whole(200);
    assert_eq!(
        (allowed(&answer), answer.header("access-control-expose-headers")),
        (Some("https://app.example"), Some("x-custom"))
    );
    let plain = world.send(&Call::new("OPTIONS", "/orders/1").header("origin", "https://app.example")).await;
    assert_eq!(plain.status, 401, "no question without a method: {}", plain.text());
}

#[tokio::test]
async fn a_browser_may_read_why_it_was_refused() {
    let world =
        world(&inbound(&format!(r#"{CORS}<check-header name="x-needed" failed-check-httpcode="403" />"#))).await;
    let from = |call: Call| call.header("origin", "https://app.example");
    let refused = world.send(&from(Call::get("/orders/1").key(KEY))).await.expect_whole(403);
    assert_eq!(allowed(&refused), Some("https://app.example"));
    let config = orders(&inbound(CORS)).replace("vendor://svc", "vendor://nobody");
    let down = World::builder().config(&config).start().await;
    let failed = down.send(&from(Call::get("/orders/1").key(KEY))).await.expect_whole(502);
    assert_eq!(allowed(&failed), Some("https://app.example"));
}

#[tokio::test]
async fn a_question_finds_the_operation_that_it_asks_about() {
    let config = orders(&inbound("")).replace(
        "    backend: svc\n",
        &format!(
            "    backend: svc\n    operations: [{{ id: put, method: PUT, path: \"/{{id}}\", policy: '{}' }}, {{ id: get, method: GET, path: \"/{{id}}\" }}]\n",
            inbound(CORS).replace('\n', " ")
        ),
    );
    let world = World::builder().config(&config).vendor("svc", fine().await).start().await;
    let answer = world.send(&preflight("https://app.example", "PUT")).await.expect_whole(200);
    assert_eq!(allowed(&answer), Some("https://app.example"));
    let answer = world.send(&preflight("https://app.example", "GET")).await;
    assert_eq!((answer.status, allowed(&answer)), (404, None), "{}", answer.text());
}

const OPENAPI: &str = r#"{
  "openapi": "3.0.0", "info": {"title": "orders", "version": "1"},
  "paths": {"/{id}": {"get": {"operationId": "read", "responses": {
    "200": {"content": {"application/json": {"example": {"id": 7, "state": "open"}}}},
    "404": {"content": {"application/json": {"schema": {"type": "object", "required": ["code"], "properties": {"code": {"type": "integer"}}}}}}
  }}}}
}"#;

#[tokio::test]
async fn mocks_come_from_the_openapi_document() {
    let policy = inbound(
        r#"<choose><when condition="@(context.Request.MatchedParameters["id"] == "0")"><mock-response status-code="404" content-type="application/json" /></when>
           <otherwise><mock-response /></otherwise></choose>"#,
    );
    let config = orders(&policy).replace("    backend: svc\n", "    backend: svc\n    openapi: ./orders.json\n");
    let builder = World::builder().config(&config).vendor("svc", fine().await).file("orders.json", OPENAPI);
    let world = builder.start().await;
    let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    assert_eq!(answer.json(), json!({"id": 7, "state": "open"}));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let answer = world.send(&Call::get("/orders/0").key(KEY)).await.expect_whole(404);
    assert!(answer.json()["code"].is_i64(), "{}", answer.text());
    world.send(&Call::get("/orders/1/2").key(KEY)).await.expect_whole(404);
    assert_eq!(world.vendor("svc").count(), 0);
    assert_eq!(world.lines(3).await[0]["operation"], "read");
}

#[tokio::test]
async fn refusals_have_the_status_and_the_words_of_the_document() {
    let rows = [
        (r#"<ip-filter action="forbid"><address>127.0.0.1</address></ip-filter>"#, 403, None),
        (r#"<ip-filter action="allow"><address-range from="10.0.0.1" to="10.0.0.9" /></ip-filter>"#, 403, None),
        (r#"<ip-filter action="allow"><address>127.0.0.0/8</address></ip-filter>"#, 200, None),
        (
            r#"<check-header name="x-team" failed-check-httpcode="401" failed-check-error-message="Not for you" ignore-case="true"><value>red</value></check-header>"#,
            401,
            Some("Not for you"),
        ),
        (r#"<check-header name="host" failed-check-httpcode="400" />"#, 200, None),
        (
            r#"<return-response><set-status code="451" reason="Law" /><set-body>no</set-body></return-response>"#,
            451,
            None,
        ),
        ("<return-response />", 200, None),
    ];
    for (policy, status, message) in rows {
        let world = world(&inbound(policy)).await;
        let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(status);
        if let Some(message) = message {
            assert_eq!(answer.json(), json!({"statusCode": status, "message": message}), "{policy}");
        }
        let line = world.line().await;
        assert_eq!(line["status"], status, "{line}");
    }
}

#[tokio::test]
async fn the_reason_phrase_is_the_documents() {
    let world =
        world(&inbound(r#"<return-response><set-status code="299" reason="Quite Fine" /></return-response>"#)).await;
    let mut socket = tokio::net::TcpStream::connect(world.gateway()).await.expect("connected");
    let request =
        format!("GET /orders/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut socket, request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut socket, &mut answer).await.expect("read");
    assert!(answer.starts_with("HTTP/1.1 299 Quite Fine\r\n"), "{answer}");
}

#[tokio::test]
async fn values_that_would_break_a_message_do_not_leave() {
    let policy = document(
        r#"<base /><set-header name="x-in" exists-action="override"><value>@(context.Request.Url.Query.GetValueOrDefault("v", ""))</value></set-header>"#,
        "<base />",
        r#"<base /><set-header name="x-out" exists-action="override"><value>@(context.Request.Url.Query.GetValueOrDefault("v", ""))</value></set-header>"#,
        "<base />",
    );
    let world = world(&policy).await;
    for bad in ["a%0d%0ax-evil:%201", "a%0ab", "a%00b"] {
        let answer = world.send(&Call::get(&format!("/orders/1?v={bad}")).key(KEY)).await;
        assert_eq!(answer.header("x-evil"), None);
        assert!(world.vendor("svc").seen().iter().all(|seen| seen.header("x-evil").is_none()));
        assert!(answer.status == 500 || answer.status == 200, "{bad}: {}", answer.status);
    }
    let answer = world.send(&Call::get("/orders/1?v=plain").key(KEY)).await.expect_whole(200);
    assert_eq!(answer.header("x-out"), Some("plain"));
}
