//! What an exchange consumed: what the provider reported, completed by what was counted here where it reported
//! nothing or did not get to its end.

use tollgate_providers::{Certainty, Surface, Usage};

/// What is known at the end of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// What the provider reported.
    pub reported: Usage,
    /// Whether the answer came to its own end.
    pub is_whole: bool,
    /// Tokens of the prompt as counted or estimated here.
    pub prompt: u64,
    /// Generated tokens of what passed, as counted here.
    pub generated: u64,
}

/// Whether calls of `surface` make a model read or write tokens as they are answered. Stored answers were charged
/// when they were made; batches are charged by the provider when they run.
#[must_use]
pub const fn consumes(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::ChatCompletions
            | Surface::Completions
            | Surface::Responses
            | Surface::Embeddings
            | Surface::Messages
            | Surface::GenerateContent
            | Surface::StreamGenerateContent
            | Surface::EmbedContent
            | Surface::Rerank
            | Surface::Realtime
    )
}

/// Whether an answer of `surface` is made of generated tokens.
#[must_use]
pub const fn generates(surface: Surface) -> bool {
    consumes(surface) && !matches!(surface, Surface::Embeddings | Surface::EmbedContent | Surface::Rerank)
}

/// The buckets to charge and how sure they are. A whole answer's report is the truth; what it leaves out is counted.
/// Of an answer that broke off nothing is less than what was seen of it.
#[must_use]
pub fn consumed(surface: Surface, seen: &Seen) -> (Usage, Certainty) {
    let mut usage = seen.reported;
    let input_missing = !tells_input(&usage);
    if input_missing {
        usage.input = Some(seen.prompt);
    }
    if !generates(surface) {
        let certainty = if input_missing { Certainty::Estimated } else { Certainty::Exact };
        return (usage, if seen.is_whole { certainty } else { Certainty::LowerBound });
    }
    let output_missing = !tells_output(&usage);
    if output_missing || !seen.is_whole {
        let beyond = seen.generated.saturating_sub(usage.output_total());
        usage.output = Some(usage.output.unwrap_or(0).saturating_add(beyond));
    }
    let certainty = match (seen.is_whole, input_missing || output_missing) {
        (false, _) => Certainty::LowerBound,
        (true, true) => Certainty::Estimated,
        (true, false) => Certainty::Exact,
    };
    (usage, certainty)
}

/// Whether anything was said of the prompt.
#[must_use]
pub fn tells_input(usage: &Usage) -> bool {
    [usage.input, usage.cached_input, usage.cache_write, usage.audio_input, usage.image_input]
        .iter()
        .any(Option::is_some)
}

/// Whether anything was said of what was generated.
#[must_use]
pub fn tells_output(usage: &Usage) -> bool {
    [usage.output, usage.reasoning, usage.audio_output].iter().any(Option::is_some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_completed_and_never_lowered() {
        let told = |input: Option<u64>, output: Option<u64>| Usage { input, output, ..Usage::default() };
        let chat = Surface::ChatCompletions;
        // surface, reported, whole, counted output -> input, output, certainty; the prompt counts 10
        let table = [
            (chat, told(Some(7), Some(5)), true, 9, (7, 5), Certainty::Exact),
            (chat, told(Some(7), Some(0)), true, 9, (7, 0), Certainty::Exact),
            (chat, told(Some(0), Some(5)), true, 9, (0, 5), Certainty::Exact),
            (chat, told(None, None), true, 9, (10, 9), Certainty::Estimated),
            (chat, told(Some(7), None), true, 9, (7, 9), Certainty::Estimated),
            (chat, told(None, Some(5)), true, 9, (10, 5), Certainty::Estimated),
            (chat, told(Some(7), Some(5)), false, 9, (7, 9), Certainty::LowerBound),
            (chat, told(Some(7), Some(50)), false, 9, (7, 50), Certainty::LowerBound),
            (chat, told(None, None), false, 0, (10, 0), Certainty::LowerBound),
            (Surface::Embeddings, told(Some(7), None), true, 0, (7, 0), Certainty::Exact),
            (Surface::Embeddings, told(None, None), true, 0, (10, 0), Certainty::Estimated),
        ];
        for (surface, reported, is_whole, generated, (input, output), certainty) in table {
            let seen = Seen { reported, is_whole, prompt: 10, generated };
            let (usage, sure) = consumed(surface, &seen);
            assert_eq!((usage.input_total(), usage.output_total(), sure), (input, output, certainty), "{seen:?}");
        }
    }

    #[test]
    fn reasoning_that_was_reported_is_not_counted_twice() {
        let reported = Usage { input: Some(1), output: Some(3), reasoning: Some(6), ..Usage::default() };
        let seen = Seen { reported, is_whole: false, prompt: 1, generated: 8 };
        let (usage, _) = consumed(Surface::Responses, &seen);
        assert_eq!((usage.output, usage.reasoning, usage.output_total()), (Some(3), Some(6), 9));
    }
}
