//! Simulated models and the Echo API: on the normal code path, without a network, deterministic.

use serde_json::{Value, json};

use crate::{
    client::Call,
    world::{KEY, PROMPT, World},
};

async fn world() -> World {
    let names = ["sim-echo", "sim-lorem", "sim-flaky", "sim-slow", "sim-json", "sim-embed"];
    let models: Vec<String> = names.iter().map(|name| format!("{{ name: {name}, backend: sim }}")).collect();
    let config = format!(
        "backends: [{{ id: sim, kind: sim }}]\nmodels: [{}]\n\
         apis: [{{ id: models, kind: models, path: / }}, {{ id: echo, kind: http, path: /echo, backend: sim }}]\n",
        models.join(", ")
    );
    World::builder().config(&config).start().await
}

fn chat(model: &str, extra: &Value) -> Call {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": PROMPT}]});
    for (name, value) in extra.as_object().expect("an object") {
        body[name] = value.clone();
    }
    Call::post("/v1/chat/completions", &body).key(KEY)
}

#[tokio::test]
async fn echo_says_the_last_message_in_every_dialect() {
    let world = world().await;
    let messages = json!([{"role": "user", "content": "earlier"}, {"role": "assistant", "content": "yes"}, {"role": "user", "content": PROMPT}]);
    let contents = json!([{"role": "user", "parts": [{"text": PROMPT}]}]);
    for (path, body, pointer) in [
        ("/v1/chat/completions", json!({"model": "sim-echo", "messages": messages}), "/choices/0/message/content"),
        ("/v1/messages", json!({"model": "sim-echo", "max_tokens": 99, "messages": messages}), "/content/0/text"),
        (
            "/v1beta/models/sim-echo:generateContent",
            json!({"contents": contents}),
            "/candidates/0/content/parts/0/text",
        ),
        ("/v1/responses", json!({"model": "sim-echo", "input": PROMPT}), "/output/0/content/0/text"),
    ] {
        let answer = world.send(&Call::post(path, &body).key(KEY)).await.expect_whole(200);
        assert_eq!(answer.json().pointer(pointer), Some(&json!(PROMPT)), "{path} {}", answer.text());
    }
    for line in world.lines(4).await {
        assert_eq!(line["certainty"], "exact", "{line}");
        assert!(line["total_tokens"].as_u64() > Some(0), "{line}");
    }
}

#[tokio::test]
async fn streams_say_the_same_as_whole_answers() {
    let world = world().await;
    for model in ["sim-echo", "sim-lorem"] {
        let extra = json!({"seed": 7, "max_tokens": 20});
        let whole = world.send(&chat(model, &extra)).await.expect_whole(200).json();
        let streamed =
            world.send(&chat(model, &json!({"seed": 7, "max_tokens": 20, "stream": true}))).await.expect_whole(200);
        let data = streamed.data();
        assert_eq!(data.last().map(String::as_str), Some("[DONE]"));
        let pieces = data.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
        let text: String =
            pieces.filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect();
        assert_eq!(whole["choices"][0]["message"]["content"], text, "{model}");
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answer() {
    let world = world().await;
    let mut answers = Vec::new();
    for seed in [1, 1, 2] {
        let body = chat("sim-lorem", &json!({"seed": seed, "max_tokens": 30}));
        answers.push(world.send(&body).await.expect_whole(200).json()["choices"][0]["message"]["content"].clone());
    }
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0], answers[2]);
}

#[tokio::test]
async fn flaky_fails_as_often_as_told() {
    let world = world().await;
    for (header, status) in [("x-sim-rate-429", 429), ("x-sim-rate-500", 500)] {
        let others = ["x-sim-rate-429", "x-sim-rate-500", "x-sim-rate-cut"].into_iter().filter(|name| *name != header);
        let call = others.fold(chat("sim-flaky", &json!({})).header(header, "1"), |call, name| call.header(name, "0"));
        let answer = world.send(&call).await;
        let failed = if status == 429 { answer.status == 429 } else { answer.status >= 500 };
        assert!(failed, "{header}: {} {}", answer.status, answer.text());
        world.advance(std::time::Duration::from_secs(3_600));
    }
    let calm = ["x-sim-rate-429", "x-sim-rate-500", "x-sim-rate-cut"];
    let calm = calm.iter().fold(chat("sim-flaky", &json!({})), |call, name| call.header(name, "0"));
    world.send(&calm).await.expect_whole(200);
}

#[tokio::test]
async fn echo_answers_any_request_and_shows_no_key() {
    let world = world().await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let call = Call::new(method, "/echo/some/path?q=1").key(KEY).header("x-own", "yes").body("hello");
        let answer = world.send(&call).await.expect_whole(200);
        let seen = answer.json();
        assert_eq!((&seen["method"], &seen["body"]), (&json!(method), &json!("hello")), "{seen}");
        assert!(!answer.text().contains(KEY), "{}", answer.text());
    }
}
