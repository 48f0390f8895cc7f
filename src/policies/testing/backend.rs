//! The scripted backend of a scene: what it answers, what it was sent.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::Instant;

use super::{header, joined};
use crate::{
    exchange::Watcher,
    limits::Scope as Counter,
    policies::{
        Body, Failure, Forwarding, Link, Request, Response, Route,
        link::{Keep, Screening},
    },
};

/// What the backend does with a request.
#[derive(Clone, Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    after: Duration,
    failure: Option<(&'static str, u16)>,
}

impl Reply {
    /// An answer at once.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            body: body.into(),
            after: Duration::ZERO,
            failure: None,
        }
    }

    /// No answer, but a failure.
    #[must_use]
    pub fn failure(reason: &'static str, status: u16) -> Self {
        Self { failure: Some((reason, status)), ..Self::new(status, "") }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(header(name), HeaderValue::from_str(value).expect("a value"));
        self
    }

    /// After a time.
    #[must_use]
    pub const fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

/// A request that the backend saw.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Where it was to go.
    pub route: Route,
    /// How it was to be sent.
    pub how: Forwarding,
    /// When, since the beginning.
    pub at: Duration,
}

impl Sent {
    /// All lines of a header, joined by `, `; `None`: not there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        joined(&self.headers, name)
    }
}

/// The gateway's side, scripted.
pub(super) struct Wire {
    pub(super) body: Bytes,
    pub(super) answer: Bytes,
    pub(super) replies: VecDeque<Reply>,
    pub(super) sent: Vec<Sent>,
    pub(super) counters: Vec<Counter>,
    pub(super) corrected: Vec<(Arc<str>, u64)>,
    pub(super) settled: Vec<Watcher>,
    pub(super) keeps: Vec<Keep>,
    pub(super) screenings: Vec<Screening>,
    pub(super) cache_status: Option<&'static str>,
    pub(super) began: Instant,
}

impl Wire {
    pub(super) fn new(body: Bytes) -> Self {
        let began = Instant::now();
        Self {
            body,
            answer: Bytes::new(),
            replies: VecDeque::new(),
            sent: Vec::new(),
            counters: Vec::new(),
            corrected: Vec::new(),
            settled: Vec::new(),
            keeps: Vec::new(),
            screenings: Vec::new(),
            cache_status: None,
            began,
        }
    }

    fn next(&mut self) -> Reply {
        let usual = || Reply::new(200, r#"{"ok":true}"#).header("content-type", "application/json");
        match self.replies.len() {
            0 => usual(),
            1 => self.replies[0].clone(),
            _ => self.replies.pop_front().expect("two or more"),
        }
    }
}

impl Link for Wire {
    fn read_request(&mut self) -> BoxFuture<'_, Result<Bytes, Failure>> {
        std::future::ready(Ok(self.body.clone())).boxed()
    }

    fn read_response(&mut self) -> BoxFuture<'_, Result<Bytes, Failure>> {
        std::future::ready(Ok(self.answer.clone())).boxed()
    }

    fn forward<'f>(
        &'f mut self,
        request: &'f mut Request,
        route: &'f Route,
        how: &'f Forwarding,
    ) -> BoxFuture<'f, Result<Response, Failure>> {
        let reply = self.next();
        let question = if request.query.is_empty() { "" } else { "?" };
        self.sent.push(Sent {
            method: request.method.clone(),
            target: format!("{}{question}{}", request.path, request.query),
            headers: request.headers.clone(),
            body: request.body.held().unwrap_or(&self.body).clone(),
            route: route.clone(),
            how: how.clone(),
            at: self.began.elapsed(),
        });
        self.answer = reply.body.clone();
        answer(reply, how.timeout).boxed()
    }

    fn rendered(&mut self, failure: &Failure) -> Response {
        let status = StatusCode::from_u16(failure.status).expect("a status");
        let text = tollgate_providers::envelope::plain_error_body(failure.status, failure.told(), None);
        let headers = failure.headers.iter().cloned().collect();
        Response { headers, body: Body::Held(text.into()), ..Response::new(status) }
    }

    fn limit(&mut self, scope: Counter) {
        self.counters.push(scope);
    }

    fn count_as(&mut self, account: &str, units: u64) {
        self.corrected.push((account.into(), units));
    }

    fn tokens(&mut self) -> u64 {
        0
    }

    fn backend(&self) -> Option<Arc<str>> {
        (!self.sent.is_empty()).then(|| "scripted".into())
    }

    fn when_settled(&mut self, work: Watcher) {
        self.settled.push(work);
    }

    fn keep(&mut self, keep: Keep) {
        self.keeps.push(keep);
    }

    fn screen(&mut self, screening: Screening) {
        self.screenings.push(screening);
    }

    fn cache_status(&mut self, status: &'static str) {
        self.cache_status = Some(status);
    }
}

async fn answer(reply: Reply, timeout: Option<Duration>) -> Result<Response, Failure> {
    let late = || Failure::new("forward-request", "Timeout", 504, "The backend did not answer in time.");
    match timeout {
        Some(timeout) if timeout < reply.after => {
            tokio::time::sleep(timeout).await;
            return Err(late());
        }
        _ => tokio::time::sleep(reply.after).await,
    }
    if let Some((reason, status)) = reply.failure {
        return Err(Failure::new("forward-request", reason, status, "The backend did not answer."));
    }
    Ok(Response { status: reply.status, reason: None, headers: reply.headers, body: Body::Passing })
}
