//! `llm-token-limit` (and `azure-openai-token-limit`): tokens per minute and per calendar period.
//!
//! A thin face on `limits`: its counters are reserved with all others of the exchange before it is sent, topped up
//! while a stream grows, and settled with what was really used. So they hold under concurrency, streams included.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};
use jiff::tz::TimeZone;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, INBOUND},
    flow::After,
    rate_limit::{header_name, optional},
};
use crate::{
    expression::Value,
    limits::{Counted, Period, Reserve, Rule, Scope, Style, Window},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "llm-token-limit",
    aliases: &["azure-openai-token-limit"],
    sections: INBOUND,
    attributes: &[
        AttributeEntry::required("counter-key", "By what callers are told apart.").dynamic(),
        AttributeEntry::absent(
            "tokens-per-minute",
            "Most tokens of prompt and completion in any minute. This, `token-quota`, or both.",
        )
        .dynamic(),
        AttributeEntry::absent("token-quota", "Most tokens in each `token-quota-period`.").dynamic(),
        AttributeEntry::absent("token-quota-period", "Window of the quota, by the calendar in UTC.")
            .one_of(&["Hourly", "Daily", "Weekly", "Monthly", "Yearly"]),
        AttributeEntry::required(
            "estimate-prompt-tokens",
            "true: room for prompt and completion is reserved before sending, so that the limit holds. false: a request \
             passes while anything is left, and counts when it has ended.",
        )
        .dynamic(),
        AttributeEntry::optional(
            "retry-after-header-name",
            "Retry-After",
            "Header of a refusal: seconds until it is worth trying again.",
        ),
        AttributeEntry::absent("retry-after-variable-name", "Variable that gets the same number on a refusal."),
        AttributeEntry::absent(
            "remaining-tokens-header-name",
            "Header of the answer: tokens left in this minute. Those of an event stream count as they are estimated, \
             because headers go first.",
        ),
        AttributeEntry::absent("remaining-tokens-variable-name", "Variable that gets the tokens left in this minute."),
        AttributeEntry::absent("remaining-quota-tokens-header-name", "Header of the answer: tokens left of the quota."),
        AttributeEntry::absent("remaining-quota-tokens-variable-name", "Variable that gets the tokens left of the quota."),
        AttributeEntry::absent(
            "tokens-consumed-header-name",
            "Header of the answer: tokens of prompt and completion; of an event stream those of the prompt, because \
             headers go first.",
        ),
        AttributeEntry::absent("tokens-consumed-variable-name", "Variable that gets the same."),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Limits tokens for each value of `counter-key`, over all scopes where the policy stands. The rate exceeded: \
             429 with `Retry-After` and \"Token limit is exceeded. Try again in N seconds.\" The quota exhausted: 403. \
             Needs an API of kind `models`, or an `http` one whose path ends like a model API's.",
    example: r#"<llm-token-limit counter-key="@(context.Subscription.Id)" tokens-per-minute="5000" estimate-prompt-tokens="true" remaining-tokens-header-name="x-left" />"#,
    build,
};

struct TokenLimit {
    key: Dynamic<Arc<str>>,
    rate: Option<Dynamic<u64>>,
    quota: Option<(Dynamic<u64>, Period)>,
    estimates: Dynamic<bool>,
    told: Arc<Told>,
}

/// Names under which the caller and later policies are told.
#[derive(Default)]
struct Told {
    retry: Option<HeaderName>,
    retry_variable: Option<Arc<str>>,
    rate: Names,
    quota: Names,
    consumed: Names,
}

#[derive(Default)]
struct Names {
    header: Option<HeaderName>,
    variable: Option<Arc<str>>,
}

impl Names {
    fn read(reading: &mut Reading<'_, '_>, header: &str, variable: &str) -> Option<Self> {
        Some(Self { header: header_name(reading, header)?, variable: reading.literal(variable) })
    }

    const fn is_wanted(&self) -> bool {
        self.header.is_some() || self.variable.is_some()
    }

    fn tell(&self, flow: &mut Flow<'_>, value: i64) {
        if let Some(name) = &self.variable {
            flow.variables.set(name, Value::from(value));
        }
        if let (Some(name), Some(response)) = (&self.header, &mut flow.response) {
            response.headers.insert(name.clone(), HeaderValue::from(value));
        }
    }
}

impl Told {
    /// Whether the answer tells anything.
    const fn is_wanted(&self) -> bool {
        self.rate.is_wanted() || self.quota.is_wanted() || self.consumed.is_wanted()
    }

    fn read(reading: &mut Reading<'_, '_>) -> Option<Self> {
        Some(Self {
            retry: header_name(reading, "retry-after-header-name")?,
            retry_variable: reading.literal("retry-after-variable-name"),
            rate: Names::read(reading, "remaining-tokens-header-name", "remaining-tokens-variable-name")?,
            quota: Names::read(reading, "remaining-quota-tokens-header-name", "remaining-quota-tokens-variable-name")?,
            consumed: Names::read(reading, "tokens-consumed-header-name", "tokens-consumed-variable-name")?,
        })
    }
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let key = reading.dynamic("counter-key")?;
    let rate = optional(reading, "tokens-per-minute")?;
    let amount = optional(reading, "token-quota")?;
    let quota = match (amount, period(reading)) {
        (Some(amount), Some(period)) => Some((amount, period)),
        (None, None) => None,
        (Some(_), None) => return reading.refuse("`token-quota` needs a `token-quota-period`"),
        (None, Some(_)) => return reading.refuse("`token-quota-period` needs a `token-quota`"),
    };
    if rate.is_none() && quota.is_none() {
        return reading.refuse("`llm-token-limit` needs `tokens-per-minute`, or `token-quota` with its period");
    }
    let estimates = reading.dynamic("estimate-prompt-tokens")?;
    let told = Arc::new(Told::read(reading)?);
    Some(Box::new(TokenLimit { key, rate, quota, estimates, told }))
}

fn period(reading: &Reading<'_, '_>) -> Option<Period> {
    Some(match reading.literal("token-quota-period")?.trim() {
        "Hourly" => Period::Hour,
        "Daily" => Period::Day,
        "Weekly" => Period::Week,
        "Yearly" => Period::Year,
        _ => Period::Month,
    })
}

impl Policy for TokenLimit {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.limit(flow).into()
    }

    fn needs(&self) -> Needs {
        let rate = self.rate.as_ref().map_or(Needs::NONE, Dynamic::needs);
        let quota = self.quota.as_ref().map_or(Needs::NONE, |(amount, _)| amount.needs());
        self.key.needs().and(rate).and(quota).and(self.estimates.needs())
    }
}

