//! What a request asks, as far as its answer may be kept: its partition, its keys, and the last user text.
//!
//! The partition is everything but that text: whose cache it is, the model, the dialect, and the whole body with the
//! text cut out, so that also what is not known here tells requests apart. What cannot be compared so is not cached
//! at all, and says why.

use tollgate_providers::Surface;

use super::{
    key::{Key, Writer},
    tree::Tree,
};

/// What is allowed to be cached.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Largest stated temperature.
    pub temperature_limit: f64,
    /// Largest body, in bytes.
    pub max_body: u64,
    /// Whether end users have answers of their own.
    pub per_end_user: bool,
    /// Whether what the system says is left out of the comparison, as `ignore-system-messages` asks.
    pub ignore_system: bool,
    /// Longest conversation, in messages.
    pub max_messages: Option<usize>,
}

/// A request, as far as its answer depends on it.
pub struct Asked<'a> {
    /// Which endpoint.
    pub surface: Surface,
    /// Whose cache it is: scope and ids, in order.
    pub owner: &'a [&'a str],
    /// The configured model, the pool that answers.
    pub model: [&'a str; 2],
    /// What else tells requests apart: headers and query, names and values in order.
    pub vary: &'a [(&'a str, &'a [u8])],
    /// The body.
    pub body: &'a [u8],
}

/// Why a request is not cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its endpoint gives no answers that could be kept.
    Surface,
    /// The body is larger than allowed.
    TooLong,
    /// The body cannot be compared.
    Unreadable,
    /// The last turn holds results of tools.
    ToolResults,
    /// Pictures, sounds, files, or anything else that is not text.
    Media,
    /// More than one answer is asked for.
    Choices,
    /// Probabilities of tokens are asked for.
    Logprobs,
    /// The stated temperature asks for other words each time.
    Temperature,
    /// The answer depends on what the provider keeps or finds: conversations, stored prompts, searches.
    ProviderState,
    /// The answer is made after the request has ended.
    Background,
    /// The conversation is longer than allowed.
    Conversation,
    /// The prompt speaks of a time, and such answers are not kept.
    TimeDependent,
    /// The caller asked for none (`Cache-Control: no-store`).
    Asked,
}

impl Why {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Surface => "surface",
            Self::TooLong => "too_long",
            Self::Unreadable => "unreadable",
            Self::ToolResults => "tool_results",
            Self::Media => "media",
            Self::Choices => "choices",
            Self::Logprobs => "logprobs",
            Self::Temperature => "temperature",
            Self::ProviderState => "provider_state",
            Self::Background => "background",
            Self::Conversation => "conversation",
            Self::TimeDependent => "time_dependent",
            Self::Asked => "asked",
        }
    }
}

/// A question whose answer may be kept.
#[derive(Clone, PartialEq)]
pub struct Question {
    /// Where it is compared with others.
    pub partition: Key,
    /// The key of the same request.
    pub exact: Key,
    /// The last user text; `None`: only the same request is answered.
    pub text: Option<String>,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question")
            .field("partition", &self.partition)
            .field("exact", &self.exact)
            .finish_non_exhaustive()
    }
}

/// Members that cannot change what an answer says: how it is delivered, labels for somebody's books, and the name of
/// the model, which is in the key by its configured name.
const LABELS: [&str; 8] = [
    "model",
    "stream",
    "stream_options",
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
];

/// The dialect and form of an answer: endpoints that answer alike share one.
const fn form(surface: Surface) -> Option<&'static str> {
    Some(match surface {
        Surface::ChatCompletions => "chat",
        Surface::Completions => "completions",
        Surface::Responses => "responses",
        Surface::Messages => "messages",
        Surface::GenerateContent | Surface::StreamGenerateContent => "gemini",
        Surface::Embeddings => "embeddings",
        Surface::EmbedContent => "gemini-embeddings",
        _ => return None,
    })
}

/// What a request asks.
///
/// # Errors
/// Why its answer is neither looked up nor kept.
pub fn question(asked: &Asked<'_>, rules: &Rules) -> Result<Question, Why> {
    let form = form(asked.surface).ok_or(Why::Surface)?;
    if asked.body.len() as u64 > rules.max_body {
        return Err(Why::TooLong);
    }
    let mut body: Tree = serde_json::from_slice(asked.body).map_err(|_| Why::Unreadable)?;
    if let Some(why) = refusal(asked.surface, &body, rules) {
        return Err(why);
    }
    shape(&mut body, rules)?;
    let text = last_text(asked.surface, &mut body)?;
    let end_user = end_user(&body).filter(|_| rules.per_end_user).map(ToOwned::to_owned);
    for label in LABELS {
        body.remove(label);
    }
    let partition = partition(asked, form, end_user.as_deref(), &body);
    let exact = partition.of("exact", text.as_deref().unwrap_or_default());
    Ok(Question { partition, exact, text })
}

