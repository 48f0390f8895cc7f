//! Limits that documents set: rates, quotas, tokens, concurrency; alone and beside those of the configuration.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::{Answer, Call},
    vendor::{Gate, Reply, Vendor, dialect},
    world::{
        Builder, KEY, OTHER_KEY, PROMPT, World, one_backend,
        policies::{backend, global, inbound, models, orders},
    },
};

async fn world(policy: &str) -> World {
    world_of(World::builder(), policy).await
}

async fn world_of(builder: Builder, policy: &str) -> World {
    let vendor = Vendor::start(|seen, _| {
        let status = seen.target.trim_start_matches('/').parse().ok().filter(|status| *status >= 200).unwrap_or(200);
        Reply::text(status, "text/plain", "fine")
    });
    builder.config(&orders(&inbound(policy))).vendor("svc", vendor.await).start().await
}

fn get(key: &str) -> Call {
    Call::get("/orders/1").key(key)
}

fn seconds(answer: &Answer) -> u64 {
    answer.header("retry-after").and_then(|value| value.parse().ok()).expect("Retry-After")
}

#[tokio::test]
async fn a_rate_holds_for_each_subscription_and_moves_with_time() {
    let policy = r#"<rate-limit calls="2" renewal-period="60" remaining-calls-header-name="x-left" total-calls-header-name="x-total" />"#;
    let world = world(policy).await;
    for left in ["1", "0"] {
        let answer = world.send(&get(KEY)).await.expect_whole(200);
        assert_eq!((answer.header("x-left"), answer.header("x-total")), (Some(left), Some("2")));
    }
    let refused = world.send(&get(KEY)).await.expect_whole(429);
    let wait = seconds(&refused);
    assert!((1..=60).contains(&wait), "{wait}");
    let message = format!("Rate limit is exceeded. Try again in {wait} seconds.");
    assert_eq!(refused.json(), json!({"statusCode": 429, "message": message}));
    world.send(&get(OTHER_KEY)).await.expect_whole(200);
    assert_eq!(world.vendor("svc").count(), 3);
    world.advance(Duration::from_secs(wait));
    world.send(&get(KEY)).await.expect_whole(200);
}

#[tokio::test]
async fn a_rate_by_key_counts_what_its_condition_says() {
    let policy = r#"<rate-limit-by-key calls="2" renewal-period="30" counter-key="@(context.Request.Headers.GetValueOrDefault("x-team", ""))" increment-condition="@(context.Response.StatusCode == 200)" retry-after-header-name="x-wait" retry-after-variable-name="wait" />"#;
    let world = world(policy).await;
    let call = |team: &str, path: &str| Call::get(&format!("/orders/{path}")).key(KEY).header("x-team", team);
    for (team, path, status) in [
        ("red", "404", 404),
        ("red", "404", 404),
        ("red", "200", 200),
        ("red", "404", 404),
        ("red", "200", 200),
        ("red", "200", 429),
        ("blue", "200", 200),
        ("red", "404", 429),
    ] {
        let answer = world.send(&call(team, path)).await.expect_whole(status);
        assert_eq!(answer.header("x-wait").is_some(), status == 429, "{team} {path}");
    }
}

#[tokio::test]
async fn quotas_end_in_403_until_their_window_does() {
    let policies = [
        r#"<quota calls="2" renewal-period="3600" />"#,
        r#"<quota-by-key calls="2" renewal-period="3600" counter-key="@(context.Subscription.Id)" />"#,
    ];
    for policy in policies {
        let world = world_of(World::builder().on_sqlite(), policy).await;
        for status in [200, 200, 403, 403] {
            world.send(&get(KEY)).await.expect_whole(status);
        }
        let refused = world.send(&get(KEY)).await.expect_whole(403);
        let wait = seconds(&refused);
        assert!((1..=3600).contains(&wait), "{policy}: {wait}");
        let clock = format!("{:02}:{:02}:{:02}", wait / 3600, wait / 60 % 60, wait % 60);
        let message = format!("Out of call volume quota. Quota will be replenished in {clock}.");
        assert_eq!(refused.json(), json!({"statusCode": 403, "message": message}), "{policy}");
        world.send(&get(OTHER_KEY)).await.expect_whole(200);
        assert_eq!(world.vendor("svc").count(), 3, "{policy}");
        world.advance(Duration::from_secs(wait));
        world.send(&get(KEY)).await.expect_whole(200);
    }
}

#[tokio::test]
async fn a_quota_by_key_counts_what_its_condition_and_amount_say() {
    let policy = r#"<quota-by-key calls="4" renewal-period="3600" counter-key="@(context.Request.Headers.GetValueOrDefault("x-team", ""))" increment-condition="@(context.Response.StatusCode >= 200 &amp;&amp; context.Response.StatusCode &lt; 400)" increment-count="2" first-period-start="2018-03-01T00:00:00Z" />"#;
    let world = world(policy).await;
    let call = |team: &str, path: &str| Call::get(&format!("/orders/{path}")).key(KEY).header("x-team", team);
    for (team, path, status) in [
        ("red", "404", 404),
        ("red", "500", 500),
        ("red", "404", 404),
        ("red", "200", 200),
        ("red", "404", 404),
        ("red", "200", 200),
        ("red", "200", 403),
        ("red", "404", 403),
        ("blue", "200", 200),
    ] {
        let answer = world.send(&call(team, path)).await;
        assert_eq!(answer.status, status, "{team} {path}");
    }
}

