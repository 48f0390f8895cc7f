//! What settled requests teach: bytes of a prompt to a token, how our count compares to a model's own, and how long
//! answers are. All answers are estimates; none needs a clock.
//!
//! What a backend reports is believed only so far: a figure moves an average by a few percent, within bounds that no
//! tokenizer leaves, so that a lying backend shifts estimates by a small factor at most. Deliberately not here: exact
//! counts (`request`), and the file that keeps it over a restart (`app`; its text: [`lessons`]).

mod lessons;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use tollgate_providers::{OutputCount, prompt::Inline};

use super::quantile::Quantile;

/// Bytes of a body to a token of its prompt, before anything is learned.
const USUAL_BYTES: f64 = 4.0;
/// Bounds of that figure: code in short words is near 2, escaped scripts and JSON around short prompts reach 8.
const BYTES: (f64, f64) = (2.0, 8.0);
/// Bounds of what a model's own count is to ours: the known tokenizers lie between 0.8 and 1.4.
const FACTOR: (f64, f64) = (0.5, 2.0);
/// How far one settled request moves an average, and how far off it may lie itself.
const WEIGHT: f64 = 0.05;
const FARTHEST: f64 = 2.0;
/// Prompts with fewer tokens are mostly the JSON around them.
const LEAST_TOKENS: u64 = 64;
/// Tokens of a picture or sound whose size was not looked at: a large picture of most models.
const USUAL_MEDIA: u64 = 1_600;
/// Models and pairs of subscription and model that are remembered; then the ones not used for longest go.
const MOST_MODELS: usize = 1_024;
const MOST_PAIRS: usize = 8_192;

/// What has been learned. Shared by all exchanges.
#[derive(Debug, Default)]
pub struct Learned {
    models: RwLock<HashMap<Arc<str>, Rates>>,
    outputs: Mutex<Outputs>,
}

/// Averages of one model.
#[derive(Clone, Copy, Debug)]
struct Rates {
    bytes_per_token: f64,
    factor: f64,
    error: f64,
    samples: u64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { bytes_per_token: USUAL_BYTES, factor: 1.0, error: 0.0, samples: 0 }
    }
}

/// How far the estimates of one model's prompts have been off lately.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelError {
    /// Which model.
    pub model: Arc<str>,
    /// Mean of |estimate - reported| / reported.
    pub error: f64,
    /// Bytes of a body to a token, as used now.
    pub bytes_per_token: f64,
    /// How many requests taught it.
    pub samples: u64,
}

/// Lengths of answers by subscription and model.
#[derive(Debug, Default)]
struct Outputs {
    /// By a hash of both names: two pairs that share one share their lengths, which harms nobody.
    pairs: HashMap<u64, (Quantile, u64)>,
    uses: u64,
}

impl Learned {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tokens of a prompt, by the length of its body. `inline` are the pictures, sounds and files inside it, whose
    /// text says nothing of their tokens ([`tollgate_providers::prompt::inline`]).
    #[must_use]
    pub fn estimate_input(&self, model: &str, body_bytes: u64, inline: Inline) -> u64 {
        let text = body_bytes.saturating_sub(inline.bytes);
        let media = inline.parts.saturating_mul(USUAL_MEDIA);
        per_token(text, self.rates(model).bytes_per_token).saturating_add(media)
    }

    /// What our count of a model's text is in its own tokens, rounded up. Counts with its own tokenizer stay.
    #[must_use]
    pub fn scaled(&self, model: &str, count: OutputCount) -> u64 {
        if super::Tokenizer::of(model).is_own {
            return count.tokens;
        }
        per_token(count.tokens, 1.0 / self.rates(model).factor)
    }

    /// What nine of ten answers of this subscription and model did not exceed, in tokens. `None` until enough were
    /// seen.
    #[must_use]
    pub fn likely_output(&self, subscription: &str, model: &str) -> Option<u64> {
        let outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.pairs.get(&pair(subscription, model))?.0.p90()
    }

