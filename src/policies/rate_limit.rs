//! `rate-limit` and `rate-limit-by-key`: so many calls in a moving window, counted where the policy stands.
//!
//! The counters are those of `limits`; rates live in memory and need no settlement, so that they are counted at once,
//! or, with an `increment-condition`, when the answer is known.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, header};

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, ElementEntry, INBOUND},
    flow::After,
};
use crate::policy::Scope as Level;
use crate::{
    expression::Value,
    limits::{Ask, Counted, Output, Prompt, Refusal, Reservation, Rule, Scope, Settled, Style, Used, Window},
};

const CALLS: AttributeEntry = AttributeEntry::required("calls", "Most calls within the period.").dynamic();
const PERIOD: AttributeEntry =
    AttributeEntry::required("renewal-period", "Length of the moving window, in seconds.").dynamic();
const RETRY_HEADER: AttributeEntry = AttributeEntry::optional(
    "retry-after-header-name",
    "Retry-After",
    "Header of a refusal that says after how many seconds to try again.",
);
const RETRY_VARIABLE: AttributeEntry =
    AttributeEntry::absent("retry-after-variable-name", "Variable that gets the same number on a refusal.");
const LEFT_HEADER: AttributeEntry =
    AttributeEntry::absent("remaining-calls-header-name", "Header of each answer: calls that are left.");
const LEFT_VARIABLE: AttributeEntry =
    AttributeEntry::absent("remaining-calls-variable-name", "Variable that gets the calls that are left.");
const TOTAL_HEADER: AttributeEntry =
    AttributeEntry::absent("total-calls-header-name", "Header of each answer: the value of `calls`.");

/// Limits of an API or operation inside a `rate-limit`.
const API_ATTRIBUTES: &[AttributeEntry] = &[
    AttributeEntry::absent("name", "Name of the API or operation. Either this or `id`."),
    AttributeEntry::absent("id", "Identifier. Either this or `name`."),
    CALLS,
    PERIOD,
];

/// `rate-limit` in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "rate-limit",
    aliases: &[],
    sections: INBOUND,
    attributes: &[CALLS, PERIOD, RETRY_HEADER, RETRY_VARIABLE, LEFT_HEADER, LEFT_VARIABLE, TOTAL_HEADER],
    children: &[ElementEntry {
        name: "api",
        required: false,
        many: true,
        attributes: API_ATTRIBUTES,
        children: &[ElementEntry {
            name: "operation",
            required: false,
            many: true,
            attributes: API_ATTRIBUTES,
            children: &[],
            content: Content::Nothing,
            text: "A limit for one operation of the API, beside the others.",
        }],
        content: Content::Nothing,
        text: "A limit for one API, beside that of all.",
    }],
    content: Content::Nothing,
    manual: "Limits the calls of each subscription. Calls without a subscription key are not counted. Too many: 429 \
             with `Retry-After` and \"Rate limit is exceeded. Try again in N seconds.\"",
    example: r#"<rate-limit calls="20" renewal-period="90" remaining-calls-header-name="x-left" />"#,
    build,
};

