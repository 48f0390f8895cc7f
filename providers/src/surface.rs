//! Which path is which surface of a model API.
//!
//! Lives here: the table of paths and methods, and the names that a path carries. Deliberately not here: where
//! the same call lives at a backend (`upstream`) and what its body says (`head`).

use http::Method;
use percent_encoding::percent_decode_str;

/// The family of dialects that a call belongs to: decides envelopes of errors and which backends can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// OpenAI, Azure OpenAI and everything compatible.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Google Gemini.
    Gemini,
}

/// One endpoint of a model API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// `POST /v1/chat/completions`
    ChatCompletions,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/responses`
    Responses,
    /// `GET`, `DELETE /v1/responses/{id}`, `.../cancel`, `.../input_items`
    StoredResponse,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `GET /v1/models`
    Models,
    /// `GET /v1/models/{id}`
    Model,
    /// `POST /v1/moderations`
    Moderations,
    /// `/v1/images/*`
    Images,
    /// `/v1/audio/*`
    Audio,
    /// `/v1/files*`
    Files,
    /// `/v1/batches*`
    Batches,
    /// `GET /v1/realtime` (WebSocket)
    Realtime,
    /// `POST /v1/rerank`
    Rerank,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`
    MessagesCountTokens,
    /// `:generateContent`
    GenerateContent,
    /// `:streamGenerateContent`
    StreamGenerateContent,
    /// `:embedContent`, `:batchEmbedContents`
    EmbedContent,
    /// `:countTokens`
    CountTokens,
}

/// How the caller's path was spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// `/v1/...` of OpenAI.
    OpenAi,
    /// `/openai/deployments/{deployment}/...?api-version=` and `/openai/{responses,models,...}?api-version=`.
    AzureDeployment,
    /// `/openai/v1/...`.
    AzureV1,
    /// `/v1/messages...`.
    Anthropic,
    /// `/v1beta/models/{model}:verb` and `/v1/models/{model}:verb`.
    Gemini,
}

/// What the caller's method and path ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The endpoint.
    pub surface: Surface,
    /// How the path was spelled.
    pub style: Style,
    /// The family's root as the caller sent it: `/v1`, `/v1beta`, `/openai`, `/openai/v1`.
    pub root: &'static str,
    /// The model named by the path (deployment, Gemini model), percent-decoded.
    pub model: Option<String>,
    /// The stored object named by the path (response, file, batch, model), percent-decoded.
    pub item: Option<String>,
    /// The path below the family's root as the caller sent it, such as `/chat/completions` or
    /// `/files/file-1/content`; for Gemini the verb alone (`generateContent`).
    pub tail: String,
}

impl Surface {
    /// The family whose envelopes and backends this surface uses.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::Messages | Self::MessagesCountTokens => Family::Anthropic,
            Self::GenerateContent | Self::StreamGenerateContent | Self::EmbedContent | Self::CountTokens => {
                Family::Gemini
            }
            _ => Family::OpenAi,
        }
    }
}

impl Style {
    /// The path root that this style uses when nothing else is known.
    fn root(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Anthropic => "/v1",
            Self::AzureDeployment => "/openai",
            Self::AzureV1 => "/openai/v1",
            Self::Gemini => "/v1beta",
        }
    }
}

/// Which call of a model API this is; `None` when the path or its method belongs to none.
///
/// `path` is what follows the API's prefix, without the query, still percent-encoded.
#[must_use]
pub fn recognise(method: &Method, path: &str) -> Option<Call> {
    if let Some(tail) = path.strip_prefix("/openai/v1") {
        return openai(method, tail, Style::AzureV1);
    }
    if let Some(rest) = path.strip_prefix("/openai/deployments/") {
        return deployment(method, rest);
    }
    if let Some(tail) = path.strip_prefix("/openai") {
        return openai(method, tail, Style::AzureDeployment).filter(|call| works_without_deployment(call.surface));
    }
    if let Some(tail) = path.strip_prefix("/v1beta") {
        let verb = || gemini(method, tail.strip_prefix("/models/")?, "/v1beta");
        return verb().or_else(|| openai(method, tail, Style::Gemini).filter(Call::is_about_models));
    }
    let tail = path.strip_prefix("/v1")?;
    let model_verb = || gemini(method, tail.strip_prefix("/models/")?, "/v1");
    anthropic(method, tail).or_else(model_verb).or_else(|| openai(method, tail, Style::OpenAi))
}

/// Azure serves these without a deployment in the path; everything else names one.
fn works_without_deployment(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::Responses
            | Surface::StoredResponse
            | Surface::Models
            | Surface::Model
            | Surface::Files
            | Surface::Batches
            | Surface::Realtime
    )
}

fn anthropic(method: &Method, tail: &str) -> Option<Call> {
    let surface = match (method.as_str(), tail) {
        ("POST", "/messages") => Surface::Messages,
        ("POST", "/messages/count_tokens") => Surface::MessagesCountTokens,
        _ => return None,
    };
    Some(Call::new(surface, Style::Anthropic, tail))
}

/// `{model}:verb`; the model may contain slashes and colons, so the verb is what follows the last colon.
fn gemini(method: &Method, rest: &str, root: &'static str) -> Option<Call> {
    let (model, verb) = rest.rsplit_once(':')?;
    let surface = match (method.as_str(), verb) {
        ("POST", "generateContent") => Surface::GenerateContent,
        ("POST", "streamGenerateContent") => Surface::StreamGenerateContent,
        ("POST", "embedContent" | "batchEmbedContents") => Surface::EmbedContent,
        ("POST", "countTokens") => Surface::CountTokens,
        _ => return None,
    };
    let model = Some(decoded_path(model)?);
    Some(Call { root, model, ..Call::new(surface, Style::Gemini, verb) })
}

fn deployment(method: &Method, rest: &str) -> Option<Call> {
    let (name, _) = rest.split_once('/')?;
    let call = openai(method, &rest[name.len()..], Style::AzureDeployment)?;
    let takes_deployment = !matches!(call.surface, Surface::Models | Surface::Model | Surface::StoredResponse);
    takes_deployment.then_some(Call { model: Some(decoded_segment(name)?), ..call })
}

fn openai(method: &Method, tail: &str, style: Style) -> Option<Call> {
    let mut segments = tail.strip_prefix('/')?.split('/');
    let head = segments.next()?;
    let rest: Vec<&str> = segments.collect();
    let call = |surface| Some(Call::new(surface, style, tail));
    match (method.as_str(), head, rest.as_slice()) {
        ("POST", "chat", ["completions"]) => call(Surface::ChatCompletions),
        ("POST", "completions", []) => call(Surface::Completions),
        ("POST", "embeddings", []) => call(Surface::Embeddings),
        ("POST", "moderations", []) => call(Surface::Moderations),
        ("POST", "rerank", []) => call(Surface::Rerank),
        ("POST", "images", [verb]) if is_word(verb) => call(Surface::Images),
        ("POST", "audio", [verb]) if is_word(verb) => call(Surface::Audio),
        ("GET", "realtime", []) => call(Surface::Realtime),
        ("GET", "models", []) => call(Surface::Models),
        ("GET", "models", [_, ..]) => {
            let item = decoded_path(tail.strip_prefix("/models/")?)?;
            Some(Call { item: Some(item), ..Call::new(Surface::Model, style, tail) })
        }
        ("POST", "responses", []) => call(Surface::Responses),
        ("GET" | "DELETE", "responses", [id])
        | ("POST", "responses", [id, "cancel"])
        | ("GET", "responses", [id, "input_items"]) => stored(Surface::StoredResponse, style, tail, id),
        ("GET" | "POST", "files", []) => call(Surface::Files),
        ("GET" | "DELETE", "files", [id]) | ("GET", "files", [id, "content"]) => {
            stored(Surface::Files, style, tail, id)
        }
        ("GET" | "POST", "batches", []) => call(Surface::Batches),
        ("GET", "batches", [id]) | ("POST", "batches", [id, "cancel"]) => stored(Surface::Batches, style, tail, id),
        _ => None,
    }
}

fn stored(surface: Surface, style: Style, tail: &str, id: &str) -> Option<Call> {
    Some(Call { item: Some(decoded_segment(id)?), ..Call::new(surface, style, tail) })
}

impl Call {
    fn new(surface: Surface, style: Style, tail: &str) -> Self {
        Self { surface, style, root: style.root(), model: None, item: None, tail: tail.to_owned() }
    }

    /// The family whose shapes the answer has: of what several families share, such as lists of models, that of the path.
    #[must_use]
    pub fn family(&self) -> Family {
        if self.style == Style::Gemini { Family::Gemini } else { self.surface.family() }
    }

    fn is_about_models(&self) -> bool {
        matches!(self.surface, Surface::Models | Surface::Model)
    }
}

fn is_word(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// One path segment, decoded. `None` for what could walk out of its place at a backend that decodes again.
fn decoded_segment(segment: &str) -> Option<String> {
    decoded_path(segment).filter(|text| !text.contains('/'))
}

/// A name that may contain slashes, decoded; no segment may be empty or made of dots alone.
fn decoded_path(path: &str) -> Option<String> {
    let text = percent_decode_str(path).decode_utf8().ok()?;
    let plain = !text.chars().any(|c| c.is_control() || c == '\\' || c == '%');
    let walks = |segment: &str| matches!(segment, "" | "." | "..");
    (plain && !text.split('/').any(walks)).then(|| text.into_owned())
}
