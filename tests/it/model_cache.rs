//! The cache of models' answers through the front door: who is answered from it, what is never kept, what a hit
//! costs, and that it outlives the process.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::{Answer, Call},
    vendor::{Reply, Seen, Vendor, dialect},
    world::{KEY, OTHER_KEY, World, binary::Binary, one_backend},
};

/// A model that numbers its answers and streams on demand.
pub async fn counting() -> Vendor {
    Vendor::start(|seen, number| answered(seen, &format!("answer {number}"))).await
}

fn answered(seen: &Seen, text: &str) -> Reply {
    let asked: Value = serde_json::from_slice(&seen.body).expect("JSON");
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    let streamed = asked["stream"] == true || seen.target.contains("streamGenerateContent");
    match (seen.target.split(['?', ':']).next().unwrap_or_default(), streamed) {
        (path, true) if path.ends_with("/messages") => Reply::events(dialect::message_events(&words)),
        (path, false) if path.ends_with("/messages") => dialect::message(text),
        (path, true) if path.ends_with("/chat/completions") => dialect::chat_stream(&asked, &words),
        (path, false) if path.ends_with("/chat/completions") => dialect::chat(text),
        (path, _) if path.ends_with("/responses") => dialect::response("resp_1"),
        (path, _) if path.ends_with("/embeddings") => Reply::json(
            200,
            &json!({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
                "model": "up", "usage": {"prompt_tokens": 3, "total_tokens": 3}}),
        ),
        (_, true) => Reply::events(dialect::gemini_events(&words)),
        (_, false) => dialect::gemini(text),
    }
}

pub async fn world(kind: &str, cache: &str) -> World {
    let config = one_backend(kind) + &format!("cache: {cache}\n");
    World::builder().config(&config).vendor("one", counting().await).start().await
}

pub fn body(text: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": text}]})
}

pub fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

pub fn chat(body: &Value) -> Call {
    Call::post("/v1/chat/completions", body).key(KEY)
}

pub fn cache(answer: &Answer) -> &str {
    answer.header("x-tollgate-cache").unwrap_or("none")
}

pub async fn ask(world: &World, body: &Value) -> Answer {
    world.send(&chat(body)).await.expect_whole(200)
}

#[tokio::test]
async fn the_same_request_is_answered_from_the_cache_and_costs_no_tokens() {
    let world = world("openai", "{}").await;
    let first = ask(&world, &body("Why?")).await;
    assert_eq!(cache(&first), "miss");
    world.advance(Duration::from_secs(30));
    let again = ask(&world, &body("Why?")).await;
    assert_eq!((cache(&again), again.header("age")), ("hit", Some("30")));
    assert_eq!(first.json(), again.json());
    let polite = ask(&world, &with(body("Why?"), "user", json!("somebody"))).await;
    assert_eq!(cache(&polite), "hit", "a label of the caller changes nothing");
    assert_eq!(world.vendor("one").count(), 1);
    let rows = rows(&world, 3).await;
    let find = |word: &str| rows.iter().filter(|row| row["cache"] == word).collect::<Vec<_>>();
    assert_eq!((find("miss").len(), find("hit").len()), (1, 2));
    let (miss, hit) = (find("miss")[0], find("hit")[0]);
    assert_eq!((&miss["total_tokens"], &miss["saved_tokens"]), (&json!(18), &json!(0)));
    assert_eq!((&hit["total_tokens"], &hit["saved_tokens"]), (&json!(0), &json!(18)));
    assert_eq!(hit["outcome"], "complete");
}

