//! The counters that one kind of exchange moves, found once and then kept together.
//!
//! An exchange moves about ten children of as many families. Finding each by its labels would cost more than moving
//! it, so the handles of one label set are kept in a [`Series`], and one lookup finds them all.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use prometheus::{Histogram, IntCounter};
use tollgate_providers::{Certainty, Kind, Surface, Usage};

use super::{
    super::{
        event::{AttemptEvent, certainty_word},
        genai,
    },
    ExchangeEvent, Families,
    family::same,
};

/// Series kept; beyond it handles are looked up family by family (which are bounded themselves).
const MOST_SERIES: usize = 10_000;

/// Token buckets, as they are called in labels.
const KINDS: [&str; 8] =
    ["input", "cached_input", "cache_write", "audio_input", "image_input", "output", "reasoning", "audio_output"];

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key<'a> {
    texts: [&'a str; 7],
    kind: Option<Kind>,
    surface: Option<Surface>,
    status: &'static str,
    outcome: &'static str,
}

impl<'a> Key<'a> {
    fn of(event: &ExchangeEvent<'a>) -> Self {
        let texts = [
            event.api,
            event.operation,
            event.product,
            event.subscription,
            event.model,
            event.upstream_model,
            event.backend,
        ];
        Self {
            texts: texts.map(Option::unwrap_or_default),
            kind: event.kind,
            surface: event.surface,
            status: status_class(event.status),
            outcome: event.outcome,
        }
    }
}

const fn status_class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "none",
    }
}

/// The series seen so far.
#[derive(Debug, Default)]
pub(super) struct SeriesCache {
    hasher: RandomState,
    known: RwLock<HashMap<u64, Vec<Arc<Series>>>>,
}

impl SeriesCache {
    pub(super) fn get(&self, event: &ExchangeEvent<'_>, families: &Families) -> Arc<Series> {
        let key = Key::of(event);
        let hash = self.hasher.hash_one(key);
        self.find(hash, &key).unwrap_or_else(|| self.add(hash, &key, families))
    }

    fn find(&self, hash: u64, key: &Key<'_>) -> Option<Arc<Series>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&hash)?.iter().find(|series| series.owner.is(key)).map(Arc::clone)
    }

    fn add(&self, hash: u64, key: &Key<'_>, families: &Families) -> Arc<Series> {
        let series = Arc::new(Series::new(key, families));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_SERIES {
            known.entry(hash).or_default().push(Arc::clone(&series));
        }
        series
    }
}

/// A key that owns its texts.
#[derive(Debug)]
struct Owner {
    texts: [Box<str>; 7],
    kind: Option<Kind>,
    surface: Option<Surface>,
    status: &'static str,
    outcome: &'static str,
}

impl Owner {
    fn of(key: &Key<'_>) -> Self {
        let Key { texts, kind, surface, status, outcome } = *key;
        Self { texts: texts.map(Into::into), kind, surface, status, outcome }
    }

    fn is(&self, key: &Key<'_>) -> bool {
        (self.kind, self.surface, self.status, self.outcome) == (key.kind, key.surface, key.status, key.outcome)
            && same(&self.texts, &key.texts)
    }

    fn backend(&self) -> &str {
        &self.texts[6]
    }

    fn token_counter(&self, kind: &str, families: &Families) -> IntCounter {
        let [api, _, product, subscription, model, _, backend] = &self.texts;
        families.tokens.with(&[api, product, subscription, model, backend, kind])
    }

    fn usage_counter(&self, certainty: Certainty, families: &Families) -> IntCounter {
        let [_, _, _, _, model, _, backend] = &self.texts;
        families.usage.with(&[model, backend, certainty_word(certainty)])
    }
}

/// The counters that one kind of exchange moves.
#[derive(Debug)]
pub(super) struct Series {
    owner: Owner,
    requests: IntCounter,
    duration: Histogram,
    first_token: Histogram,
    bytes_in: IntCounter,
    bytes_out: IntCounter,
    /// The try that was taken, at the backend that answered: nearly every one.
    taken: Option<(IntCounter, Histogram)>,
    model: Option<ModelSeries>,
}

/// The part that only model calls have.
#[derive(Debug)]
struct ModelSeries {
    /// By kind; made when first moved, so that buckets which never occur are not shown.
    tokens: [OnceLock<IntCounter>; 8],
    /// By certainty.
    usage: [OnceLock<IntCounter>; 4],
    input: Histogram,
    output: Histogram,
    duration: Histogram,
    first_token: Histogram,
    per_token: Histogram,
}

