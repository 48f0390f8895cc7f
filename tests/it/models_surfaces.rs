//! Every path of the model surfaces: where it arrives, with which credential, and that bodies stay as they were.

use serde_json::{Value, json};

use crate::{
    client::Call,
    vendor::{Reply, Seen, Vendor, dialect},
    world::{BACKEND_KEY, KEY, PROMPT, World, one_backend},
};

fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": PROMPT}], "input": PROMPT, "prompt": PROMPT})
}

async fn anything() -> Vendor {
    Vendor::always(Reply::json(200, &json!({"id": "x", "usage": {"prompt_tokens": 1, "completion_tokens": 1}}))).await
}

/// The credential header of a kind, and that no other place carries anything.
fn assert_credential(kind: &str, seen: &Seen) {
    let places = ["authorization", "api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key"];
    let bearer = format!("Bearer {BACKEND_KEY}");
    let expected = match kind {
        "azure-openai" => ("api-key", BACKEND_KEY),
        "anthropic" => ("x-api-key", BACKEND_KEY),
        "gemini" => ("x-goog-api-key", BACKEND_KEY),
        _ => ("authorization", bearer.as_str()),
    };
    let present: Vec<_> =
        places.iter().flat_map(|place| seen.all(place).into_iter().map(|value| (*place, value))).collect();
    assert_eq!(present, [expected], "{kind} {}", seen.line());
    assert!(!seen.contains(KEY), "{kind} {}", seen.line());
}

#[tokio::test]
async fn json_calls_reach_the_same_endpoint_of_their_backend() {
    const VERSION: &str = "?api-version=2024-10-21";
    let openai = [
        "chat/completions",
        "completions",
        "responses",
        "embeddings",
        "moderations",
        "images/generations",
        "audio/speech",
        "rerank",
    ];
    let mut cases: Vec<(&str, String, String)> = Vec::new();
    for tail in openai {
        for kind in ["openai", "openai-compatible", "ollama"] {
            cases.push((kind, format!("/v1/{tail}"), format!("/v1/{tail}")));
        }
        cases.push(("azure-openai", format!("/v1/{tail}"), format!("/openai/v1/{tail}")));
        cases.push(("openai", format!("/openai/v1/{tail}"), format!("/v1/{tail}")));
        cases.push(("azure-openai", format!("/openai/v1/{tail}"), format!("/openai/v1/{tail}")));
    }
    for tail in ["chat/completions", "completions", "embeddings", "images/generations"] {
        let azure = format!("/openai/deployments/m/{tail}{VERSION}");
        cases.push(("openai", azure.clone(), format!("/v1/{tail}")));
        cases.push(("azure-openai", azure, format!("/openai/deployments/up/{tail}{VERSION}")));
    }
    for tail in ["messages", "messages/count_tokens"] {
        cases.push(("anthropic", format!("/v1/{tail}"), format!("/v1/{tail}")));
        cases.push(("anthropic", format!("/v1/{tail}?beta=true"), format!("/v1/{tail}?beta=true")));
    }
    for verb in ["generateContent", "streamGenerateContent?alt=sse", "embedContent", "countTokens"] {
        for version in ["v1beta", "v1"] {
            let path = |model: &str| format!("/{version}/models/{model}:{verb}");
            cases.push(("gemini", path("m"), path("up")));
        }
    }
    for kind in ["openai", "openai-compatible", "ollama", "azure-openai", "anthropic", "gemini"] {
        let world = World::one(kind, anything().await).await;
        for (_, path, upstream) in cases.iter().filter(|(of, ..)| *of == kind) {
            let before = world.vendor("one").count();
            let answer = world.send(&Call::post(path, &ask("m")).key(KEY)).await;
            assert_eq!(answer.status, 200, "{kind} {path}: {}", answer.text());
            let seen = world.vendor("one").seen().swap_remove(before);
            assert_eq!(&seen.target, upstream, "{kind} {path}");
            assert_credential(kind, &seen);
            let in_path = upstream.contains("/deployments/") || kind == "gemini";
            if !in_path {
                assert_eq!(seen.json()["model"], "up", "{kind} {path}");
            }
        }
    }
}

#[tokio::test]
async fn azure_with_a_version_is_asked_on_deployment_paths() {
    let config =
        one_backend("azure-openai").replace("kind: azure-openai,", "kind: azure-openai, api_version: 2024-06-01,");
    let world = World::builder().config(&config).vendor("one", anything().await).start().await;
    for (path, upstream) in [
        ("/v1/chat/completions", "/openai/deployments/up/chat/completions?api-version=2024-06-01"),
        (
            "/openai/deployments/m/embeddings?api-version=2024-10-21",
            "/openai/deployments/up/embeddings?api-version=2024-10-21",
        ),
    ] {
        let before = world.vendor("one").count();
        world.send(&Call::post(path, &ask("m")).key(KEY)).await.expect_whole(200);
        assert_eq!(world.vendor("one").seen()[before].target, upstream);
    }
}

