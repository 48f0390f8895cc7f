//! `quota` and `quota-by-key`: so many calls or kilobytes in fixed windows, kept in the ledger.
//!
//! An exhausted counter refuses where the policy stands. The counters are reserved with all others of the exchange
//! before it is sent, and settled with them: as nothing, where the `increment-condition` says so.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, ElementEntry, INBOUND},
    flow::After,
    rate_limit::{Counting, ask, optional},
};
use crate::{
    exchange::{Fault, FaultKind},
    limits::{Counted, Period, RefusalKind, Reserve, Rule, Scope, Style, Window},
    policy::Scope as Level,
};

/// Bytes of a kilobyte (APIM counts so).
const KILOBYTE: i64 = 1024;

const CALLS: AttributeEntry =
    AttributeEntry::absent("calls", "Most calls within the period. This, `bandwidth`, or both.").dynamic();
const BANDWIDTH: AttributeEntry =
    AttributeEntry::absent("bandwidth", "Most kilobytes within the period, bodies of both ways together.").dynamic();
const PERIOD: AttributeEntry =
    AttributeEntry::required("renewal-period", "Length of the window in seconds; 0: it never renews.");

const INNER: &[AttributeEntry] = &[
    AttributeEntry::absent("name", "Name of the API or operation. Either this or `id`."),
    AttributeEntry::absent("id", "Identifier. Either this or `name`."),
    CALLS,
    BANDWIDTH,
    AttributeEntry::absent("renewal-period", "Length of the window in seconds. Left out: as outside."),
];

/// `quota` in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "quota",
    aliases: &[],
    sections: INBOUND,
    attributes: &[CALLS, BANDWIDTH, PERIOD],
    children: &[ElementEntry {
        name: "api",
        required: false,
        many: true,
        attributes: INNER,
        children: &[ElementEntry {
            name: "operation",
            required: false,
            many: true,
            attributes: INNER,
            children: &[],
            content: Content::Nothing,
            text: "A quota for one operation of the API, beside the others.",
        }],
        content: Content::Nothing,
        text: "A quota for one API, beside that of all.",
    }],
    content: Content::Nothing,
    manual: "Limits what each subscription uses in a fixed window. Exhausted: 403 with `Retry-After` and \"Out of call \
             volume quota. Quota will be replenished in hh:mm:ss.\" Calls without a key are not counted.",
    example: r#"<quota calls="10000" bandwidth="40000" renewal-period="3600" />"#,
    build,
};