    /// Takes what a provider reported of a whole prompt, and tells how far off the model's estimates are by now
    /// ([`ModelError::error`]). Prompts with inline parts and very short ones teach nothing: `None`.
    pub fn learn_input(&self, model: &Arc<str>, body_bytes: u64, inline: Inline, reported: u64) -> Option<f64> {
        if inline.parts > 0 || reported < LEAST_TOKENS {
            return None;
        }
        let estimate = self.estimate_input(model, body_bytes, inline);
        let error = self.teach(model, |rates| {
            rates.error = moved(rates.error, (ratio(estimate, reported) - 1.0).abs().min(FARTHEST), (0.0, FARTHEST));
            rates.bytes_per_token = moved(rates.bytes_per_token, ratio(body_bytes, reported), BYTES);
            rates.samples += 1;
            rates.error
        });
        Some(error)
    }

    /// Takes what a provider reported of a whole answer whose delivered text was counted here. `model` as its backend
    /// knows it, as for [`Learned::scaled`]; one that is counted with its own tokenizer is taught nothing.
    pub fn learn_count(&self, model: &Arc<str>, counted: u64, reported: u64) {
        if counted < LEAST_TOKENS || super::Tokenizer::of(model).is_own {
            return;
        }
        self.teach(model, |rates| rates.factor = moved(rates.factor, ratio(reported, counted), FACTOR));
    }

    /// Takes the length of a whole answer.
    pub fn learn_output(&self, subscription: &str, model: &str, tokens: u64) {
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.uses += 1;
        let uses = outputs.uses;
        let (quantile, last_use) = outputs.pairs.entry(pair(subscription, model)).or_default();
        quantile.add(tokens);
        *last_use = uses;
        outputs.forget_oldest();
    }

    /// How far off the estimates are, by model: a metric.
    #[must_use]
    pub fn errors(&self) -> Vec<ModelError> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let told = models.iter().filter(|(_, rates)| rates.samples > 0);
        told.map(|(model, rates)| ModelError {
            model: model.clone(),
            error: rates.error,
            bytes_per_token: rates.bytes_per_token,
            samples: rates.samples,
        })
        .collect()
    }

    fn rates(&self, model: &str) -> Rates {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        models.get(model).copied().unwrap_or_default()
    }

    fn teach<T>(&self, model: &Arc<str>, lesson: impl FnOnce(&mut Rates) -> T) -> T {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        if models.len() >= MOST_MODELS && !models.contains_key(model) {
            forget_least_taught(&mut models);
        }
        lesson(models.entry(model.clone()).or_default())
    }
}

impl Outputs {
    /// Drops the half that was used longest ago, once there are too many: seldom, so that it costs little.
    fn forget_oldest(&mut self) {
        if self.pairs.len() <= MOST_PAIRS {
            return;
        }
        let mut uses: Vec<u64> = self.pairs.values().map(|(_, last_use)| *last_use).collect();
        let (_, median, _) = uses.select_nth_unstable(MOST_PAIRS / 2);
        let median = *median;
        self.pairs.retain(|_, (_, last_use)| *last_use > median);
    }
}

/// Names of models are configured: there are too many only when configurations have changed often.
fn forget_least_taught(models: &mut HashMap<Arc<str>, Rates>) {
    let least = models.iter().min_by_key(|(_, rates)| rates.samples).map(|(model, _)| model.clone());
    if let Some(model) = least {
        models.remove(&model);
    }
}

/// An average moved towards what was seen, which counts as no further away than twofold.
fn moved(average: f64, seen: f64, (least, most): (f64, f64)) -> f64 {
    let believed = if average > 0.0 { seen.clamp(average / FARTHEST, average * FARTHEST) } else { seen };
    (average + (believed - average) * WEIGHT).clamp(least, most)
}

fn pair(subscription: &str, model: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (subscription, model).hash(&mut hasher);
    hasher.finish()
}

#[expect(clippy::cast_precision_loss, reason = "figures beyond 2^53 bytes or tokens are none")]
fn ratio(whole: u64, parts: u64) -> f64 {
    whole as f64 / parts.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "figures beyond 2^53 bytes or tokens are none")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive quotient; casts saturate")]
