//! The table of public prices (genai-prices), embedded or given, turned into whole numbers once per model.
//!
//! Its interface computes totals in floating point, so a rate is found by asking for a bucket alone; it is rounded to a
//! whole 10⁻⁹ USD per million tokens, which all published prices are, and from there on everything is exact. Prices may
//! depend on the date, the time of day and the length of the prompt: what was found holds for its minute, and where
//! long prompts cost more, the lengths at which they do are searched for.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use genai_prices::{Calculator, PriceCalculation, PriceRequest, Usage, UsageKey};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    sheet::{Sheet, Steps},
    unpriced::Met,
};
use crate::model::{Timestamp, money::NANOS};

/// Version of the built-in table: that of the crate that carries it (a test compares it with Cargo.lock).
pub const BUILT_IN_VERSION: &str = "genai-prices-0.2.1";

/// Prices found are kept for this long, so that prices by date and time of day are right to the minute.
const KEPT: u64 = 60;
/// Prompts longer than this cost no more: no context window is larger.
const LONGEST: u64 = 1 << 24;
/// Most prices kept; their keys come from the configuration, so that there are rarely more.
const MOST: usize = 4_096;

/// A table of prices.
pub(super) struct Table {
    source: Source,
    version: Arc<str>,
    found: RwLock<HashMap<String, Found>>,
    is_prepared: AtomicBool,
}

enum Source {
    /// Decoded when first asked: tens of milliseconds and some megabytes that a gateway without vendors does not need.
    BuiltIn,
    Given(Box<Calculator>),
}

/// What was found, and in which minute since the epoch.
#[derive(Clone)]
struct Found {
    minute: u64,
    steps: Option<Arc<Steps>>,
}

/// Which prices are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a> {
    /// Identifier of the vendor in the table.
    pub(super) provider: Option<&'a str>,
    /// URL by which the vendor is known, where there is no identifier.
    pub(super) url: Option<&'a str>,
    /// The model at the vendor.
    pub(super) model: &'a str,
    /// When.
    pub(super) at: Timestamp,
    /// Whether the call belongs to a batch.
    pub(super) batch: bool,
    /// The service tier that the answer names.
    pub(super) tier: Option<&'static str>,
}

impl Table {
    fn built_in() -> Self {
        Self::new(Source::BuiltIn, BUILT_IN_VERSION.into())
    }

    fn given(text: &str, id: &str) -> Result<Self, String> {
        let calculator = Calculator::from_json(text).map_err(|error| format!("the table cannot be read: {error}"))?;
        if calculator.providers().all(|provider| provider.models().next().is_none()) {
            return Err("the table prices no model; expected the v2 data of genai-prices".into());
        }
        Ok(Self::new(Source::Given(Box::new(calculator)), format!("{id}@{}", digest(text)).into()))
    }

    fn new(source: Source, version: Arc<str>) -> Self {
        Self { source, version, found: RwLock::default(), is_prepared: AtomicBool::new(false) }
    }

    /// Its version, as usage rows name it.
    pub(super) fn version(&self) -> &Arc<str> {
        &self.version
    }

    fn calculator(&self) -> &Calculator {
        match &self.source {
            Source::BuiltIn => Calculator::bundled(),
            Source::Given(calculator) => calculator,
        }
    }

    /// Has the table decoded beside what goes on, once, rather than by the first call that asks for a price.
    pub(super) fn prepare(self: &Arc<Self>) {
        if self.is_prepared.load(Relaxed) || self.is_prepared.swap(true, Relaxed) {
            return;
        }
        let table = Arc::clone(self);
        let decode = move || table.calculator().providers().for_each(drop);
        if let Err(error) = std::thread::Builder::new().name("prices".into()).spawn(decode) {
            tracing::debug!(%error, "no thread for the table of prices: the first call decodes it");
        }
    }

    /// The prices of a model; none: it is not in the table.
    pub(super) fn steps(&self, query: &Query<'_>) -> Option<Arc<Steps>> {
        let minute = query.at.as_secs() / KEPT;
        let key = key(query);
        let found = self.found.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let known = match found {
            Some(found) if found.minute == minute => return found.steps,
            Some(found) => found.steps,
            None => None,
        };
        let steps = derive(self.calculator(), query, known.as_deref()).map(Arc::new);
        let mut all = self.found.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(key, Found { minute, steps: steps.clone() });
        steps
    }
}

/// A table of prices without what only people read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compact {
    /// The table as JSON.
    pub text: String,
    /// How many models it prices.
    pub models: usize,
}

