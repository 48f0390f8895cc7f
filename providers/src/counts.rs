//! Vendors' own usage figures, as they word them, and their way into disjoint buckets.
//!
//! Kept apart from [`Usage`] because a stream's figures come in instalments that must be merged before they are
//! made disjoint. Deliberately not here: where in an answer the figures stand (`tap`).

use serde_json::value::RawValue;

use crate::{
    Usage,
    json::{Elements, Members, count, lenient, object},
};

/// Figures as one vendor words them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// The prompt, with or without the cache by `cache_apart`.
    input: Option<u64>,
    /// Prompt tokens that come on top of `input` (Gemini's results of its own tools).
    tool_input: Option<u64>,
    cached: Option<u64>,
    cache_write: Option<u64>,
    audio_input: Option<u64>,
    image_input: Option<u64>,
    /// What was generated, with or without reasoning by `reasoning_apart`.
    output: Option<u64>,
    reasoning: Option<u64>,
    audio_output: Option<u64>,
    /// Anthropic: `input` excludes what was read from or written to the cache.
    cache_apart: bool,
    /// Gemini and xAI: `output` excludes reasoning.
    reasoning_apart: bool,
}

impl Counts {
    /// OpenAI's chat, completions, embeddings, Responses, images, transcriptions and what others made of them.
    pub(crate) fn openai(raw: &RawValue) -> Option<Self> {
        let usage = object(Some(raw))?;
        let top = |names: &[&str]| names.iter().find_map(|name| count(usage.get(name)));
        let details = |names: &[&str]| names.iter().find_map(|name| object(usage.get(name)));
        let of = |details: &Option<Members<'_>>, name: &str| count(details.as_ref()?.get(name));
        let prompt = details(&["prompt_tokens_details", "input_tokens_details", "input_token_details"]);
        let made = details(&["completion_tokens_details", "output_tokens_details", "output_token_details"]);
        let total = top(&["total_tokens"]);
        let output = top(&["completion_tokens", "output_tokens"]);
        // Embeddings and rerankers of some vendors name the total alone.
        let input = top(&["prompt_tokens", "input_tokens"]).or_else(|| total?.checked_sub(output.unwrap_or(0)));
        let reasoning = of(&made, "reasoning_tokens");
        Some(Self {
            input,
            tool_input: None,
            // DeepSeek, Mistral and Hugging Face's router have names of their own for the same figure.
            cached: of(&prompt, "cached_tokens")
                .or_else(|| top(&["prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens"])),
            cache_write: of(&prompt, "cache_write_tokens"),
            audio_input: of(&prompt, "audio_tokens"),
            image_input: of(&prompt, "image_tokens"),
            output,
            reasoning,
            audio_output: of(&made, "audio_tokens"),
            cache_apart: false,
            reasoning_apart: reasoning_on_top(input, output, reasoning, total),
        })
    }

    /// Anthropic: `input_tokens` excludes the cache, `output_tokens` includes thinking.
    pub(crate) fn anthropic(raw: &RawValue) -> Option<Self> {
        let usage = object(Some(raw))?;
        let written = || {
            let parts = object(usage.get("cache_creation"))?;
            let known: Vec<u64> = parts.0.iter().filter_map(|(_, value)| count(Some(value))).collect();
            known.into_iter().reduce(u64::saturating_add)
        };
        Some(Self {
            input: count(usage.get("input_tokens")),
            cached: count(usage.get("cache_read_input_tokens")),
            cache_write: count(usage.get("cache_creation_input_tokens")).or_else(written),
            output: count(usage.get("output_tokens")),
            reasoning: object(usage.get("output_tokens_details"))
                .and_then(|details| count(details.get("thinking_tokens"))),
            cache_apart: true,
            ..Self::default()
        })
    }

    /// Gemini: the prompt includes the cache, thoughts and tool results come on top.
    pub(crate) fn gemini(raw: &RawValue) -> Option<Self> {
        let usage = object(Some(raw))?;
        let prompt = Modalities::of(usage.get("promptTokensDetails"));
        let cache = Modalities::of(usage.get("cacheTokensDetails"));
        let made = Modalities::of(usage.get("candidatesTokensDetails"));
        let uncached = |all: Option<u64>, cached: Option<u64>| Some(all?.saturating_sub(cached.unwrap_or(0)));
        Some(Self {
            input: count(usage.get("promptTokenCount")),
            tool_input: count(usage.get("toolUsePromptTokenCount")),
            cached: count(usage.get("cachedContentTokenCount")),
            cache_write: None,
            audio_input: uncached(prompt.audio, cache.audio),
            image_input: uncached(prompt.image, cache.image),
            output: count(usage.get("candidatesTokenCount")),
            reasoning: count(usage.get("thoughtsTokenCount")),
            audio_output: made.audio,
            cache_apart: false,
            reasoning_apart: true,
        })
    }

