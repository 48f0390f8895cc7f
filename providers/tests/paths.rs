//! Every path of every model API: what it is, and where it goes at each kind of backend.

use http::Method;
use tollgate_providers::{Kind, Style, Surface, Target, realtime_model, recognise};

#[test]
fn paths_are_recognised_with_their_methods() {
    use Style::{Anthropic, AzureDeployment, AzureV1, Gemini, OpenAi};
    let cases = [
        ("POST", "/v1/chat/completions", Surface::ChatCompletions, OpenAi, None, None),
        ("POST", "/v1/completions", Surface::Completions, OpenAi, None, None),
        ("POST", "/v1/responses", Surface::Responses, OpenAi, None, None),
        ("GET", "/v1/responses/resp_1", Surface::StoredResponse, OpenAi, None, Some("resp_1")),
        ("DELETE", "/v1/responses/resp_1", Surface::StoredResponse, OpenAi, None, Some("resp_1")),
        ("POST", "/v1/responses/resp_1/cancel", Surface::StoredResponse, OpenAi, None, Some("resp_1")),
        ("GET", "/v1/responses/resp_1/input_items", Surface::StoredResponse, OpenAi, None, Some("resp_1")),
        ("POST", "/v1/embeddings", Surface::Embeddings, OpenAi, None, None),
        ("GET", "/v1/models", Surface::Models, OpenAi, None, None),
        ("GET", "/v1beta/models", Surface::Models, Gemini, None, None),
        ("GET", "/v1beta/models/gemini-2.5-flash", Surface::Model, Gemini, None, Some("gemini-2.5-flash")),
        ("GET", "/v1/models/org%2Fname:tag", Surface::Model, OpenAi, None, Some("org/name:tag")),
        ("GET", "/v1/models/org/name", Surface::Model, OpenAi, None, Some("org/name")),
        ("POST", "/v1/moderations", Surface::Moderations, OpenAi, None, None),
        ("POST", "/v1/images/edits", Surface::Images, OpenAi, None, None),
        ("POST", "/v1/audio/transcriptions", Surface::Audio, OpenAi, None, None),
        ("POST", "/v1/files", Surface::Files, OpenAi, None, None),
        ("GET", "/v1/files/file-1/content", Surface::Files, OpenAi, None, Some("file-1")),
        ("DELETE", "/v1/files/file-1", Surface::Files, OpenAi, None, Some("file-1")),
        ("GET", "/v1/batches", Surface::Batches, OpenAi, None, None),
        ("POST", "/v1/batches/b/cancel", Surface::Batches, OpenAi, None, Some("b")),
        ("GET", "/v1/realtime", Surface::Realtime, OpenAi, None, None),
        ("POST", "/v1/rerank", Surface::Rerank, OpenAi, None, None),
        ("POST", "/v1/messages", Surface::Messages, Anthropic, None, None),
        ("POST", "/v1/messages/count_tokens", Surface::MessagesCountTokens, Anthropic, None, None),
        (
            "POST",
            "/v1beta/models/gemini-2.5-flash:generateContent",
            Surface::GenerateContent,
            Gemini,
            Some("gemini-2.5-flash"),
            None,
        ),
        ("POST", "/v1/models/g:streamGenerateContent", Surface::StreamGenerateContent, Gemini, Some("g"), None),
        (
            "POST",
            "/v1beta/models/tunedModels/mine:generateContent",
            Surface::GenerateContent,
            Gemini,
            Some("tunedModels/mine"),
            None,
        ),
        ("POST", "/v1beta/models/llama3%3A8b:countTokens", Surface::CountTokens, Gemini, Some("llama3:8b"), None),
        ("POST", "/v1beta/models/e:batchEmbedContents", Surface::EmbedContent, Gemini, Some("e"), None),
        (
            "POST",
            "/openai/deployments/my%20gpt/chat/completions",
            Surface::ChatCompletions,
            AzureDeployment,
            Some("my gpt"),
            None,
        ),
        ("POST", "/openai/deployments/w/audio/translations", Surface::Audio, AzureDeployment, Some("w"), None),
        ("POST", "/openai/deployments/d/batches", Surface::Batches, AzureDeployment, Some("d"), None),
        ("POST", "/openai/responses", Surface::Responses, AzureDeployment, None, None),
        ("GET", "/openai/models", Surface::Models, AzureDeployment, None, None),
        ("GET", "/openai/files/f", Surface::Files, AzureDeployment, None, Some("f")),
        ("GET", "/openai/realtime", Surface::Realtime, AzureDeployment, None, None),
        ("POST", "/openai/v1/chat/completions", Surface::ChatCompletions, AzureV1, None, None),
        ("GET", "/openai/v1/responses/r", Surface::StoredResponse, AzureV1, None, Some("r")),
    ];
    for (method, path, surface, style, model, item) in cases {
        let method: Method = method.parse().expect("a method");
        let call = recognise(&method, path).unwrap_or_else(|| panic!("{method} {path}"));
        assert_eq!((call.surface, call.style), (surface, style), "{path}");
        assert_eq!((call.model.as_deref(), call.item.as_deref()), (model, item), "{path}");
    }
}

