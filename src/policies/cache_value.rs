//! `cache-value`: a value from the cache, or made by the statements inside it, by one exchange for all.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;

use super::{
    Block, Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step, Verdict,
    cache_values::{CACHING_TYPE, KEY, Where, caching_type, keep},
    catalogue::{ANYWHERE, AttributeEntry, Content, ElementEntry},
    rate_limit::optional,
};
use crate::{
    cache::{Cache, Found},
    expression::Value,
};

/// How long a value is kept where nothing is said: eight hours, as in Azure API Management.
const USUAL: u64 = 28_800;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "cache-value",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        KEY,
        AttributeEntry::required("variable-name", "Variable that receives the value, and that the statements inside set."),
        AttributeEntry::optional(
            "expires-after",
            "28800",
            "How long the value is kept, in seconds. Computed when the statements have run, so that it may use what they set.",
        )
        .dynamic(),
        AttributeEntry::absent(
            "refresh-after",
            "From when on the value is made anew, in seconds: one exchange runs the statements, the others go on with the \
             old value. 0: every exchange runs them. Left out: when it has expired.",
        )
        .dynamic(),
        AttributeEntry::absent("default-value", "Value of the variable where the statements set none.").dynamic(),
        CACHING_TYPE,
    ],
    children: &[ElementEntry {
        name: "value",
        required: true,
        many: false,
        attributes: &[],
        children: &[],
        content: Content::Statements,
        text: "Statements that set the variable.",
    }],
    content: Content::Nothing,
    manual: "Puts a value of the cache into a variable. Where there is none, the statements inside `value` make it: one \
             exchange runs them, those that want the same key meanwhile wait for it (once: when it fails they run them \
             themselves). When they fail while an older value is still kept, that one is used. The key is that of \
             `cache-lookup-value`, `cache-store-value` and `cache-remove-value`.",
    example: r#"<cache-value key="token" variable-name="token" expires-after="600" refresh-after="500"><value><set-variable name="token" value="@(context.RequestId.ToString())" /></value></cache-value>"#,
    build,
};

struct CacheValue {
    place: Where,
    key: Dynamic<Arc<str>>,
    variable: Arc<str>,
    expires: Option<Dynamic<u64>>,
    refresh: Option<Dynamic<u64>>,
    default: Option<Dynamic<Value>>,
    block: Block,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let place = caching_type(reading);
    let element = reading.element.child("value")?;
    let block = reading.compiler.within("value", |compiler| compiler.block(element.elements()));
    Some(Box::new(CacheValue {
        place,
        key: reading.dynamic("key")?,
        variable: reading.literal("variable-name")?,
        expires: optional(reading, "expires-after")?,
        refresh: optional(reading, "refresh-after")?,
        default: optional(reading, "default-value")?,
        block,
    }))
}

impl CacheValue {
    async fn give(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let key = self.key.get(flow)?;
        // Computed from what the statements set, it may not be known before: then it asks for nothing special.
        let is_forced = self.refresh.as_ref().is_some_and(|refresh| matches!(refresh.get(flow), Ok(0)));
        if is_forced {
            return self.make(flow, &key, None).await;
        }
        let turn = flow.services.outside.turns.of(&key);
        if let Some(found) = self.found(flow.services.outside.cache.clone(), &key).await {
            let turn = if found.is_stale { turn.try_lock_owned().ok() } else { None };
            if turn.is_some() {
                return self.make(flow, &key, Some(found.value)).await;
            }
            flow.variables.set(&self.variable, found.value);
            return Ok(Verdict::Continue);
        }
        if let Ok(_turn) = turn.clone().try_lock_owned() {
            return self.make(flow, &key, None).await;
        }
        drop(turn.lock().await);
        if let Some(found) = self.found(flow.services.outside.cache.clone(), &key).await {
            flow.variables.set(&self.variable, found.value);
            return Ok(Verdict::Continue);
        }
        self.make(flow, &key, None).await
    }

    async fn found(&self, cache: Cache, key: &str) -> Option<Found> {
        if self.place.asks(&cache) { cache.shared_value(key).await } else { cache.value(key) }
    }

    /// Runs the statements and keeps what they set; `old` is used when they fail or set nothing.
    async fn make(&self, flow: &mut Flow<'_>, key: &str, old: Option<Value>) -> Result<Verdict, Failure> {
        let before = flow.variables.remove(&self.variable);
        let noted = flow.last_error.take();
        let ran = match self.block.run(flow) {
            Step::Done(result) => result,
            Step::Wait(waiting) => waiting.await,
        };
        let verdict = match (ran, &old) {
            (Ok(verdict), _) => verdict,
            (Err(failure), None) => return Err(failure),
            (Err(failure), Some(_)) => {
                if let Some(trace) = &mut flow.trace {
                    trace.say(format!("the old value is used: {}", failure.message));
                }
                Verdict::Continue
            }
        };
        flow.last_error = noted;
        match flow.variables.get(&self.variable).filter(|value| !matches!(value, Value::Null)).cloned() {
            Some(made) => self.keep(flow, key, made)?,
            None => self.fall_back(flow, old.or(before))?,
        }
        Ok(verdict)
    }

