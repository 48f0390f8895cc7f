//! Configured backends spoken to otherwise than configured: through a proxy, with another client certificate, in another
//! version of HTTP. What is asked for is noted while policies run (`target`) and put on here, when the pool is known.

use std::{fmt, sync::Arc};

use super::super::exchange::Exchange;
use crate::{
    outbound::{Pool, fetch::Identity},
    policies::{Failure, Forwarding, Route},
    settings::{self, objects::HttpVersion},
};

/// How backends are spoken to, where policies say it otherwise than the configuration. The default says nothing.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Dress {
    /// URL of the proxy (`proxy`).
    pub proxy: Option<Arc<str>>,
    /// Id of the client certificate (`authentication-certificate`).
    pub certificate: Option<Arc<str>>,
    /// Version of HTTP (`forward-request http-version`): 1 or 2.
    pub http: Option<u8>,
}

impl fmt::Debug for Dress {
    /// Without the proxy: its URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { proxy, certificate, http } = self;
        write!(f, "Dress(proxy: {}, certificate: {certificate:?}, http: {http:?})", proxy.is_some())
    }
}

impl Dress {
    /// What policies asked for.
    #[must_use]
    pub fn of(route: &Route, how: &Forwarding) -> Self {
        Self { proxy: route.proxy.clone(), certificate: route.certificate.clone(), http: how.http_version }
    }

    /// Puts on what settings can say.
    pub(super) fn put_on(&self, backend: &mut settings::Backend) {
        if let Some(proxy) = &self.proxy {
            backend.proxy = Some(proxy.to_string());
            // Meant for the configured proxy, not for this one.
            backend.proxy_key = None;
        }
        match self.http {
            Some(1) => backend.http = HttpVersion::Http1,
            Some(_) => backend.http = HttpVersion::Http2,
            None => {}
        }
    }

    /// The certificate that is shown.
    pub(super) fn identity<'e>(&self, exchange: &'e Exchange) -> Option<&'e Identity> {
        exchange.snapshot.named.certificate(self.certificate.as_deref()?).map(|identity| &**identity)
    }
}

/// A configured pool in the dress of the exchange; itself where there is none.
///
/// # Errors
/// The dress does not fit: a certificate without a key, a proxy that egress rules forbid.
pub fn dressed(exchange: &Exchange, pool: &Arc<Pool>) -> Result<Arc<Pool>, Failure> {
    let dress = &exchange.dress;
    if *dress == Dress::default() {
        return Ok(pool.clone());
    }
    let key = (exchange.snapshot.revision, pool.id().clone(), dress.clone());
    if let Some(pool) = exchange.gateway.targets.dressed.get(&key) {
        return Ok(pool);
    }
    let hub = &exchange.gateway.hub;
    let settings = &exchange.snapshot.settings;
    let made = hub.variant(settings, pool.id(), &|backend| dress.put_on(backend), dress.identity(exchange));
    let made =
        made.map_err(|problems| Failure::new("forward-request", "BackendConnectionFailure", 500, problems.join("; ")))?;
    exchange.gateway.targets.dressed.insert(key, made.clone());
    Ok(made)
}
