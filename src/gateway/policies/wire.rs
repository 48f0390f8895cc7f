//! What a pipeline is lent: the bodies on the wire, the way to the backends, and the words of errors.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue, Response as Answered, StatusCode, Uri, header};
use http_body::Body as _;

use super::{
    super::{
        answer::{Answer, Upstream},
        body, dispatch,
        exchange::Exchange,
        listener::Inbound,
        metering, respond,
        route::Target,
        screen,
    },
    Dress, coding,
    model_answers::{self, Looked, Missed},
    redirect::{self, Hop},
    target,
};
use crate::{
    exchange::{Blame, Fault, FaultKind, Outcome, Watcher},
    limits::Scope,
    model::{Timestamp, clock::Ticks},
    policies::{
        Body, Ended, Failure, Forwarding, Link, Request, Response, Route,
        link::{Keep, Likeness, Screening},
    },
    usage::Metered,
};

/// Largest answer that a policy may read, in bytes; models' answers with pictures take tens of megabytes.
const LARGEST_ANSWER: usize = 64 << 20;

/// The gateway's side of an exchange that runs through policies.
pub struct Wire<'e> {
    pub(super) exchange: &'e mut Exchange,
    target: Option<Target>,
    /// What a backend answered last.
    pub(super) answer: Option<Answer>,
    /// Why there is no answer, where policies were given one in its place.
    fault: Option<Fault>,
    /// Whether the caller's body has been sent and is gone.
    spent: bool,
    /// Who gets a copy of the answer's body.
    keep: Option<Keep>,
    /// How the answer's events are checked.
    screening: Option<Box<Screening>>,
    /// As what counters count the exchange, said before they were asked.
    counts: Vec<(Arc<str>, u64)>,
    /// What a look into the model cache did not find.
    pub(super) missed: Missed,
}

impl<'e> Wire<'e> {
    /// The side of `exchange`; `target` is where it goes unless a policy says otherwise.
    pub fn new(exchange: &'e mut Exchange, target: Option<Target>) -> Self {
        Self {
            exchange,
            target,
            answer: None,
            fault: None,
            spent: false,
            keep: None,
            screening: None,
            counts: Vec::new(),
            missed: Missed::default(),
        }
    }

    /// When the exchange began.
    pub fn began(&self) -> (Timestamp, Ticks) {
        (self.exchange.settlement.time, self.exchange.settlement.started)
    }

    async fn send(&mut self, request: &mut Request, route: &Route, how: &Forwarding) -> Result<Response, Failure> {
        let keeps = how.buffer_request_body || how.follow_redirects && self.is_short();
        if keeps && request.body == Body::Passing {
            request.body = Body::Held(self.collect().await?);
        }
        match how.timeout {
            Some(longest) => self.send_within(longest, request, route, how).await,
            None => self.send_on(request, route, how).await,
        }
    }

    /// Sends it, and again where the backend says that it is elsewhere.
    pub(super) async fn send_on(
        &mut self,
        request: &Request,
        route: &Route,
        how: &Forwarding,
    ) -> Result<Response, Failure> {
        self.exchange.dress = Dress::of(route, how);
        self.give_back(request)?;
        let target = target::of(self.exchange, self.target.as_ref(), request, route)?;
        let follows = how.follow_redirects && matches!(target, Target::Http(..));
        let mut response = self.dispatch(target).await?;
        if !follows {
            return Ok(response);
        }
        let mut sent = Cow::Borrowed(request);
        for _ in 0..redirect::MOST {
            let hop = redirect::next(self.exchange, &sent, self.answer.as_ref(), &response)?;
            let Some(Hop { request, target }) = hop else { return Ok(response) };
            self.give_back(&request)?;
            response = self.dispatch(target).await?;
            sent = Cow::Owned(request);
        }
        Err(redirect::endless())
    }

    async fn dispatch(&mut self, target: Target) -> Result<Response, Failure> {
        self.leave_answer().await;
        let sent = dispatch(self.exchange, target).await;
        self.answered(sent)
    }

    /// The kept answer to this request, which is in memory; what was not found is remembered.
    async fn look_up(&mut self, request: &Request, likeness: Likeness) -> Result<Option<Response>, Failure> {
        let (Some(Target::Models(call)), Body::Held(body)) = (&self.target, &request.body) else { return Ok(None) };
        let call = call.clone();
        self.give_back(request)?;
        match model_answers::look_up(self.exchange, &call, body, likeness).await? {
            Looked::Hit(answer) => return self.answered(Ok(answer)).map(Some),
            Looked::Miss(storing) => {
                self.exchange.cache_status = Some("miss");
                self.missed.found_nothing(storing);
            }
            Looked::Bypass => self.exchange.cache_status = Some("bypass"),
        }
        Ok(None)
    }

