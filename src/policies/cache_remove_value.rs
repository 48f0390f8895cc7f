//! `cache-remove-value`: forgets a value of the cache.

use std::sync::Arc;

use futures_util::FutureExt;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step, Verdict,
    cache_values::{CACHING_TYPE, KEY, Where, caching_type},
    catalogue::{ANYWHERE, AttributeEntry, Content},
};
use crate::cache::Cache;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "cache-remove-value",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        KEY,
        CACHING_TYPE,
        AttributeEntry::optional(
            "fail-on-cache-removal-error",
            "false",
            "true: the exchange fails when the shared store cannot be asked to remove it. The built-in cache does not fail.",
        )
        .one_of(&["true", "false"]),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Forgets the value under `key`; nothing happens when there is none.",
    example: r#"<cache-remove-value key="token" />"#,
    build,
};

struct CacheRemoveValue {
    key: Dynamic<Arc<str>>,
    place: Where,
    may_fail: bool,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let may_fail = reading.literal("fail-on-cache-removal-error").as_deref().map(str::trim) == Some("true");
    Some(Box::new(CacheRemoveValue { place: caching_type(reading), key: reading.dynamic("key")?, may_fail }))
}

/// A store that is away has told so itself; the value ends by itself there.
async fn forget(cache: Cache, key: Result<Arc<str>, Failure>, may_fail: bool) -> Result<Verdict, Failure> {
    let is_told = cache.forget_value(&key?).await;
    if may_fail && !is_told {
        let message = "The value was not removed: the shared store does not answer.";
        return Err(Failure::new("cache-remove-value", "CacheRemovalFailed", 500, message));
    }
    Ok(Verdict::Continue)
}

impl Policy for CacheRemoveValue {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        let key = self.key.get(flow);
        if self.place.asks(&flow.services.outside.cache) {
            let cache = flow.services.outside.cache.clone();
            return Step::Wait(forget(cache, key, self.may_fail).boxed());
        }
        key.map(|key| flow.services.outside.cache.remove_value(&key)).into()
    }

    fn may_wait(&self) -> bool {
        self.place == Where::Shared
    }

    fn needs(&self) -> Needs {
        self.key.needs()
    }
}
