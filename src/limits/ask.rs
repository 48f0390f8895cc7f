//! What a request may use and what it did use: the numbers that come from above. Counting tokens is `tokens`, prices
//! are `pricing`; here they are parameters.

use super::rule::Scope;

/// Output tokens assumed where neither caller nor model bounds them and the limit has to. Large enough for any usual
/// answer, small enough that servers with short contexts still take it as a cap.
pub const UNKNOWN_MAX_OUTPUT: u64 = 16_384;

/// Likely output tokens of a request of which nothing has been learned yet.
pub const PRIOR_OUTPUT: u64 = 1_024;

/// One request's wish to be let through.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The counters it counts on, all together.
    pub scopes: &'a [Scope],
    /// What goes in.
    pub prompt: Prompt,
    /// What may come out.
    pub output: Output,
    /// Body bytes of the request.
    pub bytes_in: u64,
    /// What tokens cost at worst; `None`: the model has no price.
    pub rates: Option<Rates>,
    /// Whether the caller wants an event stream: only a stream's reservation can grow with it.
    pub streamed: bool,
}

/// How many tokens go in, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The best figure there is.
    pub tokens: u64,
    /// What it cannot exceed, at least `tokens`.
    pub upper: u64,
    /// Asking again would not give better figures. If not, a request near a limit is answered
    /// [`NeedsExactInput`](super::RefusalKind::NeedsExactInput).
    pub is_final: bool,
}

impl Prompt {
    /// Counted.
    #[must_use]
    pub const fn exact(tokens: u64) -> Self {
        Self { tokens, upper: tokens, is_final: true }
    }

    /// Guessed cheaply; `upper` is what it cannot exceed, such as the bytes of its text.
    #[must_use]
    pub const fn estimate(tokens: u64, upper: u64) -> Self {
        Self { tokens, upper, is_final: false }
    }

    /// The best that can be known where the exact count cannot.
    #[must_use]
    pub const fn bounded(tokens: u64, upper: u64) -> Self {
        Self { tokens, upper, is_final: true }
    }

    /// The bound, never below the figure.
    pub(super) fn bound(self) -> u64 {
        self.upper.max(self.tokens)
    }
}

/// How many tokens may come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// The caller's `max_tokens` or its like, per answer. Embeddings and the like: 0.
    pub caller_cap: Option<u64>,
    /// Answers asked for (`n`), at least 1.
    pub choices: u64,
    /// The model's maximum output per answer, if known.
    pub model_max: Option<u64>,
    /// What requests like this one used at the 90th percentile, all answers together, if learned.
    pub likely: Option<u64>,
    /// The least cap that the provider takes: a request that can only be sent with less is refused.
    pub least_cap: u64,
    /// The model reasons: a burst of hidden tokens cannot be stopped on the way.
    pub is_reasoning: bool,
    /// Input and output can be bounded at all. Not with a server-side history, media without a table, or hidden
    /// reasoning that no cap covers.
    pub is_boundable: bool,
}

impl Output {
    /// Answers, at least 1.
    pub(super) fn answers(&self) -> u64 {
        self.choices.max(1)
    }

    /// Whether somebody said how long an answer may get.
    pub(super) const fn is_capped(&self) -> bool {
        self.caller_cap.is_some() || self.model_max.is_some()
    }

    /// The worst case of one answer.
    pub(super) fn worst_answer(&self) -> u64 {
        self.caller_cap.or(self.model_max).unwrap_or(UNKNOWN_MAX_OUTPUT)
    }

    /// The worst case of all answers.
    pub(super) fn worst(&self) -> u64 {
        self.worst_answer().saturating_mul(self.answers())
    }

    /// What is likely, never more than the worst case.
    pub(super) fn likely(&self) -> u64 {
        self.likely.unwrap_or(PRIOR_OUTPUT).min(self.worst())
    }

    /// The least worth sending for, all answers together.
    pub(super) fn least(&self, min_output: u64) -> u64 {
        min_output.max(self.least_cap).min(self.worst_answer()).saturating_mul(self.answers())
    }
}

impl Default for Output {
    /// One answer of unknown length.
    fn default() -> Self {
        Self {
            caller_cap: None,
            choices: 1,
            model_max: None,
            likely: None,
            least_cap: 1,
            is_reasoning: false,
            is_boundable: true,
        }
    }
}

/// What a request costs at worst, in nano-units (10⁻⁹ of the currency's unit).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Of a million input tokens, in the dearest bucket.
    pub input_per_million: i64,
    /// Of a million output tokens, in the dearest bucket.
    pub output_per_million: i64,
    /// Of the request itself.
    pub request: i64,
}

/// What a request did use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// 1, or 0 when it was never sent.
    pub requests: u64,
    /// Input tokens of all buckets.
    pub input: u64,
    /// Output tokens of all buckets.
    pub output: u64,
    /// Body bytes, both ways.
    pub bytes: u64,
    /// Money, in nano-units; negative counts as 0.
    pub nanos: i64,
}
