//! Prompts of every dialect, taken apart; and that nothing a caller writes breaks it.

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::{Detail, Image, Inline, Part, Prompt, Unbounded, inline, read};
use crate::Surface;

fn texts<'p>(prompt: &'p Prompt<'_>, part: Part) -> Vec<&'p str> {
    prompt.texts.iter().filter(|text| text.part == part).map(|text| &*text.text).collect()
}

fn words(surface: Surface, body: &str) -> Vec<String> {
    let prompt = read(surface, body.as_bytes());
    texts(&prompt, Part::Words).into_iter().map(ToOwned::to_owned).collect()
}

fn png(width: u32, height: u32) -> String {
    let head = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &width.to_be_bytes(), &height.to_be_bytes(), &[0; 8]].concat();
    STANDARD.encode(head)
}

#[test]
fn a_chat_is_taken_apart() {
    let body = format!(
        r#"{{"model":"m","messages":[
        {{"role":"system","content":"be \"kind\""}},
        {{"role":"user","name":"ann","content":["bare",{{"type":"text","text":"look"}},
          {{"type":"image_url","image_url":{{"url":"data:image/png;base64,{}","detail":"low"}}}},
          {{"type":"image_url","image_url":{{"url":"https://x/y.png"}}}}]}},
        {{"role":"assistant","content":null,"tool_calls":[{{"id":"c","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}},
        {{"role":"tool","tool_call_id":"c","content":"42"}}],
        "tools":[{{"type":"function","function":{{"name":"f","description":"d","parameters":{{"type":"object"}}}}}}],
        "response_format":{{"type":"json_schema","json_schema":{{"name":"s","schema":{{}}}}}}}}"#,
        png(800, 600)
    );
    let prompt = read(Surface::ChatCompletions, body.as_bytes());
    assert_eq!(prompt.messages, 4);
    assert_eq!(texts(&prompt, Part::Role), ["system", "user", "assistant", "tool"]);
    assert_eq!(texts(&prompt, Part::Name), ["ann"]);
    assert_eq!(texts(&prompt, Part::Words), ["be \"kind\"", "bare", "look", "42"]);
    assert_eq!(texts(&prompt, Part::Call), ["f", "{}"]);
    assert_eq!(texts(&prompt, Part::Schema), [r#"{"name":"s","schema":{}}"#]);
    let tool = &prompt.tools[0];
    assert_eq!((&*tool.name, &*tool.description, tool.parameters), ("f", "d", Some(r#"{"type":"object"}"#)));
    let images = [Image { detail: Detail::Low, size: Some((800, 600)) }, Image { detail: Detail::Auto, size: None }];
    assert_eq!(prompt.images, images);
    assert_eq!((prompt.unread_bytes, prompt.unbounded.len()), (0, 0));
}

#[test]
fn every_dialect_gives_its_words() {
    use Surface::{
        ChatCompletions, Completions, CountTokens, EmbedContent, Embeddings, GenerateContent, Messages, Responses,
    };
    let cases: &[(Surface, &str, &[&str])] = &[
        (Responses, r#"{"instructions":"i","input":"a"}"#, &["i", "a"]),
        (
            Responses,
            r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"a"}]},{"type":"function_call_output","output":"b"},{"type":"reasoning","summary":[{"type":"summary_text","text":"c"}]}]}"#,
            &["a", "b", "c"],
        ),
        (Completions, r#"{"prompt":["a","b"],"suffix":"c"}"#, &["a", "b", "c"]),
        (Embeddings, r#"{"input":"a"}"#, &["a"]),
        (
            Messages,
            r#"{"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"tool_result","content":[{"type":"text","text":"b"}]},{"type":"document","source":{"type":"text","data":"c"},"title":"d"}]}]}"#,
            &["s", "a", "b", "c", "d"],
        ),
        (
            GenerateContent,
            r#"{"system_instruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"a"}]}]}"#,
            &["s", "a"],
        ),
        (CountTokens, r#"{"generateContentRequest":{"contents":{"parts":{"text":"a"}}}}"#, &["a"]),
        (EmbedContent, r#"{"requests":[{"content":{"parts":[{"text":"a"}]}}]}"#, &["a"]),
        (ChatCompletions, r#"{"messages":[{"role":"user","content":"\ud83dx"}]}"#, &["\u{fffd}\u{fffd}\u{fffd}x"]),
    ];
    for (surface, body, expected) in cases {
        assert_eq!(words(*surface, body), *expected, "{body}");
        assert_eq!(read(*surface, body.as_bytes()).unread_bytes, 0, "{body}");
    }
    let ids = read(Embeddings, br#"{"input":[[1,2],[3]]}"#);
    assert_eq!(ids.token_ids, 3);
}

#[test]
fn what_cannot_be_bounded_is_named() {
    use Surface::{ChatCompletions, GenerateContent, Messages, Responses};
    let chat = |part: &str| format!(r#"{{"messages":[{{"role":"user","content":[{part}]}}]}}"#);
    let cases = [
        (ChatCompletions, chat(r#"{"type":"input_audio","input_audio":{"data":"AA"}}"#), Unbounded::Audio),
        (ChatCompletions, chat(r#"{"type":"file","file":{"file_id":"f"}}"#), Unbounded::File),
        (Responses, r#"{"input":"a","previous_response_id":"r"}"#.to_owned(), Unbounded::Stored),
        (Responses, r#"{"input":"a","conversation":"c"}"#.to_owned(), Unbounded::Stored),
        (Responses, r#"{"input":[{"type":"item_reference","id":"i"}]}"#.to_owned(), Unbounded::Stored),
        (Responses, r#"{"input":[{"id":"i"}]}"#.to_owned(), Unbounded::Stored),
        (Responses, r#"{"prompt":{"id":"p"}}"#.to_owned(), Unbounded::Template),
        (Responses, r#"{"tools":[{"type":"web_search"}]}"#.to_owned(), Unbounded::ServerTool),
        (Messages, r#"{"tools":[{"type":"web_search_20250305","name":"w"}]}"#.to_owned(), Unbounded::ServerTool),
        (Messages, r#"{"mcp_servers":[{"url":"x"}]}"#.to_owned(), Unbounded::ServerTool),
        (Messages, chat(r#"{"type":"document","source":{"type":"base64","data":"AA"}}"#), Unbounded::File),
        (
            GenerateContent,
            r#"{"contents":[{"parts":[{"fileData":{"mimeType":"video/mp4"}}]}]}"#.to_owned(),
            Unbounded::Video,
        ),
        (GenerateContent, r#"{"tools":[{"googleSearch":{}}]}"#.to_owned(), Unbounded::ServerTool),
        (GenerateContent, r#"{"cachedContent":"c"}"#.to_owned(), Unbounded::Cached),
    ];
    for (surface, body, expected) in cases {
        assert_eq!(read(surface, body.as_bytes()).unbounded, [expected], "{body}");
    }
    let plain = read(Responses, br#"{"input":"a","previous_response_id":null}"#);
    assert!(plain.unbounded.is_empty());
    let own = read(Messages, br#"{"tools":[{"type":"bash_20250124","name":"bash"}]}"#);
    assert!(own.unbounded.is_empty() && own.tools[0].is_vendors);
}

#[test]
fn what_is_not_understood_is_measured() {
    let cases = [
        (r#"{"messages":[7]}"#, 1),
        (r#"{"messages":[{"role":"user","content":{"type":"new","words":"abc"}}]}"#, 28),
        (r#"{"messages":[{"role":"user","content":12345}]}"#, 5),
        (r#"{"messages":[{"role":"user","novel":"abc"}]}"#, 5),
        (r#"{"messages":"abc"}"#, 0),
        ("not json", 8),
        ("", 0),
    ];
    for (body, bytes) in cases {
        assert_eq!(read(Surface::ChatCompletions, body.as_bytes()).unread_bytes, bytes, "{body}");
    }
}

#[test]
fn nothing_of_a_prompt_is_printed() {
    let prompt = read(Surface::ChatCompletions, br#"{"messages":[{"role":"user","content":"canary"}]}"#);
    assert!(!format!("{prompt:?}").contains("canary"));
}

#[test]
fn media_in_base64_is_found_by_a_look() {
    let media = "A".repeat(30_000);
    let found = |surface, body: &str| inline(surface, body.as_bytes());
    let url = format!(r#"{{"image_url":{{"url":"data:image/png;base64,{media}"}}}}"#);
    let one = |bytes| Inline { parts: 1, bytes };
    assert_eq!(found(Surface::ChatCompletions, &url), one(30_008));
    let audio = format!(r#"{{"input_audio":{{"data": "{media}","format":"wav"}}}}"#);
    assert_eq!(found(Surface::ChatCompletions, &audio), one(30_000));
    let source = format!(r#"{{"source":{{"type":"base64","data":"{media}"}}}}"#);
    assert_eq!(found(Surface::Messages, &source), one(30_000));
    let both = format!("[{source},{source}]");
    assert_eq!(found(Surface::GenerateContent, &both), Inline { parts: 2, bytes: 60_000 });
    let text = format!(r#"{{"content":"say ;base64, or \"data\" {}"}}"#, "x ".repeat(10_000));
    assert_eq!(found(Surface::Messages, &text), Inline::default());
    assert_eq!(found(Surface::Messages, r#"{"data":"short"}"#), Inline::default());
}

#[test]
fn a_body_tells_whether_its_bytes_bound_it() {
    use Surface::{ChatCompletions, Completions, GenerateContent, Messages, Responses};
    let cases = [
        (ChatCompletions, r#"{"messages":[{"role":"user","content":"hi"}]}"#, false),
        (ChatCompletions, r#"{"tools":[{"type":"function","function":{"name":"f"}}]}"#, false),
        (ChatCompletions, r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"x"}}]}]}"#, true),
        (ChatCompletions, r#"{"messages":[{"content":[{"type":"image_url","image\u005furl":"x"}]}]}"#, true),
        (ChatCompletions, r#"{"messages":[{"content":[{"type":"file","file":{"file_id":"f"}}]}]}"#, true),
        (ChatCompletions, r#"{"messages":[{"content":[{"type":"input_audio","input_audio":{}}]}]}"#, true),
        (ChatCompletions, r#"{"web_search_options":{}}"#, true),
        (ChatCompletions, r#"{"model":"compound-beta","search_settings":{"include_domains":["a.example"]}}"#, true),
        (ChatCompletions, r#"{"search_parameters":{"mode":"auto"}}"#, true),
        (ChatCompletions, r#"{"plugins":[{"id":"web"}]}"#, true),
        (Completions, r#"{"prompt":"say \"image_url\""}"#, false),
        (Responses, r#"{"input":"a","previous_response_id":null}"#, false),
        (Responses, r#"{"input":"a","previous_response_id":"r"}"#, true),
        (Responses, r#"{"input":[{"type":"item_reference","item_id":"r"}]}"#, true),
        (Responses, r#"{"input":[{"type":"input_image","image_url":"x"}]}"#, true),
        (Responses, r#"{"input":[{"id":"msg_1"}]}"#, true),
        (ChatCompletions, r#"{"messages":[{"role":"tool","tool_call_id":"c","content":"caf\u00e9"}]}"#, false),
        (Responses, r#"{"prompt":{"id":"p"}}"#, true),
        (Responses, r#"{"tools":[{"type":"web_search"}]}"#, true),
        (Messages, r#"{"messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f","input_schema":{}}]}"#, false),
        (Messages, r#"{"messages":[{"content":[{"type":"image","source":{"type":"url"}}]}]}"#, true),
        (Messages, r#"{"tools":[{"type":"bash_20250124"}]}"#, true),
        (GenerateContent, r#"{"contents":[{"parts":[{"text":"hi"}]}],"tools":[{"functionDeclarations":[]}]}"#, false),
        (GenerateContent, r#"{"contents":[{"parts":[{"inline_data":{}}]}]}"#, true),
        (GenerateContent, r#"{"contents":[{"parts":[{"fileData":{}}]}]}"#, true),
        (GenerateContent, r#"{"tools":[{"googleSearch":{}}]}"#, true),
        (GenerateContent, r#"{"cachedContent":"c"}"#, true),
    ];
    for (surface, body, expected) in cases {
        let head = crate::read(surface, None, &bytes::Bytes::from(body)).expect("a good body");
        assert_eq!(head.reads_more, expected, "{body}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), which in 0_usize..8) {
        let surfaces = [
            Surface::ChatCompletions, Surface::Responses, Surface::Completions, Surface::Messages,
            Surface::GenerateContent, Surface::CountTokens, Surface::Rerank, Surface::Audio,
        ];
        let prompt = read(surfaces[which], &bytes);
        prop_assert!(prompt.text_bytes() <= bytes.len() as u64);
    }
}
