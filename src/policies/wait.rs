//! `wait`: runs its statements side by side, and waits for all of them or for the first.

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};

use super::{
    Block, Entry, Failure, Flow, Policy, Reading, Step, Verdict,
    catalogue::{ANYWHERE, AttributeEntry, Content},
    fork::{self, Copy, Left, Shared},
};

/// What may be waited for (APIM's reference of `wait`).
const CHILDREN: &[&str] = &["send-request", "cache-lookup-value", "choose"];

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "wait",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[AttributeEntry::optional(
        "for",
        "all",
        "`all`: until every statement has ended; `any`: until one has.",
    )
    .one_of(&["all", "any"])],
    children: &[],
    content: Content::Statements,
    manual: "Runs its statements at the same time: `send-request`, `cache-lookup-value` and `choose`. Each sees the \
             exchange as it was before `wait`; what they change (variables above all) is taken over in the order in \
             which they end. With `for=\"any\"` the others are given up when the first has ended. A failure of one is \
             the failure of `wait`.",
    example: r#"<wait for="all"><choose><when condition="true"><set-variable name="a" value="1" /></when></choose></wait>"#,
    build,
};

struct Wait {
    is_for_any: bool,
    blocks: Vec<Block>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let element = reading.element;
    let mut fits = true;
    let mut blocks = Vec::new();
    for child in element.elements() {
        if !CHILDREN.contains(&&*child.name) {
            let message = format!("`wait` cannot contain `{}`; it may contain: {}", child.name, CHILDREN.join(", "));
            reading.trouble(&child.place, message);
            fits = false;
        }
        blocks.push(reading.compiler.block(std::iter::once(child)));
    }
    let is_for_any = reading.literal("for").is_some_and(|text| text.trim() == "any");
    fits.then(|| Box::new(Wait { is_for_any, blocks }) as Box<dyn Policy>)
}

impl Policy for Wait {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(self.side_by_side(flow).boxed())
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn blocks(&self) -> Vec<(String, &Block)> {
        self.blocks.iter().map(|block| (String::new(), block)).collect()
    }
}

impl Wait {
    async fn side_by_side(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let before = (flow.request.clone(), flow.response.clone());
        let (ended, limits) = self.play(flow).await;
        for scope in limits {
            flow.link.limit(scope);
        }
        let mut verdict = Verdict::Continue;
        for (result, left) in ended {
            left.adopt(flow, &before);
            match result? {
                Verdict::Continue => {}
                decided if verdict == Verdict::Continue => verdict = decided,
                _ => {}
            }
        }
        Ok(verdict)
    }

    async fn play(&self, flow: &mut Flow<'_>) -> (Vec<(Result<Verdict, Failure>, Left)>, Vec<crate::limits::Scope>) {
        let (parts, link) = fork::split(flow);
        let shared = Shared::new(link);
        let mut running: FuturesUnordered<_> = self.blocks.iter().map(|block| one(block, &parts, &shared)).collect();
        let mut ended = Vec::new();
        while let Some((result, left)) = running.next().await {
            let is_over = self.is_for_any || !matches!(result, Ok(Verdict::Continue));
            ended.push((result, left));
            if is_over {
                break;
            }
        }
        drop(running);
        (ended, shared.into_limits())
    }
}

async fn one(block: &Block, parts: &fork::Parts<'_>, shared: &Shared<'_>) -> (Result<Verdict, Failure>, Left) {
    let mut link = Copy(shared);
    let mut copy = fork::copy(parts, &mut link);
    let result = match block.run(&mut copy) {
        Step::Done(result) => result,
        Step::Wait(waiting) => waiting.await,
    };
    (result, Left::of(copy))
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    fn choose(inside: &str) -> String {
        format!(r#"<choose><when condition="true">{inside}</when></choose>"#)
    }

    fn slow(name: &str, seconds: u32) -> String {
        let set = format!(r#"<set-variable name="{name}" value="1" />"#);
        choose(&format!(r#"<retry condition="true" count="1" interval="{seconds}">{set}</retry>"#))
    }

    #[test]
    fn all_take_as_long_as_the_slowest() {
        let text = format!(r#"<wait for="all">{}{}</wait>"#, slow("a", 5), slow("b", 3));
        let played = Scene::new().section("inbound", &text).run();
        assert_eq!(played.took.as_secs(), 5);
        assert!(played.variable("a").is_some() && played.variable("b").is_some());
    }

    #[test]
    fn any_takes_as_long_as_the_fastest() {
        let text = format!(r#"<wait for="any">{}{}</wait>"#, slow("a", 5), slow("b", 3));
        let played = Scene::new().section("inbound", &text).run();
        assert_eq!((played.took.as_secs(), played.variable("a")), (3, None));
        assert!(played.variable("b").is_some());
    }

    #[test]
    fn changes_failures_and_answers_are_taken_over() {
        let header = choose(r#"<set-header name="x-a"><value>1</value></set-header>"#);
        let played = Scene::new().section("inbound", &format!("<wait>{header}</wait>")).run();
        assert_eq!(played.sent[0].header("x-a").as_deref(), Some("1"));
        let answer = choose(r#"<return-response><set-status code="202" /></return-response>"#);
        let played = Scene::new().section("inbound", &format!("<wait>{answer}</wait>")).run();
        assert_eq!((played.status(), played.sent.len()), (202, 0));
        let failure = choose(r#"<set-status code="202" />"#);
        let played = Scene::new().section("inbound", &format!("<wait>{failure}</wait>")).run();
        assert_eq!(played.failure().map(|failure| &*failure.reason), Some("NoResponse"));
    }

    #[test]
    fn only_some_statements_can_be_waited_for() {
        let troubles = Scene::new().section("inbound", "<wait><trace source=\"a\">b</trace></wait>").troubles();
        assert_eq!(
            troubles,
            ["`wait` cannot contain `trace`; it may contain: send-request, cache-lookup-value, choose"]
        );
    }
}
