//! What is looked up and kept for a call: settings, what a policy asks, and what the caller asks put together.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, header};
use tollgate_providers::{Call, Surface};

use crate::{
    cache::{
        model::{Asked, Entry, Meaning, Owner, Question, Rules, Why, question},
        semantic::{Mode, is_time_dependent},
    },
    gateway::{exchange::Exchange, metering::Called},
    settings::{CacheScope, Caching, Embeddings, Judge, SemanticMode, Verify},
};

/// What a policy document asks of the cache, in place of what the settings say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// What else tells prompts apart, in order.
    pub vary_by: Vec<String>,
    /// Least similarity (cosine) in place of the configured mode.
    pub similarity: Option<f64>,
    /// Where meanings are computed, in place of the configured place.
    pub embeddings: Option<Embeddings>,
    /// Whether what the system says is left out of the comparison.
    pub ignore_system: bool,
    /// Longest conversation, in messages.
    pub max_messages: Option<usize>,
    /// Whether it is looked up.
    pub looks: bool,
    /// How long an answer is kept; `None`: not at all.
    pub lasts: Option<Duration>,
}

/// What is done for one call.
#[derive(Debug)]
pub struct Plan {
    /// What is asked.
    pub question: Question,
    /// Whose answers these are.
    pub owner: Owner,
    /// How alike the words of two prompts must be.
    pub mode: Mode,
    /// Where meanings are computed.
    pub embeddings: Embeddings,
    /// Who is asked where words do not show whether two prompts ask the same.
    pub judge: Option<Judge>,
    /// Whether a sample of hits is verified.
    pub verify: Option<Verify>,
    /// The kept answer that is being verified.
    pub verifying: Option<Arc<Entry>>,
    /// What the prompt means, once that was computed.
    pub meaning: Option<Meaning>,
    /// Whether it is looked up.
    pub looks: bool,
    /// Whether the answer is kept.
    pub stores: bool,
    /// How long.
    pub lasts: Duration,
    /// Largest answer, in bytes.
    pub largest: usize,
    /// Whether a hit is charged like a call.
    pub charges: bool,
    /// Which endpoint.
    pub surface: Surface,
    /// Whether the caller wants a stream.
    pub streamed: bool,
    /// Whether it asked for usage in the stream.
    pub asked_usage: bool,
    /// Whether a Gemini stream is wanted as one JSON array.
    pub array: bool,
}

/// What is to be done for a call; `None`: there is no cache for it, or why it is not cached.
#[must_use]
pub fn plan(
    exchange: &Exchange,
    call: &Call,
    called: &Called<'_>,
    options: Option<&Options>,
) -> Option<Result<Plan, Why>> {
    let settings = effective(exchange, &called.model.name, options)?;
    Some(planned(exchange, call, called, &settings, options.unwrap_or(&CONFIGURED)))
}

/// What holds where no policy says anything.
const CONFIGURED: Options = Options {
    vary_by: Vec::new(),
    similarity: None,
    embeddings: None,
    ignore_system: false,
    max_messages: None,
    looks: true,
    lasts: None,
};

/// The settings for this caller and model, where they let anything be cached. A policy caches also where no settings
/// do.
fn effective(exchange: &Exchange, model: &str, options: Option<&Options>) -> Option<Caching> {
    let settings = &exchange.snapshot.settings;
    if options.is_some() {
        return Some(settings.cache.clone().unwrap_or_default());
    }
    let cache = settings.cache.as_ref()?;
    let product = exchange.product.as_ref().map(|product| &product.id);
    let product = settings.products.iter().find(|one| Some(&one.id) == product);
    let model = settings.models.iter().find(|one| one.name == model);
    let own = cache.with([product.and_then(|one| one.cache.as_ref()), model.and_then(|one| one.cache.as_ref())]);
    own.enabled.then_some(own)
}

fn planned(
    exchange: &Exchange,
    call: &Call,
    called: &Called<'_>,
    settings: &Caching,
    options: &Options,
) -> Result<Plan, Why> {
    let headers = &exchange.parts.headers;
    let (no_cache, no_store) = asked_by(headers);
    if no_store {
        return Err(Why::Asked);
    }
    if !called.head.stored_refs.is_empty() && called.head.previous_response.is_none() {
        return Err(Why::ProviderState);
    }
    let owner = owner(exchange, called);
    let scope = scope(settings.scope, &owner);
    let vary = vary(exchange, &settings.vary_by_headers, &options.vary_by);
    let asked = Asked {
        surface: call.surface,
        owner: &scope,
        model: [&called.model.name, called.model.pool.id().as_str()],
        vary: &vary.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect::<Vec<_>>(),
        body: called.body,
    };
    let rules = Rules {
        temperature_limit: settings.temperature_limit,
        max_body: settings.max_prompt.0,
        per_end_user: settings.per_end_user,
        ignore_system: options.ignore_system,
        max_messages: options.max_messages,
    };
    let question = question::question(&asked, &rules)?;
    let configured = || settings.semantic.as_ref().map(|semantic| semantic.embeddings.clone());
    let lasts = lasts(&question, settings, options)?;
    let query = exchange.parts.uri.query().unwrap_or_default();
    let mode = mode(settings, options);
    Ok(Plan {
        question,
        owner,
        mode,
        judge: judge(settings, mode),
        embeddings: options.embeddings.clone().or_else(configured).unwrap_or_default(),
        verify: settings.semantic.as_ref().and_then(|semantic| semantic.verify.clone()),
        verifying: None,
        meaning: None,
        looks: options.looks && !no_cache,
        stores: true,
        lasts,
        largest: usize::try_from(settings.max_answer.0).unwrap_or(usize::MAX),
        charges: settings.charge_hits,
        surface: call.surface,
        streamed: called.head.streamed,
        asked_usage: called.head.asked_usage,
        array: !query.split('&').any(|pair| matches!(pair, "alt=sse" | "%24alt=sse" | "$alt=sse")),
    })
}