/// `rate-limit-by-key` in the catalogue.
pub const BY_KEY: Entry = Entry {
    name: "rate-limit-by-key",
    aliases: &[],
    sections: INBOUND,
    attributes: &[
        CALLS,
        PERIOD,
        AttributeEntry::required("counter-key", "By what calls are told apart.").dynamic(),
        AttributeEntry::absent(
            "increment-condition",
            "Whether the call counts. It is asked when the answer is known; a call that fails before does not count.",
        )
        .dynamic(),
        AttributeEntry::optional("increment-count", "1", "By how much a call counts.").dynamic(),
        AttributeEntry::optional("increment-after-response", "false", "Whether it counts when the answer is known."),
        RETRY_HEADER,
        RETRY_VARIABLE,
        LEFT_HEADER,
        LEFT_VARIABLE,
        TOTAL_HEADER,
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Limits the calls of each value of `counter-key`. The same key and period at several scopes share one \
             counter. Too many: 429 with `Retry-After`.",
    example: r#"<rate-limit-by-key calls="10" renewal-period="60" counter-key="@(context.Request.IpAddress)" increment-condition="@(context.Response.StatusCode == 200)" />"#,
    build: build_by_key,
};

/// What both have in common.
struct Rate {
    policy: &'static str,
    calls: Dynamic<u64>,
    period: Dynamic<u64>,
    told: Told,
}

/// Names under which the caller and later policies are told.
struct Told {
    retry_header: HeaderName,
    retry_variable: Option<Arc<str>>,
    left_header: Option<HeaderName>,
    left_variable: Option<Arc<str>>,
    total_header: Option<HeaderName>,
}

impl Told {
    fn read(reading: &mut Reading<'_, '_>) -> Option<Self> {
        Some(Self {
            retry_header: header_name(reading, "retry-after-header-name")?.unwrap_or(header::RETRY_AFTER),
            retry_variable: reading.literal("retry-after-variable-name"),
            left_header: header_name(reading, "remaining-calls-header-name")?,
            left_variable: reading.literal("remaining-calls-variable-name"),
            total_header: header_name(reading, "total-calls-header-name")?,
        })
    }
}

/// The header that an attribute names; the outer `None`: it is not the name of one, which was noted.
pub fn header_name(reading: &mut Reading<'_, '_>, attribute: &str) -> Option<Option<HeaderName>> {
    let Some(text) = reading.attribute(attribute) else { return Some(None) };
    if let Ok(name) = HeaderName::try_from(text.value.trim()) {
        Some(Some(name))
    } else {
        let message = format!("`{attribute}` is `{}`, which is not the name of a header", text.value);
        reading.trouble(&text.place, message);
        None
    }
}

impl Rate {
    fn read(reading: &mut Reading<'_, '_>) -> Option<Self> {
        let (calls, period) = (reading.dynamic("calls")?, reading.dynamic("renewal-period")?);
        let told = Told::read(reading)?;
        Some(Self { policy: reading.policy, calls, period, told })
    }

    fn needs(&self) -> Needs {
        self.calls.needs().and(self.period.needs())
    }

    /// Takes a call from the counter of `key`, or refuses.
    fn take(&self, flow: &mut Flow<'_>, name: &str, key: &str) -> Result<(Reservation, u64), Failure> {
        let (calls, period) = (self.calls.get(flow)?, self.period.get(flow)?);
        let scope = scope(&format!("{name}/{period}s"), calls, period, key);
        match flow.services.limits.reserve(&ask(&[scope])) {
            Ok(reservation) => {
                let left = reservation.standing().requests.map_or(0, |allowance| allowance.remaining.max(0));
                self.tell(flow, left, calls);
                Ok((reservation, calls))
            }
            Err(refusal) => Err(self.refused(flow, &refusal)),
        }
    }

    fn refused(&self, flow: &mut Flow<'_>, refusal: &Refusal) -> Failure {
        let wait = seconds(refusal.retry_after().unwrap_or_default());
        if let Some(name) = &self.told.retry_variable {
            flow.variables.set(name, Value::from(i64::try_from(wait).unwrap_or(i64::MAX)));
        }
        let message = format!("Rate limit is exceeded. Try again in {wait} seconds.");
        Failure::new(self.policy, "RateLimitExceeded", 429, message)
            .header(self.told.retry_header.clone(), HeaderValue::from(wait))
    }

    fn tell(&self, flow: &mut Flow<'_>, left: i64, calls: u64) {
        if let Some(name) = &self.told.left_variable {
            flow.variables.set(name, Value::from(left));
        }
        let left = self.told.left_header.clone().map(|name| (name, HeaderValue::from(left)));
        let total = self.told.total_header.clone().map(|name| (name, HeaderValue::from(calls)));
        let headers: Vec<_> = left.into_iter().chain(total).collect();
        if !headers.is_empty() {
            flow.after.push(Box::new(Headers(headers)));
        }
    }
}

/// Headers for the answer.
pub struct Headers(pub Vec<(HeaderName, HeaderValue)>);

impl After for Headers {
    fn answered(self: Box<Self>, flow: &mut Flow<'_>) -> Result<(), Failure> {
        if let Some(response) = &mut flow.response {
            for (name, value) in self.0 {
                response.headers.insert(name, value);
            }
        }
        Ok(())
    }
}

fn scope(name: &str, calls: u64, period: u64, key: &str) -> Scope {
    let window = Window::Rolling(Duration::from_secs(period.max(1)));
    let limit = i64::try_from(calls).unwrap_or(i64::MAX);
    let rule = Rule { refusal: Style::Policy, ..Rule::new(format!("policy:{name}"), Counted::Requests, window, limit) };
    Scope::new(Arc::new(rule), key)
}

/// What asks for nothing but a call.
pub(super) fn ask(scopes: &[Scope]) -> Ask<'_> {
    let output = Output { caller_cap: Some(0), ..Output::default() };
    Ask { scopes, prompt: Prompt::exact(0), output, bytes_in: 0, rates: None, streamed: false }
}

