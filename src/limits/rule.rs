//! What a limit says, as compiled from configuration: what is counted, over which window, up to where, and how.
//!
//! Who is counted together is a [`Scope`]: a rule and the value it counts by. The counting is `counter`.

use std::{
    fmt::Write as _,
    sync::{Arc, OnceLock},
    time::Duration,
};

use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::{counter::Counter, period::Period};
use crate::exchange::Measure;

/// Output tokens without which an answer is not worth sending a request (ACCOUNTING, section 2).
pub const MIN_OUTPUT: u64 = 16;

/// Bytes of a key that are kept as they are; a longer one is represented by its SHA-256.
const LONGEST_KEY: usize = 128;

/// What a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Requests.
    Requests,
    /// Tokens, input and output together.
    Tokens,
    /// Input tokens.
    InputTokens,
    /// Output tokens.
    OutputTokens,
    /// Body bytes, both ways.
    Bytes,
    /// Money, in 10⁻⁹ of the currency's unit.
    Nanos,
    /// Requests that are open at the same time.
    Concurrency,
}

impl Counted {
    /// The ledger's word; none for what ends with the process.
    #[must_use]
    pub const fn measure(self) -> Option<Measure> {
        match self {
            Self::Requests => Some(Measure::Requests),
            Self::Tokens => Some(Measure::Tokens),
            Self::InputTokens => Some(Measure::InputTokens),
            Self::OutputTokens => Some(Measure::OutputTokens),
            Self::Bytes => Some(Measure::Bytes),
            Self::Nanos => Some(Measure::Nanos),
            Self::Concurrency => None,
        }
    }

    /// Whether it is known only after the answer: then the rule's [`Reserve`] mode decides what is held until then.
    #[must_use]
    pub const fn depends_on_answer(self) -> bool {
        !matches!(self, Self::Requests | Self::Concurrency)
    }

    /// Whether it counts tokens of some kind.
    #[must_use]
    pub const fn is_tokens(self) -> bool {
        matches!(self, Self::Tokens | Self::InputTokens | Self::OutputTokens)
    }
}

/// Over which time a rule counts.
#[derive(Clone, Debug)]
pub enum Window {
    /// The last so long, on the monotonic clock: rates.
    Rolling(Duration),
    /// The calendar's period that the wall clock is in: quotas and budgets.
    Calendar {
        /// How long.
        period: Period,
        /// Where its midnights are.
        zone: TimeZone,
    },
    /// No time: what is open now. For [`Counted::Concurrency`].
    Open,
}

/// How much a quota holds for a request before its use is known (ACCOUNTING, section 2). Rates do not ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reserve {
    /// Nothing: passes while anything is left, counts afterwards.
    After,
    /// The worst case while that is affordable, then what is likely, topped up while a stream grows.
    #[default]
    Adaptive,
    /// The worst case, or what is left as the request's cap.
    Strict,
}

/// How an exhausted quota is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Style {
    /// As model vendors do: 429 `insufficient_quota`.
    #[default]
    Limits,
    /// As policy documents do: 403.
    Policy,
}

/// One limit.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Stable over changes of its values, such as `product:team/tokens_per_month`: counters are found by it.
    pub id: Arc<str>,
    /// What is counted.
    pub counted: Counted,
    /// Over which time.
    pub window: Window,
    /// Up to where, in units of what is counted.
    pub limit: i64,
    /// How much is held before the use is known; rates ignore it, but see [`Rule::holds_nothing`].
    pub reserve: Reserve,
    /// Decides and reports, but lets pass.
    pub shadow: bool,
    /// Holds for these configured models only; `None`: for all.
    pub models: Option<Arc<[Arc<str>]>>,
    /// The least output per answer for which a request is sent.
    pub min_output: u64,
    /// A budget that lets no model through that has no price. Strict ones never do.
    pub refuses_unpriced: bool,
    /// How the exhausted quota is answered.
    pub refusal: Style,
    /// Percents of the limit whose crossing is told, such as 50, 80 and 100.
    pub alerts: Arc<[u8]>,
}

