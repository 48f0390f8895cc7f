//! A request that has been let through: what it holds, its place in the journal, and how both end.

use std::{sync::Arc, time::Duration};

use tollgate_providers::{
    Usage,
    tap::{Delivered, Tap},
};

use super::{
    codec,
    consumed::{self, Seen},
    entries,
    meter::{Meter, ModelCall, Wish, ask},
};
use crate::{
    exchange::{Cost, Entry, Outcome, Record},
    journal::Slot,
    limits::{Prompt, Refusal, Reservation, Standing, Used},
    model::clock::Ticks,
    tokens,
};

/// After so many delivered tokens the journal is told how far a stream is (ACCOUNTING section 4).
const PROGRESS_TOKENS: u64 = 256;
/// After so much time as well.
const PROGRESS_TIME: Duration = Duration::from_secs(2);

/// Bytes to a token of ordinary text in most tokenizers.
const USUAL_BYTES: u64 = 4;

/// What a request that may be sent holds.
pub struct Metered {
    slot: Slot,
    reservation: Reservation,
    call: Option<ModelCall>,
    /// Tokens of the prompt as they were estimated or counted before sending.
    prompt: u64,
    /// Whether they were counted.
    is_counted: bool,
    /// Whether they are what is charged, because nobody reported the prompt.
    charges_prompt: bool,
    /// The model that the announcement names.
    announced: Option<Arc<str>>,
    told: Progress,
}

/// How far the journal knows a stream to be.
struct Progress {
    tokens: u64,
    at: Ticks,
}

/// Why a stream must end.
#[derive(Debug)]
pub enum Stop {
    /// There is no more quota.
    Spent(Box<Refusal>),
    /// What would be used cannot be written down first.
    Unwritten,
}

impl Metered {
    /// A request that has just been announced.
    #[must_use]
    pub fn new(
        slot: Slot,
        reservation: Reservation,
        call: Option<ModelCall>,
        prompt: Prompt,
        announced: (Option<Arc<str>>, Ticks),
    ) -> Self {
        let (announced, at) = announced;
        let (told, is_counted) = (Progress { tokens: 0, at }, prompt.is_final);
        Self { slot, reservation, call, prompt: prompt.tokens, is_counted, charges_prompt: false, announced, told }
    }

    /// Waits until the announcement is as durable as the settings ask for.
    pub async fn durable(&self) -> Result<(), crate::journal::JournalError> {
        self.slot.durable().await
    }

    /// Output tokens per answer that the request has to be sent with; `None`: as it is.
    #[must_use]
    pub const fn cap(&self) -> Option<u64> {
        self.reservation.cap()
    }

