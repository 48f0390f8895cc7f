//! Bounding what is generated: the caller's own bound is read and only ever lowered, in its own member.

use bytes::Bytes;
use tollgate_providers::{Cap, Head, Kind, Surface, read};

fn head(surface: Surface, body: &str) -> Head {
    let body = Bytes::from(body.to_owned());
    read(surface, Some("application/json"), &body).unwrap_or_else(|bad| panic!("{bad}"))
}

fn capped(surface: Surface, kind: Kind, model: &str, body: &str, tokens: u64) -> String {
    let bytes = Bytes::from(body.to_owned());
    let out = head(surface, body).rewrite(&bytes, Some(model), false, Some(Cap { tokens, kind }));
    String::from_utf8(out.to_vec()).expect("text stays text")
}

#[test]
fn only_what_binds_the_backend_is_the_callers_bound() {
    use Surface::{ChatCompletions, Completions, Embeddings, GenerateContent, Messages, Responses};
    let cases = [
        (ChatCompletions, r#"{"max_tokens":5}"#, Some(5)),
        (ChatCompletions, r#"{"max_tokens":5,"max_completion_tokens":3}"#, Some(5)),
        (ChatCompletions, r#"{"max_tokens":5,"max_completion_tokens":null}"#, Some(5)),
        (ChatCompletions, r#"{"max_tokens":5,"max_completion_tokens":"7"}"#, None),
        (ChatCompletions, r#"{"max_tokens":-1}"#, None),
        (ChatCompletions, r#"{"max_tokens":0}"#, None),
        (ChatCompletions, r#"{"max_tokens":1e3}"#, None),
        (ChatCompletions, r#"{"max_output_tokens":5}"#, None),
        (ChatCompletions, "{}", None),
        (Completions, r#"{"max_tokens":5}"#, Some(5)),
        (Responses, r#"{"max_output_tokens":5,"max_tokens":1}"#, Some(5)),
        (Messages, r#"{"max_tokens":5}"#, Some(5)),
        (GenerateContent, r#"{"generationConfig":{"maxOutputTokens":5}}"#, Some(5)),
        (GenerateContent, r#"{"generation_config":{"max_output_tokens":5}}"#, Some(5)),
        (GenerateContent, r#"{"generationConfig":{"maxOutputTokens":5,"max_output_tokens":9}}"#, Some(9)),
        (GenerateContent, r#"{"maxOutputTokens":5}"#, None),
        (Embeddings, r#"{"max_tokens":5}"#, None),
    ];
    for (surface, body, expected) in cases {
        assert_eq!(head(surface, body).max_output, expected, "{body}");
    }
}

#[test]
fn a_bound_is_lowered_where_it_stands_and_never_raised() {
    use Surface::{ChatCompletions, Completions, GenerateContent, Messages, Responses};
    let cases = [
        (ChatCompletions, r#"{"model":"m","max_tokens": 500 }"#, r#"{"model":"m","max_tokens": 100 }"#),
        (ChatCompletions, r#"{"model":"m","max_tokens":50}"#, r#"{"model":"m","max_tokens":50}"#),
        (ChatCompletions, r#"{"model":"m","max\u005ftokens":500}"#, r#"{"model":"m","max\u005ftokens":100}"#),
        (
            ChatCompletions,
            r#"{"model":"m","max_tokens":500,"max_completion_tokens":50}"#,
            r#"{"model":"m","max_tokens":100,"max_completion_tokens":50}"#,
        ),
        // Without bound to some servers: an illegal value elsewhere.
        (ChatCompletions, r#"{"model":"m","max_tokens":-1}"#, r#"{"model":"m","max_tokens":100}"#),
        (ChatCompletions, r#"{"model":"m","max_tokens":0}"#, r#"{"model":"m","max_tokens":1}"#),
        (ChatCompletions, r#"{"model":"m","max_tokens":"500"}"#, r#"{"model":"m","max_tokens":100}"#),
        (ChatCompletions, r#"{"model":"m","max_tokens":1e9}"#, r#"{"model":"m","max_tokens":100}"#),
        (ChatCompletions, r#"{"model":"m","max_tokens":null}"#, r#"{"model":"m","max_tokens":100}"#),
        (Completions, r#"{"model":"m"}"#, r#"{"max_tokens":100,"model":"m"}"#),
        (Responses, r#"{"model":"m"}"#, r#"{"max_output_tokens":100,"model":"m"}"#),
        (Messages, r#"{"model":"m","max_tokens":4096}"#, r#"{"model":"m","max_tokens":100}"#),
        (GenerateContent, r#"{"contents":[]}"#, r#"{"generationConfig":{"maxOutputTokens":100},"contents":[]}"#),
        (GenerateContent, "{}", r#"{"generationConfig":{"maxOutputTokens":100}}"#),
        (GenerateContent, r#"{"generationConfig":null}"#, r#"{"generationConfig":{"maxOutputTokens":100}}"#),
        (GenerateContent, r#"{"generationConfig":{ }}"#, r#"{"generationConfig":{"maxOutputTokens":100 }}"#),
        (
            GenerateContent,
            r#"{"generation_config":{"topK":1}}"#,
            r#"{"generation_config":{"maxOutputTokens":100,"topK":1}}"#,
        ),
        (
            GenerateContent,
            r#"{"generationConfig":{"max_output_tokens":500,"maxOutputTokens":500}}"#,
            r#"{"generationConfig":{"max_output_tokens":100,"maxOutputTokens":100}}"#,
        ),
        (
            GenerateContent,
            r#"{"generationConfig":{"maxOutputTokens":null}}"#,
            r#"{"generationConfig":{"maxOutputTokens":100}}"#,
        ),
    ];
    for (surface, body, expected) in cases {
        assert_eq!(capped(surface, Kind::OpenAiCompatible, "m", body, 100), expected);
    }
}

#[test]
fn a_missing_bound_gets_the_name_that_the_backend_understands() {
    let old = r#"{"max_tokens":9,"model":"#;
    let new = r#"{"max_completion_tokens":9,"model":"#;
    let cases = [
        (Kind::OpenAi, "gpt-4o", new),
        (Kind::OpenAi, "o3", new),
        (Kind::AzureOpenAi, "gpt-4o", old),
        (Kind::AzureOpenAi, "gpt-5-mini", new),
        (Kind::AzureOpenAi, "our-deployment", old),
        (Kind::OpenAiCompatible, "llama-3", old),
        (Kind::OpenAiCompatible, "openai/gpt-5", new),
        (Kind::OpenAiCompatible, "deepseek-reasoner", old),
        (Kind::Ollama, "gpt-oss:20b", old),
        (Kind::Sim, "sim-lorem", old),
    ];
    for (kind, model, begins) in cases {
        let body = format!(r#"{{"model":"{model}"}}"#);
        let out = capped(Surface::ChatCompletions, kind, model, &body, 9);
        assert!(out.starts_with(begins), "{kind:?} {model}: {out}");
    }
}

#[test]
fn ollama_hears_of_a_bound_that_it_would_not_read() {
    let body = r#"{"model":"m","max_completion_tokens":50}"#;
    let out = capped(Surface::ChatCompletions, Kind::Ollama, "m", body, 100);
    assert_eq!(out, r#"{"max_tokens":50,"model":"m","max_completion_tokens":50}"#);
    assert_eq!(capped(Surface::ChatCompletions, Kind::OpenAi, "m", body, 100), body);
}

#[test]
fn a_thinking_budget_stays_below_its_bound() {
    let body = |max: u64, budget: u64| {
        format!(r#"{{"model":"m","max_tokens":{max},"thinking":{{"type":"enabled","budget_tokens":{budget}}}}}"#)
    };
    let out = |cap| capped(Surface::Messages, Kind::Anthropic, "m", &body(8000, 4000), cap);
    assert_eq!(out(5000), body(5000, 4000));
    assert_eq!(out(2000), body(2000, 1999));
    assert_eq!(out(1025), body(1025, 1024));
    let thinking = body(8000, 4000);
    assert_eq!(head(Surface::Messages, &thinking).least_cap(thinking.as_bytes()), 1025);
    for (surface, expected) in [(Surface::Messages, 1), (Surface::Responses, 16), (Surface::ChatCompletions, 1)] {
        let body = r#"{"model":"m"}"#;
        assert_eq!(head(surface, body).least_cap(body.as_bytes()), expected);
    }
}

#[test]
fn all_edits_together_leave_valid_json() {
    let cases = [
        (Surface::ChatCompletions, r#"{"stream":true}"#),
        (Surface::ChatCompletions, " {\n\"stream\":true , \"stream_options\":{}}"),
        (Surface::ChatCompletions, "{}"),
        (Surface::Responses, "{}"),
        (Surface::Messages, r#"{"max_tokens":900}"#),
    ];
    for (surface, body) in cases {
        let bytes = Bytes::from(body.to_owned());
        let cap = Cap { tokens: 100, kind: Kind::Sim };
        let out = head(surface, body).rewrite(&bytes, Some("m"), true, Some(cap));
        let value: serde_json::Value =
            serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(&out)));
        assert_eq!(value["model"], "m");
        let bound = value.get("max_tokens").or_else(|| value.get("max_output_tokens"));
        assert_eq!(bound, Some(&100.into()), "{body}");
    }
}

#[test]
fn bounds_in_another_case_are_refused_and_answers_counted() {
    for body in [r#"{"max_tokens":1,"MAX_TOKENS":9}"#, r#"{"N":9}"#, r#"{"Best_Of":9}"#] {
        assert!(read(Surface::ChatCompletions, None, &Bytes::from(body)).is_err(), "{body}");
    }
    let choices = |surface, body| head(surface, body).choices;
    assert_eq!(choices(Surface::Completions, r#"{"n":2,"best_of":5}"#), Some(5));
    assert_eq!(choices(Surface::ChatCompletions, r#"{"n":2,"best_of":5}"#), Some(2));
    assert_eq!(choices(Surface::GenerateContent, r#"{"generation_config":{"candidate_count":3}}"#), Some(3));
}

#[test]
fn bodies_without_a_bound_of_their_own_stay_untouched() {
    for surface in [Surface::Embeddings, Surface::Rerank, Surface::MessagesCountTokens, Surface::CountTokens] {
        let body = r#"{"model":"m","max_tokens":9}"#;
        let bytes = Bytes::from(body);
        let cap = Cap { tokens: 1, kind: Kind::Sim };
        let out = head(surface, body).rewrite(&bytes, None, false, Some(cap));
        assert_eq!(out.as_ptr(), bytes.as_ptr(), "{surface:?}");
    }
}
