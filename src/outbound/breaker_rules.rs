//! The rules of a circuit breaker, compiled: which results count, and when they open it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use super::{SendFaultKind, window::Count};
use crate::settings::{BreakerRule, objects::FailureCondition};

/// A share is judged on this many requests or more, so that one failure after a quiet night is not 100 %.
const MIN_REQUESTS: u32 = 10;

/// What a breaker sees of an attempt's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// An answer with this status.
    Status(u16),
    /// No connection, or one that broke.
    Connect,
    /// A silence that was too long.
    Timeout,
    /// Connecting took too long: both a connection failure and a timeout.
    ConnectTimeout,
}

impl Sign {
    /// What a failure to send means; `None` when it is not the backend's.
    #[must_use]
    pub fn of(kind: SendFaultKind) -> Option<Self> {
        match kind {
            SendFaultKind::ConnectTimeout => Some(Self::ConnectTimeout),
            SendFaultKind::FirstByteTimeout | SendFaultKind::IdleTimeout | SendFaultKind::TotalTimeout => {
                Some(Self::Timeout)
            }
            SendFaultKind::RequestBody => None,
            SendFaultKind::Refused
            | SendFaultKind::Tls
            | SendFaultKind::Egress
            | SendFaultKind::BrokenOff
            | SendFaultKind::Protocol => Some(Self::Connect),
        }
    }
}

/// One entry of `on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Condition {
    Status(u16),
    Range(u16, u16),
    Connect,
    Timeout,
}

impl Condition {
    fn parse(setting: &FailureCondition) -> Option<Self> {
        match setting {
            FailureCondition::Status(status) => (100..600).contains(status).then_some(Self::Status(*status)),
            FailureCondition::Named(text) => match text.as_str() {
                "connect" => Some(Self::Connect),
                "timeout" => Some(Self::Timeout),
                text => Self::parse_statuses(text),
            },
        }
    }

    /// `5xx`, `500-504` or `429`.
    fn parse_statuses(text: &str) -> Option<Self> {
        let status = |text: &str| text.parse().ok().filter(|status: &u16| (100..600).contains(status));
        if let Some(class) = text.strip_suffix("xx") {
            let first = status(&format!("{class}00"))?;
            return Some(Self::Range(first, first + 99));
        }
        let Some((first, last)) = text.split_once('-') else { return status(text).map(Self::Status) };
        let (first, last) = (status(first)?, status(last)?);
        (first <= last).then_some(Self::Range(first, last))
    }

    /// A status named alone counts as told; inside a class or range, the caller's own faults never do.
    fn matches(self, sign: Sign) -> bool {
        match (self, sign) {
            (Self::Status(wanted), Sign::Status(seen)) => wanted == seen,
            (Self::Range(first, last), Sign::Status(seen)) => (first..=last).contains(&seen) && !is_client_fault(seen),
            (Self::Connect, Sign::Connect | Sign::ConnectTimeout)
            | (Self::Timeout, Sign::Timeout | Sign::ConnectTimeout) => true,
            _ => false,
        }
    }
}

/// Statuses by which a backend says that the request itself is wrong.
fn is_client_fault(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 401 | 402 | 403 | 408 | 421 | 425 | 429)
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    failures: Option<u32>,
    percentage: Option<u8>,
    on: Vec<Condition>,
    /// Over which results are counted.
    pub interval: Duration,
    /// How long it opens at first.
    pub open_for: Duration,
    /// Whether the backend's Retry-After can make that longer.
    pub accept_retry_after: bool,
    /// Identity of the rule: its counts survive a reload that leaves it as it was.
    pub tag: u64,
}

impl Rule {
    /// Whether this result is a failure by this rule.
    #[must_use]
    pub fn matches(&self, sign: Sign) -> bool {
        self.on.iter().any(|condition| condition.matches(sign))
    }

    /// Whether so much is too much.
    #[must_use]
    pub fn trips(&self, seen: Count) -> bool {
        let share = |percentage: u8| {
            seen.requests >= MIN_REQUESTS
                && u64::from(seen.failures) * 100 >= u64::from(seen.requests) * u64::from(percentage)
        };
        self.failures.is_some_and(|most| seen.failures >= most) || self.percentage.is_some_and(share)
    }

    fn tagged(mut self) -> Self {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        self.tag = hasher.finish();
        self
    }

    fn compile(setting: &BreakerRule, problem: &mut dyn FnMut(String)) -> Self {
        if setting.failures.is_none() && setting.percentage.is_none() {
            problem("needs `failures` (a count) or `percentage` (1 to 100)".into());
        }
        if setting.failures == Some(0) {
            problem("`failures: 0` would open it at once; write 1 or more".into());
        }
        if let Some(percentage) = setting.percentage.filter(|percentage| !(1..=100).contains(percentage)) {
            problem(format!("`percentage: {percentage}` is not between 1 and 100"));
        }
        if setting.interval.0.is_zero() || setting.open_for.0.is_zero() {
            problem("`interval` and `open_for` must be longer than 0".into());
        }
        if setting.on.is_empty() {
            problem("`on` is empty: name statuses, classes such as 5xx, `connect` or `timeout`".into());
        }
        let mut on = Vec::with_capacity(setting.on.len());
        for entry in &setting.on {
            match Condition::parse(entry) {
                Some(condition) => on.push(condition),
                None => problem(format!(
                    "`on: {}` is not a status (429), a class (5xx), a range (500-504), `connect` or `timeout`",
                    match entry {
                        FailureCondition::Status(status) => status.to_string(),
                        FailureCondition::Named(text) => text.clone(),
                    }
                )),
            }
        }
        Self {
            failures: setting.failures,
            percentage: setting.percentage,
            on,
            interval: setting.interval.0,
            open_for: setting.open_for.0,
            accept_retry_after: setting.accept_retry_after,
            tag: 0,
        }
        .tagged()
    }
}

