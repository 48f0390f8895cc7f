//! Why a request is not let through, and whether waiting helps. How it is answered is `gateway::respond`.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    rule::{Counted, Rule},
    standing::Standing,
};
use crate::model::money::decimal;

/// Why a request is not let through, in the order in which a request with several of them is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalKind {
    /// Not a refusal: so near a limit the prompt has to be counted. Ask again with a final [`Prompt`](super::Prompt).
    NeedsExactInput,
    /// Too many are open at the same time.
    Concurrency,
    /// Open reservations hold what is left; some of it will come back. Retryable.
    Held,
    /// This replica holds no lease that covers it; the authority has more, or is away. Retryable.
    Unleased,
    /// Requests, bytes or money come too fast.
    Rate {
        /// After which there is room for this request.
        wait: Duration,
    },
    /// Tokens come too fast.
    TokenRate {
        /// After which there is room for this request.
        wait: Duration,
    },
    /// Settled use exhausts the quota.
    Quota {
        /// Until the next window.
        resets_in: Duration,
    },
    /// Settled use exhausts the budget.
    Budget {
        /// Until the next window.
        resets_in: Duration,
    },
    /// The limit is strict and the cost has no bound.
    NotBoundable,
    /// Larger than the whole limit: no waiting helps.
    TooLarge,
}

impl RefusalKind {
    /// The word in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Held => "held",
            Self::Unleased => "unleased",
            Self::Rate { .. } => "rate",
            Self::TokenRate { .. } => "token_rate",
            Self::Quota { .. } => "quota",
            Self::Budget { .. } => "budget",
            Self::NotBoundable => "not_boundable",
            Self::TooLarge => "too_large",
            Self::NeedsExactInput => "needs_exact_input",
        }
    }
}

/// A request is not let through.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Why.
    pub kind: RefusalKind,
    /// By which rule.
    pub rule: Arc<Rule>,
    /// On which counter.
    pub account: Arc<str>,
    /// The rule's limit, raises included.
    pub limit: i64,
    /// Settled use, debts of earlier windows included.
    pub used: i64,
    /// What open requests hold.
    pub reserved: i64,
    /// What this one needs at least.
    pub needed: i64,
    /// Where the caller stands, for the headers.
    pub standing: Standing,
}

impl Refusal {
    /// After which trying again can help, if the refusal says so. Held quota: one second.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            RefusalKind::Rate { wait } | RefusalKind::TokenRate { wait } => Some(wait),
            RefusalKind::Concurrency | RefusalKind::Held | RefusalKind::Unleased => Some(Duration::from_secs(1)),
            RefusalKind::Quota { resets_in } | RefusalKind::Budget { resets_in } => Some(resets_in),
            RefusalKind::NotBoundable | RefusalKind::TooLarge | RefusalKind::NeedsExactInput => None,
        }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    /// A sentence for the caller: what, how much of how much, what helps. Names no key and no other caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = noun(self.rule.counted);
        let (limit, needed) = (self.amount(self.limit), self.amount(self.needed));
        match self.kind {
            RefusalKind::Concurrency => write!(f, "Too many requests are open: the limit is {limit} at the same time."),
            RefusalKind::Held => write!(
                f,
                "What is left of the {noun} quota of {limit} is held by requests that are still open; this one needs {needed}. Try again in a moment."
            ),
            RefusalKind::Unleased => {
                f.write_str("The quota cannot be checked at the moment. Nothing was sent; try again shortly.")
            }
            RefusalKind::Rate { wait } => {
                write!(f, "Rate limit of {limit} {noun} is exceeded. Try again in {} seconds.", seconds(wait))
            }
            RefusalKind::TokenRate { wait } => {
                write!(f, "Token limit of {limit} {noun} is exceeded. Try again in {} seconds.", seconds(wait))
            }
            RefusalKind::Quota { resets_in } => write!(
                f,
                "The quota of {limit} {noun} is exceeded ({} used, this request needs {needed}). Quota will be replenished in {}.",
                self.amount(self.used),
                clock_face(resets_in)
            ),
            RefusalKind::Budget { resets_in } => write!(
                f,
                "The budget of {limit} is exceeded ({} spent, this request needs {needed}). Budget will be replenished in {}.",
                self.amount(self.used),
                clock_face(resets_in)
            ),
            RefusalKind::NotBoundable if self.rule.counted == Counted::Nanos => write!(
                f,
                "What this request may cost cannot be bounded, which the budget of {limit} {noun} asks for: the model has no price, or nothing bounds the answer. Set max_tokens, or have the operator set a price for the model."
            ),
            RefusalKind::NotBoundable => write!(
                f,
                "The limit of {limit} {noun} is strict, and what this request may use cannot be bounded. Set max_tokens, and send the conversation itself instead of a reference to it."
            ),
            RefusalKind::TooLarge => write!(
                f,
                "This request needs {needed} {noun} at least; the whole limit is {limit}. Shorten it, or ask for a larger limit."
            ),
            RefusalKind::NeedsExactInput => f.write_str("The prompt has to be counted exactly."),
        }
    }
}

impl Refusal {
    /// Money in its unit, everything else as a plain number.
    fn amount(&self, value: i64) -> String {
        if self.rule.counted != Counted::Nanos {
            return value.to_string();
        }
        decimal(value)
    }
}

const fn noun(counted: Counted) -> &'static str {
    match counted {
        Counted::Requests => "requests",
        Counted::Tokens => "tokens",
        Counted::InputTokens => "input tokens",
        Counted::OutputTokens => "output tokens",
        Counted::Bytes => "bytes",
        Counted::Nanos => "money",
        Counted::Concurrency => "open requests",
    }
}

/// Whole seconds, rounded up, at least one.
fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000).max(1).try_into().unwrap_or(u64::MAX)
}

/// `hh:mm:ss`, hours as many as there are.
fn clock_face(wait: Duration) -> String {
    let seconds = seconds(wait);
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