/// What a policy document makes of the conversation.
fn shape(body: &mut Tree, rules: &Rules) -> Result<(), Why> {
    for name in ["messages", "input", "contents"] {
        let Some(Tree::List(turns)) = body.get_mut(name) else { continue };
        if rules.max_messages.is_some_and(|most| turns.len() > most) {
            return Err(Why::Conversation);
        }
        if rules.ignore_system {
            let role = |turn: &Tree| turn.get("role").and_then(Tree::as_text).map(ToOwned::to_owned);
            turns.retain(|turn| !matches!(role(turn).as_deref(), Some("system" | "developer")));
        }
    }
    if rules.ignore_system {
        for name in ["system", "instructions", "systemInstruction", "system_instruction"] {
            body.remove(name);
        }
    }
    Ok(())
}

fn end_user(body: &Tree) -> Option<&str> {
    let user = || body.get("user")?.as_text();
    user().or_else(|| body.get("metadata")?.get("user_id")?.as_text())
}

fn partition(asked: &Asked<'_>, form: &str, end_user: Option<&str>, body: &Tree) -> Key {
    let mut writer = Writer::new("partition 1");
    writer.number(asked.owner.len() as u64);
    asked.owner.iter().for_each(|part| writer.text(part));
    asked.model.iter().for_each(|part| writer.text(part));
    writer.text(form);
    writer.tag(u8::from(end_user.is_some()));
    writer.text(end_user.unwrap_or_default());
    writer.number(asked.vary.len() as u64);
    for (name, value) in asked.vary {
        writer.text(name);
        writer.bytes(value);
    }
    body.write(&mut writer);
    writer.finish()
}

/// What forbids it whatever the conversation is.
fn refusal(surface: Surface, body: &Tree, rules: &Rules) -> Option<Why> {
    let generation = body.get("generationConfig").or_else(|| body.get("generation_config"));
    let stated = |name: &str| body.get(name).or_else(|| generation?.get(name));
    let either = |names: [&str; 2]| names.into_iter().find_map(&stated);
    let is_set = |name: &str| stated(name).is_some_and(Tree::is_set);
    let are_several = |name: &str| stated(name).and_then(Tree::as_number).is_some_and(|number| number > 1.0);
    if ["n", "best_of", "candidateCount", "candidate_count"].into_iter().any(are_several) {
        return Some(Why::Choices);
    }
    let logprobs = ["logprobs", "top_logprobs", "responseLogprobs", "response_logprobs"];
    // Legacy completions ask for them with 0 too.
    let legacy = surface == Surface::Completions && body.get("logprobs").is_some_and(|asked| *asked != Tree::Null);
    if legacy || logprobs.into_iter().any(is_set) || includes_logprobs(body) {
        return Some(Why::Logprobs);
    }
    if stated("temperature").is_some_and(|temperature| {
        *temperature != Tree::Null && temperature.as_number().is_none_or(|number| number > rules.temperature_limit)
    }) {
        return Some(Why::Temperature);
    }
    if is_set("audio")
        || speaks_otherwise(either(["modalities", "modalities"]))
        || speaks_otherwise(either(["responseModalities", "response_modalities"]))
    {
        return Some(Why::Media);
    }
    let of_provider =
        ["conversation", "web_search_options", "cachedContent", "cached_content", "container", "mcp_servers"];
    if of_provider.into_iter().any(is_set) || (surface == Surface::Responses && is_set("prompt")) || runs_tools(body) {
        return Some(Why::ProviderState);
    }
    is_set("background").then_some(Why::Background)
}

fn includes_logprobs(body: &Tree) -> bool {
    let include = body.get("include").and_then(Tree::as_list).unwrap_or_default();
    include.iter().any(|item| item.as_text().is_some_and(|text| text.contains("logprobs")))
}

/// Whether other forms than text are asked for.
fn speaks_otherwise(modalities: Option<&Tree>) -> bool {
    let listed = modalities.and_then(Tree::as_list).unwrap_or_default();
    listed.iter().any(|one| !one.as_text().is_some_and(|text| text.eq_ignore_ascii_case("text")))
}

