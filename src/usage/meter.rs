//! The seam between a request and what it is charged: reserve on every scope, announce in the journal, settle once.
//!
//! The protocol is ACCOUNTING; counting in memory is `limits`, keeping is `journal`, what a request asks for is put
//! together by `gateway`. Nothing here waits for the database.

use std::sync::Arc;

use bytes::Bytes;
use tollgate_providers::Surface;

use super::{Settlement, codec, entries, metered::Metered, refused};
use crate::{
    exchange::{Entry, Fault, FaultKind, Record},
    journal::Journal,
    limits::{Ask, Limits, Output, Prompt, Rates, RefusalKind, Reservation, Scope},
    model::Clock,
    pricing::Book,
    telemetry::Telemetry,
    tokens::{self, Learned},
};

/// What every exchange's metering shares.
pub struct Meter {
    /// The counters.
    pub limits: Arc<Limits>,
    /// Where requests are announced and settled.
    pub journal: Arc<Journal>,
    /// What was learned of models and their answers.
    pub learned: Arc<Learned>,
    /// Time.
    pub clock: Clock,
    /// Where overruns and refusals are told.
    pub telemetry: Arc<Telemetry>,
}

/// What a request wants to use.
pub struct Wish {
    /// The counters it counts on.
    pub scopes: Vec<Scope>,
    /// The model call; `None`: a plain API, or a call that consumes no tokens.
    pub call: Option<ModelCall>,
    /// Body bytes, as far as known.
    pub bytes_in: u64,
    /// Whether refusals are told in APIM's words.
    pub is_plain: bool,
}

/// What a model call may use.
#[derive(Clone)]
pub struct ModelCall {
    /// Which endpoint.
    pub surface: Surface,
    /// The caller's body: counted when an estimate is not enough.
    pub body: Bytes,
    /// The model as its backend names it: decides the tokenizer.
    pub upstream_model: Arc<str>,
    /// What may come out.
    pub output: Output,
    /// What tokens cost at worst.
    pub rates: Option<Rates>,
    /// What the model costs.
    pub book: Arc<Book>,
    /// Whether the caller asked for usage in the stream.
    pub asked_usage: bool,
}

impl Meter {
    /// Reserves on all scopes and announces the request; after this it may be sent.
    pub async fn admit(&self, settlement: &mut Settlement, wish: Wish) -> Result<(), Fault> {
        let mut prompt = self.estimate(settlement, &wish);
        let first = self.reserve(settlement, &wish, prompt);
        let reserved = match first {
            Err(refusal) if refusal.kind == RefusalKind::NeedsExactInput => {
                prompt = counted(&wish).await;
                self.reserve(settlement, &wish, prompt)
            }
            decided => decided,
        };
        let reservation = reserved.map_err(|refusal| {
            settlement.standing = refusal.standing;
            refused::fault(&refusal, wish.is_plain)
        })?;
        self.announce(settlement, wish, prompt, reservation).await
    }

    fn estimate(&self, record: &Record, wish: &Wish) -> Prompt {
        let Some(call) = &wish.call else { return Prompt::exact(0) };
        let model = record.model.as_deref().unwrap_or_default();
        let bytes = call.body.len() as u64;
        Prompt::estimate(self.learned.estimate_input(model, bytes), tokens::upper_bound(bytes))
    }

    fn reserve(&self, record: &Record, wish: &Wish, prompt: Prompt) -> Result<Reservation, Box<crate::limits::Refusal>> {
        self.limits.reserve(&self.ask(record, wish, prompt))
    }

    fn ask<'a>(&self, record: &Record, wish: &'a Wish, prompt: Prompt) -> Ask<'a> {
        let call = wish.call.as_ref();
        Ask {
            scopes: &wish.scopes,
            prompt,
            output: call.map_or_else(none, |call| call.output),
            bytes_in: wish.bytes_in,
            rates: call.map_or(Some(Rates::default()), |call| call.rates),
            streamed: record.streamed,
        }
    }

    async fn announce(
        &self,
        settlement: &mut Settlement,
        wish: Wish,
        prompt: Prompt,
        reservation: Reservation,
    ) -> Result<(), Fault> {
        let intent = Entry::Intent(entries::intent(settlement, prompt.tokens, reservation.charges()));
        let slot = self.journal.append_opening(&codec::encode(&intent)).map_err(|error| unavailable(&error))?;
        let metered = Metered::new(slot, reservation, wish.call, prompt, settlement.model.clone());
        let durable = metered.durable();
        settlement.metered = Some(Box::new(metered));
        Ok(())
    }
}

/// Nothing comes out.
fn none() -> Output {
    Output { caller_cap: Some(0), ..Output::default() }
}

async fn counted(wish: &Wish) -> Prompt {
    let Some(call) = &wish.call else { return Prompt::exact(0) };
    let count = tokens::count_prompt(call.surface, &call.upstream_model, call.body.clone()).await;
    if count.is_exact { Prompt::exact(count.tokens) } else { Prompt::bounded(count.tokens, count.upper_bound) }
}

fn unavailable(error: &crate::journal::JournalError) -> Fault {
    tracing::error!(%error, "a request was refused because the ledger cannot take it");
    let message = "The usage ledger cannot take the request at the moment. Nothing was sent; try again shortly.";
    Fault::new(FaultKind::LedgerUnavailable, message).retry_after(Some(std::time::Duration::from_secs(1)))
}
