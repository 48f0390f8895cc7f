//! The backend that a policy names: configured ones by id, others by URL.

use std::sync::Arc;

use moka::sync::Cache;
use tollgate_providers::{Kind, surface};

use super::{
    super::{exchange::Exchange, route::Target},
    Dress, dressed,
};
use crate::{
    exchange::{Fault, FaultKind},
    model::{BackendId, PoolId},
    outbound::Pool,
    policies::{Failure, Request, Route, link},
    settings::{self, BreakerRule},
};

/// Most URLs that are kept ready; each holds connections.
const MOST_URLS: u64 = 512;

/// Pools that policies made, kept so that their connections are.
pub struct Targets {
    /// Pools of one for URLs.
    urls: Cache<Wanted, Arc<Pool>>,
    /// Configured pools in another dress, by the revision of the configuration.
    pub(super) dressed: Cache<(u64, PoolId, Dress), Arc<Pool>>,
}

/// Revision of the configuration, URL, whether the URL is written in a document, and how it is spoken to.
type Wanted = (u64, Arc<str>, bool, Dress);

impl Default for Targets {
    fn default() -> Self {
        Self { urls: Cache::new(MOST_URLS), dressed: Cache::new(MOST_URLS) }
    }
}

/// Where the request goes: what policies said, else what routing found.
pub fn of(
    exchange: &mut Exchange,
    routed: Option<&Target>,
    request: &Request,
    route: &Route,
) -> Result<Target, Failure> {
    let named = route.target.as_ref().map(|target| pool(exchange, target)).transpose()?;
    match (routed, named) {
        (Some(Target::Http(pool, _)), named) => {
            let path = if request.path == "/" { String::new() } else { request.path.clone() };
            let pool = named.map_or_else(|| dressed(exchange, pool), Ok)?;
            Ok(Target::Http(pool, path))
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

fn pool(exchange: &Exchange, target: &link::Target) -> Result<Arc<Pool>, Failure> {
    let (id, what) = match target {
        link::Target::Url { url, is_literal } => return by_url(exchange, url, *is_literal),
        link::Target::Backend(id) => (id.as_str(), "backend"),
        link::Target::Pool(id) => (id.as_str(), "pool"),
        link::Target::Named(id) => (&**id, "backend or pool"),
    };
    let found = by_id(exchange, target, id).ok_or_else(|| {
        Failure::new("set-backend-service", "BackendNotFound", 500, format!("there is no {what} `{id}`"))
    })?;
    dressed(exchange, &found)
}

fn by_id(exchange: &Exchange, target: &link::Target, id: &str) -> Option<Arc<Pool>> {
    let snapshot = &exchange.snapshot;
    let pool = || snapshot.pools.get(&PoolId::from(id)).cloned();
    let backend = || {
        let backend = snapshot.backends.get(&BackendId::from(id))?;
        Some(exchange.gateway.hub.single(backend.clone()))
    };
    match target {
        link::Target::Backend(_) => backend(),
        link::Target::Pool(_) => pool(),
        link::Target::Named(_) | link::Target::Url { .. } => pool().or_else(backend),
    }
}

/// The pool of a URL. `is_literal`: it is the operator's own choice, which may lead to this machine.
pub(super) fn by_url(exchange: &Exchange, url: &Arc<str>, is_literal: bool) -> Result<Arc<Pool>, Failure> {
    let key = (exchange.snapshot.revision, url.clone(), is_literal, exchange.dress.clone());
    if let Some(pool) = exchange.gateway.targets.urls.get(&key) {
        return Ok(pool);
    }
    let parsed = plain(url).map_err(|error| {
        let why = format!("`{url}` is not a URL: {error}");
        Failure::new("set-backend-service", "BackendConnectionFailure", 500, why)
    })?;
    let mut setting = settings::Backend::new(&identifier(&parsed.origin().ascii_serialization()), Kind::Http);
    setting.url = Some(parsed.to_string());
    exchange.dress.put_on(&mut setting);
    // A URL is whoever the expression says: one caller's bad URL must not take another's out.
    setting.circuit_breaker = Some(Vec::<BreakerRule>::new());
    let egress = &exchange.snapshot.settings.server.egress;
    let compiled = exchange.gateway.hub.adhoc(&setting, is_literal, egress, exchange.dress.identity(exchange));
    let compiled = compiled.map_err(|problems| forbidden(exchange, &problems.join("; ")))?;
    exchange.gateway.targets.urls.insert(key, compiled.clone());
    Ok(compiled)
}

/// The caller is not told which addresses lead inside.
fn forbidden(exchange: &Exchange, why: &str) -> Failure {
    tracing::warn!(request_id = %exchange.settlement.id, why, "a document named a backend that cannot be used");
    Failure::from(Fault::new(FaultKind::EgressRefused, "The backend's address cannot be used."))
}

/// The URL as backends have it: `ws` is `http` with another purpose, and a `?` with nothing behind it says nothing.
fn plain(url: &str) -> Result<url::Url, url::ParseError> {
    let http = url.strip_prefix("ws").filter(|rest| rest.starts_with(':') || rest.starts_with("s:"));
    let http = http.map(|rest| format!("http{rest}"));
    let mut parsed = url::Url::parse(http.as_deref().unwrap_or(url))?;
    if parsed.query() == Some("") {
        parsed.set_query(None);
    }
    Ok(parsed)
}

/// An identifier for logs and metrics: the origin, in the characters of identifiers.
fn identifier(origin: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    origin.chars().map(safe).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_backends_have_them() {
        for (given, wanted) in [
            ("https://a.test/b?", "https://a.test/b"),
            ("ws://a.test/b", "http://a.test/b"),
            ("wss://a.test", "https://a.test/"),
            ("http://wss.test:81/", "http://wss.test:81/"),
        ] {
            assert_eq!(plain(given).expect(given).as_str(), wanted);
        }
    }
}