/// All rules of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

impl Default for Rules {
    /// What holds when `circuit_breaker` is left out: 5 failures (5xx, connect, timeout) in 60 s open it for 30 s.
    fn default() -> Self {
        let rule = Rule {
            failures: Some(5),
            percentage: None,
            on: vec![Condition::Range(500, 599), Condition::Connect, Condition::Timeout],
            interval: Duration::from_secs(60),
            open_for: Duration::from_secs(30),
            accept_retry_after: true,
            tag: 0,
        };
        Self(vec![rule.tagged()])
    }
}

impl Rules {
    /// Compiles the setting; an empty list switches the breaker off. The error lists all problems, each with the
    /// number of its rule from 0.
    pub fn compile(settings: Option<&[BreakerRule]>) -> Result<Self, Vec<String>> {
        let Some(settings) = settings else { return Ok(Self::default()) };
        let mut problems = Vec::new();
        let rules = settings
            .iter()
            .enumerate()
            .map(|(index, setting)| {
                Rule::compile(setting, &mut |text| problems.push(format!("circuit_breaker[{index}]: {text}")))
            })
            .collect();
        if problems.is_empty() { Ok(Self(rules)) } else { Err(problems) }
    }

    /// The rules.
    #[must_use]
    pub fn as_slice(&self) -> &[Rule] {
        &self.0
    }

    /// Whether successes must be counted too.
    #[must_use]
    pub fn counts_requests(&self) -> bool {
        self.0.iter().any(|rule| rule.percentage.is_some())
    }

    /// Whether an answer with this status is a failure by any rule.
    #[must_use]
    pub fn names(&self, status: u16) -> bool {
        self.0.iter().any(|rule| rule.matches(Sign::Status(status)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HumanDuration;

    fn setting(on: &[&str]) -> BreakerRule {
        BreakerRule {
            failures: Some(3),
            percentage: None,
            interval: HumanDuration(Duration::from_secs(60)),
            open_for: HumanDuration(Duration::from_secs(30)),
            on: on
                .iter()
                .map(|text| match text.parse() {
                    Ok(status) => FailureCondition::Status(status),
                    Err(_) => FailureCondition::Named((*text).to_owned()),
                })
                .collect(),
            accept_retry_after: false,
        }
    }

    #[test]
    fn conditions_match_what_they_say() {
        let table: [(&str, Sign, bool); 16] = [
            ("5xx", Sign::Status(500), true),
            ("5xx", Sign::Status(599), true),
            ("5xx", Sign::Status(429), false),
            ("4xx", Sign::Status(429), true),
            ("4xx", Sign::Status(400), false),
            ("400-499", Sign::Status(422), false),
            ("404", Sign::Status(404), true),
            ("500-504", Sign::Status(504), true),
            ("500-504", Sign::Status(505), false),
            ("429", Sign::Status(429), true),
            ("connect", Sign::Connect, true),
            ("connect", Sign::ConnectTimeout, true),
            ("timeout", Sign::ConnectTimeout, true),
            ("timeout", Sign::Timeout, true),
            ("connect", Sign::Timeout, false),
            ("5xx", Sign::Connect, false),
        ];
        for (on, sign, expected) in table {
            let rules = Rules::compile(Some(&[setting(&[on])])).expect(on);
            assert_eq!(rules.as_slice()[0].matches(sign), expected, "{on} {sign:?}");
        }
    }

    #[test]
    fn every_problem_is_told_with_its_rule() {
        let mut bad = setting(&["6xx", "700", "504-500", "5x", "banana", "xx"]);
        bad.failures = None;
        bad.percentage = None;
        let problems = Rules::compile(Some(&[setting(&["5xx"]), bad, setting(&[])])).expect_err("bad");
        assert_eq!(problems.len(), 8, "{problems:#?}");
        assert!(problems[0].starts_with("circuit_breaker[1]: needs `failures`"), "{problems:?}");
        assert!(problems[7].starts_with("circuit_breaker[2]: `on` is empty"), "{problems:?}");
    }

    #[test]
    fn a_share_needs_ten_requests() {
        let mut half = setting(&["5xx"]);
        (half.failures, half.percentage) = (None, Some(50));
        let rules = Rules::compile(Some(&[half])).expect("valid");
        for (requests, failures, trips) in [(9, 9, false), (10, 5, true), (10, 4, false), (1_000, 499, false)] {
            assert_eq!(rules.as_slice()[0].trips(Count { requests, failures }), trips, "{failures}/{requests}");
        }
    }
}
