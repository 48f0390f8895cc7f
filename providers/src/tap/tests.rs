//! What the tap sees and withholds, in tables.

use bytes::Bytes;

use super::Tap;
use crate::Surface;

fn tapped(surface: Surface, stream: &str) -> Tap {
    let mut tap = Tap::stream(surface, false);
    tap.push(Bytes::from(stream.to_owned()), &mut Vec::new());
    tap
}

fn shown(chunks: &[&str]) -> String {
    let mut tap = Tap::stream(Surface::ChatCompletions, true);
    let mut out = Vec::new();
    for chunk in chunks {
        tap.push(Bytes::from((*chunk).to_owned()), &mut out);
    }
    tap.finish(&mut out);
    String::from_utf8(out.concat()).expect("text stays text")
}

const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}";
const AZURE: &str = "data: {\"choices\":[],\"id\":\"\",\"prompt_filter_results\":[]}\n\n";
const WORD: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";

#[test]
fn only_the_injected_chunk_is_withheld() {
    let with_end = |end: &str| [WORD, USAGE, end, "data: [DONE]\n\n"].concat();
    for end in ["\n\n", "\r\n\r\n", "\r\r"] {
        assert_eq!(shown(&[&with_end(end)]), format!("{WORD}data: [DONE]\n\n"), "{end:?}");
    }
    assert_eq!(shown(&[AZURE, WORD]), format!("{AZURE}{WORD}"));
    let in_last_choice = "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1}}\n\n";
    assert_eq!(shown(&[in_last_choice]), in_last_choice);
    let failed = "data: {\"choices\":[],\"error\":{\"message\":\"x\"},\"usage\":{\"prompt_tokens\":1}}\n\n";
    assert_eq!(shown(&[failed]), failed);
    // A CR at a chunk's end already ended the frame; the LF that follows belongs to it.
    let pair = format!("{USAGE}\r\n\r");
    assert_eq!(shown(&[&pair, "\n", WORD]), WORD);
    // The same behind a frame that is shown: its last LF must not go with the chunk that is hidden next.
    assert_eq!(shown(&[": ping\r\n\r", "\n", &USAGE[..9], &USAGE[9..], "\n\n"]), ": ping\r\n\r\n");
    // No blank line at the end: still the injected chunk.
    assert_eq!(shown(&[WORD, USAGE]), WORD);
    assert_eq!(shown(&[WORD, "data: {\"choi"]), format!("{WORD}data: {{\"choi"));
}

#[test]
fn frames_that_cannot_be_usage_are_not_held_back() {
    let mut tap = Tap::stream(Surface::ChatCompletions, true);
    let mut out = Vec::new();
    tap.push("data: {\"id\":1,".into(), &mut out);
    assert!(out.is_empty(), "an unfinished frame waits");
    tap.push("\"choices\":[{\"delta\":{\"content\":\"long ".into(), &mut out);
    assert_eq!(out.len(), 2, "a choice speaks: shown before the frame ends");
    tap.push("text\"}}]}\n\n".into(), &mut out);
    assert_eq!(out.len(), 3);

    let mut tap = Tap::stream(Surface::ChatCompletions, true);
    let mut out = Vec::new();
    for _ in 0..80 {
        tap.push(Bytes::from(vec![b'x'; 1024]), &mut out);
    }
    assert!(out.concat().len() > 64 * 1024, "too large to wait for");
}

#[test]
fn hiding_costs_no_copy_of_what_is_shown() {
    let mut tap = Tap::stream(Surface::ChatCompletions, true);
    let mut out = Vec::new();
    let chunk = Bytes::from([WORD, WORD].concat());
    tap.push(chunk.clone(), &mut out);
    assert_eq!((out.len(), out[0].as_ptr()), (1, chunk.as_ptr()));
}

