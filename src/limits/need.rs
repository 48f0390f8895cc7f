//! What one rule's counter needs for a request: a fixed part, and a price per output token in the rule's units.

use super::{
    ask::{Ask, Rates, Used},
    rule::{Counted, Reserve, Rule, Window},
};

const MILLION: i128 = 1_000_000;

/// How a rule holds for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A rolling rate: holds what is likely, never alters or ends a request.
    Rate,
    /// Slots for open requests.
    Slots,
    /// A quota of what is known beforehand.
    Known,
    /// A quota that counts afterwards.
    After,
    /// A quota that reserves.
    Reserving {
        /// By its worst case only.
        is_strict: bool,
    },
}

impl Class {
    pub fn of(rule: &Rule) -> Self {
        match (&rule.window, rule.reserve) {
            _ if rule.counted == Counted::Concurrency => Self::Slots,
            (Window::Open, _) => Self::Slots,
            (Window::Rolling(_), _) => Self::Rate,
            _ if !rule.counted.depends_on_answer() => Self::Known,
            (Window::Calendar { .. }, Reserve::After) => Self::After,
            (Window::Calendar { .. }, reserve) => Self::Reserving { is_strict: reserve == Reserve::Strict },
        }
    }
}

/// Amounts in the rule's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub class: Class,
    /// Of everything but the output, by the best figure.
    pub fixed: i64,
    /// The same by the prompt's bound.
    pub bound: i64,
    /// The same without a prompt: what is needed in any case.
    pub floor: i64,
    /// Units per million output tokens.
    per_million: i64,
    /// The unit is money and the model has no price.
    pub is_unpriced: bool,
    /// The unit is money and the model costs none: it works on with an exhausted budget.
    pub is_free: bool,
}

impl Need {
    /// None when it cannot be counted in 63 bits.
    pub fn of(rule: &Rule, ask: &Ask<'_>) -> Option<Self> {
        let units = if rule.holds_nothing() { Units::NONE } else { Units::of(rule.counted, ask.rates) };
        let constant = match rule.counted {
            Counted::Requests | Counted::Concurrency => 1,
            Counted::Bytes => i64::try_from(ask.bytes_in).ok()?,
            Counted::Nanos => ask.rates.map_or(0, |rates| rates.request.max(0)),
            Counted::Tokens | Counted::InputTokens | Counted::OutputTokens => 0,
        };
        let with_prompt = |tokens: u64| scaled(tokens, units.input)?.checked_add(constant);
        Some(Self {
            class: Class::of(rule),
            fixed: with_prompt(ask.prompt.tokens)?,
            bound: with_prompt(ask.prompt.bound())?,
            floor: constant,
            per_million: units.output,
            is_unpriced: rule.counted == Counted::Nanos && ask.rates.is_none(),
            is_free: rule.counted == Counted::Nanos && ask.rates == Some(Rates::default()),
        })
    }

    /// What so many output tokens add, rounded up.
    pub fn of_output(&self, output: u64) -> Option<i64> {
        scaled(output, self.per_million)
    }

    /// How many output tokens `room` units pay for; none: output costs nothing here.
    pub fn output_for(&self, room: i64) -> Option<u64> {
        if self.per_million == 0 {
            return None;
        }
        let tokens = i128::from(room.max(0)) * MILLION / i128::from(self.per_million);
        Some(u64::try_from(tokens).unwrap_or(u64::MAX))
    }

    /// Whether this counter holds something for the output.
    pub fn holds_output(&self) -> bool {
        matches!(self.class, Class::Reserving { .. }) && self.per_million > 0
    }
}

/// Units per million tokens.
struct Units {
    input: i64,
    output: i64,
}

impl Units {
    const NONE: Self = Self { input: 0, output: 0 };

