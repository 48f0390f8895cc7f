//! The prices of one model, and the exact arithmetic of a call's cost.

use tollgate_providers::Usage;

use crate::settings::Rates;

/// Tokens that a rate is for.
const MILLION: i128 = 1_000_000;

/// What each bucket of a model costs: 10⁻⁹ USD for a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Prompt tokens that are in no other bucket.
    pub input: i64,
    /// Prompt tokens read from the backend's cache.
    pub cached_input: i64,
    /// Prompt tokens written to the backend's cache.
    pub cache_write: i64,
    /// Audio tokens of the prompt.
    pub audio_input: i64,
    /// Image tokens of the prompt.
    pub image_input: i64,
    /// Generated tokens that are in no other bucket.
    pub output: i64,
    /// Reasoning tokens.
    pub reasoning: i64,
    /// Generated audio tokens.
    pub audio_output: i64,
    /// Each call, in 10⁻⁹ USD.
    pub request: i64,
    /// What is left of all this after a discount, in percent; 0 where there is none.
    pub discount: u8,
}

impl Sheet {
    /// From configured rates; what is left out costs as much as its nearest relative.
    #[must_use]
    pub fn of(rates: &Rates, batch: bool) -> Self {
        let input = rates.input.map_or(0, |rate| rate.0);
        let output = rates.output.map_or(0, |rate| rate.0);
        let or = |rate: Option<crate::model::HumanRate>, relative: i64| rate.map_or(relative, |rate| rate.0);
        Self {
            input,
            cached_input: or(rates.cached_input, input),
            cache_write: or(rates.cache_write, input),
            audio_input: or(rates.audio_input, input),
            image_input: or(rates.image_input, input),
            output,
            reasoning: or(rates.reasoning, output),
            audio_output: or(rates.audio_output, output),
            request: rates.per_request.map_or(0, |money| money.0),
            discount: rates.batch_discount.filter(|_| batch).map_or(0, |percent| percent.0),
        }
    }

    /// What that usage costs, in 10⁻⁹ USD: exact, rounded once, half to even; at most [`i64::MAX`].
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> i64 {
        let buckets = [
            (usage.input, self.input),
            (usage.cached_input, self.cached_input),
            (usage.cache_write, self.cache_write),
            (usage.audio_input, self.audio_input),
            (usage.image_input, self.image_input),
            (usage.output, self.output),
            (usage.reasoning, self.reasoning),
            (usage.audio_output, self.audio_output),
        ];
        let tokens = buckets.into_iter().map(|(tokens, rate)| i128::from(tokens.unwrap_or(0)) * i128::from(rate));
        let request = i128::from(self.request) * MILLION;
        let whole = tokens.fold(request, i128::saturating_add).saturating_mul(self.share());
        i64::try_from(half_even(whole, MILLION * 100)).unwrap_or(i64::MAX)
    }

    /// The dearest a million prompt tokens can be, rounded up. `audio`: the call may carry audio.
    #[must_use]
    pub fn worst_input(&self, audio: bool) -> i64 {
        let text = self.input.max(self.cached_input).max(self.cache_write).max(self.image_input);
        self.left_of(if audio { text.max(self.audio_input) } else { text })
    }

    /// The dearest a million generated tokens can be, rounded up. `audio`: the answer may be audio.
    #[must_use]
    pub fn worst_output(&self, audio: bool) -> i64 {
        let text = self.output.max(self.reasoning);
        self.left_of(if audio { text.max(self.audio_output) } else { text })
    }

    /// What the call itself costs, rounded up.
    #[must_use]
    pub fn worst_request(&self) -> i64 {
        self.left_of(self.request)
    }

    fn share(&self) -> i128 {
        100 - i128::from(self.discount.min(100))
    }

    fn left_of(&self, amount: i64) -> i64 {
        let up = (i128::from(amount) * self.share() + 99).div_euclid(100);
        i64::try_from(up).unwrap_or(i64::MAX)
    }

    /// Whether tokens cost nothing.
    #[must_use]
    pub fn is_free(&self) -> bool {
        *self == Self { discount: self.discount, ..Self::default() }
    }
}

/// `amount / by` to the nearest whole, a half to the even one. Both are not negative.
fn half_even(amount: i128, by: i128) -> i128 {
    let (whole, rest) = (amount / by, amount % by);
    match rest.cmp(&(by - rest)) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Greater => whole + 1,
        std::cmp::Ordering::Equal => whole + whole % 2,
    }
}

/// Sheets by the length of the prompt: some vendors charge a whole call more when its prompt is long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// For short prompts.
    pub base: Sheet,
    /// For prompts of more tokens than the first figure, ascending.
    pub above: Vec<(u64, Sheet)>,
}

impl Steps {
    /// One price for all lengths.
    #[must_use]
    pub fn flat(base: Sheet) -> Self {
        Self { base, above: Vec::new() }
    }

