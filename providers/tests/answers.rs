//! Classes, delays, envelopes, usage in buckets: the small readers and writers, in tables.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json, value::RawValue};
use tollgate_providers::{
    Class, ErrorText, Family, Kind, ModelEntry, Surface, Usage, classify, error_body, model_object, models_list,
    plain_error_body, retry_after, retry_after_in_body, stream_error,
};

#[test]
fn answers_are_classified_by_whose_fault_they_are() {
    let openai = |code: &str, message: &str| json!({ "error": { "code": code, "message": message } }).to_string();
    let cases = [
        (Kind::OpenAi, 200, String::new(), Class::Ok),
        (Kind::OpenAi, 400, openai("invalid_value", "bad"), Class::Client),
        (Kind::OpenAi, 400, openai("context_length_exceeded", "too long"), Class::ContextLength),
        (
            Kind::OpenAiCompatible,
            400,
            openai("x", "This model's maximum context length is 4096 tokens"),
            Class::ContextLength,
        ),
        (Kind::Anthropic, 400, openai("x", "prompt is too long: 210000 tokens > 200000"), Class::ContextLength),
        (
            Kind::Gemini,
            400,
            openai("x", "The input token count (1) exceeds the maximum number of tokens allowed (2)."),
            Class::ContextLength,
        ),
        (
            Kind::OpenAiCompatible,
            400,
            openai("x", "Unrecognized request argument: stream_options"),
            Class::UsageOptionRejected,
        ),
        (Kind::OpenAiCompatible, 422, openai("x", "extra field include_usage"), Class::UsageOptionRejected),
        (Kind::Gemini, 400, r#"{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}"#.to_owned(), Class::Credential),
        (Kind::Anthropic, 400, openai("x", "Your credit balance is too low"), Class::Credential),
        (Kind::OpenAi, 401, String::new(), Class::Credential),
        (Kind::OpenAi, 402, String::new(), Class::Credential),
        (Kind::OpenAi, 403, String::new(), Class::Credential),
        (
            Kind::OpenAi,
            403,
            openai("model_not_found", "Project `p` does not have access to model `m`"),
            Class::NotFoundModel,
        ),
        (
            Kind::Gemini,
            403,
            openai("403", "You do not have permission to access the File abc or it may not exist."),
            Class::Client,
        ),
        (Kind::Gemini, 403, openai("403", "CachedContent not found (or permission denied)"), Class::Client),
        (Kind::Gemini, 403, openai("403", "Generative Language API has not been used in project 1"), Class::Credential),
        (Kind::OpenAiCompatible, 403, openai("x", "Your input was flagged"), Class::Client),
        (Kind::OpenAi, 404, openai("model_not_found", "The model does not exist"), Class::NotFoundModel),
        (Kind::AzureOpenAi, 404, openai("DeploymentNotFound", "no"), Class::NotFoundModel),
        (
            Kind::Anthropic,
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}"#.to_owned(),
            Class::NotFoundModel,
        ),
        (Kind::Gemini, 404, openai("x", "models/x is not found for API version v1beta"), Class::NotFoundModel),
        (Kind::OpenAi, 404, openai("x", "No such File object: file-1"), Class::Client),
        (Kind::OpenAi, 408, String::new(), Class::Server),
        (Kind::OpenAi, 409, String::new(), Class::Client),
        (Kind::OpenAi, 413, String::new(), Class::Client),
        (Kind::OpenAi, 429, openai("rate_limit_exceeded", "slow down"), Class::RateLimited),
        (Kind::OpenAi, 429, openai("insufficient_quota", "You exceeded your current quota"), Class::Credential),
        (Kind::OpenAi, 500, String::new(), Class::Server),
        (Kind::OpenAi, 502, "<html>".to_owned(), Class::Server),
        (Kind::OpenAi, 503, String::new(), Class::Overloaded),
        (Kind::Anthropic, 529, String::new(), Class::Overloaded),
    ];
    for (kind, status, body, expected) in cases {
        assert_eq!(classify(kind, status, body.as_bytes()), expected, "{status} {body}");
    }
}

