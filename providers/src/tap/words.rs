//! Where each dialect's answers keep their words, as shapes to walk along: nothing else of the JSON is looked at.
//!
//! Words are text, reasoning, refusals, and names and arguments of called tools. Deliberately not here: counting them
//! (`spoken`), and what else events mean.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    plain,
    spoken::{Spoken, Voice},
};
use crate::{
    Surface,
    json::{Key, Members},
};

/// What stands at a place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `choices` of chat and completions.
    Choices,
    Choice,
    /// `delta` or `message` of a choice.
    Message,
    /// A string, or a list of parts.
    Content,
    Part,
    /// The model's thoughts, which some servers send under two names at once.
    Thoughts,
    ToolCalls,
    ToolCall,
    Function,
    /// A called tool's name.
    Name,
    Audio,
    /// `content` of Anthropic's messages.
    Blocks,
    /// A block, whole or as it starts.
    Block,
    /// What Anthropic adds to a block.
    Delta,
    /// `candidates` of Gemini.
    Candidates,
    Candidate,
    /// `content` of a candidate.
    Turn,
    TurnParts,
    TurnPart,
    Call,
    /// `output` of the Responses API.
    Items,
    Item,
    /// The place of an answer among several.
    Index,
    /// JSON whose text is what was generated.
    Json,
    /// Sound or pictures.
    Media,
    /// Nothing of interest.
    Other,
}

impl Shape {
    pub(super) fn member(self, key: &[u8]) -> Self {
        match (self, key) {
            (Self::Choice | Self::Candidate, b"index") => Self::Index,
            (Self::Choice, b"delta" | b"message") => Self::Message,
            (Self::Message, b"reasoning_content" | b"reasoning" | b"reasoning_text") | (Self::Part, b"thinking") => {
                Self::Thoughts
            }
            (Self::Message, b"tool_calls") => Self::ToolCalls,
            (Self::Message, b"function_call") | (Self::ToolCall, b"function" | b"custom") => Self::Function,
            (Self::Message, b"audio") => Self::Audio,
            (Self::Message, b"images")
            | (Self::Audio, b"data")
            | (Self::Item, b"result")
            | (Self::TurnPart, b"inlineData" | b"inline_data") => Self::Media,
            (Self::Candidate, b"content") => Self::Turn,
            (Self::Turn, b"parts") => Self::TurnParts,
            (Self::TurnPart, b"functionCall" | b"executableCode") => Self::Call,
            (Self::Call, b"args") | (Self::Block, b"input") => Self::Json,
            (Self::Item | Self::Function | Self::Block | Self::Call, b"name") => Self::Name,
            (Self::Item, b"content" | b"summary" | b"arguments" | b"input" | b"code")
            | (Self::Part, b"text" | b"refusal")
            | (Self::Function, b"arguments" | b"input")
            | (Self::Block, b"text" | b"thinking")
            | (Self::Delta, b"text" | b"thinking" | b"partial_json")
            | (Self::Call, b"code")
            | (Self::Choice | Self::TurnPart, b"text")
            | (Self::Audio, b"transcript")
            | (Self::Message, b"content" | b"refusal") => Self::Content,
            _ => Self::Other,
        }
    }

    pub(super) fn element(self) -> Self {
        match self {
            Self::Choices => Self::Choice,
            Self::Content | Self::Thoughts => Self::Part,
            Self::ToolCalls => Self::ToolCall,
            Self::Blocks => Self::Block,
            Self::Candidates => Self::Candidate,
            Self::TurnParts => Self::TurnPart,
            Self::Items => Self::Item,
            _ => Self::Other,
        }
    }

    /// Text, reasoning, and the names and arguments of tool calls are voices of their own.
    pub(super) fn voice(self, voice: Voice) -> Voice {
        match self {
            Self::Thoughts => voice | 1,
            Self::ToolCalls | Self::Function | Self::Json => voice | 2,
            Self::Name => voice | 4,
            _ => voice,
        }
    }
}

/// Room for the places of a list's elements in a voice; its lowest bits tell [`Shape::voice`]s apart.
pub(super) const LIST_BITS: u32 = 10;

/// Says all words of a JSON value that has this shape, as far as it can be read: it may end in the middle.
pub(super) fn speak(shape: Shape, json: &[u8], voice: Voice, spoken: &mut Spoken) {
    if !plain::speak(shape, json, voice, spoken) {
        walk(shape, json, voice, spoken);
    }
}

/// Says all words of any JSON value.
pub(super) fn walk(shape: Shape, json: &[u8], voice: Voice, spoken: &mut Spoken) {
    let mut reader = serde_json::Deserializer::from_slice(json);
    if (Walk { shape, voice, spoken: &mut *spoken }).deserialize(&mut reader).is_err() {
        spoken.miss();
    }
}

/// Says the words of a whole unstreamed answer.
pub(super) fn speak_answer(surface: Surface, answer: &Members<'_>, spoken: &mut Spoken) {
    let (name, shape) = place(surface);
    if let Some(raw) = answer.get(name) {
        spoken.event(|spoken| speak(shape, raw.get().as_bytes(), 0, spoken));
    }
}

/// Says the words of an answer of which only the beginning came.
pub(super) fn speak_beginning(surface: Surface, mut json: Vec<u8>, spoken: &mut Spoken) {
    let (name, shape) = place(surface);
    close_all(&mut json);
    let name = format!("\"{name}\"");
    let Some(at) = memchr::memmem::find(&json, name.as_bytes()) else { return };
    if let Some(value) = json[at + name.len()..].trim_ascii_start().strip_prefix(b":") {
        spoken.event(|spoken| speak(shape, value, 0, spoken));
    }
}