/// Whether there are tools that the provider runs: what they find differs from hour to hour. An application's own
/// tools are functions: the answer then is a call, which is not kept.
fn runs_tools(body: &Tree) -> bool {
    let tools = body.get("tools").and_then(Tree::as_list).unwrap_or_default();
    let is_function = |tool: &Tree| match tool.get("type") {
        Some(kind) => matches!(kind.as_text(), Some("function" | "custom")),
        // Anthropic's and Gemini's own tools.
        None => {
            ["name", "functionDeclarations", "function_declarations"].iter().any(|name| tool.get(name).is_some())
                && matches!(tool, Tree::Object(members) if members.iter().all(|(name, _)| !name.to_ascii_lowercase().contains("search")))
        }
    };
    !tools.iter().all(is_function)
}

/// Cuts the last user text out of the body. `Ok(None)`: there is none that could be compared with others.
fn last_text(surface: Surface, body: &mut Tree) -> Result<Option<String>, Why> {
    match surface {
        Surface::Completions => Ok(body.get_mut("prompt").and_then(cut)),
        Surface::Embeddings | Surface::EmbedContent => Ok(None),
        Surface::Responses => of_input(body),
        Surface::GenerateContent | Surface::StreamGenerateContent => of_turns(body, "contents", "parts"),
        _ => of_turns(body, "messages", "content"),
    }
}

fn cut(node: &mut Tree) -> Option<String> {
    match std::mem::replace(node, Tree::Cut) {
        Tree::Text(text) => Some(text),
        other => {
            *node = other;
            None
        }
    }
}

/// `input` of the Responses API: a text, or a list of items.
fn of_input(body: &mut Tree) -> Result<Option<String>, Why> {
    match body.get_mut("input") {
        Some(text @ Tree::Text(_)) => Ok(cut(text)),
        _ => of_turns(body, "input", "content"),
    }
}

fn of_turns(body: &mut Tree, name: &str, content: &str) -> Result<Option<String>, Why> {
    let Some(Tree::List(turns)) = body.get_mut(name) else { return Ok(None) };
    for turn in turns.iter() {
        check_parts(turn.get(content))?;
    }
    let Some(last) = turns.last_mut() else { return Ok(None) };
    let role = last.get("role").and_then(Tree::as_text);
    let kind = last.get("type").and_then(Tree::as_text).unwrap_or("message");
    if matches!(role, Some("tool" | "function")) || kind != "message" || holds_results(last.get(content)) {
        return Err(Why::ToolResults);
    }
    if !matches!(role, Some("user") | None) {
        return Ok(None);
    }
    let Some(said) = last.get_mut(content) else { return Ok(None) };
    match said {
        Tree::Text(_) => Ok(cut(said)),
        Tree::List(parts) => match parts.as_mut_slice() {
            [only] => Ok(only.get_mut("text").and_then(cut)),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Everything that is said must be text: what is behind an address or an id may change.
fn check_parts(content: Option<&Tree>) -> Result<(), Why> {
    let Some(Tree::List(parts)) = content else { return Ok(()) };
    let is_plain = |part: &Tree| match part.get("type") {
        Some(kind) => matches!(
            kind.as_text(),
            Some(
                "text"
                    | "input_text"
                    | "output_text"
                    | "refusal"
                    | "tool_use"
                    | "tool_result"
                    | "thinking"
                    | "redacted_thinking"
            )
        ),
        // Gemini's parts say what they are by their one member.
        None => {
            ["text", "functionCall", "function_call", "functionResponse", "function_response"]
                .iter()
                .any(|name| part.get(name).is_some())
                && ["inlineData", "inline_data", "fileData", "file_data"].iter().all(|name| part.get(name).is_none())
        }
    };
    for part in parts {
        if !is_plain(part) {
            return Err(Why::Media);
        }
        // What a tool gave back may hold pictures.
        check_parts(part.get("content"))?;
    }
    Ok(())
}

fn holds_results(content: Option<&Tree>) -> bool {
    let parts = content.and_then(Tree::as_list).unwrap_or_default();
    let is_result = |part: &Tree| {
        part.get("type").and_then(Tree::as_text) == Some("tool_result")
            || ["functionResponse", "function_response"].iter().any(|name| part.get(name).is_some())
    };
    parts.iter().any(is_result)
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
