//! Every recorded stream is put together or refused with a reason, and what was put together survives being replayed.
//! The recordings lie outside the repository; without them this test says so and passes.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;
use tollgate_providers::{
    Surface,
    replay::{Wanted, events, finish, whole},
};

/// The bodies of one file's recorded answers with status 200, streams or not, with their ids.
fn bodies(file: &str, streams: bool) -> Vec<(String, String)> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = manifest
        .ancestors()
        .flat_map(|up| [up.join("shared/data/recordings"), up.join("../shared/data/recordings")])
        .find(|path| path.is_dir());
    let named = std::env::var_os("TOLLGATE_RECORDINGS").map(Into::into);
    let Some(folder) = named.or(folder) else {
        eprintln!("no recordings found above {}: nothing to check", manifest.display());
        return Vec::new();
    };
    let text = std::fs::read_to_string(folder.join(file)).expect("a recording is readable");
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a recording is JSON");
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let body = text("body");
        let is_stream = body.starts_with("data:") || body.starts_with("event:") || body.starts_with(':');
        (row["status"] == 200 && is_stream == streams).then(|| (text("id"), body))
    };
    text.lines().filter_map(row).collect()
}

const FILES: [(&str, Surface); 5] = [
    ("openai-chat.jsonl", Surface::ChatCompletions),
    ("openai-completions.jsonl", Surface::Completions),
    ("openai-responses.jsonl", Surface::Responses),
    ("anthropic.jsonl", Surface::Messages),
    ("gemini.jsonl", Surface::GenerateContent),
];

fn replayed(surface: Surface, answer: &Value) -> Value {
    let wanted = Wanted { include_usage: true, ..Wanted::default() };
    let stream = events(surface, answer, &wanted).expect("what was put together can be replayed").concat();
    whole(surface, &stream).expect("a replay is a whole stream")
}

/// What a value says: without nulls and empty texts, and without the numbers and types that some vendors give tool calls and some not.
fn said(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let call = members.contains_key("function");
            let numbers = |name: &str| call && matches!(name, "index" | "type");
            let speaks = |(name, value): &(&String, &Value)| !value.is_null() && *value != "" && !numbers(name);
            members.iter().filter(speaks).map(|(name, value)| (name.clone(), said(value))).collect()
        }
        Value::Array(items) => items.iter().map(said).collect(),
        other => other.clone(),
    }
}

#[test]
fn recorded_streams_assemble_or_are_refused_with_a_reason() {
    for (file, surface) in FILES {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for (id, body) in bodies(file, true) {
            let outcome = whole(surface, body.as_bytes());
            let name = match &outcome {
                Ok(answer) => format!("{:?}", finish(surface, answer).expect("whole answers are usual")),
                Err(unusual) => unusual.to_string(),
            };
            *found.entry(name).or_default() += 1;
            if let Ok(answer) = outcome {
                assert_eq!(said(&replayed(surface, &answer)), said(&answer), "{file} {id}");
            }
        }
        eprintln!("{file}: {found:?}");
    }
}

#[test]
fn recorded_streams_cut_at_any_event_are_refused() {
    for (file, surface) in FILES {
        for (id, body) in bodies(file, true) {
            let unit = if body.contains("\r\n\r\n") { "\r\n\r\n" } else { "\n\n" };
            let ends: Vec<usize> = body.match_indices(unit).map(|(at, _)| at + unit.len()).collect();
            // Gemini closes with nothing but the reason it ended; some vendors send empty lines behind the last event.
            let behind = body.trim_end().len();
            // Reading a stream of n events n times: of very long ones, some cuts will do.
            let step = ends.len() / 100 + 1;
            for end in ends.into_iter().filter(|end| *end < behind).rev().step_by(step) {
                let outcome = whole(surface, &body.as_bytes()[..end]);
                assert!(outcome.is_err(), "{file} {id} cut at {end}");
            }
        }
    }
}

#[test]
fn recorded_unstreamed_answers_replay_as_themselves() {
    for (file, surface) in FILES {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for (id, body) in bodies(file, false) {
            let Ok(answer) = serde_json::from_str::<Value>(&body) else { continue };
            let outcome = finish(surface, &answer);
            *found.entry(outcome.map_or_else(|unusual| unusual.to_string(), |end| format!("{end:?}"))).or_default() +=
                1;
            if outcome.is_ok() {
                assert_same(surface, &replayed(surface, &answer), &answer, &format!("{file} {id}"));
            }
        }
        eprintln!("{file}: {found:?}");
    }
}

/// The same in what a caller reads: what was said, who ended it, and usage.
fn assert_same(surface: Surface, replayed: &Value, answer: &Value, name: &str) {
    let paths: &[&str] = match surface {
        Surface::ChatCompletions => &[
            "/id",
            "/model",
            "/usage",
            "/choices/0/message/content",
            "/choices/0/message/tool_calls",
            "/choices/0/message/reasoning_content",
            "/choices/0/finish_reason",
        ],
        Surface::Completions => &["/id", "/model", "/usage", "/choices/0/text", "/choices/0/finish_reason"],
        Surface::GenerateContent => &["/responseId", "/modelVersion", "/usageMetadata", "/candidates/0/finishReason"],
        Surface::Messages => &["/id", "/model", "/content", "/stop_reason", "/stop_sequence", "/usage"],
        _ => &[""],
    };
    for path in paths {
        let at = |value: &Value| said(value).pointer(path).cloned();
        let empty = |value: Option<Value>| value.filter(|value| value != "" && *value != Value::Array(Vec::new()));
        assert_eq!(empty(at(replayed)), empty(at(answer)), "{name} {path}");
    }
}
