//! `cache-remove-value`: forgets a value of the cache.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Flow, Needs, Policy, Reading, Step,
    cache_values::{CACHING_TYPE, KEY, caching_type},
    catalogue::{ANYWHERE, AttributeEntry, Content},
};

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
            "Read for compatibility: removing from the built-in cache does not fail.",
        ),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Forgets the value under `key`; nothing happens when there is none.",
    example: r#"<cache-remove-value key="token" />"#,
    build,
};

struct CacheRemoveValue(Dynamic<Arc<str>>);

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    caching_type(reading);
    Some(Box::new(CacheRemoveValue(reading.dynamic("key")?)))
}

impl Policy for CacheRemoveValue {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        let key = self.0.get(flow);
        key.map(|key| flow.services.outside.cache.remove_value(&key)).into()
    }

    fn needs(&self) -> Needs {
        self.0.needs()
    }
}
