//! The prompts of one partition and the exact search among them: int8 rows side by side, every one looked at.
//!
//! A partition holds few enough entries (10,000 take a fraction of a millisecond) that an approximate index would cost
//! more than it saves, and could miss. Deliberately not here: whether a neighbour may answer (`guard`).

use std::{collections::HashMap, sync::Arc};

use super::{embedding::Embedding, guard, mode::Mode};

/// How many neighbours are held against the prompt.
const NEIGHBOURS: usize = 16;
/// What an entry weighs beside its text and vector: row tables and the map.
const OVERHEAD: usize = 96;

/// An entry whose answer may serve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The entry.
    pub id: u64,
    /// How alike, 0 to 1.
    pub similarity: f32,
}

/// The prompts of one partition, at most `capacity`; the oldest leaves when another comes.
#[derive(Debug)]
pub struct Index {
    capacity: usize,
    dimensions: usize,
    values: Vec<i8>,
    entries: Vec<Entry>,
    places: HashMap<u64, usize>,
    turn: u64,
    weight: usize,
}

struct Entry {
    id: u64,
    turn: u64,
    inverse_norm: f32,
    text: Arc<str>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Entry({})", self.id)
    }
}

impl Index {
    /// An empty index; a capacity of 0 holds one.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            dimensions: 0,
            values: Vec::new(),
            entries: Vec::new(),
            places: HashMap::new(),
            turn: 0,
            weight: 0,
        }
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing to find.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes held.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Adds an entry, or replaces the one of the same id. Returns the id that left to make room.
    /// A vector of other dimensions than the first one's is not added: it is of another model.
    pub fn insert(&mut self, id: u64, text: &str, embedding: &Embedding) -> Option<u64> {
        self.remove(id);
        if self.entries.is_empty() {
            self.dimensions = embedding.dimensions();
        }
        if self.dimensions != embedding.dimensions() {
            return None;
        }
        let left = if self.entries.len() >= self.capacity { self.oldest() } else { None };
        if let Some(left) = left {
            self.remove(left);
        }
        self.turn += 1;
        self.places.insert(id, self.entries.len());
        self.values.extend_from_slice(embedding.values());
        self.weight += weight(text, self.dimensions);
        self.entries.push(Entry { id, turn: self.turn, inverse_norm: embedding.inverse_norm(), text: text.into() });
        left
    }

    fn oldest(&self) -> Option<u64> {
        self.entries.iter().min_by_key(|entry| entry.turn).map(|entry| entry.id)
    }

    /// Takes an entry out; whether it was there.
    pub fn remove(&mut self, id: u64) -> bool {
        let Some(place) = self.places.remove(&id) else { return false };
        let entry = self.entries.swap_remove(place);
        self.weight -= weight(&entry.text, self.dimensions);
        let last = self.entries.len() * self.dimensions;
        self.values.copy_within(last.., place * self.dimensions);
        self.values.truncate(last);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.id, place);
        }
        true
    }

    /// The entry whose answer may serve this prompt in this mode, the likest first.
    pub fn best(&self, text: &str, embedding: &Embedding, mode: Mode) -> Option<Match> {
        let prompt = guard::Prompt::of(text);
        let served = |near: &&(f32, usize)| prompt.is_served_by(&self.entries[near.1].text, near.0, mode);
        self.nearest(embedding, mode.least())
            .iter()
            .find(served)
            .map(|(similarity, at)| Match { id: self.entries[*at].id, similarity: *similarity })
    }

    /// The nearest entry of at least this cosine that only a judge can decide: words differ, but no number, id, denial or
    /// quoted text does.
    pub fn doubtful(&self, text: &str, embedding: &Embedding, least: f32) -> Option<(Match, Arc<str>)> {
        let prompt = guard::Prompt::of(text);
        let near = self.nearest(embedding, least);
        let (similarity, at) = near.iter().find(|near| prompt.may_be_asked_about(&self.entries[near.1].text))?;
        let entry = &self.entries[*at];
        Some((Match { id: entry.id, similarity: *similarity }, entry.text.clone()))
    }

    /// The nearest rows, likest first; of equals the newest.
    fn nearest(&self, embedding: &Embedding, least: f32) -> Vec<(f32, usize)> {
        let mut nearest: Vec<(f32, usize)> = Vec::with_capacity(NEIGHBOURS + 1);
        if self.dimensions == 0 || embedding.dimensions() != self.dimensions {
            return nearest;
        }
        let probe = embedding.probe();
        let mut bar = least;
        for (at, row) in self.values.chunks_exact(self.dimensions).enumerate() {
            let similarity = probe.similarity(row, self.entries[at].inverse_norm);
            if similarity >= bar {
                let turn = self.entries[at].turn;
                let before = |near: &(f32, usize)| {
                    near.0.total_cmp(&similarity).then(self.entries[near.1].turn.cmp(&turn)).is_gt()
                };
                let place = nearest.partition_point(before);
                nearest.insert(place, (similarity, at));
                nearest.truncate(NEIGHBOURS);
                if nearest.len() == NEIGHBOURS {
                    bar = nearest[NEIGHBOURS - 1].0.max(least);
                }
            }
        }
        nearest
    }
}