/// `quota-by-key` in the catalogue.
pub const BY_KEY: Entry = Entry {
    name: "quota-by-key",
    aliases: &[],
    sections: INBOUND,
    attributes: &[
        CALLS,
        BANDWIDTH,
        PERIOD,
        AttributeEntry::required("counter-key", "By what calls are told apart.").dynamic(),
        AttributeEntry::absent("increment-condition", "Whether the call counts, asked when the answer is known.")
            .dynamic(),
        AttributeEntry::optional("increment-count", "1", "As how many calls it counts.").dynamic(),
        AttributeEntry::optional(
            "first-period-start",
            "0001-01-01T00:00:00Z",
            "When the first window began: windows follow each other from there.",
        ),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Limits what each value of `counter-key` uses in a fixed window. Exhausted: 403 with `Retry-After`.",
    example: r#"<quota-by-key calls="10000" renewal-period="3600" counter-key="@(context.Request.IpAddress)" first-period-start="2026-01-01T00:00:00Z" />"#,
    build: build_by_key,
};

/// An amount per window.
struct Amounts {
    calls: Option<Dynamic<u64>>,
    bandwidth: Option<Dynamic<u64>>,
    window: Period,
}

impl Amounts {
    fn read(reading: &mut Reading<'_, '_>, outer: Option<Period>, start: i64) -> Option<Self> {
        let calls = optional(reading, "calls")?;
        let bandwidth = optional(reading, "bandwidth")?;
        if calls.is_none() && bandwidth.is_none() && outer.is_none() {
            return reading.refuse(format!("`{}` needs `calls` or `bandwidth`", reading.policy));
        }
        let given = reading.attribute("renewal-period").is_some();
        let seconds = reading.parsed("renewal-period", "a number of seconds, 0 for a window without end", 0_u64);
        let window = match (given, outer) {
            (false, Some(outer)) => outer,
            _ => Period::Every { seconds, from: start },
        };
        Some(Self { calls, bandwidth, window })
    }

    fn needs(&self) -> Needs {
        let calls = self.calls.as_ref().map_or(Needs::NONE, Dynamic::needs);
        calls.and(self.bandwidth.as_ref().map_or(Needs::NONE, Dynamic::needs))
    }

    /// Lets the exchange fall under the counters of `key`, and gives them.
    fn apply(&self, flow: &mut Flow<'_>, (policy, name): (&'static str, &str), key: &str) -> Result<Counters, Failure> {
        let mut counters = Counters::default();
        if let Some(calls) = &self.calls {
            let calls = i64::try_from(calls.get(flow)?).unwrap_or(i64::MAX);
            let scope = self.scope(&format!("{name}/calls"), Counted::Requests, calls, key);
            counters.calls = Some(fall_under(flow, policy, scope)?);
        }
        if let Some(bandwidth) = &self.bandwidth {
            let bytes = i64::try_from(bandwidth.get(flow)?).unwrap_or(i64::MAX).saturating_mul(KILOBYTE);
            let scope = self.scope(&format!("{name}/bandwidth"), Counted::Bytes, bytes, key);
            counters.bandwidth = Some(fall_under(flow, policy, scope)?);
        }
        Ok(counters)
    }

    fn scope(&self, name: &str, counted: Counted, limit: i64, key: &str) -> Scope {
        let window = Window::Calendar { period: self.window, zone: TimeZone::UTC };
        let rule = Rule {
            refusal: Style::Policy,
            reserve: Reserve::After,
            ..Rule::new(format!("policy:{name}"), counted, window, limit)
        };
        Scope::new(Arc::new(rule), key)
    }
}

/// The accounts that an exchange falls under.
#[derive(Default)]
struct Counters {
    calls: Option<Arc<str>>,
    bandwidth: Option<Arc<str>>,
}

/// Refuses when the counter is exhausted already, else lets the exchange fall under it.
fn fall_under(flow: &mut Flow<'_>, policy: &'static str, scope: Scope) -> Result<Arc<str>, Failure> {
    let limits = &flow.services.limits;
    if let Err(refusal) = limits.reserve(&ask(std::slice::from_ref(&scope))).map(drop)
        && let RefusalKind::Quota { resets_in } = refusal.kind
    {
        let what = if refusal.rule.counted == Counted::Bytes { "bandwidth" } else { "call volume" };
        let message = format!("Out of {what} quota. Quota will be replenished in {}.", clock_face(resets_in));
        let fault = Fault::new(FaultKind::QuotaForbidden, message).retry_after(Some(resets_in));
        return Err(Failure { source: policy.into(), ..Failure::from(fault) });
    }
    let account = Arc::clone(scope.account());
    flow.link.limit(scope);
    Ok(account)
}

/// `hh:mm:ss`, rounded up, hours as many as there are.
fn clock_face(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

struct Quota {
    /// Whose document it stands in: each has counters of its own.
    scope: Level,
    all: Amounts,
    within: Vec<(Arc<str>, Option<Arc<str>>, Amounts)>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let all = Amounts::read(reading, None, 0)?;
    let mut within = Vec::new();
    for api in reading.element.elements() {
        let mut below = reading.child(api);
        let named = below.literal("id").or_else(|| below.literal("name"))?;
        within.push((named.clone(), None, Amounts::read(&mut below, Some(all.window), 0)?));
        for operation in api.elements() {
            let mut below = reading.child(operation);
            let own = below.literal("id").or_else(|| below.literal("name"))?;
            within.push((named.clone(), Some(own), Amounts::read(&mut below, Some(all.window), 0)?));
        }
    }
    Some(Box::new(Quota { scope: reading.compiler.scope, all, within }))
}

impl Policy for Quota {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.limit(flow).into()
    }

    fn needs(&self) -> Needs {
        self.within.iter().fold(self.all.needs(), |needs, (_, _, amounts)| needs.and(amounts.needs()))
    }
}

