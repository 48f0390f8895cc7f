//! Copies of an exchange that run side by side, for `wait`: each sees what was there before, and what it changes is
//! taken over when it has ended.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture, lock::Mutex as AsyncMutex};
use http::StatusCode;

use super::{
    Failure, Flow, Forwarding, Link, Request, Response, Route,
    flow::{After, Cached},
    tracing::Trace,
};
use crate::{exchange::Watcher, limits::Scope};

/// The gateway's side, shared by the copies.
pub struct Shared<'l> {
    link: AsyncMutex<&'l mut dyn Link>,
    request: AsyncMutex<Option<Bytes>>,
    response: AsyncMutex<Option<Bytes>>,
    limits: Mutex<Vec<Scope>>,
    settled: Mutex<Vec<Watcher>>,
    backend: Option<Arc<str>>,
    tokens: u64,
}

impl<'l> Shared<'l> {
    /// Shares a side.
    pub fn new(link: &'l mut dyn Link) -> Self {
        let (backend, tokens) = (link.backend(), link.tokens());
        Self {
            link: AsyncMutex::new(link),
            request: AsyncMutex::default(),
            response: AsyncMutex::default(),
            limits: Mutex::default(),
            settled: Mutex::default(),
            backend,
            tokens,
        }
    }

    /// What the copies asked to be counted by; what they asked to be told of at the end goes on to the one side.
    pub fn into_limits(self) -> Vec<Scope> {
        let link = self.link.into_inner();
        for work in self.settled.into_inner().unwrap_or_else(PoisonError::into_inner) {
            link.when_settled(work);
        }
        self.limits.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One copy's way to the side that is shared.
pub struct Copy<'s, 'l>(pub &'s Shared<'l>);

impl Link for Copy<'_, '_> {
    fn read_request(&mut self) -> BoxFuture<'_, Result<Bytes, Failure>> {
        async {
            let mut read = self.0.request.lock().await;
            if let Some(bytes) = &*read {
                return Ok(bytes.clone());
            }
            let bytes = self.0.link.lock().await.read_request().await?;
            *read = Some(bytes.clone());
            Ok(bytes)
        }
        .boxed()
    }

    fn read_response(&mut self) -> BoxFuture<'_, Result<Bytes, Failure>> {
        async {
            let mut read = self.0.response.lock().await;
            if let Some(bytes) = &*read {
                return Ok(bytes.clone());
            }
            let bytes = self.0.link.lock().await.read_response().await?;
            *read = Some(bytes.clone());
            Ok(bytes)
        }
        .boxed()
    }

    fn forward<'f>(
        &'f mut self,
        request: &'f mut Request,
        route: &'f Route,
        how: &'f Forwarding,
    ) -> BoxFuture<'f, Result<Response, Failure>> {
        async move { self.0.link.lock().await.forward(request, route, how).await }.boxed()
    }

    fn rendered(&mut self, failure: &Failure) -> Response {
        match self.0.link.try_lock() {
            Some(mut link) => link.rendered(failure),
            None => Response::new(StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)),
        }
    }

    fn limit(&mut self, scope: Scope) {
        self.0.limits.lock().unwrap_or_else(PoisonError::into_inner).push(scope);
    }

    /// Counters are corrected at the end of the journey, never inside a copy.
    fn count_as(&mut self, _: &str, _: u64) {}

    /// Nothing is forwarded while copies run, so that the number stays what it was.
    fn tokens(&mut self) -> u64 {
        self.0.tokens
    }

    fn backend(&self) -> Option<Arc<str>> {
        self.0.backend.clone()
    }

    fn when_settled(&mut self, work: Watcher) {
        self.0.settled.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }
}

/// A copy of an exchange, with its own way to the gateway's side.
pub fn copy<'f>(flow: &Parts<'f>, link: &'f mut dyn Link) -> Flow<'f> {
    let mut variables = flow.variables.clone();
    variables.watch();
    Flow {
        facts: flow.facts,
        services: flow.services,
        request: flow.request.clone(),
        response: flow.response.clone(),
        variables,
        route: flow.route.clone(),
        section: flow.section,
        last_error: None,
        pipeline: flow.pipeline,
        depth: flow.depth,
        link,
        after: Vec::new(),
        trace: flow.is_traced.then(Box::<Trace>::default),
        is_preflight: flow.is_preflight,
        cached: Cached::Unasked,
        began: flow.began,
    }
}

/// What copies are made of.
pub struct Parts<'f> {
    facts: &'f super::Facts,
    services: &'f super::Services,
    request: &'f Request,
    response: &'f Option<Response>,
    variables: &'f super::flow::Variables,
    route: &'f Route,
    section: crate::policy::Section,
    pipeline: &'f super::Pipeline,
    depth: usize,
    is_traced: bool,
    is_preflight: bool,
    began: (crate::model::Timestamp, crate::model::clock::Ticks),
}

/// The exchange in two: what copies are made of, and the gateway's side.
pub fn split<'f>(flow: &'f mut Flow<'_>) -> (Parts<'f>, &'f mut dyn Link) {
    let parts = Parts {
        facts: flow.facts,
        services: flow.services,
        request: &flow.request,
        response: &flow.response,
        variables: &flow.variables,
        route: &flow.route,
        section: flow.section,
        pipeline: flow.pipeline,
        depth: flow.depth,
        is_traced: flow.trace.is_some(),
        is_preflight: flow.is_preflight,
        began: flow.began,
    };
    (parts, &mut *flow.link)
}

/// What a copy leaves when it has ended.
pub struct Left {
    request: Request,
    response: Option<Response>,
    variables: super::flow::Variables,
    route: Route,
    after: Vec<Box<dyn After>>,
    trace: Option<Box<Trace>>,
}

impl Left {
    /// Takes a copy apart.
    pub fn of(copy: Flow<'_>) -> Self {
        let Flow { request, response, variables, route, after, trace, .. } = copy;
        Self { request, response, variables, route, after, trace }
    }

    /// Puts what the copy changed into the exchange.
    pub fn adopt(self, flow: &mut Flow<'_>, before: &(Request, Option<Response>)) {
        if !same_request(&self.request, &before.0) {
            flow.request = self.request;
        }
        if !same_response(self.response.as_ref(), before.1.as_ref()) {
            flow.response = self.response;
        }
        flow.variables.adopt(&self.variables);
        if self.route.target.is_some() {
            flow.route = self.route;
        }
        flow.after.extend(self.after);
        if let (Some(trace), Some(more)) = (&mut flow.trace, self.trace) {
            trace.steps.extend(more.steps);
        }
    }
}

fn same_request(one: &Request, other: &Request) -> bool {
    (&one.method, &one.path, &one.query, &one.headers, &one.body)
        == (&other.method, &other.path, &other.query, &other.headers, &other.body)
}

fn same_response(one: Option<&Response>, other: Option<&Response>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            (one.status, &one.reason, &one.headers, &one.body)
                == (other.status, &other.reason, &other.headers, &other.body)
        }
        (None, None) => true,
        _ => false,
    }
}
