//! Keeping answers of models: whether, for whom, how long, and how alike two prompts must be.
//!
//! What an answer is kept under is decided in `cache::model`; the cache of http APIs has settings of its own
//! (`apis[].cache`).

use std::{path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{BackendId, HumanDuration, HumanSize};

/// Keeps answers of models and gives them again to the same or an equivalent prompt.
///
/// Without it nothing is kept. With it, and without `semantic`, the same request gets the same answer; `semantic`
/// adds prompts that are worded otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Caching {
    /// Whether anything is looked up or kept. `false` here with `cache: { enabled: true }` on a product or model caches
    /// for these alone.
    pub enabled: bool,
    /// Answers to prompts that are worded otherwise. Left out: only to the same words, whatever their case, spaces and
    /// politeness.
    pub semantic: Option<Semantic>,
    /// How long an answer is kept.
    pub ttl: HumanDuration,
    /// How long an answer is kept whose prompt speaks of a time (`today`, `now`, `latest`). 0: such prompts are not
    /// cached.
    pub time_dependent_ttl: HumanDuration,
    /// Who shares answers. Anything wider than `subscription` lets one team read what another asked.
    pub scope: CacheScope,
    /// Whether the end users that a request names (`user`, `metadata.user_id`) have answers of their own. Switch it on
    /// for applications whose prompts speak of the person without saying so.
    pub per_end_user: bool,
    /// Request headers by whose values answers are told apart, beside those of the vendors.
    pub vary_by_headers: Vec<String>,
    /// Largest temperature that a request may state: above it the caller wants other words each time. A request that
    /// states none is cached.
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature_limit: f64,
    /// Largest request body that is cached.
    pub max_prompt: HumanSize,
    /// Largest answer that is kept.
    pub max_answer: HumanSize,
    /// Whether answers from the cache count on token limits and budgets as if a model had given them.
    pub charge_hits: bool,
    /// Memory for all answers; the least used go first. With `persistent` the database holds up to four times as much;
    /// there the oldest go first. Takes effect at the next start.
    pub max_size: HumanSize,
    /// Whether answers are also kept in the database (sealed with `secret.key`), so that they outlive a restart. Takes
    /// effect at the next start.
    pub persistent: bool,
}

impl Default for Caching {
    fn default() -> Self {
        Self {
            enabled: true,
            semantic: None,
            ttl: HumanDuration(Duration::from_hours(24)),
            time_dependent_ttl: HumanDuration(Duration::ZERO),
            scope: CacheScope::Subscription,
            per_end_user: false,
            vary_by_headers: Vec::new(),
            temperature_limit: 1.0,
            max_prompt: HumanSize(256 << 10),
            max_answer: HumanSize(1 << 20),
            charge_hits: false,
            max_size: HumanSize(128 << 20),
            persistent: true,
        }
    }
}

/// Answers to prompts that are worded otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Semantic {
    /// How alike two prompts must be. `strict` would rather ask the model than give a wrong answer, `balanced` and
    /// `loose` answer more; `threshold-only` compares by `threshold` alone, without looking at numbers, negations and
    /// names: as other gateways do, with their wrong answers.
    #[serde(default)]
    pub mode: SemanticMode,
    /// Where the meaning of prompts is computed.
    #[serde(default)]
    pub embeddings: Embeddings,
    /// Least similarity (cosine, 0 to 1) for `threshold-only`.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: Option<f64>,
    /// A model that is asked about prompts which are near but which the words alone do not show to be the same. Left out:
    /// such prompts go to the model they were meant for.
    #[serde(default)]
    pub judge: Option<Judge>,
    /// Asks the model as well about a sample of the prompts that would be answered by their meaning, and compares.
    /// Left out: no prompt is verified.
    #[serde(default)]
    pub verify: Option<Verify>,
}

/// A chat model that says whether two prompts ask the same, in `strict` and `balanced`. It is asked only where numbers, ids,
/// denials and quoted text agree; whatever it answers but a plain yes, or fails to answer in time, is a miss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// The backend, of a kind that has `/chat/completions`. Prompts are sent there; its tokens are charged to no caller.
    pub backend: BackendId,
    /// The chat model's name there.
    pub upstream_model: String,
    /// How long a look-up waits for it; then it is a miss.
    #[serde(default = "a_second")]
    pub timeout: HumanDuration,
    /// Least similarity (cosine, 0 to 1) of prompts that it is asked about. Lower asks more often.
    #[serde(default = "eight_tenths")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub least: f64,
}

