//! What is known of models by their names: the most they generate in one answer, and whether they think first.
//!
//! Figures belong to the vendors' own pages of models (platform.openai.com/docs/models, platform.claude.com/docs
//! under "Models overview", ai.google.dev/gemini-api/docs/models, api-docs.deepseek.com). gpt-6 and Claude 4.6 and
//! later were looked up in November 2026; older rows were not checked again. Where versions of a family differ the largest stands here: the figure bounds, it does not predict. Deliberately not
//! here: prices (another crate's table), context windows, and any guess about a name that no line matches.

/// Who made a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// OpenAI.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Google.
    Google,
    /// Anyone else.
    Other,
}

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// How its names begin, without a vendor's or region's prefix.
    pub prefix: &'static str,
    /// Who made it.
    pub vendor: Vendor,
    /// Most tokens of one answer, reasoning included; `None`: the vendor states no bound of its own.
    pub max_output: Option<u64>,
    /// Whether it may think before it answers, which is generated and charged but not shown.
    pub reasons: bool,
}

impl Known {
    /// Whether it is OpenAI's, and so counted with OpenAI's public tokenizers and named by its rules.
    #[must_use]
    pub fn is_openai(&self) -> bool {
        self.vendor == Vendor::OpenAi
    }
}

const fn line(vendor: Vendor, prefix: &'static str, max_output: u64, reasons: bool) -> Known {
    Known { prefix, vendor, max_output: Some(max_output), reasons }
}

const fn unbounded(vendor: Vendor, prefix: &'static str, reasons: bool) -> Known {
    Known { prefix, vendor, max_output: None, reasons }
}

use Vendor::{Anthropic, Google, OpenAi, Other};

/// The table. The longest matching prefix counts.
pub const KNOWN: &[Known] = &[
    line(OpenAi, "gpt-3.5-turbo", 4_096, false),
    line(OpenAi, "gpt-4", 8_192, false),
    line(OpenAi, "gpt-4-32k", 32_768, false),
    line(OpenAi, "gpt-4-turbo", 4_096, false),
    line(OpenAi, "gpt-4o", 16_384, false),
    line(OpenAi, "gpt-4o:extended", 64_000, false),
    line(OpenAi, "chatgpt-4o", 16_384, false),
    line(OpenAi, "gpt-4.1", 32_768, false),
    line(OpenAi, "gpt-4.5", 16_384, false),
    line(OpenAi, "gpt-5", 128_000, true),
    line(OpenAi, "gpt-5-chat", 16_384, false),
    line(OpenAi, "gpt-5-pro", 272_000, true),
    line(OpenAi, "gpt-6", 128_000, true),
    line(OpenAi, "gpt-oss", 131_072, true),
    line(OpenAi, "gpt-audio", 16_384, false),
    line(OpenAi, "o1", 100_000, true),
    line(OpenAi, "o1-mini", 65_536, true),
    line(OpenAi, "o1-preview", 32_768, true),
    line(OpenAi, "o3", 100_000, true),
    line(OpenAi, "o4-mini", 100_000, true),
    line(OpenAi, "codex-mini", 100_000, true),
    line(OpenAi, "davinci-002", 16_384, false),
    line(OpenAi, "babbage-002", 16_384, false),
    line(Anthropic, "claude-2", 4_096, false),
    line(Anthropic, "claude-3", 4_096, false),
    line(Anthropic, "claude-3-5", 8_192, false),
    // With the beta header output-128k; 64,000 without.
    line(Anthropic, "claude-3-7", 128_000, true),
    line(Anthropic, "claude-opus-4", 32_000, true),
    line(Anthropic, "claude-sonnet-4", 64_000, true),
    line(Anthropic, "claude-opus-4-5", 64_000, true),
    line(Anthropic, "claude-haiku-4-5", 64_000, true),
    line(Anthropic, "claude-sonnet-4-6", 128_000, true),
    line(Anthropic, "claude-opus-4-6", 128_000, true),
    line(Anthropic, "claude-opus-4-7", 128_000, true),
    line(Anthropic, "claude-opus-4-8", 128_000, true),
    line(Anthropic, "claude-fable-5", 128_000, true),
    line(Anthropic, "claude-opus-5", 128_000, true),
    line(Anthropic, "claude-sonnet-5", 128_000, true),
    line(Anthropic, "claude-haiku-5", 128_000, true),
    unbounded(Anthropic, "claude", true),
    line(Google, "gemini-1.5", 8_192, false),
    line(Google, "gemini-2.0", 8_192, false),
    line(Google, "gemini-2.0-flash-thinking", 65_536, true),
    line(Google, "gemini-2.5", 65_536, true),
    line(Google, "gemini-3", 65_536, true),
    unbounded(Google, "gemini", true),
    line(Other, "deepseek-chat", 8_192, false),
    line(Other, "deepseek-reasoner", 65_536, true),
    unbounded(Other, "deepseek-r1", true),
    unbounded(Other, "deepseek-v4", true),
    unbounded(Other, "grok-3-mini", true),
    unbounded(Other, "grok-4", true),
    unbounded(Other, "magistral", true),
    unbounded(Other, "qwq", true),
];

