//! Key to subscription, by hash.

use std::{collections::HashMap, sync::Arc};

use crate::model::KeyHash;

use super::SubscriptionEntry;

/// All keys of a snapshot. Looking one up by its hash leaves nothing to time.
#[derive(Default)]
pub struct KeyRing {
    by_hash: HashMap<KeyHash, Arc<SubscriptionEntry>>,
}

impl KeyRing {
    /// Builds the ring; the first owner of a hash keeps it.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = (KeyHash, Arc<SubscriptionEntry>)>) -> Self {
        let mut by_hash = HashMap::new();
        for (hash, entry) in keys {
            by_hash.entry(hash).or_insert(entry);
        }
        Self { by_hash }
    }

    /// Whose key that is.
    #[must_use]
    pub fn find(&self, hash: &KeyHash) -> Option<&Arc<SubscriptionEntry>> {
        self.by_hash.get(hash)
    }
}