/// How long the answer may be given again. One to a prompt that speaks of a time is soon wrong.
fn lasts(question: &Question, settings: &Caching, options: &Options) -> Result<Duration, Why> {
    let lasts = options.lasts.unwrap_or(settings.ttl.0);
    if !question.text.as_deref().is_some_and(is_time_dependent) {
        return Ok(lasts);
    }
    let short = lasts.min(settings.time_dependent_ttl.0);
    if short.is_zero() { Err(Why::TimeDependent) } else { Ok(short) }
}

#[expect(clippy::cast_possible_truncation, reason = "similarities need no more than seven digits")]
fn mode(settings: &Caching, options: &Options) -> Mode {
    let threshold = |similarity: Option<f64>| Mode::ThresholdOnly { similarity: similarity.unwrap_or(1.0) as f32 };
    if options.similarity.is_some() {
        return threshold(options.similarity);
    }
    let Some(semantic) = &settings.semantic else { return Mode::Off };
    match semantic.mode {
        SemanticMode::Off => Mode::Off,
        SemanticMode::Strict => Mode::Strict,
        SemanticMode::Balanced => Mode::Balanced,
        SemanticMode::Loose => Mode::Loose,
        SemanticMode::ThresholdOnly => threshold(semantic.threshold),
    }
}

/// Where a threshold alone decides, or nothing does, nobody is asked.
fn judge(settings: &Caching, mode: Mode) -> Option<Judge> {
    let judge = settings.semantic.as_ref()?.judge.clone()?;
    matches!(mode, Mode::Strict | Mode::Balanced).then_some(judge)
}

fn owner(exchange: &Exchange, called: &Called<'_>) -> Owner {
    let text = |id: Option<&str>| id.unwrap_or_default().to_owned();
    Owner {
        subscription: text(exchange.subscription.as_ref().map(|one| one.id.as_str())),
        product: text(exchange.product.as_ref().map(|one| one.id.as_str())),
        api: text(exchange.api.as_ref().map(|one| one.id.as_str())),
        model: called.model.name.to_string(),
    }
}

/// Whose cache it is. The API always counts: its documents may have changed what is asked and what is answered.
fn scope(scope: CacheScope, owner: &Owner) -> [&str; 4] {
    match scope {
        CacheScope::Subscription => ["subscription", &owner.api, &owner.product, &owner.subscription],
        CacheScope::Product => ["product", &owner.api, &owner.product, ""],
        CacheScope::Api => ["api", &owner.api, "", ""],
    }
}

/// Whether the caller wants none from the cache, and whether nothing may be kept (RFC 9111, section 5.2.1).
fn asked_by(headers: &HeaderMap) -> (bool, bool) {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let directives: Vec<String> =
        lines.flat_map(|line| line.split(',')).map(|word| word.trim().to_ascii_lowercase()).collect();
    let says = |word: &str| directives.iter().any(|directive| directive == word);
    (says("no-cache") || says("max-age=0"), says("no-store"))
}

/// Headers by which vendors change what a request means.
const VENDORS: [&str; 5] = ["anthropic-", "openai-", "x-goog-", "x-ms-", "x-sim-"];
/// Headers of those that name the client or the call.
const NAMES_ONLY: [&str; 4] = ["x-goog-api-client", "x-ms-client-request-id", "x-ms-date", "x-ms-useragent"];

/// Headers, the query and what a policy names: everything beside the body that may change an answer.
fn vary(exchange: &Exchange, names: &[String], texts: &[String]) -> Vec<(String, Vec<u8>)> {
    let counts = |name: &HeaderName| {
        let name = name.as_str();
        names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
            || (VENDORS.iter().any(|prefix| name.starts_with(prefix)) && !NAMES_ONLY.contains(&name))
    };
    let headers = exchange.parts.headers.iter().filter(|(name, _)| counts(name));
    let mut vary: Vec<_> = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let query = exchange.parts.uri.query().unwrap_or_default();
    let is_wanted = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        !matches!(name, "" | "alt" | "$alt" | "%24alt" | "key" | "subscription-key")
    };
    vary.extend(query.split('&').filter(is_wanted).map(|pair| ("?".to_owned(), pair.as_bytes().to_vec())));
    vary.sort();
    vary.extend(texts.iter().map(|text| ("vary-by".to_owned(), text.as_bytes().to_vec())));
    vary
}

/// What a policy asks, as an exchange carries it.
pub type Asking = Arc<Options>;