#[tokio::test]
async fn answers_that_a_document_gives_count_and_a_quota_is_refused_where_it_stands() {
    let document = r#"<policies>
        <inbound>
          <base />
          <quota calls="2" renewal-period="3600" />
          <choose><when condition="@(context.Request.Url.Path.EndsWith("/own"))"><return-response /></when></choose>
        </inbound>
        <on-error>
          <base />
          <set-header name="x-from"><value>@(context.LastError.Source + "/" + context.LastError.Section)</value></set-header>
        </on-error>
      </policies>"#;
    let vendor = Vendor::start(|_, _| Reply::text(200, "text/plain", "fine")).await;
    let world = World::builder().config(&orders(document)).vendor("svc", vendor).start().await;
    let own = Call::get("/orders/own").key(KEY);
    for call in [&own, &get(KEY)] {
        world.send(call).await.expect_whole(200);
    }
    for call in [&own, &get(KEY)] {
        let refused = world.send(call).await.expect_whole(403);
        assert_eq!(refused.header("x-from"), Some("quota/inbound"));
    }
    assert_eq!(world.vendor("svc").count(), 1);
}

#[tokio::test]
async fn bandwidth_is_a_quota_too() {
    let policy = r#"<quota-by-key bandwidth="1" renewal-period="3600" counter-key="all" />"#;
    let world = world(policy).await;
    let call = Call::new("POST", "/orders/1").key(KEY).body(vec![b'x'; 700]);
    world.send(&call).await.expect_whole(200);
    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(world.send(&call).await.status);
    }
    assert_eq!(statuses.last(), Some(&403), "{statuses:?}");
}