/// Counts what was taken.
fn count(reservation: Reservation, requests: u64) {
    // A rate is kept by nobody: there is nothing to write down.
    let Settled { .. } = reservation.settle(&Used { requests, ..Used::default() });
}

/// Whole seconds, rounded up, at least one.
fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// `rate-limit`.
struct RateLimit {
    all: Rate,
    within: Vec<Within>,
    /// Whose document it stands in: each has counters of its own.
    scope: Level,
}

/// A limit for one API, or one operation of it.
struct Within {
    api: Arc<str>,
    operation: Option<Arc<str>>,
    rate: Rate,
}

impl Within {
    fn is_about(&self, flow: &Flow<'_>) -> bool {
        let named =
            |wanted: &str, id: &str, name: &str| wanted.eq_ignore_ascii_case(id) || wanted.eq_ignore_ascii_case(name);
        let api = flow.facts.api.as_ref().is_some_and(|api| named(&self.api, &api.id, &api.name));
        let operation = self.operation.as_ref().is_none_or(|wanted| {
            flow.facts.operation.as_ref().is_some_and(|operation| named(wanted, &operation.id, &operation.name))
        });
        api && operation
    }

    fn counter(&self) -> String {
        match &self.operation {
            Some(operation) => format!("{}/{operation}", self.api),
            None => self.api.to_string(),
        }
    }
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let all = Rate::read(reading)?;
    let mut within = Vec::new();
    for api in reading.element.elements() {
        let mut below = reading.child(api);
        let named = name_or_id(&mut below)?;
        within.push(Within { api: named.clone(), operation: None, rate: Rate::read(&mut below)? });
        for operation in api.elements() {
            let mut below = reading.child(operation);
            let operation = Some(name_or_id(&mut below)?);
            within.push(Within { api: named.clone(), operation, rate: Rate::read(&mut below)? });
        }
    }
    Some(Box::new(RateLimit { all, within, scope: reading.compiler.scope }))
}

fn name_or_id(reading: &mut Reading<'_, '_>) -> Option<Arc<str>> {
    let named = reading.literal("id").or_else(|| reading.literal("name"));
    if named.is_none() {
        let message = format!("`{}` needs a `name` or an `id`", reading.element.name);
        return reading.refuse(message);
    }
    named
}

impl Policy for RateLimit {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.limit(flow).into()
    }

    fn needs(&self) -> Needs {
        self.within.iter().fold(self.all.needs(), |needs, within| needs.and(within.rate.needs()))
    }
}

impl RateLimit {
    fn limit(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let Some(key) = flow.facts.subscription.as_ref().map(|subscription| subscription.id.clone()) else {
            return Ok(());
        };
        let place = format!("rate-limit/{}", flow.facts.holder(self.scope));
        let mut taken = vec![self.all.take(flow, &place, &key)?.0];
        for within in self.within.iter().filter(|within| within.is_about(flow)).collect::<Vec<_>>() {
            // A refusal gives back what was taken before it.
            taken.push(within.rate.take(flow, &format!("{place}/{}", within.counter()), &key)?.0);
        }
        for reservation in taken {
            count(reservation, 1);
        }
        Ok(())
    }
}

/// `rate-limit-by-key`.
struct RateLimitByKey {
    rate: Rate,
    key: Dynamic<Arc<str>>,
    counting: Arc<Counting>,
    is_late: bool,
}

