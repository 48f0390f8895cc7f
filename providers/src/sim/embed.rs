//! `sim-embed`: unit vectors that depend on the words alone, so that texts with common words are near each other.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    Script,
    ask::{Ask, text_of, tokens},
    schema::mix,
};

/// Length of a vector when `dimensions` does not say.
const USUAL_DIMENSIONS: usize = 256;
/// Longest vector.
const MOST_DIMENSIONS: u64 = 4096;

/// `POST /v1/embeddings`, as floats or base64 of little-endian 32-bit floats.
pub(super) fn openai(ask: &Ask) -> Script {
    let inputs = inputs(&ask.body["input"]);
    let base64 = ask.body["encoding_format"] == "base64";
    let dimensions = dimensions(&ask.body["dimensions"]);
    let vector = |text: &String| {
        let vector = embed(text, dimensions);
        if base64 {
            STANDARD.encode(vector.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()).into()
        } else {
            json!(vector)
        }
    };
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| json!({ "object": "embedding", "index": index, "embedding": vector(text) }))
        .collect();
    let count = inputs.iter().map(|text| tokens(text.len())).sum::<u64>().max(1);
    let usage = json!({ "prompt_tokens": count, "total_tokens": count });
    Script::json(200, &json!({ "object": "list", "data": data, "model": ask.model_name, "usage": usage }))
}

/// `:embedContent` and `:batchEmbedContents`.
pub(super) fn gemini(ask: &Ask) -> Script {
    let values = |request: &Value| {
        let text = text_of(&request["content"]);
        json!({ "values": embed(&text, dimensions(&request["outputDimensionality"])) })
    };
    let body = match ask.body["requests"].as_array() {
        Some(requests) => json!({ "embeddings": requests.iter().map(values).collect::<Vec<_>>() }),
        None if ask.tail == "batchEmbedContents" => json!({ "embeddings": [] }),
        None => json!({ "embedding": values(&ask.body) }),
    };
    Script::json(200, &body)
}

/// A string, strings, or one or several lists of token ids.
fn inputs(input: &Value) -> Vec<String> {
    match input {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) if list.iter().all(Value::is_number) && !list.is_empty() => vec![input.to_string()],
        Value::Array(list) => {
            list.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
        }
        _ => vec![String::new()],
    }
}

fn dimensions(asked: &Value) -> usize {
    let asked = asked.as_u64().filter(|count| *count > 0).map(|count| count.min(MOST_DIMENSIONS));
    asked.and_then(|count| usize::try_from(count).ok()).unwrap_or(USUAL_DIMENSIONS)
}

/// The sum of one pseudo-random direction a word, scaled to length 1.
fn embed(text: &str, dimensions: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f32; dimensions];
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    // Punctuation alone is a text, too.
    for word in words.chain(std::iter::once("")) {
        let mut state = word
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let weight = if word.is_empty() { 0.01 } else { 1.0 };
        for value in &mut sum {
            state = mix(state);
            let draw = i16::from_le_bytes([state.to_le_bytes()[6], state.to_le_bytes()[7]]);
            *value += weight * f32::from(draw) / 32768.0;
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    sum.into_iter().map(|x| x / length).collect()
}
