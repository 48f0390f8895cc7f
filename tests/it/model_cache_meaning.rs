//! The cache of models' answers by meaning, through the front door: what is served, what never is, who computes
//! meanings, and how hits are verified.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::Call,
    model_cache::{ask, body, cache, counting, rows, with, world},
    vendor::{Reply, Vendor, dialect},
    world::{OTHER_KEY, World},
};

#[tokio::test]
async fn a_reworded_prompt_is_answered_and_a_different_one_is_not() {
    let world = world("openai", "{ semantic: { mode: balanced, embeddings: builtin } }").await;
    ask(&world, &body("How do I reset my password?")).await;
    let rewordings =
        ["How can I reset my password?", "How to reset my password", "In what way do I reset my password?"];
    let mut found = Vec::new();
    for text in rewordings {
        found.push(cache(&ask(&world, &body(text)).await).to_owned());
    }
    assert!(found.iter().any(|status| status.starts_with("semantic; similarity=")), "{found:?}");
    for other in ["How do I reset my phone?", "How do I not reset my password?", "Why do I reset my password?"] {
        assert_eq!(cache(&ask(&world, &body(other)).await), "miss", "{other}");
    }
    let others = Call::post("/v1/chat/completions", &body("How can I reset my password?")).key(OTHER_KEY);
    assert_eq!(cache(&world.send(&others).await.expect_whole(200)), "miss");
}

#[tokio::test]
async fn a_threshold_alone_compares_by_similarity_alone() {
    let world = world("openai", "{ semantic: { mode: threshold-only, threshold: 0.5 } }").await;
    ask(&world, &body("How do I reset my password?")).await;
    let answer = ask(&world, &body("How do I not reset my password?")).await;
    assert!(cache(&answer).starts_with("semantic; similarity="), "{}", cache(&answer));
    let rows = rows(&world, 2).await;
    assert!(rows.iter().any(|row| row["cache"] == "semantic" && row["saved_tokens"] == 18), "{rows:?}");
}

#[tokio::test]
async fn verified_hits_ask_the_model_and_switch_off_what_is_wrong_too_often() {
    let semantic = "semantic: { mode: threshold-only, threshold: 0.5, verify: { share: 1.0, budget: 0.01 } }";
    let world = world("openai", &format!("{{ {semantic} }}")).await;
    // Each answer has a number of its own: none agrees with another.
    for text in ["How do I reset my password?", "How can I reset my password?", "How could I reset my password?"] {
        assert_eq!(cache(&ask(&world, &body(text)).await), "miss", "{text}");
    }
    let text = Call::get("/metrics").send(world.console()).await.expect(200).text();
    assert!(text.contains("\ntollgate_model_cache_verified_total 1\n"), "one is enough to be sure: {text}");
    assert!(text.contains("\ntollgate_model_cache_wrong_total 1\n"));
}

