//! `cache-store-value`: keeps a value in the cache.

use std::{sync::Arc, time::Duration};

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    cache_values::{CACHING_TYPE, KEY, Where, caching_type, keep},
    catalogue::{ANYWHERE, AttributeEntry, Content},
};
use crate::expression::Value;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "cache-store-value",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        KEY,
        AttributeEntry::required("value", "The value; one that an expression gives keeps its type.").dynamic(),
        AttributeEntry::required("duration", "How long it is kept, in seconds.").dynamic(),
        CACHING_TYPE,
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Keeps a value under `key` for `duration` seconds, for `cache-lookup-value` of any request. The cache is shared \
             by all documents and bounded; what does not fit is not kept, and that fails nothing.",
    example: r#"<cache-store-value key="token" value="abc" duration="300" />"#,
    build,
};

struct CacheStoreValue {
    place: Where,
    key: Dynamic<Arc<str>>,
    value: Dynamic<Value>,
    seconds: Dynamic<u64>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(CacheStoreValue {
        place: caching_type(reading),
        key: reading.dynamic("key")?,
        value: reading.dynamic("value")?,
        seconds: reading.dynamic("duration")?,
    }))
}

impl CacheStoreValue {
    fn store(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let (key, value) = (self.key.get(flow)?, self.value.get(flow)?);
        let lasts = Duration::from_secs(self.seconds.get(flow)?);
        if !keep(&flow.services.outside.cache, self.place, (&key, value), (lasts, None))
            && let Some(trace) = &mut flow.trace
        {
            trace.say("not kept: it is too large, or for no time");
        }
        Ok(())
    }
}

impl Policy for CacheStoreValue {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.store(flow).into()
    }

    fn needs(&self) -> Needs {
        self.key.needs().and(self.value.needs()).and(self.seconds.needs())
    }
}
