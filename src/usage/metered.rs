//! A request that has been let through: what it holds, its place in the journal, and how both end.

use std::{sync::Arc, time::Duration};

use tollgate_providers::{
    Certainty, Delivered, OutputCount, Usage,
    tap::{Tap, Unheard},
};

use super::{
    codec,
    consumed::{self, Seen},
    entries,
    meter::{Meter, ModelCall, Wish, ask, count},
    possible::Possible,
};
use crate::{
    exchange::{Cost, Entry, Outcome, Record},
    journal::Slot,
    limits::{Prompt, Refusal, RefusalKind, Reservation, Standing, Used},
    model::{BackendId, clock::Ticks},
    tokens::{self, Learned},
};

/// After so many delivered tokens the journal is told how far a stream is (ACCOUNTING section 4).
const PROGRESS_TOKENS: u64 = 256;
/// After so much time as well.
const PROGRESS_TIME: Duration = Duration::from_secs(2);

/// A session is ended when less than this is left for its next response: a usual one, with what it reads.
const SESSION_AHEAD: u64 = 1_024;

/// For so many leases a request that moves waits, one after another.
const MOST_WAITS: u32 = 4;

/// By so many tokens an estimate may exceed a small bound and be taken for the bound.
const BOUND_SLACK: u64 = 16;