fn per_token(bytes: u64, bytes_per_token: f64) -> u64 {
    (bytes as f64 / bytes_per_token).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Inline = Inline { parts: 0, bytes: 0 };

    fn model(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    #[test]
    fn estimates_follow_what_is_reported() {
        let learned = Learned::new();
        assert_eq!(learned.estimate_input("m", 4000, TEXT), 1000);
        for _ in 0..200 {
            learned.learn_input(&model("m"), 4000, TEXT, 1300);
        }
        let estimate = learned.estimate_input("m", 4000, TEXT);
        assert!((1290..=1301).contains(&estimate), "{estimate}");
        assert_eq!(learned.estimate_input("other", 4000, TEXT), 1000, "models do not teach each other");
        let error = &learned.errors()[0];
        assert!(&*error.model == "m" && error.samples == 200 && error.error < 0.05, "{error:?}");
    }

    #[test]
    fn a_lying_backend_moves_estimates_by_a_small_factor_at_most() {
        for lie in [64, u64::MAX] {
            let learned = Learned::new();
            learned.learn_input(&model("m"), 1_000_000, TEXT, lie);
            let after_one = learned.estimate_input("m", 4000, TEXT);
            assert!((950..=1060).contains(&after_one), "{after_one}");
            for _ in 0..10_000 {
                learned.learn_input(&model("m"), 1_000_000, TEXT, lie);
            }
            let after_many = learned.estimate_input("m", 4000, TEXT);
            assert!((500..=2000).contains(&after_many), "{after_many}");
            assert!(learned.errors()[0].error <= 2.0);
        }
    }

    #[test]
    fn pictures_are_estimated_by_number_not_by_their_text() {
        let learned = Learned::new();
        let inline = Inline { parts: 2, bytes: 3_000_000 };
        assert_eq!(learned.estimate_input("m", 3_004_000, inline), 1000 + 3200);
        learned.learn_input(&model("m"), 3_004_000, inline, 900_000);
        assert!(learned.errors().is_empty());
    }

    #[test]
    fn counts_are_scaled_to_the_tokens_of_models_with_other_tokenizers() {
        let learned = Learned::new();
        for name in ["claude-opus-5", "gpt-4o"] {
            (0..300).for_each(|_| learned.learn_count(&model(name), 1000, 1300));
        }
        let count = OutputCount { tokens: 1000, is_exact: true };
        assert_eq!(learned.scaled("gpt-4o", count), 1000);
        let scaled = learned.scaled("claude-opus-5", count);
        assert!((1290..=1301).contains(&scaled), "{scaled}");
        (0..1000).for_each(|_| learned.learn_count(&model("claude-opus-5"), 1000, u64::MAX));
        assert!(learned.scaled("claude-opus-5", count) <= 2000);
    }

    #[test]
    fn lengths_of_answers_are_kept_by_subscription_and_model() {
        let learned = Learned::new();
        (0..20).for_each(|_| learned.learn_output("a", "m", 100));
        (0..20).for_each(|_| learned.learn_output("b", "m", 1000));
        assert_eq!(learned.likely_output("a", "m"), Some(111));
        assert_eq!(learned.likely_output("b", "m"), Some(1023));
        assert_eq!(learned.likely_output("a", "n"), None);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_are_forgotten() {
        let learned = Learned::new();
        (0..20).for_each(|_| learned.learn_output("old", "m", 100));
        for n in 0..MOST_PAIRS * 2 {
            learned.learn_output(&n.to_string(), "m", 1);
        }
        assert!(learned.outputs.lock().expect("unpoisoned").pairs.len() <= MOST_PAIRS);
        assert_eq!(learned.likely_output("old", "m"), None);
        for n in 0..MOST_MODELS * 2 {
            learned.learn_input(&model(&n.to_string()), 4000, TEXT, 1000);
        }
        assert!(learned.errors().len() <= MOST_MODELS);
    }
}