#[test]
fn delays_are_read_from_every_header_that_names_one() {
    type Pairs = &'static [(&'static str, &'static str)];
    const NOW: u64 = 1_700_000_000_000;
    let ms = Duration::from_millis;
    let day = Some(Duration::from_hours(24));
    let cases: [(Pairs, Option<Duration>); 19] = [
        (&[], None),
        (&[("retry-after-ms", "250"), ("retry-after", "9")], Some(ms(250))),
        (&[("retry-after", "1.5")], Some(ms(1500))),
        (&[("retry-after", "0")], Some(ms(0))),
        (&[("retry-after", "-5")], None),
        (&[("retry-after", "NaN")], None),
        (&[("retry-after", "inf")], None),
        (&[("retry-after", "1e300")], day),
        (&[("retry-after", "999999999")], day),
        (&[("retry-after", "Tue, 14 Nov 2023 22:13:30 GMT")], Some(ms(10_000))),
        (&[("retry-after", "Tue, 14 Nov 2000 22:13:30 GMT")], Some(ms(0))),
        (&[("retry-after", "soon")], None),
        (&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1m30.5s")], Some(ms(90_500))),
        (&[("x-ratelimit-remaining-tokens", "5"), ("x-ratelimit-reset-tokens", "6ms")], None),
        (&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6ms")], Some(ms(6))),
        (&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "1h2m3s")], Some(ms(3_723_000))),
        (&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "junk")], None),
        (
            &[
                ("anthropic-ratelimit-tokens-remaining", "0"),
                ("anthropic-ratelimit-tokens-reset", "2023-11-14T22:13:25Z"),
            ],
            Some(ms(5000)),
        ),
        (
            &[
                ("anthropic-ratelimit-tokens-remaining", "9"),
                ("anthropic-ratelimit-tokens-reset", "2023-11-14T22:13:25Z"),
            ],
            None,
        ),
    ];
    for (pairs, expected) in cases {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        assert_eq!(retry_after(&headers, NOW), expected, "{pairs:?}");
    }
    let body = br#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay": "13.5s"}]}}"#;
    assert_eq!(retry_after_in_body(body), Some(ms(13_500)));
    assert_eq!(retry_after_in_body(br#"{"retryDelay":5}"#), None);
}

fn error(status: u16, code: &'static str) -> ErrorText<'static> {
    ErrorText { status, code, message: "say \"hi\"", param: Some("model"), request_id: "req-1", kind_hint: None }
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn errors_wear_the_callers_envelope() {
    let quota = error(429, "insufficient_quota");
    assert_eq!(
        value(&error_body(Family::OpenAi, &quota)),
        json!({ "error": { "message": "say \"hi\"", "type": "insufficient_quota", "param": "model", "code": "insufficient_quota" } })
    );
    let anthropic = value(&error_body(Family::Anthropic, &quota));
    assert_eq!((&anthropic["type"], &anthropic["request_id"]), (&json!("error"), &json!("req-1")));
    assert_eq!(
        (&anthropic["error"]["type"], &anthropic["error"]["message"]),
        (&json!("rate_limit_error"), &json!("say \"hi\""))
    );
    let gemini = value(&error_body(Family::Gemini, &quota));
    assert_eq!((&gemini["error"]["code"], &gemini["error"]["status"]), (&json!(429), &json!("RESOURCE_EXHAUSTED")));
    assert_eq!(gemini["error"]["details"][0]["reason"], "insufficient_quota");
    let plain = |activity| String::from_utf8(plain_error_body(429, quota.message, activity)).expect("text");
    assert_eq!(plain(None), r#"{"statusCode":429,"message":"say \"hi\""}"#);
    assert_eq!(plain(Some("a")), r#"{"statusCode":429,"message":"say \"hi\"","activityId":"a"}"#);
    let types = [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (429, "rate_limit_error"),
        (502, "server_error"),
    ];
    for (status, expected) in types {
        assert_eq!(value(&error_body(Family::OpenAi, &error(status, "x")))["error"]["type"], expected);
    }
}

#[test]
fn stream_errors_are_read_back_as_errors_and_never_as_an_end() {
    for surface in [
        Surface::ChatCompletions,
        Surface::Completions,
        Surface::Responses,
        Surface::Messages,
        Surface::StreamGenerateContent,
    ] {
        let mut tap = tollgate_providers::Tap::stream(surface, false);
        let event = stream_error(surface, &error(529, "upstream_error"), 0);
        assert!(event.ends_with(b"\n\n") || event.ends_with(b"\r\n\r\n"), "{surface:?}");
        tap.push(event.into(), &mut Vec::new());
        assert_eq!(tap.error().map(|error| error.message.as_str()), Some("say \"hi\""), "{surface:?}");
        assert!(!tap.is_complete() && !tap.has_content(), "{surface:?}");
    }
    let responses = String::from_utf8(stream_error(Surface::Responses, &error(500, "c"), 7)).expect("text");
    let data = responses.strip_prefix("event: error\ndata: ").expect("a typed event");
    let data: Value = serde_json::from_str(data.trim()).expect("JSON");
    assert_eq!((&data["type"], &data["code"], &data["param"]), (&json!("error"), &json!("c"), &json!("model")));
    assert_eq!(data["sequence_number"], 7);
}

#[test]
fn models_are_listed_in_every_familys_shape() {
    let models = [ModelEntry { id: "a", created: 86_400, owner: "o" }, ModelEntry { id: "b", created: 0, owner: "o" }];
    let openai = value(&models_list(Family::OpenAi, &models));
    assert_eq!(openai["data"][0], json!({ "id": "a", "object": "model", "created": 86_400, "owned_by": "o" }));
    let anthropic = value(&models_list(Family::Anthropic, &models));
    assert_eq!(
        (&anthropic["first_id"], &anthropic["last_id"], &anthropic["has_more"]),
        (&json!("a"), &json!("b"), &json!(false))
    );
    assert_eq!(anthropic["data"][0], value(&model_object(Family::Anthropic, &models[0])));
    assert_eq!(anthropic["data"][0]["created_at"], "1970-01-02T00:00:00Z");
    assert_eq!(value(&models_list(Family::Anthropic, &[]))["first_id"], Value::Null);
    let gemini = value(&models_list(Family::Gemini, &models));
    assert_eq!(gemini["models"][1]["name"], "models/b");
    assert_eq!(gemini["models"][1], value(&model_object(Family::Gemini, &models[1])));
}

fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).expect("JSON")
}

#[test]
fn openai_usage_becomes_disjoint() {
    let usage = |value: Value| Usage::from_openai(&raw(&value));
    let full = usage(json!({
        "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": { "cached_tokens": 40, "audio_tokens": 10, "cache_write_tokens": 5 },
        "completion_tokens_details": { "reasoning_tokens": 20, "audio_tokens": 5 },
    }));
    assert_eq!(
        (full.input, full.cached_input, full.cache_write, full.audio_input),
        (Some(45), Some(40), Some(5), Some(10))
    );
    assert_eq!((full.output, full.reasoning, full.audio_output), (Some(25), Some(20), Some(5)));
    assert_eq!(full.total(), 150);
    // xAI counts reasoning beside the completion.
    let beside = usage(
        json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 35, "completion_tokens_details": { "reasoning_tokens": 20 } }),
    );
    assert_eq!((beside.output, beside.reasoning, beside.total()), (Some(5), Some(20), 35));
    assert_eq!(usage(json!({ "total_tokens": 7 })).input, Some(7));
    let image = usage(
        json!({ "input_tokens": 30, "output_tokens": 9, "input_tokens_details": { "text_tokens": 10, "image_tokens": 20 } }),
    );
    assert_eq!((image.input, image.image_input, image.output), (Some(10), Some(20), Some(9)));
    // Audio that was also cached is counted once.
    let overlap =
        usage(json!({ "prompt_tokens": 10, "prompt_tokens_details": { "cached_tokens": 8, "audio_tokens": 6 } }));
    assert_eq!(
        (overlap.input, overlap.cached_input, overlap.audio_input, overlap.total()),
        (Some(0), Some(8), Some(2), 10)
    );
}

#[test]
fn other_vendors_usage_becomes_disjoint() {
    let anthropic = Usage::from_anthropic(&raw(&json!({
        "input_tokens": 4, "cache_creation_input_tokens": 379, "cache_read_input_tokens": 14714, "output_tokens": 290,
        "output_tokens_details": { "thinking_tokens": 19 } })));
    assert_eq!((anthropic.input, anthropic.cache_write, anthropic.cached_input), (Some(4), Some(379), Some(14714)));
    assert_eq!((anthropic.output, anthropic.reasoning), (Some(271), Some(19)));
    let gemini = Usage::from_gemini(&raw(&json!({
        "promptTokenCount": 17713, "cachedContentTokenCount": 17379, "candidatesTokenCount": 68, "thoughtsTokenCount": 821,
        "toolUsePromptTokenCount": 100, "totalTokenCount": 18702,
        "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 16 }, { "modality": "VIDEO", "tokenCount": 15780 }, { "modality": "AUDIO", "tokenCount": 1917 }],
        "cacheTokensDetails": [{ "modality": "AUDIO", "tokenCount": 1881 }, { "modality": "TEXT", "tokenCount": 15 }, { "modality": "VIDEO", "tokenCount": 15483 }] })));
    assert_eq!(gemini.total(), 18702);
    assert_eq!(
        (gemini.input, gemini.cached_input, gemini.audio_input, gemini.image_input),
        (Some(101), Some(17379), Some(36), Some(297))
    );
    assert_eq!((gemini.output, gemini.reasoning), (Some(68), Some(821)));
}

#[test]
fn junk_figures_are_left_out_one_by_one() {
    for junk in ["-1", "1.5", "\"5\"", "1e3", "18446744073709551616", "1000000000001", "true", "null", "[1]", "{}"] {
        let text = format!(
            r#"{{"prompt_tokens":{junk},"completion_tokens":3,"prompt_tokens_details":{{"cached_tokens":{junk}}}}}"#
        );
        let usage = Usage::from_openai(&RawValue::from_string(text).expect("JSON"));
        assert_eq!((usage.input, usage.cached_input, usage.output), (None, None, Some(3)), "{junk}");
    }
    let larger = Usage::from_openai(&raw(&json!({ "prompt_tokens": 5, "completion_tokens": 2,
        "prompt_tokens_details": { "cached_tokens": 6 }, "completion_tokens_details": { "reasoning_tokens": 11 } })));
    assert_eq!((larger.input, larger.cached_input, larger.output, larger.reasoning), (Some(5), None, Some(2), None));
    let zero = Usage::from_openai(&raw(&json!({ "prompt_tokens": 0, "completion_tokens": 0 })));
    assert_eq!((zero.input, zero.output, zero.is_reported()), (Some(0), Some(0), true));
    for nothing in [json!(null), json!("x"), json!([]), json!({})] {
        assert!(!Usage::from_openai(&raw(&nothing)).is_reported());
    }
}