fn a_second() -> HumanDuration {
    HumanDuration(Duration::from_secs(1))
}

fn eight_tenths() -> f64 {
    0.8
}

/// Shadow verification: what share of answers by meaning is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Verify {
    /// Share of would-be hits that are verified, 0 to 1: these callers get the model's answer, and wait for it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
    /// Largest share of wrong answers, 0 to 1: a partition that gives more, with 95 % confidence, answers by words only
    /// until the next start.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub budget: f64,
    /// Least similarity of two answers that say the same, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub agreement: f64,
}

impl Default for Verify {
    fn default() -> Self {
        Self { share: 0.05, budget: 0.01, agreement: 0.75 }
    }
}

/// How alike two prompts must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SemanticMode {
    /// The same words only.
    Off,
    /// At most three wrong answers in a thousand prompts made to deceive.
    #[default]
    Strict,
    /// At most one in a hundred.
    Balanced,
    /// More answers, more wrong ones.
    Loose,
    /// By `threshold` alone.
    ThresholdOnly,
}

/// Where the meaning of prompts is computed: `builtin`, a sentence encoder from disk, or an embeddings endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Embeddings {
    /// By name.
    Named(NamedEmbeddings),
    /// By an encoder from disk.
    Folder(EncoderFolder),
    /// By an endpoint.
    Backend(EmbeddingsBackend),
}

impl Default for Embeddings {
    fn default() -> Self {
        Self::Named(NamedEmbeddings::Builtin)
    }
}

/// What computes the meaning of prompts in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NamedEmbeddings {
    /// The model inside the binary: nothing to install, no request leaves.
    Builtin,
}

/// A sentence encoder from disk (BERT's architecture, word pieces, mean pooling), computed in this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EncoderFolder {
    /// The folder with `config.json`, `tokenizer.json` and `model.safetensors`; relative to the configuration. Another
    /// model begins with an empty index.
    pub model: PathBuf,
    /// How long a look-up waits for it; then it is a miss.
    #[serde(default = "half_a_second")]
    pub timeout: HumanDuration,
}

/// An embeddings endpoint that is asked for the meaning of every prompt that is not answered by its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingsBackend {
    /// The backend, of a kind that has `/embeddings`. Prompts are sent there.
    pub backend: BackendId,
    /// The embedding model's name there. Changing it begins with an empty index.
    pub upstream_model: String,
    /// How long a look-up waits for it; then it is a miss.
    #[serde(default = "half_a_second")]
    pub timeout: HumanDuration,
}

fn half_a_second() -> HumanDuration {
    HumanDuration(Duration::from_millis(500))
}

/// Who shares answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CacheScope {
    /// Nobody: each subscription has its own.
    #[default]
    Subscription,
    /// All subscriptions of a product.
    Product,
    /// All callers of an API.
    Api,
}

/// What a product or model does otherwise than `cache` says. A model's word counts before its product's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheRules {
    /// Whether its calls are cached.
    pub enabled: Option<bool>,
    /// How alike two prompts must be.
    pub mode: Option<SemanticMode>,
    /// How long an answer is kept.
    pub ttl: Option<HumanDuration>,
    /// Largest temperature that a request may state.
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature_limit: Option<f64>,
    /// Whether answers from the cache are charged.
    pub charge_hits: Option<bool>,
}

impl Caching {
    /// These settings as a product and a model change them.
    #[must_use]
    pub fn with(&self, rules: [Option<&CacheRules>; 2]) -> Self {
        let mut own = self.clone();
        for rules in rules.into_iter().flatten() {
            own.enabled = rules.enabled.unwrap_or(own.enabled);
            own.ttl = rules.ttl.unwrap_or(own.ttl);
            own.temperature_limit = rules.temperature_limit.unwrap_or(own.temperature_limit);
            own.charge_hits = rules.charge_hits.unwrap_or(own.charge_hits);
            if let Some(mode) = rules.mode {
                let semantic = own.semantic.take();
                let none =
                    || Semantic { mode, embeddings: Embeddings::default(), threshold: None, judge: None, verify: None };
                own.semantic = Some(Semantic { mode, ..semantic.unwrap_or_else(none) });
            }
        }
        own
    }
}