    /// Where the caller stands.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.reservation.standing()
    }

    /// The model call that was let through.
    #[must_use]
    pub const fn call(&self) -> Option<&ModelCall> {
        self.call.as_ref()
    }

    /// Whether so many bytes more of an answer might exceed what is held: then its events are looked at one by one.
    #[must_use]
    pub fn is_tight(&self, tap: &Tap, more_bytes: usize) -> bool {
        !self.reservation.covers(tap.delivered().at_most().saturating_add(more_bytes as u64))
    }

    /// The answer has come so far: keeps the reservation ahead of it and tells the journal now and then.
    pub fn delivered(&mut self, record: &Record, tap: &Tap, now: Ticks) -> Result<(), Stop> {
        let at_most = tap.delivered().at_most();
        if !self.reservation.covers(at_most) {
            self.keep_ahead(record, tap.output_tokens().tokens)?;
        }
        let about = about(&tap.delivered());
        if about.saturating_sub(self.told.tokens) >= PROGRESS_TOKENS || now.since(self.told.at) >= PROGRESS_TIME {
            self.tell_progress(record, about, now);
        }
        Ok(())
    }

    fn keep_ahead(&mut self, record: &Record, output: u64) -> Result<(), Stop> {
        let has_changed = self.reservation.top_up(output).map_err(Stop::Spent)?;
        if has_changed {
            let entry = Entry::Reserved { id: record.id, charges: self.reservation.charges() };
            self.slot.append(&codec::encode(&entry)).map_err(|error| {
                tracing::error!(%error, request_id = %record.id, "a stream ends because the ledger cannot take more of it");
                Stop::Unwritten
            })?;
        }
        Ok(())
    }

    /// Only an estimate after a crash depends on it: a journal that cannot take it is no reason to stop.
    fn tell_progress(&mut self, record: &Record, output: u64, now: Ticks) {
        self.told = Progress { tokens: output, at: now };
        let entry = Entry::Progress { id: record.id, output_tokens: output };
        if let Err(error) = self.slot.append(&codec::encode(&entry)) {
            tracing::debug!(%error, request_id = %record.id, "progress was not written");
        }
    }

    /// Moves to what another model needs.
    pub fn move_to(&mut self, meter: &Meter, record: &Record, wish: Wish) -> Result<(), Box<Refusal>> {
        let mut prompt = meter.estimate(record, &wish);
        // The other model's tokenizer is near enough to the one that counted, and the bound holds for any.
        prompt.is_final = true;
        self.reservation.move_to(&ask(record, &wish, prompt))?;
        self.call = wish.call;
        let entry = Entry::Reserved { id: record.id, charges: self.reservation.charges() };
        if let Err(error) = self.slot.append(&codec::encode(&entry)) {
            tracing::error!(%error, request_id = %record.id, "a moved reservation was not written");
        }
        Ok(())
    }

    /// What was consumed of an answer, and how sure that is, into the record. Counting what nobody reported can take
    /// as long as a text is: see [`Metered::counts_long`].
    pub fn consume(&mut self, record: &mut Record, tap: &Tap, is_whole: bool) {
        let Some(call) = &self.call else {
            record.usage = Usage::default();
            return;
        };
        let is_answer = (200..300).contains(&record.status) || tap.delivered().text_bytes > 0;
        if !is_answer {
            record.usage = tap.usage();
            return;
        }
        let reported = tap.usage();
        let generated = if is_whole && reported.output_total() > 0 { 0 } else { tap.output_tokens().tokens };
        self.charges_prompt = !consumed::tells_input(&reported);
        let seen = Seen { reported, is_whole, prompt: self.prompt, generated };
        (record.usage, record.certainty) = consumed::consumed(call.surface, &seen);
    }

    /// Whether the prompt is charged by an estimate that a count can replace.
    #[must_use]
    pub fn wants_count(&self, record: &Record) -> bool {
        self.call.is_some() && !self.is_counted && self.charges_prompt && record.usage.input == Some(self.prompt)
    }

    /// Counts the prompt in place of its estimate.
    pub async fn count_prompt(&self, record: &mut Record) {
        let Some(call) = &self.call else { return };
        let count = tokens::count_prompt(call.surface, &call.upstream_model, call.body.clone()).await;
        record.usage.input = Some(count.tokens);
    }

    /// Ends it: the counters, then the journal.
    pub fn settle(self, meter: &Meter, record: &Record) {
        let cost = self.cost(record);
        let used = used(record, cost.as_ref());
        let settled = self.reservation.settle(&used);
        self.call.iter().for_each(|call| meter.learn(record, call));
        let took = meter.clock.ticks().since(record.started);
        let entry = entries::settle(record, took, cost, settled.amounts.clone(), self.announced.as_ref());
        self.slot.close(codec::encode(&Entry::Settle(entry)));
        meter.tell(settled);
    }

    fn cost(&self, record: &Record) -> Option<Cost> {
        let call = self.call.as_ref().filter(|_| record.usage.is_reported())?;
        call.price(record)
    }
}

/// Delivered tokens, without counting: loading tokenizers for an estimate after a crash would cost every stream.
fn about(delivered: &Delivered) -> u64 {
    delivered.counted_tokens.saturating_add(delivered.uncounted_bytes.div_ceil(USUAL_BYTES))
}

/// A call counts when it was tried anywhere, whatever came of it.
fn used(record: &Record, cost: Option<&Cost>) -> Used {
    Used {
        requests: u64::from(!record.attempts.is_empty() || record.outcome == Outcome::Complete),
        input: record.usage.input_total(),
        output: record.usage.output_total(),
        bytes: record.bytes_in.saturating_add(record.bytes_out),
        nanos: cost.map_or(0, |cost| cost.nanos),
    }
}
