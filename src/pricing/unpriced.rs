//! Models that were used and have no price: listed, so that somebody gives them one. Bounded.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::model::{BackendId, Timestamp};

/// Most models that are remembered; names come from the configuration, so there are rarely more.
const MOST: usize = 256;

/// A model that was used without a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpriced {
    /// The model as the backend was asked for it, else the callers' name.
    pub model: String,
    /// Who answered.
    pub backend: BackendId,
    /// Calls since the start of the process.
    pub calls: u64,
    /// The latest of them.
    pub last: Timestamp,
}

/// Those that were met.
#[derive(Debug, Default)]
pub(super) struct Met(Mutex<BTreeMap<(BackendId, String), (u64, Timestamp)>>);

impl Met {
    /// Remembers a call.
    pub(super) fn note(&self, backend: &BackendId, model: &str, at: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (backend.clone(), model.to_owned());
        if all.len() >= MOST && !all.contains_key(&key) {
            return;
        }
        let (calls, last) = all.entry(key).or_default();
        *calls += 1;
        *last = at.max(*last);
    }

    /// Forgets a model that has a price now.
    pub(super) fn forget(&self, backend: &BackendId, model: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.is_empty() {
            all.remove(&(backend.clone(), model.to_owned()));
        }
    }

    /// All, by backend and model.
    pub(super) fn list(&self) -> Vec<Unpriced> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = all.iter().map(|((backend, model), (calls, last))| Unpriced {
            model: model.clone(),
            backend: backend.clone(),
            calls: *calls,
            last: *last,
        });
        shown.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_counted_and_bounded() {
        let met = Met::default();
        let backend = BackendId::from("b");
        for at in 0..2 * MOST as u64 {
            met.note(&backend, &format!("m{at}"), Timestamp::from_secs(at));
        }
        assert_eq!(met.list().len(), MOST);
        met.note(&backend, "m1", Timestamp::from_secs(1_000_000));
        let of = |met: &Met| met.list().into_iter().find(|unpriced| unpriced.model == "m1");
        assert_eq!(of(&met).map(|m1| (m1.calls, m1.last.as_secs())), Some((2, 1_000_000)));
        met.forget(&backend, "m1");
        assert_eq!(of(&met), None);
    }
}