    /// From configured rates.
    #[must_use]
    pub fn of(rates: &Rates, batch: bool) -> Self {
        let above = rates.long_prompt.iter().map(|long| {
            let longer = Rates {
                input: long.input.or(rates.input),
                cached_input: long.cached_input.or(rates.cached_input),
                output: long.output.or(rates.output),
                reasoning: long.output.or(rates.reasoning),
                ..rates.clone()
            };
            (long.above.0, Sheet::of(&longer, batch))
        });
        Self { base: Sheet::of(rates, batch), above: above.collect() }
    }

    /// The sheet for a prompt of that many tokens, all buckets together.
    #[must_use]
    pub fn at(&self, input: u64) -> &Sheet {
        let reached = self.above.iter().rev().find(|(above, _)| input > *above);
        reached.map_or(&self.base, |(_, sheet)| sheet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HumanRate;

    fn rates(value: serde_json::Value) -> Rates {
        serde_json::from_value(value).expect("good")
    }

    #[test]
    fn costs_are_exact_and_rounded_once_half_to_even() {
        // 0.15 USD per million: 150 nano-dollars a thousand, 0.15 nano-dollars times a thousand a token.
        let sheet = Sheet { input: 500_000, output: 1_500_000, ..Sheet::default() };
        let cost = |input, output| sheet.cost(&Usage { input: Some(input), output: Some(output), ..Usage::default() });
        let rows =
            [(0, 0, 0), (1, 0, 0), (3, 0, 2), (2, 0, 1), (5, 0, 2), (1, 1, 2), (3, 1, 3), (1_000_000, 0, 500_000)];
        for (input, output, wanted) in rows {
            assert_eq!(cost(input, output), wanted, "{input} + {output}");
        }
    }

    #[test]
    fn each_bucket_has_its_price_and_nothing_overflows() {
        let sheet = Sheet {
            input: 1_000_000,
            cached_input: 2_000_000,
            cache_write: 3_000_000,
            audio_input: 4_000_000,
            image_input: 5_000_000,
            output: 6_000_000,
            reasoning: 7_000_000,
            audio_output: 8_000_000,
            request: 9,
            discount: 0,
        };
        let one = Some(1);
        let usage = Usage {
            input: one,
            cached_input: one,
            cache_write: one,
            audio_input: one,
            image_input: one,
            output: one,
            reasoning: one,
            audio_output: one,
        };
        assert_eq!(sheet.cost(&usage), 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9);
        let huge = Usage { input: Some(u64::MAX), output: Some(u64::MAX), ..Usage::default() };
        assert_eq!(Sheet { input: i64::MAX, output: i64::MAX, ..sheet }.cost(&huge), i64::MAX);
        assert_eq!(sheet.cost(&Usage::default()), 9);
    }

    #[test]
    fn what_is_left_out_costs_as_its_relative() {
        let sheet = Sheet::of(&rates(serde_json::json!({"input": "2 USD", "output": "8 USD"})), false);
        let (two, eight) = (2_000_000_000, 8_000_000_000);
        assert_eq!((sheet.cached_input, sheet.cache_write, sheet.audio_input, sheet.image_input), (two, two, two, two));
        assert_eq!((sheet.reasoning, sheet.audio_output), (eight, eight));
    }

    #[test]
    fn batches_are_discounted_and_long_prompts_cost_more() {
        let all = rates(serde_json::json!({
            "input": "2 USD", "output": "8 USD", "batch_discount": 50, "cached_input": "1 USD",
            "long_prompt": {"above": "200k", "input": "4 USD", "output": "12 USD"},
        }));
        let usage = |input| Usage { input: Some(input), output: Some(1_000), ..Usage::default() };
        let cost = |input, batch| {
            let steps = Steps::of(&all, batch);
            steps.at(input).cost(&usage(input))
        };
        assert_eq!(cost(200_000, false), 400_000_000 + 8_000_000);
        assert_eq!(cost(200_000, true), 200_000_000 + 4_000_000);
        assert_eq!(cost(200_001, false), 800_004_000 + 12_000_000);
        let long = Steps::of(&all, false);
        assert_eq!(long.at(300_000).cached_input, 1_000_000_000);
        assert_eq!(long.at(300_000).reasoning, HumanRate(12_000_000_000).0);
    }

    #[test]
    fn the_worst_case_is_never_below_the_cost() {
        let sheet = Sheet { input: 3, cache_write: 5, audio_input: 50, output: 7, reasoning: 9, ..Sheet::default() };
        assert_eq!((sheet.worst_input(false), sheet.worst_input(true)), (5, 50));
        assert_eq!((sheet.worst_output(false), sheet.worst_request()), (9, 0));
        assert_eq!(Sheet { discount: 50, ..sheet }.worst_input(false), 3);
    }
}
