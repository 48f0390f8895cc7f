//! A chosen place for one attempt: sending there, and telling its breaker and credential how it went.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body::Body;

use super::{
    SendFault,
    backend::Backend,
    breaker::{Ending, Pass},
    breaker_rules::Sign,
    core::Flight,
    cut::Cut,
    incoming::Incoming,
    outgoing::Outgoing,
    sim,
    status::Change,
    tried::Tried,
};
use crate::model::clock::Ticks;

/// How an attempt failed, in the words of failover.
#[derive(Clone, Copy, Debug)]
pub enum Failure<'a> {
    /// It could not be sent, or broke off before the head.
    Send(&'a SendFault),
    /// An answer whose status says that the backend failed.
    Status {
        /// The status.
        status: u16,
        /// When the backend asked us to come back.
        retry_after: Option<Duration>,
    },
    /// The backend refused our credential with this status (401, 402, 403).
    Credential(u16),
    /// The backend throttled us (429).
    Throttled {
        /// When it asked us to come back.
        retry_after: Option<Duration>,
    },
    /// The answer broke, fell silent or turned into an error after its head.
    Stream,
}

/// A credential that was throttled without a word on when to come back rests this long, when there is another.
const REST_UNTOLD: Duration = Duration::from_secs(1);

/// A chosen member with its credential, counted in flight until this is dropped (or until the [`Flight`] taken out
/// of it is): hold it as long as the answer's body. Dropped without a report (the client went away), it judges
/// nothing and frees its half-open probe.
#[derive(Debug)]
pub struct Choice {
    /// The backend.
    pub backend: Arc<Backend>,
    /// The model's name at this member, where the pool gives one.
    pub upstream_model: Option<Arc<str>>,
    member: usize,
    credential: Option<usize>,
    pass: Pass,
    reported: bool,
    failed: bool,
    flight: Option<Flight>,
    sent_at: Ticks,
    cut: Cut,
}

impl Choice {
    pub(super) fn new(
        backend: Arc<Backend>,
        upstream_model: Option<Arc<str>>,
        member: usize,
        credential: Option<usize>,
        pass: Pass,
        flight: Flight,
        now: Ticks,
    ) -> Self {
        let flight = Some(flight);
        let cut = Cut::default();
        let (reported, failed) = (false, false);
        Self { backend, upstream_model, member, credential, pass, reported, failed, flight, sent_at: now, cut }
    }

    /// Dropped without a report behind that bound, it was too slow.
    pub fn is_bound_by(&mut self, cut: Cut) {
        self.cut = cut;
    }

    /// Whether requests from here carry a credential of ours.
    #[must_use]
    pub fn has_credential(&self) -> bool {
        self.credential.is_some()
    }

    /// When the last request was sent from here (or the choice was made).
    #[must_use]
    pub fn sent_at(&self) -> Ticks {
        self.sent_at
    }

    /// Notes this member and credential as tried.
    pub fn mark_tried(&self, tried: &mut Tried) {
        tried.add(self.member, self.credential);
    }

    /// Sends a request and waits for the answer's head. `headers` come without hop-by-hop headers (an upgrade's
    /// excepted); Host, the credential and the backend's configured headers are set here, over any that are there.
    ///
    /// Dropping the future, or the answer's body before its end, closes the connection or resets the stream. On 101
    /// the connection is had by `hyper::upgrade::on` the answer.
    pub async fn send(
        &mut self,
        method: Method,
        path_and_query: &str,
        mut headers: HeaderMap,
        body: Outgoing,
    ) -> Result<Response<Incoming>, SendFault> {
        self.sent_at = self.backend.core.surroundings.clock.ticks();
        frame(&method, &body, &mut headers);
        self.backend.dress(self.credential, &mut headers);
        if self.backend.transport.is_sim() {
            let surroundings = &self.backend.core.surroundings;
            return sim::play(surroundings, &self.backend.timeouts, &method, path_and_query, &headers, body).await;
        }
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.backend.endpoint.uri(path_and_query)?;
        *request.headers_mut() = headers;
        self.backend.transport.send(&mut request, &self.backend.timeouts).await
    }

