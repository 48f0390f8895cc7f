//! The surfaces beside generation, each answered simply but validly: lists, counts, embeddings, moderations,
//! rerank, images, audio, stored objects (by echoing their id, for nothing is stored).

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Asked, Script,
    ask::{Ask, MODELS, tokens},
    embed,
};
use crate::{Call, Family, ModelEntry, Surface, head, model_object, models_list};

/// A transparent PNG of one pixel.
pub(super) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/// Answers that need no model.
pub(super) fn without_model(asked: &Asked<'_>, call: &Call) -> Option<Script> {
    let item = call.item.as_deref();
    match call.surface {
        Surface::Models => Some(models(asked)),
        Surface::Model => model(asked, item?),
        Surface::StoredResponse => Some(stored_response(asked, call, item?)),
        Surface::Files => Some(file(asked, call)),
        Surface::Batches => Some(batch(asked, call)),
        _ => None,
    }
}

/// Answers of models beside generation.
pub(super) fn with_model(ask: &Ask) -> Option<Script> {
    match ask.surface {
        Surface::Embeddings => Some(embed::openai(ask)),
        Surface::EmbedContent => Some(embed::gemini(ask)),
        Surface::MessagesCountTokens => {
            let count = ask.counted.unwrap_or_else(|| ask.input_tokens());
            Some(Script::json(200, &json!({ "input_tokens": count })))
        }
        Surface::CountTokens => {
            let count = ask.counted.unwrap_or_else(|| ask.input_tokens());
            let details = json!([{ "modality": "TEXT", "tokenCount": count }]);
            Some(Script::json(200, &json!({ "totalTokens": count, "promptTokensDetails": details })))
        }
        Surface::Moderations => Some(moderation(ask)),
        Surface::Rerank => Some(rerank(ask)),
        Surface::Images => Some(image(ask)),
        Surface::Audio => Some(audio(ask)),
        _ => None,
    }
}

