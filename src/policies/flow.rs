//! What a policy sees of an exchange and may change.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};

use crate::{
    cache::http::Marks,
    exchange::ClientCertificate,
    expression::Value,
    model::{Timestamp, clock::Ticks},
    policy::Section,
};

use super::{Facts, Failure, LastError, Link, Needs, Pipeline, Route, Services, cache_values::Where, tracing::Trace};

/// One exchange, as its policies see it.
pub struct Flow<'a> {
    /// What was matched: API, operation, product, subscription, user.
    pub facts: &'a Facts,
    /// What all exchanges share.
    pub services: &'a Services,
    /// The request as it will be sent.
    pub request: Request,
    /// The answer, once there is one.
    pub response: Option<Response>,
    /// `context.Variables`.
    pub variables: Variables,
    /// Where the request will go, as far as policies say.
    pub route: Route,
    /// The section that runs.
    pub section: Section,
    /// What went wrong: set while `on-error` runs.
    pub last_error: Option<LastError>,
    /// The documents that apply.
    pub pipeline: &'a Pipeline,
    /// Which of the pipeline's documents runs: 0 is the narrowest.
    pub depth: usize,
    /// The gateway's side: bodies and backends.
    pub link: &'a mut dyn Link,
    /// Work for when the answer's head is known or has been sent, in the order it was asked for.
    pub after: Vec<Box<dyn After>>,
    /// Steps taken, where somebody asked for them.
    pub trace: Option<Box<Trace>>,
    /// Whether it is a browser's question whether it may send: only what leads to `cors` runs.
    pub is_preflight: bool,
    /// What `cache-lookup` found.
    pub cached: Cached,
    /// When the exchange began.
    pub began: (Timestamp, Ticks),
}

/// What `cache-lookup` (or the semantic one) found for an exchange.
#[derive(Clone, Debug, Default)]
pub enum Cached {
    /// Nobody has looked, or the request is none that is answered from a cache.
    #[default]
    Unasked,
    /// There was nothing: `cache-store` may keep the answer.
    Missed(Arc<Missed>),
    /// The answer comes from the cache: the outbound section goes on after the statement that stored it.
    Found,
}

/// What `cache-store` has to know of the look that found nothing.
#[derive(Debug)]
pub struct Missed {
    /// By what the answer is purged.
    pub marks: Marks,
    /// Key of the answer.
    pub key: Arc<str>,
    /// Where it is kept.
    pub place: Where,
    /// `Cache-Control` that the caller is told, `max-age` not yet in it.
    pub downstream: Downstream,
    /// Whether answers are kept that say they are for one caller.
    pub allows_private: bool,
    /// The request's headers as the look found them: answers that vary by one of them are told apart by it.
    pub headers: HeaderMap,
}

/// Who else may cache an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Downstream {
    /// `none`, `private` or `public`.
    pub scope: &'static str,
    /// Whether `must-revalidate` is said.
    pub must_revalidate: bool,
}

/// What a policy of the inbound section does when the outbound section has ended (such as headers that tell what was
/// consumed).
pub trait After: Send {
    /// Does it.
    fn answered(self: Box<Self>, flow: &mut Flow<'_>) -> Result<(), Failure>;

    /// Whether it has to wait for somebody: then [`After::answering`] takes the place of [`After::answered`].
    fn waits(&self) -> bool {
        false
    }

    /// Does it, and waits.
    fn answering<'f>(self: Box<Self>, flow: &'f mut Flow<'_>) -> BoxFuture<'f, Result<(), Failure>> {
        let done = self.answered(flow);
        Box::pin(std::future::ready(done))
    }

    /// Bodies that have to be in memory for it.
    fn needs(&self, _: &Flow<'_>) -> Needs {
        Needs::NONE
    }

    /// The exchange failed instead: a word to the failure before `on-error` sees it.
    fn refused(&self, _: &mut Flow<'_>, _: &mut Failure) {}

    /// Takes its place when the exchange has failed and `on-error` has run: for what an answer with an error needs too.
    fn failed(self: Box<Self>, _: &mut Flow<'_>) {}
}

/// The request that will be sent.
#[derive(Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// `http` or `https`.
    pub scheme: Arc<str>,
    /// Host as the caller named it, without port.
    pub host: Arc<str>,
    /// Port; 0: the scheme's own.
    pub port: u16,
    /// Path of the URL that `context.Request.Url` shows, with its slash: below the API's path.
    pub path: String,
    /// Query without its `?`, as it will be sent; empty: none.
    pub query: String,
    /// Headers, our own places for keys taken out already.
    pub headers: HeaderMap,
    /// Body.
    pub body: Body,
    /// Path and query as the caller sent them (`context.Request.OriginalUrl`).
    pub original: (Arc<str>, Arc<str>),
    /// `context.Request.MatchedParameters`: of the operation's template.
    pub matched: Vec<(String, String)>,
    /// The caller.
    pub ip: Option<IpAddr>,
    /// The caller's certificate, when it showed one.
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status.
    pub status: StatusCode,
    /// `set-status`'s reason, or the backend's.
    pub reason: Option<String>,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Body,
}

impl Response {
    /// An empty answer.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self { status, reason: None, headers: HeaderMap::new(), body: Body::Held(Bytes::new()) }
    }

    /// Whether it is an event stream: its body is never kept back for a header.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        let kind = self.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream"))
    }

