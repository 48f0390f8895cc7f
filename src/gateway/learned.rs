//! What backends have been found not to understand. Kept outside snapshots, by backend id.

use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};

use crate::model::BackendId;

/// Backends that answered 400 to `stream_options`: they are not asked again, and their usage is counted here.
#[derive(Default)]
pub struct Learned(RwLock<HashSet<BackendId>>);

impl Learned {
    /// Whether `backend` rejects `stream_options`.
    #[must_use]
    pub fn rejects_usage_option(&self, backend: &BackendId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(backend)
    }

    /// Remembers that `backend` rejects `stream_options`.
    pub fn note_usage_option_rejected(&self, backend: &BackendId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(backend.clone());
    }
}
