//! The bound on generated tokens: where each surface keeps it, reading it, and lowering it in place.
//!
//! Lives here: the members' names by surface and by what a backend's kind understands. Deliberately not here: how
//! large a bound should be (the limits' business), models' own maxima (`models`).

use std::ops::Range;

use serde_json::value::RawValue;

use crate::{
    Kind, Surface,
    json::{Members, lenient, object, span},
    models,
};

/// A bound to be set on an attempt's generated tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Most tokens, for each answer of `n`; a caller's smaller bound stays.
    pub tokens: u64,
    /// Who is asked: not every kind understands every member.
    pub kind: Kind,
}

/// Names of the bound in the chat surface, the younger first.
const CHAT: [&str; 2] = ["max_completion_tokens", "max_tokens"];
/// The two spellings of Gemini's object, and of the bound in it: its JSON reader takes both.
const GEMINI: [&str; 2] = ["generationConfig", "generation_config"];
const GEMINI_BOUND: [&str; 2] = ["maxOutputTokens", "max_output_tokens"];
/// Least thinking budget that Anthropic takes (its documentation of extended thinking).
const LEAST_BUDGET: u64 = 1024;
/// Least `max_output_tokens` that the Responses API takes (its reference).
const LEAST_RESPONSE: u64 = 16;

/// A body's members and where they stand.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a, 'm> {
    pub surface: Surface,
    pub text: &'a str,
    pub members: &'m Members<'a>,
    /// Just behind the opening brace.
    pub first: usize,
    /// Whether a missing model is written there, before what is added here.
    pub model_first: bool,
}

type Splice = (Range<usize>, String);

/// Names of the members that bound what is generated, where they stand at the body's top.
fn names(surface: Surface) -> &'static [&'static str] {
    match surface {
        Surface::ChatCompletions => &CHAT,
        Surface::Completions | Surface::Messages => &["max_tokens"],
        Surface::Responses => &["max_output_tokens"],
        _ => &[],
    }
}

fn is_gemini(surface: Surface) -> bool {
    matches!(surface, Surface::GenerateContent | Surface::StreamGenerateContent)
}

/// What a value bounds. 0 and -1 are "without bound" to some servers (Ollama, llama.cpp), and what is no whole
/// number binds nobody.
fn bound(raw: &RawValue) -> Option<u64> {
    raw.get().parse().ok().filter(|tokens| *tokens > 0)
}

fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

/// The caller's bound, for each answer: the largest of those given, as nobody says which one a backend obeys. One
/// that binds nobody leaves the answer unbounded.
pub(crate) fn given(surface: Surface, members: &Members<'_>) -> Option<u64> {
    let values = bounds(surface, members);
    let bounds: Vec<Option<u64>> = values.iter().filter(|(_, raw)| !is_null(raw)).map(|(_, raw)| bound(raw)).collect();
    bounds.into_iter().collect::<Option<Vec<u64>>>()?.into_iter().max()
}

/// Every member that bounds the answer, with its name.
fn bounds<'a>(surface: Surface, members: &Members<'a>) -> Vec<(&'static str, &'a RawValue)> {
    if is_gemini(surface) {
        let configs = named(members, &GEMINI).into_iter().filter_map(|(_, raw)| object(Some(raw)));
        return configs.flat_map(|config| named(&config, &GEMINI_BOUND)).collect();
    }
    named(members, names(surface))
}

fn named<'a>(members: &Members<'a>, names: &[&'static str]) -> Vec<(&'static str, &'a RawValue)> {
    let known = |key: &str| names.iter().find(|name| **name == key).copied();
    members.0.iter().filter_map(|(key, raw)| Some((known(key)?, *raw))).collect()
}

/// The least bound with which the body is still one that its backend takes.
pub(crate) fn least(surface: Surface, members: &Members<'_>) -> u64 {
    match surface {
        Surface::Responses => LEAST_RESPONSE,
        Surface::Messages if budget(members).is_some() => LEAST_BUDGET + 1,
        _ => 1,
    }
}

/// Anthropic's `thinking.budget_tokens`, which must stay below `max_tokens`.
fn budget<'a>(members: &Members<'a>) -> Option<&'a RawValue> {
    object(members.get("thinking"))?.get("budget_tokens")
}

