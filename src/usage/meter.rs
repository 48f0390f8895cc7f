//! The seam between a request and what it is charged: reserve on every scope, announce in the journal, settle once.
//!
//! The protocol is ACCOUNTING; counting in memory is `limits`, keeping is `journal`, what a request asks for is put
//! together by `gateway`. Nothing here waits for the database.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tollgate_providers::{Surface, prompt::Inline};

use super::{
    codec, complaints::Complaints, consumed, entries, leases::Leases, metered::Metered, possible::Possible, refused,
    refused_rows::RefusedRows,
};
use crate::{
    exchange::{Cost, Entry, Fault, FaultKind, Intent, Record, Settle},
    journal::{Journal, JournalError},
    limits::{
        Ask, Crossed, Limits, Output, Prompt, Rates, Refusal, RefusalKind, Reservation, Rule, Scope, Settled, Standing,
    },
    model::{BackendId, Clock},
    pricing::{Asked, Book},
    telemetry::Telemetry,
    tokens::{self, Learned},
};

/// When the ledger can take requests again is not known: a second is long enough not to be hammered.
const LEDGER_RETRY: Duration = Duration::from_secs(1);

/// What the metering of all exchanges shares.
pub struct Meter {
    /// The counters.
    pub limits: Limits,
    /// What this gateway may spend of quotas that several share; `None`: it is the only one.
    pub leases: Option<Arc<Leases>>,
    /// Where requests are announced and settled.
    pub journal: Arc<Journal>,
    /// Which refused requests have a row of their own.
    pub refused_rows: RefusedRows,
    /// How often the log was told that requests are refused because the journal does not take them.
    pub unwritten: Complaints,
    /// What was learned of models and their answers.
    pub learned: Arc<Learned>,
    /// Time.
    pub clock: Clock,
    /// Where overruns are told.
    pub telemetry: Arc<Telemetry>,
    /// Who is told of thresholds that were crossed; must not block.
    pub crossed: Arc<dyn Fn(Crossed) + Send + Sync>,
}

/// A request that is not let through.
pub struct Refused {
    /// Why.
    pub fault: Fault,
    /// Where the caller stands.
    pub standing: Standing,
}

/// What a request wants to use.
pub struct Wish {
    /// The counters it counts on.
    pub scopes: Vec<Scope>,
    /// The backend whose counters are among them, once it is known.
    pub at: Option<BackendId>,
    /// The model call; `None`: a plain API, or a call that consumes no tokens while it is answered.
    pub call: Option<ModelCall>,
    /// What may come out.
    pub output: Output,
    /// Whether the caller wants an event stream.
    pub streamed: bool,
    /// Body bytes, as far as known.
    pub bytes_in: u64,
    /// Whether refusals are told in APIM's words.
    pub is_plain: bool,
}

/// What is needed to count and to price a model call.
#[derive(Clone)]
pub struct ModelCall {
    /// Which endpoint.
    pub surface: Surface,
    /// The caller's body: counted when an estimate is not enough.
    pub body: Bytes,
    /// Pictures, sounds and files inside it.
    pub inline: Inline,
    /// The model as most of its backends name it: decides the tokenizer.
    pub upstream_model: Arc<str>,
    /// Whether the model reads more than the body holds.
    pub reads_more: bool,
    /// Who may answer: decides what it costs at worst.
    pub backends: Vec<BackendId>,
    /// Prices.
    pub book: Arc<Book>,
    /// Answers side by side.
    pub choices: u64,
    /// Whether the caller asked for usage in the stream.
    pub asked_usage: bool,
}

impl Meter {
    /// Reserves on all scopes and announces the request of `record`; once that is durable it may be sent.
    pub async fn admit(&self, record: &Record, mut wish: Wish) -> Result<Metered, Refused> {
        let mut prompt = self.estimate(record, &wish);
        let mut reserved = self.limits.reserve(&ask(record, &wish, prompt));
        if lacks(&reserved, RefusalKind::Unleased) {
            reserved = self.lease(&ask(record, &wish, prompt), reserved).await;
        }
        if lacks(&reserved, RefusalKind::NeedsExactInput) {
            prompt = count(&mut wish).await;
            reserved = self.limits.reserve(&ask(record, &wish, prompt));
            if lacks(&reserved, RefusalKind::Unleased) {
                reserved = self.lease(&ask(record, &wish, prompt), reserved).await;
            }
        }
        let reservation = reserved.map_err(|refusal| self.refuse(&refusal, wish.is_plain))?;
        self.tell_shadows(reservation.shadowed().iter());
        let intent = Entry::Intent(entries::intent(record, wish.streamed, prompt.tokens, reservation.charges()));
        let slot = self.journal.append_opening(&codec::encode(&intent)).map_err(|error| self.unavailable(&error))?;
        let announced = (record.model.clone(), record.started);
        Ok(Metered::new(slot, reservation, wish, prompt, announced, self.learned.clone()))
    }

