//! Asking the backend: for an answer, or whether the one that is kept still holds.

use std::sync::Arc;

use bytes::BytesMut;
use http::{HeaderMap, StatusCode, Version, header};
use http_body::Body as _;

use super::{
    super::{
        answer::{Answer, Upstream},
        body,
        exchange::Exchange,
        headers, plain_dispatch,
    },
    Call,
    asking::Question,
    serving,
    taking::Taking,
};
use crate::{
    cache::http::{
        Entry, Lead, Place, Terms, conditions,
        terms::{Situation, initial_age},
    },
    exchange::{Blame, Fault},
    model::Timestamp,
};

/// A question to a backend.
pub struct Fetch {
    /// What the caller asks.
    pub question: Arc<Question>,
    /// Where the answer belongs.
    pub place: Place,
    /// The answer that is kept, stale as it is.
    pub entry: Option<Arc<Entry>>,
    /// Who waits for it.
    pub lead: Option<Lead>,
    /// Whether the path has just given nothing to keep.
    pub is_passing: bool,
}

impl Fetch {
    /// Whether others who ask the same may wait for its answer.
    #[must_use]
    pub fn is_worth_waiting_for(&self) -> bool {
        let Question { said, is_head, is_personal, .. } = &*self.question;
        let wants_its_own = said.no_cache || said.max_age.is_some_and(|longest| longest.is_zero());
        // What is stale at once is asked about by each for itself.
        let is_kept_in_vain = self.entry.as_ref().is_some_and(|entry| entry.terms.lifetime.is_zero());
        !(*is_head || *is_personal || wants_its_own || is_kept_in_vain)
    }

    /// Asks, and answers the caller.
    pub async fn run(mut self, exchange: &mut Exchange, call: Call<'_>) -> Result<Answer, Fault> {
        exchange.cache_status = Some("miss");
        if self.question.is_head {
            return plain_dispatch::send(exchange, call.pool, call.path, None).await;
        }
        let asks_about = self.condition(&mut exchange.parts.headers);
        let asked = exchange.gateway.clock.now();
        let sent = plain_dispatch::send(exchange, call.pool, call.path, None).await;
        if has_failed(&sent)
            && let Some(entry) = self.stand_in(exchange)
        {
            self.release();
            return Ok(serving::serve(exchange, &self.question, &entry, "hit; stale"));
        }
        let upstream = match sent {
            Ok(Answer::Upstream(upstream)) => upstream,
            other => {
                self.release();
                return other;
            }
        };
        match self.entry.take() {
            Some(entry) if asks_about && upstream.head.status == StatusCode::NOT_MODIFIED => {
                if entry.is_meant(&upstream.head.headers) {
                    return Ok(self.renew(exchange, upstream, &entry, asked));
                }
                drop(upstream);
                self.ask_anew(exchange, call).await
            }
            _ => Ok(self.take(exchange, upstream, asked)),
        }
    }

    /// The kept answer's conditions in place of the caller's: these are answered here. Whether there are any. Where
    /// nothing is likely to be kept, the caller's own go to the backend.
    fn condition(&self, headers: &mut HeaderMap) -> bool {
        if self.entry.is_none() && (self.is_passing || self.question.is_personal) {
            return false;
        }
        for name in &conditions::OURS {
            while headers.remove(name).is_some() {}
        }
        let questions = self.entry.as_ref().map(|entry| entry.questions()).unwrap_or_default();
        let asks_about = !questions.is_empty();
        headers.extend(questions);
        asks_about
    }

    /// What is given in place of a failure.
    fn stand_in(&self, exchange: &Exchange) -> Option<Arc<Entry>> {
        let now = exchange.gateway.clock.now();
        self.entry.clone().filter(|entry| entry.may_replace_failure(now))
    }

    fn release(&mut self) {
        self.lead.take().into_iter().for_each(Lead::release);
    }

    /// The backend speaks of another answer than the kept one: asked once more, without conditions.
    async fn ask_anew(mut self, exchange: &mut Exchange, call: Call<'_>) -> Result<Answer, Fault> {
        exchange.gateway.answers.remove(&self.place);
        self.condition(&mut exchange.parts.headers);
        let asked = exchange.gateway.clock.now();
        match plain_dispatch::send(exchange, call.pool, call.path, None).await {
            Ok(Answer::Upstream(upstream)) => Ok(self.take(exchange, upstream, asked)),
            other => {
                self.release();
                other
            }
        }
    }

