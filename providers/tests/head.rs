//! Reading heads of bodies and editing them: what routing sees, and that nothing else changes.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_providers::{BadBody, Head, StoredKind, StoredRef, Surface, conversation_key, read};

const JSON: Option<&str> = Some("application/json");

fn head(surface: Surface, body: &str) -> Head {
    read(surface, JSON, &Bytes::from(body.to_owned())).unwrap_or_else(|bad| panic!("{body}: {bad}"))
}

fn ids(head: &Head) -> Vec<&str> {
    head.stored_refs.iter().map(|stored| stored.id.as_str()).collect()
}

fn rewritten(surface: Surface, body: &str, model: Option<&str>, inject: bool) -> String {
    let bytes = Bytes::from(body.to_owned());
    let out = head(surface, body).rewrite(&bytes, model, inject, None);
    String::from_utf8(out.to_vec()).expect("text stays text")
}

#[test]
fn heads_say_what_routing_needs() {
    let chat = head(
        Surface::ChatCompletions,
        r#"{"model":"gpt\u002d4o","stream":true,"stream_options":{"include_usage":true},"user":"u1","n":2,
            "max_tokens":5,"max_completion_tokens":7,"messages":[{"content":[{"file":{"file_id":"file-1"}}]}]}"#,
    );
    assert_eq!(chat.model.as_deref(), Some("gpt-4o"));
    assert!(chat.streamed && chat.asked_usage);
    assert_eq!((chat.max_output, chat.choices, chat.end_user.as_deref()), (Some(7), Some(2), Some("u1")));
    assert_eq!(ids(&chat), ["file-1"]);

    let responses = head(
        Surface::Responses,
        r#"{"model":"m","previous_response_id":"resp_1","max_output_tokens":9,"input":[{"content":[{"type":"input_file","file\u005fid":"file-2"}]}],"tools":[{"container":{"file_ids":["file-3","file-4"]}}]}"#,
    );
    assert_eq!(responses.previous_response.as_deref(), Some("resp_1"));
    assert_eq!(ids(&responses), ["file-2", "file-3", "file-4", "resp_1"]);

    let tools = head(
        Surface::Messages,
        r#"{"metadata":{"file_id":"m"},"tools":[{"input_schema":{"properties":{"file_id":{"const":"s"}}}}],
            "messages":[{"content":[{"type":"tool_use","input":{"file_id":"t"}},{"source":{"file_id":"file-5"}}]}]}"#,
    );
    assert_eq!(ids(&tools), ["file-5"], "what belongs to the application is no stored object");

    let batch = head(Surface::Batches, r#"{"input_file_id":"file-9","endpoint":"/v1/chat/completions"}"#);
    assert_eq!(ids(&batch), ["file-9"]);

    let messages =
        head(Surface::Messages, r#"{"model":"c","metadata":{"user_id":"u2"},"max_tokens":3,"stream":false}"#);
    assert_eq!((messages.end_user.as_deref(), messages.max_output, messages.streamed), (Some("u2"), Some(3), false));

    let gemini = head(
        Surface::StreamGenerateContent,
        r#"{"contents":[],"generationConfig":{"maxOutputTokens":4,"candidateCount":2}}"#,
    );
    assert_eq!((gemini.max_output, gemini.choices, gemini.streamed, gemini.model), (Some(4), Some(2), true, None));

    assert_eq!(head(Surface::ChatCompletions, r#"{"model":null,"stream":null}"#).model, None);
    assert_eq!(read(Surface::Models, None, &Bytes::new()), Ok(Head::default()));
}

#[test]
fn junk_is_refused_with_a_reason() {
    let cases = [
        ("", "the body is not valid JSON"),
        ("{", "the body is not valid JSON"),
        (r#"{"a":1} x"#, "the body is not valid JSON"),
        ("[1]", "the body must be a JSON object"),
        ("\"x\"", "the body must be a JSON object"),
        (r#"{"model":"a","model":"b"}"#, "\"model\" twice"),
        (r#"{"model":"a","mod\u0065l":"b"}"#, "\"model\" twice"),
        (r#"{"x":1,"y":2,"x":1}"#, "\"x\" twice"),
        (r#"{"model":5}"#, "\"model\" must be a string"),
        (r#"{"stream":"true"}"#, "\"stream\" must be true or false"),
        (r#"{"stream":1}"#, "\"stream\" must be true or false"),
    ];
    for (body, reason) in cases {
        let bad = read(Surface::ChatCompletions, JSON, &Bytes::from(body)).expect_err(body);
        assert!(bad.to_string().contains(reason), "{body}: {bad}");
    }
    assert!(read(Surface::ChatCompletions, JSON, &Bytes::from_static(b"{\"a\":\"\xff\"}")).is_err());
    let deep = format!(r#"{{"file_id":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(read(Surface::ChatCompletions, JSON, &Bytes::from(deep)), Err(BadBody::NotJson(_))));
}

#[test]
fn names_that_decide_have_one_spelling() {
    let cases = [
        (r#"{"model":"a","MODEL":"b"}"#, "\"MODEL\" must be spelled \"model\""),
        (r#"{"Model":"b"}"#, "\"Model\" must be spelled \"model\""),
        (r#"{"ſtream":true}"#, "must be spelled \"stream\""),
        (r#"{"previou\u017f_response_id":"r"}"#, "must be spelled \"previous_response_id\""),
        (r#"{"Stream_Options":{}}"#, "must be spelled \"stream_options\""),
        (r#"{"stream_options":{"INCLUDE_USAGE":false}}"#, "must be spelled \"include_usage\""),
        (r#"{"Conversation":"c"}"#, "must be spelled \"conversation\""),
    ];
    for (body, reason) in cases {
        let bad = read(Surface::Responses, JSON, &Bytes::from(body)).expect_err(body);
        assert!(bad.to_string().contains(reason) && bad.param().is_some(), "{body}: {bad}");
    }
    head(Surface::ChatCompletions, r#"{"model":"a","Other":1,"messages":[{"MODEL":"in a message"}]}"#);
}

/// Histories are sent back with what was cited in them: files of containers and vector stores, which nobody here owns.
#[test]
fn what_a_text_only_tells_of_is_not_referred_to() {
    let history = r#"{"input":[
        {"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"x",
            "annotations":[{"type":"container_file_citation","container_id":"cntr_1","file_id":"cfile_1"}]}]},
        {"type":"file_search_call","id":"fs_1","results":[{"file_id":"file-store","text":"x"}]},
        {"type":"message","role":"user","content":[{"type":"input_file","file_id":"file-own"}]},
        {"type":"item_reference","id":"msg_2"}],
        "tools":[{"type":"code_interpreter","container":"cntr_2"}]}"#;
    assert_eq!(ids(&head(Surface::Responses, history)), ["file-own", "msg_2", "cntr_2"]);
}

#[test]
fn conversations_are_stored_objects_of_nobody_and_vector_stores_are_none() {
    let other = |id: &str| StoredRef { kind: StoredKind::Other, id: id.to_owned() };
    let search = r#"{"tools":[{"type":"file_search","vector_store_ids":["vs_1"]}]}"#;
    assert_eq!(head(Surface::Responses, search).stored_refs, []);
    for (body, expected) in
        [(r#"{"conversation":"conv_1"}"#, "conv_1"), (r#"{"conversation":{"id":"conv_2"}}"#, "conv_2")]
    {
        assert_eq!(head(Surface::Responses, body).stored_refs, [other(expected)], "{body}");
    }
    let previous = head(Surface::Responses, r#"{"previous_response_id":"r","input":[{"file_id":"f"}]}"#);
    let kinds: Vec<StoredKind> = previous.stored_refs.iter().map(|stored| stored.kind).collect();
    assert_eq!(kinds, [StoredKind::File, StoredKind::Response]);
    assert!(ids(&head(Surface::ChatCompletions, r#"{"conversation":"x"}"#)).is_empty());
}

#[test]
fn only_the_edited_spans_change() {
    let chat = Surface::ChatCompletions;
    let cases = [
        (chat, r#"{"model":"a"}"#, Some("b"), false, r#"{"model":"b"}"#),
        (
            chat,
            r#" { "z" : 9007199254740993 , "model" : "\u0061" , "é":"ü\u00fc" }"#,
            Some("q\"x"),
            false,
            r#" { "z" : 9007199254740993 , "model" : "q\"x" , "é":"ü\u00fc" }"#,
        ),
        (chat, r#"{"model":null}"#, Some("b"), false, r#"{"model":"b"}"#),
        (chat, r#"{"messages":[]}"#, Some("b"), false, r#"{"model":"b","messages":[]}"#),
        (chat, "{}", Some("b"), false, r#"{"model":"b"}"#),
        (chat, r#"{"stream":true}"#, None, true, r#"{"stream_options":{"include_usage":true},"stream":true}"#),
        (
            chat,
            r#"{"stream":true,"stream_options":null}"#,
            None,
            true,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            chat,
            r#"{"stream":true,"stream_options":{ }}"#,
            None,
            true,
            r#"{"stream":true,"stream_options":{"include_usage":true }}"#,
        ),
        (
            chat,
            r#"{"stream":true,"stream_options":{"x":1}}"#,
            None,
            true,
            r#"{"stream":true,"stream_options":{"include_usage":true,"x":1}}"#,
        ),
        (
            chat,
            r#"{"stream":true,"stream_options":{"include_usage": false,"x":1}}"#,
            None,
            true,
            r#"{"stream":true,"stream_options":{"include_usage": true,"x":1}}"#,
        ),
        (
            chat,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            None,
            true,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (chat, r#"{"stream":false}"#, None, true, r#"{"stream":false}"#),
        (
            chat,
            r#"{"stream":true}"#,
            Some("m"),
            true,
            r#"{"model":"m","stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (
            Surface::Completions,
            r#"{"stream":true}"#,
            None,
            true,
            r#"{"stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (Surface::Responses, r#"{"model":"a","stream":true}"#, Some("b"), true, r#"{"model":"b","stream":true}"#),
        (Surface::Messages, r#"{"stream":true,"model":"a"}"#, Some("b"), true, r#"{"stream":true,"model":"b"}"#),
        (Surface::GenerateContent, r#"{"contents":[]}"#, Some("b"), true, r#"{"contents":[]}"#),
        (
            Surface::EmbedContent,
            r#"{"requests":[{"model":"models/a","content":{}},{"content":{}}]}"#,
            Some("b"),
            false,
            r#"{"requests":[{"model":"models/b","content":{}},{"content":{}}]}"#,
        ),
        (Surface::Batches, r#"{"input_file_id":"f"}"#, Some("b"), true, r#"{"input_file_id":"f"}"#),
    ];
    for (surface, body, model, inject, expected) in cases {
        assert_eq!(rewritten(surface, body, model, inject), expected, "{body}");
    }
}

#[test]
fn without_a_change_the_same_bytes_come_back() {
    let body = Bytes::from_static(br#"{"model":"a","stream":true,"stream_options":{"include_usage":true}}"#);
    let head = read(Surface::ChatCompletions, JSON, &body).expect("a good body");
    for model in [None, Some("a")] {
        assert_eq!(head.rewrite(&body, model, true, None).as_ptr(), body.as_ptr());
    }
}

const FORM: Option<&str> = Some("multipart/form-data; boundary=\"b-1\"");

fn form(parts: &[(&str, &[u8])]) -> Bytes {
    let mut body = Vec::new();
    for (disposition, value) in parts {
        body.extend_from_slice(format!("--b-1\r\nContent-Disposition: form-data; {disposition}\r\n\r\n").as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b-1--\r\n");
    body.into()
}

#[test]
fn multipart_fields_are_found_anywhere_and_files_stay_bytes() {
    let audio: &[u8] = b"\x00\xff\r\n--b-\r\n\r\nname=\"model\"\r\n";
    let body = form(&[
        ("name=\"file\"; filename=\"a \\\"b\\\";name=model.wav\"", audio),
        ("name=\"stream\"", b"true"),
        ("name=model", b"whisper-1"),
    ]);
    let head = read(Surface::Audio, FORM, &body).expect("a good form");
    assert_eq!((head.model.as_deref(), head.streamed), (Some("whisper-1"), true));
    let out = head.rewrite(&body, Some("whisper-large"), true, None);
    let at = body.windows(9).position(|w| w == b"whisper-1").expect("the model");
    assert_eq!(out[..at], body[..at]);
    assert_eq!(&out[at..at + 13], b"whisper-large");
    assert_eq!(out[at + 13..], body[at + 9..]);
}

#[test]
fn a_form_without_model_gets_one() {
    let body = form(&[("name=\"file\"; filename=\"a\"", b"x")]);
    let head = read(Surface::Audio, FORM, &body).expect("a good form");
    let out = head.rewrite(&body, Some("whisper-1"), false, None);
    assert_eq!(read(Surface::Audio, FORM, &out).expect("still a good form").model.as_deref(), Some("whisper-1"));
    assert!(out.ends_with(&body));
}

#[test]
fn ambiguous_forms_are_refused() {
    let field = |name: &str, value: &'static [u8]| form(&[(name, value)]);
    let cases = [
        form(&[("name=\"model\"", b"a"), ("name=\"model\"", b"b")]),
        field("name=\"model\"; filename=\"x\"", b"a"),
        field("name=\"model\"; name=\"file\"", b"a"),
        field("name=\"model", b"a"),
        field("name=\"file\"", b"text --b-1 text"),
        field("name=\"model\"", &[b'x'; 5000]),
        field("name=\"model\"", b"\xff"),
        Bytes::from_static(b"--b-1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\na"),
        Bytes::from_static(b"no boundary at all"),
        Bytes::from_static(b"--b-1\r\nno headers\r\n--b-1--"),
        Bytes::from_static(b"--b-1\nContent-Disposition: form-data; name=\"model\"\n\na\n--b-1--"),
    ];
    for body in cases {
        let found = read(Surface::Audio, FORM, &body);
        assert!(found.is_err(), "{:?}: {found:?}", String::from_utf8_lossy(&body));
    }
    for content_type in
        ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=a; boundary=b"]
    {
        assert!(read(Surface::Audio, Some(content_type), &form(&[])).is_err(), "{content_type}");
    }
}

fn upload(purpose: &str, lines: &str) -> Result<Head, BadBody> {
    let body =
        form(&[("name=\"file\"; filename=\"a.jsonl\"", lines.as_bytes()), ("name=\"purpose\"", purpose.as_bytes())]);
    read(Surface::Files, FORM, &body)
}

#[test]
fn uploads_say_their_purpose() {
    assert_eq!(upload("batch", "").expect("a good form").purpose.as_deref(), Some("batch"));
    let other = upload("user_data", "\u{0} no lines").expect("any content");
    assert!(other.batch_models.is_empty());
}

#[test]
fn lines_of_a_batch_file_are_read_like_requests() {
    let chat = r#"{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"a"}}"#;
    let azure = r#"{"url":"/chat/completions","body":{"model":"b"}}"#;
    let response = r#"{"url":"/v1/responses","body":{"model":"a","previous_response_id":"resp_1","input":[{"file_id":"file_1"}]}}"#;
    let batch = upload("batch", &format!("{chat}\r\n\n{azure}\n{response}\n{response}\n")).expect("good lines");
    assert_eq!(batch.batch_models, ["a".to_owned(), "b".to_owned()].into());
    assert_eq!(ids(&batch), ["file_1", "resp_1"]);
    let bad = [
        ("{}", "\"url\""),
        ("[]", "no JSON object"),
        (r#"{"url":"/v1/chat/completions","body":{}}"#, "names no model"),
        (r#"{"url":"/v1/chat/completions","body":{"model":"a","MODEL":"b"}}"#, "must be spelled"),
        (r#"{"url":"/v1/chat/completions","body":{"model":"a"},"body":{"model":"b"}}"#, "\"body\" twice"),
        (r#"{"url":"/v1/chat/completions","body":{"model":"a"},"Body":{"model":"b"}}"#, "must be spelled"),
        (r#"{"url":"/v1/other","body":{"model":"a"}}"#, "no endpoint"),
        (r#"{"url":"/v1/responses","body":"{}"}"#, "\"body\" must be an object"),
    ];
    for (line, reason) in bad {
        let why = upload("batch", &format!("{chat}\n{line}\n")).expect_err(line);
        assert!(why.to_string().starts_with("line 2 ") && why.to_string().contains(reason), "{line}: {why}");
    }
    let two = form(&[
        ("name=\"file\"; filename=\"a\"", chat.as_bytes()),
        ("name=\"purpose\"", b"batch"),
        ("name=\"file\"; filename=\"b\"", azure.as_bytes()),
    ]);
    assert_eq!(read(Surface::Files, FORM, &two), Err(BadBody::DuplicateKey("file".to_owned())));
}

#[test]
fn a_conversation_keeps_its_key_and_others_have_another() {
    let chat =
        |turns: &str| conversation_key(Surface::ChatCompletions, format!(r#"{{"messages":[{turns}]}}"#).as_bytes());
    let opening = r#"{"role":"system","content":"s"},{"role":"user","content":"hi"}"#;
    let later = format!(r#"{opening},{{"role":"assistant","content":"yes"}},{{"role":"user","content":"more"}}"#);
    assert_eq!(chat(opening), chat(&later));
    assert_ne!(chat(opening), chat(r#"{"role":"system","content":"t"},{"role":"user","content":"hi"}"#));
    let gemini = |text: &str| format!(r#"{{"contents":[{{"parts":[{{"text":"{text}"}}]}}]}}"#);
    let key = |text: &str| conversation_key(Surface::GenerateContent, gemini(text).as_bytes());
    assert!(key("a").is_some() && key("a") != key("b"));
    assert!(conversation_key(Surface::Responses, br#"{"input":"hi"}"#).is_some());
    assert_eq!(conversation_key(Surface::ChatCompletions, b"{}"), None);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[a-zé\"\\\\\n ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_\"é]{0,6}", inner, 0..4).prop_map(|m| m.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn rewriting_equals_editing_the_value(
        extra in prop::collection::btree_map("[a-zé\"]{1,6}", any_json(), 0..5),
        model in "[a-z\"\\\\é]{0,10}",
        options in prop::option::of(prop_oneof![Just(json!(null)), Just(json!({})), Just(json!({"include_usage": false})), Just(json!({"o": [1]}))]),
        pretty in any::<bool>(),
    ) {
        let mut value: Value = extra.into_iter().collect();
        value["model"] = "old".into();
        value["stream"] = true.into();
        if let Some(options) = options {
            value["stream_options"] = options;
        }
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.expect("JSON");
        let out = rewritten(Surface::ChatCompletions, &text, Some(&model), true);
        let mut expected = value;
        expected["model"] = model.into();
        if expected["stream_options"].is_null() {
            expected["stream_options"] = json!({});
        }
        expected["stream_options"]["include_usage"] = true.into();
        prop_assert_eq!(serde_json::from_str::<Value>(&out).expect("still JSON"), expected);
    }

    #[test]
    fn reading_never_panics(body in prop::collection::vec(any::<u8>(), 0..200), kind in 0..3_usize) {
        let types = [JSON, FORM, None];
        let mut form = b"--b-1\r\n".to_vec();
        form.extend_from_slice(&body);
        for body in [Bytes::from(body), Bytes::from(form)] {
            if let Ok(head) = read(Surface::Audio, types[kind], &body) {
                prop_assert!(head.rewrite(&body, Some("m"), true, None).len() >= body.len().min(1));
            }
        }
    }
}