pub async fn rows(world: &World, count: usize) -> Vec<Value> {
    for _ in 0..6_000 {
        let page = world.admin(Call::get("/admin/v1/requests")).await.expect(200).json();
        let rows = page["items"].as_array().expect("a list").clone();
        if rows.len() >= count {
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no {count} rows after 60 s");
}

#[tokio::test]
async fn without_a_setting_nothing_is_kept() {
    let vendor = counting().await;
    let world = World::one("openai", vendor).await;
    for _ in 0..2 {
        assert_eq!(cache(&ask(&world, &body("Why?")).await), "none");
    }
    assert_eq!(world.vendor("one").count(), 2);
}

#[tokio::test]
async fn streamed_and_unstreamed_callers_share_answers_in_every_dialect() {
    let gemini = |verb: &str| format!("/v1beta/models/m:{verb}");
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]});
    let messages = json!({"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "Why?"}]});
    let table = [
        ("openai", "/v1/chat/completions".to_owned(), body("Why?"), None),
        ("anthropic", "/v1/messages".to_owned(), messages, None),
        ("gemini", gemini("generateContent"), contents, Some(gemini("streamGenerateContent?alt=sse"))),
    ];
    for (kind, path, body, streaming) in table {
        for streamed_first in [false, true] {
            let world = world(kind, "{}").await;
            let plain = Call::post(&path, &body).key(KEY);
            let stream = match &streaming {
                Some(path) => Call::post(path, &body).key(KEY),
                None => Call::post(&path, &with(body.clone(), "stream", json!(true))).key(KEY),
            };
            let (first, then) = if streamed_first { (&stream, &plain) } else { (&plain, &stream) };
            assert_eq!(cache(&world.send(first).await.expect_whole(200)), "miss", "{kind}");
            let shared = world.send(then).await.expect_whole(200);
            assert_eq!(cache(&shared), "hit", "{kind}, streamed first: {streamed_first}");
            assert!(shared.text().contains("answer"), "{}", shared.text());
            assert_eq!(cache(&world.send(first).await.expect_whole(200)), "hit", "{kind}");
            assert_eq!(world.vendor("one").count(), 1, "{kind}");
        }
    }
}

#[tokio::test]
async fn a_replay_tells_usage_to_those_who_asked_and_ends_as_it_should() {
    let world = world("openai", "{}").await;
    ask(&world, &with(body("Why?"), "stream", json!(true))).await;
    let asked = with(with(body("Why?"), "stream", json!(true)), "stream_options", json!({"include_usage": true}));
    let told = ask(&world, &asked).await;
    assert_eq!((cache(&told), told.header("content-type")), ("hit", Some("text/event-stream")));
    let events = told.data();
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    assert!(events[events.len() - 2].contains("\"prompt_tokens\":11"), "{events:?}");
    let silent = ask(&world, &with(body("Why?"), "stream", json!(true))).await;
    assert!(!silent.text().contains("prompt_tokens"), "{}", silent.text());
    let plain = ask(&world, &body("Why?")).await;
    assert_eq!(plain.json()["usage"]["completion_tokens"], 7);
    assert_eq!(world.vendor("one").count(), 1);
}

#[tokio::test]
async fn what_tells_requests_apart_is_never_left_out() {
    let world = world("openai", "{}").await;
    ask(&world, &body("Why?")).await;
    let table = [
        ("temperature", json!(0.3)),
        ("max_tokens", json!(5)),
        ("seed", json!(1)),
        ("stop", json!(["x"])),
        ("response_format", json!({"type": "json_object"})),
        ("tools", json!([{"type": "function", "function": {"name": "f"}}])),
        ("something_new", json!("x")),
    ];
    for (name, value) in table {
        assert_eq!(cache(&ask(&world, &with(body("Why?"), name, value)).await), "miss", "{name}");
    }
    let call = chat(&body("Why?")).header("openai-beta", "x");
    assert_eq!(cache(&world.send(&call).await.expect_whole(200)), "miss");
    let system = json!({"model": "m", "messages": [{"role": "system", "content": "Be long."}, {"role": "user", "content": "Why?"}]});
    assert_eq!(cache(&ask(&world, &system).await), "miss");
}

#[tokio::test]
async fn what_may_not_be_cached_passes_by() {
    let world = world("openai", "{ temperature_limit: 0.5 }").await;
    let said = |content: Value| json!({"model": "m", "messages": [{"role": "user", "content": content}]});
    let tool = json!({"model": "m", "messages": [{"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "t", "content": "42"}]});
    let table = [
        with(body("Why?"), "temperature", json!(0.7)),
        with(body("Why?"), "n", json!(2)),
        with(body("Why?"), "logprobs", json!(true)),
        with(body("Why?"), "web_search_options", json!({"a": 1})),
        said(json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}])),
        tool,
    ];
    for body in table {
        for _ in 0..2 {
            assert_eq!(cache(&ask(&world, &body).await), "bypass", "{body}");
        }
    }
    assert_eq!(world.vendor("one").count(), 12);
}

#[tokio::test]
async fn callers_may_pass_by_the_cache() {
    let world = world("openai", "{}").await;
    let asking = |control: &str| chat(&body("Why?")).header("cache-control", control);
    assert_eq!(cache(&world.send(&asking("no-store")).await.expect_whole(200)), "bypass");
    assert_eq!(cache(&ask(&world, &body("Why?")).await), "miss", "nothing was kept");
    assert_eq!(cache(&world.send(&asking("no-store")).await.expect_whole(200)), "bypass");
    let fresh = world.send(&asking("no-cache")).await.expect_whole(200);
    assert_eq!(cache(&fresh), "bypass");
    let then = ask(&world, &body("Why?")).await;
    assert_eq!((cache(&then), then.json()), ("hit", fresh.json()), "the fresh answer took its place");
}

#[tokio::test]
async fn answers_that_are_not_whole_and_normal_are_never_kept() {
    let odd = |text: &str, pointer: &str, value: Value| {
        let mut body = dialect::chat_body(text);
        *body.pointer_mut(pointer).expect("there") = value;
        Reply::json(200, &body)
    };
    let replies: [fn() -> Reply; 3] = [
        || dialect::openai_error(400, "bad"),
        || Reply::json(200, &json!({"error": {"message": "inside"}})),
        || dialect::chat("").header("x-empty", "1"),
    ];
    for reply in replies {
        never_kept(Vendor::start(move |_, _| reply()).await, &body("Why?")).await;
    }
    for (pointer, value) in [
        ("/choices/0/finish_reason", json!("length")),
        ("/choices/0/finish_reason", json!("content_filter")),
        ("/choices/0/message", json!({"role": "assistant", "content": null, "tool_calls": [{"id": "t"}]})),
    ] {
        never_kept(Vendor::start(move |_, _| odd("x", pointer, value.clone())).await, &body("Why?")).await;
    }
}

async fn never_kept(vendor: Vendor, body: &Value) {
    let config = one_backend("openai") + "cache: {}\n";
    let world = World::builder().config(&config).vendor("one", vendor).start().await;
    for _ in 0..2 {
        assert_eq!(cache(&world.send(&chat(body)).await), "miss");
    }
    assert_eq!(world.vendor("one").count(), 2);
}

#[tokio::test]
async fn a_stream_that_was_cut_anywhere_is_never_kept() {
    let asked = with(body("Why?"), "stream", json!(true));
    let events = dialect::chat_events(&["one ", "two ", "three"], true);
    for cut in 0..events.len() - 1 {
        let vendor =
            Vendor::start(move |_, _| Reply::events(dialect::chat_events(&["one ", "two ", "three"], true)).cut(cut));
        let config = one_backend("openai") + "cache: {}\n";
        let world = World::builder().config(&config).vendor("one", vendor.await).start().await;
        world.send(&chat(&asked)).await;
        let before = world.vendor("one").count();
        let again = world.send(&chat(&asked)).await;
        assert_ne!(cache(&again), "hit", "cut after {cut}");
        assert!(world.vendor("one").count() > before, "cut after {cut}");
    }
}

#[tokio::test]
async fn a_hit_is_a_request_and_needs_no_tokens() {
    let config = one_backend("openai")
        + "cache: {}
products: [{ id: all, limits: { tokens_per_month: 60, requests_per_minute: 4 } }]
subscriptions: [{ id: team-a, product: all, key: key-of-team-a-canary-0001 }]
";
    let world = World::builder().config(&config).vendor("one", counting().await).start().await;
    let short = with(body("Why?"), "max_tokens", json!(16));
    for wanted in ["miss", "hit", "hit", "hit"] {
        assert_eq!(cache(&ask(&world, &short).await), wanted);
    }
    world.send(&chat(&short)).await.expect(429);
    assert_eq!(world.vendor("one").count(), 1);
}

#[tokio::test]
async fn hits_are_charged_where_that_is_set() {
    let world = world("openai", "{ charge_hits: true }").await;
    ask(&world, &body("Why?")).await;
    assert_eq!(cache(&ask(&world, &body("Why?")).await), "hit");
    let rows = rows(&world, 2).await;
    let hit = rows.iter().find(|row| row["cache"] == "hit").expect("a hit");
    assert_eq!((&hit["total_tokens"], &hit["saved_tokens"]), (&json!(18), &json!(18)));
}

#[tokio::test]
async fn answers_end_with_their_time_and_products_and_models_have_rules_of_their_own() {
    let config = "
backends: [{ id: one, kind: openai, url: \"vendor://one/v1\", key: sk-backend-canary-0004 }]
models: [{ name: m, backend: one, cache: { ttl: 10s } }, { name: never, backend: one, cache: { enabled: false } }]
cache: { ttl: 1h }
";
    let world = World::builder().config(config).vendor("one", counting().await).start().await;
    assert_eq!(cache(&ask(&world, &body("Why?")).await), "miss");
    world.advance(Duration::from_secs(9));
    assert_eq!(cache(&ask(&world, &body("Why?")).await), "hit");
    world.advance(Duration::from_secs(2));
    assert_eq!(cache(&ask(&world, &body("Why?")).await), "miss");
    for _ in 0..2 {
        assert_eq!(cache(&ask(&world, &with(body("Why?"), "model", json!("never"))).await), "none");
    }
}

#[tokio::test]
async fn embeddings_and_responses_are_answered_to_the_same_request() {
    let world = world("openai", "{}").await;
    let table = [
        ("/v1/embeddings", json!({"model": "m", "input": "text"})),
        ("/v1/responses", json!({"model": "m", "input": "Why?"})),
    ];
    for (path, body) in table {
        for wanted in ["miss", "hit"] {
            let answer = world.send(&Call::post(path, &body).key(KEY)).await.expect_whole(200);
            assert_eq!(cache(&answer), wanted, "{path}");
        }
    }
}

/// What was answered before a kill is answered from the cache after it.
async fn survives(server: &str) {
    let config = "
backends: [{ id: sim, kind: sim }]
models: [{ name: sim-echo, backend: sim }]
products: [{ id: all }]
subscriptions: [{ id: team-a, product: all, key: key-of-team-a-canary-0001 }]
cache: { semantic: { mode: balanced } }
";
    let mut binary = Binary::start(config, server).await;
    let call = |text: &str| {
        let body = json!({"model": "sim-echo", "messages": [{"role": "user", "content": text}]});
        Call::post("/v1/chat/completions", &body).key(KEY)
    };
    let prompt = "How do I reset my password, prompt-canary-0006?";
    let first = call(prompt).send(binary.gateway).await.expect_whole(200);
    assert_eq!(cache(&first), "miss");
    // The writer is not waited for by anybody.
    tokio::time::sleep(Duration::from_secs(3)).await;
    binary.signal(rustix::process::Signal::KILL);
    binary.ended(Duration::from_secs(10)).await;
    binary.restart().await;
    // Nor is the reader; a miss is not kept here, so that only what was there before can be found.
    let mut again = first.clone();
    for _ in 0..100 {
        again = call(prompt).header("cache-control", "no-store").send(binary.gateway).await.expect_whole(200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(cache(&again), "bypass");
    let again = call(&format!("  {}", prompt.to_lowercase())).send(binary.gateway).await.expect_whole(200);
    assert_eq!((cache(&again), again.json()), ("hit", first.json()));
    for entry in std::fs::read_dir(binary.folder().join("tollgate-data")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        assert!(memchr::memmem::find(&bytes, b"prompt-canary").is_none(), "in clear in {}", path.display());
    }
}

#[tokio::test]
async fn a_killed_process_has_its_answers_again() {
    survives("").await;
}

#[tokio::test]
async fn a_killed_process_has_its_answers_again_from_postgres() {
    let database = crate::postgres::Server::shared().database();
    survives(&format!("  database: {database}\n")).await;
}

#[tokio::test]
async fn prompts_that_speak_of_a_time_are_kept_only_for_the_time_that_is_set() {
    let never = world("openai", "{}").await;
    for _ in 0..2 {
        assert_eq!(cache(&ask(&never, &body("What is the weather today?")).await), "bypass");
    }
    let briefly = world("openai", "{ time_dependent_ttl: 10s }").await;
    assert_eq!(cache(&ask(&briefly, &body("What is the weather today?")).await), "miss");
    briefly.advance(Duration::from_secs(9));
    assert_eq!(cache(&ask(&briefly, &body("What is the weather today?")).await), "hit");
    briefly.advance(Duration::from_secs(2));
    assert_eq!(cache(&ask(&briefly, &body("What is the weather today?")).await), "miss");
}

#[tokio::test]
async fn a_wrong_answer_is_evicted_by_its_caller_or_the_administrator_and_by_nobody_else() {
    let world = world("openai", "{}").await;
    ask(&world, &body("Why?")).await;
    let entry = |answer: &Answer| answer.header("x-tollgate-cache-entry").expect("named").to_owned();
    let hit = ask(&world, &body("Why?")).await;
    assert_eq!(cache(&hit), "hit");
    let evicting = |key: &str| {
        let call = Call::post("/v1/chat/completions", &body("Why?")).key(key);
        call.header("x-tollgate-cache-evict", &entry(&hit))
    };
    world.send(&evicting(OTHER_KEY)).await.expect_whole(200);
    assert_eq!(cache(&ask(&world, &body("Why?")).await), "hit", "another team's word is nothing");
    assert_eq!(cache(&world.send(&evicting(KEY)).await.expect_whole(200)), "miss");
    assert_eq!(cache(&ask(&world, &body("Why?")).await), "hit");
    let purge = async |what: Value, query: &str| {
        let call = Call::post(&format!("/admin/v1/cache/models/purge{query}"), &what);
        world.admin(call).await.expect(200).json()["purged"].clone()
    };
    assert_eq!(purge(json!({"subscription": "team-a"}), "?dry_run=true").await, 1);
    assert_eq!(purge(json!({"entry": entry(&hit)}), "").await, 1);
    assert_eq!(cache(&ask(&world, &body("Why?")).await), "miss");
    assert_eq!(purge(json!({"subscription": "nobody"}), "").await, 0);
    assert_eq!(purge(json!({"model": "m", "subscription": "team-a"}), "").await, 1);
    assert_eq!(purge(json!({"all": true}), "").await, 1, "the other team's");
    for bad in [json!({}), json!({"entry": "x"}), json!({"all": true, "model": "m"}), json!({"modle": "m"})] {
        world.admin(Call::post("/admin/v1/cache/models/purge", &bad)).await.expect(400);
    }
}