    /// The reason phrase: the one that was set, or the status's usual one.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.reason.as_deref().or_else(|| self.status.canonical_reason()).unwrap_or("")
    }
}

/// A body, as far as policies know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// Still where it came from: it passes as it comes unless somebody reads it.
    #[default]
    Passing,
    /// In memory.
    Held(Bytes),
    /// Read by an expression that did not preserve it.
    Consumed,
}

impl Body {
    /// The bytes in memory.
    #[must_use]
    pub const fn held(&self) -> Option<&Bytes> {
        match self {
            Self::Held(bytes) => Some(bytes),
            Self::Passing | Self::Consumed => None,
        }
    }
}

/// `context.Variables`: few, so a list.
#[derive(Clone, Default)]
pub struct Variables {
    values: Vec<(Arc<str>, Value)>,
    /// Names that were set since somebody began to watch.
    touched: Option<Vec<Arc<str>>>,
}

impl Variables {
    /// The value of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| **known == *name).map(|(_, value)| value)
    }

    /// Sets it.
    pub fn set(&mut self, name: &Arc<str>, value: Value) {
        self.touched.iter_mut().for_each(|touched| touched.push(Arc::clone(name)));
        match self.values.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.values.push((name.clone(), value)),
        }
    }

    /// Forgets it, and gives what it was.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.values.iter().position(|(known, _)| **known == *name)?;
        Some(self.values.remove(at).1)
    }

    /// Begins to note what is set, for [`Variables::adopt`].
    pub fn watch(&mut self) {
        self.touched = Some(Vec::new());
    }

    /// Takes over what was set in a copy since it began to watch.
    pub fn adopt(&mut self, copy: &Self) {
        for name in copy.touched.iter().flatten() {
            if let Some(value) = copy.get(name) {
                self.set(name, value.clone());
            }
        }
    }

    /// All of them, in the order they were first set.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.values.iter().map(|(name, value)| (name, value))
    }
}

impl Flow<'_> {
    /// Reads the bodies that are needed and not in memory yet.
    pub async fn hold(&mut self, needs: Needs) -> Result<(), Failure> {
        if needs.request_body && self.request.body == Body::Passing {
            self.request.body = Body::Held(self.link.read_request().await?);
        }
        if needs.response_body
            && let Some(response) = &mut self.response
            && response.body == Body::Passing
        {
            response.body = Body::Held(self.link.read_response().await?);
        }
        Ok(())
    }

    /// Whether a body that is needed is not in memory yet.
    #[must_use]
    pub fn wants(&self, needs: Needs) -> bool {
        let of_answer = || self.response.as_ref().is_some_and(|response| response.body == Body::Passing);
        (needs.request_body && self.request.body == Body::Passing) || (needs.response_body && of_answer())
    }

    /// The headers that a policy of this section changes: those of the request in `inbound` and `backend`, those of the
    /// answer in `outbound` and `on-error`.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        match &mut self.response {
            Some(response) if is_of_answer(self.section) => &mut response.headers,
            _ => &mut self.request.headers,
        }
    }

    /// The body that a policy of this section changes.
    pub fn body_mut(&mut self) -> &mut Body {
        match &mut self.response {
            Some(response) if is_of_answer(self.section) => &mut response.body,
            _ => &mut self.request.body,
        }
    }

    /// What has to be in memory to change the body of this section's message.
    #[must_use]
    pub const fn body_needs(&self) -> Needs {
        let is_answered = self.is_answered();
        Needs { request_body: !is_answered, response_body: is_answered }
    }

    /// Whether statements of this section act on the answer.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        self.response.is_some() && is_of_answer(self.section)
    }
}

/// Whether a section's statements act on the answer. Those of `backend` act on the request even when there is an answer
/// already: inside `retry` they prepare the next attempt.
const fn is_of_answer(section: Section) -> bool {
    matches!(section, Section::Outbound | Section::OnError)
}
