//! `cache-lookup-value`: a value of the cache into a variable.

use std::sync::Arc;

use futures_util::FutureExt;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step, Verdict,
    cache_values::{CACHING_TYPE, KEY, Where, caching_type},
    catalogue::{ANYWHERE, AttributeEntry, Content},
};
use crate::{cache::Found, expression::Value};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "cache-lookup-value",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        KEY,
        AttributeEntry::required("variable-name", "Variable that receives the value."),
        AttributeEntry::absent(
            "default-value",
            "Value where the cache has none. Without it the variable is not set then.",
        )
        .dynamic(),
        CACHING_TYPE,
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Puts the value that `cache-store-value` stored under `key` into a variable, with its type. Where there is none \
             the variable gets `default-value`; without one it is left as it is: \
             `context.Variables.ContainsKey(\"name\")` tells.",
    example: r#"<cache-lookup-value key="token" variable-name="token" default-value="none" />"#,
    build,
};

struct CacheLookupValue {
    place: Where,
    key: Dynamic<Arc<str>>,
    variable: Arc<str>,
    default: Option<Dynamic<Value>>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(CacheLookupValue {
        place: caching_type(reading),
        key: reading.dynamic("key")?,
        variable: reading.literal("variable-name")?,
        default: reading.dynamic("default-value"),
    }))
}

impl CacheLookupValue {
    fn look(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let key = self.key.get(flow)?;
        let found = flow.services.outside.cache.value(&key);
        self.set(flow, found)
    }

    async fn look_beside(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let key = self.key.get(flow)?;
        let cache = flow.services.outside.cache.clone();
        let found = cache.shared_value(&key).await;
        self.set(flow, found).map(|()| Verdict::Continue)
    }

    fn set(&self, flow: &mut Flow<'_>, found: Option<Found>) -> Result<(), Failure> {
        let value = match (found, &self.default) {
            (Some(found), _) => found.value,
            (None, Some(default)) => default.get(flow)?,
            (None, None) => return Ok(()),
        };
        flow.variables.set(&self.variable, value);
        Ok(())
    }
}

impl Policy for CacheLookupValue {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        if self.place.asks(&flow.services.outside.cache) {
            return Step::Wait(self.look_beside(flow).boxed());
        }
        self.look(flow).into()
    }

    fn may_wait(&self) -> bool {
        self.place == Where::Shared
    }

    fn needs(&self) -> Needs {
        self.key.needs().and(self.default.as_ref().map_or(Needs::NONE, Dynamic::needs))
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn what_was_stored_is_found_until_it_is_removed() {
        let store = r#"<cache-store-value key="k" value="v" duration="60" />"#;
        let look = r#"<cache-lookup-value key="k" variable-name="a" default-value="d" />"#;
        let remove = r#"<cache-remove-value key="k" />"#;
        let rows = [
            (look.to_owned(), Some("d")),
            (format!("{store}{look}"), Some("v")),
            (format!("{store}{remove}{look}"), Some("d")),
            (r#"<cache-lookup-value key="k" variable-name="a" />"#.to_owned(), None),
            (format!(r#"<cache-store-value key="k" value="v" duration="0" />{look}"#), Some("d")),
        ];
        for (policies, wanted) in rows {
            let played = Scene::new().section("inbound", &policies).run();
            assert_eq!(played.variable("a").as_deref(), wanted, "{policies}");
        }
    }
}