impl TokenLimit {
    fn limit(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let key = self.key.get(flow)?;
        let reserve = if self.estimates.get(flow)? { Reserve::Adaptive } else { Reserve::After };
        let mut accounts = Accounts { rate: None, quota: None, told: self.told.clone() };
        if let Some(rate) = &self.rate {
            let window = Window::Rolling(Duration::from_mins(1));
            let scope = scope("tokens-per-minute", window, rate.get(flow)?, reserve, &key);
            accounts.rate = Some(scope.account().clone());
            flow.link.limit(scope);
        }
        if let Some((amount, period)) = &self.quota {
            let window = Window::Calendar { period: *period, zone: TimeZone::UTC };
            let scope = scope(&format!("token-quota/{period:?}"), window, amount.get(flow)?, reserve, &key);
            accounts.quota = Some(scope.account().clone());
            flow.link.limit(scope);
        }
        flow.after.push(Box::new(accounts));
        Ok(())
    }
}

fn scope(name: &str, window: Window, limit: u64, reserve: Reserve, key: &str) -> Scope {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let name = format!("policy:llm-token-limit/{name}");
    let rule = Rule { refusal: Style::Policy, reserve, ..Rule::new(name, Counted::Tokens, window, limit) };
    Scope::new(Arc::new(rule), key)
}

/// Tells the caller where it stands when the answer is known, or that it was refused.
struct Accounts {
    rate: Option<Arc<str>>,
    quota: Option<Arc<str>>,
    told: Arc<Told>,
}

impl After for Accounts {
    fn answered(self: Box<Self>, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let told = &self.told;
        if !told.is_wanted() {
            return Ok(());
        }
        let used = i64::try_from(flow.link.tokens()).unwrap_or(i64::MAX);
        // In place of what is held comes what was used; of a stream only the former is known.
        let is_known = flow.response.as_ref().is_some_and(|response| response.body.held().is_some());
        for (account, names) in [(&self.rate, &told.rate), (&self.quota, &told.quota)] {
            let account = account.as_ref().filter(|_| names.is_wanted());
            let Some(account) = account else { continue };
            let Some(view) = flow.services.limits.view(account) else { continue };
            let settles = if is_known { used.saturating_sub(flow.link.held(account)) } else { 0 };
            let left = view.limit.saturating_sub(view.used).saturating_sub(view.reserved).saturating_sub(settles);
            names.tell(flow, left.max(0));
        }
        if told.consumed.is_wanted() {
            told.consumed.tell(flow, used);
        }
        Ok(())
    }

    fn needs(&self, flow: &Flow<'_>) -> Needs {
        // The tokens of an answer are known at its end; an event stream is not kept back for a header.
        let is_stream = flow.response.as_ref().is_some_and(super::Response::is_event_stream);
        Needs { request_body: false, response_body: self.told.is_wanted() && !is_stream }
    }

    fn refused(&self, flow: &mut Flow<'_>, failure: &mut Failure) {
        let Some(wait) = failure.fault.as_ref().and_then(|fault| fault.retry_after) else { return };
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        if let Some(name) = &self.told.retry_variable {
            flow.variables.set(name, Value::from(i64::try_from(seconds).unwrap_or(i64::MAX)));
        }
        if let Some(name) = &self.told.retry {
            failure.headers.push((name.clone(), HeaderValue::from(seconds)));
        }
    }
}
