//! Keeping answers of http APIs: what is kept, for whom, and for how long.
//!
//! What the rules of HTTP make of it is decided in `cache::http`; answers of models are another matter.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::yes;
use crate::model::{HumanDuration, HumanSize};

/// Keeps answers to GET requests and gives them again, as RFC 9111 has it for shared caches.
///
/// Each subscription has answers of its own unless `shared` or `vary_by.developer` says otherwise. Looked up after the
/// key, the limits and the inbound policies, so that a hit counts as a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpCache {
    /// Whether anything is kept: `false` switches an operation off whose API has a cache.
    pub enabled: bool,
    /// How long an answer is fresh that does not say so itself (`Cache-Control: s-maxage`, `max-age`, `Expires`). Left
    /// out: only answers that say it are kept.
    pub ttl: Option<HumanDuration>,
    /// Whether the answer's own `Cache-Control` and `Expires` count. Switch it off for a backend that forbids caching
    /// by habit: then `ttl` alone decides, also about what says `no-store` or `private`.
    pub respect_origin: bool,
    /// Whether the request's `Cache-Control` (`no-cache`, `no-store`, `max-age`, ...) counts. Switch it off where callers
    /// must not be able to pass by the cache.
    pub respect_client: bool,
    /// By what answers are told apart, beside the URL and what their own `Vary` names.
    pub vary_by: VaryBy,
    /// Whether subscriptions share answers. Only for APIs whose answers do not depend on who calls.
    pub shared: bool,
    /// Largest body that is kept; larger ones pass.
    pub max_body: HumanSize,
    /// How long after its freshness an answer is still given while a new one is fetched behind it, where the answer does
    /// not say so itself (`stale-while-revalidate`). 0: not at all.
    pub stale_while_revalidate: HumanDuration,
    /// How long after its freshness an answer is given in place of a backend's failure (no connection, 5xx), where the
    /// answer does not say so itself (`stale-if-error`). 0: not at all.
    pub stale_if_error: HumanDuration,
    /// In its last so many seconds of freshness an answer is fetched anew behind the caller that asks for it, so that
    /// nobody waits. 0: not at all.
    pub refresh_ahead: HumanDuration,
    /// Whether requests that carry an `Authorization` or `Cookie` of their own are answered from the cache, each value
    /// from its own answers. Otherwise they are only where the answer says that it is for all (`public`, `s-maxage`;
    /// RFC 9111, section 3.5).
    pub allow_authorization: bool,
    /// Names by which these answers can be purged together: letters, digits, `.`, `_`, `-`.
    pub tags: Vec<String>,
}

impl Default for HttpCache {
    fn default() -> Self {
        Self {
            enabled: yes(),
            ttl: None,
            respect_origin: yes(),
            respect_client: yes(),
            vary_by: VaryBy::default(),
            shared: false,
            max_body: HumanSize(2 << 20),
            stale_while_revalidate: HumanDuration(Duration::ZERO),
            stale_if_error: HumanDuration(Duration::ZERO),
            refresh_ahead: HumanDuration(Duration::ZERO),
            allow_authorization: false,
            tags: Vec::new(),
        }
    }
}

/// By what answers are told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VaryBy {
    /// Headers of the request. Add those that the backend's answers depend on and that their `Vary` forgets.
    pub headers: Vec<String>,
    /// Parameters of the query that count. Left out: the whole query, as it is written.
    pub query: Option<Vec<String>>,
    /// Subscriptions of one user share answers, in place of each having its own; a subscription without an owner is on
    /// its own.
    pub developer: bool,
}

impl Default for VaryBy {
    fn default() -> Self {
        Self { headers: vec!["accept".to_owned()], query: None, developer: false }
    }
}
