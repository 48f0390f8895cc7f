//! What routing must know of a request's body.
//!
//! Lives here: reading the few fields that routing, limits and ownership need, and where the edits go. Deliberately
//! not here: the edits (`rewrite`), multipart framing (`multipart`), JSON mechanics (`json`), checks of anything
//! that only the provider cares about.

use std::{borrow::Cow, collections::BTreeSet, ops::Range};

use bytes::Bytes;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::{
    Surface, batch, cap, items,
    json::{Collect, Elements, Members, folded, lenient, span},
    marks::{Mark, Marks},
    multipart,
    prompt::{self, Inline},
    rewrite::{Edits, Spelling},
    stored::{StoredKind, StoredRef},
};

pub use crate::conversation::conversation_key;

/// What routing knows of a request's body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The model that the body names; `None` when absent or null.
    pub model: Option<String>,
    /// Whether the caller wants an event stream (or Gemini's streaming verb).
    pub streamed: bool,
    /// Whether the caller itself asked for `stream_options.include_usage`.
    pub asked_usage: bool,
    /// `previous_response_id` of the Responses API.
    pub previous_response: Option<String>,
    /// `user`, or `metadata.user_id` of Anthropic.
    pub end_user: Option<String>,
    /// The caller's bound on generated tokens, for each answer. `None` also where what it gave bounds nothing.
    pub max_output: Option<u64>,
    /// Whether the model reads more than the body's bytes tell: pictures, stored objects, results of tools that the
    /// provider runs. Where it does not, no byte-level tokenizer makes more tokens of the prompt than the body has
    /// bytes.
    pub reads_more: bool,
    /// How many answers are made (`n`, `candidateCount`, `best_of`).
    pub choices: Option<u64>,
    /// Stored objects that the body refers to: files at any depth, a batch's input file,
    /// `previous_response_id`, `conversation`.
    pub stored_refs: Vec<StoredRef>,
    /// `purpose` of an uploaded file.
    pub purpose: Option<String>,
    /// The models that the lines of an uploaded batch file name.
    pub batch_models: BTreeSet<String>,
    pub(crate) edits: Edits,
    pub(crate) marks: Marks,
}

impl Head {
    /// Pictures, sounds and files inside the body that this is the head of.
    #[must_use]
    pub fn inline(&self, surface: Surface, body: &[u8]) -> Inline {
        let may_be = self.marks.may_have(Mark::Base64) || self.marks.may_have(Mark::Data);
        if may_be { prompt::inline(surface, body) } else { Inline::default() }
    }
}

/// Why a body cannot be routed. The messages are for the caller.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadBody {
    /// Not JSON at all.
    #[error("the body is not valid JSON: {0}")]
    NotJson(String),
    /// JSON, but not an object.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// What was checked must be what is sent: two members of one name leave the choice to the reader.
    #[error("the body has the member {0:?} twice")]
    DuplicateKey(String),
    /// A member that routing reads in another case: some backends' readers do not tell the two apart.
    #[error("the body's member {found:?} must be spelled {name:?}")]
    Spelling {
        /// As the body has it.
        found: String,
        /// As it must be.
        name: &'static str,
    },
    /// A field that routing reads has another type.
    #[error("{field:?} must be {expected}")]
    WrongType {
        /// The field.
        field: &'static str,
        /// What it must be, in words.
        expected: &'static str,
    },
    /// A line of a batch file that cannot be checked.
    #[error("line {line} of the batch file cannot be taken: {why}")]
    BatchLine {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The multipart framing is broken or ambiguous.
    #[error("the multipart body cannot be read: {0}")]
    Multipart(&'static str),
}

impl BadBody {
    /// The field at fault, for the envelope's `param`.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::DuplicateKey(name) => Some(name),
            Self::Spelling { name, .. } => Some(name),
            Self::WrongType { field, .. } => Some(field),
            Self::BatchLine { .. } => Some("file"),
            Self::NotJson(_) | Self::NotAnObject | Self::Multipart(_) => None,
        }
    }
}