    /// The backend answered in working order: also with a 4xx that is the caller's own fault. `first_byte` is the
    /// time from sending to the first byte that counts.
    pub fn succeeded(&mut self, status: u16, first_byte: Duration) {
        if let Some(credential) = self.credential.and_then(|index| self.backend.ring.get(index)) {
            credential.standing.accepted();
        }
        // An operator may count a status that we would not: a rule that names it is obeyed.
        let sign = (status >= 400).then_some(Sign::Status(status));
        let sign = sign.filter(|_| self.backend.rules.names(status));
        self.report(sign, None, Some(first_byte));
    }

    /// The attempt failed. After [`Choice::succeeded`] this is the second half of the same request: only the
    /// failure is counted. A request fails once: what is told later is an echo of the same failure.
    pub fn failed(&mut self, failure: &Failure<'_>) {
        if std::mem::replace(&mut self.failed, true) {
            return;
        }
        match *failure {
            Failure::Send(fault) => {
                if let Some(sign) = Sign::of(fault.kind) {
                    self.report(Some(sign), None, None);
                }
            }
            Failure::Status { status, retry_after } => self.report(Some(Sign::Status(status)), retry_after, None),
            Failure::Stream => self.report(Some(Sign::Connect), None, None),
            Failure::Credential(status) => {
                self.bench();
                self.report_if_named(status, None);
            }
            Failure::Throttled { retry_after } => {
                self.rest(retry_after);
                self.report_if_named(429, retry_after);
            }
        }
    }

    /// The same place for somebody who shares its answer: counted nowhere, and what it tells is told already.
    #[must_use]
    pub fn shared(&self) -> Self {
        Self {
            backend: self.backend.clone(),
            upstream_model: self.upstream_model.clone(),
            member: self.member,
            credential: self.credential,
            pass: Pass::Free,
            reported: true,
            failed: true,
            flight: None,
            sent_at: self.sent_at,
            cut: Cut::default(),
        }
    }

    /// The exchange goes on being counted in flight by what is returned.
    #[must_use]
    pub fn into_flight(mut self) -> Flight {
        self.flight.take().expect("a choice holds its flight until it is consumed")
    }

    /// Refused and throttled credentials are no failures of the backend, unless a rule names the status.
    fn report_if_named(&mut self, status: u16, retry_after: Option<Duration>) {
        let sign = Some(Sign::Status(status)).filter(|_| self.backend.rules.names(status));
        self.report(sign, retry_after, None);
    }

    fn report(&mut self, sign: Option<Sign>, retry_after: Option<Duration>, first_byte: Option<Duration>) {
        let ending = Ending { sign, retry_after, counted: self.reported };
        // A probe is judged once; what comes later counts as any other exchange.
        let pass = if self.reported { Pass::Free } else { self.pass };
        self.reported = true;
        self.backend.core.report(&self.backend.rules, pass, ending, first_byte);
    }

    fn bench(&self) {
        let Some((index, credential)) = self.credential.and_then(|index| Some((index, self.backend.ring.get(index)?)))
        else {
            return;
        };
        let surroundings = &self.backend.core.surroundings;
        if let Some(sits_out) = credential.standing.refused(surroundings.clock.ticks()) {
            surroundings.tell(self.backend.id(), Change::CredentialBenched(index, sits_out));
        }
    }

    fn rest(&self, asked: Option<Duration>) {
        let ring = &self.backend.ring;
        let untold = (ring.len() > 1).then_some(REST_UNTOLD);
        let credential = self.credential.and_then(|index| Some((index, ring.get(index)?)));
        let (Some((index, credential)), Some(rests)) = (credential, asked.or(untold)) else { return };
        let surroundings = &self.backend.core.surroundings;
        credential.standing.throttled(surroundings.clock.ticks(), rests);
        surroundings.tell(self.backend.id(), Change::CredentialThrottled(index, rests));
    }
}

/// Says where the body ends, in the two cases in which HTTP/1.1 would else say that there is none: one of unknown
/// length behind a method that hardly ever has one, and none behind a method that should (RFC 9110 section 8.6).
/// Towards HTTP/2 the coding is taken off again where the request is written.
fn frame(method: &Method, body: &Outgoing, headers: &mut HeaderMap) {
    if headers.contains_key(header::CONTENT_LENGTH) {
        return;
    }
    match body {
        Outgoing::Empty if matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Outgoing::Stream(body) if body.size_hint().exact().is_none() => {
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        _ => {}
    }
}

impl Drop for Choice {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        if self.cut.is_reached() {
            self.report(Some(Sign::Timeout), None, None);
        } else {
            self.backend.core.put_back(self.pass);
        }
    }
}
