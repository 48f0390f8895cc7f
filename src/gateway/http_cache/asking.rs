//! What a request asks of the cache: whether it may be answered from there at all, and from whose answers.

use std::sync::Arc;

use http::{HeaderMap, Method, header};
use http_body::Body as _;

use super::{super::exchange::Exchange, Call};
use crate::{
    cache::http::{
        Asked, Directives, Entry, Marks, Rules,
        asked::{CREDENTIALS, Parts},
        conditions,
    },
    gateway::admission,
};

/// A request that may be answered from the cache.
pub struct Question {
    /// The rules.
    pub rules: Arc<Rules>,
    /// What is asked for.
    pub asked: Asked,
    /// What the request says of caching, as far as that counts.
    pub said: Directives,
    /// What the caller has already.
    pub conditions: HeaderMap,
    /// Whether it carries credentials that do not tell its answers apart.
    pub is_personal: bool,
    /// Whether only the head is wanted.
    pub is_head: bool,
    /// By what its answer is purged.
    pub marks: Marks,
}

impl Question {
    /// What the exchange asks.
    ///
    /// # Errors
    /// Why the cache is passed by.
    pub fn of(exchange: &Exchange, rules: Arc<Rules>, call: Call<'_>) -> Result<Self, &'static str> {
        let headers = &exchange.parts.headers;
        let said = if rules.respect_client { Directives::of_request(headers) } else { Directives::default() };
        may_be_answered(exchange, &said)?;
        let query = exchange.parts.uri.query().unwrap_or_default();
        let origin = format!("{}://{}", exchange.peer.scheme, origin(exchange));
        let target = format!("{} {:?}", call.pool.id(), exchange.dress);
        let api = exchange.api.as_ref().map_or("", |api| api.id.as_str());
        let partition = partition(exchange, &rules);
        let parts =
            Parts { api, target: &target, origin: &origin, path: call.path, query, partition: &partition, headers };
        let marks = Marks {
            api: api.into(),
            product: exchange.product.as_ref().map(|product| product.id.as_str().into()),
            path: exchange.settlement.path.clone(),
            tags: rules.tags.clone(),
        };
        Ok(Self {
            asked: Asked::new(&parts, &rules),
            said,
            conditions: ours(headers),
            is_personal: !rules.allow_authorization && CREDENTIALS.iter().any(|name| headers.contains_key(name)),
            is_head: exchange.parts.method == Method::HEAD,
            marks,
            rules,
        })
    }

    /// Whether an entry is for this caller too (RFC 9111, section 3.5, and for cookies alike).
    #[must_use]
    pub fn may_have(&self, entry: &Entry) -> bool {
        !self.is_personal || entry.terms.for_all
    }
}

fn may_be_answered(exchange: &Exchange, said: &Directives) -> Result<(), &'static str> {
    let parts = &exchange.parts;
    let has = |name| parts.headers.contains_key(name);
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        Err("only GET and HEAD are answered from the cache")
    } else if said.no_store {
        Err("the request says no-store")
    } else if has(header::RANGE) {
        Err("the request asks for a part")
    } else if conditions::BACKENDS.into_iter().any(has) {
        Err("the request has a condition that only the backend can answer")
    } else if exchange.asked_upgrade.is_some() {
        Err("the request asks for another protocol")
    } else if exchange.body.as_ref().is_some_and(|body| !body.is_end_stream()) {
        Err("the request has a body")
    } else {
        Ok(())
    }
}

/// The authority that the caller used: what a trusted proxy says of it, else the request's own.
fn origin(exchange: &Exchange) -> String {
    let told = exchange.peer.host.as_ref().map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    told.unwrap_or_else(|| admission::authority(&exchange.parts).to_owned()).to_ascii_lowercase()
}

/// Whose answers they are. Callers without a key are one.
fn partition(exchange: &Exchange, rules: &Rules) -> String {
    let subscription = exchange.subscription.as_deref();
    match subscription {
        None if rules.shared && !rules.by_developer => "all".to_owned(),
        None => "anonymous".to_owned(),
        Some(subscription) => match &subscription.user {
            Some(user) if rules.by_developer => format!("user {user}"),
            _ if rules.shared && !rules.by_developer => "all".to_owned(),
            _ => format!("subscription {}", subscription.id),
        },
    }
}

fn ours(headers: &HeaderMap) -> HeaderMap {
    let mut conditions = HeaderMap::new();
    for name in &conditions::OURS {
        for value in headers.get_all(name) {
            conditions.append(name.clone(), value.clone());
        }
    }
    conditions
}