#[tokio::test]
async fn on_deployment_paths_the_path_names_the_model() {
    let world = World::one("openai", anything().await).await;
    for body in [r#"{"model":null,"messages":[]}"#, r#"{"messages":[]}"#, r#"{"model":"another","messages":[]}"#] {
        let call = Call::new("POST", "/openai/deployments/m/chat/completions?api-version=2024-10-21")
            .header("content-type", "application/json")
            .header("api-key", KEY)
            .body(body);
        let before = world.vendor("one").count();
        let answer = world.send(&call).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        assert_eq!(world.vendor("one").seen()[before].json()["model"], "up", "{body}");
    }
}

#[tokio::test]
async fn bodies_stay_as_they_were_apart_from_the_model() {
    let world = World::one("openai", anything().await).await;
    for body in [
        r#"{"model":"MODEL","messages":[]}"#,
        "{ \"z\" : 123456789012345678901234567890 ,\r\n\t\"model\" :\"MODEL\", \"messages\":[ ],\"f\":1e400,\"n\":-0.0}",
        r#"{"messages":[{"role":"user","content":"\ud83d\ude00 ☃ \u0000 \"model\":\"MODELS\""}],"model":"MODEL","x_unknown":{"model":"inner"}}"#,
        r#"{"mod\u0065l":"MODEL","messages":[]}"#,
        r#"{"seed":9223372036854775808,"big":18446744073709551616,"model":"MODEL","stream":false,"messages":[]}"#,
    ] {
        let before = world.vendor("one").count();
        let call = Call::new("POST", "/v1/chat/completions").key(KEY).header("content-type", "application/json");
        let answer = world.send(&call.body(body.replace("\"MODEL\"", "\"m\""))).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        assert_eq!(world.vendor("one").seen()[before].text(), body.replace("\"MODEL\"", "\"up\""));
    }
}

#[tokio::test]
async fn bodies_that_could_mean_two_things_are_refused_before_anything_is_sent() {
    let world = World::one("openai", anything().await).await;
    for body in [
        r#"{"model":"m","model":"m","messages":[]}"#,
        r#"{"model":"m","mod\u0065l":"n","messages":[]}"#,
        r#"{"stream":true,"model":"m","stream":false,"messages":[]}"#,
        r#"{"model":"m","messages":[]"#,
        r#"{"model":"m"} {"model":"n"}"#,
        r#"["model","m"]"#,
        r#"{"model":7,"messages":[]}"#,
        r#"{"messages":[]}"#,
        "",
        "\u{0}",
    ] {
        let call = Call::new("POST", "/v1/chat/completions").key(KEY).header("content-type", "application/json");
        let answer = world.send(&call.body(body)).await.expect_whole(400);
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error", "{body}: {}", answer.text());
    }
    assert_eq!(world.vendor("one").count(), 0);
}

#[tokio::test]
async fn multipart_bodies_change_in_their_model_part_only() {
    let world = World::one("openai", Vendor::always(Reply::json(200, &json!({"text": "spoken"}))).await).await;
    let binary: Vec<u8> = (0..=255_u8).cycle().take(100_000).collect();
    let body = |model: &str| {
        let mut bytes = "--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n".as_bytes().to_vec();
        bytes.extend_from_slice(&binary);
        let rest = format!("\r\n--XyZ\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--XyZ--\r\n");
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    };
    for tail in ["audio/transcriptions", "audio/translations", "images/edits"] {
        let before = world.vendor("one").count();
        let call = Call::new("POST", &format!("/v1/{tail}"))
            .key(KEY)
            .header("content-type", "multipart/form-data; boundary=XyZ");
        let answer = world.send(&call.body(body("m"))).await;
        assert_eq!(answer.status, 200, "{tail}: {}", answer.text());
        let seen = world.vendor("one").seen().swap_remove(before);
        assert_eq!(seen.target, format!("/v1/{tail}"));
        assert!(seen.body == body("up"), "{tail}: the body changed elsewhere");
    }
}

#[tokio::test]
async fn answers_are_relayed_as_they_are() {
    let odd = "{ \"id\":\"x\",\"n\":123456789012345678901234567890, \"usage\": {\"prompt_tokens\":1} }\n";
    let reply = Reply::text(200, "application/json; charset=UTF-8", odd).header("openai-processing-ms", "7");
    let world = World::one("openai", Vendor::always(reply.header("x-ratelimit-remaining-tokens", "9")).await).await;
    let answer = world.send(&Call::post("/v1/chat/completions", &ask("m")).key(KEY)).await.expect_whole(200);
    assert_eq!(answer.text(), odd);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=UTF-8"));
    assert_eq!(answer.header("openai-processing-ms"), Some("7"));
    assert_eq!(answer.header("x-tollgate-backend"), Some("one"));
}

