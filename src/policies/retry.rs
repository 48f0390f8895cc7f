//! `retry`: runs its statements again while a condition holds.

use std::time::Duration;

use futures_util::FutureExt;

use super::{
    Block, Dynamic, Entry, Failure, Flow, LastError, Policy, Reading, Step, Verdict,
    catalogue::{ANYWHERE, AttributeEntry, Content},
};
use crate::model::Entropy;

/// Most repetitions (APIM's reference: 1 to 50).
const MOST: u32 = 50;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "retry",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        AttributeEntry::required("condition", "Whether to run the statements again.").dynamic(),
        AttributeEntry::required("count", "Most repetitions, 1 to 50; the first run is not counted.").dynamic(),
        AttributeEntry::optional("interval", "0", "Seconds between runs.").dynamic(),
        AttributeEntry::absent("max-interval", "Longest wait between runs, in seconds.").dynamic(),
        AttributeEntry::absent("delta", "Seconds by which waits grow.").dynamic(),
        AttributeEntry::optional("first-fast-retry", "false", "Whether the first repetition comes at once.").dynamic(),
    ],
    children: &[],
    content: Content::Statements,
    manual: "Runs the statements inside once, and again while the condition holds, at most `count` times. Between runs it \
             waits: `interval` alone, always so long; with `delta`, `interval` and one `delta` more each time; with \
             `max-interval` as well, twice as long each time (`delta`, give or take a fifth, by 2^n - 1), never longer \
             than `max-interval`. A failure inside, such as a backend that cannot be reached, is put to the condition \
             too (`context.Response` is null then, `context.LastError` tells why): when it does not hold, or cannot be \
             evaluated, the failure goes on to `on-error`. Sending again needs \
             `<forward-request buffer-request-body=\"true\" />` where the request has a body.",
    example: r#"<retry condition="@(context.Response.StatusCode == 503)" count="3" interval="1" max-interval="10" delta="1" first-fast-retry="true"><forward-request buffer-request-body="true" /></retry>"#,
    build,
};

struct Retry {
    condition: Dynamic<bool>,
    count: Dynamic<u32>,
    interval: Option<Dynamic<f64>>,
    max_interval: Option<Dynamic<f64>>,
    delta: Option<Dynamic<f64>>,
    first_fast: Option<Dynamic<bool>>,
    block: Block,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let element = reading.element;
    let block = reading.block(element);
    let count: Dynamic<u32> = reading.dynamic("count")?;
    if let Some(count) = count.fixed().filter(|count| !(1..=MOST).contains(*count)) {
        return reading.refuse(format!("`count` of `retry` is `{count}`; it must be 1 to {MOST}"));
    }
    Some(Box::new(Retry {
        condition: reading.dynamic("condition")?,
        count,
        interval: reading.dynamic("interval"),
        max_interval: reading.dynamic("max-interval"),
        delta: reading.dynamic("delta"),
        first_fast: reading.dynamic("first-fast-retry"),
        block,
    }))
}

impl Policy for Retry {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(self.repeat(flow).boxed())
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn blocks(&self) -> Vec<(String, &Block)> {
        vec![(String::new(), &self.block)]
    }
}

impl Retry {
    async fn repeat(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let count = self.count.get(flow)?.min(MOST);
        let waits = self.waits(flow)?;
        for repetition in 1..=count {
            let result = self.once(flow).await;
            if !self.again(flow, &result).await? {
                return result;
            }
            let wait = waits.before(repetition, &flow.services.entropy);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            flow.last_error = None;
        }
        self.once(flow).await
    }

    async fn once(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        match self.block.run(flow) {
            Step::Done(result) => result,
            Step::Wait(waiting) => waiting.await,
        }
    }

    /// Whether to run again. After a failure the condition sees the error, and the answer that the caller would get for
    /// it, as in APIM; where it cannot be evaluated then, it is the failure that matters.
    async fn again(&self, flow: &mut Flow<'_>, result: &Result<Verdict, Failure>) -> Result<bool, Failure> {
        match result {
            Ok(Verdict::Continue) => {
                flow.hold(self.condition.needs()).await?;
                self.condition.get(flow)
            }
            Ok(_) => Ok(false),
            Err(failure) => {
                let rendered = flow.link.rendered(failure);
                let before = flow.response.replace(rendered);
                note(flow, failure);
                let holds = match flow.hold(self.condition.needs()).await {
                    Ok(()) => self.condition.get(flow).unwrap_or(false),
                    Err(_) => false,
                };
                flow.response = before.filter(|_| !holds);
                Ok(holds)
            }
        }
    }

    fn waits(&self, flow: &mut Flow<'_>) -> Result<Waits, Failure> {
        let mut seconds =
            |setting: &Option<Dynamic<f64>>| setting.as_ref().map(|setting| setting.get(flow)).transpose();
        let (interval, max, delta) = (seconds(&self.interval)?, seconds(&self.max_interval)?, seconds(&self.delta)?);
        let first_fast = self.first_fast.as_ref().map_or(Ok(false), |fast| fast.get(flow))?;
        Ok(Waits { interval: interval.unwrap_or(0.0), max, delta, first_fast })
    }
}