    fn keep(&self, flow: &mut Flow<'_>, key: &str, value: Value) -> Result<(), Failure> {
        let expires = self.expires.as_ref().map_or(Ok(USUAL), |expires| expires.get(flow))?;
        let refresh = self.refresh.as_ref().map(|refresh| refresh.get(flow)).transpose()?;
        let (lasts, stale) = (Duration::from_secs(expires), refresh.map(Duration::from_secs));
        if !keep(&flow.services.outside.cache, self.place, (key, value), (lasts, stale))
            && let Some(trace) = &mut flow.trace
        {
            trace.say("not kept: it is too large, or for no time");
        }
        Ok(())
    }

    fn fall_back(&self, flow: &mut Flow<'_>, known: Option<Value>) -> Result<(), Failure> {
        let value = match (known, &self.default) {
            (Some(known), _) => known,
            (None, Some(default)) => default.get(flow)?,
            (None, None) => return Ok(()),
        };
        flow.variables.set(&self.variable, value);
        Ok(())
    }
}

impl Policy for CacheValue {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(self.give(flow).boxed())
    }

    fn needs(&self) -> Needs {
        let times = [&self.expires, &self.refresh].into_iter().flatten();
        let needs = times.fold(self.key.needs(), |needs, time| needs.and(time.needs()));
        needs.and(self.default.as_ref().map_or(Needs::NONE, Dynamic::needs))
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn blocks(&self) -> Vec<(String, &Block)> {
        vec![("value".to_owned(), &self.block)]
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use crate::{
        cache::Cache,
        expression::Value,
        policies::{
            outside::scripted::{Script, script},
            testing::{Played, Scene},
        },
    };

    fn scene(cache: Option<&Cache>, calls: &Arc<Script>, attributes: &str, inside: &str) -> Scene {
        let policy =
            format!(r#"<cache-value key="k" variable-name="v" {attributes}><value>{inside}</value></cache-value>"#);
        let mut scene = Scene::new().calls(calls).section("inbound", &policy);
        if let Some(cache) = cache {
            scene.services.outside.cache = cache.clone();
        }
        scene
    }

    const CALL: &str = r#"<send-request mode="new" response-variable-name="r" ignore-error="false"><set-url>https://a.test/</set-url></send-request><set-variable name="v" value="@(((IResponse)context.Variables["r"]).Body.As<string>())" />"#;

    fn value(played: &Played) -> Option<String> {
        assert_eq!(played.status(), 200);
        played.variable("v")
    }

    #[test]
    fn statements_make_what_is_not_there() {
        let calls = script();
        calls.on("https://a.test/", 200, &[], "made");
        let first = scene(None, &calls, r#"expires-after="60""#, CALL);
        let (cache, clock) = (first.services.outside.cache.clone(), first.services.clock.clone());
        assert_eq!(value(&first.run()).as_deref(), Some("made"));
        let again = || value(&scene(Some(&cache), &calls, r#"expires-after="60""#, CALL).run());
        assert_eq!((again().as_deref(), calls.count()), (Some("made"), 1));
        clock.advance(Duration::from_secs(60));
        assert_eq!((again().as_deref(), calls.count()), (Some("made"), 2));
    }

    #[test]
    fn stale_values_are_made_anew_and_used_when_that_fails() {
        let calls = script();
        calls.on("https://a.test/", 200, &[], "one");
        let times = r#"expires-after="60" refresh-after="30""#;
        let first = scene(None, &calls, times, CALL);
        let (cache, clock) = (first.services.outside.cache.clone(), first.services.clock.clone());
        assert_eq!(value(&first.run()).as_deref(), Some("one"));
        clock.advance(Duration::from_secs(31));
        calls.fails("https://a.test/", crate::outbound::fetch::CallFaultKind::Connect);
        let again = || scene(Some(&cache), &calls, times, CALL).run();
        assert_eq!((value(&again()).as_deref(), calls.count()), (Some("one"), 2), "stale, and tried");
        clock.advance(Duration::from_secs(30));
        assert_eq!(again().status(), 500, "expired");
    }

    #[test]
    fn what_is_set_counts() {
        let nothing = r#"<set-variable name="other" value="1" />"#;
        let rows = [
            (r#"default-value="d""#, nothing, Some("d")),
            ("", nothing, None),
            ("", r#"<set-variable name="v" value="x" />"#, Some("x")),
            (r#"default-value="d""#, r#"<set-variable name="v" value="x" />"#, Some("x")),
            (
                r#"expires-after="@((int)context.Variables["time"])""#,
                r#"<set-variable name="time" value="@(5)" /><set-variable name="v" value="x" />"#,
                Some("x"),
            ),
        ];
        for (attributes, inside, wanted) in rows {
            let played = scene(None, &script(), attributes, inside).run();
            assert_eq!(value(&played).as_deref(), wanted, "{attributes} {inside}");
        }
        let known = scene(None, &script(), "", nothing).variable("v", Value::from("before")).run();
        assert_eq!(value(&known).as_deref(), Some("before"), "left as it was");
    }

    #[test]
    fn zero_makes_it_anew_each_time() {
        let calls = script();
        calls.on("https://a.test/", 200, &[], "made");
        let first = scene(None, &calls, r#"refresh-after="0""#, CALL);
        let cache = first.services.outside.cache.clone();
        assert_eq!(first.run().status(), 200);
        assert_eq!(scene(Some(&cache), &calls, r#"refresh-after="0""#, CALL).run().status(), 200);
        assert_eq!(calls.count(), 2);
    }

    #[test]
    fn an_answer_inside_is_the_answer() {
        let played =
            scene(None, &script(), "", r#"<return-response><set-status code="418" reason="t" /></return-response>"#)
                .run();
        assert_eq!((played.status(), played.sent.len()), (418, 0));
    }
}
