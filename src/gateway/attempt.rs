//! Trying members of a pool until one gives an answer that can be relayed: the same loop for model calls and
//! plain APIs, which differ only in how they encode a request and judge an answer.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, Response};

use super::{
    answer::{Answer, Upgraded, Upstream},
    exchange::{Exchange, TRACEPARENT},
    metering,
    tally::{Setback, SetbackKind, Tally},
};
use crate::{
    exchange::{AttemptRecord, Fault, FaultKind},
    model::{BackendId, clock::Ticks},
    outbound::{Backend, Choice, Failure, Incoming, NoneLeft, Outgoing, Pool, SendFault, SendFaultKind, Tried, Wish},
    usage,
};

/// A request as one backend gets it.
pub struct Outbound {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path_and_query: String,
    /// Headers, without Host, credential and framing.
    pub headers: HeaderMap,
    /// Body.
    pub body: Outgoing,
}

/// What an answer is worth.
pub enum Judged {
    /// Relay it.
    Take(Box<Upstream>),
    /// The protocol has changed.
    Upgrade(Box<Upgraded>),
    /// Try elsewhere.
    Again(Setback),
    /// Something was learned: send again to the same place.
    Resend(Choice),
}

/// What differs between model calls and plain APIs.
pub trait Task {
    /// What it asks of all limits when that backend answers.
    fn wish(&self, exchange: &Exchange, backend: &BackendId) -> usage::Wish;
    /// The request for that place; `None`: the body is spent, it cannot be sent again.
    fn encode(&mut self, exchange: &Exchange, choice: &Choice) -> Option<Outbound>;
    /// What that answer is worth.
    fn judge(
        &mut self,
        exchange: &mut Exchange,
        choice: Choice,
        answer: Response<Incoming>,
    ) -> impl Future<Output = Judged> + Send;
    /// Whether the request may be sent again after a failure; `reached`: bytes of it may have reached a backend.
    fn may_repeat(&self, reached: bool) -> bool;
}

/// Where the request would like to go.
pub struct Preference<'a> {
    /// Keeps a caller at one member.
    pub affinity: Option<u64>,
    /// Where a stored object lives.
    pub home: Option<BackendId>,
    /// Which members can answer at all.
    pub usable: &'a (dyn Fn(&Backend) -> bool + Sync),
}

/// Tries members of `pool` until one answers or none is left.
pub async fn run<T: Task>(
    exchange: &mut Exchange,
    pool: &Arc<Pool>,
    preference: &Preference<'_>,
    task: &mut T,
) -> Result<Answer, Fault> {
    let began = exchange.gateway.clock.ticks();
    let mut tried = Tried::default();
    let mut tally = Tally::default();
    let mut full = None;
    loop {
        let mut choice = match choose(pool, preference, &tried) {
            Ok(choice) => choice,
            Err(_) if full.is_none() && tally.deserves_same_place_again() => {
                tried = Tried::default();
                continue;
            }
            Err(none) => return concluded(tally, Some(&none), full),
        };
        choice.is_bound_by(exchange.cut.clone());
        choice.mark_tried(&mut tried);
        if let Some(wish) = metering::to_move(exchange, task, choice.backend.id())
            && let Err(fault) = exchange.settlement.move_to(wish).await
        {
            let (backend, request_id, code) = (choice.backend.id(), &exchange.settlement.id, fault.kind.code());
            tracing::debug!(%backend, %request_id, code, "the backend's limits have no room for the request");
            full = Some(fault);
            continue;
        }
        let attempt_began = exchange.gateway.clock.ticks();
        let Some(judged) = once(exchange, choice, task).await else { return tally.conclude(None) };
        match judged {
            Judged::Take(upstream) => return Ok(taken(exchange, upstream, attempt_began)),
            Judged::Upgrade(upgraded) => return Ok(Answer::Upgraded(upgraded)),
            Judged::Resend(_) => unreachable!("`once` sends again itself"),
            Judged::Again(setback) => {
                let now = exchange.gateway.clock.ticks();
                note(exchange, &setback, attempt_began);
                if let Some(fault) = callers_fault(exchange, &setback) {
                    return Err(fault);
                }
                let repeatable = task.may_repeat(setback.reached());
                tally.add(setback);
                let limits = Limits { pool, began, attempt_began, now, attempts: tally.len() };
                if !repeatable || !limits.allow_another() {
                    return tally.conclude(None);
                }
            }
        }
    }
}

