//! Messages that documents change: bodies of both ways, queries, conditions on what is inside.

use serde_json::json;

use crate::{
    client::Call,
    vendor::{Reply, Vendor},
    world::{
        KEY, World,
        policies::{document, inbound, orders, outbound},
    },
};

async fn world(policy: &str, reply: Reply) -> World {
    World::builder().config(&orders(policy)).vendor("svc", Vendor::always(reply).await).start().await
}

fn fine() -> Reply {
    Reply::text(200, "text/plain", "fine")
}

#[tokio::test]
async fn conditions_look_at_headers_and_bodies() {
    let policy = inbound(
        r#"<choose>
            <when condition="@(context.Request.Headers.GetValueOrDefault("x-kind", "") == "fast")"><set-header name="x-way" exists-action="override"><value>header</value></set-header></when>
            <when condition="@{
                var body = context.Request.Body?.As<JObject>(preserveContent: true);
                return body != null && (int)body["order"]["lines"][1]["count"] > 2;
            }"><set-header name="x-way" exists-action="override"><value>body</value></set-header></when>
            <otherwise><set-header name="x-way" exists-action="override"><value>none</value></set-header></otherwise>
        </choose>"#,
    );
    let world = world(&policy, fine()).await;
    let body = |count: u32| json!({"order": {"lines": [{"count": 1}, {"count": count}]}});
    for (kind, count, way) in [("fast", 1, "header"), ("slow", 3, "body"), ("slow", 2, "none")] {
        let call = Call::post("/orders/1", &body(count)).key(KEY).header("x-kind", kind);
        world.send(&call).await.expect_whole(200);
        let seen = world.vendor("svc").seen().pop().expect("asked");
        assert_eq!((seen.header("x-way"), seen.json()), (Some(way), body(count)), "{kind} {count}");
    }
    let junk = Call::new("POST", "/orders/1").key(KEY).body("{\"order\":");
    world.send(&junk).await.expect_whole(500);
}

#[tokio::test]
async fn bodies_are_made_by_templates_and_replaced() {
    let policy = document(
        r#"<base /><set-body template="liquid">{"names": [{% for line in body.lines %}"{{ line.name | Upcase }}"{% unless forloop.last %},{% endunless %}{% endfor %}], "method": "{{ context.Request.Method }}"}</set-body>"#,
        "<base />",
        r#"<base /><find-and-replace from="inside.example" to="outside.example" /><set-header name="x-length" exists-action="override"><value>@(context.Response.Body.As<string>(preserveContent: true).Length.ToString())</value></set-header>"#,
        "<base />",
    );
    let reply = Reply::text(200, "text/plain", "see https://inside.example/1 and inside.example");
    let world = world(&policy, reply).await;
    let call = Call::post("/orders/1", &json!({"lines": [{"name": "ä"}, {"name": "b"}]})).key(KEY);
    let answer = world.send(&call).await.expect_whole(200);
    assert_eq!(world.vendor("svc").only().json(), json!({"names": ["Ä", "B"], "method": "POST"}));
    assert_eq!(answer.text(), "see https://outside.example/1 and outside.example");
    assert_eq!(answer.header("x-length"), Some("49"));
    assert_eq!(answer.header("content-length"), Some("49"));
}

#[tokio::test]
async fn answers_are_read_without_their_coding() {
    let policy = outbound(r#"<find-and-replace from="one" to="two" />"#);
    for coding in ["gzip", "br", "zstd", "deflate"] {
        let world = world(&policy, Reply::text(200, "text/plain", "one and one").encoded(coding)).await;
        let call = Call::get("/orders/1").key(KEY).header("accept-encoding", coding);
        let answer = world.send(&call).await.expect_whole(200);
        assert_eq!((answer.text().as_str(), answer.header("content-encoding")), ("two and two", None), "{coding}");
    }
}

#[tokio::test]
async fn json_and_xml_become_each_other() {
    let policy = document(
        r#"<base /><xml-to-json kind="direct" apply="content-type-xml" consider-accept-header="false" />"#,
        "<base />",
        r#"<base /><json-to-xml apply="content-type-json" consider-accept-header="false" />"#,
        "<base />",
    );
    let world = world(&policy, Reply::json(200, &json!({"order": {"id": 1, "line": ["a", "b"]}}))).await;
    let call = Call::new("POST", "/orders/1").key(KEY).header("content-type", "application/xml");
    let answer =
        world.send(&call.body("<order><id>1</id><line>a</line><line>b</line></order>")).await.expect_whole(200);
    assert_eq!(world.vendor("svc").only().json(), json!({"order": {"id": "1", "line": ["a", "b"]}}));
    assert!(answer.text().contains("<line>a</line><line>b</line>"), "{}", answer.text());
    assert!(answer.header("content-type").is_some_and(|kind| kind.contains("xml")), "{:?}", answer.headers);
}

#[tokio::test]
async fn a_body_that_was_read_and_not_kept_is_gone() {
    let policy = inbound(
        r#"<set-header name="x-length" exists-action="override"><value>@(context.Request.Body.As<string>().Length.ToString())</value></set-header>"#,
    );
    let world = world(&policy, fine()).await;
    world.send(&Call::new("POST", "/orders/1").key(KEY).body("12345")).await.expect_whole(200);
    let seen = world.vendor("svc").only();
    assert_eq!((seen.header("x-length"), seen.text().as_str()), (Some("5"), ""));
}

#[tokio::test]
async fn answers_can_be_replaced_whole() {
    let policy = outbound(
        r#"<choose><when condition="@(context.Response.StatusCode == 404)">
            <set-status code="200" reason="Found After All" /><set-header name="content-type" exists-action="override"><value>application/json</value></set-header>
            <set-body>@{
                var inner = context.Response.Body.As<JObject>();
                return new JObject(new JProperty("was", inner["error"])).ToString(Newtonsoft.Json.Formatting.None);
            }</set-body>
        </when></choose>"#,
    );
    let world = world(&policy, Reply::json(404, &json!({"error": "gone"}))).await;
    let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    assert_eq!(answer.text(), r#"{"was":"gone"}"#);
    assert_eq!(world.line().await["status"], 200);
}

#[tokio::test]
async fn heads_stay_without_a_body() {
    let policy = outbound(r#"<set-header name="x-out" exists-action="override"><value>1</value></set-header>"#);
    let vendor = Vendor::start(|seen, _| match seen.method.as_str() {
        "HEAD" => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n"),
        "DELETE" => Reply::status(204),
        _ => Reply::status(304).header("etag", "\"x\""),
    });
    let world = World::builder().config(&orders(&policy)).vendor("svc", vendor.await).start().await;
    for (method, status) in [("HEAD", 200), ("DELETE", 204), ("GET", 304)] {
        let answer = world.send(&Call::new(method, "/orders/1").key(KEY)).await.expect_whole(status);
        assert_eq!(answer.header("x-out"), Some("1"), "{method}");
        assert_eq!(answer.header("content-length").filter(|_| method == "HEAD"), (method == "HEAD").then_some("1234"));
    }
}
