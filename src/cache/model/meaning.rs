//! Prompts by their meaning: one index for each partition and embedding model, searched exactly.
//!
//! A partition is looked up by its key alone, so that nothing another team keeps is compared with, or takes time from,
//! this one's prompts. How alike two texts must be is `cache::semantic`'s to say.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::key::Key;
use crate::cache::semantic::{Embedder as _, Embedding, Index, Mode, builtin};

/// Most prompts of one partition: so many are searched in well under half a millisecond.
const MOST: usize = 10_000;

/// The name of the embedding model inside the binary.
pub const BUILTIN: &str = "builtin";

/// What a prompt means, and which model says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// The embedding model.
    pub model: Arc<str>,
    /// The vector.
    pub vector: Embedding,
}

impl Meaning {
    /// By the model inside the binary; `None`: nothing to compare, or too long for it.
    #[must_use]
    pub fn builtin(text: &str) -> Option<Self> {
        Some(Self { model: BUILTIN.into(), vector: builtin().embed(text)? })
    }
}

/// Prompts of one partition.
struct Prompts {
    index: Index,
    keys: HashMap<u64, Key>,
}

/// A partition as one embedding model sees it.
type Place = (Key, Arc<str>);

/// The prompts of all partitions. Cloning shares them.
#[derive(Clone, Default)]
pub struct Meanings(Arc<Mutex<HashMap<Place, Arc<Mutex<Prompts>>>>>);

impl Meanings {
    fn of(&self, place: &Place) -> Option<Arc<Mutex<Prompts>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    /// Adds the prompt of the entry `key`.
    pub fn insert(&self, partition: Key, key: Key, text: &str, meaning: &Meaning) {
        let place = (partition, meaning.model.clone());
        let prompts = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let empty = || Arc::new(Mutex::new(Prompts { index: Index::new(MOST), keys: HashMap::new() }));
            all.entry(place).or_insert_with(empty).clone()
        };
        let mut prompts = prompts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = prompts.index.insert(id(key), text, &meaning.vector) {
            prompts.keys.remove(&left);
        }
        prompts.keys.insert(id(key), key);
    }

    /// Takes the prompt of the entry `key` out.
    pub fn remove(&self, partition: Key, key: Key, model: &Arc<str>) {
        let place = (partition, model.clone());
        let Some(prompts) = self.of(&place) else { return };
        let is_empty = {
            let mut prompts = prompts.lock().unwrap_or_else(PoisonError::into_inner);
            prompts.index.remove(id(key));
            prompts.keys.remove(&id(key));
            prompts.index.is_empty()
        };
        if is_empty {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Unless somebody has found it in the meantime.
            if all.get(&place).is_some_and(|prompts| Arc::strong_count(prompts) == 2) {
                all.remove(&place);
            }
        }
    }

    /// The entry of this partition whose answer may serve `text`, and how alike the two are.
    #[must_use]
    pub fn best(&self, partition: Key, text: &str, meaning: &Meaning, mode: Mode) -> Option<(Key, f64)> {
        let prompts = self.of(&(partition, meaning.model.clone()))?;
        let prompts = prompts.lock().unwrap_or_else(PoisonError::into_inner);
        let found = prompts.index.best(text, &meaning.vector, mode)?;
        Some((*prompts.keys.get(&found.id)?, f64::from(found.similarity)))
    }
}

impl Meanings {
    /// The entry of this partition that only a judge can decide on, how alike the two are, and its text.
    #[must_use]
    pub fn doubtful(&self, partition: Key, text: &str, meaning: &Meaning, least: f32) -> Option<(Key, f64, Arc<str>)> {
        let prompts = self.of(&(partition, meaning.model.clone()))?;
        let prompts = prompts.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, text) = prompts.index.doubtful(text, &meaning.vector, least)?;
        Some((*prompts.keys.get(&found.id)?, f64::from(found.similarity), text))
    }
}

/// Keys are hashes: eight of their bytes tell the few of one partition apart.
fn id(key: Key) -> u64 {
    let (first, _) = key.0.split_first_chunk().expect("32 bytes begin with 8");
    u64::from_le_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::model::key::Writer;

    fn key(name: &str) -> Key {
        Writer::new(name).finish()
    }

    #[test]
    fn a_prompt_is_found_in_its_partition_until_it_is_taken_out() {
        let all = Meanings::default();
        let text = "How do I reset my password?";
        let meaning = Meaning::builtin(text).expect("a sentence");
        all.insert(key("ours"), key("entry"), text, &meaning);
        let found = |partition: &str| all.best(key(partition), text, &meaning, Mode::Strict).map(|(key, _)| key);
        assert_eq!(found("ours"), Some(key("entry")));
        assert_eq!(found("theirs"), None);
        let other = Meaning { model: "other".into(), ..meaning.clone() };
        assert_eq!(all.best(key("ours"), text, &other, Mode::Strict), None, "another model has another index");
        all.remove(key("ours"), key("entry"), &meaning.model);
        assert_eq!(found("ours"), None);
        assert!(all.0.lock().expect("no panic").is_empty(), "an empty partition is forgotten");
    }
}