/// Reads what routing must know. An empty body is fine on surfaces that work without one.
pub fn read(surface: Surface, content_type: Option<&str>, body: &Bytes) -> Result<Head, BadBody> {
    if body.is_empty() && works_without_body(surface) {
        return Ok(Head::default());
    }
    match content_type.and_then(multipart::boundary).transpose()? {
        Some(boundary) => read_multipart(surface, &boundary, body),
        None => read_json(surface, body),
    }
}

fn works_without_body(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::StoredResponse
            | Surface::Models
            | Surface::Model
            | Surface::Realtime
            | Surface::Files
            | Surface::Batches
    )
}

pub(crate) fn read_json(surface: Surface, body: &[u8]) -> Result<Head, BadBody> {
    let text = std::str::from_utf8(body).map_err(|_| BadBody::NotJson("it is not UTF-8".to_owned()))?;
    let opening = text.bytes().position(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
    let members: Members<'_> = serde_json::from_str(text).map_err(|error| not_an_object(text, opening, &error))?;
    if let Some(name) = members.duplicate() {
        return Err(BadBody::DuplicateKey(name.to_owned()));
    }
    check_spelling(&members, &ROUTED)?;
    let options: Option<Members<'_>> = lenient(members.get("stream_options"));
    options.map_or(Ok(()), |options| check_spelling(&options, &["include_usage"]))?;
    let first = opening.map_or(0, |at| at + 1);
    let marks = Marks::of(text);
    let fields = Fields { surface, text, members: &members, first, marks };
    let mut head = fields.head()?;
    head.stored_refs = stored_refs(surface, text, marks)?;
    let previous = head.previous_response.clone().map(|id| StoredRef { kind: StoredKind::Response, id });
    head.stored_refs.extend(previous.into_iter().chain(fields.conversation()).chain(fields.parts()));
    Ok(head)
}

/// Members that decide where a request goes, what it may reach and how it is counted.
const ROUTED: [&str; 10] = [
    "model",
    "stream",
    "stream_options",
    "previous_response_id",
    "conversation",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "n",
    "best_of",
];

/// Go's `encoding/json` matches names without regard to case: `MODEL` behind `model` would win there.
pub(crate) fn check_spelling(members: &Members<'_>, names: &[&'static str]) -> Result<(), BadBody> {
    let other = |key: &str| match folded(key) {
        Cow::Borrowed(_) => None,
        Cow::Owned(folded) => names.iter().find(|name| folded == **name),
    };
    match members.0.iter().find_map(|(key, _)| Some((key, other(key)?))) {
        Some((found, name)) => Err(BadBody::Spelling { found: found.chars().take(64).collect(), name }),
        None => Ok(()),
    }
}

/// Whether bodies of this surface name their model in a member of their own.
fn takes_model(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::ChatCompletions
            | Surface::Completions
            | Surface::Responses
            | Surface::Embeddings
            | Surface::Moderations
            | Surface::Images
            | Surface::Audio
            | Surface::Rerank
            | Surface::Messages
            | Surface::MessagesCountTokens
    )
}

fn not_an_object(text: &str, opening: Option<usize>, error: &serde_json::Error) -> BadBody {
    let valid = || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    match opening {
        Some(at) if text.as_bytes()[at] != b'{' && valid() => BadBody::NotAnObject,
        _ => BadBody::NotJson(error.to_string()),
    }
}

/// The members of one JSON body, being read.
struct Fields<'a, 'm> {
    surface: Surface,
    text: &'a str,
    members: &'m Members<'a>,
    /// Where the first member begins: just behind the opening brace.
    first: usize,
    marks: Marks,
}

