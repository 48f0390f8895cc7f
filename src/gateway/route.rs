//! Host, path and version to API and operation.

use std::sync::Arc;

use http::{Method, header, request::Parts};
use tollgate_providers::{Call, Family, surface};

use super::{
    admission,
    exchange::{Envelope, Exchange},
    policies,
};
use crate::{
    exchange::{Fault, FaultKind},
    openapi::Match,
    outbound::Pool,
    settings::ApiKind,
};

/// Where the request goes.
pub enum Target {
    /// A surface of the model APIs.
    Models(Call),
    /// A plain API: its pool, and the path below the API's prefix as it was sent: empty, or with its slash.
    Http(Arc<Pool>, String),
}

/// Finds API and operation, and settles in whose words errors are told from here on.
pub fn resolve(exchange: &mut Exchange) -> Result<Target, Fault> {
    let asked = policies::is_preflight(&exchange.parts).then(|| asked_method(&exchange.parts)).flatten();
    let has_policies = policies::apply(exchange);
    let method = asked.filter(|_| has_policies).unwrap_or_else(|| exchange.parts.method.clone());
    resolve_for(exchange, &method)
}

/// Finds API and operation of the method that was sent, also of a browser's question whether it may send.
pub fn resolve_as_sent(exchange: &mut Exchange) -> Result<Target, Fault> {
    let method = exchange.parts.method.clone();
    resolve_for(exchange, &method)
}

/// The method that a browser asks about.
fn asked_method(parts: &Parts) -> Option<Method> {
    Method::from_bytes(parts.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes()).ok()
}

fn resolve_for(exchange: &mut Exchange, method: &Method) -> Result<Target, Fault> {
    let uri = &exchange.parts.uri;
    let host = host(exchange);
    let matched = exchange.snapshot.apis.find(&host, uri.path(), uri.query(), &exchange.parts.headers);
    let Some(matched) = matched else { return Err(not_found()) };
    let below = below(uri.path(), matched.prefix_len);
    let api = matched.api;
    exchange.settlement.api = Some(api.id.clone());
    exchange.settlement.workspace.clone_from(&api.workspace);
    exchange.api = Some(api.clone());
    match (api.kind, &api.pool) {
        (ApiKind::Models, _) => model_call(exchange, method, &below),
        (ApiKind::Http, Some(pool)) => {
            match api.operation(method, &below) {
                None => {}
                Some(Match::Found(id)) => exchange.settlement.operation = Some(id.clone()),
                Some(Match::WrongMethod | Match::None) => return Err(not_found()),
            }
            let as_sent = uri.path()[matched.prefix_len..].to_owned();
            Ok(Target::Http(pool.clone(), as_sent))
        }
        (ApiKind::Http, None) => Err(Fault::new(FaultKind::Internal, "an http API was compiled without a pool")),
    }
}

fn model_call(exchange: &mut Exchange, method: &Method, below: &str) -> Result<Target, Fault> {
    exchange.envelope = Envelope::Model(family_by_path(below), None);
    let Some(call) = surface::recognise(method, below) else {
        let message = format!("Unknown request URL: {method} {below}.");
        return Err(Fault::new(FaultKind::NoRoute, message));
    };
    exchange.envelope = Envelope::Model(call.family(), Some(call.surface));
    exchange.settlement.operation = Some(call.surface.name().into());
    exchange.settlement.surface = Some(call.surface);
    Ok(Target::Models(call))
}

/// In whose words a request that was not let in is answered: as far as its path tells.
#[must_use]
pub fn envelope(exchange: &Exchange) -> Envelope {
    let uri = &exchange.parts.uri;
    match exchange.snapshot.apis.find(&host(exchange), uri.path(), uri.query(), &exchange.parts.headers) {
        Some(matched) if matched.api.kind == ApiKind::Models => {
            Envelope::Model(family_by_path(&below(uri.path(), matched.prefix_len)), None)
        }
        _ => Envelope::Plain,
    }
}

/// The family that a path which is no surface was most likely meant for, so that its SDK understands the error.
fn family_by_path(path: &str) -> Family {
    if path.starts_with("/v1/messages") {
        Family::Anthropic
    } else if path.starts_with("/v1beta/") || path.rsplit('/').next().is_some_and(|last| last.contains(':')) {
        Family::Gemini
    } else {
        Family::OpenAi
    }
}

fn host(exchange: &Exchange) -> String {
    without_port(admission::authority(&exchange.parts)).to_owned()
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}

fn below(path: &str, prefix_len: usize) -> String {
    let rest = &path[prefix_len..];
    if rest.is_empty() { "/".to_owned() } else { rest.to_owned() }
}

fn not_found() -> Fault {
    Fault::new(FaultKind::NoRoute, "Resource not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_no_part_of_a_host() {
        for (host, bare) in [("a", "a"), ("a:80", "a"), ("[::1]", "[::1]"), ("[::1]:80", "[::1]"), ("", "")] {
            assert_eq!(without_port(host), bare);
        }
    }
}