    /// The kept answer still holds.
    fn renew(mut self, exchange: &mut Exchange, upstream: Box<Upstream>, entry: &Entry, asked: Timestamp) -> Answer {
        let now = exchange.gateway.clock.now();
        note_backend(exchange, &upstream);
        let mut head = upstream.head.headers;
        headers::strip_response(&mut head);
        let rules = &self.question.rules;
        let situation = Situation { rules, is_personal: self.question.is_personal, now };
        let (renewed, may_be_kept) =
            entry.renewed(head, (now, now.since(asked)), |status, headers| Terms::of(status, headers, &situation).ok());
        let answer = serving::serve(exchange, &self.question, &renewed, "hit; revalidated");
        let is_good_for_others = may_be_kept && !renewed.terms.lifetime.is_zero();
        let answers = &exchange.gateway.answers;
        let is_kept = may_be_kept && answers.put(&self.place, &self.question.asked, renewed);
        if !may_be_kept {
            answers.remove(&self.place);
        }
        match self.lead.take() {
            Some(lead) if is_kept && is_good_for_others => lead.kept(),
            _ => self.release(),
        }
        answer
    }

    /// A new answer: relayed, and kept on the way if it may be.
    fn take(mut self, exchange: &mut Exchange, upstream: Box<Upstream>, asked: Timestamp) -> Answer {
        let now = exchange.gateway.clock.now();
        let mut headers = upstream.head.headers.clone();
        headers::strip_response(&mut headers);
        let question = self.question.clone();
        let situation = Situation { rules: &question.rules, is_personal: question.is_personal, now };
        let terms = Terms::of(upstream.head.status, &headers, &situation)
            .and_then(|terms| is_takeable(&upstream, question.rules.max_body).map(|()| terms));
        let terms = match terms {
            Ok(terms) => terms,
            Err(why) => {
                tracing::trace!(request_id = %exchange.settlement.id, why, "the answer is not kept");
                self.leave(exchange, upstream.head.status);
                if conditions::has(&question.conditions, (upstream.head.status, &headers), (now, now)) {
                    note_backend(exchange, &upstream);
                    return serving::not_modified(headers);
                }
                return Answer::Upstream(upstream);
            }
        };
        if terms.lifetime.is_zero() {
            self.release();
        }
        self.lead.iter().for_each(Lead::coming);
        let age = initial_age(&headers, now, now.since(asked));
        Entry::clean(&mut headers);
        let head = (upstream.head.status, headers);
        let taking = Taking {
            gateway: exchange.gateway.clone(),
            question: question.clone(),
            place: self.place,
            lead: self.lead,
            head,
            terms,
            times: (asked, now),
            initial_age: age,
            gathered: BytesMut::new(),
            is_over: false,
        };
        relayed(exchange, &question, upstream, taking)
    }

    /// Nothing will be kept: the others need not wait, and what was kept before holds no longer.
    fn leave(&mut self, exchange: &Exchange, status: StatusCode) {
        let answers = &exchange.gateway.answers;
        if !status.is_server_error() {
            answers.remove(&self.place);
            if !self.question.is_personal {
                answers.shelf.passes(&self.question.asked);
            }
        }
        self.release();
    }
}

/// The answer with its copy. A caller who has it already gets that told, and it is read for the cache alone.
fn relayed(exchange: &mut Exchange, question: &Question, mut upstream: Box<Upstream>, taking: Taking) -> Answer {
    let (status, headers) = (taking.head.0, taking.head.1.clone());
    let now = taking.times.1;
    let largest = question.rules.max_body;
    upstream.original = Some(Box::new(taking));
    if !conditions::has(&question.conditions, (status, &headers), (now, now)) {
        return Answer::Upstream(upstream);
    }
    note_backend(exchange, &upstream);
    let reading = async move {
        if let Err(fault) = body::all(&mut upstream, largest).await {
            tracing::debug!(%fault.message, "an answer that was read for the cache alone broke off");
        }
    };
    exchange.gateway.services.outside.background.start(Box::pin(reading));
    serving::not_modified(headers)
}

/// For the record: who answered, where its answer is not relayed.
fn note_backend(exchange: &mut Exchange, upstream: &Upstream) {
    exchange.settlement.backend = Some(upstream.backend().id().clone());
    exchange.settlement.kind = Some(upstream.backend().kind());
}

/// Whether the backend, or the way there, has failed (RFC 5861, section 4).
fn has_failed(sent: &Result<Answer, Fault>) -> bool {
    match sent {
        Err(fault) => fault.kind.blame() == Blame::Backend,
        Ok(Answer::Upstream(upstream)) => matches!(upstream.head.status.as_u16(), 500 | 502 | 503 | 504),
        Ok(_) => false,
    }
}

/// Whether the body can be taken whole: not too large, and with an end that can be told from a break
/// (RFC 9112, section 8: one that ends with its connection cannot).
fn is_takeable(upstream: &Upstream, largest: usize) -> Result<(), &'static str> {
    let head = &upstream.head;
    let length =
        head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let is_framed = length.is_some()
        || head.headers.contains_key(header::TRANSFER_ENCODING)
        || head.version >= Version::HTTP_2
        || upstream.body.is_end_stream();
    if length.is_some_and(|length| length > largest) {
        Err("the body is too large")
    } else if !is_framed {
        Err("the body's end cannot be told from a break")
    } else {
        Ok(())
    }
}
