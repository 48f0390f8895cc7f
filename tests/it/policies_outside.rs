//! What documents send, count and keep beside the exchange: metrics, log messages, caches, content safety.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::{Answer, Call, End},
    vendor::{Reply, Vendor, dialect},
    world::{
        KEY, OTHER_KEY, PROMPT, World, one_backend,
        policies::{inbound, models, orders, outbound},
    },
};

fn chat(streamed: bool) -> Call {
    let body = json!({"model": "m", "stream": streamed, "messages": [{"role": "user", "content": PROMPT}]});
    Call::post("/v1/chat/completions", &body).key(KEY)
}

#[tokio::test]
async fn metrics_of_documents_stand_beside_the_gateways() {
    let policy = inbound(
        r#"<emit-metric name="calls" namespace="shop"><dimension name="Subscription ID" /></emit-metric>
           <azure-openai-emit-token-metric namespace="llm"><dimension name="API ID" /><dimension name="Backend ID" /></azure-openai-emit-token-metric>"#,
    );
    let config = format!("{}{}", one_backend("openai"), models(&policy));
    let vendor = Vendor::start(|seen, _| {
        if seen.json()["stream"] == true {
            dialect::chat_stream(&seen.json(), &["one", " two"])
        } else {
            dialect::chat("hello")
        }
    });
    let world = World::builder().config(&config).vendor("one", vendor.await).start().await;
    for streamed in [true, false] {
        world.send(&chat(streamed)).await.expect_whole(200);
    }
    world.lines(2).await;
    let labels = [r#"api_id="models""#, r#"backend_id="one""#];
    for _ in 0..1_200 {
        let metrics = world.metrics().await;
        let tokens = |what: &str| metrics.sum(&format!("tollgate_policy_llm_{what}_tokens_sum"), &labels);
        if tokens("total") == 36 {
            assert_eq!((tokens("prompt"), tokens("completion")), (22, 14));
            assert_eq!(metrics.sum("tollgate_policy_shop_calls_sum", &[r#"subscription_id="team-a""#]), 2);
            assert!(metrics.0.contains("\ntollgate_policy_log_messages_dropped_total 0\n"), "{}", metrics.0);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", world.metrics().await.0);
}

#[tokio::test]
async fn log_messages_are_written_before_the_gateway_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let policy = outbound(
        r#"<log-to-eventhub logger-id="audit">@{ return new JObject(new JProperty("status", context.Response.StatusCode)).ToString(); }</log-to-eventhub>"#,
    );
    let loggers = format!("loggers: [{{ id: audit, file: {}, interval: 60s }}]\n", file.display());
    let vendor = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let world = World::builder().config(&format!("{}{loggers}", orders(&policy))).vendor("svc", vendor).start().await;
    for _ in 0..3 {
        world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    }
    drop(world);
    assert_eq!(std::fs::read_to_string(&file).expect("written"), "{\"status\":200}\n".repeat(3));
}

fn cached(answer: &Answer) -> Option<&str> {
    answer.header("x-tollgate-cache")
}

const CACHED: &str = "<policies><inbound><base />\n<cache-lookup vary-by-developer=\"false\" vary-by-developer-groups=\"false\" downstream-caching-type=\"public\" />\n</inbound><outbound>\n<cache-store duration=\"60\" /><base />\n</outbound></policies>";

#[tokio::test]
async fn answers_are_kept_as_they_pass() {
    let json = json!({"a": "b".repeat(5000)});
    let replies: [(&str, Reply); 3] = [
        ("whole", Reply::json(200, &json)),
        (
            "chunked",
            Reply::chunks("application/json", [json.to_string()[..9].to_owned(), json.to_string()[9..].to_owned()]),
        ),
        ("coded", Reply::json(200, &json).encoded("gzip")),
    ];
    for (name, reply) in replies {
        let world = World::builder().config(&orders(CACHED)).vendor("svc", Vendor::always(reply).await).start().await;
        let get = |key: &str| Call::get("/orders/1?x=1").key(key).header("accept-encoding", "gzip");
        let first = world.send(&get(KEY)).await.expect_whole(200);
        world.lines(1).await;
        world.advance(Duration::from_secs(7));
        let second = world.send(&get(OTHER_KEY)).await.expect_whole(200);
        assert_eq!((cached(&first), cached(&second)), (Some("miss"), Some("hit")), "{name}");
        assert_eq!((&first.body, second.header("age")), (&second.body, Some("7")), "{name}");
        assert_eq!(first.header("content-encoding"), second.header("content-encoding"), "{name}");
        assert_eq!(second.header("cache-control"), Some("public, max-age=60, must-revalidate"), "{name}");
        let head = Call::new("HEAD", "/orders/1?x=1").key(KEY).header("accept-encoding", "gzip");
        let head = world.send(&head).await.expect_whole(200);
        let length = second.body.len().to_string();
        assert_eq!((cached(&head), head.header("content-length"), head.body.len()), (Some("hit"), Some(&*length), 0));
        assert_eq!(world.vendor("svc").count(), 1, "{name}");
        world.advance(Duration::from_secs(54));
        assert_eq!(cached(&world.send(&get(KEY)).await.expect_whole(200)), Some("miss"), "{name}: its time is over");
    }
}

#[tokio::test]
async fn the_answer_of_a_side_call_can_be_the_callers() {
    let policy = r#"<policies><inbound><base />
<send-request mode="new" response-variable-name="auth" timeout="10"><set-url>vendor://auth/check</set-url></send-request>
<choose><when condition="@(context.Variables.GetValueOrDefault<IResponse>("auth")?.StatusCode != 200)">
<return-response response-variable-name="auth" /></when></choose></inbound></policies>"#;
    let auth = Vendor::always(Reply::text(403, "text/plain", "not you").header("x-why", "no scope")).await;
    let svc = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let world = World::builder().config(&orders(policy)).vendor("auth", auth).vendor("svc", svc).start().await;
    let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(403);
    assert_eq!((answer.text().as_str(), answer.header("x-why")), ("not you", Some("no scope")));
    assert_eq!(world.vendor("svc").count(), 0);
}

#[tokio::test]
async fn a_kept_answer_counts_as_a_call() {
    let config = orders(CACHED).replace("path: /orders", "path: /orders\n    limits: { requests_per_minute: 3 }");
    let fine = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let world = World::builder().config(&config).vendor("svc", fine).start().await;
    let get = Call::get("/orders/1").key(KEY);
    for wanted in ["miss", "hit", "hit"] {
        assert_eq!(cached(&world.send(&get).await.expect_whole(200)), Some(wanted));
    }
    let refused = world.send(&get).await.expect_whole(429);
    assert!(refused.header("retry-after").is_some(), "{}", refused.text());
    assert_eq!(world.vendor("svc").count(), 1);
}

#[tokio::test]
async fn answers_that_break_off_are_not_kept() {
    let vendor = Vendor::start(|_, at| {
        let whole = Reply::chunks("text/plain", ["one", "two"]);
        if at == 1 { whole.broken(1) } else { whole }
    });
    let world = World::builder().config(&orders(CACHED)).vendor("svc", vendor.await).start().await;
    let get = Call::get("/orders/1").key(KEY);
    assert_ne!(world.send(&get).await.end, End::Proper);
    let second = world.send(&get).await.expect_whole(200);
    assert_eq!((cached(&second), second.text().as_str()), (Some("miss"), "onetwo"));
}

#[tokio::test]
async fn a_coded_answer_is_read_without_its_coding() {
    let policy = outbound(r#"<find-and-replace from="secret" to="******" />"#);
    let vendor = Vendor::always(Reply::text(200, "text/plain", "a secret").encoded("gzip")).await;
    let world = World::builder().config(&orders(&policy)).vendor("svc", vendor).start().await;
    let answer = world.send(&Call::get("/orders/1").key(KEY).header("accept-encoding", "gzip")).await.expect_whole(200);
    assert_eq!((answer.text().as_str(), answer.header("content-encoding")), ("a ******", None));
}

#[tokio::test]
async fn one_exchange_makes_a_value_for_all() {
    let policy = inbound(
        r#"<cache-value key="k" variable-name="v" expires-after="60"><value>
             <send-request mode="new" response-variable-name="r"><set-url>vendor://token/token</set-url></send-request>
             <set-variable name="v" value="@(((IResponse)context.Variables["r"]).Body.As<string>())" />
           </value></cache-value>
           <set-header name="x-v" exists-action="override"><value>@((string)context.Variables["v"])</value></set-header>"#,
    );
    let token = Vendor::always(Reply::text(200, "text/plain", "made")).await;
    let svc = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let world = World::builder().config(&orders(&policy)).vendor("svc", svc).vendor("token", token).start().await;
    let call = Call::get("/orders/1").key(KEY);
    let all = futures_util::future::join_all((0..20).map(|_| world.send(&call))).await;
    assert!(all.into_iter().all(|answer| answer.expect_whole(200).status == 200));
    assert!(world.vendor("svc").seen().iter().all(|seen| seen.header("x-v") == Some("made")));
    assert_eq!(world.vendor("token").count(), 1);
}

/// A content safety service that finds `bad` hateful.
async fn safety() -> Vendor {
    Vendor::start(|seen, _| {
        let question: Value = seen.json();
        let is_bad = question["text"].as_str().is_some_and(|text| text.contains("bad"));
        let severity = if is_bad { 6 } else { 0 };
        Reply::json(
            200,
            &json!({"blocklistsMatch": [], "categoriesAnalysis": [{"category": "Hate", "severity": severity}]}),
        )
    })
    .await
}

async fn guarded(policy: &str, vendor: Vendor) -> World {
    let config = format!("{}{}", one_backend("openai"), models(policy)).replacen(
        "backends: [",
        "backends: [{ id: safety, kind: http, url: \"vendor://safety\", key: k }, ",
        1,
    );
    World::builder().config(&config).vendor("one", vendor).vendor("safety", safety().await).start().await
}

const GUARD: &str = r#"<llm-content-safety backend-id="safety" enforce-on-completions="true" window-size="6" window-overlap-size="3"><categories><category name="Hate" threshold="4" /></categories></llm-content-safety>"#;

#[tokio::test]
async fn bad_prompts_and_answers_are_refused() {
    let vendor = Vendor::start(|_, at| dialect::chat(if at == 1 { "fine" } else { "a bad word" }));
    let world = guarded(&inbound(GUARD), vendor.await).await;
    world.send(&chat(false)).await.expect_whole(200);
    let refused = world.send(&chat(false)).await.expect_whole(403).json();
    assert_eq!(refused["error"]["message"], "Response failed content safety check.", "{refused}");
    let prompt = json!({"model": "m", "messages": [{"role": "user", "content": "be bad"}]});
    let refused = world.send(&Call::post("/v1/chat/completions", &prompt).key(KEY)).await.expect_whole(403).json();
    assert_eq!(refused["error"]["message"], "Request failed content safety check.", "{refused}");
    assert_eq!(world.vendor("one").count(), 2, "the backend has not seen the bad prompt");
}

#[tokio::test]
async fn a_stream_is_checked_in_windows_and_ends_at_the_bad_one() {
    for (policy, words, wanted, is_bad) in [
        (inbound(GUARD), &["good", " words", " only"][..], "good words only", false),
        (inbound(GUARD), &["good", " words", " b", "ad", " more"], "good words", true),
        (outbound(GUARD), &["good", " words", " b", "ad", " more"], "good words", true),
        (inbound(GUARD), &["bad"], "", true),
    ] {
        let vendor = Vendor::start(move |seen, _| dialect::chat_stream(&seen.json(), words)).await;
        let world = guarded(&policy, vendor).await;
        let answer = world.send(&chat(true)).await.expect(200);
        let events = answer.data();
        let said: String = events
            .iter()
            .filter_map(|event| serde_json::from_str::<Value>(event).ok())
            .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(ToOwned::to_owned))
            .collect();
        assert_eq!(said, wanted, "{events:?}");
        let last = events.last().expect("events");
        if is_bad {
            assert!(last.contains("Response failed content safety check."), "{last}");
            assert_ne!(answer.end, End::Proper, "it does not look whole");
            let line = world.line().await;
            assert_eq!((&line["outcome"], &line["error"]), (&json!("ended"), &json!("forbidden")), "{line}");
        } else {
            assert_eq!((last.as_str(), answer.end), ("[DONE]", End::Proper));
        }
    }
}
