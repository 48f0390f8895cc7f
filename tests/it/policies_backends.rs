//! Which backend a document sends a request to, how often, and what becomes of failures.

use std::time::Duration;

use serde_json::json;

use crate::{
    client::{Call, End},
    vendor::{Reply, Vendor},
    world::{
        BACKEND_KEY, KEY, World,
        policies::{backend, block, document, inbound, orders},
    },
};

fn fine(text: &str) -> Reply {
    Reply::text(200, "text/plain", text)
}

/// The API `orders` on a pool of `a` and `b`.
fn pooled(policy: &str) -> String {
    orders(policy).replace(
        "backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]",
        "backends: [{ id: svc, kind: http, url: \"vendor://a\" }, { id: b, kind: http, url: \"vendor://b\" }]
pools: [{ id: both, members: [{ backend: svc, priority: 1 }, { backend: b, priority: 2 }] }]",
    )
}

const RETRY: &str = r#"<retry condition="@(context.Response != null && context.Response.StatusCode == 503)" count="2" interval="0">
    <set-backend-service backend-id="@(context.Variables.ContainsKey("tried") ? "b" : "svc")" />
    <set-variable name="tried" value="@(true)" />
    <forward-request buffer-request-body="true" />
</retry>"#;

#[tokio::test]
async fn a_retry_sends_the_body_again_to_another_backend() {
    let a = Vendor::always(Reply::text(503, "text/plain", "busy")).await;
    let b = Vendor::always(fine("b")).await;
    let world = World::builder().config(&pooled(&backend(RETRY))).vendor("a", a).vendor("b", b).start().await;
    for body in [b"small".to_vec(), vec![b'x'; 3 << 20]] {
        let answer = world.send(&Call::new("POST", "/orders/1").key(KEY).body(body.clone())).await.expect_whole(200);
        assert_eq!(answer.text(), "b");
        for name in ["a", "b"] {
            assert_eq!(world.vendor(name).seen().pop().expect("asked").body, body, "{name}");
        }
    }
    assert_eq!((world.vendor("a").count(), world.vendor("b").count()), (2, 2));
    assert_eq!(world.lines(2).await[0]["attempts"], 2);
}

#[tokio::test]
async fn a_retry_over_a_pool_asks_its_next_member() {
    let policy = backend(
        r#"<retry condition="@(context.Response.StatusCode >= 500)" count="3" interval="0" first-fast-retry="true">
               <set-backend-service backend-id="both" /><forward-request buffer-request-body="true" />
           </retry>"#,
    );
    let config = pooled(&policy).replace("priority: 2", "priority: 1").replace(
        "kind: http,",
        "kind: http, circuit_breaker: [{ failures: 1, interval: 60s, open_for: 60s, on: [5xx] }],",
    );
    let a = Vendor::always(Reply::text(500, "text/plain", "broken")).await;
    let b = Vendor::always(fine("b")).await;
    let world = World::builder().config(&config).vendor("a", a).vendor("b", b).start().await;
    for _ in 0..4 {
        let answer = world.send(&Call::new("POST", "/orders/1").key(KEY).body("x")).await.expect_whole(200);
        assert_eq!(answer.text(), "b");
    }
    assert_eq!((world.vendor("a").count(), world.vendor("b").count()), (1, 4));
}

