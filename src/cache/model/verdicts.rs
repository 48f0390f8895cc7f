//! What shadow verification has found: of a sample of prompts that would have been answered by meaning, how many
//! answers the model itself would have given otherwise. A partition with too many is switched off.
//!
//! Bounds are Wilson's score interval at 95 % (E. B. Wilson, 1927), which holds for few samples and for none wrong.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

use super::key::Key;
use crate::cache::semantic::{Embedder as _, builtin, normalise};

/// Partitions that are remembered; of further ones only the sum counts.
const MOST: usize = 100_000;
/// The 97.5 % quantile of the normal distribution: 95 % lie between it and its negative.
const Z: f64 = 1.959_964;
/// Characters of an answer that are compared: its beginning, as much as the model inside the binary reads.
const COMPARED: usize = 300;

/// How many were verified, and how many of them were wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Verified.
    pub verified: u32,
    /// Of these, answered otherwise by the model.
    pub wrong: u32,
}

impl Tally {
    fn note(&mut self, is_wrong: bool) {
        self.verified = self.verified.saturating_add(1);
        self.wrong = self.wrong.saturating_add(u32::from(is_wrong));
    }

    /// The share of wrong ones lies between these with a confidence of 95 %.
    #[must_use]
    pub fn bounds(&self) -> (f64, f64) {
        if self.verified == 0 {
            return (0.0, 1.0);
        }
        let count = f64::from(self.verified);
        let share = f64::from(self.wrong) / count;
        let scale = 1.0 + Z * Z / count;
        let middle = share + Z * Z / (2.0 * count);
        let spread = Z * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt();
        (((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0))
    }
}

/// What was found, by partition and in all.
#[derive(Default)]
pub struct Verdicts(Mutex<Found>);

#[derive(Default)]
struct Found {
    partitions: HashMap<Key, Tally>,
    all: Tally,
}

impl Verdicts {
    /// Notes a verdict.
    pub fn note(&self, partition: Key, is_wrong: bool) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.all.note(is_wrong);
        if found.partitions.len() < MOST || found.partitions.contains_key(&partition) {
            found.partitions.entry(partition).or_default().note(is_wrong);
        }
    }

    /// Whether this partition is known, with 95 % confidence, to give more than this share of wrong answers.
    #[must_use]
    pub fn is_over(&self, partition: Key, budget: f64) -> bool {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.partitions.get(&partition).is_some_and(|tally| tally.bounds().0 > budget)
    }

    /// What was found in all partitions.
    #[must_use]
    pub fn all(&self) -> Tally {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// As metrics in Prometheus' text format.
    #[must_use]
    pub fn encode(&self) -> String {
        let tally = self.all();
        let (low, high) = tally.bounds();
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, value: f64| {
            writeln!(text, "# HELP tollgate_model_cache_{name} {help}\n# TYPE tollgate_model_cache_{name} {kind}\ntollgate_model_cache_{name} {value}")
                .expect("writing to memory does not fail");
        };
        let (verified, wrong) = (f64::from(tally.verified), f64::from(tally.wrong));
        family("verified_total", "counter", "Would-be semantic hits that the model was asked about as well.", verified);
        family("wrong_total", "counter", "Of these, hits that the model answered otherwise.", wrong);
        family("wrong_share_low", "gauge", "Lower 95 % bound of the share of wrong semantic hits.", low);
        family("wrong_share_high", "gauge", "Upper 95 % bound of the share of wrong semantic hits.", high);
        text
    }
}

/// Whether two answers say the same, as far as their beginnings tell: alike enough, neither with a number in place of the
/// other's, and both with or both without a denial in what they say first. In doubt they do not: the estimate errs on
/// the side of more wrong hits. `None`: they cannot be compared.
#[must_use]
pub fn agree(kept: &str, fresh: &str, least: f64) -> Option<bool> {
    if normalise(kept) == normalise(fresh) {
        return Some(true);
    }
    let beginning = |text: &str| text.chars().take(COMPARED).collect::<String>();
    let (kept, fresh) = (beginning(kept), beginning(fresh));
    let (ours, theirs) = (numbers(&kept), numbers(&fresh));
    // One may say more than the other; `30 days, by post in 5` and `60 days, by post in 5` contradict each other.
    let lacks = |some: &[&str], other: &[&str]| some.iter().any(|number| !other.contains(number));
    if lacks(&ours, &theirs) && lacks(&theirs, &ours) || denies(&kept) != denies(&fresh) {
        return Some(false);
    }
    let similarity = builtin().embed(&kept)?.similarity(&builtin().embed(&fresh)?);
    Some(f64::from(similarity) >= least)
}

/// The numbers, with what makes them one: `1.5`, `10:30`.
fn numbers(text: &str) -> Vec<&str> {
    let parts = text.split(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | ':'));
    let bare = parts.map(|part| part.trim_matches(|c: char| !c.is_ascii_digit()));
    bare.filter(|part| !part.is_empty()).collect()
}

