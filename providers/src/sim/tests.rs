//! The simulated models, in tables: every dialect streams and answers whole, and both say the same.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::{Asked, Piece, Script, answer, ask::MODELS, others::PNG, schema};
use crate::{Surface, Tap, recognise};

struct Request {
    path: &'static str,
    body: Value,
    headers: Vec<(&'static str, &'static str)>,
    id: u128,
}

impl Request {
    fn new(path: &'static str, body: Value) -> Self {
        Self { path, body, headers: Vec::new(), id: 7 }
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn script(&self) -> Script {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        answer(&Asked {
            method: &Method::POST,
            path_and_query: self.path,
            headers: &headers,
            body: &Bytes::from(self.body.to_string()),
            now_unix_secs: 1_700_000_000,
            id: self.id,
            counted: None,
        })
    }

    fn json(&self) -> Value {
        let script = self.script();
        serde_json::from_slice(&bytes(script)).expect("the answer is JSON")
    }
}

fn bytes(script: Script) -> Vec<u8> {
    script.steps.flat_map(|step| if let Piece::Data(data) = step.piece { data.to_vec() } else { Vec::new() }).collect()
}

/// Every dialect: path, a body asking `model` with `text`, with and without streaming.
fn dialects(model: &str, text: &str) -> Vec<(&'static str, Value, &'static str, Value)> {
    let messages = json!([{ "role": "user", "content": text }]);
    let chat = json!({ "model": model, "messages": messages, "max_tokens": 50, "seed": 1 });
    let responses = json!({ "model": model, "input": text, "max_output_tokens": 50, "seed": 1 });
    let completions = json!({ "model": model, "prompt": text, "max_tokens": 50, "seed": 1 });
    let contents = json!({
        "contents": [{ "role": "user", "parts": [{ "text": text }] }],
        "generationConfig": { "maxOutputTokens": 50, "seed": 1 },
    });
    let streamed = |body: &Value| {
        let mut body = body.clone();
        body["stream"] = true.into();
        body["stream_options"] = json!({ "include_usage": true });
        body
    };
    let (whole, stream): (&'static str, &'static str) = match model {
        "sim-echo" => ("/v1beta/models/sim-echo:generateContent", "/v1/models/sim-echo:streamGenerateContent?alt=sse"),
        _ => ("/v1beta/models/sim-lorem:generateContent", "/v1beta/models/sim-lorem:streamGenerateContent?alt=sse"),
    };
    vec![
        ("/v1/chat/completions", chat.clone(), "/v1/chat/completions", streamed(&chat)),
        ("/v1/completions", completions.clone(), "/v1/completions", streamed(&completions)),
        ("/v1/responses", responses.clone(), "/v1/responses", streamed(&responses)),
        ("/v1/messages", chat.clone(), "/v1/messages", streamed(&chat)),
        (whole, contents.clone(), stream, contents),
    ]
}

fn surface(path: &str) -> Surface {
    recognise(&Method::POST, path.split('?').next().expect("a path")).expect("a model path").surface
}

/// The text of a whole answer, whatever the dialect.
fn text(answer: &Value) -> String {
    let places = [
        "/choices/0/message/content",
        "/choices/0/text",
        "/output/0/content/0/text",
        "/content/0/text",
        "/candidates/0/content/parts/0/text",
    ];
    places.iter().find_map(|place| answer.pointer(place)?.as_str()).unwrap_or_default().to_owned()
}

/// The text of a stream: every delta of every dialect.
fn streamed_text(stream: &[u8]) -> String {
    let text = std::str::from_utf8(stream).expect("streams are text");
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let delta = |event: Value| {
        let by_type = match event["type"].as_str() {
            Some("response.output_text.delta") => event["delta"].as_str(),
            Some("content_block_delta") => event["delta"]["text"].as_str(),
            Some(_) => None,
            None => ["/choices/0/delta/content", "/choices/0/text", "/candidates/0/content/parts/0/text"]
                .iter()
                .find_map(|place| event.pointer(place)?.as_str()),
        };
        by_type.map(str::to_owned)
    };
    events.filter_map(delta).collect()
}

#[test]
fn stream_and_whole_answer_agree_in_every_dialect() {
    for (model, said) in [("sim-echo", "héllo wörld, \"quoted\"\nand more"), ("sim-lorem", "go")] {
        for (path, body, stream_path, stream_body) in dialects(model, said) {
            let whole = Request::new(path, body).json();
            let expected = if model == "sim-echo" { said.to_owned() } else { text(&whole) };
            assert_eq!(text(&whole), expected, "{path}");
            let stream = Bytes::from(bytes(Request::new(stream_path, stream_body).script()));
            assert_eq!(streamed_text(&stream), expected, "{stream_path}");

            let mut out = Vec::new();
            let mut body_tap = Tap::body(surface(path));
            body_tap.push(whole.to_string().into(), &mut out);
            body_tap.finish(&mut out);
            let mut tap = Tap::stream(surface(stream_path), false);
            tap.push(stream, &mut out);
            assert!(tap.has_content() && tap.is_complete() && tap.error().is_none(), "{stream_path}");
            assert!(tap.usage().is_reported(), "{stream_path}");
            assert_eq!(tap.usage().total(), body_tap.usage().total(), "{path}");
            let words = u64::try_from(expected.len().div_ceil(4)).expect("short");
            assert_eq!(tap.usage().output_total(), words, "{path}");
            if model == "sim-lorem" {
                assert_eq!(words, 50, "{path}");
            }
        }
    }
}

#[test]
fn gemini_streams_an_array_without_sse() {
    let body = json!({ "contents": [{ "parts": [{ "text": "one two" }] }] });
    let answer = Request::new("/v1beta/models/sim-echo:streamGenerateContent", body).json();
    assert_eq!(answer.as_array().map(Vec::len), Some(3));
    assert_eq!(answer[2]["candidates"][0]["finishReason"], "STOP");
}

#[test]
fn long_lorem_is_lazy_and_exact() {
    let body = json!({ "model": "sim-lorem", "max_tokens": 100_000, "stream": true, "messages": [{ "role": "user", "content": "x" }] });
    let script = Request::new("/v1/chat/completions", body).header("x-sim-tokens-per-second", "100").script();
    let mut steps = script.steps;
    let second = steps.nth(2).expect("a long answer");
    assert_eq!(second.after.as_millis(), 10);
    assert_eq!(steps.count(), 100_000 - 2 + 2, "words left, finish, end marker");
}

#[test]
fn refusals_speak_the_callers_dialect() {
    let cases = [
        (
            "/v1/chat/completions",
            json!({ "model": "nope", "messages": [{ "role": "user", "content": "x" }] }),
            404,
            "/error/code",
            json!("model_not_found"),
        ),
        (
            "/v1/messages",
            json!({ "model": "nope", "messages": [{ "role": "user", "content": "x" }] }),
            404,
            "/error/type",
            json!("not_found_error"),
        ),
        (
            "/v1beta/models/nope:generateContent",
            json!({ "contents": [{ "parts": [] }] }),
            404,
            "/error/status",
            json!("NOT_FOUND"),
        ),
        ("/v1/chat/completions", json!({ "model": "sim-echo" }), 400, "/error/param", json!("messages")),
        ("/v1/chat/completions", json!({ "messages": [] }), 400, "/error/param", json!("model")),
        ("/v1/chat/completions", json!([1]), 400, "/error/type", json!("invalid_request_error")),
    ];
    for (path, body, status, pointer, expected) in cases {
        let script = Request::new(path, body).script();
        assert_eq!(script.status, status, "{path}");
        let answer: Value = serde_json::from_slice(&bytes(script)).expect("JSON");
        assert_eq!(answer.pointer(pointer), Some(&expected), "{path} {answer}");
    }
}

#[test]
fn the_path_names_the_model_on_deployments() {
    let body = json!({ "model": null, "messages": [{ "role": "user", "content": "hi" }] });
    let answer = Request::new("/openai/deployments/sim-echo/chat/completions?api-version=2024-10-21", body).json();
    assert_eq!(answer["choices"][0]["message"]["content"], "hi");
    assert_eq!(answer["model"], "sim-echo");
}

#[test]
fn tools_are_called_in_every_dialect() {
    let schema = json!({ "type": "object", "required": ["city"], "properties": {
        "city": { "type": "string" }, "days": { "type": "integer", "minimum": 1, "maximum": 3 } } });
    let messages = json!([{ "role": "user", "content": "weather" }]);
    let cases = [
        (
            "/v1/chat/completions",
            json!({ "messages": messages, "tools": [{ "type": "function", "function": { "name": "w", "parameters": schema } }] }),
            "/choices/0/message/tool_calls/0/function",
            "/choices/0/finish_reason",
            "tool_calls",
        ),
        (
            "/v1/responses",
            json!({ "input": "weather", "tools": [{ "type": "function", "name": "w", "parameters": schema }] }),
            "/output/0",
            "/status",
            "completed",
        ),
        (
            "/v1/messages",
            json!({ "messages": messages, "tools": [{ "name": "w", "input_schema": schema }] }),
            "/content/0",
            "/stop_reason",
            "tool_use",
        ),
        (
            "/v1beta/models/sim-json:generateContent",
            json!({ "contents": [{ "parts": [{ "text": "weather" }] }],
            "tools": [{ "functionDeclarations": [{ "name": "w", "parameters": schema }] }] }),
            "/candidates/0/content/parts/0/functionCall",
            "/candidates/0/finishReason",
            "STOP",
        ),
    ];
    for (path, mut body, call, finish, word) in cases {
        if !path.contains("sim-json") {
            body["model"] = "sim-json".into();
        }
        let answer = Request::new(path, body).json();
        assert_eq!(answer.pointer(finish), Some(&json!(word)), "{path}: {answer}");
        let call = answer.pointer(call).expect("a call");
        assert_eq!(call["name"], "w", "{path}");
        let spelled = call["arguments"].as_str().map(|text| serde_json::from_str(text).expect("arguments are JSON"));
        let arguments = spelled
            .unwrap_or_else(|| if call["input"].is_object() { call["input"].clone() } else { call["args"].clone() });
        assert!(arguments["city"].is_string(), "{path} {arguments}");
        assert!((1..=3).contains(&arguments["days"].as_i64().expect("days")), "{path} {arguments}");
    }
}

#[test]
fn a_tool_result_ends_the_loop() {
    let body = json!({ "model": "sim-json", "tools": [{ "type": "function", "function": { "name": "w", "parameters": {} } }],
        "messages": [{ "role": "user", "content": "weather" }, { "role": "tool", "tool_call_id": "c", "content": "rain" }] });
    let answer = Request::new("/v1/chat/completions", body).json();
    assert_eq!(answer["choices"][0]["message"]["content"], r#"{"answer":"weather"}"#);
}

#[test]
fn samples_satisfy_their_schema() {
    let person = json!({ "$defs": { "node": { "type": "object", "required": ["name"], "properties": {
            "name": { "type": "string", "minLength": 9 }, "next": { "anyOf": [{ "$ref": "#/$defs/node" }, { "type": "null" }] } } } },
        "allOf": [{ "$ref": "#/$defs/node" }, { "required": ["age"], "properties": { "age": { "type": "integer", "exclusiveMinimum": 17, "maximum": 18 } } }] });
    for seed in 0..50 {
        let value = schema::sample(&person, seed);
        assert_eq!(value["age"], 18);
        assert!(value["name"].as_str().is_some_and(|name| name.len() >= 9));
        assert!(value["next"]["name"].is_string());
    }
    let lists = json!({ "type": "array", "minItems": 2, "maxItems": 3, "uniqueItems": true, "items": { "enum": ["a", "b", "c", "d"] } });
    let made = schema::sample(&lists, 3);
    assert_eq!(made.as_array().map(Vec::len), Some(2));
    assert_ne!(made[0], made[1]);
    assert!(schema::sample(&json!({ "type": "STRING", "enum": ["x"] }), 1) == "x");
    assert!(schema::sample(&json!({ "type": ["null", "boolean"] }), 4).is_boolean());
    let number = schema::sample(&json!({ "type": "number", "minimum": 0.2, "maximum": 0.3 }), 4);
    assert!(number.as_f64().is_some_and(|x| (0.2..=0.3).contains(&x)), "{number}");
}

#[test]
fn structured_answers_are_valid_in_every_dialect() {
    let schema = json!({ "type": "object", "required": ["ok"], "properties": { "ok": { "const": 5 } } });
    let messages = json!([{ "role": "user", "content": "x" }]);
    let cases = [
        (
            "/v1/chat/completions",
            json!({ "model": "sim-json", "messages": messages, "response_format": { "type": "json_schema", "json_schema": { "schema": schema } } }),
        ),
        (
            "/v1/responses",
            json!({ "model": "sim-json", "input": "x", "text": { "format": { "type": "json_schema", "schema": schema } } }),
        ),
        (
            "/v1/messages",
            json!({ "model": "sim-json", "messages": messages, "output_config": { "format": { "type": "json_schema", "schema": schema } } }),
        ),
        (
            "/v1/models/sim-json:generateContent",
            json!({ "contents": [{ "parts": [{ "text": "x" }] }], "generationConfig": { "responseSchema": schema } }),
        ),
    ];
    for (path, body) in cases {
        assert_eq!(text(&Request::new(path, body).json()), r#"{"ok":5}"#, "{path}");
    }
}

#[test]
fn embeddings_are_unit_vectors_in_both_encodings() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let ask = |format: &str| {
        let body = json!({ "model": "sim-embed", "input": ["red fox", "red fox runs", "quantum"], "dimensions": 64, "encoding_format": format });
        Request::new("/v1/embeddings", body).json()
    };
    let floats = ask("float");
    let vectors: Vec<Vec<f64>> = (0..3)
        .map(|at| {
            floats["data"][at]["embedding"].as_array().expect("floats").iter().filter_map(Value::as_f64).collect()
        })
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    assert_eq!(vectors[0].len(), 64);
    assert!((dot(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-5);
    assert!(dot(&vectors[0], &vectors[1]) > dot(&vectors[0], &vectors[2]));
    let packed = STANDARD.decode(ask("base64")["data"][0]["embedding"].as_str().expect("base64")).expect("base64");
    let first = f32::from_le_bytes(packed[..4].try_into().expect("four bytes"));
    assert!((f64::from(first) - vectors[0][0]).abs() < 1e-6);
    assert_eq!(packed.len(), 256);
}

#[test]
fn flaky_fails_at_the_given_rates() {
    let count = |headers: &[(&'static str, &'static str)], of: &dyn Fn(&Script) -> bool| {
        let body =
            json!({ "model": "sim-flaky", "stream": true, "messages": [{ "role": "user", "content": "a b c d e f" }] });
        (0..1000_u128)
            .filter(|id| {
                let mut request = Request::new("/v1/chat/completions", body.clone());
                request.id = *id;
                request.headers = headers.to_vec();
                of(&request.script())
            })
            .count()
    };
    let never = [("x-sim-rate-429", "0"), ("x-sim-rate-500", "0"), ("x-sim-rate-cut", "0")];
    assert_eq!(count(&never, &|script| script.status != 200), 0);
    assert_eq!(count(&[("x-sim-rate-429", "1")], &|script| script.status == 429), 1000);
    let half = count(&[("x-sim-rate-429", "0"), ("x-sim-rate-500", "0.5")], &|script| script.status == 500);
    assert!((420..580).contains(&half), "{half}");
}

#[test]
fn a_cut_stream_never_looks_complete() {
    let body =
        json!({ "model": "sim-flaky", "stream": true, "messages": [{ "role": "user", "content": "a b c d e f" }] });
    let mut request = Request::new("/v1/chat/completions", body);
    request.headers = vec![("x-sim-rate-429", "0"), ("x-sim-rate-500", "0"), ("x-sim-rate-cut", "1")];
    let steps: Vec<_> = request.script().steps.collect();
    assert_eq!(steps.last().map(|step| &step.piece), Some(&Piece::Cut));
    let mut tap = Tap::stream(Surface::ChatCompletions, false);
    tap.push(bytes(request.script()).into(), &mut Vec::new());
    assert!(tap.has_content() && !tap.is_complete());
}

#[test]
fn the_same_seed_says_the_same() {
    let body =
        |seed: u64| json!({ "model": "sim-lorem", "seed": seed, "messages": [{ "role": "user", "content": "x" }] });
    let say = |seed, id| {
        let mut request = Request::new("/v1/chat/completions", body(seed));
        request.id = id;
        text(&request.json())
    };
    assert_eq!(say(1, 10), say(1, 20));
    assert_ne!(say(1, 10), say(2, 10));
}

#[test]
fn echo_says_what_arrived() {
    let answer = Request::new("/orders/5?a=b&c", json!({ "n": 1 })).header("x-one", "1").json();
    assert_eq!(answer["path"], "/orders/5");
    assert_eq!(answer["query"], "a=b&c");
    assert_eq!(answer["headers"]["x-one"], "1");
    assert_eq!((&answer["body"], &answer["body_bytes"]), (&json!("{\"n\":1}"), &json!(7)));
}

#[test]
fn the_other_surfaces_answer_validly() {
    let cases = [
        ("/v1/moderations", json!({ "model": "sim-echo", "input": ["a", "b"] }), "/results/1/flagged", json!(false)),
        (
            "/v1/rerank",
            json!({ "model": "sim-echo", "query": "red", "documents": ["blue", "red"], "top_n": 1 }),
            "/results/0/index",
            json!(1),
        ),
        ("/v1/images/generations", json!({ "model": "sim-echo", "prompt": "x" }), "/data/0/b64_json", json!(PNG)),
        (
            "/v1/messages/count_tokens",
            json!({ "model": "sim-echo", "messages": [{ "role": "user", "content": "12345678" }] }),
            "/input_tokens",
            json!(2),
        ),
        (
            "/v1beta/models/sim-echo:countTokens",
            json!({ "contents": [{ "parts": [{ "text": "12345678" }] }] }),
            "/totalTokens",
            json!(2),
        ),
        (
            "/v1beta/models/sim-embed:batchEmbedContents",
            json!({ "requests": [{ "content": { "parts": [{ "text": "a" }] }, "outputDimensionality": 1 }] }),
            "/embeddings/0/values",
            json!([-1.0]),
        ),
        (
            "/v1/batches",
            json!({ "input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h" }),
            "/input_file_id",
            json!("file-1"),
        ),
    ];
    for (path, body, pointer, expected) in cases {
        let answer = Request::new(path, body).json();
        let found = answer.pointer(pointer).unwrap_or_else(|| panic!("{path}: {answer}"));
        let same = found == &expected || (found.is_array() && found.as_array().map(Vec::len) == Some(1));
        assert!(same, "{path}: {found}");
    }
    assert_eq!(MODELS.len(), 6);
}
