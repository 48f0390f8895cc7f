//! The world of a trial: a backend and others that answer from a script, and tell what they were asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::case::{self, Answer, Fails, Lines};
use crate::{
    limits::Scope as Counter,
    outbound::fetch::{self, CallFault, CallFaultKind, SideCalls},
    policies::{Body, Failure, Forwarding, Link, Request, Response, Route, link::Target},
};

/// A request that was sent, to the backend or to another.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Method.
    pub method: String,
    /// Path with query, or the whole URL of a side call.
    pub url: String,
    /// What policies chose; empty: the API's own.
    pub backend: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// The gateway's side of a trial.
pub struct Wire {
    body: Bytes,
    answer: Bytes,
    answers: VecDeque<Answer>,
    /// Counters that policies let the exchange fall under.
    pub counters: usize,
    /// What the backend saw.
    pub sent: Vec<Sent>,
}

impl Wire {
    /// With the caller's body and what the backend answers.
    pub fn new(body: Bytes, answers: &[Answer]) -> Self {
        let answers = answers.iter().cloned().collect();
        Self { body, answer: Bytes::new(), answers, counters: 0, sent: Vec::new() }
    }

    /// The body of the last answer, as it would pass.
    pub const fn passing(&self) -> &Bytes {
        &self.answer
    }

    fn next(&mut self) -> Answer {
        match self.answers.len() {
            0 => Answer::default(),
            1 => self.answers[0].clone(),
            _ => self.answers.pop_front().unwrap_or_default(),
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
        let answer = self.next();
        let question = if request.query.is_empty() { "" } else { "?" };
        self.sent.push(Sent {
            method: request.method.to_string(),
            url: format!("{}{question}{}", request.path, request.query),
            backend: target(route.target.as_ref()),
            headers: request.headers.clone(),
            body: request.body.held().unwrap_or(&self.body).clone(),
        });
        self.answer = case::bytes(answer.body.as_ref());
        let timeout = how.timeout;
        async move {
            let takes = answer.after.0;
            if timeout.is_some_and(|timeout| timeout < takes) {
                tokio::time::sleep(timeout.unwrap_or_default()).await;
                return Err(failure(Fails::Timeout));
            }
            tokio::time::sleep(takes).await;
            match answer.fails {
                Some(fails) => Err(failure(fails)),
                None => Ok(Response {
                    body: Body::Passing,
                    headers: headers(&answer.headers),
                    ..Response::new(status(answer.status))
                }),
            }
        }
        .boxed()
    }

    fn rendered(&mut self, failure: &Failure) -> Response {
        let text = tollgate_providers::envelope::plain_error_body(failure.status, failure.told(), None);
        let headers = failure.headers.iter().cloned().collect();
        Response { headers, body: Body::Held(text.into()), ..Response::new(status(failure.status)) }
    }

    fn limit(&mut self, _: Counter) {
        self.counters += 1;
    }

    /// Nothing is counted in a trial.
    fn count_as(&mut self, _: &str, _: u64) {}

    fn tokens(&mut self) -> u64 {
        // What the scripted answer says of itself, as a model's would.
        let answer: Result<serde_json::Value, _> = serde_json::from_slice(&self.answer);
        answer.ok().and_then(|answer| answer["usage"]["total_tokens"].as_u64()).unwrap_or_default()
    }

    fn backend(&self) -> Option<Arc<str>> {
        self.sent
            .last()
            .map(|sent| if sent.backend.is_empty() { "scripted".into() } else { sent.backend.as_str().into() })
    }
}

fn target(target: Option<&Target>) -> String {
    match target {
        None => String::new(),
        Some(Target::Backend(id)) => id.to_string(),
        Some(Target::Pool(id)) => id.to_string(),
        Some(Target::Named(id)) => id.to_string(),
        Some(Target::Url { url, .. }) => url.to_string(),
    }
}

fn failure(fails: Fails) -> Failure {
    match fails {
        Fails::Timeout => Failure::new("forward-request", "Timeout", 504, "The backend did not answer in time."),
        Fails::Connect => {
            Failure::new("forward-request", "BackendConnectionFailure", 502, "The backend could not be reached.")
        }
    }
}

/// Others than the backend.
pub struct Others {
    calls: Vec<case::Call>,
    /// What they were asked.
    pub asked: Mutex<Vec<Sent>>,
}

impl Others {
    /// They answer so.
    pub fn new(calls: &[case::Call]) -> Self {
        Self { calls: calls.to_vec(), asked: Mutex::default() }
    }

    /// What they were asked so far.
    pub fn asked(&self) -> Vec<Sent> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SideCalls for Others {
    fn call(&self, call: fetch::Call) -> BoxFuture<'static, Result<fetch::Answer, CallFault>> {
        let known = self.calls.iter().filter(|one| call.url.starts_with(&one.url)).max_by_key(|one| one.url.len());
        let answer = known.map(|one| one.answer.clone());
        let sent = Sent {
            method: call.method.to_string(),
            url: call.url.clone(),
            backend: String::new(),
            headers: call.headers,
            body: call.body,
        };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        let (url, timeout) = (call.url, call.timeout);
        async move {
            let Some(answer) = answer else {
                let why = format!("`calls` has no answer for {url}");
                return Err(CallFault::new(CallFaultKind::Connect, why));
            };
            tokio::time::sleep(answer.after.0.min(timeout)).await;
            match answer.fails {
                _ if answer.after.0 > timeout => Err(CallFault::new(CallFaultKind::Timeout, "no answer in time")),
                Some(Fails::Timeout) => Err(CallFault::new(CallFaultKind::Timeout, "no answer in time")),
                Some(Fails::Connect) => Err(CallFault::new(CallFaultKind::Connect, "no connection")),
                None => Ok(fetch::Answer {
                    status: status(answer.status),
                    headers: headers(&answer.headers),
                    body: case::bytes(answer.body.as_ref()),
                }),
            }
        }
        .boxed()
    }
}

fn status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Headers as a map; those that cannot be sent are refused when a case is read.
pub fn headers(lines: &std::collections::BTreeMap<String, Lines>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in lines {
        for value in values.all() {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
    }
    headers
}