/// Where an unstreamed answer keeps its words.
fn place(surface: Surface) -> (&'static str, Shape) {
    match surface {
        Surface::ChatCompletions | Surface::Completions => ("choices", Shape::Choices),
        Surface::Responses | Surface::StoredResponse => ("output", Shape::Items),
        Surface::Messages => ("content", Shape::Blocks),
        Surface::GenerateContent | Surface::StreamGenerateContent => ("candidates", Shape::Candidates),
        Surface::Audio => ("text", Shape::Content),
        _ => ("", Shape::Other),
    }
}

/// A copy of JSON that may have been cut in a string: with that string's end.
pub(super) fn closed(json: &[u8]) -> Vec<u8> {
    let mut json = json.to_vec();
    close_string(&mut json);
    json
}

/// Ends the string that JSON was cut in, so that its words can be read.
fn close_string(json: &mut Vec<u8>) {
    let (mut is_inside, mut at) = (false, 0);
    while at < json.len() {
        let step = match json[at] {
            b'\\' if is_inside && json.get(at + 1) == Some(&b'u') => 6,
            b'\\' if is_inside => 2,
            b'"' => {
                is_inside = !is_inside;
                1
            }
            _ => 1,
        };
        if at + step > json.len() {
            json.truncate(at);
        }
        at += step;
    }
    if is_inside {
        json.push(b'"');
    }
}

/// A copy of JSON that was cut anywhere, with everything closed that was open: only for its words, since a number that
/// was cut is another number now.
pub(super) fn completed(json: &[u8]) -> Vec<u8> {
    let mut json = json.to_vec();
    close_all(&mut json);
    json
}

/// Ends the string, the value and the lists and objects that JSON was cut in.
fn close_all(json: &mut Vec<u8>) {
    close_string(json);
    let (open, ends_in_key) = openings(json);
    json.truncate(json.trim_ascii_end().len());
    match json.last() {
        Some(b',') => json.truncate(json.len() - 1),
        Some(b':') => json.extend_from_slice(b"null"),
        Some(b'"') if ends_in_key => json.extend_from_slice(b":null"),
        Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') => close_scalar(json),
        _ => {}
    }
    json.extend(open.iter().rev());
}

/// What closes the lists and objects that are open at the end, and whether the last string there names a member. The
/// JSON's strings are all closed.
fn openings(json: &[u8]) -> (Vec<u8>, bool) {
    let (mut open, mut is_inside, mut is_escaped, mut wants_key) = (Vec::new(), false, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_inside => is_escaped = true,
            b'"' => is_inside = !is_inside,
            _ if is_inside => {}
            b'{' => {
                open.push(b'}');
                wants_key = true;
            }
            b'[' => open.push(b']'),
            b'}' | b']' => drop(open.pop()),
            b',' => wants_key = open.last() == Some(&b'}'),
            b':' => wants_key = false,
            _ => {}
        }
    }
    let ends_in_key = wants_key && open.last() == Some(&b'}');
    (open, ends_in_key)
}

/// Completes the number or word at the end.
fn close_scalar(json: &mut Vec<u8>) {
    let is_of_it = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    let length = json.iter().rev().take_while(is_of_it).count();
    let start = json.len() - length;
    let words: [&[u8]; 3] = [b"true", b"false", b"null"];
    if let Some(word) = words.into_iter().find(|word| word.starts_with(&json[start..])) {
        json.extend_from_slice(&word[length..]);
    } else if !json.last().is_some_and(u8::is_ascii_digit) {
        json.push(b'0');
    }
}

struct Walk<'s> {
    shape: Shape,
    voice: Voice,
    spoken: &'s mut Spoken,
}

impl Walk<'_> {
    fn below(&mut self, shape: Shape) -> Walk<'_> {
        Walk { shape, voice: shape.voice(self.voice), spoken: &mut *self.spoken }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.shape {
            Shape::Other => deserializer.deserialize_ignored_any(IgnoredAny).map(drop),
            Shape::Json => {
                let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
                if raw.get() != "{}" {
                    self.spoken.say(self.voice, raw.get().as_bytes());
                }
                Ok(())
            }
            _ => deserializer.deserialize_option(self),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of an answer")
    }
    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.shape {
            // Bytes, because words may hold halves of surrogate pairs; a list comes out of this as well.
            Shape::Content | Shape::Thoughts | Shape::Name => deserializer.deserialize_bytes(self),
            Shape::Media => {
                self.spoken.show();
                deserializer.deserialize_ignored_any(IgnoredAny).map(drop)
            }
            _ => deserializer.deserialize_any(self),
        }
    }
    fn visit_bytes<E>(self, words: &[u8]) -> Result<(), E> {
        self.spoken.say(self.voice, words);
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let shape = self.shape.element();
        let mut below = self.below(shape);
        // A list's elements do not continue each other.
        below.voice <<= LIST_BITS;
        while seq.next_element_seed(below.below(shape))?.is_some() {
            below.voice = below.voice.wrapping_add(8);
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut has_thought = false;
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            match self.shape.member(key.as_bytes()) {
                Shape::Index => {
                    let index: u64 = map.next_value()?;
                    self.voice = index << LIST_BITS;
                }
                Shape::Thoughts if has_thought => drop(map.next_value::<IgnoredAny>()?),
                shape => {
                    let before = self.spoken.bytes();
                    map.next_value_seed(self.below(shape))?;
                    has_thought |= shape == Shape::Thoughts && self.spoken.bytes() > before;
                }
            }
        }
        Ok(())
    }
}