#[tokio::test]
async fn only_so_many_are_inside_at_a_time() {
    let gate = Gate::closed();
    let vendor = Vendor::always(Reply::text(200, "text/plain", "fine").head_after(&gate)).await;
    let policy = backend(r#"<limit-concurrency key="orders" max-count="1"><forward-request /></limit-concurrency>"#);
    let world = World::builder().config(&orders(&policy)).vendor("svc", vendor).start().await;
    let first = get(KEY).start(world.gateway()).await;
    world.vendor("svc").reached(1).await;
    world.send(&get(OTHER_KEY)).await.expect_whole(429);
    gate.open();
    first.finish().await.expect_whole(200);
    world.send(&get(OTHER_KEY)).await.expect_whole(200);
    assert_eq!(world.vendor("svc").count(), 2);
}

fn chat(key: &str, streamed: bool) -> Call {
    let body = json!({"model": "m", "stream": streamed, "messages": [{"role": "user", "content": PROMPT}]});
    Call::post("/v1/chat/completions", &body).key(key)
}

async fn model_world(policy: &str, more: &str) -> World {
    model_world_of(World::builder(), policy, more).await
}

async fn model_world_of(builder: Builder, policy: &str, more: &str) -> World {
    let config = format!("{}{}{more}", one_backend("openai"), models(&inbound(policy)));
    let vendor = Vendor::start(|seen, _| match seen.json()["stream"] {
        Value::Bool(true) => dialect::chat_stream(&seen.json(), &["hello", " there"]),
        _ => dialect::chat("hello there"),
    });
    builder.config(&config).vendor("one", vendor.await).start().await
}

/// Each answer of the vendor uses 18 tokens.
#[tokio::test]
async fn tokens_are_counted_told_and_refused() {
    for name in ["llm-token-limit", "azure-openai-token-limit"] {
        let policy = format!(
            r#"<{name} counter-key="@(context.Subscription.Id)" tokens-per-minute="40" estimate-prompt-tokens="false" remaining-tokens-header-name="x-left" tokens-consumed-header-name="x-used" retry-after-header-name="x-wait" />"#
        );
        let world = model_world(&policy, "").await;
        for (streamed, left) in [(false, "22"), (false, "4")] {
            let answer = world.send(&chat(KEY, streamed)).await.expect_whole(200);
            assert_eq!((answer.header("x-left"), answer.header("x-used")), (Some(left), Some("18")), "{name}");
        }
        world.send(&chat(KEY, true)).await.expect_whole(200);
        let refused = world.send(&chat(KEY, true)).await.expect_whole(429);
        assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded", "{}", refused.text());
        assert!(refused.header("x-wait").is_some(), "{:?}", refused.headers);
        world.send(&chat(OTHER_KEY, false)).await.expect_whole(200);
        assert_eq!(world.vendor("one").count(), 4);
        world.advance(Duration::from_secs(61));
        world.send(&chat(KEY, false)).await.expect_whole(200);
    }
}

#[tokio::test]
async fn a_token_quota_ends_in_403_with_the_callers_envelope() {
    let policy = r#"<llm-token-limit counter-key="all" token-quota="30" token-quota-period="Daily" estimate-prompt-tokens="false" remaining-quota-tokens-header-name="x-left" />"#;
    let world = model_world_of(World::builder().on_sqlite(), policy, "").await;
    let first = world.send(&chat(KEY, false)).await.expect_whole(200);
    assert_eq!(first.header("x-left"), Some("12"));
    world.send(&chat(OTHER_KEY, false)).await.expect_whole(200);
    let refused = world.send(&chat(KEY, false)).await.expect_whole(403);
    assert_eq!(refused.json()["error"]["code"], "insufficient_quota", "{}", refused.text());
    assert_eq!(world.vendor("one").count(), 2);
    world.advance(Duration::from_secs(86_400));
    world.send(&chat(KEY, false)).await.expect_whole(200);
}

#[tokio::test]
async fn room_is_reserved_before_sending_where_the_policy_says_so() {
    let policy = r#"<llm-token-limit counter-key="all" tokens-per-minute="200" estimate-prompt-tokens="true" />"#;
    let world = model_world(policy, "").await;
    let call = |most: u32| {
        let body = json!({"model": "m", "max_tokens": most, "messages": [{"role": "user", "content": PROMPT}]});
        Call::post("/v1/chat/completions", &body).key(KEY)
    };
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(world.send(&call(100)).await.status);
    }
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert!((5..=11).contains(&passed), "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    assert_eq!(world.vendor("one").count(), passed);
}

#[tokio::test]
async fn limits_of_documents_and_of_the_configuration_are_one_mechanism() {
    let products = format!(
        "products: [{{ id: all, limits: {{ tokens_per_day: 50, reserve: after }} }}]
subscriptions:
  - {{ id: team-a, product: all, key: {KEY} }}
  - {{ id: team-b, product: all, key: {OTHER_KEY} }}
"
    );
    let policy = r#"<llm-token-limit counter-key="all" tokens-per-minute="80" estimate-prompt-tokens="false" />"#;
    let world = model_world(policy, &products).await;
    for (key, status) in
        [(KEY, 200), (KEY, 200), (KEY, 200), (KEY, 429), (OTHER_KEY, 200), (OTHER_KEY, 200), (OTHER_KEY, 429)]
    {
        world.send(&chat(key, false)).await.expect_whole(status);
    }
    assert_eq!(world.vendor("one").count(), 5);
}

/// An API imported as plain HTTP whose path is a model API's: tokens are known by it all the same.
#[tokio::test]
async fn token_limits_hold_on_plain_apis_that_carry_model_traffic() {
    let policy = inbound(
        r#"<llm-token-limit counter-key="@(context.Subscription.Id)" tokens-per-minute="40" estimate-prompt-tokens="false" remaining-tokens-header-name="x-left" tokens-consumed-header-name="x-used" />"#,
    );
    for path in ["/orders/deployments/gpt/chat/completions", "/orders/v1/chat/completions", "/orders/chat/completions"]
    {
        let vendor = Vendor::start(|seen, _| match seen.method.as_str() {
            "POST" if seen.json()["stream"] == true => Reply::events(dialect::chat_events(&["hello", " there"], true)),
            "POST" => dialect::chat("hello there"),
            _ => Reply::text(200, "text/plain", "fine"),
        });
        let world = World::builder().config(&orders(&policy)).vendor("svc", vendor.await).start().await;
        let call = |streamed: bool| {
            let body = json!({"model": "m", "stream": streamed, "messages": [{"role": "user", "content": PROMPT}]});
            Call::post(&format!("{path}?api-version=1"), &body).key(KEY)
        };
        let get = world.send(&Call::get(path).key(KEY)).await.expect_whole(200);
        assert_eq!(get.header("x-left"), Some("40"), "what is no model call uses no tokens");
        let answer = world.send(&call(false)).await.expect_whole(200);
        assert_eq!((answer.header("x-left"), answer.header("x-used")), (Some("22"), Some("18")), "{path}");
        assert_eq!(answer.json(), dialect::chat_body("hello there"));
        let streamed = world.send(&call(true)).await.expect_whole(200);
        assert_eq!(streamed.data().last().map(String::as_str), Some("[DONE]"), "{path}");
        world.send(&call(true)).await.expect_whole(200);
        let refused = world.send(&call(false)).await.expect_whole(429);
        assert!(refused.json()["message"].as_str().is_some_and(|text| text.starts_with("Token limit is exceeded.")));
        assert_eq!(world.vendor("svc").count(), 4);
    }
}

#[tokio::test]
async fn a_limit_of_the_global_document_holds_for_everything() {
    let config = format!(
        "{}{}",
        orders(&inbound("")),
        global(
            r#"<policies><inbound><rate-limit-by-key calls="1" renewal-period="60" counter-key="everyone" /></inbound><backend><forward-request /></backend></policies>"#
        )
    );
    let vendor = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let world = World::builder().config(&config).vendor("svc", vendor).start().await;
    world.send(&get(KEY)).await.expect_whole(200);
    world.send(&get(OTHER_KEY)).await.expect_whole(429);
    world.send(&Call::get("/orders/1")).await.expect_whole(401);
}
