//! What backends have been found not to understand. Kept outside snapshots, until a backend is compiled anew.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, Weak},
};

use crate::{model::BackendId, outbound::Backend};

/// Backends that refused `stream_options` and took the same request without: they are not asked again, and their
/// usage is counted here. A new configuration forgets, as another server may answer at the backend's address.
#[derive(Default)]
pub struct Learned(RwLock<HashMap<BackendId, Weak<Backend>>>);

impl Learned {
    /// Whether `backend` rejects `stream_options`.
    #[must_use]
    pub fn rejects_usage_option(&self, backend: &Arc<Backend>) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(backend.id()).is_some_and(|same| std::ptr::eq(same.as_ptr(), Arc::as_ptr(backend)))
    }

    /// Remembers that `backend` rejects `stream_options`.
    pub fn note_usage_option_rejected(&self, backend: &Arc<Backend>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(backend.id().clone(), Arc::downgrade(backend));
    }
}
