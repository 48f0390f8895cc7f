//! The guard that ends an exchange.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use tollgate_providers::{Surface, Usage, tap::Tap};

use crate::{
    exchange::{AttemptRecord, Fault, Outcome, Record, Saved, Watcher},
    limits::{RefusalKind, Standing},
    model::{BackendId, clock::Ticks},
    telemetry::metrics::Opened,
};

use super::{Metered, Sink, Stop, Wish, refused};

/// Owns the record of an open exchange. Dropping it settles: so a task that is cancelled or panics settles as
/// "client gone", and nothing can settle twice.
pub struct Settlement {
    record: Box<Record>,
    /// What it holds, once it has been let through.
    metered: Option<Box<Metered>>,
    /// Where the caller stood when it was refused.
    refused_at: Option<Box<Standing>>,
    sink: Arc<Sink>,
    /// The try that is under way, of which nothing was heard yet.
    underway: Option<Underway>,
    /// Counts the exchange as in flight while it is held.
    opened: Opened,
    /// Who is told of the record at the end.
    watchers: Vec<Watcher>,
    /// Somebody else pays for the answer: what it would have cost, in 10⁻⁹ of the currency's unit.
    saves: Option<Worth>,
}

/// What an answer would have cost.
pub type Worth = Box<dyn Fn(&Usage) -> i64 + Send + Sync>;

/// A try at a backend that has neither given an answer nor failed.
struct Underway {
    backend: BackendId,
    began: Ticks,
}

impl Settlement {
    /// Opens an exchange.
    #[must_use]
    pub fn open(record: Record, sink: Arc<Sink>) -> Self {
        let opened = sink.opened();
        Self {
            record: Box::new(record),
            metered: None,
            refused_at: None,
            underway: None,
            sink,
            opened,
            watchers: Vec::new(),
            saves: None,
        }
    }

    /// The answer is an event stream.
    pub fn streams(&mut self) {
        self.record.streamed = true;
        self.opened.streams();
    }

    /// Lets it through: reserves what `wish` asks for and announces it. After this it may be sent.
    pub async fn admit(&mut self, wish: Wish) -> Result<(), Fault> {
        let sink = self.sink.clone();
        let admitted = sink.meter().admit(&self.record, wish).await;
        let metered = admitted.map_err(|refused| {
            self.refused_at = Some(Box::new(refused.standing));
            refused.fault
        })?;
        // Held by its exchange before it is waited for: whoever leaves meanwhile settles what was announced.
        let metered = self.metered.insert(Box::new(metered));
        metered.durable().await.map_err(|error| sink.meter().unavailable(&error).fault)
    }

    /// A try begins: from here on the backend may read the prompt, whether or not anybody waits for the answer.
    pub fn trying(&mut self, backend: &BackendId) {
        self.underway = Some(Underway { backend: backend.clone(), began: self.sink.now() });
    }

    /// The try under way has given an answer, or failed.
    pub fn tried(&mut self, attempt: AttemptRecord) {
        self.underway = None;
        self.record.attempts.push(attempt);
    }

    /// The try under way took longer than a bound from outside allows.
    pub fn was_late(&mut self) {
        let Some(Underway { backend, began }) = self.underway.take() else { return };
        let (since, took) = (began.since(self.record.started), self.sink.now().since(began));
        self.record.attempts.push(AttemptRecord { backend, status: None, fault: Some("timeout"), began: since, took });
    }

    /// Nobody waited for the answer: what was sent is charged, and the try is told of.
    fn leave(&mut self, underway: Underway) {
        let Underway { backend, began } = underway;
        let (since, took) = (began.since(self.record.started), self.sink.now().since(began));
        let attempt = AttemptRecord { backend, status: None, fault: Some("client_gone"), began: since, took };
        if let Some(metered) = &self.metered {
            metered.consume_prompt(&mut self.record, &attempt.backend);
        }
        self.record.attempts.push(attempt);
    }

    /// Moves what is held to what another model or backend needs; a refusal leaves everything as it is.
    pub async fn move_to(&mut self, wish: Wish) -> Result<(), Fault> {
        let Some(metered) = &mut self.metered else { return Ok(()) };
        let is_plain = wish.is_plain;
        let moved = metered.move_to(self.sink.meter(), &self.record, wish).await;
        moved.map_err(|refusal| refused::fault(&refusal, is_plain))
    }

    /// Has one counter count so many units of this exchange, whatever it uses.
    pub fn count_as(&mut self, account: &str, units: u64) {
        if let Some(metered) = &mut self.metered {
            metered.count_as(account, units);
        }
    }

    /// Tells `watcher` of the record at the end.
    pub fn watch(&mut self, watcher: Watcher) {
        self.watchers.push(watcher);
    }

