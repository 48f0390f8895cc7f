//! Every recorded exchange of `shared/data/recordings` replayed through the gateway: what the client gets is what
//! the provider sent, and the usage in the access log is what the recording says. Says so and passes when the
//! recordings are not there.

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value, json};

use crate::{
    client::Call,
    vendor::{Reply, Vendor},
    world::{BACKEND_KEY, KEY, World},
};

/// One recorded exchange.
struct Recording {
    path: String,
    request: Value,
    status: u16,
    content_type: String,
    body: String,
    stream: bool,
}

fn folder() -> Option<PathBuf> {
    let start = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = start.ancestors().map(|folder| folder.join("shared/data/recordings")).find(|folder| folder.is_dir());
    found.or_else(|| std::env::var_os("TOLLGATE_RECORDINGS").map(PathBuf::from))
}

fn read(name: &str) -> Vec<Recording> {
    let Some(folder) = folder() else {
        eprintln!("no recordings beside the project: nothing replayed");
        return Vec::new();
    };
    let text = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))).expect("a readable recording");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
    let usable = lines.filter(|line| line["body_encoding"] == "utf8" && line["method"] == "POST");
    usable.filter_map(|line| recording(&line)).collect()
}

fn recording(line: &Value) -> Option<Recording> {
    let request: Value = serde_json::from_str(line["request"].as_str()?).ok()?;
    let body = line["body"].as_str()?.to_owned();
    let content_type = line["headers"]["content-type"].as_str().unwrap_or("application/json").to_owned();
    let status = u16::try_from(line["status"].as_u64()?).ok()?;
    let stream = line["stream"] == true;
    let path = line["path"].as_str()?.to_owned();
    (request.is_object() && status == 200).then_some(Recording { path, request, status, content_type, body, stream })
}

/// Cuts a body at places that depend on nothing but its length, so that events are split anywhere.
fn pieces(body: &str) -> Vec<Vec<u8>> {
    let sizes = [1, 700, 13, 256, 4096, 3];
    let (mut rest, mut pieces) = (body.as_bytes(), Vec::new());
    for size in sizes.into_iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, others) = rest.split_at(size.min(rest.len()));
        pieces.push(piece.to_vec());
        rest = others;
    }
    pieces
}