fn note(flow: &mut Flow<'_>, failure: &Failure) {
    let noted = flow.last_error.take().unwrap_or_default();
    let (source, reason) = (failure.source.to_string(), failure.reason.to_string());
    flow.last_error = Some(LastError { source, reason, message: failure.message.clone(), ..noted });
}

/// How long to wait, in seconds.
struct Waits {
    interval: f64,
    max: Option<f64>,
    delta: Option<f64>,
    first_fast: bool,
}

impl Waits {
    /// Before the n-th repetition, from 1 (APIM's reference of `retry`, attributes `interval`, `max-interval`, `delta`).
    fn before(&self, repetition: u32, entropy: &Entropy) -> Duration {
        if repetition == 1 && self.first_fast {
            return Duration::ZERO;
        }
        let n = f64::from(repetition);
        let seconds = match (self.delta, self.max) {
            (None, None) => self.interval,
            (None, Some(max)) => self.interval.min(max),
            (Some(delta), None) => self.interval + (n - 1.0) * delta,
            (Some(delta), Some(max)) => {
                let spread = delta * (0.8 + 0.4 * entropy.unit());
                (self.interval + (n.exp2() - 1.0) * spread).min(max)
            }
        };
        Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::testing::{Played, Reply, Scene};

    fn played(attributes: &str, replies: &[Reply]) -> Played {
        let text = format!(r#"<retry condition="true" {attributes}><forward-request /></retry>"#);
        let scene = Scene::new().section("backend", &text);
        replies.iter().cloned().fold(scene, Scene::reply).run()
    }

    fn times(played: &Played) -> Vec<f64> {
        played.sent.iter().map(|sent| sent.at.as_secs_f64()).collect()
    }

    #[test]
    fn waits_follow_the_attributes() {
        let rows: [(&str, &[f64]); 5] = [
            (r#"count="2" interval="10""#, &[0.0, 10.0, 20.0]),
            (r#"count="3" interval="10" delta="5""#, &[0.0, 10.0, 25.0, 45.0]),
            (r#"count="2" interval="10" max-interval="4""#, &[0.0, 4.0, 8.0]),
            (r#"count="2" interval="10" first-fast-retry="true""#, &[0.0, 0.0, 10.0]),
            (r#"count="2""#, &[0.0, 0.0, 0.0]),
        ];
        for (attributes, wanted) in rows {
            assert_eq!(times(&played(attributes, &[Reply::new(503, "")])), wanted, "{attributes}");
        }
    }

    #[test]
    fn exponential_waits_stay_within_a_fifth_and_below_the_longest() {
        let waits = Waits { interval: 1.0, max: Some(30.0), delta: Some(2.0), first_fast: false };
        let entropy = Entropy::seeded(7);
        for (repetition, steps) in [(1, 1.0), (2, 3.0), (3, 7.0), (9, 511.0)] {
            let seconds = waits.before(repetition, &entropy).as_secs_f64();
            let (low, high) = (f64::min(1.0 + steps * 1.6, 30.0), f64::min(1.0 + steps * 2.4, 30.0));
            assert!((low..=high).contains(&seconds), "{repetition}: {seconds}");
        }
    }

    #[test]
    fn failures_are_put_to_the_condition() {
        let attributes = r#"count="3" interval="1""#;
        let failure = Reply::failure("BackendConnectionFailure", 502);
        let found = played(attributes, &[failure.clone(), failure.clone(), failure]);
        assert_eq!((found.status(), found.sent.len()), (502, 4));
        let text = r#"<retry condition="@(context.Response.StatusCode == 504)" count="2"><forward-request /></retry>"#;
        for (failure, sent) in
            [(Reply::failure("Timeout", 504), 3), (Reply::failure("BackendConnectionFailure", 502), 1)]
        {
            let found = Scene::new().section("backend", text).reply(failure).run();
            assert_eq!(found.sent.len(), sent);
        }
        let text = r#"<retry condition="false" count="3"><forward-request /></retry>"#;
        let found = Scene::new().section("backend", text).reply(Reply::failure("Timeout", 504)).run();
        assert_eq!((found.status(), found.sent.len()), (504, 1));
    }

    #[test]
    fn an_answer_inside_ends_it() {
        let text = r#"<retry condition="true" count="3"><return-response /></retry>"#;
        assert_eq!(Scene::new().section("inbound", text).run().sent.len(), 0);
    }

    #[test]
    fn counts_are_checked_at_load() {
        for count in ["0", "51", "x"] {
            let text = format!(r#"<retry condition="true" count="{count}" interval="1" />"#);
            assert_eq!(Scene::new().section("backend", &text).troubles().len(), 1, "{count}");
        }
    }
}
