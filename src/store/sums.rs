//! What usage is summed up to: counters with names, and the distributions of latency and time to first token.
//!
//! One table of names serves rollups, reports, their JSON and their columns. Sums saturate: a backend that reports
//! absurd figures cannot break a report, let alone the ledger.

use std::ops::RangeInclusive;

use tollgate_providers::{Certainty, Usage};

use crate::{
    exchange::{Outcome, UsageRow},
    model::{Histogram, varint},
};

macro_rules! sums {
    ($($(#[$doc:meta])* $name:ident $word:literal),* $(,)?) => {
        /// A counter of usage. The order is part of the stored format: new ones go to the end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Sum {
            $($(#[$doc])* $name,)*
        }

        impl Sum {
            /// All of them.
            pub const ALL: [Self; COUNT] = [$(Self::$name,)*];

            /// The word in reports and their columns.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }

        const COUNT: usize = [$($word,)*].len();
    };
}

sums! {
    /// Requests.
    Calls "calls",
    /// Of these: relayed whole, whatever the status.
    Complete "complete",
    /// Refused here before anything was sent to a backend.
    Refused "refused",
    /// No backend gave a usable answer.
    UpstreamError "upstream_error",
    /// The backend failed inside the answer.
    UpstreamCut "upstream_cut",
    /// The caller went away.
    ClientGone "client_gone",
    /// Ended by the gateway.
    Ended "ended",
    /// Found open after a crash.
    Abandoned "abandoned",
    /// Streams that the gateway ended because a quota was used up.
    LimitReached "limit_reached",
    /// Without a status: the caller was gone before.
    NoStatus "no_status",
    /// Status 100 to 299.
    Success "status_2xx",
    /// Status 300 to 399.
    Redirect "status_3xx",
    /// Status 401 and 403.
    Denied "status_401_403",
    /// Status 429.
    Throttled "status_429",
    /// Any other status 400 to 499.
    ClientError "status_4xx_other",
    /// Status 500 and above.
    ServerError "status_5xx",
    /// Uncached input tokens.
    Input "input_tokens",
    /// Input tokens read from a provider's cache.
    CachedInput "cached_input_tokens",
    /// Input tokens written to a provider's cache.
    CacheWrite "cache_write_tokens",
    /// Audio input tokens.
    AudioInput "audio_input_tokens",
    /// Image and video input tokens.
    ImageInput "image_input_tokens",
    /// Output tokens without reasoning and audio.
    Output "output_tokens",
    /// Reasoning tokens.
    Reasoning "reasoning_tokens",
    /// Audio output tokens.
    AudioOutput "audio_output_tokens",
    /// Cost in 10⁻⁹ of the currency's unit.
    Cost "cost_nanos",
    /// Calls that consumed tokens of a model without a price.
    Unpriced "unpriced_calls",
    /// Tokens saved by caches.
    SavedTokens "saved_tokens",
    /// Cost saved by caches, in 10⁻⁹ of the currency's unit.
    SavedCost "saved_nanos",
    /// Calls answered by a cache.
    CacheHits "cache_hits",
    /// Body bytes from callers.
    BytesIn "bytes_in",
    /// Body bytes to callers.
    BytesOut "bytes_out",
    /// Calls whose usage was counted here.
    Estimated "estimated_calls",
    /// Calls whose usage is at least what is said.
    LowerBound "lower_bound_calls",
    /// Calls answered by an event stream.
    Streamed "streamed_calls",
    /// Tries at backends.
    Attempts "attempts",
    /// Calls that failed: a status of 400 or above, or an answer that this side did not bring to its end.
    Failed "failed_calls",
    /// Sum of durations, nanoseconds.
    Duration "duration_nanos",
    /// Sum of times to the first content byte, nanoseconds.
    Ttft "ttft_nanos",
}

impl Sum {
    /// How calls ended; their sum is [`Self::Calls`].
    pub const OUTCOMES: [Self; 8] = [
        Self::Complete,
        Self::Refused,
        Self::UpstreamError,
        Self::UpstreamCut,
        Self::ClientGone,
        Self::Ended,
        Self::Abandoned,
        Self::LimitReached,
    ];

    /// The classes that calls with these statuses are counted in; 0: without one.
    #[must_use]
    pub fn of_statuses(statuses: &RangeInclusive<u16>) -> Vec<Self> {
        let mut classes: Vec<_> = statuses.clone().map(status_of).collect();
        classes.dedup();
        classes
    }

    /// The disjoint buckets of tokens.
    pub const TOKENS: [Self; 8] = [
        Self::Input,
        Self::CachedInput,
        Self::CacheWrite,
        Self::AudioInput,
        Self::ImageInput,
        Self::Output,
        Self::Reasoning,
        Self::AudioOutput,
    ];
}

/// Sums and distributions of some usage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    sums: Sums,
    /// Durations in nanoseconds.
    pub durations: Histogram,
    /// Times to the first content byte in nanoseconds, of calls that had one.
    pub ttfts: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sums([i64; COUNT]);

impl Default for Sums {
    fn default() -> Self {
        Self([0; COUNT])
    }
}

impl Totals {
    /// The value of a counter.
    #[must_use]
    pub const fn get(&self, sum: Sum) -> i64 {
        self.sums.0[sum as usize]
    }

    /// Sum of all buckets of tokens, saturating.
    #[must_use]
    pub fn tokens(&self) -> i64 {
        Sum::TOKENS.iter().fold(0, |total, bucket| self.get(*bucket).saturating_add(total))
    }

    /// Counts one row: one request, or as many refused ones as it stands for, whose mean time is taken for each.
    pub fn count(&mut self, row: &UsageRow) {
        let settle = &row.settle;
        let repeats = row.repeats();
        let calls = clamped(repeats);
        self.add(Sum::Calls, calls);
        self.add(outcome_of(settle.outcome), calls);
        self.add(status_of(settle.status), calls);
        self.add(Sum::Failed, if has_failed(settle.outcome, settle.status) { calls } else { 0 });
        for (bucket, tokens) in Sum::TOKENS.into_iter().zip(buckets(&settle.usage)) {
            self.add(bucket, tokens.map_or(0, clamped));
        }
        self.count_money(row);
        self.add(Sum::BytesIn, clamped(settle.bytes_in));
        self.add(Sum::BytesOut, clamped(settle.bytes_out));
        self.add(Sum::Estimated, i64::from(settle.certainty == Certainty::Estimated));
        self.add(Sum::LowerBound, i64::from(settle.certainty == Certainty::LowerBound));
        self.add(Sum::Streamed, i64::from(settle.streamed));
        self.add(Sum::Attempts, clamped(settle.attempts.len() as u64));
        self.count_time(settle.duration_nanos, repeats, settle.ttft_nanos.map(clamped));
    }

    fn count_money(&mut self, row: &UsageRow) {
        let settle = &row.settle;
        self.add(Sum::Cost, settle.cost.as_ref().map_or(0, |cost| cost.nanos));
        self.add(Sum::Unpriced, i64::from(settle.cost.is_none() && settle.usage.total() > 0));
        self.add(Sum::SavedTokens, clamped(settle.saved_tokens));
        self.add(Sum::SavedCost, settle.saved_nanos);
        self.add(Sum::CacheHits, i64::from(matches!(settle.cache.as_deref(), Some("hit" | "semantic"))));
    }

    fn count_time(&mut self, duration: u64, repeats: u64, ttft: Option<i64>) {
        self.add(Sum::Duration, clamped(duration));
        self.durations.record_times(clamped(duration).unsigned_abs() / repeats, repeats);
        if let Some(ttft) = ttft {
            self.add(Sum::Ttft, ttft);
            self.ttfts.record(ttft.unsigned_abs());
        }
    }

    /// Adds the sums and distributions of another.
    pub fn merge(&mut self, other: &Self) {
        for (sum, more) in self.sums.0.iter_mut().zip(other.sums.0) {
            *sum = sum.saturating_add(more);
        }
        self.durations.merge(&other.durations);
        self.ttfts.merge(&other.ttfts);
    }

    /// Takes off what was added before as part of it. A sum that has saturated stays so: what it was is not known.
    pub fn subtract(&mut self, part: &Self) {
        for (sum, less) in self.sums.0.iter_mut().zip(part.sums.0) {
            if !matches!(*sum, i64::MAX | i64::MIN) {
                *sum = sum.saturating_sub(less);
            }
        }
        self.durations.subtract(&part.durations);
        self.ttfts.subtract(&part.ttfts);
    }

    /// Appends it in few bytes: which sums are not zero, those, the distributions.
    pub fn encode(&self, to: &mut Vec<u8>) {
        let is_there = |nth: &usize| self.sums.0[*nth] != 0;
        varint::put(to, (0..COUNT).filter(is_there).fold(0, |mask, nth| mask | 1 << nth));
        self.sums.0.iter().filter(|sum| **sum != 0).for_each(|sum| varint::put_signed(to, *sum));
        self.durations.encode(to);
        self.ttfts.encode(to);
    }

    /// Adds what [`Self::encode`] wrote; `None` when the bytes are something else, and then some of it may have been
    /// added.
    #[must_use]
    pub fn merge_encoded(&mut self, mut bytes: &[u8]) -> Option<()> {
        let mut mask = varint::take(&mut bytes)?;
        while mask != 0 {
            let sum = self.sums.0.get_mut(mask.trailing_zeros() as usize)?;
            *sum = sum.saturating_add(varint::take_signed(&mut bytes)?);
            mask &= mask - 1;
        }
        self.durations.merge_encoded(&mut bytes)?;
        self.ttfts.merge_encoded(&mut bytes)?;
        bytes.is_empty().then_some(())
    }

    fn add(&mut self, sum: Sum, more: i64) {
        let value = &mut self.sums.0[sum as usize];
        *value = value.saturating_add(more);
    }
}

/// The database's integers are signed: what does not fit is the largest that does.
#[must_use]
pub fn clamped(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The buckets of usage in the order of [`Sum::TOKENS`].
#[must_use]
pub const fn buckets(usage: &Usage) -> [Option<u64>; 8] {
    [
        usage.input,
        usage.cached_input,
        usage.cache_write,
        usage.audio_input,
        usage.image_input,
        usage.output,
        usage.reasoning,
        usage.audio_output,
    ]
}

const fn outcome_of(outcome: Outcome) -> Sum {
    match outcome {
        Outcome::Complete => Sum::Complete,
        Outcome::Refused => Sum::Refused,
        Outcome::UpstreamError => Sum::UpstreamError,
        Outcome::UpstreamCut => Sum::UpstreamCut,
        Outcome::ClientGone => Sum::ClientGone,
        Outcome::Ended => Sum::Ended,
        Outcome::Abandoned => Sum::Abandoned,
        Outcome::LimitReached => Sum::LimitReached,
    }
}

const fn status_of(status: u16) -> Sum {
    match status {
        0 => Sum::NoStatus,
        1..=299 => Sum::Success,
        300..=399 => Sum::Redirect,
        401 | 403 => Sum::Denied,
        429 => Sum::Throttled,
        400..=499 => Sum::ClientError,
        500.. => Sum::ServerError,
    }
}

const fn has_failed(outcome: Outcome, status: u16) -> bool {
    status >= 400 || !matches!(outcome, Outcome::Complete | Outcome::ClientGone)
}