#[tokio::test]
async fn an_embeddings_endpoint_is_asked_once_for_a_prompt_and_its_failure_is_a_miss() {
    let config = "
backends:
  - { id: one, kind: openai, url: \"vendor://one/v1\", key: sk-backend-canary-0004, price: { input: 1 USD, output: 1 USD } }
  - { id: vectors, kind: openai, url: \"vendor://vectors/v1\", key: sk-backend-canary-0004, price: { input: 2 USD, output: 2 USD } }
models: [{ name: m, backend: one }]
cache:
  semantic: { mode: threshold-only, threshold: 0.9, embeddings: { backend: vectors, upstream_model: e } }
";
    let vectors = Vendor::start(|seen, _| {
        let asked: Value = serde_json::from_slice(&seen.body).expect("JSON");
        assert_eq!((asked["model"].as_str(), seen.target.as_str()), (Some("e"), "/v1/embeddings"));
        match asked["input"].as_str() {
            Some("broken") => dialect::openai_error(500, "x"),
            Some(text) => {
                let vector = if text.contains("cat") { json!([0.9, 0.1]) } else { json!([0.0, 1.0]) };
                let mut answer = json!({"data": [{"embedding": vector}]});
                if text == "a cat" {
                    answer["usage"] = json!({"prompt_tokens": 3, "total_tokens": 3});
                }
                Reply::json(200, &answer)
            }
            None => Reply::status(400),
        }
    });
    let builder = World::builder().config(config).vendor("one", counting().await).vendor("vectors", vectors.await);
    let world = builder.start().await;
    let mut wanted = Vec::new();
    for (text, status) in [
        ("a cat", "miss"),
        ("my cat there", "semantic; similarity=1.00"),
        ("a dog", "miss"),
        ("broken", "miss"),
        ("a cat", "hit"),
    ] {
        wanted.push((cache(&ask(&world, &body(text)).await).to_owned(), status));
    }
    assert!(wanted.iter().all(|(is, should)| is == should), "{wanted:?}");
    assert_eq!(world.vendor("vectors").count(), 4, "the same words need no vector");
    vectors_are_in_the_ledger(&world).await;
}

/// What the endpoint used is in the ledger, on nobody's account, and what hits saved hides no cost.
async fn vectors_are_in_the_ledger(world: &World) {
    let lines = async |path: &str| -> Vec<Value> {
        let found =
            world.admin(Call::get(&format!("/admin/v1/{path}&from=2020-01-01&to=2100-01-01"))).await.expect(200);
        found.json()["items"].as_array().expect("a list").clone()
    };
    let mut rows = Vec::new();
    for _ in 0..6_000 {
        rows = lines("requests?order=oldest").await;
        if rows.len() >= 8 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    rows.retain(|row| row["operation"] == "cache.embeddings");
    let facts = |row: &Value| json!([row["subscription"], row["upstream_model"], row["backend"], row["certainty"]]);
    let facts: Vec<_> = rows.iter().map(facts).collect();
    let [exact, estimated] = ["exact", "estimated"].map(|sure| json!([null, "e", "vectors", sure]));
    assert_eq!(facts, [exact, estimated.clone(), estimated], "answered calls have rows: {rows:?}");
    assert_eq!((&rows[0]["total_tokens"], &rows[0]["cost_nanos"]), (&json!(3), &json!(6_000)), "{}", rows[0]);
    let by = lines("reports/by-subscription?").await;
    let team = by.iter().find(|line| line["subscription"] == "team-a").expect("a line of team-a");
    for field in ["cost_nanos", "saved_nanos"] {
        assert!(team[field].as_i64() > Some(0), "{field} of {team}");
    }
}

#[tokio::test]
async fn nothing_crosses_to_another_team_or_another_conversation() {
    let world = world("openai", "{ semantic: { mode: loose } }").await;
    let prompt = "How do I reset my router to factory settings?";
    ask(&world, &body(prompt)).await;
    assert_eq!(cache(&ask(&world, &body(prompt)).await), "hit");
    for number in 0..50 {
        let probes = [
            prompt.to_owned(),
            prompt.to_uppercase(),
            format!("  {prompt}{}", " ".repeat(number)),
            format!("How can I reset my router to its factory settings{}", "?".repeat(number % 3)),
        ];
        for probe in probes {
            // What one probe leaves behind is the prober's own.
            let call = Call::post("/v1/chat/completions", &with(body(&probe), "seed", json!(number))).key(OTHER_KEY);
            let answer = world.send(&call).await.expect_whole(200);
            if answer.header("x-tollgate-cache") != Some("miss") {
                assert_ne!(answer.json()["choices"][0]["message"]["content"], "answer 1", "{probe}");
            }
        }
    }
    let turns = |earlier: &str| {
        json!({"model": "m", "messages": [
            {"role": "user", "content": earlier}, {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": "And how much is it?"}]})
    };
    for city in ["Berlin", "Paris", "Rome", "berlin", "Berlin "] {
        assert_eq!(cache(&ask(&world, &turns(city)).await), "miss", "{city}");
    }
}

/// Every question and rewording of the guards' own test, as what was said before one and the same last question.
#[tokio::test]
async fn conversations_that_differ_in_an_earlier_turn_share_nothing() {
    let world = world("openai", "{ semantic: { mode: loose } }").await;
    let questions = include_str!("../../src/cache/semantic/fresh.txt").lines();
    let questions = questions.filter_map(|line| line.strip_prefix("Q ").or_else(|| line.strip_prefix("= ")));
    let mut count = 0;
    for earlier in questions {
        let turns = json!({"model": "m", "messages": [
            {"role": "user", "content": earlier}, {"role": "assistant", "content": "Yes, of course."},
            {"role": "user", "content": "And what does it cost?"}]});
        assert_eq!(cache(&ask(&world, &turns).await), "miss", "{earlier}");
        count += 1;
    }
    assert_eq!((count > 200, world.vendor("one").count()), (true, count));
}