fn entries(asked: &Asked<'_>) -> Vec<ModelEntry<'static>> {
    MODELS.iter().map(|(id, _)| ModelEntry { id, created: asked.now_unix_secs, owner: "tollgate" }).collect()
}

fn shape(asked: &Asked<'_>) -> Family {
    if asked.headers.contains_key("anthropic-version") { Family::Anthropic } else { Family::OpenAi }
}

fn models(asked: &Asked<'_>) -> Script {
    Script::bytes(200, "application/json", models_list(shape(asked), &entries(asked)).into())
}

fn model(asked: &Asked<'_>, id: &str) -> Option<Script> {
    let entries = entries(asked);
    let entry = entries.iter().find(|entry| entry.id == id)?;
    Some(Script::bytes(200, "application/json", model_object(shape(asked), entry).into()))
}

fn deleted(id: &str, object: &str) -> Script {
    Script::json(200, &json!({ "id": id, "object": object, "deleted": true }))
}

fn empty_list() -> Script {
    Script::json(200, &json!({ "object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false }))
}

fn stored_response(asked: &Asked<'_>, call: &Call, id: &str) -> Script {
    if *asked.method == http::Method::DELETE {
        return deleted(id, "response");
    }
    if call.tail.ends_with("/input_items") {
        return empty_list();
    }
    let status = if call.tail.ends_with("/cancel") { "cancelled" } else { "completed" };
    Script::json(
        200,
        &json!({
            "id": id, "object": "response", "created_at": asked.now_unix_secs, "status": status, "error": null,
            "incomplete_details": null, "model": "sim-echo", "output": [], "parallel_tool_calls": true,
            "tool_choice": "auto", "tools": [], "metadata": {}, "usage": null,
        }),
    )
}

fn file(asked: &Asked<'_>, call: &Call) -> Script {
    let object = |id: &str, bytes: usize, purpose: &str| {
        Script::json(
            200,
            &json!({
                "id": id, "object": "file", "bytes": bytes, "created_at": asked.now_unix_secs,
                "filename": "simulated.jsonl", "purpose": purpose, "status": "processed",
            }),
        )
    };
    match (call.item.as_deref(), asked.method.as_str()) {
        (None, "POST") => {
            let content_type = asked.headers.get("content-type").and_then(|value| value.to_str().ok());
            let purpose = head::read(Surface::Files, content_type, asked.body).ok().and_then(|head| head.purpose);
            object(&format!("file-{:032x}", asked.id), asked.body.len(), purpose.as_deref().unwrap_or("user_data"))
        }
        (None, _) => empty_list(),
        (Some(id), "DELETE") => deleted(id, "file"),
        (Some(_), _) if call.tail.ends_with("/content") => {
            Script::bytes(200, "application/octet-stream", Bytes::from_static(b"simulated\n"))
        }
        (Some(id), _) => object(id, 10, "user_data"),
    }
}

fn batch(asked: &Asked<'_>, call: &Call) -> Script {
    let body: Value = serde_json::from_slice(asked.body).unwrap_or_default();
    let (id, status) = match call.item.as_deref() {
        None if asked.method.as_str() == "POST" => (format!("batch_{:032x}", asked.id), "validating"),
        None => return empty_list(),
        Some(id) if call.tail.ends_with("/cancel") => (id.to_owned(), "cancelling"),
        Some(id) => (id.to_owned(), "completed"),
    };
    let output = (status == "completed").then(|| format!("file-{}", id.trim_start_matches("batch_")));
    Script::json(
        200,
        &json!({
            "id": id, "object": "batch", "endpoint": body["endpoint"], "errors": null,
            "input_file_id": body["input_file_id"], "completion_window": "24h", "status": status,
            "output_file_id": output, "error_file_id": null, "created_at": asked.now_unix_secs,
            "request_counts": { "total": 0, "completed": 0, "failed": 0 }, "metadata": body["metadata"],
        }),
    )
}

fn moderation(ask: &Ask) -> Script {
    let names = ["harassment", "hate", "illicit", "self-harm", "sexual", "violence"];
    let all =
        |value: Value| names.iter().map(|name| ((*name).to_owned(), value.clone())).collect::<serde_json::Map<_, _>>();
    let result = json!({ "flagged": false, "categories": all(false.into()), "category_scores": all(json!(0.0001)) });
    let inputs = ask.body["input"].as_array().map_or(1, Vec::len).max(1);
    let results = vec![result; inputs];
    Script::json(200, &json!({ "id": ask.named_id("modr-"), "model": ask.model_name, "results": results }))
}

/// Ranks by the share of the query's words that a document contains.
fn rerank(ask: &Ask) -> Script {
    let text = |value: &Value| value.as_str().or_else(|| value["text"].as_str()).unwrap_or_default().to_lowercase();
    let query = text(&ask.body["query"]);
    let wanted: Vec<&str> = query.split_whitespace().collect();
    let documents: Vec<String> = ask.body["documents"].as_array().into_iter().flatten().map(text).collect();
    let score = |document: &String| {
        let hits = u32::try_from(wanted.iter().filter(|word| document.contains(**word)).count()).unwrap_or(0);
        f64::from(hits) / f64::from(u32::try_from(wanted.len().max(1)).unwrap_or(1))
    };
    let mut ranked: Vec<(usize, f64)> = documents.iter().map(score).enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let top = ask.body["top_n"].as_u64().and_then(|top| usize::try_from(top).ok()).unwrap_or(ranked.len());
    let result = |(index, score): (usize, f64)| json!({ "index": index, "relevance_score": score });
    let results: Vec<Value> = ranked.into_iter().take(top).map(result).collect();
    let count = tokens(query.len() + documents.iter().map(String::len).sum::<usize>()).max(1);
    let usage = json!({ "prompt_tokens": count, "total_tokens": count });
    let id = ask.named_id("rerank-");
    Script::json(200, &json!({ "id": id, "model": ask.model_name, "results": results, "usage": usage }))
}

fn image(ask: &Ask) -> Script {
    let count = usize::try_from(ask.choices).unwrap_or(1);
    let data = vec![json!({ "b64_json": PNG }); count];
    let prompt = ask.body["prompt"].as_str().map_or(1, |text| tokens(text.len()).max(1));
    let usage = json!({
        "input_tokens": prompt, "input_tokens_details": { "text_tokens": prompt, "image_tokens": 0 },
        "output_tokens": ask.choices, "total_tokens": prompt + ask.choices,
    });
    Script::json(200, &json!({ "created": ask.created, "data": data, "usage": usage }))
}

fn audio(ask: &Ask) -> Script {
    if ask.tail == "/audio/speech" {
        return Script::bytes(200, "audio/wav", silence());
    }
    let wants_text = memchr::memmem::find(&ask.raw, b"\r\n\r\ntext\r\n").is_some();
    if wants_text {
        return Script::bytes(200, "text/plain; charset=utf-8", Bytes::from_static(b"simulated transcript\n"));
    }
    let input = tokens(ask.raw.len()).max(1);
    let usage = json!({
        "type": "tokens", "input_tokens": input, "input_token_details": { "text_tokens": 0, "audio_tokens": input },
        "output_tokens": 5, "total_tokens": input + 5,
    });
    Script::json(200, &json!({ "text": "simulated transcript", "usage": usage }))
}

/// A tenth of a second of silence: WAV, 8 kHz, mono, 8 bits.
fn silence() -> Bytes {
    const SAMPLES: u32 = 800;
    let mut wav = Vec::with_capacity(844);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + SAMPLES).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    for word in [16_u32, 0x0001_0001, 8000, 8000, 0x0008_0001] {
        wav.extend_from_slice(&word.to_le_bytes());
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&SAMPLES.to_le_bytes());
    wav.resize(wav.len() + 800, 0x80);
    Bytes::from(wav)
}