#[tokio::test]
async fn upstream_client_errors_are_relayed_and_not_repeated() {
    for status in [400, 404, 409, 413, 422] {
        let world = World::one("openai", Vendor::always(dialect::openai_error(status, "scripted")).await).await;
        let answer = world.send(&Call::post("/v1/chat/completions", &ask("m")).key(KEY)).await.expect_whole(status);
        assert_eq!(answer.json()["error"]["message"], "scripted scripted");
        assert_eq!(world.vendor("one").count(), 1, "{status}");
    }
}

#[tokio::test]
async fn another_dialect_is_refused_before_anything_is_sent() {
    let paths = ["/v1/chat/completions", "/v1/messages", "/v1beta/models/m:generateContent"];
    for (kind, own) in [("openai", 0), ("anthropic", 1), ("gemini", 2)] {
        let world = World::one(kind, anything().await).await;
        for (index, path) in paths.iter().enumerate().filter(|(index, _)| *index != own) {
            let answer = world.send(&Call::post(path, &ask("m")).key(KEY)).await.expect_whole(400);
            let pointer = ["/error/code", "/error/type", "/error/status"][index];
            let expected = ["dialect_not_supported", "invalid_request_error", "INVALID_ARGUMENT"][index];
            assert_eq!(answer.json().pointer(pointer), Some(&json!(expected)), "{kind} {path} {}", answer.text());
        }
        assert_eq!(world.vendor("one").count(), 0, "{kind}");
    }
}

#[tokio::test]
async fn lists_of_models_have_the_callers_shape() {
    let world = World::one("openai", anything().await).await;
    let openai = world.send(&Call::get("/v1/models").key(KEY)).await.expect_whole(200).json();
    assert_eq!((&openai["object"], &openai["data"][0]["id"]), (&json!("list"), &json!("m")));
    assert_eq!(openai["data"][0]["object"], "model");
    let call = Call::get("/v1/models").key(KEY).header("anthropic-version", "2023-06-01");
    let anthropic = world.send(&call).await.expect_whole(200).json();
    assert_eq!((&anthropic["data"][0]["type"], &anthropic["has_more"]), (&json!("model"), &json!(false)));
    for path in ["/openai/models?api-version=2024-10-21", "/openai/v1/models"] {
        let answer = world.send(&Call::get(path).header("api-key", KEY)).await.expect_whole(200);
        assert_eq!(answer.json()["data"][0]["id"], "m", "{path}");
    }
    let google =
        |path: &str| Call::get(path).header("x-goog-api-key", KEY).header("x-goog-api-client", "google-genai-sdk");
    for path in ["/v1beta/models?pageSize=50", "/v1/models"] {
        let gemini = world.send(&google(path)).await.expect_whole(200).json();
        assert_eq!(gemini["models"][0]["name"], "models/m", "{path}");
    }
    assert_eq!(world.send(&google("/v1beta/models/m")).await.expect_whole(200).json()["name"], "models/m");
    let unknown = world.send(&google("/v1beta/models/nowhere")).await.expect_whole(404).json();
    assert_eq!(unknown["error"]["status"], "NOT_FOUND");
    let one = world.send(&Call::get("/v1/models/m").key(KEY)).await.expect_whole(200).json();
    assert_eq!(one["id"], "m");
    world.send(&Call::get("/v1/models/nowhere").key(KEY)).await.expect_whole(404);
    world.send(&Call::get("/v1/models")).await.expect_whole(401);
    assert_eq!(world.vendor("one").count(), 0);
}

#[tokio::test]
async fn anthropic_headers_pass_and_a_missing_version_is_added() {
    let world = World::one("anthropic", Vendor::always(dialect::message("hi")).await).await;
    let call = Call::post("/v1/messages", &ask("m")).header("x-api-key", KEY);
    world
        .send(&call.clone().header("anthropic-version", "2026-10-21").header("anthropic-beta", "a,b"))
        .await
        .expect_whole(200);
    world.send(&call).await.expect_whole(200);
    let seen = world.vendor("one").seen();
    assert_eq!(
        (seen[0].header("anthropic-version"), seen[0].header("anthropic-beta")),
        (Some("2026-10-21"), Some("a,b"))
    );
    assert!(seen[1].header("anthropic-version").is_some());
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_404_in_the_openai_envelope() {
    let world = World::one("openai", anything().await).await;
    for call in
        [Call::get("/v1/nothing"), Call::get("/v1/chat/completions"), Call::get("/"), Call::new("DELETE", "/v1/models")]
    {
        let answer = world.send(&call.clone().key(KEY)).await.expect_whole(404);
        assert!(answer.json()["error"]["message"].is_string(), "{call:?} {}", answer.text());
    }
    assert_eq!(world.vendor("one").count(), 0);
}
