//! `tollgate models count`: tokens of a text or a request body, counted here.
//!
//! Deliberately not here: counting (`tokens`), and asking a backend for its own count.

use std::{
    io::{self, Read},
    path::Path,
};

use serde_json::{Value, json};
use tollgate_providers::Surface;

use super::{
    args::{CountTokens, Global},
    exit::Failure,
    print,
};
use crate::tokens::{self, Count};

/// Counted for, when neither the command nor the body names a model.
const USUAL_MODEL: &str = "gpt-4o";

/// Runs the command.
pub fn run(global: &Global, asked: &CountTokens) -> Result<(), Failure> {
    let given = Given::from(read(&asked.file)?, asked.model.as_deref());
    let count = given.count();
    if global.quiet {
        return Ok(print::data(&format!("{}\n", count.tokens))?);
    }
    Ok(print::data(&print::render_one(global.output, &given.told(&count)))?)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(file).map_err(|error| Failure::failed(format!("{} cannot be read: {error}", file.display())))
}

/// What is to be counted, for which model.
struct Given {
    bytes: Vec<u8>,
    model: String,
    /// The endpoint that the body is for; `None`: a plain text.
    surface: Option<Surface>,
}

impl Given {
    fn from(bytes: Vec<u8>, model: Option<&str>) -> Self {
        let body: Option<Value> = serde_json::from_slice(&bytes).ok().filter(Value::is_object);
        let named = body.as_ref().and_then(|body| body["model"].as_str());
        let model = model.or(named).unwrap_or(USUAL_MODEL).to_owned();
        Self { surface: body.as_ref().and_then(surface), bytes, model }
    }

    fn count(&self) -> Count {
        match self.surface {
            Some(surface) => tokens::count_request(surface, &self.model, &self.bytes),
            None => tokens::count_text(&self.model, &String::from_utf8_lossy(&self.bytes)),
        }
    }

    fn told(&self, count: &Count) -> Value {
        let unbounded: Vec<&str> = count.unbounded.iter().map(|what| what.as_str()).collect();
        json!({
            "model": self.model,
            "read_as": if self.surface.is_some() { "request" } else { "text" },
            "tokens": count.tokens,
            "exact": count.is_exact,
            "at_most": if unbounded.is_empty() { json!(count.upper_bound) } else { Value::Null },
            "not_counted": unbounded,
            "bytes": self.bytes.len(),
        })
    }
}

/// Which endpoint a body is for, by the member that holds its prompt.
fn surface(body: &Value) -> Option<Surface> {
    let has = |name: &str| body.get(name).is_some();
    // Anthropic's bodies must name their bound and have their instructions beside the messages.
    let is_anthropic = has("system") || body["tools"][0]["input_schema"].is_object();
    match () {
        () if has("messages") && is_anthropic => Some(Surface::Messages),
        () if has("messages") => Some(Surface::ChatCompletions),
        () if has("contents") || has("generateContentRequest") => Some(Surface::GenerateContent),
        () if has("input") && body["model"].as_str().is_some_and(|model| model.contains("embed")) => {
            Some(Surface::Embeddings)
        }
        () if has("input") => Some(Surface::Responses),
        () if has("prompt") => Some(Surface::Completions),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_told_from_texts() {
        let cases = [
            ("hello world", None, 2),
            ("", None, 0),
            (r#"{"a":1}"#, None, 5),
            (r#"{"messages":[{"role":"user","content":"hi"}]}"#, Some(Surface::ChatCompletions), 8),
            (r#"{"system":"s","messages":[{"role":"user","content":"hi"}]}"#, Some(Surface::Messages), 12),
            (r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#, Some(Surface::GenerateContent), 8),
            (r#"{"input":"hi"}"#, Some(Surface::Responses), 7),
            (r#"{"model":"text-embedding-3-small","input":["hi"]}"#, Some(Surface::Embeddings), 1),
            (r#"{"prompt":"hi"}"#, Some(Surface::Completions), 1),
        ];
        for (text, surface, tokens) in cases {
            let given = Given::from(text.as_bytes().to_vec(), None);
            assert_eq!((given.surface, given.count().tokens), (surface, tokens), "{text}");
        }
    }

    #[test]
    fn what_is_told_names_the_model_and_how_sure_it_is() {
        let given = Given::from(br#"{"model":"gpt-4","messages":[{"role":"user","content":"hi"}]}"#.to_vec(), None);
        let told = given.told(&given.count());
        assert_eq!((&told["model"], &told["tokens"], &told["exact"]), (&json!("gpt-4"), &json!(8), &json!(true)));
        let other = Given::from(br#"{"model":"gpt-4","input":"x","previous_response_id":"r"}"#.to_vec(), Some("o3"));
        let told = other.told(&other.count());
        assert_eq!((&told["model"], &told["at_most"]), (&json!("o3"), &Value::Null));
        assert_eq!(told["not_counted"], json!(["an earlier response or conversation"]));
    }
}