#[tokio::test]
async fn a_body_that_is_not_kept_cannot_be_sent_again() {
    let a = Vendor::always(Reply::text(503, "text/plain", "busy")).await;
    let b = Vendor::always(fine("b")).await;
    let policy = backend(&RETRY.replace(r#" buffer-request-body="true""#, ""));
    let world = World::builder().config(&pooled(&policy)).vendor("a", a).vendor("b", b).start().await;
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    let answer = world.send(&Call::new("POST", "/orders/1").key(KEY).body("x")).await;
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert_eq!(world.vendor("b").count(), 1);
}

const TELL: &str = r#"<set-header name="x-told" exists-action="override"><value>@(string.Join("|", new[] { context.LastError.Source, context.LastError.Reason, context.LastError.Section, context.LastError.Path, context.LastError.PolicyId ?? "-", context.LastError.Scope }))</value></set-header>"#;

#[tokio::test]
async fn failures_keep_their_status_and_tell_on_error_what_they_were() {
    let rows = [
        (
            "<base />",
            "<forward-request />",
            "vendor://nobody",
            502,
            "forward-request|BackendConnectionFailure|backend|forward-request[1]|-|api",
        ),
        (
            "<base />",
            r#"<forward-request id="slow" timeout-ms="150" />"#,
            "vendor://silent",
            504,
            "forward-request|Timeout|backend|forward-request[1]|slow|api",
        ),
        (
            r#"<base /><check-header id="needs" name="x-needed" failed-check-httpcode="412" />"#,
            "<base />",
            "vendor://fine",
            412,
            "check-header|HeaderNotFound|inbound|check-header[1]|needs|api",
        ),
        (
            r#"<choose><when condition="@(true)"><set-header name="x" exists-action="override"><value>@(((string)null).Length.ToString())</value></set-header></when></choose>"#,
            "<base />",
            "vendor://fine",
            500,
            "set-header|ExpressionValueEvaluationFailure|inbound|choose[1]/when[1]/set-header[1]|-|api",
        ),
        (
            "<base />",
            r#"<forward-request fail-on-error-status-code="true" />"#,
            "vendor://angry",
            418,
            "forward-request|BackendErrorStatusCode|backend|forward-request[1]|-|api",
        ),
    ];
    for (section, forward, url, status, told) in rows {
        let policy = document(section, forward, "<base />", &format!("<base />{TELL}"));
        let config = orders(&policy).replace("vendor://svc", url);
        let world = World::builder()
            .config(&config)
            .vendor("silent", Vendor::always(Reply::silence()).await)
            .vendor("angry", Vendor::always(Reply::text(418, "text/plain", "no")).await)
            .vendor("fine", Vendor::always(fine("fine")).await)
            .start()
            .await;
        let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(status);
        assert_eq!(answer.header("x-told"), Some(told), "{url} {section}");
        let line = world.line().await;
        assert_eq!(line["status"], status, "{line}");
        assert!(line["error"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn on_error_makes_another_answer() {
    let on_error = r#"<choose>
        <when condition="@(context.LastError.Reason == "BackendConnectionFailure")">
            <return-response>
                <set-status code="200" reason="Fallback" />
                <set-header name="content-type" exists-action="override"><value>application/json</value></set-header>
                <set-body>@(new JObject(new JProperty("fallback", true)).ToString())</set-body>
            </return-response>
        </when>
        <otherwise><set-status code="419" reason="Other" /><set-body>other</set-body></otherwise>
    </choose>"#;
    let policy = document(
        r#"<base /><choose><when condition="@(context.Request.Method == "PUT")"><check-header name="x-no" /></when></choose>"#,
        "<base />",
        "<base />",
        on_error,
    );
    let config = orders(&policy).replace("vendor://svc", "vendor://nobody");
    let world = World::builder().config(&config).start().await;
    let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    assert_eq!(answer.json(), json!({"fallback": true}));
    let answer = world.send(&Call::new("PUT", "/orders/1").key(KEY)).await.expect_whole(419);
    assert_eq!(answer.text(), "other");
    let unknown = world.send(&Call::get("/orders/1")).await.expect_whole(419);
    assert_eq!(unknown.text(), "other", "a missing key goes through on-error too");
}

#[tokio::test]
async fn a_pool_without_members_left_is_an_answer_that_documents_see() {
    let policy = document(
        "<base />",
        r#"<retry condition="@(context.Response.StatusCode == 503)" count="1" interval="0"><forward-request /></retry>"#,
        r#"<base /><set-header name="x-seen" exists-action="override"><value>@(context.Response.StatusCode + " " + context.Response.StatusReason)</value></set-header>"#,
        "<base />",
    );
    let config = orders(&policy).replace(
        "kind: http, url: \"vendor://svc\"",
        "kind: http, url: \"vendor://a\", circuit_breaker: [{ failures: 1, interval: 60s, open_for: 60s, on: [5xx] }]",
    ).replace("    backend: svc", "    pool: one").replace("apis:", "pools: [{ id: one, eject_last: true, members: [{ backend: svc }] }]\napis:");
    let a = Vendor::always(Reply::text(500, "text/plain", "broken")).await;
    let world = World::builder().config(&config).vendor("a", a).start().await;
    let first = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(500);
    assert_eq!(first.header("x-seen"), Some("500 Internal Server Error"));
    let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(503);
    assert_eq!(answer.header("x-seen"), Some("503 Backend pool one is temporarily unavailable"));
    assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
    assert_eq!(world.vendor("a").count(), 1);
}

#[tokio::test]
async fn base_urls_lead_to_this_machine_only_where_they_are_written() {
    let literal = r#"<set-backend-service base-url="vendor://a/v2/" />"#;
    let computed = r#"<set-backend-service base-url="@(context.Request.Headers.GetValueOrDefault("x-to", ""))" />"#;
    for (policy, egress, status) in
        [(literal, "", 200), (computed, "", 502), (computed, "egress: { allow_private: [127.0.0.0/8] }", 200)]
    {
        let a = Vendor::always(fine("a")).await;
        let url = a.url();
        let svc = Vendor::always(fine("svc")).await;
        let builder =
            World::builder().config(&orders(&inbound(policy))).vendor("a", a).vendor("svc", svc).server(egress);
        let world = builder.start().await;
        let call = Call::get("/orders/1?q=%20").key(KEY).header("x-to", &format!("{url}/v2"));
        let answer = world.send(&call).await.expect_whole(status);
        if status == 200 {
            assert_eq!((answer.text().as_str(), world.vendor("a").only().line().as_str()), ("a", "GET /v2/1?q=%20"));
        } else {
            assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
            assert_eq!(world.vendor("a").connections(), 0);
        }
        assert_eq!(world.vendor("svc").count(), 0);
    }
}

#[tokio::test]
async fn urls_that_are_none_fail_the_exchange() {
    let computed = r#"<set-backend-service base-url="@(context.Request.Headers.GetValueOrDefault("x-to", ""))" />"#;
    let svc = Vendor::always(fine("svc")).await;
    let world = World::builder().config(&orders(&inbound(computed))).vendor("svc", svc).start().await;
    for url in [
        "",
        "x",
        "ftp://a.example",
        "file:///etc/passwd",
        "http://",
        "http://u:p@a.example",
        "http://[::1",
        "http://169.254.169.254",
        "http://0x7f.1:80",
        "http://[::ffff:127.0.0.1]",
    ] {
        let answer = world.send(&Call::get("/orders/1").key(KEY).header("x-to", url)).await;
        assert!((500..=502).contains(&answer.status), "{url}: {} {}", answer.status, answer.text());
        assert_eq!(answer.end, End::Proper);
    }
    assert_eq!(world.vendor("svc").count(), 0);
}

#[tokio::test]
async fn backends_are_named_literally_or_computed() {
    let literal = r#"<set-backend-service backend-id="both" />"#;
    let computed =
        r#"<set-backend-service backend-id="@(context.Request.Headers.GetValueOrDefault("x-to", "both"))" />"#;
    for policy in [literal, computed] {
        let config =
            pooled(&inbound(policy)).replace("id: b, kind: http,", &format!("id: b, kind: http, key: {BACKEND_KEY},"));
        let (a, b) = (Vendor::always(Reply::reset()).await, Vendor::always(fine("b")).await);
        let world = World::builder().config(&config).vendor("a", a).vendor("b", b).start().await;
        let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
        assert_eq!(answer.text(), "b");
        let seen = world.vendor("b").only();
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {BACKEND_KEY}").as_str()));
        let other = world.send(&Call::get("/orders/1").key(KEY).header("x-to", "nowhere")).await;
        assert_eq!(other.status, if policy == computed { 500 } else { 200 });
    }
}

#[tokio::test]
async fn redirects_are_followed_where_the_document_says_so() {
    let policy = backend(r#"<forward-request follow-redirects="true" />"#);
    let b = Vendor::always(fine("b")).await;
    let to = format!("{}/elsewhere?x=1", b.url());
    let svc = Vendor::start(move |seen, _| match seen.target.as_str() {
        "/base/1" => Reply::status(302).header("location", "2?q"),
        "/base/post" => Reply::status(303).header("location", "/base/2"),
        "/base/again" => Reply::status(307).header("location", "/base/2"),
        "/base/out" => Reply::status(301).header("location", "/outside"),
        "/base/away" => Reply::status(308).header("location", &to),
        "/base/round" => Reply::status(302).header("location", "/base/round"),
        _ => fine(&format!("{} {}", seen.line(), seen.text())),
    })
    .await;
    let config =
        orders(&policy).replace("url: \"vendor://svc\"", &format!("url: \"vendor://svc/base\", key: {BACKEND_KEY}"));
    let builder = World::builder().config(&config).vendor("svc", svc).vendor("b", b);
    let world = builder.server("egress: { allow_private: [127.0.0.0/8] }").start().await;
    for (method, path, wanted) in [
        ("GET", "1", "GET /base/2?q "),
        ("POST", "1", "GET /base/2?q "),
        ("POST", "post", "GET /base/2 "),
        ("GET", "out", "GET /outside "),
        ("GET", "away", "b"),
    ] {
        let mut call = Call::new(method, &format!("/orders/{path}")).key(KEY).header("api-key", "own");
        if method == "POST" {
            call = call.body("body");
        }
        let answer = world.send(&call).await.expect_whole(200);
        assert_eq!(answer.text(), wanted, "{method} {path}");
    }
    let away = world.vendor("b").only();
    assert_eq!(away.line(), "GET /elsewhere?x=1");
    assert!(!away.contains(BACKEND_KEY) && away.header("api-key").is_none(), "{:?}", away.headers);
    let outside = world.vendor("svc").seen().into_iter().find(|seen| seen.target == "/outside").expect("asked");
    assert!(!outside.contains(BACKEND_KEY), "{:?}", outside.headers);
    let again = world.send(&Call::new("POST", "/orders/again").key(KEY).body("body")).await.expect_whole(200);
    assert_eq!(again.text(), "POST /base/2 body");
    let large = vec![b'x'; (8 << 20) + 1];
    let stays = world.send(&Call::new("POST", "/orders/again").key(KEY).body(large)).await.expect_whole(307);
    assert_eq!(stays.header("location"), Some("/base/2"), "its body has gone out");
    world.send(&Call::get("/orders/round").key(KEY)).await.expect_whole(502);
}

#[tokio::test]
async fn redirects_pass_the_egress_rules() {
    let b = Vendor::always(fine("b")).await;
    let to = b.url();
    let svc = Vendor::start(move |_, _| Reply::status(302).header("location", &to)).await;
    let policy = backend(r#"<forward-request follow-redirects="true" />"#);
    let world = World::builder().config(&orders(&policy)).vendor("svc", svc).vendor("b", b).start().await;
    let answer = world.send(&Call::get("/orders/1").key(KEY)).await;
    assert!((500..=502).contains(&answer.status), "{}", answer.status);
    assert_eq!(world.vendor("b").connections(), 0);
}

#[tokio::test]
async fn requests_go_through_the_proxy_that_the_document_names() {
    for target in ["", r#"<set-backend-service base-url="http://orders.example/v2" />"#] {
        let policy = inbound(&format!(r#"{target}<proxy url="vendor://proxy" username="gate" password="way" />"#));
        let proxy = Vendor::always(fine("proxy")).await;
        let svc = Vendor::always(fine("svc")).await;
        let url = svc.url();
        let world = World::builder().config(&orders(&policy)).vendor("proxy", proxy).vendor("svc", svc).start().await;
        let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
        assert_eq!(answer.text(), "proxy", "{target}");
        let seen = world.vendor("proxy").only();
        let wanted = if target.is_empty() { format!("{url}/1") } else { "http://orders.example/v2/1".to_owned() };
        assert_eq!(seen.target, wanted);
        assert_eq!(seen.header("proxy-authorization"), Some("Basic Z2F0ZTp3YXk="));
        assert_eq!(world.vendor("svc").count(), 0);
    }
}

#[tokio::test]
async fn without_forward_request_no_backend_is_called() {
    let policy = document(
        "<base />",
        r#"<set-variable name="x" value="y" />"#,
        "<base /><set-status code=\"202\" reason=\"Accepted\" />",
        "<base />",
    );
    let world =
        World::builder().config(&orders(&policy)).vendor("svc", Vendor::always(fine("svc")).await).start().await;
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(202);
    assert_eq!(world.vendor("svc").count(), 0);
}

#[tokio::test]
async fn a_slow_backend_is_left_in_time_and_the_retry_asks_another() {
    let policy = backend(
        r#"<retry condition="@(context.LastError != null && context.LastError.Reason == "Timeout")" count="1" interval="0">
            <set-backend-service backend-id="@(context.Variables.ContainsKey("tried") ? "b" : "svc")" />
            <set-variable name="tried" value="@(true)" />
            <forward-request timeout-ms="150" />
        </retry>"#,
    );
    let (a, b) = (Vendor::always(Reply::silence()).await, Vendor::always(fine("b")).await);
    let world = World::builder().config(&pooled(&policy)).vendor("a", a).vendor("b", b).start().await;
    let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    assert_eq!(answer.text(), "b");
    let line = world.line().await;
    assert_eq!(line["status"], 200, "{line}");
    world.vendor("a").reached(1).await;
}

/// A policy's timeout is the backend's failure, not the client's leaving: its breaker hears of it.
#[tokio::test]
async fn a_backend_that_a_policy_gives_up_on_is_told_to_its_breaker() {
    let policy = backend(r#"<set-backend-service backend-id="both" /><forward-request timeout-ms="100" />"#);
    let config = pooled(&policy).replace(
        "kind: http,",
        "kind: http, circuit_breaker: [{ failures: 1, interval: 60s, open_for: 60s, on: [timeout] }],",
    );
    let (a, b) = (Vendor::always(Reply::silence()).await, Vendor::always(fine("b")).await);
    let world = World::builder().config(&config).vendor("a", a).vendor("b", b).start().await;
    let call = Call::get("/orders/1").key(KEY);
    world.send(&call).await.expect_whole(504);
    let line = world.line().await;
    assert_eq!(line["attempts"], 1, "{line}");
    assert_eq!(world.send(&call).await.expect_whole(200).text(), "b", "the open breaker sends nothing");
    assert_eq!((world.vendor("a").count(), world.vendor("b").count()), (1, 1));
}

#[tokio::test]
async fn a_client_that_leaves_inside_a_retry_is_settled_once() {
    let policy = backend(r#"<retry condition="@(true)" count="50" interval="1"><forward-request /></retry>"#);
    let svc = Vendor::always(fine("svc")).await;
    let world = World::builder().config(&orders(&policy)).vendor("svc", svc).start().await;
    let open = Call::get("/orders/1").key(KEY).start(world.gateway()).await;
    world.vendor("svc").reached(1).await;
    open.reset();
    let line = world.line().await;
    assert_eq!(line["outcome"], "client_gone", "{line}");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(world.vendor("svc").count(), 1);
}

#[tokio::test]
async fn what_is_set_for_the_backend_gets_there() {
    let policy = inbound(
        r#"<authentication-basic username="gate" password="{{way}}" /><set-method>PUT</set-method>
           <rewrite-uri template="/v2/{id}/all?x=1" /><set-query-parameter name="y" exists-action="append"><value>2</value><value>3</value></set-query-parameter>
           <set-header name="x-drop" exists-action="delete" /><set-body>@("made " + context.Request.Body.As<string>(preserveContent: true))</set-body>"#,
    );
    let config = format!(
        "{}named_values: [{{ id: way, value: {BACKEND_KEY}, secret: true }}]\n",
        orders(&policy).replace(
            "    backend: svc\n",
            "    backend: svc\n    operations: [{ id: op, method: POST, path: \"/{id}\" }]\n"
        )
    );
    let world = World::builder().config(&config).vendor("svc", Vendor::always(fine("svc")).await).start().await;
    let call = Call::new("POST", "/orders/a%20b?q=1").key(KEY).header("x-drop", "1").body("body");
    world.send(&call).await.expect_whole(200);
    let seen = world.vendor("svc").only();
    assert_eq!(seen.line(), "PUT /v2/a%20b/all?x=1&q=1&y=2&y=3");
    assert_eq!(seen.text(), "made body");
    assert_eq!(seen.header("x-drop"), None);
    assert!(seen.header("authorization").is_some_and(|value| value.starts_with("Basic ")), "{:?}", seen.headers);
    assert_eq!(seen.all("content-length"), ["9"]);
}

#[tokio::test]
async fn answers_of_backends_still_stream_and_break_as_they_do_without_documents() {
    let policy = document(
        r#"<base /><set-header name="x-in" exists-action="override"><value>1</value></set-header>"#,
        "<base />",
        r#"<base /><set-header name="x-out" exists-action="override"><value>1</value></set-header>"#,
        "<base />",
    );
    let gate = crate::vendor::Gate::closed();
    let svc = Vendor::start({
        let gate = gate.clone();
        move |seen, _| match seen.target.as_str() {
            "/held" => Reply::chunks("text/plain", ["one ", "two"]).hold(1, &gate).trailer("x-end", "yes"),
            _ => Reply::chunks("text/plain", ["one ", "two"]).broken(1),
        }
    })
    .await;
    let config =
        format!("{}policies:\n  global: {}\n", orders(&policy), block(4, &document("", "<forward-request />", "", "")));
    let world = World::builder().config(&config).vendor("svc", svc).start().await;
    let mut open = Call::get("/orders/held").key(KEY).open(world.gateway()).await;
    assert!(open.until_text("one").await);
    assert_eq!(open.answer().header("x-out"), Some("1"));
    gate.open();
    let answer = open.finish().await.expect_whole(200);
    assert_eq!(answer.text(), "one two");
    let broken = world.send(&Call::get("/orders/broken").key(KEY)).await.expect(200);
    assert_eq!(broken.end, End::Cut);
}