/// Whether the first sentence denies something.
fn denies(text: &str) -> bool {
    const DENYING: [&str; 8] = ["no", "not", "never", "cannot", "none", "neither", "unable", "without"];
    let first = text.split(['.', '!', '?', '\n', ';']).next().unwrap_or_default().to_lowercase().replace('’', "'");
    let mut words = first.split(|c: char| !c.is_alphabetic() && c != '\'');
    words.any(|word| DENYING.contains(&word) || word.ends_with("n't"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::model::key::Writer;

    #[test]
    fn bounds_are_wilsons() {
        let close = |(low, high): (f64, f64), wanted: (f64, f64)| {
            assert!((low - wanted.0).abs() < 0.001 && (high - wanted.1).abs() < 0.001, "{low} {high}");
        };
        close(Tally { verified: 0, wrong: 0 }.bounds(), (0.0, 1.0));
        close(Tally { verified: 100, wrong: 0 }.bounds(), (0.0, 0.037));
        close(Tally { verified: 100, wrong: 5 }.bounds(), (0.0215, 0.1118));
    }

    #[test]
    fn a_partition_is_over_its_budget_when_that_is_sure() {
        let (verdicts, one, other) = (Verdicts::default(), Writer::new("a").finish(), Writer::new("b").finish());
        assert!(!verdicts.is_over(one, 0.01));
        (0..20).for_each(|_| verdicts.note(one, false));
        verdicts.note(one, true);
        assert!(!verdicts.is_over(one, 0.01), "one in 21 may be chance");
        (0..3).for_each(|_| verdicts.note(one, true));
        assert!(verdicts.is_over(one, 0.01) && !verdicts.is_over(other, 0.01));
        assert_eq!(verdicts.all(), Tally { verified: 24, wrong: 4 });
        assert!(verdicts.encode().contains("\ntollgate_model_cache_wrong_total 4\n"));
    }

    #[test]
    fn answers_agree_when_they_say_the_same() {
        let paris = "The capital of France is Paris.";
        assert_eq!(agree(paris, "the capital of france is paris", 0.75), Some(true));
        assert_eq!(agree("You have 30 days to return it.", "You have 60 days to return it.", 0.75), Some(false));
        assert_eq!(agree(paris, "Boil the eggs until they are hard.", 0.75), Some(false));
        assert_ne!(agree(paris, "🙂🙂", 0.75), Some(true));
        for (kept, fresh) in [
            ("You have 30 days; it takes 5 days.", "You have 60 days; it takes 5 days."),
            ("Yes, you can return sale items.", "No, you can't return sale items."),
            ("You can return sale items.", "You cannot return sale items."),
            ("The shop opens at 9:30.", "The shop opens at 9:15."),
            ("It costs 1.50.", "It costs 1.60."),
        ] {
            assert_eq!(agree(kept, fresh, 0.75), Some(false), "{kept} / {fresh}");
        }
        let longer = "You have 30 days to return it, and 14 days for sale items.";
        assert_eq!(agree("You have 30 days to return it.", longer, 0.75), Some(true), "one may say more");
    }
}