    fn of(counted: Counted, rates: Option<Rates>) -> Self {
        let (input, output) = match counted {
            Counted::Tokens => (1_000_000, 1_000_000),
            Counted::InputTokens => (1_000_000, 0),
            Counted::OutputTokens => (0, 1_000_000),
            Counted::Nanos => {
                rates.map_or((0, 0), |rates| (rates.input_per_million.max(0), rates.output_per_million.max(0)))
            }
            Counted::Requests | Counted::Bytes | Counted::Concurrency => (0, 0),
        };
        Self { input, output }
    }
}

fn scaled(tokens: u64, per_million: i64) -> Option<i64> {
    if i128::from(per_million) == MILLION {
        return i64::try_from(tokens).ok(); // tokens themselves: spares the common case two long divisions
    }
    let units = i128::from(tokens).checked_mul(i128::from(per_million))?;
    i64::try_from((units + MILLION - 1) / MILLION).ok()
}

/// What was used, in a rule's units. Beyond 63 bits it counts as the most there is.
pub(super) fn used_units(counted: Counted, used: &Used) -> i64 {
    let units = match counted {
        Counted::Requests => used.requests,
        Counted::Tokens => used.input.saturating_add(used.output),
        Counted::InputTokens => used.input,
        Counted::OutputTokens => used.output,
        Counted::Bytes => used.bytes,
        Counted::Nanos => return used.nanos.max(0),
        Counted::Concurrency => 0,
    };
    i64::try_from(units).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::ask::*, *};

    fn rule(counted: Counted) -> Rule {
        Rule::new("r", counted, Window::Rolling(std::time::Duration::from_secs(60)), 1)
    }

    fn ask(prompt: Prompt, rates: Option<Rates>) -> Ask<'static> {
        Ask { scopes: &[], prompt, output: Output::default(), bytes_in: 700, rates, streamed: false }
    }

    #[test]
    fn needs_in_every_unit() {
        let rates = Some(Rates { input_per_million: 2_500_000_000, output_per_million: 10_000_000_001, request: 5 });
        let table = [
            (Counted::Requests, 1, 1, 0),
            (Counted::Concurrency, 1, 1, 0),
            (Counted::Bytes, 700, 700, 0),
            (Counted::Tokens, 100, 400, 30),
            (Counted::InputTokens, 100, 400, 0),
            (Counted::OutputTokens, 0, 0, 30),
            (Counted::Nanos, 250_005, 1_000_005, 300_001),
        ];
        for (counted, fixed, bound, output) in table {
            let need = Need::of(&rule(counted), &ask(Prompt::estimate(100, 400), rates)).expect("fits");
            assert_eq!((need.fixed, need.bound, need.of_output(30)), (fixed, bound, Some(output)), "{counted:?}");
        }
    }

    #[test]
    fn what_room_pays_for_never_costs_more_than_the_room() {
        for rate in [1, 3, 999_999, 1_000_000, 1_000_001, 7_777_777_777] {
            let rates = Some(Rates { output_per_million: rate, ..Rates::default() });
            let need = Need::of(&rule(Counted::Nanos), &ask(Prompt::exact(0), rates)).expect("fits");
            for room in [0, 1, 2, 1_000, 123_456_789] {
                let tokens = need.output_for(room).expect("output costs");
                assert!(need.of_output(tokens).is_some_and(|cost| cost <= room), "{rate} {room}");
                assert!(need.of_output(tokens + 1).is_some_and(|cost| cost > room), "{rate} {room}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_63_bits_is_none_or_the_most() {
        assert_eq!(Need::of(&rule(Counted::Tokens), &ask(Prompt::exact(u64::MAX), None)), None);
        let dear = Some(Rates { input_per_million: i64::MAX, ..Rates::default() });
        assert_eq!(Need::of(&rule(Counted::Nanos), &ask(Prompt::exact(u64::MAX), dear)), None);
        let used = Used { input: u64::MAX, output: u64::MAX, nanos: -5, ..Used::default() };
        assert_eq!(used_units(Counted::Tokens, &used), i64::MAX);
        assert_eq!(used_units(Counted::Nanos, &used), 0);
    }
}
