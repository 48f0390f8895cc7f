//! What a backend's report may claim: bounded by what was sent, by what came back and by what its model can do.
//!
//! A report within the bounds is believed, however odd. One beyond them is a lie or a defect, and would ruin a quota
//! for a month: its side of the usage is counted here instead. The bounds are wide, since a true report must never be
//! taken for a false one: hidden reasoning, tool prompts of the vendor and predictions that were thrown away count.

use tollgate_providers::{Delivered, Usage, models, prompt::Inline};

use crate::limits::Output;

/// No model reads more at once: the largest context that is offered is 10 million tokens (Llama 4 Scout, 2025).
const LARGEST_PROMPT: u64 = 16 << 20;
/// What a vendor may put beside a prompt: instructions for tools, templates of the conversation (Anthropic's tool use
/// adds up to some hundred tokens a tool type; this allows for ten times that).
const VENDORS_OWN: u64 = 8_192;
/// No model generates more in one answer: the longest that is offered is 272,000 tokens (gpt-5-pro).
const LARGEST_ANSWER: u64 = 1 << 19;

/// Bounds of one request's usage, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Possible {
    /// Of the prompt, all buckets.
    input: u64,
    /// Of what was generated, all buckets and answers, beside the words that were delivered.
    unseen: u64,
}

impl Possible {
    /// For a body of so many bytes to this model.
    pub fn of(model: &str, body_bytes: u64, inline: Inline, reads_more: bool, output: &Output) -> Self {
        let is_told = !reads_more && inline.parts == 0;
        let input = if is_told { body_bytes.saturating_add(VENDORS_OWN) } else { LARGEST_PROMPT.max(body_bytes) };
        let each = longest_answer(model, output).saturating_mul(output.choices.max(1));
        Self { input, unseen: each.saturating_add(body_bytes).saturating_add(VENDORS_OWN) }
    }

    /// Whether so many generated tokens can be, where so much was delivered.
    pub fn allows_output(&self, tokens: u64, delivered: &Delivered, body_bytes: u64) -> bool {
        let media = if delivered.has_media { LARGEST_ANSWER } else { 0 };
        let seen = delivered.text_bytes.max(body_bytes).saturating_add(media);
        tokens <= self.unseen.saturating_add(seen)
    }

    /// A report without the sides of it that cannot be; whether there were any. `body_bytes` are those of an
    /// unstreamed answer. That nothing at all was used cannot be where words were delivered.
    pub fn believable(&self, reported: Usage, delivered: &Delivered, body_bytes: u64) -> (Usage, bool) {
        if reported != Usage::default() && reported.total() == 0 && delivered.text_bytes > 0 {
            return (Usage::default(), true);
        }
        let mut usage = reported;
        if reported.input_total() > self.input {
            usage = Usage {
                input: None,
                cached_input: None,
                cache_write: None,
                audio_input: None,
                image_input: None,
                ..usage
            };
        }
        if !self.allows_output(reported.output_total(), delivered, body_bytes) {
            usage = Usage { output: None, reasoning: None, audio_output: None, ..usage };
        }
        (usage, usage != reported)
    }
}

/// Who may think may have thought up to its maximum, whatever it was told; for others the caller's cap holds.
fn longest_answer(model: &str, output: &Output) -> u64 {
    let known = models::known(model);
    let most = known.map_or(Some(LARGEST_ANSWER), |known| known.max_output).unwrap_or(LARGEST_ANSWER);
    let thinks = known.is_none_or(|known| known.reasons);
    match output.caller_cap {
        Some(cap) if !thinks => cap,
        cap => most.max(cap.unwrap_or(0)).max(output.model_max.unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn possible(model: &str, cap: Option<u64>, reads_more: bool) -> Possible {
        let output = Output { caller_cap: cap, ..Output::default() };
        Possible::of(model, 1_000, Inline::default(), reads_more, &output)
    }

    #[test]
    fn reports_are_believed_up_to_what_can_be() {
        let trillion = 1_000_000_000_000;
        let words = Delivered { text_bytes: 400, ..Delivered::default() };
        // model, cap, reads more, reported -> believed
        let table = [
            ("gpt-4o", None, false, (9_192, 16_384), (Some(9_192), Some(16_384))),
            ("gpt-4o", None, false, (9_193, 5), (None, Some(5))),
            ("gpt-4o", None, true, (1_000_000, 5), (Some(1_000_000), Some(5))),
            ("gpt-4o", None, true, (trillion, trillion), (None, None)),
            ("gpt-4o", Some(10), false, (20, 9_602), (Some(20), Some(9_602))),
            ("gpt-4o", Some(10), false, (20, 9_603), (Some(20), None)),
            ("o3", Some(10), false, (20, 100_000), (Some(20), Some(100_000))),
            ("somebody-elses", Some(10), false, (20, 500_000), (Some(20), Some(500_000))),
            ("somebody-elses", Some(10), false, (20, trillion), (Some(20), None)),
            ("somebody-elses", Some(trillion), false, (20, trillion), (Some(20), Some(trillion))),
        ];
        for (model, cap, reads_more, (input, output), expected) in table {
            let reported = Usage { input: Some(input), output: Some(output), ..Usage::default() };
            let (usage, is_lie) = possible(model, cap, reads_more).believable(reported, &words, 0);
            assert_eq!((usage.input, usage.output), expected, "{model} {cap:?} {input} {output}");
            assert_eq!(is_lie, usage != reported);
        }
    }

    #[test]
    fn words_cost_something() {
        let zero = Usage { input: Some(0), output: Some(0), ..Usage::default() };
        let words = Delivered { text_bytes: 5, ..Delivered::default() };
        let silent = Delivered::default();
        let read = Usage { input: Some(7), ..zero };
        let table = [
            (zero, words, (Usage::default(), true)),
            (zero, silent, (zero, false)),
            (read, words, (read, false)),
            (Usage::default(), words, (Usage::default(), false)),
        ];
        for (reported, delivered, expected) in table {
            assert_eq!(possible("gpt-4o", None, false).believable(reported, &delivered, 0), expected, "{reported:?}");
        }
    }

    #[test]
    fn every_bucket_of_a_side_is_bounded_together() {
        let reported = Usage { cached_input: Some(u64::MAX), input: Some(1), reasoning: Some(9), ..Usage::default() };
        let (usage, is_lie) = possible("gpt-4o", None, false).believable(reported, &Delivered::default(), 0);
        assert_eq!((usage, is_lie), (Usage { reasoning: Some(9), ..Usage::default() }, true));
    }
}
