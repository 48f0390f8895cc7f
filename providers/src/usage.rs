//! What an exchange consumed, in disjoint buckets.
//!
//! Deliberately not here: how each vendor words its figures (`counts`), prices, estimates.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::counts::Counts;

/// Tokens consumed by one exchange. The buckets are disjoint: their sum is what quotas charge.
///
/// `None` means the provider said nothing of that bucket, `Some(0)` means it said zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens that were neither read from nor written to a cache, and are neither audio nor image.
    pub input: Option<u64>,
    /// Prompt tokens read from the provider's prompt cache.
    pub cached_input: Option<u64>,
    /// Prompt tokens written to the provider's prompt cache.
    pub cache_write: Option<u64>,
    /// Audio tokens of the prompt.
    pub audio_input: Option<u64>,
    /// Image and video tokens of the prompt.
    pub image_input: Option<u64>,
    /// Generated tokens without reasoning and audio.
    pub output: Option<u64>,
    /// Reasoning (thinking) tokens.
    pub reasoning: Option<u64>,
    /// Generated audio tokens.
    pub audio_output: Option<u64>,
}

/// How sure a usage figure is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Nothing was reported.
    #[default]
    Unknown,
    /// A reported part of an answer that did not finish: the truth is this or more.
    LowerBound,
    /// Counted by us.
    Estimated,
    /// Reported by the provider for a complete answer.
    Exact,
}

impl Usage {
    /// From a `usage` object of OpenAI and everything compatible. Junk figures are left out, one by one.
    #[must_use]
    pub fn from_openai(usage: &RawValue) -> Self {
        Counts::openai(usage).map(|counts| counts.usage()).unwrap_or_default()
    }

    /// From a `usage` object of Anthropic.
    #[must_use]
    pub fn from_anthropic(usage: &RawValue) -> Self {
        Counts::anthropic(usage).map(|counts| counts.usage()).unwrap_or_default()
    }

    /// From a `usageMetadata` object of Gemini.
    #[must_use]
    pub fn from_gemini(usage: &RawValue) -> Self {
        Counts::gemini(usage).map(|counts| counts.usage()).unwrap_or_default()
    }

    /// Whether the provider reported anything at all.
    #[must_use]
    pub fn is_reported(&self) -> bool {
        *self != Self::default()
    }

    /// Sum of all buckets, saturating.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input_total().saturating_add(self.output_total())
    }

    /// Sum of the prompt's buckets, saturating.
    #[must_use]
    pub fn input_total(&self) -> u64 {
        sum([self.input, self.cached_input, self.cache_write, self.audio_input, self.image_input])
    }

    /// Sum of the generated buckets, saturating.
    #[must_use]
    pub fn output_total(&self) -> u64 {
        sum([self.output, self.reasoning, self.audio_output])
    }
}

fn sum<const N: usize>(buckets: [Option<u64>; N]) -> u64 {
    buckets.into_iter().flatten().fold(0, u64::saturating_add)
}