#[test]
fn content_is_what_a_person_or_program_waits_for() {
    let chat = |delta: &str| format!("data: {{\"choices\":[{{\"delta\":{delta},\"finish_reason\":null}}]}}\n\n");
    let cases = [
        (Surface::ChatCompletions, chat(r#"{"role":"assistant","content":""}"#), false),
        (Surface::ChatCompletions, chat(r#"{"role":"assistant","content":null,"tool_calls":[],"refusal":null}"#), false),
        (Surface::ChatCompletions, AZURE.to_owned(), false),
        (Surface::ChatCompletions, ": comment\n\n: PROCESSING\n\n".to_owned(), false),
        (Surface::ChatCompletions, chat(r#"{"content":" "}"#), true),
        (Surface::ChatCompletions, chat(r#"{"reasoning_content":"h"}"#), true),
        (Surface::ChatCompletions, chat(r#"{"refusal":"no"}"#), true),
        (Surface::ChatCompletions, chat(r#"{"audio":{"id":"a"}}"#), true),
        (Surface::ChatCompletions, chat(r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}"#), true),
        (Surface::ChatCompletions, "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n".to_owned(), true),
        (Surface::ChatCompletions, "data: {\"error\":{\"message\":\"x\"}}\n\n".to_owned(), false),
        (Surface::Completions, "data: {\"choices\":[{\"text\":\"a\"}]}\n\n".to_owned(), true),
        (Surface::Messages, "event: ping\ndata: {\"type\":\"ping\"}\n\n".to_owned(), false),
        (Surface::Messages, "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n".to_owned(), false),
        (Surface::Messages, "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n".to_owned(), false),
        (Surface::Messages, "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"h\"}}\n\n".to_owned(), true),
        (Surface::Responses, "data: {\"type\":\"response.in_progress\",\"response\":{}}\n\n".to_owned(), false),
        (Surface::Responses, "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n".to_owned(), true),
        (Surface::Responses, "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"message\":\"x\"}}}\n\n".to_owned(), false),
        (Surface::StreamGenerateContent, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]}}]}\r\n\r\n".to_owned(), false),
        (Surface::StreamGenerateContent, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\n".to_owned(), true),
        (Surface::Audio, "data: {\"type\":\"transcript.text.delta\",\"delta\":\"a\"}\n\n".to_owned(), true),
    ];
    for (surface, stream, expected) in cases {
        assert_eq!(tapped(surface, &stream).has_content(), expected, "{stream}");
    }
}

#[test]
fn errors_inside_streams_are_seen_with_their_status() {
    let cases = [
        (
            Surface::ChatCompletions,
            "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"code\":null}}\n\n",
            500,
            Some("server_error"),
        ),
        (
            Surface::ChatCompletions,
            "event: error\ndata: {\"error\":{\"message\":\"m\",\"code\":\"tool_use_failed\",\"status_code\":400}}\n\n",
            400,
            Some("tool_use_failed"),
        ),
        (Surface::ChatCompletions, "data: {\"error\":{\"code\":429,\"message\":\"m\"}}\n\n", 429, None),
        (Surface::ChatCompletions, "data: {\"error\":\"m\"}\n\n", 500, None),
        (
            Surface::Messages,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n",
            529,
            Some("overloaded_error"),
        ),
        (
            Surface::Responses,
            "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}\n\n",
            429,
            Some("rate_limit_exceeded"),
        ),
        (
            Surface::Responses,
            "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}}\n\n",
            500,
            Some("server_error"),
        ),
        (
            Surface::StreamGenerateContent,
            "data: {\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}\n\n",
            503,
            Some("UNAVAILABLE"),
        ),
    ];
    for (surface, stream, status, code) in cases {
        let tap = tapped(surface, stream);
        let error = tap.error().unwrap_or_else(|| panic!("{stream}"));
        assert_eq!((error.status_hint, error.code.as_deref(), error.message.as_str()), (status, code, "m"), "{stream}");
    }
    for quiet in [
        "data: {\"error\":null,\"choices\":[]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"error\\\":\"}}]}\n\n",
    ] {
        assert!(tapped(Surface::ChatCompletions, quiet).error().is_none(), "{quiet}");
    }
}

#[test]
fn anthropics_figures_only_grow() {
    let start = "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"c\",\"usage\":{\"input_tokens\":702,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n";
    let delta = |usage: &str| {
        format!("data: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\"}},\"usage\":{usage}}}\n\n")
    };
    for (usage, input, output) in [
        (r#"{"output_tokens":9}"#, 702, 9),
        (r#"{"input_tokens":1591,"output_tokens":9}"#, 1591, 9),
        (r#"{"input_tokens":0,"output_tokens":0}"#, 702, 1),
    ] {
        let tap = tapped(Surface::Messages, &format!("{start}{}", delta(usage)));
        let found = tap.usage();
        assert_eq!((found.input, found.cached_input, found.output), (Some(input), Some(5), Some(output)), "{usage}");
        assert_eq!((tap.object_id(), tap.model()), (Some("msg_1"), Some("c")));
    }
}

#[test]
fn usage_is_read_from_wherever_it_stands() {
    let cases = [
        (
            Surface::ChatCompletions,
            "data: {\"choices\":[],\"x_groq\":{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}}\n\n",
            7,
        ),
        (
            Surface::ChatCompletions,
            "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: {\"choices\":[],\"usage\":null}\n\n",
            7,
        ),
        (
            Surface::Responses,
            "data: {\"type\":\"response.incomplete\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n",
            7,
        ),
        (
            Surface::Responses,
            "data: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n",
            7,
        ),
        (
            Surface::Audio,
            "data: {\"type\":\"transcript.text.done\",\"text\":\"a\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}\n\n",
            7,
        ),
        (
            Surface::StreamGenerateContent,
            "data: {\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":4}}\n\ndata: {\"usageMetadata\":{\"trafficType\":\"X\"}}\n\n",
            7,
        ),
    ];
    for (surface, stream, total) in cases {
        assert_eq!(tapped(surface, stream).usage().total(), total, "{stream}");
    }
}

fn body(surface: Surface, chunks: impl IntoIterator<Item = Bytes>) -> Tap {
    let mut tap = Tap::body(surface);
    for chunk in chunks {
        tap.push(chunk, &mut Vec::new());
    }
    tap.finish(&mut Vec::new());
    tap
}

fn owned(tap: &Tap) -> Vec<&str> {
    tap.owned().iter().map(|owned| owned.id.as_str()).collect()
}

#[test]
fn a_response_names_what_it_made() {
    let response = r#"{"id":"resp_1","store":true,"output":[{"type":"message","id":"msg_1"},{"id":"ci_1","container_id":"cntr_1"}]}"#;
    let made = ["msg_1", "ci_1", "cntr_1"];
    for surface in [Surface::Responses, Surface::StoredResponse] {
        assert_eq!(owned(&body(surface, [Bytes::from(response)])), made, "{surface:?}");
    }
    let created = r#"data: {"type":"response.created","response":{"id":"resp_1","output":[]}}"#;
    let stream = format!("{created}\n\ndata: {{\"type\":\"response.completed\",\"response\":{response}}}\n\n");
    assert_eq!(owned(&tapped(Surface::Responses, &stream)), made);
}

#[test]
fn a_response_that_is_cut_short_names_what_it_had_finished() {
    let created = |store| {
        format!(
            "data: {{\"type\":\"response.created\",\"response\":{{\"id\":\"r\",\"store\":{store},\"output\":[]}}}}\n\n"
        )
    };
    let done = |id| {
        let item = format!("{{\"id\":\"{id}\",\"container_id\":\"in_{id}\"}}");
        format!("data: {{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{item}}}\n\n")
    };
    let failed = "data: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\",\"output\":[]}}\n\n";
    for (stream, expected) in [
        (format!("{}{}{}", created(true), done("a"), done("b")), &["a", "in_a", "b", "in_b"][..]),
        (format!("{}{}{failed}", created(true), done("a")), &["a", "in_a"]),
        (format!("{}{}", created(false), done("a")), &["in_a"]),
    ] {
        assert_eq!(owned(&tapped(Surface::Responses, &stream)), expected, "{stream}");
    }
}

#[test]
fn a_message_names_the_container_that_its_code_ran_in() {
    let whole = Bytes::from_static(br#"{"id":"msg_1","container":{"id":"container_1","expires_at":"x"},"content":[]}"#);
    assert_eq!(owned(&body(Surface::Messages, [whole])), ["container_1"]);
    let start = r#"data: {"type":"message_start","message":{"id":"msg_1","container":null}}"#;
    let delta = r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn","container":{"id":"container_1"}},"usage":{"output_tokens":1}}"#;
    let last = r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#;
    assert_eq!(owned(&tapped(Surface::Messages, &format!("{start}\n\n{delta}\n\n{last}\n\n"))), ["container_1"]);
}

#[test]
fn bodies_are_read_at_their_end() {
    let batch = body(
        Surface::Batches,
        [Bytes::from_static(br#"{"id":"batch_1","output_file_id":"file-o","error_file_id":null}"#)],
    );
    assert_eq!((batch.object_id(), owned(&batch)), (Some("batch_1"), vec!["file-o"]));
    let failed = body(Surface::ChatCompletions, [Bytes::from_static(br#"{"error":{"code":502,"message":"m"}}"#)]);
    assert_eq!(failed.error().map(|error| error.status_hint), Some(502));
    let counted = body(Surface::MessagesCountTokens, [Bytes::from_static(br#"{"input_tokens":5}"#)]);
    assert!(!counted.usage().is_reported());
    let cut = body(Surface::ChatCompletions, [Bytes::from_static(br#"{"id":"x","usage":{"prompt_tokens":1}"#)]);
    assert!(!cut.is_complete());
    let audio = body(Surface::Audio, [Bytes::from_static(b"\xff\xfb\x90")]);
    assert!(audio.is_complete() && audio.has_content());
    let rerank = body(Surface::Rerank, [Bytes::from_static(br#"{"meta":{"billed_units":{"input_tokens":8}}}"#)]);
    assert_eq!(rerank.usage().input, Some(8));
}

#[test]
fn a_huge_body_keeps_its_tail_only() {
    let filler = Bytes::from(vec![b'1'; 1024 * 1024]);
    let chunks = std::iter::once(Bytes::from_static(b"{\"data\":["))
        .chain(std::iter::repeat_n(filler, 20))
        .chain([Bytes::from_static(b"],\"us"), Bytes::from_static(b"age\":{\"prompt_tokens\":7}}")]);
    let tap = body(Surface::Embeddings, chunks);
    assert_eq!((tap.usage().input, tap.is_complete()), (Some(7), true));
}

#[test]
fn only_a_batchs_answer_names_files() {
    let text = Bytes::from_static(br#"{"output_file_id":"resp_of_another"}"#);
    for surface in [Surface::Files, Surface::Responses, Surface::ChatCompletions] {
        assert!(body(surface, [text.clone()]).owned().is_empty(), "{surface:?}");
    }
}

#[test]
fn a_body_that_is_not_json_is_not_kept() {
    for (pieces, expected) in
        [(&["  \n", "\tRIFF", "{\"usage\":1}"][..], 0), (&["\u{feff}{"][..], 0), (&["", " ", "[1", ",2]"][..], 5)]
    {
        let mut kept = super::Body::new(Surface::Audio);
        for piece in pieces {
            kept.push(Bytes::from_static(piece.as_bytes()));
        }
        assert_eq!(kept.kept(), expected, "{pieces:?}");
    }
    assert!(body(Surface::Audio, [" ".into(), "RIFF".into()]).is_complete());
}

#[test]
fn a_prompt_or_picture_that_cannot_be_used_is_the_callers_fault() {
    for (code, status) in [
        ("invalid_prompt", 400),
        ("invalid_image_url", 400),
        ("image_too_large", 400),
        ("image_content_policy_violation", 400),
        ("failed_to_download_image", 400),
        ("unsupported_image_media_type", 400),
        ("invalid_api_key", 401),
        ("vector_store_timeout", 504),
        ("server_error", 500),
    ] {
        let event = format!(
            "data: {{\"type\":\"response.failed\",\"response\":{{\"error\":{{\"code\":\"{code}\",\"message\":\"m\"}}}}}}\n\n"
        );
        let hint = tapped(Surface::Responses, &event).error().map(|error| error.status_hint);
        assert_eq!(hint, Some(status), "{code}");
    }
}

#[test]
fn the_next_event_of_a_responses_stream_has_the_next_number() {
    let event = |number: &str| format!("event: response.output_text.delta\ndata: {{\"delta\":\"a\"{number}}}\n\n");
    let cases: &[(&[&str], u64)] = &[
        (&[], 0),
        (&[""], 1),
        (&["", ""], 2),
        (&[",\"sequence_number\":0"], 1),
        (&[",\"sequence_number\": 41 "], 42),
        (&[",\"sequence_number\":41", ""], 43),
        (&[",\"sequence_number\":\"x\""], 1),
        (&[",\"note\":\"\\\"sequence_number\\\":9\""], 1),
        (&[",\"sequence_number\":18446744073709551615"], u64::MAX),
    ];
    for (numbers, next) in cases {
        let stream: String = numbers.iter().map(|number| event(number)).collect();
        assert_eq!(tapped(Surface::Responses, &stream).next_sequence(), *next, "{stream}");
    }
}