    /// Where the caller stands with its limits, as far as they were asked.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let refused_at = || self.refused_at.as_deref().copied();
        self.metered.as_ref().map(|metered| metered.standing()).or_else(refused_at).unwrap_or_default()
    }

    /// What it holds, once it has been let through.
    #[must_use]
    pub fn metered(&self) -> Option<&Metered> {
        self.metered.as_deref()
    }

    /// Output tokens that a call of this subscription and model is likely to take, if that was learned.
    #[must_use]
    pub fn likely_output(&self, subscription: &str, model: &str) -> Option<u64> {
        self.sink.meter().learned.likely_output(subscription, model)
    }

    /// Whether so many bytes more of an answer might exceed what is held: then its events are looked at one by one.
    #[must_use]
    pub fn is_tight(&self, tap: &Tap, more_bytes: usize) -> bool {
        !self.is_saved() && self.metered.as_ref().is_some_and(|metered| metered.is_tight(&self.record, tap, more_bytes))
    }

    /// The answer has come so far: keeps what is held ahead of it.
    pub fn delivered(&mut self, tap: &mut Tap) -> Result<(), Stop> {
        let Some(metered) = self.metered.as_mut().filter(|_| self.saves.is_none()) else { return Ok(()) };
        metered.delivered(&self.record, tap, self.sink.now())
    }

    /// The answer is another call's, who pays for it: what it uses is saved here.
    pub fn saves(&mut self, worth: Worth) {
        self.saves = Some(worth);
    }

    /// Whether the answer is another call's.
    #[must_use]
    pub const fn is_saved(&self) -> bool {
        self.saves.is_some()
    }

    /// Asks for the lease whose lack is why the stream would stop; whether it has come, or finally none will. `None`:
    /// it would stop for another reason.
    #[must_use]
    pub fn lease(&self, stop: &Stop) -> Option<BoxFuture<'static, bool>> {
        let Stop::Spent(refusal) = stop else { return None };
        let leases = self.sink.meter().leases.clone().filter(|_| refusal.kind == RefusalKind::Unleased)?;
        let refusal = refusal.clone();
        Some(Box::pin(async move { leases.cover_stream(&refusal).await }))
    }

    /// What was consumed of an answer, into the record.
    pub fn consume(&mut self, tap: &mut Tap, is_whole: bool) {
        if let Some(worth) = &self.saves {
            let usage = tap.usage();
            self.record.saved = Saved { tokens: usage.total(), nanos: worth(&usage) };
            return;
        }
        match &mut self.metered {
            Some(metered) => metered.consume(self.sink.meter(), &mut self.record, tap, is_whole),
            None => self.record.usage = tap.usage(),
        }
    }

    /// The end of it, after [`Self::consume`]: keeps what can only be counted later. The tap is of no use after that.
    pub fn keep_words(&mut self, tap: &mut Tap) {
        if let Some(metered) = self.metered.as_mut().filter(|_| self.saves.is_none()) {
            metered.keep_words(tap);
        }
    }

    /// Whether it is a session of several responses, metered by their reports.
    #[must_use]
    pub fn is_session(&self) -> bool {
        let call = self.metered.as_ref().and_then(|metered| metered.call());
        call.is_some_and(|call| call.surface == Surface::Realtime)
    }

    /// The responses of a session have used so much: keeps what is held ahead of the next one.
    pub fn session_used(&mut self, used: &Usage) -> Result<(), Stop> {
        let Some(metered) = &mut self.metered else { return Ok(()) };
        metered.session_used(&self.record, used, self.sink.now())
    }

    /// What a session has used in all, into the record.
    pub fn consume_session(&mut self, used: Usage, is_all: bool) {
        if let Some(metered) = &self.metered {
            metered.consume_session(&mut self.record, used, is_all);
        }
    }

    /// Whether something is charged by an estimate that a count can replace: nobody reported it.
    #[must_use]
    pub fn wants_count(&self) -> bool {
        !self.is_saved() && self.metered.as_ref().is_some_and(|metered| metered.wants_count(&self.record))
    }

    /// Counts in place of estimates. Takes as long as the prompt is, and the first time until tables are loaded.
    pub async fn count(&mut self) {
        if let Some(metered) = &mut self.metered {
            metered.count(&mut self.record).await;
        }
    }

    /// Ends the exchange now, with `outcome`.
    pub fn end(mut self, outcome: Outcome) {
        self.record.outcome = outcome;
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        if let Some(underway) = self.underway.take().filter(|_| self.record.outcome == Outcome::ClientGone) {
            self.leave(underway);
        }
        self.sink.settle(&self.record, self.metered.take());
        for watcher in self.watchers.drain(..) {
            watcher(&self.record);
        }
    }
}

impl Deref for Settlement {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

impl DerefMut for Settlement {
    fn deref_mut(&mut self) -> &mut Record {
        &mut self.record
    }
}
