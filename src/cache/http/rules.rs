//! The settings of a cache, ready for use.

use std::{sync::Arc, time::Duration};

use http::HeaderName;

use crate::settings::HttpCache;

/// What is kept, for whom, for how long. See [`HttpCache`] for what each means.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How long an answer is fresh that does not say so itself.
    pub ttl: Option<Duration>,
    /// Whether the answer's own word counts.
    pub respect_origin: bool,
    /// Whether the request's own word counts.
    pub respect_client: bool,
    /// Headers of the request that tell answers apart, sorted.
    pub headers: Vec<HeaderName>,
    /// Parameters of the query that count; `None`: the whole query.
    pub query: Option<Vec<String>>,
    /// Whether the owner of a subscription counts in its place.
    pub by_developer: bool,
    /// Whether all callers share.
    pub shared: bool,
    /// Largest body, in bytes.
    pub max_body: usize,
    /// How long a stale answer is given while a new one is fetched.
    pub while_revalidate: Duration,
    /// How long a stale answer is given in place of a failure.
    pub if_error: Duration,
    /// In how much of the end of its freshness an answer is fetched anew.
    pub refresh_ahead: Duration,
    /// Whether requests with credentials of their own have answers of their own.
    pub allow_authorization: bool,
    /// Names for purging.
    pub tags: Arc<[Arc<str>]>,
}

impl Rules {
    /// The rules of `settings`; `None` where nothing is kept.
    #[must_use]
    pub fn of(settings: &HttpCache) -> Option<Self> {
        let vary = &settings.vary_by;
        let mut headers: Vec<HeaderName> =
            vary.headers.iter().filter_map(|name| HeaderName::try_from(name).ok()).collect();
        headers.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        headers.dedup();
        settings.enabled.then(|| Self {
            ttl: settings.ttl.map(|ttl| ttl.0),
            respect_origin: settings.respect_origin,
            respect_client: settings.respect_client,
            headers,
            query: vary.query.clone(),
            by_developer: vary.developer,
            shared: settings.shared,
            max_body: usize::try_from(settings.max_body.0).unwrap_or(usize::MAX),
            while_revalidate: settings.stale_while_revalidate.0,
            if_error: settings.stale_if_error.0,
            refresh_ahead: settings.refresh_ahead.0,
            allow_authorization: settings.allow_authorization,
            tags: settings.tags.iter().map(|tag| tag.as_str().into()).collect(),
        })
    }
}