impl Series {
    fn new(key: &Key<'_>, families: &Families) -> Self {
        let [api, operation, product, subscription, model, _, backend] = key.texts;
        let labels = [api, operation, product, subscription, model, backend, key.status, key.outcome];
        Self {
            owner: Owner::of(key),
            requests: families.requests.with(&labels),
            duration: families.duration.with(&[api, model, backend]),
            first_token: families.first_token.with(&[api, model, backend]),
            bytes_in: families.bytes.with(&[api, "in"]),
            bytes_out: families.bytes.with(&[api, "out"]),
            taken: (!backend.is_empty())
                .then(|| (families.attempts.with(&[backend, "ok"]), families.attempt_duration.with(&[backend]))),
            model: ModelSeries::new(key, families),
        }
    }

    pub(super) fn record(&self, event: &ExchangeEvent<'_>, families: &Families) {
        self.requests.inc();
        self.duration.observe(event.duration.as_secs_f64());
        if let Some(first) = event.ttft {
            self.first_token.observe(first.as_secs_f64());
        }
        self.bytes_in.inc_by(event.bytes_in);
        self.bytes_out.inc_by(event.bytes_out);
        if let Some(result) = event.cache {
            families.cache_lookups.with(&[&self.owner.texts[0], result]).inc();
        }
        if let Some(model) = &self.model {
            model.record(event, &self.owner, families);
        }
        for attempt in event.attempts {
            self.record_attempt(attempt, families);
        }
    }

    fn record_attempt(&self, attempt: &AttemptEvent<'_>, families: &Families) {
        let took = attempt.took.as_secs_f64();
        match &self.taken {
            Some((count, duration)) if attempt.fault.is_none() && attempt.backend == self.owner.backend() => {
                count.inc();
                duration.observe(took);
            }
            _ => {
                families.attempts.with(&[attempt.backend, attempt.fault.unwrap_or("ok")]).inc();
                families.attempt_duration.with(&[attempt.backend]).observe(took);
            }
        }
    }
}

impl ModelSeries {
    /// `None` for plain APIs and for calls that never reached a model.
    fn new(key: &Key<'_>, families: &Families) -> Option<Self> {
        let [_, _, _, _, model, upstream, _] = key.texts;
        let provider = genai::provider_name(key.kind?)?;
        let operation = genai::operation_name(key.surface?)?;
        let names = [operation, provider, model, upstream];
        let with = |last| [operation, provider, model, upstream, last];
        let error = if key.outcome == "complete" && key.status == "2xx" { "" } else { key.outcome };
        Some(Self {
            tokens: Default::default(),
            usage: Default::default(),
            input: families.gen_ai_usage.with(&with("input")),
            output: families.gen_ai_usage.with(&with("output")),
            duration: families.gen_ai_duration.with(&with(error)),
            first_token: families.gen_ai_first_token.with(&names),
            per_token: families.gen_ai_per_token.with(&names),
        })
    }

    fn record(&self, event: &ExchangeEvent<'_>, owner: &Owner, families: &Families) {
        self.duration.observe(event.duration.as_secs_f64());
        let sure = &self.usage[event.certainty as usize];
        sure.get_or_init(|| owner.usage_counter(event.certainty, families)).inc();
        if event.usage.is_reported() {
            self.record_tokens(&event.usage, owner, families);
        }
        let Some(first) = event.ttft.filter(|_| event.streamed) else { return };
        self.first_token.observe(first.as_secs_f64());
        if let Some(each) = per_token(event.duration, first, event.usage.output_total()) {
            self.per_token.observe(each);
        }
    }

    fn record_tokens(&self, usage: &Usage, owner: &Owner, families: &Families) {
        for ((counter, kind), tokens) in self.tokens.iter().zip(KINDS).zip(buckets(usage)) {
            if let Some(tokens) = tokens {
                counter.get_or_init(|| owner.token_counter(kind, families)).inc_by(tokens);
            }
        }
        self.input.observe(as_f64(usage.input_total()));
        self.output.observe(as_f64(usage.output_total()));
    }
}

const fn buckets(usage: &Usage) -> [Option<u64>; 8] {
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

/// Seconds per token after the first one; `None` when there was only one.
fn per_token(duration: Duration, first: Duration, tokens: u64) -> Option<f64> {
    let rest = tokens.checked_sub(1).filter(|rest| *rest > 0)?;
    Some(duration.saturating_sub(first).as_secs_f64() / as_f64(rest))
}

#[expect(clippy::cast_precision_loss, reason = "token counts stay far below 2^52, and a bucket needs no more")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
