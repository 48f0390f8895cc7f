//! The semantic cache policies through the front door: APIM's documents, unmodified, over the model cache.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::{Answer, Call},
    vendor::{Vendor, dialect},
    world::{
        KEY, OTHER_KEY, World, one_backend,
        policies::{document, models},
    },
};

/// A document with these attributes of the lookup, `more` behind it, and a store of a minute.
fn caching(attributes: &str, vary_by: &str, outbound: &str) -> String {
    let lookup = format!(
        r#"<base /><azure-openai-semantic-cache-lookup embeddings-backend-id="e" embeddings-backend-auth="system-assigned" {attributes}>{vary_by}</azure-openai-semantic-cache-lookup>"#
    );
    document(&lookup, "<base />", outbound, "<base />")
}

const STORE: &str = r#"<azure-openai-semantic-cache-store duration="60" /><base />"#;
/// As far apart as a prompt and another wording of it may be.
const NEAR: &str = r#"score-threshold="0.25""#;

/// A model that numbers its answers and streams on demand.
async fn world(policy: &str) -> World {
    let vendor = Vendor::start(|seen, number| {
        let asked = seen.json();
        let text = format!("answer {number}");
        if asked["stream"] == true { dialect::chat_stream(&asked, &[&text]) } else { dialect::chat(&text) }
    });
    let config = format!("{}{}", one_backend("openai"), models(policy));
    World::builder().config(&config).vendor("one", vendor.await).start().await
}

fn body(text: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": text}]})
}

async fn ask(world: &World, body: &Value) -> Answer {
    world.send(&Call::post("/v1/chat/completions", body).key(KEY)).await.expect_whole(200)
}

fn cache(answer: &Answer) -> String {
    answer.header("x-tollgate-cache").unwrap_or("none").to_owned()
}

const QUESTION: &str = "How do I reset my password?";
const REWORDED: &str = "How can I reset my password?";

#[tokio::test]
async fn a_reworded_question_is_answered_and_unlike_ones_are_not() {
    let world = world(&caching(NEAR, "", STORE)).await;
    let first = ask(&world, &body(QUESTION)).await;
    assert_eq!(cache(&first), "miss");
    let again = ask(&world, &body(REWORDED)).await;
    assert!(cache(&again).starts_with("semantic; similarity=0."), "{}", cache(&again));
    assert_eq!(first.json(), again.json());
    assert_eq!(cache(&ask(&world, &body("How tall is the Eiffel tower?")).await), "miss");
    assert_eq!(world.vendor("one").count(), 2);
    world.advance(Duration::from_secs(61));
    assert_eq!(cache(&ask(&world, &body(QUESTION)).await), "miss", "the store's duration is over");
}

