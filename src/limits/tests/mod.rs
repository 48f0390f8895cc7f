//! The promises of ACCOUNTING that concern memory, held on the real module under a clock that the tests move.

mod calendar;
mod crowd;
mod managed;
mod modes;
mod moving;
mod properties;
mod rates;

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use super::{
    Ask, Counted, CounterView, Limits, Output, Period, Prompt, Rates, RefusalKind, Reserve, Rule, Scope, Style, Used,
    Window,
};
use crate::model::{Clock, Timestamp};

/// Tuesday, 2026-06-30, 12:00 UTC: half a day before a month ends.
const START: &str = "2026-06-30T12:00:00Z";

struct World {
    clock: Clock,
    limits: Limits,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(at(START));
        Self { limits: Limits::new(clock.clone()), clock }
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Used and reserved.
    fn counts(&self, account: &str) -> (i64, i64) {
        let view = self.view(account);
        (view.used, view.reserved)
    }

    fn view(&self, account: &str) -> CounterView {
        self.limits.view(account).unwrap_or_else(|| panic!("no counter {account}"))
    }
}

fn at(text: &str) -> Timestamp {
    let time: jiff::Timestamp = text.parse().expect("time");
    Timestamp::from_nanos(time.as_nanosecond().try_into().expect("after 1970"))
}

fn month() -> Window {
    Window::Calendar { period: Period::Month, zone: TimeZone::UTC }
}

fn minute() -> Window {
    Window::Rolling(Duration::from_secs(60))
}

/// A quota of tokens a month, `q#k`.
fn quota(reserve: Reserve, limit: i64) -> Scope {
    scope(Rule { reserve, ..Rule::new("q", Counted::Tokens, month(), limit) })
}

fn scope(rule: Rule) -> Scope {
    Scope::new(Arc::new(rule), "k")
}

/// A streamed request of 100 input tokens and one answer of up to 1,000.
fn ask(scopes: &[Scope]) -> Ask<'_> {
    let output = Output { model_max: Some(1_000), likely: Some(200), ..Output::default() };
    let rates = Some(Rates { input_per_million: 1_000_000, output_per_million: 2_000_000, request: 0 });
    Ask { scopes, prompt: Prompt::exact(100), output, bytes_in: 400, rates, streamed: true }
}

fn used(input: u64, output: u64) -> Used {
    let nanos = i64::try_from(input + 2 * output).expect("small");
    Used { requests: 1, input, output, bytes: 4 * (input + output), nanos }
}

fn kind(limits: &Limits, ask: &Ask<'_>) -> Option<RefusalKind> {
    limits.reserve(ask).err().map(|refusal| refusal.kind)
}