/// What is known of a model, by the name that its backend knows it by: `openai/gpt-4o-2024-08-06`,
/// `models/gemini-2.5-pro` and `eu.anthropic.claude-sonnet-4-5-20250929-v1:0` are found too. `None`: nothing.
#[must_use]
pub fn known(model: &str) -> Option<&'static Known> {
    let name = bare(model);
    let matches = |known: &&Known| begins_with(name, known.prefix);
    KNOWN.iter().filter(matches).max_by_key(|known| known.prefix.len())
}

/// The name without a path, a region, a vendor or a fine-tuning prefix in front.
#[must_use]
pub fn bare(model: &str) -> &str {
    let name = model.rsplit_once('/').map_or(model, |(_, name)| name);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    // Every call of a model comes by here, and few names have a dot.
    if !name.as_bytes().contains(&b'.') {
        return name;
    }
    let vendors = ["anthropic.", "openai.", "deepseek."];
    vendors.iter().find_map(|vendor| name.split_once(vendor)).map_or(name, |(_, name)| name)
}

/// Whether `name` is `prefix` or a version of it: `gpt-4-0613` is a `gpt-4`, `gpt-4o` and `o10` are not.
#[must_use]
pub fn begins_with(name: &str, prefix: &str) -> bool {
    let head = name.as_bytes().get(..prefix.len());
    let same = head.is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()));
    same && !name.as_bytes().get(prefix.len()).is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_however_they_are_dressed() {
        let cases = [
            ("gpt-4o", Some((Some(16_384), false))),
            ("gpt-4o-mini-2024-07-18", Some((Some(16_384), false))),
            ("gpt-4-0613", Some((Some(8_192), false))),
            ("gpt-4.1-nano", Some((Some(32_768), false))),
            ("GPT-5-mini", Some((Some(128_000), true))),
            ("gpt-5.4-pro", Some((Some(128_000), true))),
            ("gpt-6.1-sol", Some((Some(128_000), true))),
            ("ft:gpt-4o-mini:acme::x", Some((Some(16_384), false))),
            ("openai/o3-mini", Some((Some(100_000), true))),
            ("models/gemini-2.5-flash", Some((Some(65_536), true))),
            ("gemini-3.8-flash", Some((Some(65_536), true))),
            ("claude-3-5-sonnet-20241022", Some((Some(8_192), false))),
            ("claude-3-opus-20240229", Some((Some(4_096), false))),
            ("claude-opus-4-20250514", Some((Some(32_000), true))),
            ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", Some((Some(64_000), true))),
            ("claude-opus-5-5", Some((Some(128_000), true))),
            ("claude-next", Some((None, true))),
            ("gpt-45", None),
            ("o10", None),
            ("our-own", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(known(name).map(|known| (known.max_output, known.reasons)), expected, "{name}");
        }
    }

    #[test]
    fn no_prefix_stands_twice() {
        for (at, one) in KNOWN.iter().enumerate() {
            assert!(KNOWN[at + 1..].iter().all(|other| other.prefix != one.prefix), "{}", one.prefix);
        }
    }
}