    /// Whether the caller's body is so short that it is held anyway, to be sent again.
    fn is_short(&self) -> bool {
        let largest = self.exchange.snapshot.settings.server.gateway.replay_buffer.0;
        self.exchange.body.as_ref().is_some_and(|body| body.size_hint().exact().is_some_and(|size| size <= largest))
    }

    async fn collect(&mut self) -> Result<Bytes, Failure> {
        Ok(body::collect(self.exchange).await?)
    }

    /// Puts the request back into the exchange as it is to be sent.
    fn give_back(&mut self, request: &Request) -> Result<(), Failure> {
        let parts = &mut self.exchange.parts;
        parts.method = request.method.clone();
        parts.uri = uri(&request.path, &request.query)?;
        parts.headers = request.headers.clone();
        match &request.body {
            Body::Passing if self.spent => {
                let message = "The request cannot be sent again: its body has gone out. \
                               Use buffer-request-body=\"true\" on forward-request.";
                return Err(Failure::new("forward-request", "RequestBodyNotBuffered", 500, message));
            }
            Body::Passing => {}
            Body::Held(bytes) => {
                parts.headers.remove(header::TRANSFER_ENCODING);
                if bytes.is_empty() {
                    parts.headers.remove(header::CONTENT_LENGTH);
                } else {
                    parts.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
                }
                self.exchange.body = Some(Inbound::from_bytes(bytes.clone()));
            }
            Body::Consumed => {
                parts.headers.remove(header::CONTENT_LENGTH);
                self.exchange.body = Some(Inbound::from_bytes(Bytes::new()));
            }
        }
        self.spent = true;
        Ok(())
    }

    /// The answer that is about to be replaced was never relayed: what it consumed is still ours to pay.
    async fn leave_answer(&mut self) {
        if let Some(Answer::Upstream(mut upstream)) = self.answer.take() {
            drain(self.exchange, &mut upstream).await;
        }
    }

    fn answered(&mut self, sent: Result<Answer, Fault>) -> Result<Response, Failure> {
        self.fault = None;
        let answer = match sent {
            Ok(answer) => answer,
            Err(fault) if is_about_the_pool(fault.kind) => return Ok(self.unavailable(fault)),
            Err(fault) => return Err(fault.into()),
        };
        let answer = self.answer.insert(answer);
        Ok(match answer {
            Answer::Local(answer) => Response {
                status: answer.status(),
                reason: None,
                headers: std::mem::take(answer.headers_mut()),
                body: Body::Held(answer.body().clone()),
            },
            Answer::Upstream(upstream) => Response {
                status: upstream.head.status,
                reason: None,
                headers: coding::leave(&mut upstream.head.headers),
                body: Body::Passing,
            },
            Answer::Upgraded(upgraded) => Response {
                status: upgraded.head.status,
                reason: None,
                headers: std::mem::take(&mut upgraded.head.headers),
                body: Body::Passing,
            },
        })
    }

    /// Nobody of a pool could be asked: an answer of its own, as in APIM, that conditions of `retry` can see.
    fn unavailable(&mut self, fault: Fault) -> Response {
        let pool = match &self.target {
            Some(Target::Http(pool, _)) => pool.id().to_string(),
            _ => self.exchange.settlement.model.as_deref().unwrap_or("of the model").to_owned(),
        };
        let mut response = self.rendered(&Failure::from(fault.clone()));
        response.reason = Some(format!("Backend pool {pool} is temporarily unavailable"));
        self.fault = Some(fault);
        response
    }

    /// Turns what the pipeline ended with into the exchange's answer.
    pub async fn conclude(mut self, response: Option<Response>, ended: Ended) -> Answer {
        match ended {
            Ended::Answered => {}
            Ended::Recovered(failure) => return self.recovered(response, &failure).await,
            Ended::Failed(failure) => return self.failed(response, failure).await,
        }
        let Some(response) = response else {
            return Answer::Local(Answered::new(Bytes::new()));
        };
        if let Some(fault) = self.fault.take().filter(|_| response.status.as_u16() >= 400) {
            self.note(&Failure::from(fault));
        }
        match self.answer.take() {
            Some(Answer::Upstream(upstream)) => self.relayed(upstream, response).await,
            Some(Answer::Upgraded(mut upgraded)) if response.status == StatusCode::SWITCHING_PROTOCOLS => {
                upgraded.head.headers = response.headers;
                Answer::Upgraded(upgraded)
            }
            _ => match self.count_own().await {
                Ok(()) => Answer::Local(local(response)),
                Err(fault) => return self.failed(None, fault.into()).await,
            },
        }
    }

