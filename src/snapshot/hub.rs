//! Where the data plane gets its snapshot, and where a new one is put.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use arc_swap::{ArcSwap, Guard};

use crate::{
    model::{BackendId, SubscriptionId},
    outbound::Fleet,
    pricing::{Book, Tables},
    settings::{Problem, Settings},
    store::KeyRow,
};

use super::{
    Snapshot,
    compile::{Surroundings, compile},
    control::{Compiler, Ready},
};

/// Holds the current snapshot and what outlives it.
pub struct Hub {
    current: Arc<ArcSwap<Snapshot>>,
    fleet: Fleet,
    tables: Tables,
    base_dir: PathBuf,
    revision: AtomicU64,
    last_used: LastUsed,
}

/// When each subscription was last used, in milliseconds since the epoch; 0: not by this process.
#[derive(Default)]
struct LastUsed(Mutex<HashMap<SubscriptionId, Arc<AtomicU64>>>);

impl LastUsed {
    fn of(&self, id: &SubscriptionId) -> Arc<AtomicU64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(id.clone()).or_default().clone()
    }

    fn take(&self) -> Vec<(SubscriptionId, u64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used = all.iter().map(|(id, time)| (id.clone(), time.swap(0, Relaxed)));
        used.filter(|(_, time)| *time > 0).collect()
    }
}

impl Hub {
    /// A hub that serves nothing until the first compiled state is put in use.
    #[must_use]
    pub fn new(fleet: Fleet, base_dir: PathBuf) -> Self {
        let tables = Tables::new();
        let empty = Snapshot {
            revision: 0,
            settings: Arc::default(),
            apis: super::ApiTable::default(),
            keys: super::KeyRing::default(),
            models: super::Models::default(),
            backends: HashMap::new(),
            backend_limits: HashMap::new(),
            prices: Arc::new(Book::empty(&tables)),
            counters: Vec::new(),
        };
        let current = Arc::new(ArcSwap::from_pointee(empty));
        Self { current, fleet, tables, base_dir, revision: AtomicU64::new(1), last_used: LastUsed::default() }
    }

    /// The current snapshot, for one exchange.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The current snapshot, for a glance.
    #[must_use]
    pub fn peek(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// State of backends.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Last-used times since the last call, in milliseconds since the epoch.
    #[must_use]
    pub fn take_last_used(&self) -> Vec<(SubscriptionId, u64)> {
        self.last_used.take()
    }
}

impl Compiler for Hub {
    fn compile(&self, settings: &Arc<Settings>, keys: &[KeyRow]) -> Result<Ready, Vec<Problem>> {
        let last_used = |id: &SubscriptionId| self.last_used.of(id);
        let around = Surroundings {
            fleet: &self.fleet,
            keys,
            base_dir: &self.base_dir,
            last_used: &last_used,
            tables: &self.tables,
        };
        let snapshot = compile(self.revision.fetch_add(1, Relaxed), settings.clone(), &around)?;
        let (current, fleet) = (self.current.clone(), self.fleet.clone());
        Ok(Ready::new(move || {
            let ids: HashSet<BackendId> = snapshot.backends.keys().cloned().collect();
            current.store(Arc::new(snapshot));
            fleet.retain(&ids);
        }))
    }
}
