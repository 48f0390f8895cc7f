//! What a simulated model is asked, read from any dialect into one shape.
//!
//! Deliberately not here: what it answers (`reply`).

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::{Asked, Script};
use crate::{Call, ErrorText, Family, Surface, error_body, head};

/// The simulated models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Model {
    Echo,
    Lorem,
    Flaky,
    Slow,
    Json,
    Embed,
}

/// Their names, as callers write them.
pub(super) const MODELS: [(&str, Model); 6] = [
    ("sim-echo", Model::Echo),
    ("sim-lorem", Model::Lorem),
    ("sim-flaky", Model::Flaky),
    ("sim-slow", Model::Slow),
    ("sim-json", Model::Json),
    ("sim-embed", Model::Embed),
];

/// A function that the caller offers.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    pub name: String,
    pub schema: Value,
}

/// Which tool must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ToolChoice {
    Auto,
    None,
    Any,
    Named(String),
}

/// A request to a simulated model.
pub(super) struct Ask {
    pub surface: Surface,
    pub model: Model,
    pub model_name: String,
    pub body: Value,
    /// The whole body, for surfaces that take files.
    pub raw: Bytes,
    /// The query, for Gemini's `alt`; the verb, for its batches.
    pub query: String,
    pub tail: String,
    pub stream: bool,
    pub include_usage: bool,
    /// Text of the last user message.
    pub last_user: String,
    /// Whether the conversation ends with a tool's result.
    pub after_tool: bool,
    /// Bytes of text in the whole prompt.
    pub prompt_bytes: usize,
    /// Tokens of the prompt, where they were counted.
    pub counted: Option<u64>,
    pub max_output: Option<u64>,
    pub choices: u64,
    pub tools: Vec<Tool>,
    pub tool_choice: ToolChoice,
    /// The schema that the answer must satisfy; `Some(null)`: any JSON.
    pub schema: Option<Value>,
    pub seed: u64,
    pub headers: HeaderMap,
    pub id: u128,
    pub created: u64,
}

/// Why a simulated backend refuses, to be worded in the caller's dialect.
pub(super) struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
    pub param: Option<&'static str>,
}

impl Refusal {
    pub(super) fn bad(param: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status: 400, code: "invalid_request", message: message.into(), param }
    }

    pub(super) fn unsupported(surface: Surface) -> Self {
        Self::bad(None, format!("simulated models do not answer {surface:?}"))
    }

    fn unknown_model(name: &str) -> Self {
        let known: Vec<&str> = MODELS.iter().map(|(name, _)| *name).collect();
        let message = format!("The model `{name}` does not exist. Simulated models: {}.", known.join(", "));
        Self { status: 404, code: "model_not_found", message, param: Some("model") }
    }

    pub(super) fn script(&self, family: Family, asked: &Asked<'_>) -> Script {
        let request_id = format!("{:032x}", asked.id);
        let text = ErrorText {
            status: self.status,
            code: self.code,
            message: &self.message,
            param: self.param,
            request_id: &request_id,
            kind_hint: None,
        };
        let mut script = Script::bytes(self.status, "application/json", error_body(family, &text).into());
        if self.status == 429 {
            script.headers.insert("retry-after", 1.into());
        }
        script
    }
}

impl Ask {
    pub(super) fn read(asked: &Asked<'_>, call: &Call, query: &str) -> Result<Self, Refusal> {
        let content_type = asked.headers.get("content-type").and_then(|value| value.to_str().ok());
        let head =
            head::read(call.surface, content_type, asked.body).map_err(|bad| Refusal::bad(None, bad.to_string()))?;
        // Multipart bodies are not JSON: their fields of interest are in the head.
        let body: Value = serde_json::from_slice(asked.body).unwrap_or_default();
        let named = call.model.clone().or(head.model).filter(|name| !name.is_empty());
        let model_name = named.ok_or_else(|| Refusal::bad(Some("model"), "you must provide a model parameter"))?;
        let model = MODELS.iter().find(|(name, _)| *name == model_name).map(|(_, model)| *model);
        let prompt = Prompt::of(call.surface, &body)?;
        let header = |name: &str| asked.headers.get(name)?.to_str().ok();
        let seed = body["seed"].as_i64().or_else(|| body["generationConfig"]["seed"].as_i64()).map(i64::cast_unsigned);
        let seed = seed.or_else(|| header("x-sim-seed")?.parse().ok());
        Ok(Self {
            surface: call.surface,
            model: model.ok_or_else(|| Refusal::unknown_model(&model_name))?,
            model_name,
            raw: asked.body.clone(),
            query: query.to_owned(),
            tail: call.tail.clone(),
            stream: head.streamed,
            include_usage: head.asked_usage,
            last_user: prompt.last_user,
            after_tool: prompt.after_tool,
            prompt_bytes: prompt.bytes,
            counted: asked.counted,
            max_output: head.max_output,
            choices: head.choices.unwrap_or(1).clamp(1, 8),
            tools: tools(&body),
            tool_choice: tool_choice(&body),
            schema: schema(&body),
            seed: seed.unwrap_or_else(|| fold(asked.id)),
            headers: asked.headers.clone(),
            id: asked.id,
            created: asked.now_unix_secs,
            body,
        })
    }

    /// A number from one of the `x-sim-` headers.
    pub(super) fn knob(&self, name: &str) -> Option<f64> {
        let number: f64 = self.headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number)
    }

    pub(super) fn input_tokens(&self) -> u64 {
        tokens(self.prompt_bytes).max(1)
    }

    /// An id in the vendor's manner.
    pub(super) fn named_id(&self, prefix: &str) -> String {
        format!("{prefix}{:032x}", self.id)
    }
}