/// Checks a table of prices (genai-prices, version 2) and leaves out descriptions and comments.
///
/// # Errors
/// It cannot be read, or prices nothing.
pub fn compact(text: &str) -> Result<Compact, String> {
    let mut value: Value = serde_json::from_str(text).map_err(|error| format!("this is not JSON: {error}"))?;
    for provider in value.as_array_mut().into_iter().flatten() {
        forget(provider, &["description", "extractors", "pricing_urls"]);
        for model in provider.get_mut("models").and_then(Value::as_array_mut).into_iter().flatten() {
            forget(model, &["description", "price_comments"]);
        }
    }
    let text = value.to_string();
    let table = Table::given(&text, "")?;
    let models = table.calculator().providers().map(|provider| provider.models().count()).sum();
    Ok(Compact { text, models })
}

fn forget(value: &mut Value, names: &[&str]) {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| !names.contains(&name.as_str()));
    }
}

fn key(query: &Query<'_>) -> String {
    let Query { provider, url, model, batch, tier, .. } = query;
    let vendor = provider.or(*url).unwrap_or_default();
    format!("{vendor}\n{model}\n{}{batch}", tier.unwrap_or_default())
}

/// The first eight hexadecimal digits of a text's SHA-256.
pub(super) fn digest(text: &str) -> String {
    let mut short = String::with_capacity(8);
    for byte in &Sha256::digest(text)[..4] {
        write!(short, "{byte:02x}").expect("writing to a string does not fail");
    }
    short
}

/// Asks the calculator for one model.
struct Prober<'a> {
    calculator: &'a Calculator,
    query: &'a Query<'a>,
}

impl Prober<'_> {
    fn ask(&self, usage: &[(UsageKey, u64)]) -> Option<PriceCalculation> {
        #[expect(clippy::cast_precision_loss, reason = "at most 2^24: exact")]
        let usage: Usage = usage.iter().map(|(key, count)| (key.clone(), *count as f64)).collect();
        let mut request = PriceRequest::new(self.query.model, &usage)
            .with_timestamp(SystemTime::UNIX_EPOCH + Duration::from_nanos(self.query.at.as_nanos()));
        if let Some(provider) = self.query.provider {
            request = request.with_provider_id(provider);
        } else if let Some(url) = self.query.url {
            request = request.with_provider_api_url(url);
        }
        if self.query.batch {
            request = request.with_price_context("processing", "batch");
        }
        if let Some(tier) = self.query.tier {
            request = request.with_price_context("service_tier", tier);
        }
        self.calculator.calculate(&request).ok()
    }

    /// Rate of a prompt that is all in one bucket.
    fn input(&self, bucket: UsageKey, length: u64) -> Option<i64> {
        let priced = self.ask(&[(UsageKey::INPUT_TOKENS, length), (bucket, length)])?;
        Some(rate(priced.input_price, length))
    }

    /// Rate of an answer that is all in one bucket.
    fn output(&self, bucket: UsageKey, length: u64) -> Option<i64> {
        let answer = 1_000_000;
        let usage = [(UsageKey::INPUT_TOKENS, length), (UsageKey::OUTPUT_TOKENS, answer), (bucket, answer)];
        Some(rate(self.ask(&usage)?.output_price, answer))
    }

    fn sheet(&self, length: u64) -> Option<Sheet> {
        let none = self.ask(&[])?;
        Some(Sheet {
            input: self.input(UsageKey::INPUT_TOKENS, length)?,
            cached_input: self.input(UsageKey::CACHE_READ_TOKENS, length)?,
            cache_write: self.input(UsageKey::CACHE_WRITE_TOKENS, length)?,
            audio_input: self.input(UsageKey::INPUT_AUDIO_TOKENS, length)?,
            image_input: self.input(UsageKey::INPUT_IMAGE_TOKENS, length)?,
            output: self.output(UsageKey::OUTPUT_TOKENS, length)?,
            reasoning: self.output(UsageKey::OUTPUT_REASONING_TOKENS, length)?,
            audio_output: self.output(UsageKey::OUTPUT_AUDIO_TOKENS, length)?,
            request: nanos(none.total_price),
            discount: 0,
        })
    }

    /// What a prompt's length can change.
    fn by_length(&self, length: u64) -> Option<(i64, i64)> {
        let length = length.max(1);
        let usage = [(UsageKey::INPUT_TOKENS, length), (UsageKey::OUTPUT_TOKENS, length)];
        let priced = self.ask(&usage)?;
        Some((rate(priced.input_price, length), rate(priced.output_price, length)))
    }

    /// The lengths between `low` and `high` above which the price changes, ascending.
    fn changes(&self, low: u64, high: u64, found: &mut Vec<u64>) -> Option<()> {
        if self.by_length(low)? == self.by_length(high)? {
            return Some(());
        }
        if high - low == 1 {
            found.push(low);
            return Some(());
        }
        let middle = low.midpoint(high);
        self.changes(low, middle, found)?;
        self.changes(middle, high, found)
    }

    /// Whether these are the lengths above which the price changes: a few questions instead of a search.
    fn is_right(&self, lengths: &[u64]) -> bool {
        let lows = std::iter::once(1).chain(lengths.iter().map(|length| length + 1));
        let highs = lengths.iter().copied().chain(std::iter::once(LONGEST));
        lows.zip(highs).all(|(low, high)| low == high || self.by_length(low) == self.by_length(high))
    }

    /// Whether something other than tokens is charged, of which nothing is known here: hours, pages, characters.
    fn has_other_units(&self) -> bool {
        let others = [
            UsageKey::AUDIO_SECONDS,
            UsageKey::INPUT_AUDIO_SECONDS,
            UsageKey::OUTPUT_AUDIO_SECONDS,
            UsageKey::INPUT_CHARACTERS,
            UsageKey::INPUT_DOCUMENT_PAGES,
            UsageKey::INPUT_PIXELS,
            UsageKey::INPUT_TEXT_MESSAGES,
            UsageKey::OUTPUT_IMAGE_TOKENS,
            UsageKey::OUTPUT_VIDEO_TOKENS,
            UsageKey::RERANK_SEARCHES,
        ];
        others.into_iter().any(|key| self.charges(key))
    }

    fn charges(&self, key: UsageKey) -> bool {
        let tokens = key.as_str().starts_with("output_") && key.as_str().ends_with("_tokens");
        let mut usage = vec![(key, 1_000)];
        if tokens {
            usage.push((UsageKey::OUTPUT_TOKENS, 1_000));
        }
        self.ask(&usage).is_some_and(|priced| priced.total_price > 0.0)
    }
}