impl<'a> Fields<'a, '_> {
    fn head(&self) -> Result<Head, BadBody> {
        let streaming_verb = self.surface == Surface::StreamGenerateContent;
        let stream = self.typed::<bool>("stream", "true or false")?.unwrap_or_default();
        let (asked_usage, usage) = self.usage_option();
        Ok(Head {
            model: self.typed("model", "a string")?,
            streamed: streaming_verb || stream || self.text_of("stream_format").as_deref() == Some("sse"),
            asked_usage,
            previous_response: self.typed("previous_response_id", "a string")?,
            end_user: self.end_user(),
            max_output: cap::given(self.surface, self.members),
            reads_more: prompt::reads_more(self.surface, self.text, self.members, self.marks),
            choices: self.choices(),
            purpose: self.text_of("purpose"),
            stored_refs: Vec::new(),
            batch_models: BTreeSet::new(),
            edits: Edits {
                models: self.model_spans(),
                missing_model: self.missing_model(),
                usage,
                surface: Some(self.surface),
            },
            marks: self.marks,
        })
    }

    /// A field whose other types would make routing and the backend see different things.
    fn typed<T: serde::Deserialize<'a>>(
        &self,
        field: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, BadBody> {
        let Some(raw) = self.members.get(field) else { return Ok(None) };
        serde_json::from_str::<Option<T>>(raw.get()).map_err(|_| BadBody::WrongType { field, expected })
    }

    fn text_of(&self, name: &str) -> Option<String> {
        lenient(self.members.get(name))
    }

    fn number(&self, name: &str) -> Option<u64> {
        lenient(self.members.get(name))
    }

    fn end_user(&self) -> Option<String> {
        let metadata = || lenient::<Members<'_>>(self.members.get("metadata"));
        match self.surface {
            Surface::Messages => lenient(metadata()?.get("user_id")),
            _ => self.text_of("user"),
        }
    }

    /// The conversation that a response continues and is stored in.
    fn conversation(&self) -> Option<StoredRef> {
        let raw = self.members.get("conversation").filter(|_| self.surface == Surface::Responses);
        let id = lenient(raw).or_else(|| lenient(lenient::<Members<'_>>(raw)?.get("id")));
        id.map(|id| StoredRef { kind: StoredKind::Other, id })
    }

    /// Items and containers of earlier answers. Looked for only when an id can be there, however it is spelled.
    fn parts(&self) -> Vec<StoredRef> {
        let possible = |needle: &str| memchr::memmem::find(self.text.as_bytes(), needle.as_bytes()).is_some();
        match self.surface {
            Surface::Responses if possible("\"id\"") || possible("container") || possible(r"\u00") => {
                items::referred(self.members)
            }
            Surface::Messages => items::container(self.members),
            _ => Vec::new(),
        }
    }

    /// Legacy completions make and charge `best_of` answers, however few of them are sent.
    fn choices(&self) -> Option<u64> {
        match self.surface {
            Surface::Completions => self.number("n").max(self.number("best_of")),
            _ => self.number("n").or_else(|| self.candidates()),
        }
    }

    fn candidates(&self) -> Option<u64> {
        let config = ["generationConfig", "generation_config"].iter().find_map(|name| self.members.get(name));
        let config: Members<'_> = lenient(config)?;
        lenient(config.get("candidateCount").or_else(|| config.get("candidate_count")))
    }

    fn model_spans(&self) -> Vec<(Range<usize>, Spelling)> {
        let gemini = self.surface.family() == crate::Family::Gemini;
        let spelling = if gemini { Spelling::GeminiJson } else { Spelling::Json };
        let top = self.members.get("model").map(|raw| (span(self.text, raw.get()), spelling));
        let nested = gemini.then(|| self.nested_gemini_models()).into_iter().flatten();
        top.into_iter().chain(nested).collect()
    }

    /// A missing `model` becomes the first member, on the surfaces whose backends want one.
    fn missing_model(&self) -> Option<(usize, String, String)> {
        let comma = if self.members.0.is_empty() { "" } else { "," };
        takes_model(self.surface).then(|| (self.first, r#""model":"#.to_owned(), comma.to_owned()))
    }

    /// `requests[].model` of a batch of embeddings and `generateContentRequest.model` of a count: Gemini refuses a
    /// body whose nested names differ from the path's.
    fn nested_gemini_models(&self) -> Vec<(Range<usize>, Spelling)> {
        let requests: Option<Elements<'_>> = lenient(self.members.get("requests"));
        let counted = self.members.get("generateContentRequest");
        let nested = requests.map(|list| list.0).unwrap_or_default().into_iter().chain(counted);
        let model = |raw: &'a RawValue| lenient::<Members<'a>>(Some(raw))?.get("model");
        nested.filter_map(model).map(|raw| (span(self.text, raw.get()), Spelling::GeminiJson)).collect()
    }

    /// Whether usage was asked for, and the edits that ask for it where the caller did not.
    fn usage_option(&self) -> (bool, Vec<(Range<usize>, &'static str)>) {
        if !matches!(self.surface, Surface::ChatCompletions | Surface::Completions) {
            return (false, Vec::new());
        }
        let Some(raw) = self.members.get("stream_options") else {
            return (false, vec![(self.first..self.first, r#""stream_options":{"include_usage":true},"#)]);
        };
        let whole = span(self.text, raw.get());
        if raw.get() == "null" {
            return (false, vec![(whole, r#"{"include_usage":true}"#)]);
        }
        let Some(options) = lenient::<Members<'_>>(Some(raw)) else { return (false, Vec::new()) };
        let given: Vec<&RawValue> =
            options.0.iter().filter(|(key, _)| key == "include_usage").map(|(_, value)| *value).collect();
        if given.last().is_some_and(|value| value.get() == "true") {
            return (true, Vec::new());
        }
        if !given.is_empty() {
            return (false, given.iter().map(|value| (span(self.text, value.get()), "true")).collect());
        }
        let member = if options.0.is_empty() { r#""include_usage":true"# } else { r#""include_usage":true,"# };
        (false, vec![(whole.start + 1..whole.start + 1, member)])
    }
}

/// Ids of stored objects anywhere in the body. Walked only when a key can be there, however it is spelled.
fn stored_refs(surface: Surface, text: &str, marks: Marks) -> Result<Vec<StoredRef>, BadBody> {
    let mut found = Vec::new();
    let stores = surface.family() != crate::Family::Gemini;
    if stores && (marks.may_have(Mark::FileId) || marks.may_have(Mark::Escape)) {
        let seed = Collect::new(StoredKind::under, is_applications_own, &mut found);
        let mut reader = serde_json::Deserializer::from_str(text);
        serde::de::DeserializeSeed::deserialize(seed, &mut reader)
            .map_err(|error| BadBody::NotJson(error.to_string()))?;
    }
    Ok(found)
}

/// Where an object belongs to the application: a tool's arguments (Anthropic's `input`), schemas, labels. A tool's
/// parameter that is called `file_id` is no stored file.
fn is_applications_own(key: &str) -> bool {
    matches!(key, "input" | "arguments" | "parameters" | "input_schema" | "schema" | "metadata")
}

fn read_multipart(surface: Surface, boundary: &str, body: &[u8]) -> Result<Head, BadBody> {
    let mut head = Head { reads_more: true, ..Head::default() };
    if takes_model(surface) {
        let before = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
        let place = multipart::first_delimiter(boundary, body);
        head.edits.missing_model = place.map(|at| (at, before, "\r\n".to_owned()));
    }
    let mut file = None;
    for field in multipart::fields(boundary, body)? {
        match field.name.as_str() {
            "model" => {
                head.model = Some(field.text(body)?);
                head.edits.models.push((field.value, Spelling::Text));
            }
            "stream" => head.streamed = field.text(body)?.eq_ignore_ascii_case("true"),
            "purpose" => head.purpose = Some(field.text(body)?),
            "user" => head.end_user = Some(field.text(body)?),
            "n" => head.choices = field.text(body)?.parse().ok(),
            "file_id" => head.stored_refs.push(StoredRef { kind: StoredKind::File, id: field.text(body)? }),
            "file" => file = Some(field.value),
            _ => {}
        }
    }
    if surface == Surface::Files && head.purpose.as_deref() == Some("batch") {
        let lines = batch::read(&body[file.unwrap_or_default()])?;
        head.batch_models = lines.models;
        head.stored_refs.extend(lines.stored_refs);
    }
    Ok(head)
}
