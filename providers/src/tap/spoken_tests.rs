//! What streams and bodies are heard to say, in tables, whatever becomes of them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;

use super::{Counter, Tap, spoken::Spoken};
use crate::Surface;

/// Counts words: easy to say by heart.
struct Words;

impl Counter for Words {
    fn count(&self, text: &str) -> Option<u64> {
        Some(text.split_whitespace().count() as u64)
    }
}

/// Its tables never come.
struct Never;

impl Counter for Never {
    fn count(&self, _: &str) -> Option<u64> {
        None
    }
}

fn heard(surface: Surface, frames: &str) -> Tap {
    let mut tap = Tap::stream(surface, false).counting(Arc::new(Words));
    tap.push(Bytes::from(frames.to_owned()), &mut Vec::new());
    tap
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

fn chat(delta: &str) -> String {
    event(&format!(r#"{{"id":"x","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}],"usage":null}}"#))
}

#[test]
fn streams_are_heard_in_every_dialect() {
    let chats = [
        (chat(r#"{"role":"assistant","content":""}"#), 0, 0),
        (chat(r#"{"content":"one two"}"#), 2, 7),
        (chat(r#"{"content":"caf\u00e9 \"x\""}"#), 2, 9),
        (chat(r#"{"content":null,"refusal":"no"}"#), 1, 2),
        (chat(r#"{"reasoning_content":"I think","reasoning":"I think","content":"so"}"#), 3, 9),
        (chat(r#"{"reasoning":"I think","reasoning_details":[{"text":"I think"}]}"#), 2, 7),
        (chat(r#"{"content":[{"type":"thinking","thinking":[{"text":"hm"}]},{"type":"text","text":"yes"}]}"#), 2, 5),
        (chat(r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\": 1}"}}]}"#), 3, 9),
        (chat(r#"{"function_call":{"name":"f","arguments":"{}"}}"#), 2, 3),
        // Halves of a surrogate pair in two events, as some servers cut them.
        (chat(r#"{"content":"\ud83d"}"#) + &chat(r#"{"content":"\ude00"}"#), 1, 6),
        (event(r#"{"choices":[{"text":"one two","index":0}]}"#), 2, 7),
        (event("[DONE]"), 0, 0),
        (event(r#"{"choices":[{"delta":{"content":7}}]}"#), 0, 0),
        (event(r#"{"choices":[{"delta":{"content":"cut"#), 0, 0),
    ];
    for (stream, tokens, bytes) in chats {
        let mut tap = heard(Surface::ChatCompletions, &stream);
        let delivered = tap.delivered();
        assert_eq!((tap.output_tokens().tokens, delivered.text_bytes), (tokens, bytes), "{stream}");
        assert!(delivered.at_most() >= tokens && delivered.likely() <= delivered.at_most(), "{stream}");
    }
    let others = [
        (Surface::Responses, r#"{"type":"response.output_text.delta","item_id":"i","delta":"one two"}"#, 2),
        (Surface::Responses, r#"{"type":"response.reasoning_summary_text.delta","delta":"one"}"#, 1),
        (Surface::Responses, r#"{"type":"response.function_call_arguments.delta","delta":"{\"a\": 1}"}"#, 2),
        (Surface::Responses, r#"{"type":"response.output_text.done","text":"one two"}"#, 0),
        (Surface::Audio, r#"{"type":"transcript.text.delta","delta":"one two"}"#, 2),
        (Surface::Messages, r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"one two"}}"#, 2),
        (Surface::Messages, r#"{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"one"}}"#, 1),
        (
            Surface::Messages,
            r#"{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"a b"}}"#,
            0,
        ),
        (
            Surface::Messages,
            r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{\"a\": 1}"}}"#,
            2,
        ),
        (
            Surface::Messages,
            r#"{"type":"content_block_start","content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            1,
        ),
        (Surface::Messages, r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#, 0),
        (
            Surface::StreamGenerateContent,
            r#"{"candidates":[{"content":{"parts":[{"text":"one two"},{"thought":true,"text":"three"}]}}]}"#,
            3,
        ),
        (
            Surface::StreamGenerateContent,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"parts": [1]}}}]}}]}"#,
            3,
        ),
    ];
    for (surface, data, tokens) in others {
        let mut tap = heard(surface, &event(data));
        assert_eq!((tap.output_tokens().tokens, tap.output_tokens().is_exact), (tokens, true), "{data}");
        assert_eq!(tap.delivered().events, u64::from(tokens > 0), "{data}");
    }
}

#[test]
fn what_text_does_not_tell_is_said() {
    let media = [
        (Surface::ChatCompletions, r#"{"choices":[{"delta":{"audio":{"data":"AAAA"}}}]}"#),
        (Surface::Responses, r#"{"type":"response.output_audio.delta","delta":"AAAA"}"#),
        (
            Surface::StreamGenerateContent,
            r#"{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA"}}]}}]}"#,
        ),
    ];
    for (surface, data) in media {
        let mut tap = heard(surface, &event(data));
        assert!(tap.delivered().has_media && !tap.output_tokens().is_exact, "{data}");
        assert_eq!(tap.delivered().text_bytes, 0, "{data}");
    }
}

#[test]
fn the_count_is_the_same_however_the_text_arrives() {
    let words: Vec<String> = (0..900).map(|n| format!("word{n}")).collect();
    let text = words.join(" ");
    for piece in [1, 3, 7, 100, 5000] {
        let bytes = text.as_bytes();
        let stream: String = bytes
            .chunks(piece)
            .map(|part| chat(&format!(r#"{{"content":"{}"}}"#, String::from_utf8_lossy(part))))
            .collect();
        let mut tap = heard(Surface::ChatCompletions, &stream);
        assert_eq!(tap.output_tokens().tokens, 900, "{piece}");
        assert!(tap.output_tokens().is_exact);
        assert_eq!(tap.delivered().text_bytes, text.len() as u64);
        assert!(tap.delivered().uncounted_bytes < 16, "text is let go once it is counted");
    }
}

/// Counts as [`Words`] does, and how often it is asked.
#[derive(Default)]
struct Asked(AtomicUsize);

impl Counter for Asked {
    fn count(&self, text: &str) -> Option<u64> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Words.count(text)
    }
}

#[test]
fn text_is_counted_only_when_asked_or_when_much_waits() {
    let asked = Arc::new(Asked::default());
    let asks = || asked.0.load(Ordering::Relaxed);
    let say = |tap: &mut Tap, stream: &str| tap.push(Bytes::from(stream.to_owned()), &mut Vec::new());
    let word = chat(r#"{"content":"word "}"#);
    let mut tap = Tap::stream(Surface::ChatCompletions, false).counting(asked.clone());
    say(&mut tap, &word.repeat(1000));
    assert_eq!((asks(), tap.delivered().at_most(), tap.delivered().likely()), (0, 5000, 1667));
    assert_eq!((tap.output_tokens().tokens, tap.delivered().counted_tokens), (1000, 1000));
    assert!(tap.delivered().at_most() < 1010, "once counted, the bound is near");
    let before = asks();
    say(&mut tap, &word.repeat(2000));
    assert_eq!(asks() - before, 1, "one count for some eight kilobytes");
    assert!(tap.delivered().uncounted_bytes < 8 * 1024);
    assert_eq!(tap.output_tokens().tokens, 3000);
}

#[test]
fn answers_with_usage_are_never_counted() {
    let usage = r#""usage":{"prompt_tokens":1,"completion_tokens":2}"#;
    let json = format!(r#"{{"choices":[{{"message":{{"content":"{}"}}}}],{usage}}}"#, "word ".repeat(10_000));
    let nothing = r#"{"choices":[{"message":{"content":"one"}}],"usage":{"prompt_tokens":1,"completion_tokens":0}}"#;
    for json in [&json, nothing] {
        let asked = Arc::new(Asked::default());
        let mut tap = Tap::body(Surface::ChatCompletions).counting(asked.clone());
        tap.push(Bytes::from(json.to_owned()), &mut Vec::new());
        tap.finish(&mut Vec::new());
        assert_eq!((tap.usage().input, asked.0.load(Ordering::Relaxed)), (Some(1), 0));
    }
}

#[test]
fn answers_beside_each_other_are_kept_apart() {
    let one = |index: u32, text: &str| {
        event(&format!(r#"{{"choices":[{{"index":{index},"delta":{{"content":"{text}"}}}}]}}"#))
    };
    let stream: String = ["wo", "rd", "s"].iter().flat_map(|part| (0..3).map(move |n| one(n, part))).collect();
    assert_eq!(heard(Surface::ChatCompletions, &stream).output_tokens().tokens, 3);
    // More voices than are kept apart still cost no more than a bounded memory.
    let many: String = (0..200).map(|n| one(n, "word ")).collect();
    assert!(heard(Surface::ChatCompletions, &many).output_tokens().tokens >= 200);
}

#[test]
fn without_tables_it_is_an_estimate() {
    let text = "four".repeat(10_000);
    let mut spoken = Spoken::default();
    spoken.count_with(Arc::new(Never));
    for part in text.as_bytes().chunks(1000) {
        spoken.say(0, part);
    }
    let count = spoken.count();
    assert!(!count.is_exact && (10_000..10_100).contains(&count.tokens), "{count:?}");
    assert!(spoken.delivered().uncounted_bytes <= 16 * 1024);

    let mut tap = Tap::stream(Surface::ChatCompletions, false);
    tap.push(Bytes::from(chat(r#"{"content":"eight by"}"#)), &mut Vec::new());
    assert_eq!((tap.output_tokens().tokens, tap.output_tokens().is_exact), (2, false));
    assert_eq!(tap.delivered().at_most(), 8);
}

#[test]
fn a_very_long_text_is_sampled() {
    let text = "word ".repeat(100_000);
    let mut tap = heard(Surface::ChatCompletions, &chat(&format!(r#"{{"content":"{text}"}}"#)));
    let count = tap.output_tokens();
    assert!(!count.is_exact && count.tokens.abs_diff(100_000) < 100, "{count:?}");
}

#[test]
fn reported_figures_count_when_they_say_more() {
    let start = event(r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":9}}}"#);
    let word = event(r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"one"}}"#);
    assert_eq!(heard(Surface::Messages, &(start + &word)).output_tokens().tokens, 9);
}

fn body(surface: Surface, chunks: &[&str], finish: bool) -> Tap {
    let mut tap = Tap::body(surface).counting(Arc::new(Words));
    for chunk in chunks {
        tap.push(Bytes::from((*chunk).to_owned()), &mut Vec::new());
    }
    if finish {
        tap.finish(&mut Vec::new());
    }
    tap
}

#[test]
fn bodies_without_usage_are_heard() {
    let cases = [
        (
            Surface::ChatCompletions,
            r#"{"choices":[{"message":{"content":"one two"}},{"message":{"content":"three"}}]}"#,
            3,
        ),
        (
            Surface::ChatCompletions,
            r#"{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}}]}"#,
            2,
        ),
        (Surface::Completions, r#"{"choices":[{"text":"one two"}]}"#, 2),
        (
            Surface::Responses,
            r#"{"output":[{"type":"reasoning","summary":[{"text":"hm"}]},{"type":"message","content":[{"type":"output_text","text":"one two"}]},{"type":"function_call","name":"f","arguments":"{\"a\": 1}"}]}"#,
            6,
        ),
        (
            Surface::Messages,
            r#"{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"one two"},{"type":"tool_use","name":"f","input":{"a": 1}}]}"#,
            6,
        ),
        (Surface::GenerateContent, r#"{"candidates":[{"content":{"parts":[{"text":"one two"}]}}]}"#, 2),
        (
            Surface::StreamGenerateContent,
            r#"[{"candidates":[{"content":{"parts":[{"text":"one"}]}}]},{"candidates":[{"content":{"parts":[{"text":" two"}]}}]}]"#,
            2,
        ),
        (Surface::Audio, r#"{"text":"one two"}"#, 2),
        (Surface::Embeddings, r#"{"data":[{"embedding":[1]}]}"#, 0),
        (
            Surface::ChatCompletions,
            r#"{"choices":[{"message":{"content":"one two"}}],"usage":{"prompt_tokens":1,"completion_tokens":77}}"#,
            77,
        ),
    ];
    for (surface, json, tokens) in cases {
        assert_eq!(body(surface, &[json], true).output_tokens().tokens, tokens, "{json}");
    }
}

#[test]
fn of_a_cut_body_the_part_that_came_is_heard() {
    let json = r#"{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"one two three"}}]}"#;
    let said = |end: usize| body(Surface::ChatCompletions, &[&json[..end / 2], &json[end / 2..end]], false);
    let at = |word: &str| json.find(word).expect("it is there");
    assert_eq!(said(at("\"one")).output_tokens().tokens, 0);
    assert_eq!(said(at(" two")).output_tokens().tokens, 1);
    assert_eq!(said(at(" three")).output_tokens().tokens, 2);
    assert_eq!(said(json.len()).output_tokens().tokens, 3);
    // Cut inside an escape, and inside a letter.
    for end in [r#"{"choices":[{"message":{"content":"one \u00"#, "{\"choices\":[{\"message\":{\"content\":\"one \\"] {
        assert_eq!(body(Surface::ChatCompletions, &[end], false).output_tokens().tokens, 1, "{end}");
    }
    let mut tap = body(Surface::ChatCompletions, &["  "], false);
    assert_eq!(tap.output_tokens().tokens, 0);
}

/// Wherever a stream is cut, the words that had come by then are heard, and hearing them twice changes nothing.
#[test]
fn of_a_cut_event_the_part_that_came_is_heard() {
    let streams = [
        (Surface::ChatCompletions, r#"{"id":"x","choices":[{"index":0,"delta":{"content":" one two three"}}]}"#),
        (Surface::Responses, r#"{"type":"response.output_text.delta","item_id":"i","delta":" one two three"}"#),
        (Surface::Messages, r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":" one two three"}}"#),
        (Surface::StreamGenerateContent, r#"{"candidates":[{"content":{"parts":[{"text":" one two three"}]}}]}"#),
    ];
    for (surface, data) in streams {
        let stream = event(data).repeat(2);
        for end in 0..=stream.len() {
            let came = &stream[..end];
            let words = ["one", "two", "three"].iter().map(|word| came.matches(word).count() as u64).sum::<u64>();
            let mut tap = heard(surface, came);
            let known = (tap.is_complete(), tap.next_sequence());
            tap.cut();
            tap.cut();
            assert!((words..=words + 1).contains(&tap.output_tokens().tokens), "{words} of {came}");
            assert_eq!((tap.is_complete(), tap.next_sequence()), known, "nothing but words: {came}");
            let mut finished = heard(surface, came);
            finished.finish(&mut Vec::new());
            assert!(finished.output_tokens().tokens >= words, "{words} of {came}");
        }
    }
}

/// A tool's arguments are words as well, wherever the answer was cut in them.
#[test]
fn arguments_are_heard_however_they_were_cut() {
    let args = r#"{"city":"Berlin \"Mitte\"","days":[1,-2.5e3,{"a":null}],"live":true}"#;
    let gemini = format!(
        r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"weather","args":{args}}}}}]}}}}]}}"#
    );
    let anthropic = format!(r#"{{"id":"m","content":[{{"type":"tool_use","name":"weather","input":{args}}}]}}"#);
    for (surface, whole) in [(Surface::StreamGenerateContent, gemini), (Surface::Messages, anthropic)] {
        let first = whole.find("{\"city").expect("there") + 4;
        for end in first..whole.len() {
            let (mut tap, prefix) = match surface {
                Surface::Messages => (Tap::body(surface), ""),
                _ => (Tap::stream(surface, false), "data: "),
            };
            tap = tap.counting(Arc::new(Words));
            tap.push(format!("{prefix}{}", &whole[..end]).into(), &mut Vec::new());
            tap.cut();
            let heard = tap.counted_tokens().tokens;
            assert!(heard >= 2, "{heard}: {}", &whole[..end]);
        }
    }
}