    /// Reserves with what other gateways leave to this one, which may have to be asked for first.
    async fn lease(&self, ask: &Ask<'_>, refused: Reserved) -> Reserved {
        match &self.leases {
            Some(leases) => leases.reserve(ask).await,
            None => refused,
        }
    }

    /// What is known of a prompt without counting it.
    pub(super) fn estimate(&self, record: &Record, wish: &Wish) -> Prompt {
        let Some(call) = &wish.call else { return Prompt::exact(0) };
        let model = record.model.as_deref().unwrap_or_default();
        let bytes = call.body.len() as u64;
        let tokens = self.learned.estimate_input(model, bytes, call.inline);
        Prompt::estimate(tokens, tokens::upper_bound(bytes, call.reads_more).max(tokens))
    }

    /// Tells what limits in shadow would have refused.
    pub(super) fn tell_shadows<'a>(&self, shadowed: impl Iterator<Item = &'a Refusal>) {
        shadowed.for_each(|refusal| self.telemetry.metrics.limit_shadowed(refusal.kind.word()));
    }

    fn refuse(&self, refusal: &Refusal, is_plain: bool) -> Refused {
        self.telemetry.metrics.limit_refused(refusal.kind.word());
        Refused { fault: refused::fault(refusal, is_plain), standing: refusal.standing }
    }

    /// The journal does not take the request.
    pub(super) fn unavailable(&self, error: &JournalError) -> Refused {
        if let Some(unsaid) = self.unwritten.due(self.clock.ticks()) {
            tracing::error!(%error, unsaid, "requests are refused because the ledger cannot take them");
        }
        unavailable()
    }

    /// An exchange that ended without having been let through: kept when it is known whose it is.
    pub(super) fn note(&self, record: &Record) {
        if record.subscription.is_none() && record.product.is_none() {
            return;
        }
        let took = self.clock.ticks().since(record.started);
        let intent = entries::intent(record, record.streamed, 0, Vec::new());
        let settle = entries::settle(record, took, None, Vec::new(), record.model.as_ref());
        if let Some((intent, settle)) = self.refused_rows.take(intent, settle, self.clock.ticks()) {
            self.write_refused(intent, settle);
        }
    }

    /// Writes down the refused requests that were too many for a row each; to be called every few seconds, and at the
    /// end.
    pub fn write_gathered(&self) {
        for (intent, settle) in self.refused_rows.gathered(self.clock.ticks()) {
            self.write_refused(intent, settle);
        }
    }

    fn write_refused(&self, intent: Intent, settle: Settle) {
        let request_id = intent.id;
        let entry = codec::encode(&Entry::Refused(intent, settle));
        if let Err(error) = self.journal.append_whole(&entry) {
            self.telemetry.metrics.ledger_row_dropped();
            tracing::debug!(%error, %request_id, "a refused request was not written to the ledger");
        }
    }

    /// What a settled request taught; `heard`: what was counted of its answer here, where it was.
    pub(super) fn learn(&self, record: &Record, call: &ModelCall, heard: Option<u64>) {
        let is_session = call.surface == Surface::Realtime;
        if record.certainty != tollgate_providers::Certainty::Exact || is_session {
            return;
        }
        let Some(model) = &record.model else { return };
        let subscription = record.subscription.as_ref().map_or("", |subscription| subscription.as_str());
        let (bytes, input) = (call.body.len() as u64, record.usage.input_total());
        if let Some(error) = self.learned.learn_input(model, bytes, call.inline, input) {
            self.telemetry.metrics.token_estimate_error(model, error);
        }
        // Reasoning is not heard, or not all of it.
        if let Some(heard) = heard.filter(|_| record.usage.reasoning.unwrap_or(0) == 0) {
            let answering = record.upstream_model.as_ref().unwrap_or(&call.upstream_model);
            self.learned.learn_count(answering, heard, record.usage.output_total());
        }
        if consumed::generates(call.surface) {
            self.learned.learn_output(subscription, model, record.usage.output_total());
        }
    }

    /// Tells what a settlement did beyond settling.
    pub(super) fn tell(&self, settled: Settled) {
        for overrun in settled.overruns {
            if overrun.rule.counted.is_tokens() {
                self.telemetry.metrics.ledger().overrun(u64::try_from(overrun.amount).unwrap_or(0));
            }
            tracing::warn!(account = %overrun.account, amount = overrun.amount, "a quota was exceeded by what could not be stopped");
        }
        settled.crossed.into_iter().for_each(|crossed| (self.crossed)(crossed));
    }
}