/// Tokens of a text: four bytes each, rounded up.
pub(super) fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX)
}

/// Both halves of an id in one number.
pub(super) fn fold(id: u128) -> u64 {
    let half = |part: u128| u64::try_from(part & u128::from(u64::MAX)).expect("masked to 64 bits");
    half(id >> 64) ^ half(id)
}

/// A waiting time in (possibly fractional) seconds; absurd ones are a minute.
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(60))
}

/// The words of a request.
struct Prompt {
    last_user: String,
    after_tool: bool,
    bytes: usize,
}

impl Prompt {
    fn of(surface: Surface, body: &Value) -> Result<Self, Refusal> {
        let turns = match surface {
            Surface::ChatCompletions | Surface::Messages | Surface::MessagesCountTokens => "messages",
            Surface::Responses => "input",
            Surface::GenerateContent | Surface::StreamGenerateContent => "contents",
            Surface::CountTokens => return Ok(Self::of_turns(counted_contents(body), body)),
            Surface::Completions => return Ok(Self::of_turns(&body["prompt"], body)),
            _ => return Ok(Self::of_turns(&body["input"], body)),
        };
        match &body[turns] {
            Value::Array(list) if !list.is_empty() => Ok(Self::of_turns(&body[turns], body)),
            Value::String(_) if turns == "input" => Ok(Self::of_turns(&body[turns], body)),
            _ => Err(Refusal::bad(Some(turns), format!("`{turns}` must be a non-empty array"))),
        }
    }

    fn of_turns(turns: &Value, body: &Value) -> Self {
        let list = turns.as_array().map(Vec::as_slice).unwrap_or_default();
        let is_user = |turn: &&Value| turn["role"].as_str().is_none_or(|role| role == "user") && !is_tool_result(turn);
        let last = list.iter().rev().find(is_user).unwrap_or(turns);
        let around = ["system", "instructions", "systemInstruction", "system_instruction"];
        let around: usize = around.iter().map(|name| text_of(&body[name]).len()).sum();
        let tools = if body["tools"].is_array() { body["tools"].to_string().len() } else { 0 };
        let bytes = around + tools + list.iter().map(|turn| text_of(turn).len()).sum::<usize>();
        let bytes = if list.is_empty() { bytes + text_of(turns).len() } else { bytes };
        Self { last_user: text_of(last), after_tool: list.last().is_some_and(is_tool_result), bytes }
    }
}

/// `countTokens` takes contents or a whole request.
fn counted_contents(body: &Value) -> &Value {
    let nested = &body["generateContentRequest"]["contents"];
    if nested.is_array() { nested } else { &body["contents"] }
}

fn is_tool_result(turn: &Value) -> bool {
    let part_of = |name: &str, test: &dyn Fn(&Value) -> bool| turn[name].as_array().is_some_and(|p| p.iter().any(test));
    turn["role"] == "tool"
        || turn["type"] == "function_call_output"
        || part_of("content", &|part| part["type"] == "tool_result")
        || part_of("parts", &|part| part["functionResponse"].is_object())
}

/// All text of a turn, a content or a list of them.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect(),
        Value::Object(part) => {
            ["content", "text", "parts", "output"].iter().filter_map(|name| part.get(*name)).map(text_of).collect()
        }
        _ => String::new(),
    }
}

/// Tools of chat (`function` nested), Responses (flat), Anthropic (`input_schema`) and Gemini (declarations).
fn tools(body: &Value) -> Vec<Tool> {
    let list = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    let declared = list.iter().flat_map(|tool| {
        let gemini = tool["functionDeclarations"].as_array().or_else(|| tool["function_declarations"].as_array());
        gemini.cloned().unwrap_or_else(|| vec![tool.get("function").unwrap_or(tool).clone()])
    });
    let schemas = ["parameters", "parametersJsonSchema", "input_schema"];
    let read = |tool: Value| {
        let schema = schemas.iter().find_map(|name| tool.get(*name)).cloned().unwrap_or_default();
        Some(Tool { name: tool["name"].as_str()?.to_owned(), schema })
    };
    declared.filter_map(read).collect()
}

fn tool_choice(body: &Value) -> ToolChoice {
    let choice = &body["tool_choice"];
    let gemini = &body["toolConfig"]["functionCallingConfig"];
    let name = choice["function"]["name"].as_str().or_else(|| choice["name"].as_str());
    let word = choice.as_str().or_else(|| choice["type"].as_str()).or_else(|| gemini["mode"].as_str());
    match (word, name.or_else(|| gemini["allowedFunctionNames"][0].as_str())) {
        (_, Some(name)) => ToolChoice::Named(name.to_owned()),
        (Some("none" | "NONE"), _) => ToolChoice::None,
        (Some("required" | "any" | "ANY"), _) => ToolChoice::Any,
        _ => ToolChoice::Auto,
    }
}

/// The schema of a structured answer, in any dialect's place for it.
fn schema(body: &Value) -> Option<Value> {
    let config = &body["generationConfig"];
    let places = [
        &body["response_format"]["json_schema"]["schema"],
        &body["text"]["format"]["schema"],
        &body["output_config"]["format"]["schema"],
        &body["output_format"]["schema"],
        &config["responseJsonSchema"],
        &config["responseSchema"],
    ];
    let any_json = body["response_format"]["type"] == "json_object"
        || body["text"]["format"]["type"] == "json_object"
        || config["responseMimeType"] == "application/json";
    let given = places.into_iter().find(|schema| schema.is_object()).cloned();
    given.or_else(|| any_json.then_some(Value::Null))
}
