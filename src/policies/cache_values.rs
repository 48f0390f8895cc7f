//! What `cache-lookup-value`, `cache-store-value`, `cache-remove-value`, `cache-lookup` and `cache-store` share.

use std::time::Duration;

use super::{Reading, catalogue::AttributeEntry};
use crate::{cache::Cache, expression::Value};

/// `caching-type`.
pub const CACHING_TYPE: AttributeEntry = AttributeEntry::optional(
    "caching-type",
    "prefer-external",
    "`internal`: kept by this gateway alone. `external` and `prefer-external`: kept in the store of `server.shared_state` \
     too, for all gateways that share it; while it is away, or where there is none, by this gateway alone.",
)
.one_of(&["internal", "external", "prefer-external"]);

/// `key`.
pub const KEY: AttributeEntry = AttributeEntry::required("key", "Key of the value.").dynamic();

/// Where something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// In the memory of this gateway.
    Here,
    /// In the store that gateways share too, where there is one.
    Shared,
}

impl Where {
    /// Whether the store beside the process has to be asked.
    #[must_use]
    pub fn asks(self, cache: &Cache) -> bool {
        self == Self::Shared && cache.is_shared()
    }
}

/// Where the policy keeps what it keeps.
pub fn caching_type(reading: &mut Reading<'_, '_>) -> Where {
    match reading.literal("caching-type").as_deref().map(str::trim) {
        Some("internal") => Where::Here,
        _ => Where::Shared,
    }
}

/// Keeps a value for a time; from the second one on it is worth making anew. False: it is too large, or for no time.
pub fn keep(
    cache: &Cache,
    place: Where,
    (key, value): (&str, Value),
    (lasts, stale): (Duration, Option<Duration>),
) -> bool {
    match place {
        Where::Here => cache.store_value(key, value, lasts, stale),
        Where::Shared => cache.share_value(key, value, lasts, stale),
    }
}