type Reserved = Result<Reservation, Box<Refusal>>;

fn lacks(reserved: &Reserved, what: RefusalKind) -> bool {
    matches!(reserved, Err(refusal) if refusal.kind == what)
}

/// A wish as the limits take it.
pub(super) fn ask<'a>(record: &Record, wish: &'a Wish, prompt: Prompt) -> Ask<'a> {
    Ask {
        scopes: &wish.scopes,
        prompt,
        output: wish.output,
        bytes_in: wish.bytes_in,
        rates: rates(record, wish, prompt),
        streamed: wish.streamed,
    }
}

/// What tokens cost at worst at any backend that may answer; asked for only where money is limited.
fn rates(record: &Record, wish: &Wish, prompt: Prompt) -> Option<Rates> {
    let is_money = |scope: &Scope| scope.rule().counted == crate::limits::Counted::Nanos;
    let Some(call) = wish.call.as_ref().filter(|_| wish.scopes.iter().any(is_money)) else {
        return Some(Rates::default());
    };
    let mut worst = Rates::default();
    for backend in &call.backends {
        let found = call.book.rates(&call.asked(record, backend), prompt.upper, call.inline.parts > 0)?;
        worst.input_per_million = worst.input_per_million.max(found.input_per_million);
        worst.output_per_million = worst.output_per_million.max(found.output_per_million);
        worst.request = worst.request.max(found.request);
    }
    Some(worst)
}

impl ModelCall {
    /// What its report may claim at most.
    pub(super) fn possible(&self, output: &Output) -> Possible {
        Possible::of(&self.upstream_model, self.body.len() as u64, self.inline, self.reads_more, output)
    }

    fn asked<'a>(&'a self, record: &'a Record, backend: &'a BackendId) -> Asked<'a> {
        let upstream_model = record.upstream_model.as_deref().or(Some(&*self.upstream_model));
        let (model, at) = (record.model.as_deref(), record.time);
        Asked { model, upstream_model, backend, at, batch: false, service_tier: None }
    }

    /// What the recorded usage cost; `None`: unpriced, or nobody answered.
    pub(super) fn price(&self, record: &Record) -> Option<Cost> {
        let backend = record.backend.as_ref()?;
        self.book.price(&self.asked(record, backend), &record.usage)
    }
}

/// Counts the prompt; what cannot be bounded makes the wish unbounded.
pub(super) async fn count(wish: &mut Wish) -> Prompt {
    let Some(call) = &wish.call else { return Prompt::exact(0) };
    let count = tokens::count_prompt(call.surface, &call.upstream_model, call.body.clone()).await;
    wish.output.is_boundable &= count.unbounded.is_empty();
    if count.is_exact {
        return Prompt::exact(count.tokens);
    }
    Prompt::bounded(count.tokens, count.upper_bound.min(largest_prompt(wish)).max(count.tokens))
}

/// The largest prompt for which all token quotas could still pay: a bound beyond it would refuse, as larger than the
/// whole limit, what is likely to fit.
fn largest_prompt(wish: &Wish) -> u64 {
    let quotas = wish.scopes.iter().map(Scope::rule).filter(|rule| rule.is_quota() && rule.counted.is_tokens());
    let fits = |rule: &Arc<Rule>| {
        let least = rule.min_output.saturating_mul(wish.output.choices.max(1));
        u64::try_from(rule.limit).unwrap_or(0).saturating_sub(least)
    };
    quotas.map(fits).min().unwrap_or(u64::MAX)
}

fn unavailable() -> Refused {
    let message = "The usage ledger cannot take the request at the moment. Nothing was sent; try again shortly.";
    let fault = Fault::new(FaultKind::LedgerUnavailable, message).retry_after(Some(LEDGER_RETRY));
    Refused { fault, standing: Standing::default() }
}