/// Replays all recordings of a file; `call` makes the caller's path and body, `expected` the usage by bucket.
async fn replay(
    name: &str,
    kind: &str,
    call: impl Fn(&Recording) -> Option<(String, Value)>,
    expected: impl Fn(&[Value]) -> [u64; 4],
) {
    let recordings = Arc::new(read(name));
    if recordings.is_empty() {
        return;
    }
    let vendor = Vendor::start({
        let recordings = Arc::clone(&recordings);
        move |seen, _| {
            let index: usize = seen.header("x-recording").expect("passed on").parse().expect("an index");
            let recording = &recordings[index];
            Reply::chunks(&recording.content_type, pieces(&recording.body)).with_status(recording.status)
        }
    })
    .await;
    let path = if kind == "openai" { "/v1" } else { "" };
    let config = format!(
        "backends: [{{ id: one, kind: {kind}, url: \"vendor://one{path}\", key: {BACKEND_KEY} }}]\nmodels: [{{ name: m, backend: one }}]\n"
    );
    let world = World::builder().config(&config).vendor("one", vendor).start().await;
    let (mut replayed, mut wrong) = (0, Vec::new());
    for (index, recording) in recordings.iter().enumerate() {
        let Some((target, body)) = call(recording) else { continue };
        let sent = Call::post(&target, &body).key(KEY).header("x-recording", &index.to_string());
        let answer = world.send(&sent).await;
        let line = world.lines(replayed + 1).await.swap_remove(replayed);
        replayed += 1;
        let wanted = what_the_client_should_see(recording, &body);
        if answer.status != 200 || answer.text() != wanted {
            wrong.push(format!(
                "{name} #{index}: status {} and {} bytes, recorded {}",
                answer.status,
                answer.body.len(),
                wanted.len()
            ));
        }
        let counted = ["input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens"];
        let counted = counted.map(|bucket| line[bucket].as_u64().unwrap_or_default());
        let objects = objects(recording);
        let recorded = expected(&objects);
        if recorded != [0; 4] && counted != recorded {
            wrong.push(format!("{name} #{index}: counted {counted:?}, recorded {recorded:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {replayed}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(replayed > 0, "{name}: none could be replayed");
    eprintln!("{name}: {replayed} replayed");
}

/// The recorded body without a usage-only chunk that the caller had not asked for.
fn what_the_client_should_see(recording: &Recording, asked: &Value) -> String {
    let chat = recording.path.ends_with("/completions");
    if !recording.stream || !chat || asked["stream_options"]["include_usage"] == true {
        return recording.body.clone();
    }
    let events = recording.body.split_inclusive("\n\n");
    events.filter(|event| !is_usage_only(event)).collect()
}

fn is_usage_only(event: &str) -> bool {
    let data = event.lines().find_map(|line| line.strip_prefix("data:"));
    let value: Option<Value> = data.and_then(|data| serde_json::from_str(data).ok());
    value.is_some_and(|value| value["choices"] == json!([]) && value["usage"].is_object())
}

/// The JSON objects of an answer: one, or one an event.
fn objects(recording: &Recording) -> Vec<Value> {
    if !recording.stream {
        return serde_json::from_str(&recording.body).into_iter().collect();
    }
    let lines = recording.body.lines().filter_map(|line| line.trim_end().strip_prefix("data:"));
    lines.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// Input, cached, output, reasoning out of OpenAI's totals; audio and images stay out of these buckets.
fn openai(usage: &Value) -> [u64; 4] {
    let pick = |a: &str, b: &str| if usage[a].is_null() { &usage[b] } else { &usage[a] };
    let (input, output) = (pick("prompt_tokens", "input_tokens"), pick("completion_tokens", "output_tokens"));
    let of_input = pick("prompt_tokens_details", "input_tokens_details");
    let of_output = pick("completion_tokens_details", "output_tokens_details");
    let elsewhere = number(&usage["num_cached_tokens"]) + number(&usage["prompt_cache_hit_tokens"]);
    let cached = if of_input["cached_tokens"].is_null() { elsewhere } else { number(&of_input["cached_tokens"]) };
    let written = number(&of_input["cache_write_tokens"]);
    let media = number(&of_input["audio_tokens"]) + number(&of_input["image_tokens"]);
    // One provider reports more reasoning than output: such a part is not believed.
    let reasoning = Some(number(&of_output["reasoning_tokens"])).filter(|part| *part <= number(output)).unwrap_or(0);
    let spoken = number(&of_output["audio_tokens"]);
    [
        number(input).saturating_sub(cached + written + media),
        cached,
        number(output).saturating_sub(reasoning + spoken),
        reasoning,
    ]
}

fn last_usage(objects: &[Value]) -> [u64; 4] {
    let reported = |object: &Value| {
        let at = [&object["usage"], &object["response"]["usage"], &object["x_groq"]["usage"]];
        at.into_iter().find(|usage| usage.is_object()).cloned()
    };
    objects.iter().rev().find_map(reported).map_or([0; 4], |usage| openai(&usage))
}

fn for_openai(recording: &Recording) -> Option<(String, Value)> {
    let tail = ["/chat/completions", "/completions", "/responses", "/embeddings"];
    let tail =
        tail.into_iter().find(|tail| recording.path.split('?').next().is_some_and(|path| path.ends_with(tail)))?;
    let mut body = recording.request.clone();
    body["model"] = json!("m");
    if tail == "/responses" {
        // Stored objects of these recordings belong to nobody here; ownership has tests of its own.
        let fields = body.as_object_mut()?;
        if fields.contains_key("previous_response_id") || fields.contains_key("conversation") {
            return None;
        }
    }
    let mentions_files = recording.request.to_string().contains("file_id");
    (!mentions_files).then(|| (format!("/v1{tail}"), body))
}

#[tokio::test]
async fn openai_chat() {
    replay("openai-chat", "openai", for_openai, last_usage).await;
}

#[tokio::test]
async fn openai_completions() {
    replay("openai-completions", "openai", for_openai, last_usage).await;
}

#[tokio::test]
async fn openai_responses() {
    replay("openai-responses", "openai", for_openai, last_usage).await;
}

#[tokio::test]
async fn openai_embeddings() {
    replay("openai-embeddings", "openai", for_openai, last_usage).await;
}

#[tokio::test]
async fn anthropic() {
    let call = |recording: &Recording| {
        let mut body = recording.request.clone();
        body["model"] = json!("m");
        let mentions_files = body.to_string().contains("file_id");
        (recording.path.starts_with("/v1/messages") && !mentions_files).then(|| ("/v1/messages".to_owned(), body))
    };
    replay("anthropic", "anthropic", call, |objects| {
        let mut totals = [0; 4];
        for object in objects {
            for usage in [&object["usage"], &object["message"]["usage"]].into_iter().filter(|usage| usage.is_object()) {
                for (slot, name) in [(0, "input_tokens"), (1, "cache_read_input_tokens"), (2, "output_tokens")] {
                    totals[slot] = number(&usage[name]).max(totals[slot]);
                }
                totals[3] = number(&usage["output_tokens_details"]["thinking_tokens"]).max(totals[3]);
            }
        }
        totals[2] -= totals[3];
        totals
    })
    .await;
}

#[tokio::test]
async fn gemini() {
    let call = |recording: &Recording| {
        let (path, query) = recording.path.split_once('?').unwrap_or((&recording.path, ""));
        let verb = path.rsplit_once(':')?.1;
        let query = if query.contains("alt=sse") { "?alt=sse" } else { "" };
        let verbs = ["generateContent", "streamGenerateContent"];
        verbs.contains(&verb).then(|| (format!("/v1beta/models/m:{verb}{query}"), recording.request.clone()))
    };
    replay("gemini", "gemini", call, |objects| {
        let Some(usage) = objects.iter().rev().map(|object| &object["usageMetadata"]).find(|usage| usage.is_object())
        else {
            return [0; 4];
        };
        let modalities = |list: &Value| {
            let list = list.as_array().cloned().unwrap_or_default();
            let media = list.iter().filter(|entry| entry["modality"] != "TEXT" && entry["modality"] != "DOCUMENT");
            media.map(|entry| number(&entry["tokenCount"])).sum::<u64>()
        };
        if modalities(&usage["promptTokensDetails"]) + modalities(&usage["candidatesTokensDetails"]) > 0 {
            return [0; 4]; // media buckets have table tests of their own
        }
        let cached = number(&usage["cachedContentTokenCount"]);
        let input = number(&usage["promptTokenCount"]) + number(&usage["toolUsePromptTokenCount"]);
        [
            input.saturating_sub(cached),
            cached,
            number(&usage["candidatesTokenCount"]),
            number(&usage["thoughtsTokenCount"]),
        ]
    })
    .await;
}
