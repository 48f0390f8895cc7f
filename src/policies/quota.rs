//! `quota` and `quota-by-key`: so many calls or kilobytes in fixed windows, kept in the ledger.
//!
//! The counters are reserved with all others of the exchange before it is sent, and settled with them.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, ElementEntry, INBOUND},
    rate_limit::optional,
};
use crate::limits::{Counted, Period, Reserve, Rule, Scope, Style, Window};

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
        AttributeEntry::absent(
            "increment-condition",
            "Whether the call counts, asked where the policy stands. A condition on the answer is not supported.",
        )
        .dynamic(),
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

    fn apply(&self, flow: &mut Flow<'_>, name: &str, key: &str) -> Result<(), Failure> {
        if let Some(calls) = &self.calls {
            let calls = i64::try_from(calls.get(flow)?).unwrap_or(i64::MAX);
            flow.link.limit(self.scope(&format!("{name}/calls"), Counted::Requests, calls, key));
        }
        if let Some(bandwidth) = &self.bandwidth {
            let bytes = i64::try_from(bandwidth.get(flow)?).unwrap_or(i64::MAX).saturating_mul(KILOBYTE);
            flow.link.limit(self.scope(&format!("{name}/bandwidth"), Counted::Bytes, bytes, key));
        }
        Ok(())
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

struct Quota {
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
    Some(Box::new(Quota { all, within }))
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
        self.all.apply(flow, "quota", &key)?;
        let (api, operation) = (flow.facts.api.clone(), flow.facts.operation.clone());
        for (wanted, own, amounts) in &self.within {
            let is_api = api.as_ref().is_some_and(|api| **wanted == *api.id || **wanted == *api.name);
            let is_own = |own: &Arc<str>| {
                operation.as_ref().is_some_and(|operation| **own == *operation.id || **own == *operation.name)
            };
            if is_api && own.as_ref().is_none_or(is_own) {
                let name =
                    own.as_ref().map_or_else(|| format!("quota/{wanted}"), |own| format!("quota/{wanted}/{own}"));
                amounts.apply(flow, &name, &key)?;
            }
        }
        Ok(())
    }
}

struct QuotaByKey {
    amounts: Amounts,
    key: Dynamic<Arc<str>>,
    condition: Option<Dynamic<bool>>,
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
    if reading.attribute("increment-condition").is_some_and(|text| text.value.contains("context.Response")) {
        let reason = "`quota-by-key` with an `increment-condition` on the answer cannot be done here: quotas are \
                      reserved before a request is sent, so that they hold; use `rate-limit-by-key`, or a condition on \
                      the request";
        return reading.unsupported(reason);
    }
    let condition = optional(reading, "increment-condition")?;
    Some(Box::new(QuotaByKey { amounts, key, condition }))
}

impl Policy for QuotaByKey {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.limit(flow).into()
    }

    fn needs(&self) -> Needs {
        let condition = self.condition.as_ref().map_or(Needs::NONE, Dynamic::needs);
        self.amounts.needs().and(self.key.needs()).and(condition)
    }
}

impl QuotaByKey {
    fn limit(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        if let Some(condition) = &self.condition
            && !condition.get(flow)?
        {
            return Ok(());
        }
        let key = self.key.get(flow)?;
        self.amounts.apply(flow, "quota-by-key", &key)
    }
}