/// What a request that may be sent holds.
pub struct Metered {
    slot: Slot,
    reservation: Reservation,
    /// The backend whose limits are among those it is held on.
    at: Option<BackendId>,
    call: Option<ModelCall>,
    /// What its report may claim.
    possible: Option<Possible>,
    /// Tokens of the prompt as they were estimated or counted before sending.
    prompt: u64,
    /// What they cannot exceed.
    most_prompt: u64,
    /// Whether they were counted.
    is_counted: bool,
    /// Whether they are what is charged, because nobody reported the prompt.
    charges_prompt: bool,
    /// The model that the announcement names.
    announced: Option<Arc<str>>,
    told: Progress,
    /// What was counted of the answer, where that was needed while it passed.
    heard: Option<u64>,
    /// The answer's words, where they could not be counted at its end, and what else is known of it.
    unheard: Option<Box<(Unheard, Seen)>>,
    /// What is known of an answer whose words were estimated.
    estimated: Option<Box<Seen>>,
    learned: Arc<Learned>,
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
        wish: Wish,
        prompt: Prompt,
        announced: (Option<Arc<str>>, Ticks),
        learned: Arc<Learned>,
    ) -> Self {
        let (announced, at) = announced;
        let (told, is_counted) = (Progress { tokens: 0, at }, prompt.is_final);
        Self {
            slot,
            reservation,
            at: wish.at,
            possible: wish.call.as_ref().map(|call| call.possible(&wish.output)),
            call: wish.call,
            prompt: prompt.tokens,
            most_prompt: prompt.upper,
            is_counted,
            charges_prompt: false,
            announced,
            told,
            heard: None,
            unheard: None,
            estimated: None,
            learned,
        }
    }

    /// Waits until the announcement is as durable as the settings ask for.
    pub async fn durable(&self) -> Result<(), crate::journal::JournalError> {
        self.slot.durable().await
    }

    /// Has one counter count so many units, whatever is used.
    pub fn count_as(&mut self, account: &str, units: u64) {
        self.reservation.count_as(account, units);
    }

    /// What is held on the counter `account`, in its units.
    #[must_use]
    pub fn held(&self, account: &str) -> i64 {
        self.reservation.held(account)
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

    /// Tokens of the prompt, as they were estimated or counted before sending.
    #[must_use]
    pub const fn prompt(&self) -> u64 {
        self.prompt
    }

    /// The backend whose limits are among those it is held on.
    #[must_use]
    pub const fn at(&self) -> Option<&BackendId> {
        self.at.as_ref()
    }

    /// The model call that was let through.
    #[must_use]
    pub const fn call(&self) -> Option<&ModelCall> {
        self.call.as_ref()
    }

    /// Whether so many bytes more of an answer might exceed what is held: then its events are looked at one by one.
    #[must_use]
    pub fn is_tight(&self, record: &Record, tap: &Tap, more_bytes: usize) -> bool {
        !self.reservation.covers(self.at_most(record, tap).saturating_add(more_bytes as u64))
    }

    /// The answer has come so far: keeps the reservation ahead of it and tells the journal now and then.
    pub fn delivered(&mut self, record: &Record, tap: &mut Tap, now: Ticks) -> Result<(), Stop> {
        if !self.reservation.covers(self.at_most(record, tap)) {
            let output = self.output_so_far(record, tap);
            self.keep_ahead(record, output)?;
        }
        // Counting for the sake of a crash would cost every stream more than anything else does.
        let likely = tap.delivered().likely();
        if likely.saturating_sub(self.told.tokens) >= PROGRESS_TOKENS || now.since(self.told.at) >= PROGRESS_TIME {
            self.tell_progress(record, likely, now);
        }
        Ok(())
    }

    /// A bound of what has been delivered, in the model's own tokens.
    fn at_most(&self, record: &Record, tap: &Tap) -> u64 {
        let delivered = tap.delivered();
        if delivered.counted_tokens == 0 {
            return delivered.uncounted_bytes;
        }
        let counted = OutputCount { tokens: delivered.counted_tokens, is_exact: true };
        self.own_tokens(record, counted).saturating_add(delivered.uncounted_bytes)
    }

    /// What has been generated, for all that is known: what was reported counts where it can be, and an estimate is no
    /// reason to hold more than there can be.
    fn output_so_far(&self, record: &Record, tap: &mut Tap) -> u64 {
        let (mut count, delivered) = (tap.output_tokens(), tap.delivered());
        if self.possible.is_some_and(|possible| !possible.allows_output(count.tokens, &delivered, 0)) {
            count = tap.counted_tokens();
        }
        let tokens = self.own_tokens(record, count);
        match self.reservation.bound() {
            Some(bound) if !count.is_exact && tokens <= bound.saturating_add(bound / 4).saturating_add(BOUND_SLACK) => {
                tokens.min(bound)
            }
            _ => tokens,
        }
    }

    /// What our count is in the tokens of the model that answers.
    fn own_tokens(&self, record: &Record, count: OutputCount) -> u64 {
        let asked = self.call.as_ref().map(|call| &call.upstream_model);
        let Some(model) = record.upstream_model.as_ref().or(asked) else { return count.tokens };
        self.learned.scaled(model, count)
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

    /// Moves to what another model or backend needs; a refusal leaves everything as it is. Waits for leases, and for a
    /// count of the prompt where an estimate is not enough.
    pub async fn move_to(&mut self, meter: &Meter, record: &Record, mut wish: Wish) -> Result<(), Box<Refusal>> {
        let mut prompt = self.prompt_at(meter, record, &wish);
        let (mut waits, told) = (0, self.accounts_in_shadow());
        while let Err(refusal) = self.reservation.move_to(&ask(record, &wish, prompt)) {
            match (refusal.kind, &meter.leases) {
                (RefusalKind::NeedsExactInput, _) if !prompt.is_final => prompt = count(&mut wish).await,
                (RefusalKind::Unleased, Some(leases)) if waits < MOST_WAITS && leases.cover(&refusal).await => {
                    waits += 1;
                }
                (_, leases) => {
                    let refusal = leases.iter().fold(refusal, |refusal, leases| leases.told(refusal));
                    meter.telemetry.metrics.limit_refused(refusal.kind.word());
                    return Err(refusal);
                }
            }
        }
        meter.tell_shadows(self.reservation.shadowed().iter().filter(|refusal| !told.contains(&refusal.account)));
        self.possible = wish.call.as_ref().map(|call| call.possible(&wish.output));
        (self.call, self.at) = (wish.call, wish.at);
        (self.prompt, self.most_prompt, self.is_counted) = (prompt.tokens, prompt.upper, prompt.is_final);
        let entry = Entry::Reserved { id: record.id, charges: self.reservation.charges() };
        if let Err(error) = self.slot.append(&codec::encode(&entry)) {
            tracing::error!(%error, request_id = %record.id, "a moved reservation was not written");
        }
        Ok(())
    }

    fn accounts_in_shadow(&self) -> Vec<Arc<str>> {
        self.reservation.shadowed().iter().map(|refusal| refusal.account.clone()).collect()
    }

    /// The prompt as it is known; another tokenizer counts anew.
    fn prompt_at(&self, meter: &Meter, record: &Record, wish: &Wish) -> Prompt {
        let model = |call: &ModelCall| call.upstream_model.clone();
        if self.is_counted && self.call.as_ref().map(model) == wish.call.as_ref().map(model) {
            return Prompt::bounded(self.prompt, self.most_prompt);
        }
        meter.estimate(record, wish)
    }

    /// What was consumed of an answer, and how sure that is, into the record. Only what nobody reported is counted.
    pub fn consume(&mut self, meter: &Meter, record: &mut Record, tap: &mut Tap, is_whole: bool) {
        let Some(call) = &self.call else {
            record.usage = Usage::default();
            return;
        };
        if !is_whole {
            tap.cut();
        }
        self.heard = heard(&tap.delivered());
        let is_answer = (200..300).contains(&record.status) || tap.delivered().text_bytes > 0;
        let reported = self.believe(meter, record, tap);
        if !is_answer {
            record.usage = reported;
            return;
        }
        let is_told = is_whole && (consumed::tells_output(&reported) || !consumed::generates(call.surface));
        let count = match (is_told, reported == tap.usage()) {
            (true, _) => OutputCount { tokens: 0, is_exact: true },
            (false, true) => tap.output_tokens(),
            (false, false) => tap.counted_tokens(),
        };
        self.charges_prompt = !consumed::tells_input(&reported);
        let seen = Seen { reported, is_whole, prompt: self.prompt, generated: self.own_tokens(record, count) };
        (record.usage, record.certainty) = consumed::consumed(call.surface, &seen);
        self.estimated = (!count.is_exact).then(|| Box::new(seen));
    }

    /// Keeps the words that [`Self::consume`] could only estimate because tables were being loaded, for
    /// [`Self::count`]. The tap is of no use after that.
    pub fn keep_words(&mut self, tap: &mut Tap) {
        let Some(seen) = self.estimated.take() else { return };
        self.unheard = tap.unheard().map(|words| Box::new((words, *seen)));
    }

    /// What was reported, as far as it can be.
    fn believe(&self, meter: &Meter, record: &Record, tap: &Tap) -> Usage {
        let reported = tap.usage();
        let Some(possible) = &self.possible else { return reported };
        let body_bytes = if record.streamed { 0 } else { record.bytes_out };
        let (usage, is_lie) = possible.believable(reported, &tap.delivered(), body_bytes);
        if is_lie {
            meter.telemetry.metrics.ledger().implausible();
            let (input, output) = (reported.input_total(), reported.output_total());
            let backend = record.attempts.last().map(|attempt| attempt.backend.as_str());
            tracing::warn!(request_id = %record.id, backend, input, output, "a backend reported usage that cannot be; it is counted here instead");
        }
        usage
    }

    /// All responses of a session have used so much: keeps the reservation ahead of the next one. What goes in counts
    /// as well, since every response reads the session again.
    pub fn session_used(&mut self, record: &Record, used: &Usage, now: Ticks) -> Result<(), Stop> {
        self.keep_ahead(record, used.total().saturating_add(SESSION_AHEAD))?;
        self.tell_progress(record, used.total(), now);
        Ok(())
    }

    /// What a session has used, into the record.
    pub fn consume_session(&self, record: &mut Record, used: Usage, is_all: bool) {
        record.usage = used;
        record.certainty = if is_all { Certainty::Exact } else { Certainty::LowerBound };
        if let Some(call) = &self.call {
            record.upstream_model.get_or_insert_with(|| call.upstream_model.clone());
        }
    }

    /// Nobody waited for the answer of `backend`: it may have read the prompt, and written what nobody will know.
    pub fn consume_prompt(&self, record: &mut Record, backend: &BackendId) {
        let Some(call) = &self.call else { return };
        record.usage = Usage { input: Some(self.prompt), ..Usage::default() };
        record.certainty = Certainty::LowerBound;
        record.backend = Some(backend.clone());
        record.upstream_model.get_or_insert_with(|| call.upstream_model.clone());
    }

    /// Whether something is charged by an estimate that a count can replace.
    #[must_use]
    pub fn wants_count(&self, record: &Record) -> bool {
        self.unheard.is_some() || self.wants_prompt(record)
    }

    fn wants_prompt(&self, record: &Record) -> bool {
        self.call.is_some() && !self.is_counted && self.charges_prompt && record.usage.input == Some(self.prompt)
    }

    /// Counts the prompt, and the answer's words for which there were no tables yet, in place of their estimates.
    pub async fn count(&mut self, record: &mut Record) {
        let wants_prompt = self.wants_prompt(record);
        let Some(call) = &self.call else { return };
        if let Some((words, seen)) = self.unheard.take().map(|unheard| *unheard) {
            let model = record.upstream_model.as_ref().unwrap_or(&call.upstream_model);
            let count = tokens::count_words(model, words).await;
            let reported = seen.reported.output_total();
            let count = OutputCount { tokens: count.tokens.max(reported), ..count };
            let seen = Seen { generated: self.own_tokens(record, count), ..seen };
            (record.usage, record.certainty) = consumed::consumed(call.surface, &seen);
        }
        if wants_prompt {
            let count = tokens::count_prompt(call.surface, &call.upstream_model, call.body.clone()).await;
            record.usage.input = Some(count.tokens);
        }
    }

    /// Ends it: the counters, then the journal.
    pub fn settle(self, meter: &Meter, record: &Record) {
        let cost = self.cost(record);
        let used = used(record, cost.as_ref());
        let is_budgeted = self.reservation.counts_money();
        let settled = self.reservation.settle(&used);
        if is_budgeted && cost.is_none() && record.usage.total() > 0 {
            meter.telemetry.metrics.ledger().unpriced();
        }
        self.call.iter().for_each(|call| meter.learn(record, call, self.heard));
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

/// Tokens of everything that was said, as far as they were counted while it passed: what was counted stands for what
/// was not, unless that is the larger part.
fn heard(delivered: &Delivered) -> Option<u64> {
    let counted_bytes = delivered.text_bytes.saturating_sub(delivered.uncounted_bytes);
    if delivered.counted_tokens == 0 || delivered.has_media || counted_bytes < delivered.uncounted_bytes {
        return None;
    }
    let tokens = u128::from(delivered.counted_tokens) * u128::from(delivered.text_bytes) / u128::from(counted_bytes);
    u64::try_from(tokens).ok()
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
