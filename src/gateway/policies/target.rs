//! The backend that a policy names: configured ones by id, others by URL.

use std::sync::Arc;

use moka::sync::Cache;
use tollgate_providers::{Kind, surface};

use super::super::{exchange::Exchange, route::Target};
use crate::{
    outbound::Pool,
    policies::{Failure, Request, Route, link},
    settings::{self, BreakerRule},
};

/// Most URLs that are kept ready; each holds connections.
const MOST_URLS: u64 = 512;

/// Pools of one for the URLs that policies compute, kept so that connections are.
pub struct Targets(Cache<Wanted, Arc<Pool>>);

/// Snapshot, URL, whether the URL is written in a document, and a forward proxy.
type Wanted = (u64, Arc<str>, bool, Option<Arc<str>>);

impl Default for Targets {
    fn default() -> Self {
        Self(Cache::new(MOST_URLS))
    }
}

/// Where the request goes: what policies said, else what routing found.
pub fn of(
    exchange: &mut Exchange,
    routed: Option<&Target>,
    request: &Request,
    route: &Route,
) -> Result<Target, Failure> {
    let named = route.target.as_ref().map(|target| pool(exchange, target, route.proxy.as_ref())).transpose()?;
    if route.proxy.is_some() && !matches!(route.target, Some(link::Target::Url { .. })) {
        let why =
            "`proxy` works with set-backend-service base-url only; give the configured backend its setting `proxy`";
        return Err(Failure::new("proxy", "ProxyNotPossible", 500, why));
    }
    match (routed, named) {
        (Some(Target::Http(pool, _)), named) => {
            let path = if request.path == "/" { String::new() } else { request.path.clone() };
            Ok(Target::Http(named.unwrap_or_else(|| pool.clone()), path))
        }
        (Some(Target::Models(_)), named) => {
            exchange.pool = named;
            let call = surface::recognise(&request.method, &request.path);
            call.map(Target::Models).ok_or_else(|| {
                let message = format!("{} {} is no endpoint of a model API", request.method, request.path);
                Failure::new("forward-request", "OperationNotFound", 404, message)
            })
        }
        (None, Some(named)) => Ok(Target::Http(named, request.path.clone())),
        (None, None) => Err(Failure::new("forward-request", "BackendConnectionFailure", 500, "There is no backend.")),
    }
}

fn pool(exchange: &Exchange, target: &link::Target, proxy: Option<&Arc<str>>) -> Result<Arc<Pool>, Failure> {
    let hub = &exchange.gateway.hub;
    let snapshot = &exchange.snapshot;
    let unknown = |what: &str, id: &str| {
        Failure::new("set-backend-service", "BackendNotFound", 500, format!("there is no {what} `{id}`"))
    };
    match target {
        link::Target::Backend(id) => {
            let backend = snapshot.backends.get(id).ok_or_else(|| unknown("backend", id.as_str()))?;
            Ok(hub.single(backend.clone()))
        }
        link::Target::Pool(id) => snapshot.pools.get(id).cloned().ok_or_else(|| unknown("pool", id.as_str())),
        link::Target::Named(id) => {
            if let Some((_, pool)) = snapshot.pools.iter().find(|(known, _)| known.as_str() == &**id) {
                Ok(pool.clone())
            } else {
                let named = snapshot.backends.iter().find(|(known, _)| known.as_str() == &**id);
                named.map(|(_, backend)| hub.single(backend.clone())).ok_or_else(|| unknown("backend or pool", id))
            }
        }
        link::Target::Url { url, is_literal } => by_url(exchange, url, *is_literal, proxy),
    }
}

fn by_url(
    exchange: &Exchange,
    url: &Arc<str>,
    is_literal: bool,
    proxy: Option<&Arc<str>>,
) -> Result<Arc<Pool>, Failure> {
    let key = (exchange.snapshot.revision, url.clone(), is_literal, proxy.cloned());
    if let Some(pool) = exchange.gateway.targets.0.get(&key) {
        return Ok(pool);
    }
    let bad = |why: String| Failure::new("set-backend-service", "BackendConnectionFailure", 500, why);
    let parsed = url::Url::parse(url).map_err(|error| bad(format!("`{url}` is not a URL: {error}")))?;
    let origin = parsed.origin().ascii_serialization();
    let mut setting = settings::Backend::new(&identifier(&origin), Kind::Http);
    setting.url = Some(url.to_string());
    setting.proxy = proxy.map(ToString::to_string);
    // A URL is whoever the expression says: one caller's bad URL must not take another's out.
    setting.circuit_breaker = Some(Vec::<BreakerRule>::new());
    let egress = &exchange.snapshot.settings.server.egress;
    let compiled =
        exchange.gateway.hub.adhoc(&setting, is_literal, egress).map_err(|problems| bad(problems.join("; ")))?;
    exchange.gateway.targets.0.insert(key, compiled.clone());
    Ok(compiled)
}

/// An identifier for logs and metrics: the origin, in the characters of identifiers.
fn identifier(origin: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    origin.chars().map(safe).take(80).collect()
}