/// What to tell the caller when nobody answered: a limit, where limits are all that kept backends from being asked.
fn concluded(tally: Tally, none: Option<&NoneLeft>, full: Option<Fault>) -> Result<Answer, Fault> {
    match full {
        Some(fault) if tally.is_empty() => Err(fault),
        _ => tally.conclude(none),
    }
}

/// What the caller's own body did to the attempt, when that is what ended it.
fn callers_fault(exchange: &Exchange, setback: &Setback) -> Option<Fault> {
    let SetbackKind::Broken(broken) = &setback.kind else { return None };
    let ended_it = broken.kind == SendFaultKind::RequestBody;
    let gone = || Fault::new(FaultKind::BadRequest, "The request body ended before it was complete.");
    ended_it.then(|| exchange.body_watch.fault().unwrap_or_else(gone))
}

fn choose(pool: &Arc<Pool>, preference: &Preference<'_>, tried: &Tried) -> Result<Choice, NoneLeft> {
    pool.choose(&Wish {
        tried,
        affinity: preference.affinity,
        prefer: preference.home.as_ref(),
        usable: preference.usable,
    })
}

/// One attempt; `None` when the request cannot be sent again.
async fn once<T: Task>(exchange: &mut Exchange, mut choice: Choice, task: &mut T) -> Option<Judged> {
    loop {
        let mut out = task.encode(exchange, &choice)?;
        name_span(exchange, &mut out.headers);
        exchange.settlement.trying(choice.backend.id());
        let sent = choice.send(out.method, &out.path_and_query, out.headers, out.body).await;
        let judged = match sent {
            Ok(answer) => task.judge(exchange, choice, answer).await,
            Err(fault) => Judged::Again(broken(exchange, &mut choice, fault)),
        };
        match judged {
            Judged::Resend(again) => choice = again,
            other => return Some(other),
        }
    }
}

/// Tells the backend which try it serves, where tries have spans.
fn name_span(exchange: &Exchange, headers: &mut HeaderMap) {
    let settlement = &exchange.settlement;
    let telemetry = exchange.gateway.sink.telemetry();
    if let Some(span) = telemetry.attempt(&settlement.trace, settlement.attempts.len()) {
        let value = HeaderValue::from_str(span.as_str());
        headers.insert(TRACEPARENT, value.expect("made of hexadecimal digits and hyphens"));
    }
}

/// A caller that broke off its own body has broken the attempt, whatever the backend made of it.
fn broken(exchange: &Exchange, choice: &mut Choice, mut fault: SendFault) -> Setback {
    if exchange.body_watch.fault().is_some() {
        fault.kind = SendFaultKind::RequestBody;
    }
    choice.failed(&Failure::Send(&fault));
    Setback { backend: choice.backend.id().clone(), status: None, kind: SetbackKind::Broken(fault), relayable: None }
}

struct Limits<'a> {
    pool: &'a Pool,
    began: Ticks,
    attempt_began: Ticks,
    now: Ticks,
    attempts: usize,
}

impl Limits<'_> {
    fn allow_another(&self) -> bool {
        let retry = self.pool.retry();
        let was_fast = retry.only_after_fast_failures.is_none_or(|limit| self.took() <= limit.0);
        let attempts_left = self.attempts < usize::try_from(retry.attempts).unwrap_or(usize::MAX);
        attempts_left && was_fast && self.now.since(self.began) < retry.deadline.0
    }

    fn took(&self) -> Duration {
        self.now.since(self.attempt_began)
    }
}

fn taken(exchange: &mut Exchange, upstream: Box<Upstream>, attempt_began: Ticks) -> Answer {
    let took = exchange.gateway.clock.ticks().since(attempt_began);
    let began = attempt_began.since(exchange.settlement.started);
    let backend = upstream.backend().id().clone();
    let status = Some(upstream.head.status.as_u16());
    exchange.settlement.tried(AttemptRecord { backend, status, fault: None, began, took });
    Answer::Upstream(upstream)
}

fn note(exchange: &mut Exchange, setback: &Setback, attempt_began: Ticks) {
    let took = exchange.gateway.clock.ticks().since(attempt_began);
    let began = attempt_began.since(exchange.settlement.started);
    let backend = setback.backend.clone();
    let fault = Some(setback.kind.word());
    exchange.settlement.tried(AttemptRecord { backend, status: setback.status, fault, began, took });
}
