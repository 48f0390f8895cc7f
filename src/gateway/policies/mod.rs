//! Exchanges that fall under policy documents: the same journey, with the documents' sections around the backend.
//!
//! Lives here: handing an exchange to its pipeline and taking the answer back. `wire` is what the pipeline is lent
//! (bodies and backends), `target` finds the backend that a policy names. What the policies do is `crate::policies`.

mod coding;
mod debug;
mod dress;
mod model_answers;
mod redirect;
mod target;
mod wire;
mod within;

use std::sync::Arc;

use http::{Method, Uri, header, request::Parts};

use super::{
    admission,
    answer::Answer,
    exchange::Exchange,
    route::{self, Target},
};
use crate::{
    exchange::Fault,
    openapi,
    policies::{
        Body, Ended, Facts, Flow, Pipeline, Request, Route, Services,
        flow::{Cached, Variables},
        tracing::Trace,
    },
    policy::Section,
    snapshot::Holders,
};
use wire::Wire;

pub use dress::{Dress, dressed};
pub use target::Targets;

/// Whether any document may apply to the exchange.
#[must_use]
pub fn apply(exchange: &Exchange) -> bool {
    !exchange.snapshot.documents.is_empty()
}

/// Answers the exchange through its documents.
pub async fn journey(exchange: &mut Exchange) -> Result<Answer, Fault> {
    let routed = route::resolve(exchange);
    let is_preflight = is_preflight(&exchange.parts);
    if is_preflight
        && let (Ok(_), Some(pipeline)) = (&routed, pipeline(exchange))
        && let Some(answer) = preflight(exchange, &pipeline).await
    {
        return Ok(answer);
    }
    let target = match routed {
        Ok(_) if is_preflight => route::resolve_as_sent(exchange).and_then(|target| admit(exchange, target)),
        routed => routed.and_then(|target| admit(exchange, target)),
    };
    let trace = debug::wanted(exchange);
    exchange.clean_headers();
    let pipeline = pipeline(exchange);
    if let (None, Some(trace)) = (&pipeline, &trace) {
        debug::keep(exchange, trace);
    }
    match (pipeline, target) {
        (Some(pipeline), target) => Ok(through(exchange, target, &pipeline, trace).await),
        (None, Ok(target)) => super::dispatch(exchange, target).await,
        (None, Err(fault)) => Err(fault),
    }
}

fn admit(exchange: &mut Exchange, target: Target) -> Result<Target, Fault> {
    exchange.authenticate().map(|()| target)
}

fn pipeline(exchange: &Exchange) -> Option<Pipeline> {
    exchange.snapshot.documents.pipeline(Holders {
        api: exchange.api.as_ref().map(|api| &api.id),
        workspace: exchange.api.as_ref().and_then(|api| api.workspace.as_ref()),
        operation: exchange.settlement.operation.as_ref(),
        product: exchange.product.as_ref().map(|product| &product.id),
    })
}

/// Whether a browser asks whether it may send (Fetch, "CORS-preflight request").
#[must_use]
pub fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(header::ORIGIN)
        && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer of the first `cors` that applies: it needs no key, because browsers send none with the question.
async fn preflight(exchange: &mut Exchange, pipeline: &Pipeline) -> Option<Answer> {
    let (facts, services) = (facts(exchange), exchange.gateway.services.clone());
    let request = Request { headers: exchange.parts.headers.clone(), ..request(exchange, None) };
    exchange.parts.headers = request.headers.clone();
    let mut wire = Wire::new(exchange, None);
    let mut flow = flow((&facts, &services), pipeline, request, &mut wire);
    flow.is_preflight = true;
    let answered = Pipeline::preflight(&mut flow).await;
    let response = flow.response.take();
    drop(flow);
    match answered {
        Ok(true) => Some(wire.conclude(response, Ended::Answered).await),
        Ok(false) => None,
        Err(failure) => Some(wire.conclude(response, Ended::Failed(failure)).await),
    }
}

