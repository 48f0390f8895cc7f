//! `limit-concurrency`: lets only so many exchanges into its statements at a time.

use std::sync::Arc;

use futures_util::FutureExt;

use super::{
    Block, Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step, Verdict,
    catalogue::{ANYWHERE, AttributeEntry, Content},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "limit-concurrency",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        AttributeEntry::required("key", "What is counted together; several policies may share a key.").dynamic(),
        AttributeEntry::required("max-count", "Most exchanges inside at a time."),
    ],
    children: &[],
    content: Content::Statements,
    manual: "Runs its statements unless as many exchanges as allowed are inside already; then the exchange fails with 429 \
             at once, it does not wait. Around `forward-request` it holds until the head of the answer is there. Counted \
             in this process: every replica has its own count.",
    example: r#"<limit-concurrency key="orders" max-count="3"><forward-request timeout="120" /></limit-concurrency>"#,
    build,
};

struct LimitConcurrency {
    key: Dynamic<Arc<str>>,
    most: u64,
    block: Block,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let element = reading.element;
    let block = reading.block(element);
    let most = reading.parsed("max-count", "a whole number, 1 or more", 0);
    if most == 0 {
        return reading.refuse("`max-count` of `limit-concurrency` must be a whole number, 1 or more");
    }
    Some(Box::new(LimitConcurrency { key: reading.dynamic("key")?, most, block }))
}

impl Policy for LimitConcurrency {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(self.enter(flow).boxed())
    }

    fn needs(&self) -> Needs {
        self.key.needs()
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn blocks(&self) -> Vec<(String, &Block)> {
        vec![(String::new(), &self.block)]
    }
}

impl LimitConcurrency {
    async fn enter(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let key = self.key.get(flow)?;
        let full = || {
            let message = "Too many concurrent requests. Try again later.";
            Failure::new("limit-concurrency", "ConcurrencyLimitExceeded", 429, message)
        };
        let slot = flow.services.slots.take(&key, self.most).ok_or_else(full)?;
        let result = match self.block.run(flow) {
            Step::Done(result) => result,
            Step::Wait(waiting) => waiting.await,
        };
        drop(slot);
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::policies::testing::Scene;

    #[test]
    fn one_too_many_is_refused_at_once() {
        let text = r#"<limit-concurrency key="k" max-count="2"><forward-request /></limit-concurrency>"#;
        let key: Arc<str> = "k".into();
        for (taken, status) in [(1, 200), (2, 429)] {
            let scene = Scene::new().section("backend", text);
            let slots = scene.services.slots.clone();
            let held: Vec<_> = (0..taken).map(|_| slots.take(&key, 9).expect("a place")).collect();
            assert_eq!(scene.run().status(), status);
            assert_eq!(slots.inside("k"), taken, "the place is given back");
            drop(held);
        }
    }

    #[test]
    fn a_failure_inside_gives_the_place_back() {
        let text = r#"<limit-concurrency key="k" max-count="1"><set-status code="201" /></limit-concurrency>"#;
        let scene = Scene::new().section("inbound", text);
        let slots = scene.services.slots.clone();
        assert_eq!((scene.run().status(), slots.inside("k")), (500, 0));
    }

    #[test]
    fn it_needs_a_number() {
        for count in ["0", "x", "-1"] {
            let text = format!(r#"<limit-concurrency key="k" max-count="{count}" />"#);
            assert!(!Scene::new().section("inbound", &text).troubles().is_empty(), "{count}");
        }
    }
}