    /// An answer that policies gave without a backend counts as a call too; a preflight does not: it has no caller.
    async fn count_own(&mut self) -> Result<(), Fault> {
        if self.exchange.settlement.metered().is_some() || super::is_preflight(&self.exchange.parts) {
            return Ok(());
        }
        metering::admit_plain(self.exchange, None).await?;
        for (account, units) in &self.counts {
            self.exchange.settlement.count_as(account, *units);
        }
        Ok(())
    }

    /// A failure that no `on-error` turned into another answer.
    async fn failed(mut self, response: Option<Response>, failure: Failure) -> Answer {
        self.leave_answer().await;
        self.note(&failure);
        if failure.status >= 500 && failure.fault.is_none() {
            let (source, reason, message) = (&failure.source, &failure.reason, &failure.message);
            tracing::warn!(request_id = %self.exchange.settlement.id, %source, %reason, %message, "a policy failed");
        }
        // What policies have added for the error (`cors`) goes along, also with the gateway's own.
        let response = response.unwrap_or_else(|| self.rendered(&failure));
        Answer::Local(local(response))
    }

    /// For the record: the exchange ended in an error.
    fn note(&mut self, failure: &Failure) {
        self.exchange.settlement.error = Some(failure.code());
        self.exchange.outcome = Some(outcome(failure));
    }

    /// What `on-error` made of a failure.
    async fn recovered(mut self, response: Option<Response>, failure: &Failure) -> Answer {
        self.leave_answer().await;
        let response = response.unwrap_or_else(|| self.rendered(failure));
        if response.status.as_u16() >= 400 {
            self.note(failure);
        }
        Answer::Local(local(response))
    }

    /// A backend's answer with what policies made of it.
    async fn relayed(&mut self, mut upstream: Box<Upstream>, response: Response) -> Answer {
        upstream.head.status = response.status;
        upstream.head.headers = response.headers;
        let bytes = match response.body {
            Body::Passing => {
                upstream.screening = self.screening.take();
                if let Some(keep) = self.keep.take() {
                    upstream.copy.get_or_insert_default().add_keep(keep);
                }
                self.missed.attach(&mut upstream);
                return Answer::Upstream(upstream);
            }
            Body::Held(bytes) => bytes,
            Body::Consumed => Bytes::new(),
        };
        if !upstream.ended {
            drain(self.exchange, &mut upstream).await;
        }
        whole(&mut upstream.head.headers, bytes.len());
        upstream.held = if bytes.is_empty() { Vec::new() } else { vec![bytes] };
        upstream.is_stream = false;
        upstream.withholds = false;
        // What policies made of an answer is for this caller; the model cache keeps what backends said.
        upstream.copy = None;
        Answer::Upstream(upstream)
    }
}