async fn through(
    exchange: &mut Exchange,
    target: Result<Target, Fault>,
    pipeline: &Pipeline,
    trace: Option<Box<Trace>>,
) -> Answer {
    let (facts, services) = (facts(exchange), exchange.gateway.services.clone());
    let request = request(exchange, target.as_ref().ok());
    let (target, refused) = match target {
        Ok(target) => (Some(target), None),
        Err(fault) => (None, Some(fault)),
    };
    let mut wire = Wire::new(exchange, target);
    let mut flow = flow((&facts, &services), pipeline, request, &mut wire);
    flow.trace = trace;
    let ended = match refused {
        None => Pipeline::run(&mut flow).await,
        Some(fault) => Pipeline::fail(&mut flow, fault.into()).await,
    };
    let (response, trace) = (flow.response.take(), flow.trace.take());
    drop(flow);
    let answer = wire.conclude(response, ended).await;
    if let Some(trace) = trace {
        debug::keep(exchange, &trace);
    }
    answer
}

/// A flow at its beginning.
fn flow<'f>(
    (facts, services): (&'f Facts, &'f Services),
    pipeline: &'f Pipeline,
    request: Request,
    wire: &'f mut Wire<'_>,
) -> Flow<'f> {
    let began = wire.began();
    Flow {
        facts,
        services,
        request,
        response: None,
        variables: Variables::default(),
        route: Route::default(),
        section: Section::Inbound,
        last_error: None,
        pipeline,
        depth: 0,
        link: wire,
        after: Vec::new(),
        trace: None,
        is_preflight: false,
        cached: Cached::Unasked,
        began,
    }
}

/// The request as its policies see it: taken out of the exchange, given back when it is sent.
fn request(exchange: &mut Exchange, target: Option<&Target>) -> Request {
    let uri = exchange.parts.uri.clone();
    let host = admission::authority(&exchange.parts).to_owned();
    let (host, port) = host_and_port(&host);
    let path = match target {
        Some(Target::Http(_, path)) if path.is_empty() => "/".to_owned(),
        Some(Target::Http(_, path)) => path.clone(),
        _ => below(exchange, &uri),
    };
    Request {
        method: exchange.parts.method.clone(),
        scheme: exchange.peer.scheme.into(),
        host: host.into(),
        port,
        matched: matched(exchange, &path),
        path,
        query: uri.query().unwrap_or_default().to_owned(),
        headers: std::mem::take(&mut exchange.parts.headers),
        body: if exchange.body.as_ref().is_none_or(http_body::Body::is_end_stream) {
            Body::Held(bytes::Bytes::new())
        } else {
            Body::Passing
        },
        original: (exchange.settlement.path.clone(), uri.query().unwrap_or_default().into()),
        ip: Some(exchange.peer.client),
        certificate: exchange.peer.certificate.clone(),
    }
}

fn below(exchange: &Exchange, uri: &Uri) -> String {
    let prefix = exchange.api.as_ref().map_or(0, |api| api.prefix.len());
    let rest = uri.path().get(prefix..).unwrap_or_default();
    if rest.is_empty() { "/".to_owned() } else { rest.to_owned() }
}

fn matched(exchange: &Exchange, path: &str) -> Vec<(String, String)> {
    let (api, operation) = (exchange.api.as_ref(), exchange.settlement.operation.as_ref());
    let table = &exchange.snapshot.facts.operations;
    let facts = api.zip(operation).and_then(|(api, id)| table.get(&api.id)?.get(id));
    facts.map(|facts| openapi::parameters(&facts.url_template, path)).unwrap_or_default()
}

/// A Host's name and port; 0: none was given.
fn host_and_port(host: &str) -> (&str, u16) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().unwrap_or(0)),
        _ => (host, 0),
    }
}

fn facts(exchange: &Exchange) -> Facts {
    let table = &exchange.snapshot.facts;
    let (api, operation) = (exchange.api.as_ref().map(|api| &api.id), exchange.settlement.operation.as_ref());
    let subscription = exchange.subscription.as_ref();
    Facts {
        request_id: exchange.settlement.id.to_string(),
        api: api.and_then(|id| table.apis.get(id)).cloned(),
        operation: api.zip(operation).and_then(|(api, id)| table.operations.get(api)?.get(id)).cloned(),
        product: exchange.product.as_ref().and_then(|product| table.products.get(&product.id)).cloned(),
        subscription: subscription.and_then(|entry| table.subscriptions.get(&entry.id)).cloned(),
        key: exchange.shown_key.clone(),
        user: subscription.and_then(|entry| table.users.get(entry.user.as_ref()?)).cloned(),
        deployment: Arc::clone(&table.deployment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_ports_or_not() {
        for (given, name, port) in [("a", "a", 0), ("a:80", "a", 80), ("[::1]", "[::1]", 0), ("[::1]:8", "[::1]", 8)] {
            assert_eq!(host_and_port(given), (name, port));
        }
    }
}