impl Rule {
    /// An enforced adaptive rule for all models.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>, counted: Counted, window: Window, limit: i64) -> Self {
        Self {
            id: id.into(),
            counted,
            window,
            limit,
            reserve: Reserve::default(),
            shadow: false,
            models: None,
            min_output: MIN_OUTPUT,
            refuses_unpriced: false,
            refusal: Style::default(),
            alerts: Arc::default(),
        }
    }

    /// Whether it holds for requests of this configured model.
    #[must_use]
    pub fn holds_for(&self, model: Option<&str>) -> bool {
        let Some(models) = &self.models else { return true };
        model.is_some_and(|model| models.iter().any(|name| **name == *model))
    }

    /// A rate of a policy document that does not estimate: like APIM's it lets pass while anything is left, and counts
    /// when the request has ended. Rates of `limits:` hold what is likely, whatever `reserve` says.
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        let is_rate = matches!(self.window, Window::Rolling(_)) && self.counted.is_tokens();
        is_rate && self.refusal == Style::Policy && self.reserve == Reserve::After
    }

    /// Whether it is a quota: counted by the calendar and kept in the ledger.
    #[must_use]
    pub const fn is_quota(&self) -> bool {
        matches!(self.window, Window::Calendar { .. })
    }
}

/// One counter of a request: a rule, and the value that it counts by. Cloning is cheap, and so is asking with one that
/// was asked with before: keep it with what it belongs to.
#[derive(Clone, Debug)]
pub struct Scope(Arc<Named>);

#[derive(Debug)]
struct Named {
    rule: Arc<Rule>,
    account: Arc<str>,
    /// Its counter, once found. A scope that is kept keeps its counter.
    counter: OnceLock<Arc<Counter>>,
}

impl Scope {
    /// The counter of `rule` for `key`.
    #[must_use]
    pub fn new(rule: Arc<Rule>, key: &str) -> Self {
        let account = account(&rule.id, key).into();
        Self(Arc::new(Named { rule, account, counter: OnceLock::new() }))
    }

    /// What is limited.
    #[must_use]
    pub fn rule(&self) -> &Arc<Rule> {
        &self.0.rule
    }

    /// The counter's name: `{rule id}#{key}`.
    #[must_use]
    pub fn account(&self) -> &Arc<str> {
        &self.0.account
    }

    /// The counter that was found for it.
    pub(super) fn counter(&self) -> Option<&Arc<Counter>> {
        self.0.counter.get()
    }

    /// The same scope with this counter: itself, if it has none yet.
    pub(super) fn with(&self, counter: Arc<Counter>) -> Self {
        let Err(counter) = self.0.counter.set(counter) else { return self.clone() };
        let (rule, account) = (Arc::clone(&self.0.rule), Arc::clone(&self.0.account));
        Self(Arc::new(Named { rule, account, counter: OnceLock::from(counter) }))
    }
}

/// A caller may choose keys (a policy's `counter-key`): their length is bounded here, their number in `registry`.
fn account(rule: &str, key: &str) -> String {
    if key.len() <= LONGEST_KEY && !key.contains(char::is_control) {
        return format!("{rule}#{key}");
    }
    let mut name = format!("{rule}#sha256:");
    for byte in Sha256::digest(key) {
        write!(name, "{byte:02x}").expect("writing to a string does not fail");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_odd_keys_are_represented_by_their_hash() {
        let rule = Arc::new(Rule::new("r", Counted::Requests, Window::Open, 1));
        for (key, plain) in [("team-a", true), ("", true), (&*"x".repeat(129), false), ("a\nb", false)] {
            let scope = Scope::new(rule.clone(), key);
            assert_eq!(**scope.account() == format!("r#{key}"), plain, "{key:?}");
            assert!(scope.account().len() <= 2 + LONGEST_KEY, "{key:?}");
        }
    }

    #[test]
    fn a_rule_for_some_models_holds_for_those() {
        let mut rule = Rule::new("r", Counted::Tokens, Window::Open, 1);
        assert!(rule.holds_for(None) && rule.holds_for(Some("a")));
        rule.models = Some([Arc::from("a"), Arc::from("b")].into());
        let holds = [Some("a"), Some("b"), Some("c"), None].map(|model| rule.holds_for(model));
        assert_eq!(holds, [true, true, false, false]);
    }
}