/// Whether and how much a call counts.
pub(super) struct Counting {
    pub(super) condition: Option<Dynamic<bool>>,
    pub(super) amount: Option<Dynamic<u64>>,
}

impl Counting {
    /// Bodies that the two read.
    pub(super) fn needs(&self) -> Needs {
        let condition = self.condition.as_ref().map_or(Needs::NONE, Dynamic::needs);
        condition.and(self.amount.as_ref().map_or(Needs::NONE, Dynamic::needs))
    }

    /// As how many calls this one counts.
    pub(super) fn requests(&self, flow: &mut Flow<'_>) -> Result<u64, Failure> {
        if let Some(condition) = &self.condition
            && !condition.get(flow)?
        {
            return Ok(0);
        }
        self.amount.as_ref().map_or(Ok(1), |amount| amount.get(flow))
    }
}

/// Counts when the answer is known.
struct Late {
    reservation: Reservation,
    counting: Arc<Counting>,
}

impl After for Late {
    fn needs(&self, _: &Flow<'_>) -> Needs {
        self.counting.needs()
    }

    fn answered(self: Box<Self>, flow: &mut Flow<'_>) -> Result<(), Failure> {
        match self.counting.requests(flow)? {
            0 => drop(self.reservation),
            requests => count(self.reservation, requests),
        }
        Ok(())
    }
}

fn build_by_key(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let rate = Rate::read(reading)?;
    let key = reading.dynamic("counter-key")?;
    let condition = optional(reading, "increment-condition")?;
    let amount = optional(reading, "increment-count")?;
    let is_late = condition.is_some() || reading.switch("increment-after-response", false);
    Some(Box::new(RateLimitByKey { rate, key, counting: Arc::new(Counting { condition, amount }), is_late }))
}

/// An attribute that may be absent; the outer `None`: it is wrong, which was noted.
pub fn optional<T: super::FromValue>(reading: &mut Reading<'_, '_>, name: &str) -> Option<Option<Dynamic<T>>> {
    if reading.attribute(name).is_none() { Some(None) } else { reading.dynamic(name).map(Some) }
}

impl Policy for RateLimitByKey {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.limit(flow).into()
    }

    fn needs(&self) -> Needs {
        let request = self.counting.needs().request_body;
        self.rate.needs().and(self.key.needs()).and(Needs { request_body: request, response_body: false })
    }
}

impl RateLimitByKey {
    fn limit(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let key = self.key.get(flow)?;
        let (reservation, _) = self.rate.take(flow, "rate-limit-by-key", &key)?;
        if self.is_late {
            flow.after.push(Box::new(Late { reservation, counting: self.counting.clone() }));
        } else {
            count(reservation, self.counting.requests(flow)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Reply, Scene};

    fn limited(xml: &str) -> Scene {
        Scene::new().section("inbound", xml).request("GET", "/a")
    }

    #[test]
    fn calls_beyond_the_limit_are_429_until_the_window_has_moved() {
        let xml = r#"<rate-limit-by-key calls="2" renewal-period="60" counter-key="k" remaining-calls-header-name="x-left" />"#;
        let scene = limited(xml);
        let (clock, limits) = (scene.services.clock.clone(), scene.services.limits.clone());
        let mut left = Vec::new();
        for _ in 0..3 {
            let mut scene = limited(xml).reply(Reply::new(200, "ok"));
            scene.services.clock = clock.clone();
            scene.services.limits = limits.clone();
            let played = scene.run();
            left.push((played.status(), played.header("x-left")));
        }
        assert_eq!(left, [(200, Some("1".into())), (200, Some("0".into())), (429, None)]);
    }

    #[test]
    fn a_refusal_has_apims_words() {
        let xml =
            r#"<rate-limit-by-key calls="0" renewal-period="7" counter-key="k" retry-after-header-name="x-wait" />"#;
        let played = limited(xml).run();
        assert_eq!(played.status(), 429);
        assert!(played.header("x-wait").is_some());
        assert!(played.body().contains("Rate limit is exceeded. Try again in"), "{}", played.body());
    }
}
