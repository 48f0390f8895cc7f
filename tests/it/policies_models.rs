//! Model APIs under documents: streams stay streams, bodies may be changed, usage is counted once.

use serde_json::{Value, json};

use crate::{
    client::Call,
    vendor::{Gate, Reply, Vendor, dialect},
    world::{
        BACKEND_KEY, KEY, PROMPT, World, one_backend,
        policies::{backend, document, inbound, models, outbound},
    },
};

fn chat(streamed: bool) -> Call {
    let body = json!({"model": "m", "stream": streamed, "messages": [{"role": "user", "content": PROMPT}]});
    Call::post("/v1/chat/completions", &body).key(KEY)
}

async fn world(policy: &str, vendor: Vendor) -> World {
    let config = format!("{}{}", one_backend("openai"), models(policy));
    World::builder().config(&config).vendor("one", vendor).start().await
}

/// The rows of the ledger once there are `count`.
async fn rows(world: &World, count: usize) -> Vec<Value> {
    for _ in 0..1_200 {
        let listed = world.admin(Call::get("/admin/v1/requests?limit=100")).await.expect(200).json();
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        if items.len() >= count {
            assert_eq!(items.len(), count, "{items:?}");
            return items;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("not {count} rows after 60 s");
}

#[tokio::test]
async fn a_stream_stays_a_stream_through_policies_on_heads() {
    let policy = document(
        r#"<base /><set-header name="x-in" exists-action="override"><value>@(context.Subscription.Id)</value></set-header><rate-limit calls="100" renewal-period="60" />"#,
        "<base />",
        r#"<base /><set-header name="x-out" exists-action="override"><value>@(context.Response.StatusCode.ToString())</value></set-header>"#,
        "<base />",
    );
    let gate = Gate::closed();
    let events = dialect::chat_events(&["one", " two"], true);
    let vendor = Vendor::always(Reply::events(events.clone()).hold(2, &gate)).await;
    let world = world(&policy, vendor).await;
    let mut open = chat(true).open(world.gateway()).await;
    assert!(open.until_text("one").await, "the first word comes before the last is sent");
    assert_eq!(open.answer().header("x-out"), Some("200"));
    gate.open();
    let answer = open.finish().await.expect_whole(200);
    assert_eq!(answer.data().last().map(String::as_str), Some("[DONE]"));
    assert_eq!(world.vendor("one").only().header("x-in"), Some("team-a"));
    let rows = rows(&world, 1).await;
    assert_eq!((&rows[0]["total_tokens"], &rows[0]["streamed"]), (&json!(18), &json!(true)), "{rows:?}");
}

#[tokio::test]
async fn a_policy_on_the_answers_body_waits_for_all_of_it_and_usage_is_counted_once() {
    let policy = outbound(r#"<find-and-replace from="secret" to="******" />"#);
    for streamed in [true, false] {
        let vendor = Vendor::start(move |seen, _| {
            if streamed { dialect::chat_stream(&seen.json(), &["a secret"]) } else { dialect::chat("a secret") }
        });
        let world = world(&policy, vendor.await).await;
        let answer = world.send(&chat(streamed)).await.expect_whole(200);
        assert!(answer.text().contains("a ******") && !answer.text().contains("secret"), "{}", answer.text());
        if streamed {
            assert_eq!(answer.data().last().map(String::as_str), Some("[DONE]"));
            assert!(!answer.text().contains("prompt_tokens"), "usage was asked for by us: {}", answer.text());
        }
        let rows = rows(&world, 1).await;
        assert_eq!((&rows[0]["total_tokens"], &rows[0]["certainty"]), (&json!(18), &json!("exact")), "{rows:?}");
        assert_eq!(rows[0]["outcome"], "complete", "{rows:?}");
    }
}

#[tokio::test]
async fn a_changed_body_is_what_the_backend_gets_and_what_is_routed_by() {
    let policy = inbound(
        r#"<set-body>@{
            var body = context.Request.Body.As<JObject>(preserveContent: true);
            body["model"] = "m";
            body["temperature"] = 0;
            ((JArray)body["messages"]).Insert(0, new JObject(new JProperty("role", "system"), new JProperty("content", "Be brief.")));
            return body.ToString();
        }</set-body>"#,
    );
    let world = world(&policy, Vendor::always(dialect::chat("ok")).await).await;
    let body = json!({"model": "whatever", "messages": [{"role": "user", "content": PROMPT}]});
    world.send(&Call::post("/v1/chat/completions", &body).key(KEY)).await.expect_whole(200);
    let seen = world.vendor("one").only().json();
    assert_eq!((&seen["model"], &seen["temperature"]), (&json!("up"), &json!(0)));
    assert_eq!(seen["messages"][0]["content"], "Be brief.");
    assert_eq!(seen["messages"][1]["content"], PROMPT);
    assert_eq!(rows(&world, 1).await[0]["model"], "m");
}

const TWO: &str = "
backends:
  - { id: a, kind: openai, url: \"vendor://a/v1\", key: sk-backend-canary-0004 }
  - { id: b, kind: openai, url: \"vendor://b/v1\", key: sk-backend-canary-0004 }
pools: [{ id: both, members: [{ backend: a, priority: 1 }, { backend: b, priority: 2 }] }]
models: [{ name: m, pool: both, upstream_model: up }]
";

#[tokio::test]
async fn failover_goes_on_below_the_documents() {
    let policy = document(
        r#"<base /><set-variable name="x" value="y" />"#,
        "<base />",
        r#"<base /><set-header name="x-out" exists-action="override"><value>1</value></set-header>"#,
        "<base />",
    );
    let config = format!("{TWO}{}", models(&policy));
    let a = Vendor::always(dialect::openai_error(500, "x")).await;
    let b = Vendor::start(|seen, _| dialect::chat_stream(&seen.json(), &["hi"])).await;
    let world = World::builder().config(&config).vendor("a", a).vendor("b", b).start().await;
    let answer = world.send(&chat(true)).await.expect_whole(200);
    assert_eq!((answer.header("x-tollgate-backend"), answer.header("x-out")), (Some("b"), Some("1")));
    let row = &rows(&world, 1).await[0];
    assert_eq!(
        (&row["backend"], &row["total_tokens"], &row["attempts"]),
        (&json!("b"), &json!(18), &json!(2)),
        "{row}"
    );
}

#[tokio::test]
async fn a_retry_of_the_document_charges_what_each_answer_used_once() {
    let policy = backend(
        r#"<retry condition="@(context.Response.StatusCode == 200 && context.Response.Body.As<JObject>(preserveContent: true)["choices"][0]["message"]["content"].ToString() == "bad")" count="3" interval="0"><forward-request buffer-request-body="true" /></retry>"#,
    );
    let vendor = Vendor::start(|_, number| dialect::chat(if number < 3 { "bad" } else { "good" })).await;
    let world = world(&policy, vendor).await;
    let answer = world.send(&chat(false)).await.expect_whole(200);
    assert!(answer.text().contains("good"), "{}", answer.text());
    assert_eq!(world.vendor("one").count(), 3);
    let rows = rows(&world, 1).await;
    assert_eq!(rows[0]["outcome"], "complete", "{rows:?}");
    for quota in
        world.admin(Call::get("/admin/v1/quotas")).await.expect(200).json()["items"].as_array().into_iter().flatten()
    {
        assert_eq!(quota["reserved"], 0, "{quota}");
    }
}

#[tokio::test]
async fn errors_are_told_in_the_callers_dialect() {
    let policy = inbound(
        r#"<check-header name="x-needed" failed-check-httpcode="403" failed-check-error-message="Needs x-needed" />"#,
    );
    let world = world(&policy, Vendor::always(dialect::chat("ok")).await).await;
    let openai = world.send(&chat(false)).await.expect_whole(403);
    assert_eq!(openai.json()["error"]["message"], "Needs x-needed", "{}", openai.text());
    let body = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": PROMPT}]});
    let anthropic = world
        .send(&Call::post("/v1/messages", &body).key(KEY).header("anthropic-version", "2023-06-01"))
        .await
        .expect_whole(403);
    assert_eq!(
        (&anthropic.json()["type"], &anthropic.json()["error"]["message"]),
        (&json!("error"), &json!("Needs x-needed"))
    );
    assert_eq!(world.vendor("one").count(), 0);
}

#[tokio::test]
async fn the_document_chooses_the_backend_of_a_model() {
    let policy = inbound(
        r#"<choose><when condition="@(context.Request.Headers.GetValueOrDefault("x-tier", "") == "b")"><set-backend-service backend-id="b" /></when></choose>"#,
    );
    let config = format!("{TWO}{}", models(&policy));
    let (a, b) = (Vendor::always(dialect::chat("a")).await, Vendor::always(dialect::chat("b")).await);
    let world = World::builder().config(&config).vendor("a", a).vendor("b", b).start().await;
    for tier in ["a", "b"] {
        let answer = world.send(&chat(false).header("x-tier", tier)).await.expect_whole(200);
        assert_eq!(answer.header("x-tollgate-backend"), Some(tier));
        let seen = world.vendor(tier).only();
        assert_eq!(seen.line(), "POST /v1/chat/completions");
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {BACKEND_KEY}").as_str()));
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_under_documents_is_settled_once() {
    let policy = document(
        r#"<base /><llm-token-limit counter-key="all" tokens-per-minute="10000" estimate-prompt-tokens="true" />"#,
        "<base />",
        "<base />",
        "<base />",
    );
    let gate = Gate::closed();
    let vendor = Vendor::always(Reply::events(dialect::chat_events(&["one", " two"], true)).hold(2, &gate)).await;
    let world = world(&policy, vendor).await;
    let mut open = chat(true).open(world.gateway()).await;
    assert!(open.until_text("one").await);
    open.reset();
    let rows = rows(&world, 1).await;
    assert_eq!(rows[0]["outcome"], "client_gone", "{rows:?}");
    assert!(rows[0]["total_tokens"].as_u64().is_some_and(|tokens| tokens > 0), "{rows:?}");
    gate.open();
}

#[tokio::test]
async fn documents_may_answer_a_model_call_themselves() {
    let body = dialect::chat_body("canned").to_string();
    let policy = inbound(&format!(
        r#"<return-response><set-status code="200" reason="OK" /><set-header name="content-type" exists-action="override"><value>application/json</value></set-header><set-body><![CDATA[{body}]]></set-body></return-response>"#
    ));
    let world = world(&policy, Vendor::always(dialect::chat("ok")).await).await;
    let answer = world.send(&chat(false)).await.expect_whole(200);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "canned");
    assert_eq!(world.vendor("one").count(), 0);
    assert_eq!(world.line().await["status"], 200);
}