impl Quota {
    fn limit(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let Some(key) = flow.facts.subscription.as_ref().map(|subscription| subscription.id.clone()) else {
            return Ok(());
        };
        let place = format!("quota/{}", flow.facts.holder(self.scope));
        self.all.apply(flow, ("quota", &place), &key)?;
        let (api, operation) = (flow.facts.api.clone(), flow.facts.operation.clone());
        for (wanted, own, amounts) in &self.within {
            let is_api = api.as_ref().is_some_and(|api| **wanted == *api.id || **wanted == *api.name);
            let is_own = |own: &Arc<str>| {
                operation.as_ref().is_some_and(|operation| **own == *operation.id || **own == *operation.name)
            };
            if is_api && own.as_ref().is_none_or(is_own) {
                let inner = own.as_ref().map_or_else(String::new, |own| format!("/{own}"));
                amounts.apply(flow, ("quota", &format!("{place}/{wanted}{inner}")), &key)?;
            }
        }
        Ok(())
    }
}

struct QuotaByKey {
    amounts: Amounts,
    key: Dynamic<Arc<str>>,
    counting: Arc<Counting>,
}

fn build_by_key(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let start = match reading.attribute("first-period-start") {
        None => 0,
        Some(text) if text.value.starts_with("0001-01-01") => 0,
        Some(text) => {
            if let Ok(start) = text.value.trim().parse::<Timestamp>() {
                start.as_second()
            } else {
                let message =
                    format!("`first-period-start` is `{}`; write a moment such as 2026-01-31T00:00:00Z", text.value);
                return reading.refuse(message);
            }
        }
    };
    let amounts = Amounts::read(reading, None, start)?;
    let key = reading.dynamic("counter-key")?;
    let condition = optional(reading, "increment-condition")?;
    let amount = optional(reading, "increment-count")?;
    Some(Box::new(QuotaByKey { amounts, key, counting: Arc::new(Counting { condition, amount }) }))
}

impl Policy for QuotaByKey {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.limit(flow).into()
    }

    fn needs(&self) -> Needs {
        let request_body = self.counting.needs().request_body;
        self.amounts.needs().and(self.key.needs()).and(Needs { request_body, response_body: false })
    }
}

impl QuotaByKey {
    fn limit(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let key = self.key.get(flow)?;
        let counters = self.amounts.apply(flow, (BY_KEY.name, BY_KEY.name), &key)?;
        if self.counting.condition.is_some() || self.counting.amount.is_some() {
            flow.after.push(Box::new(Late { counters, counting: self.counting.clone() }));
        }
        Ok(())
    }
}

/// Says what the exchange counts as when the answer is known.
struct Late {
    counters: Counters,
    counting: Arc<Counting>,
}

impl Late {
    fn correct(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let requests = self.counting.requests(flow)?;
        if let Some(calls) = &self.counters.calls {
            flow.link.count_as(calls, requests);
        }
        if let Some(bandwidth) = self.counters.bandwidth.as_ref().filter(|_| requests == 0) {
            flow.link.count_as(bandwidth, 0);
        }
        Ok(())
    }
}

impl After for Late {
    fn answered(self: Box<Self>, flow: &mut Flow<'_>) -> Result<(), Failure> {
        self.correct(flow)
    }

    fn needs(&self, _: &Flow<'_>) -> Needs {
        self.counting.needs()
    }

    fn failed(self: Box<Self>, flow: &mut Flow<'_>) {
        if let Err(failure) = self.correct(flow) {
            tracing::debug!(message = %failure.message, "a condition cannot be told of an error: the call counts");
        }
    }
}