/// `known` are the prices of an earlier minute.
fn derive(calculator: &Calculator, query: &Query<'_>, known: Option<&Steps>) -> Option<Steps> {
    let prober = Prober { calculator, query };
    let base = prober.sheet(1)?;
    if base.is_free() && prober.has_other_units() {
        return None;
    }
    let mut lengths: Vec<u64> = known.iter().flat_map(|steps| &steps.above).map(|(above, _)| *above).collect();
    if !prober.is_right(&lengths) {
        lengths.clear();
        prober.changes(1, LONGEST, &mut lengths)?;
    }
    let above = lengths.into_iter().map(|length| Some((length, prober.sheet(length + 1)?)));
    Some(Steps { base, above: above.collect::<Option<_>>()? })
}

/// A price in dollars of so many tokens, as 10⁻⁹ USD for a million.
fn rate(price: f64, tokens: u64) -> i64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 2^24: exact")]
    let million = price / tokens as f64 * 1e6;
    nanos(million)
}

/// Dollars in 10⁻⁹ USD, rounded.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "saturates, and prices are small")]
fn nanos(dollars: f64) -> i64 {
    (dollars * NANOS as f64).round() as i64
}

/// Tables that outlive configurations: the built-in one, and the latest given one.
#[derive(Clone)]
pub struct Tables {
    built_in: Arc<Table>,
    given: Arc<Mutex<Option<Given>>>,
    pub(super) met: Arc<Met>,
}

struct Given {
    id: String,
    text: [u8; 32],
    table: Arc<Table>,
}

impl Tables {
    /// The built-in table, not yet decoded.
    #[must_use]
    pub fn new() -> Self {
        Self { built_in: Arc::new(Table::built_in()), given: Arc::default(), met: Arc::default() }
    }

    pub(super) fn built_in(&self) -> Arc<Table> {
        self.built_in.clone()
    }

    /// The table in `text`, named after the price `id` that gives it. Decoded once, however many configurations use it.
    pub(super) fn given(&self, id: &str, text: &str) -> Result<Arc<Table>, String> {
        let hash: [u8; 32] = Sha256::digest(text).into();
        let mut latest = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(given) = latest.as_ref().filter(|given| given.id == id && given.text == hash) {
            return Ok(given.table.clone());
        }
        let table = Arc::new(Table::given(text, id)?);
        *latest = Some(Given { id: id.to_owned(), text: hash, table: table.clone() });
        Ok(table)
    }
}

impl Default for Tables {
    fn default() -> Self {
        Self::new()
    }
}