impl Link for Wire<'_> {
    fn read_request(&mut self) -> BoxFuture<'_, Result<Bytes, Failure>> {
        self.collect().boxed()
    }

    fn read_response(&mut self) -> BoxFuture<'_, Result<Bytes, Failure>> {
        async move {
            let Some(Answer::Upstream(upstream)) = &mut self.answer else { return Ok(Bytes::new()) };
            coding::take_off(upstream)?;
            let read = body::all(upstream, LARGEST_ANSWER).await?;
            if let Some(keep) = self.keep.take().filter(|keep| read.len() <= keep.largest) {
                (keep.to)(read.clone(), upstream.decoder.is_some());
            }
            if let Some(how) = self.screening.take() {
                screen::whole(*how, &read).await?;
            }
            self.keep_read(&read);
            Ok(read)
        }
        .boxed()
    }

    fn forward<'f>(
        &'f mut self,
        request: &'f mut Request,
        route: &'f Route,
        how: &'f Forwarding,
    ) -> BoxFuture<'f, Result<Response, Failure>> {
        self.send(request, route, how).boxed()
    }

    fn rendered(&mut self, failure: &Failure) -> Response {
        let request_id = self.exchange.request_id();
        let (head, bytes) = match &failure.fault {
            Some(fault) => {
                let (mut head, bytes) = respond::rendered(self.exchange.envelope, fault, &request_id);
                for (name, value) in &failure.headers {
                    head.headers_mut().insert(name.clone(), value.clone());
                }
                (head, bytes)
            }
            None => respond::failure(self.exchange.envelope, failure, &request_id),
        };
        let (parts, ()) = head.into_parts();
        Response { status: parts.status, reason: None, headers: parts.headers, body: Body::Held(bytes) }
    }

    fn limit(&mut self, scope: Scope) {
        self.exchange.policy_scopes.push(scope);
    }

    fn count_as(&mut self, account: &str, units: u64) {
        if self.exchange.settlement.metered().is_some() {
            self.exchange.settlement.count_as(account, units);
        } else {
            self.counts.push((account.into(), units));
        }
    }

    fn held(&self, account: &str) -> i64 {
        self.exchange.settlement.metered().map_or(0, |metered| metered.held(account))
    }

    fn tokens(&mut self) -> u64 {
        let settlement = &mut self.exchange.settlement;
        match &mut self.answer {
            Some(Answer::Upstream(upstream)) if upstream.ended => {
                // As its row will say it; the end of the answer says it once more.
                settlement.status = upstream.head.status.as_u16();
                settlement.consume(&mut upstream.tap, upstream.broken.is_none());
                settlement.usage.total()
            }
            _ => settlement.metered().map_or(0, Metered::prompt),
        }
    }

    fn backend(&self) -> Option<Arc<str>> {
        match &self.answer {
            Some(Answer::Upstream(upstream)) => Some(upstream.backend().id().as_str().into()),
            _ => None,
        }
    }

    fn keep(&mut self, keep: Keep) {
        self.keep = Some(keep);
    }

    fn screen(&mut self, screening: Screening) {
        let all = match self.screening.take() {
            Some(before) => before.and(screening),
            None => screening,
        };
        self.screening = Some(Box::new(all));
    }

    fn cache_status(&mut self, status: &'static str) {
        self.exchange.cache_status = Some(status);
    }

    fn look_up_model<'f>(
        &'f mut self,
        request: &'f Request,
        likeness: Likeness,
    ) -> BoxFuture<'f, Result<Option<Response>, Failure>> {
        self.look_up(request, likeness).boxed()
    }

    fn keep_model(&mut self, body: Option<&Bytes>, lasts: Duration) {
        self.missed.keep(lasts);
        if let Some(body) = body {
            self.keep_read(body);
        }
    }

    fn when_settled(&mut self, work: Watcher) {
        self.exchange.settlement.watch(work);
    }
}

/// Reads what is left of an answer that nobody will see, so that its usage is known.
async fn drain(exchange: &mut Exchange, upstream: &mut Upstream) {
    let read = body::all(upstream, LARGEST_ANSWER).await;
    if let Err(fault) = read {
        tracing::debug!(request_id = %exchange.settlement.id, %fault.message, "an answer that a policy replaced broke off");
    }
    let Upstream { tap, .. } = upstream;
    exchange.settlement.consume(tap, upstream.broken.is_none());
}

/// Whose fault it was, as the record says it.
fn outcome(failure: &Failure) -> Outcome {
    let blame = failure.fault.as_ref().map(|fault| fault.kind.blame());
    match blame {
        Some(Blame::Backend | Blame::Credential) => Outcome::UpstreamError,
        _ => Outcome::Refused,
    }
}

/// Headers of a body that is in memory.
fn whole(headers: &mut HeaderMap, length: usize) {
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONTENT_ENCODING);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
}

fn local(response: Response) -> Answered<Bytes> {
    let bytes = match response.body {
        Body::Held(bytes) => bytes,
        Body::Passing | Body::Consumed => Bytes::new(),
    };
    let mut answer = Answered::new(bytes);
    *answer.status_mut() = response.status;
    *answer.headers_mut() = response.headers;
    if let Some(reason) =
        response.reason.and_then(|reason| hyper::ext::ReasonPhrase::try_from(reason.into_bytes()).ok())
    {
        answer.extensions_mut().insert(reason);
    }
    answer
}

fn uri(path: &str, query: &str) -> Result<Uri, Failure> {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let text = if query.is_empty() { path } else { format!("{path}?{query}") };
    Uri::try_from(&text).map_err(|error| {
        Failure::new("rewrite-uri", "InvalidUri", 500, format!("`{text}` is not a path with query: {error}"))
    })
}

/// No member could be asked: nothing was sent.
const fn is_about_the_pool(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::NoBackend | FaultKind::AllThrottled)
}