fn weight(text: &str, dimensions: usize) -> usize {
    text.len() + dimensions + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::{Index, Match};
    use crate::cache::semantic::{Embedder, Embedding, Mode, builtin};

    fn vector(text: &str) -> Embedding {
        builtin().embed(text).unwrap()
    }

    fn of(texts: &[&str]) -> Index {
        let mut index = Index::new(100);
        for (text, id) in texts.iter().zip(1..) {
            index.insert(id, text, &vector(text));
        }
        index
    }

    fn found(index: &Index, text: &str, mode: Mode) -> Option<u64> {
        index.best(text, &vector(text), mode).map(|found: Match| found.id)
    }

    #[test]
    fn the_right_neighbour_is_found_among_others() {
        let index = of(&["How do I bake bread?", "How do I reset my password?", "Where is Kenya?"]);
        for mode in [Mode::Strict, Mode::Balanced, Mode::Loose, Mode::ThresholdOnly { similarity: 0.9 }] {
            assert_eq!(found(&index, "how do I reset my password", mode), Some(2), "{mode:?}");
            assert_eq!(found(&index, "What do I feed a cat?", mode), None, "{mode:?}");
        }
        assert_eq!(found(&index, "How do I reset my password?", Mode::Off), None);
    }

    #[test]
    fn what_is_removed_is_not_found_and_what_moved_into_its_place_is() {
        let mut index = of(&["How do I bake bread?", "How do I reset my password?", "Where is Kenya?"]);
        let full = index.weight();
        assert!(index.remove(1));
        assert!(!index.remove(1));
        assert_eq!(found(&index, "How do I bake bread?", Mode::Strict), None);
        assert_eq!(found(&index, "Where is Kenya?", Mode::Strict), Some(3));
        assert_eq!(index.len(), 2);
        assert!(index.weight() < full);
        assert!(index.remove(2) && index.remove(3));
        assert_eq!((index.weight(), index.len()), (0, 0));
    }

    #[test]
    fn the_oldest_leaves_when_it_is_full_and_an_id_is_there_once() {
        let mut index = Index::new(2);
        assert_eq!(index.insert(1, "How do I bake bread?", &vector("How do I bake bread?")), None);
        assert_eq!(index.insert(2, "Where is Kenya?", &vector("Where is Kenya?")), None);
        assert_eq!(index.insert(1, "How do I bake bread?", &vector("How do I bake bread?")), None);
        assert_eq!(index.insert(3, "Who wrote Emma?", &vector("Who wrote Emma?")), Some(2));
        assert_eq!(found(&index, "Where is Kenya?", Mode::Strict), None);
        assert_eq!(found(&index, "How do I bake bread?", Mode::Strict), Some(1));
    }

    #[test]
    fn vectors_of_another_model_are_neither_added_nor_found() {
        let mut index = of(&["Where is Kenya?"]);
        let other = Embedding::from_floats(&[1.0, 0.0, 0.5]).unwrap();
        assert_eq!(index.insert(2, "Where is Kenya?", &other), None);
        assert_eq!(index.len(), 1);
        assert_eq!(index.best("Where is Kenya?", &other, Mode::ThresholdOnly { similarity: 0.0 }), None);
    }

    #[test]
    fn a_judge_is_asked_about_words_and_never_about_numbers() {
        let index = of(&["How long do I boil 3 eggs?", "I forgot my password, what now?"]);
        let asked = |text: &str| index.doubtful(text, &vector(text), 0.4).map(|(found, _)| found.id);
        assert_eq!(asked("how long must 4 eggs boil"), None);
        assert_eq!(asked("how long must 3 eggs boil in water"), Some(1));
        assert_eq!(asked("How do I reset a password that I forgot?"), Some(2));
        assert_eq!(asked("I did not forget my password"), None);
    }
}