/// The edits that make `cap` hold: a caller's larger bound is lowered, a smaller one stays, a missing one is added
/// under the name that the kind and model understand.
pub(crate) fn splices(place: &Place<'_, '_>, cap: Cap, model: Option<&str>) -> Vec<Splice> {
    let Place { surface, text, members, .. } = *place;
    if names(surface).is_empty() && !is_gemini(surface) {
        return Vec::new();
    }
    let given = bounds(surface, members);
    let lowered = |(_, raw): &(&str, &RawValue)| Some((span(text, raw.get()), lowered(raw, cap.tokens)?.to_string()));
    let mut splices: Vec<Splice> = given.iter().filter_map(lowered).collect();
    let heard = |(name, raw): &(&str, &RawValue)| !is_null(raw) && understands(cap.kind, surface, name);
    if !given.iter().any(heard) {
        let smallest = given.iter().filter_map(|(_, raw)| bound(raw)).min().unwrap_or(cap.tokens);
        splices.extend(place.added(smallest.min(cap.tokens), cap.kind, model));
    }
    splices.extend(place.smaller_budget(cap.tokens));
    splices
}

/// What a bound must be instead, when it exceeds the cap. 0 becomes 1, the nearest that is a bound everywhere.
fn lowered(raw: &RawValue, cap: u64) -> Option<u64> {
    match raw.get() {
        "null" => None,
        "0" => Some(1),
        _ => bound(raw).is_none_or(|tokens| tokens > cap).then_some(cap),
    }
}

/// Ollama reads `max_tokens` alone (its own page on OpenAI compatibility).
fn understands(kind: Kind, surface: Surface, name: &str) -> bool {
    !(kind == Kind::Ollama && surface == Surface::ChatCompletions && name == CHAT[0])
}

/// The name under which a missing bound is added to a chat. OpenAI deprecated `max_tokens`, and its reasoning models
/// refuse it; others, and older API versions of Azure, may know nothing else.
fn chat_name(kind: Kind, model: Option<&str>) -> &'static str {
    let reasons = || model.and_then(models::known).is_some_and(|known| known.reasons && known.is_openai());
    match kind {
        Kind::OpenAi => CHAT[0],
        Kind::AzureOpenAi | Kind::OpenAiCompatible if reasons() => CHAT[0],
        _ => CHAT[1],
    }
}

impl Place<'_, '_> {
    fn added(&self, tokens: u64, kind: Kind, model: Option<&str>) -> Option<Splice> {
        if is_gemini(self.surface) {
            return self.added_to_config(tokens);
        }
        let name = match self.surface {
            Surface::ChatCompletions => chat_name(kind, model),
            surface => names(surface)[0],
        };
        // A null of that name gives its place: twice the same name would leave the choice to the reader.
        if let Some(raw) = self.members.get(name) {
            return Some((span(self.text, raw.get()), tokens.to_string()));
        }
        Some(self.first_member(&format!(r#""{name}":{tokens}"#)))
    }

    fn added_to_config(&self, tokens: u64) -> Option<Splice> {
        let member = format!(r#""{}":{tokens}"#, GEMINI_BOUND[0]);
        let Some((_, config)) = named(self.members, &GEMINI).into_iter().next() else {
            return Some(self.first_member(&format!(r#""{}":{{{member}}}"#, GEMINI[0])));
        };
        let whole = span(self.text, config.get());
        if is_null(config) {
            return Some((whole, format!("{{{member}}}")));
        }
        let inside = object(Some(config))?;
        if let Some((_, null)) = named(&inside, &GEMINI_BOUND).into_iter().next() {
            return Some((span(self.text, null.get()), tokens.to_string()));
        }
        let comma = if inside.0.is_empty() { "" } else { "," };
        Some((whole.start + 1..whole.start + 1, format!("{member}{comma}")))
    }

    fn first_member(&self, member: &str) -> Splice {
        let text = match (self.members.0.is_empty(), self.model_first) {
            (true, true) => format!(",{member}"),
            (true, false) => member.to_owned(),
            (false, _) => format!("{member},"),
        };
        (self.first..self.first, text)
    }

    /// A budget that the lowered bound leaves no room for shrinks with it, as far as Anthropic takes it.
    fn smaller_budget(&self, cap: u64) -> Option<Splice> {
        let raw = budget(self.members).filter(|_| self.surface == Surface::Messages && cap > LEAST_BUDGET)?;
        let given: u64 = lenient(Some(raw))?;
        (given >= cap).then(|| (span(self.text, raw.get()), (cap - 1).to_string()))
    }
}