    /// Rerankers that bill by `billed_units` or `usage` inside `meta` (Cohere, Jina).
    pub(crate) fn billed_units(meta: &RawValue) -> Option<Self> {
        let meta = object(Some(meta))?;
        let units = object(meta.get("tokens")).or_else(|| object(meta.get("billed_units")))?;
        let named = |name| count(units.get(name));
        Some(Self { input: named("input_tokens"), output: named("output_tokens"), ..Self::default() })
    }

    /// Whether any figure was given at all.
    pub(crate) fn is_reported(&self) -> bool {
        self.usage().is_reported()
    }

    /// Takes the larger of each figure: Anthropic's are cumulative, and its last event repeats only some of them.
    pub(crate) fn grow(&mut self, later: &Self) {
        let pairs = [
            (&mut self.input, later.input),
            (&mut self.cached, later.cached),
            (&mut self.cache_write, later.cache_write),
            (&mut self.output, later.output),
            (&mut self.reasoning, later.reasoning),
        ];
        for (mine, theirs) in pairs {
            *mine = (*mine).max(theirs);
        }
        self.cache_apart = later.cache_apart;
    }

    /// The disjoint buckets. A part larger than its whole is left out.
    pub(crate) fn usage(&self) -> Usage {
        let prompt = [self.cached, self.cache_write, self.audio_input, self.image_input];
        let (input, [cached_input, cache_write, audio_input, image_input]) =
            if self.cache_apart { (self.input, prompt) } else { disjoint(self.input, prompt) };
        let (output, [reasoning, audio_output]) = if self.reasoning_apart {
            let (output, [audio]) = disjoint(self.output, [self.audio_output]);
            (output, [self.reasoning, audio])
        } else {
            disjoint(self.output, [self.reasoning, self.audio_output])
        };
        let input = match (input, self.tool_input) {
            (None, None) => None,
            (input, tools) => Some(input.unwrap_or(0).saturating_add(tools.unwrap_or(0))),
        };
        Usage { input, cached_input, cache_write, audio_input, image_input, output, reasoning, audio_output }
    }
}

/// xAI reports reasoning beside the completion: only the total tells.
fn reasoning_on_top(input: Option<u64>, output: Option<u64>, reasoning: Option<u64>, total: Option<u64>) -> bool {
    let sum = || input?.checked_add(output?)?.checked_add(reasoning.filter(|count| *count > 0)?);
    sum().is_some_and(|sum| Some(sum) == total)
}

/// What is left of `whole` without its parts, and the parts: one larger than the whole is junk and left out, and
/// parts that overlap (cached audio) are cut so that the sum stays the whole.
fn disjoint<const N: usize>(whole: Option<u64>, parts: [Option<u64>; N]) -> (Option<u64>, [Option<u64>; N]) {
    let Some(whole) = whole else { return (None, [None; N]) };
    let mut left = whole;
    let parts = parts.map(|part| {
        let part = part.filter(|part| *part <= whole)?.min(left);
        left -= part;
        Some(part)
    });
    (Some(left), parts)
}

/// Gemini's lists of counts by modality.
#[derive(Default)]
struct Modalities {
    audio: Option<u64>,
    /// Images and the frames of videos.
    image: Option<u64>,
}

impl Modalities {
    fn of(list: Option<&RawValue>) -> Self {
        let mut found = Self::default();
        let Some(Elements(elements)) = lenient(list) else { return found };
        for element in elements.into_iter().filter_map(|raw| object(Some(raw))) {
            let modality: Option<String> = lenient(element.get("modality"));
            let tokens = count(element.get("tokenCount"));
            let bucket = match modality.as_deref() {
                Some("AUDIO") => &mut found.audio,
                Some("IMAGE" | "VIDEO") => &mut found.image,
                _ => continue,
            };
            *bucket = bucket.map_or(tokens, |sum| Some(sum.saturating_add(tokens.unwrap_or(0))));
        }
        found
    }
}
