//! What was learned as a text that the next process begins with.
//!
//! What is read is held to the bounds of what is learned, so that a damaged text shifts estimates no further than a lying
//! backend could. Where the text is kept is `app`'s. Lengths of answers are kept by a hash of their names: a text of a
//! release that hashes otherwise only means that they are learned anew.

use serde::{Deserialize, Serialize};

use super::{
    Arc, BYTES, FACTOR, FARTHEST, Learned, MOST_MODELS, MOST_PAIRS, Mutex, Outputs, PoisonError, Quantile, Rates,
    RwLock,
};

/// More requests than any model was asked; counting goes on from there.
const MOST_SAMPLES: u64 = 1 << 53;

/// The form of the text.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Lessons {
    version: u32,
    models: Vec<Model>,
    /// By pair of subscription and model, the one used last at the end: how many answers fell into which bucket.
    outputs: Vec<(u64, Vec<(u8, u16)>)>,
}

#[derive(Serialize, Deserialize)]
struct Model {
    name: String,
    bytes_per_token: f64,
    factor: f64,
    error: f64,
    samples: u64,
}

impl Learned {
    /// Everything that was learned: the same text as long as nothing is added.
    #[must_use]
    pub fn lessons(&self) -> String {
        let lessons = Lessons { version: VERSION, models: self.model_lessons(), outputs: self.output_lessons() };
        serde_json::to_string(&lessons).expect("numbers and names can be written as JSON")
    }

    /// Begins with what [`Learned::lessons`] wrote.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn with_lessons(text: &str) -> Result<Self, String> {
        let lessons: Lessons = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if lessons.version != VERSION {
            return Err(format!("its version is {}, not {VERSION}", lessons.version));
        }
        let models = lessons.models.into_iter().take(MOST_MODELS).map(Model::rates).collect();
        let newest = lessons.outputs.len().saturating_sub(MOST_PAIRS);
        let outputs = Outputs::remembered(&lessons.outputs[newest..]);
        Ok(Self { models: RwLock::new(models), outputs: Mutex::new(outputs) })
    }

    fn model_lessons(&self) -> Vec<Model> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = models.iter().map(|(name, rates)| Model::of(name, rates)).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn output_lessons(&self) -> Vec<(u64, Vec<(u8, u16)>)> {
        let outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = outputs.pairs.iter().collect();
        all.sort_unstable_by_key(|(_, (_, last_use))| *last_use);
        all.into_iter().map(|(pair, (quantile, _))| (*pair, quantile.counts())).collect()
    }
}

impl Model {
    fn of(name: &str, rates: &Rates) -> Self {
        let Rates { bytes_per_token, factor, error, samples } = *rates;
        Self { name: name.to_owned(), bytes_per_token, factor, error, samples }
    }

    fn rates(self) -> (Arc<str>, Rates) {
        let rates = Rates {
            bytes_per_token: self.bytes_per_token.clamp(BYTES.0, BYTES.1),
            factor: self.factor.clamp(FACTOR.0, FACTOR.1),
            error: self.error.clamp(0.0, FARTHEST),
            samples: self.samples.min(MOST_SAMPLES),
        };
        (self.name.into(), rates)
    }
}

impl Outputs {
    fn remembered(all: &[(u64, Vec<(u8, u16)>)]) -> Self {
        let mut outputs = Self::default();
        for (pair, counts) in all {
            outputs.uses += 1;
            outputs.pairs.insert(*pair, (Quantile::of_counts(counts), outputs.uses));
        }
        outputs
    }
}

#[cfg(test)]
mod tests {
    use tollgate_providers::prompt::Inline;

    use super::*;

    fn taught() -> Learned {
        let learned = Learned::new();
        for _ in 0..300 {
            learned.learn_input(&Arc::from("m"), 4_000, Inline::default(), 1_300);
            learned.learn_count(&Arc::from("claude-opus-5"), 1_000, 1_300);
            learned.learn_output("team-a", "m", 100);
        }
        learned
    }

    #[test]
    fn the_next_process_knows_what_the_last_one_learned() {
        let learned = taught();
        let text = learned.lessons();
        let next = Learned::with_lessons(&text).expect("its own text");
        assert_eq!(next.lessons(), text);
        let inline = Inline::default();
        assert_eq!(next.estimate_input("m", 4_000, inline), learned.estimate_input("m", 4_000, inline));
        assert_eq!(next.likely_output("team-a", "m"), learned.likely_output("team-a", "m"));
        assert_eq!(next.errors(), learned.errors());
        assert!(!text.contains("team-a"), "who asked is not in it: {text}");
    }

    #[test]
    fn what_is_kept_of_answers_still_forgets_the_oldest_first() {
        let learned = taught();
        (0..20).for_each(|_| learned.learn_output("team-b", "m", 1_000));
        let next = Learned::with_lessons(&learned.lessons()).expect("its own text");
        for nth in 0..MOST_PAIRS / 2 {
            next.learn_output(&nth.to_string(), "m", 1);
        }
        assert!(next.likely_output("team-b", "m").is_some());
        (0..MOST_PAIRS).for_each(|nth| next.learn_output(&nth.to_string(), "n", 1));
        assert_eq!(next.likely_output("team-a", "m"), None);
    }

    #[test]
    fn damaged_lessons_are_refused_or_held_to_the_bounds() {
        for bad in
            ["", "{", "[]", r#"{"version":2,"models":[],"outputs":[]}"#, r#"{"version":1,"models":[{}],"outputs":[]}"#]
        {
            assert!(Learned::with_lessons(bad).is_err(), "{bad}");
        }
        let wild = r#"{"version":1,
            "models":[{"name":"m","bytes_per_token":1e300,"factor":-1.0,"error":9e9,"samples":18446744073709551615}],
            "outputs":[[7,[[255,9],[3,65535],[3,65535]]]]}"#;
        let learned = Learned::with_lessons(wild).expect("of the right form");
        assert_eq!(learned.estimate_input("m", 8_000, Inline::default()), 1_000, "8 bytes to a token at most");
        learned.learn_input(&Arc::from("m"), 4_000, Inline::default(), 1_300);
        learned.learn_output("team-a", "m", 5);
    }
}
