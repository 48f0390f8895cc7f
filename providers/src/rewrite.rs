//! The edits made to a request's body, without re-serialising anything: the upstream model, the option that asks for
//! usage, the bound on what is generated.
//!
//! Lives here: the places that reading found, and the splicing. Deliberately not here: finding them (`head`), what a
//! bound is called where (`cap`).

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use crate::{
    Head, Surface,
    cap::{self, Cap},
    json::Members,
};

/// Where the edits go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edits {
    /// Values that name the model, each with how it is spelled there.
    pub(crate) models: Vec<(Range<usize>, Spelling)>,
    /// Where a missing model goes: the place, and the text before and after its name.
    pub(crate) missing_model: Option<(usize, String, String)>,
    /// How to ask for usage, when that can be asked at all.
    pub(crate) usage: Vec<(Range<usize>, &'static str)>,
    /// What the body is to; `None` where it is not JSON.
    pub(crate) surface: Option<Surface>,
}

/// How a model's name stands in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// A JSON string.
    Json,
    /// A JSON string with Gemini's `models/` prefix.
    GeminiJson,
    /// The bare text of a multipart field.
    Text,
}

impl Head {
    /// The body with the upstream model in place of the caller's, with usage asked for when `inject_usage`, and with
    /// what is generated bounded by `cap`: a caller's smaller bound stays, a bound that the kind understands is added
    /// where there is none. Every other byte stays; without a change the same `Bytes` come back.
    #[must_use]
    pub fn rewrite(&self, body: &Bytes, upstream_model: Option<&str>, inject_usage: bool, cap: Option<Cap>) -> Bytes {
        let mut splices: Vec<(Range<usize>, String)> = Vec::new();
        if let Some(model) = upstream_model {
            splices.extend(self.model_splices(body, model));
        }
        if let Some(cap) = cap {
            let model = upstream_model.or(self.model.as_deref());
            splices.extend(
                self.with_body(body, upstream_model.is_some(), |place| cap::splices(place, cap, model))
                    .unwrap_or_default(),
            );
        }
        if inject_usage && self.streamed && !self.asked_usage {
            splices.extend(self.edits.usage.iter().map(|(range, text)| (range.clone(), (*text).to_owned())));
        }
        spliced(body, splices)
    }

    /// The least bound on generated tokens with which this body is still one that its backend takes: a cap below it
    /// would only buy an error.
    #[must_use]
    pub fn least_cap(&self, body: &[u8]) -> u64 {
        // Most bodies need not be read again for it.
        let thinks = self.edits.surface == Some(Surface::Messages) && memmem::find(body, b"budget_tokens").is_some();
        match self.edits.surface {
            Some(surface) if !thinks => cap::least(surface, &Members(Vec::new())),
            _ => self.with_body(body, false, |place| cap::least(place.surface, place.members)).unwrap_or(1),
        }
    }

    /// Bounds are set on few requests: their places are looked up when they are needed.
    fn with_body<T>(&self, body: &[u8], named: bool, work: impl FnOnce(&cap::Place<'_, '_>) -> T) -> Option<T> {
        let surface = self.edits.surface?;
        let text = std::str::from_utf8(body).ok()?;
        let members: Members<'_> = serde_json::from_str(text).ok()?;
        let first = text.find('{')? + 1;
        let model_first = named && self.edits.models.is_empty() && self.edits.missing_model.is_some();
        Some(work(&cap::Place { surface, text, members: &members, first, model_first }))
    }

    fn model_splices(&self, body: &[u8], model: &str) -> Vec<(Range<usize>, String)> {
        if let (true, Some((at, before, after))) = (self.edits.models.is_empty(), &self.edits.missing_model) {
            let spelling = if after == "\r\n" { Spelling::Text } else { Spelling::Json };
            return vec![(*at..*at, format!("{before}{}{after}", spelling.spell(model)))];
        }
        let replaced = self.edits.models.iter().map(|(range, spelling)| (range.clone(), spelling.spell(model)));
        replaced.filter(|(range, text)| body.get(range.clone()) != Some(text.as_bytes())).collect()
    }
}

impl Spelling {
    fn spell(self, model: &str) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Json => quoted(model),
            Self::GeminiJson => quoted(&format!("models/{}", model.strip_prefix("models/").unwrap_or(model))),
            Self::Text => model.replace(['\r', '\n'], ""),
        }
    }
}

/// `body` with the splices made; they never overlap.
fn spliced(body: &Bytes, mut splices: Vec<(Range<usize>, String)>) -> Bytes {
    if splices.is_empty() {
        return body.clone();
    }
    splices.sort_by_key(|(range, _)| range.start);
    let added: usize = splices.iter().map(|(_, text)| text.len()).sum();
    let mut out = BytesMut::with_capacity(body.len() + added);
    let mut from = 0;
    for (range, text) in splices {
        out.extend_from_slice(&body[from..range.start]);
        out.extend_from_slice(text.as_bytes());
        from = range.end;
    }
    out.extend_from_slice(&body[from..]);
    out.freeze()
}