#[test]
fn other_paths_and_methods_are_not() {
    let cases = [
        ("GET", "/v1/chat/completions"),
        ("PUT", "/v1/models"),
        ("GET", "/v1/models/m:generateContent/x/.."),
        ("POST", "/v1/models/m"),
        ("POST", "/v1beta/models/m:predict"),
        ("POST", "/v1beta/models"),
        ("GET", "/v1beta/files"),
        ("POST", "/v1beta/models/:generateContent"),
        ("POST", "/v1beta/models/..%2Fx:generateContent"),
        ("POST", "/v1/files/a"),
        ("GET", "/v1/files/.."),
        ("GET", "/v1/files/%2e%2e"),
        ("GET", "/v1/files/a%2Fcontent"),
        ("GET", "/v1/files/a%00"),
        ("GET", "/v1/files/%252e%252e"),
        ("GET", "/v1/files/%ff"),
        ("GET", "/v1/files//content"),
        ("POST", "/v1/images/"),
        ("POST", "/v1/images/a%2Fb"),
        ("POST", "/openai/deployments//chat/completions"),
        ("POST", "/openai/deployments/%2e%2e/chat/completions"),
        ("POST", "/openai/deployments/a/b/chat/completions"),
        ("POST", "/openai/chat/completions"),
        ("POST", "/v1"),
        ("POST", "/v12/chat/completions"),
        ("POST", "/openai/v12/chat/completions"),
        ("GET", "/"),
        ("POST", "/V1/chat/completions"),
        ("POST", "//v1/chat/completions"),
    ];
    for (method, path) in cases {
        let method: Method = method.parse().expect("a method");
        assert_eq!(recognise(&method, path), None, "{method} {path}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one table")]
fn each_kind_of_backend_gets_its_own_spelling() {
    // call, kind, base path, model, api version, query, expected
    let chat = "POST /v1/chat/completions";
    let azure = "POST /openai/deployments/d/chat/completions";
    let gemini = "POST /v1beta/models/g:generateContent";
    let cases = [
        (chat, Kind::OpenAi, "/v1", Some("m"), None, None, "/v1/chat/completions"),
        (
            chat,
            Kind::OpenAiCompatible,
            "/api/v1/",
            Some("m"),
            None,
            Some("a=%20b&c"),
            "/api/v1/chat/completions?a=%20b&c",
        ),
        (
            chat,
            Kind::AzureOpenAi,
            "",
            Some("my gpt/x"),
            Some("2024-10-21"),
            None,
            "/openai/deployments/my%20gpt%2Fx/chat/completions?api-version=2024-10-21",
        ),
        (
            chat,
            Kind::AzureOpenAi,
            "/",
            Some("m"),
            Some("2024-10-21"),
            Some("api-version=x&a=1"),
            "/openai/deployments/m/chat/completions?api-version=2024-10-21&a=1",
        ),
        (chat, Kind::AzureOpenAi, "", Some("m"), None, Some("a=1"), "/openai/v1/chat/completions?a=1"),
        (
            chat,
            Kind::AzureOpenAi,
            "/openai/v1",
            Some("m"),
            Some("preview"),
            None,
            "/openai/v1/chat/completions?api-version=preview",
        ),
        (
            azure,
            Kind::AzureOpenAi,
            "",
            Some("other"),
            Some("2023-05-15"),
            Some("api-version=2024-06-01"),
            "/openai/deployments/other/chat/completions?api-version=2024-06-01",
        ),
        (
            azure,
            Kind::AzureOpenAi,
            "",
            None,
            Some("2023-05-15"),
            None,
            "/openai/deployments/d/chat/completions?api-version=2023-05-15",
        ),
        (azure, Kind::OpenAi, "/v1", Some("m"), None, Some("api-version=1&x=2"), "/v1/chat/completions?x=2"),
        (azure, Kind::OpenAi, "/v1", Some("m"), None, Some("api%2Dversion=1"), "/v1/chat/completions"),
        (
            azure,
            Kind::Sim,
            "/x",
            Some("sim-echo"),
            None,
            Some("api-version=1"),
            "/openai/deployments/sim-echo/chat/completions?api-version=1",
        ),
        (
            "POST /openai/responses",
            Kind::AzureOpenAi,
            "",
            Some("m"),
            Some("2025-03-01-preview"),
            None,
            "/openai/responses?api-version=2025-03-01-preview",
        ),
        ("POST /openai/responses", Kind::OpenAi, "/v1", Some("m"), None, Some("api-version=1"), "/v1/responses"),
        (
            "POST /openai/v1/responses",
            Kind::AzureOpenAi,
            "",
            Some("m"),
            Some("2024-10-21"),
            None,
            "/openai/v1/responses",
        ),
        (
            "POST /v1/responses",
            Kind::AzureOpenAi,
            "",
            Some("m"),
            Some("2024-10-21"),
            None,
            "/openai/responses?api-version=2024-10-21",
        ),
        (
            "GET /v1/responses/a%20b/input_items",
            Kind::OpenAi,
            "/v1",
            None,
            None,
            Some("limit=2"),
            "/v1/responses/a%20b/input_items?limit=2",
        ),
        (
            "GET /v1/files/f/content",
            Kind::AzureOpenAi,
            "",
            None,
            Some("2024-10-21"),
            None,
            "/openai/files/f/content?api-version=2024-10-21",
        ),
        (
            "GET /v1/realtime",
            Kind::OpenAi,
            "/v1",
            Some("rt 2"),
            None,
            Some("model=rt&x=1"),
            "/v1/realtime?model=rt%202&x=1",
        ),
        (
            "GET /v1/realtime",
            Kind::AzureOpenAi,
            "",
            Some("d"),
            Some("2024-10-01-preview"),
            Some("model=rt"),
            "/openai/realtime?api-version=2024-10-01-preview&deployment=d",
        ),
        (
            "GET /openai/realtime",
            Kind::OpenAi,
            "/v1",
            Some("rt"),
            None,
            Some("api-version=1&deployment=d"),
            "/v1/realtime?model=rt",
        ),
        ("POST /v1/messages", Kind::Anthropic, "", Some("c"), None, Some("beta=true"), "/v1/messages?beta=true"),
        (
            "POST /v1/messages/count_tokens",
            Kind::Anthropic,
            "/proxy",
            Some("c"),
            None,
            None,
            "/proxy/v1/messages/count_tokens",
        ),
        (gemini, Kind::Gemini, "", Some("g-2"), None, Some("alt=sse"), "/v1beta/models/g-2:generateContent?alt=sse"),
        (
            "POST /v1/models/g:streamGenerateContent",
            Kind::Gemini,
            "/p",
            None,
            None,
            None,
            "/p/v1/models/g:streamGenerateContent",
        ),
        (gemini, Kind::Sim, "", Some("sim-lorem"), None, None, "/v1beta/models/sim-lorem:generateContent"),
        (chat, Kind::Sim, "/v1", Some("sim-echo"), None, None, "/v1/chat/completions"),
    ];
    for (call, kind, base_path, model, api_version, query, expected) in cases {
        let (method, path) = call.split_once(' ').expect("method and path");
        let call = recognise(&method.parse().expect("a method"), path).expect("a model path");
        let target = Target { kind, base_path, model, api_version, query };
        assert_eq!(call.upstream(&target), expected, "{path} at {kind:?}");
    }
}

#[test]
fn what_goes_to_a_simulated_backend_is_recognised_there() {
    for path in ["/openai/deployments/a/embeddings", "/v1/models/a:embedContent", "/v1beta/models/a:countTokens"] {
        let call = recognise(&Method::POST, path).expect("a model path");
        let model = Some("b/c");
        let target = Target { kind: Kind::Sim, base_path: "", model, api_version: None, query: None };
        let there = recognise(&Method::POST, &call.upstream(&target));
        // A deployment's name is one segment: a slash in it cannot be spelled.
        assert_eq!(
            there.and_then(|call| call.model).as_deref(),
            model.filter(|_| !path.contains("deployments")),
            "{path}"
        );
    }
}

#[test]
fn the_body_carries_the_model_where_the_path_does_not() {
    let chat = recognise(&Method::POST, "/v1/chat/completions").expect("a model path");
    let target = |kind, api_version| Target { kind, base_path: "", model: Some("m"), api_version, query: None };
    assert!(chat.model_in_body(&target(Kind::OpenAi, None)));
    assert!(chat.model_in_body(&target(Kind::AzureOpenAi, None)));
    assert!(!chat.model_in_body(&target(Kind::AzureOpenAi, Some("2024-10-21"))));
}

#[test]
fn realtime_models_are_read_from_the_query() {
    let cases =
        [("model=a%2Bb", Some("a+b")), ("x=1&deployment=d", Some("d")), ("model=", Some("")), ("x=model", None)];
    for (query, expected) in cases {
        assert_eq!(realtime_model(query).as_deref(), expected, "{query}");
    }
}

#[test]
fn credentials_go_into_one_sensitive_header() {
    let cases = [
        (Kind::OpenAi, Some(("authorization", "Bearer k"))),
        (Kind::Ollama, Some(("authorization", "Bearer k"))),
        (Kind::AzureOpenAi, Some(("api-key", "k"))),
        (Kind::Anthropic, Some(("x-api-key", "k"))),
        (Kind::Gemini, Some(("x-goog-api-key", "k"))),
        (Kind::Sim, None),
    ];
    for (kind, expected) in cases {
        let found = kind.credential("k");
        assert!(found.as_ref().is_none_or(|(_, value)| value.is_sensitive()), "{kind:?}");
        let found = found.as_ref().map(|(name, value)| (name.as_str(), value.to_str().expect("text")));
        assert_eq!(found, expected, "{kind:?}");
    }
    assert!(Kind::OpenAi.credential("a\nb").is_none());
}
