//! What a request's body makes a model read: texts, tools, pictures, and what cannot be bounded.
//!
//! Read only when it matters (near a limit, when nobody reports usage, when somebody asks for a count), and never an
//! error: what is not understood is measured in bytes. One file a dialect says where its prompt stands. Deliberately
//! not here: tokens.

mod anthropic;
mod beyond;
mod gemini;
mod inline;
mod openai;
mod parts;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    Surface,
    json::{Members, object},
};

pub(crate) use self::beyond::reads_more;
pub use self::inline::{Inline, inline};

/// A prompt taken apart. Borrows from the body where that is possible; its `Debug` prints nothing of it.
#[derive(Default)]
pub struct Prompt<'a> {
    /// Turns: messages, and items of the Responses API.
    pub messages: u64,
    /// All texts in their order.
    pub texts: Vec<Text<'a>>,
    /// Tools and functions that are offered.
    pub tools: Vec<Tool<'a>>,
    /// Pictures.
    pub images: Vec<Image>,
    /// Tokens given as numbers (completions, embeddings).
    pub token_ids: u64,
    /// What no look at the body bounds.
    pub unbounded: Vec<Unbounded>,
    /// Bytes of what was not understood where a prompt stands.
    pub unread_bytes: u64,
}

/// A text of the prompt.
pub struct Text<'a> {
    /// What it is.
    pub part: Part,
    /// The text, without JSON's escapes.
    pub text: Cow<'a, str>,
}

/// What a text of the prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Who speaks.
    Role,
    /// The name of who speaks.
    Name,
    /// What is said, tools' results too.
    Words,
    /// The name or the arguments of a tool that was called.
    Call,
    /// A schema that the answer must have, as JSON.
    Schema,
}

/// A tool that is offered.
pub struct Tool<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it is for.
    pub description: Cow<'a, str>,
    /// The schema of its arguments, as JSON.
    pub parameters: Option<&'a str>,
    /// Whether the vendor describes it to the model itself (Anthropic's computer, shell and editor).
    pub is_vendors: bool,
}

/// A picture of the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// How closely it is looked at.
    pub detail: Detail,
    /// Width and height in pixels, where the picture is in the body and of a known kind.
    pub size: Option<(u32, u32)>,
}

/// How closely a picture is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// A thumbnail.
    Low,
    /// In full, within the model's bounds.
    High,
    /// In its original size, within wider bounds.
    Original,
    /// The model's own choice.
    #[default]
    Auto,
}

/// What makes a prompt's tokens unbounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbounded {
    /// A picture of a model whose rule is not known.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A document or stored file.
    File,
    /// `previous_response_id`, `conversation`, references to stored items.
    Stored,
    /// A prompt template kept by the vendor.
    Template,
    /// A prompt cache named by its id.
    Cached,
    /// A tool that the vendor runs, whose results the model reads.
    ServerTool,
}

impl Unbounded {
    /// In words, for messages to callers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "a picture",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::File => "a file",
            Self::Stored => "an earlier response or conversation",
            Self::Template => "a stored prompt",
            Self::Cached => "cached content",
            Self::ServerTool => "a tool that the provider runs",
        }
    }
}

impl fmt::Debug for Prompt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("messages", &self.messages)
            .field("texts", &self.texts.len())
            .field("tools", &self.tools.len())
            .field("images", &self.images)
            .field("unbounded", &self.unbounded)
            .finish_non_exhaustive()
    }
}

/// Reads the prompt of a JSON body. What cannot be read at all counts as unread bytes.
#[must_use]
pub fn read(surface: Surface, body: &[u8]) -> Prompt<'_> {
    let mut prompt = Prompt::default();
    let Ok(members) = serde_json::from_slice::<Members<'_>>(body) else {
        prompt.unread_bytes = body.len() as u64;
        return prompt;
    };
    match surface {
        Surface::ChatCompletions => prompt.chat(&members),
        Surface::Responses => prompt.responses(&members),
        Surface::Completions => prompt.given(&members, &["prompt", "suffix"]),
        Surface::Embeddings | Surface::Moderations => prompt.given(&members, &["input"]),
        Surface::Rerank => prompt.given(&members, &["query", "documents"]),
        Surface::Messages | Surface::MessagesCountTokens => prompt.anthropic(&members),
        Surface::GenerateContent | Surface::StreamGenerateContent | Surface::CountTokens | Surface::EmbedContent => {
            prompt.gemini(&members);
        }
        _ => prompt.unread_bytes = body.len() as u64,
    }
    prompt
}

impl<'a> Prompt<'a> {
    /// Bytes of all texts, of tools and of what was not understood.
    #[must_use]
    pub fn text_bytes(&self) -> u64 {
        let texts: usize = self.texts.iter().map(|text| text.text.len()).sum();
        let tools = self
            .tools
            .iter()
            .map(|tool| tool.name.len() + tool.description.len() + tool.parameters.map_or(0, str::len));
        (texts + tools.sum::<usize>()) as u64 + self.unread_bytes
    }

    fn say(&mut self, part: Part, raw: &'a RawValue) {
        match words(raw) {
            Some(text) => self.texts.push(Text { part, text }),
            None => self.unread(raw),
        }
    }

    /// JSON that the model reads as it stands.
    fn say_json(&mut self, part: Part, raw: &'a RawValue) {
        self.texts.push(Text { part, text: Cow::Borrowed(raw.get()) });
    }

    fn unread(&mut self, raw: &RawValue) {
        if raw.get() != "null" {
            self.unread_bytes += raw.get().len() as u64;
        }
    }

    fn unbounded(&mut self, what: Unbounded) {
        if !self.unbounded.contains(&what) {
            self.unbounded.push(what);
        }
    }

    /// A tool by its name, description and the schema under one of the usual names.
    fn tool(&mut self, raw: &'a RawValue) {
        let Some(tool) = object(Some(raw)) else { return self.unread(raw) };
        let text = |name| tool.get(name).and_then(words).unwrap_or_default();
        let schemas = ["parameters", "input_schema", "parametersJsonSchema", "parameters_json_schema", "format"];
        let schema = schemas.iter().find_map(|name| tool.get(name)).filter(|raw| raw.get() != "null");
        let parameters = schema.map(RawValue::get);
        self.tools.push(Tool { name: text("name"), description: text("description"), parameters, is_vendors: false });
    }
}

/// A string's text; halves of surrogate pairs become U+FFFD, as whoever reads them makes something of them too.
fn words(raw: &RawValue) -> Option<Cow<'_, str>> {
    struct Words<'a>(Cow<'a, str>);
    struct WordsVisitor;
    impl<'de> Visitor<'de> for WordsVisitor {
        type Value = Words<'de>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Words<'de>, E> {
            Ok(Words(String::from_utf8_lossy(bytes)))
        }
        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Words<'de>, E> {
            Ok(Words(Cow::Owned(String::from_utf8_lossy(bytes).into_owned())))
        }
    }
    impl<'de> Deserialize<'de> for Words<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_bytes(WordsVisitor)
        }
    }
    serde_json::from_str(raw.get()).ok().map(|Words(text)| text)
}