#[tokio::test]
async fn a_lower_threshold_is_stricter_and_guards_are_stricter_still() {
    for (attributes, expected) in [
        (r#"score-threshold="0""#, "miss"),
        (r#"score-threshold="0.9""#, "semantic"),
        (r#"score-threshold="0.9" guards="strict""#, "miss"),
    ] {
        let world = world(&caching(attributes, "", STORE)).await;
        ask(&world, &body("Is a return within 30 days possible?")).await;
        let other = ask(&world, &body("Is a return within 60 days possible?")).await;
        assert!(cache(&other).starts_with(expected), "{attributes}: {}", cache(&other));
    }
}

#[tokio::test]
async fn what_stands_before_the_question_divides_unless_it_is_to_be_ignored() {
    let brief = json!({"model": "m", "messages": [{"role": "system", "content": "Be polite."}, {"role": "user", "content": QUESTION}]});
    let long = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": QUESTION}]});
    for (attributes, other, expected) in [
        (NEAR.to_owned(), &brief, "miss"),
        (format!(r#"{NEAR} ignore-system-messages="true""#), &brief, "hit"),
        (format!(r#"{NEAR} ignore-system-messages="true""#), &long, "miss"),
        (format!(r#"{NEAR} max-message-count="2""#), &long, "bypass"),
    ] {
        let world = world(&caching(&attributes, "", STORE)).await;
        ask(&world, &body(QUESTION)).await;
        assert_eq!(cache(&ask(&world, other).await), expected, "{attributes} {other}");
    }
}

#[tokio::test]
async fn callers_are_apart_by_subscription_and_by_what_the_document_says() {
    let vary =
        r#"<vary-by>@(context.Request.Headers.GetValueOrDefault("x-user", ""))</vary-by><vary-by>fixed</vary-by>"#;
    let world = world(&caching(NEAR, vary, STORE)).await;
    let call =
        |key: &str, user: &str| Call::post("/v1/chat/completions", &body(QUESTION)).key(key).header("x-user", user);
    for (key, user, expected) in [
        (KEY, "ann", "miss"),
        (KEY, "ann", "hit"),
        (KEY, "bob", "miss"),
        (OTHER_KEY, "ann", "miss"),
        (OTHER_KEY, "ann", "hit"),
    ] {
        let answer = world.send(&call(key, user)).await.expect_whole(200);
        assert_eq!(cache(&answer), expected, "{key} {user}");
    }
}

#[tokio::test]
async fn a_hit_leaves_out_the_rest_of_inbound_and_goes_on_behind_the_store() {
    let inbound = format!(
        r#"<base /><llm-semantic-cache-lookup embeddings-backend-id="e" {NEAR} /><rate-limit-by-key calls="1" renewal-period="60" counter-key="x" />"#
    );
    let outbound = r#"<set-header name="x-before" exists-action="override"><value>1</value></set-header><llm-semantic-cache-store duration="60" /><set-header name="x-after" exists-action="override"><value>1</value></set-header><base />"#;
    let world = world(&document(&inbound, "<base />", outbound, "<base />")).await;
    let first = ask(&world, &body(QUESTION)).await;
    assert_eq!((first.header("x-before"), first.header("x-after")), (Some("1"), Some("1")));
    for _ in 0..3 {
        let again = ask(&world, &body(QUESTION)).await;
        assert_eq!(cache(&again), "hit", "the limit stands behind the lookup");
        assert_eq!((again.header("x-before"), again.header("x-after")), (None, Some("1")));
    }
}

#[tokio::test]
async fn streams_are_kept_and_both_forms_share() {
    let world = world(&caching(NEAR, "", STORE)).await;
    let streamed = |text: &str| {
        let mut body = body(text);
        body["stream"] = true.into();
        body
    };
    let first = ask(&world, &streamed(QUESTION)).await;
    assert_eq!(cache(&first), "miss");
    let whole = ask(&world, &body(QUESTION)).await;
    assert_eq!(
        (cache(&whole).as_str(), &whole.json()["choices"][0]["message"]["content"]),
        ("hit", &json!("answer 1"))
    );
    let again = ask(&world, &streamed(REWORDED)).await;
    assert!(cache(&again).starts_with("semantic"), "{}", cache(&again));
    assert_eq!(again.data().last().map(String::as_str), Some("[DONE]"));
    assert_eq!(world.vendor("one").count(), 1);
}

#[tokio::test]
async fn an_answer_that_policies_have_read_is_kept_as_it_is_at_the_store() {
    let outbound = r#"<set-variable name="said" value="@(context.Response.Body.As<JObject>(preserveContent: true)["choices"][0]["message"]["content"].ToString())" /><azure-openai-semantic-cache-store duration="60" /><find-and-replace from="answer" to="reply" /><base />"#;
    let world = world(&caching(NEAR, "", outbound)).await;
    for expected in ["miss", "hit"] {
        let answer = ask(&world, &body(QUESTION)).await;
        assert_eq!(cache(&answer), expected);
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "reply 1");
    }
}

#[tokio::test]
async fn a_lookup_without_a_store_keeps_nothing_nor_does_a_store_without_a_lookup() {
    for policy in [caching(NEAR, "", "<base />"), document("<base />", "<base />", STORE, "<base />")] {
        let world = world(&policy).await;
        for _ in 0..2 {
            ask(&world, &body(QUESTION)).await;
        }
        assert_eq!(world.vendor("one").count(), 2);
    }
}

#[tokio::test]
async fn a_hit_charges_no_tokens_and_says_what_it_saved() {
    let world = world(&caching(NEAR, "", STORE)).await;
    for _ in 0..2 {
        ask(&world, &body(QUESTION)).await;
    }
    for _ in 0..1_200 {
        let listed = world.admin(Call::get("/admin/v1/requests?limit=10")).await.expect(200).json();
        let rows = listed["items"].as_array().cloned().unwrap_or_default();
        if rows.len() == 2 {
            let hit = rows.iter().find(|row| row["cache"] == "hit").expect("a hit");
            assert_eq!((&hit["total_tokens"], &hit["saved_tokens"]), (&json!(0), &json!(18)));
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not two rows after 60 s");
}
