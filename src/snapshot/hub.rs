//! Where the data plane gets its snapshot, and where a new one is put.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use arc_swap::{ArcSwap, Guard};

use crate::{
    cache::model::Encoders,
    limits::Limits,
    model::{BackendId, PoolId, SubscriptionId},
    outbound::{Backend, Fleet, Pool, fetch::Identity},
    pricing::{Book, Tables},
    settings::{self, ObjectKind, Problem, Settings, server::Egress},
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
    encoders: Encoders,
    base_dir: PathBuf,
    revision: AtomicU64,
    last_used: LastUsed,
    counted: Arc<OnceLock<Limits>>,
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
            pools: HashMap::new(),
            documents: super::Documents::default(),
            named: Arc::default(),
            facts: super::FactTable::default(),
            backend_limits: HashMap::new(),
            prices: Arc::new(Book::empty(&tables)),
            encoder: None,
            counters: Vec::new(),
        };
        let current = Arc::new(ArcSwap::from_pointee(empty));
        let (revision, last_used, counted) = (AtomicU64::new(1), LastUsed::default(), Arc::default());
        Self { current, fleet, tables, encoders: Encoders::default(), base_dir, revision, last_used, counted }
    }

    /// Makes the counters of the configuration known to `limits`, now and with each new snapshot: they can be read,
    /// reset and raised before their first request, and a changed limit shows at once. Once, at start.
    pub fn count_with(&self, limits: Limits) {
        self.counted.get_or_init(|| limits).know(&self.load().counters);
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

    /// A pool of one backend.
    #[must_use]
    pub fn single(&self, backend: Arc<Backend>) -> Arc<Pool> {
        self.fleet.single(backend)
    }

    /// A pool of one backend that no configuration declares, for a URL that a policy names. `is_declared`: it is
    /// written in a document, so that it may lead to this machine. `shown` is the certificate that it is shown.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn adhoc(
        &self,
        setting: &settings::Backend,
        is_declared: bool,
        egress: &Egress,
        shown: Option<&Identity>,
    ) -> Result<Arc<Pool>, Vec<String>> {
        let backend = self.fleet.variant(setting, is_declared, egress, &self.base_dir, shown)?;
        Ok(self.fleet.single(backend))
    }

    /// A configured pool, or the pool of one configured backend, with other connection settings: `change` makes them.
    /// Breakers, credentials and latencies are those of the configured backends.
    ///
    /// # Errors
    /// What is wrong with it, or that `settings` do not have it.
    pub fn variant(
        &self,
        settings: &Settings,
        id: &PoolId,
        change: &dyn Fn(&mut settings::Backend),
        shown: Option<&Identity>,
    ) -> Result<Arc<Pool>, Vec<String>> {
        let compiled = |id: &BackendId| {
            let known = settings.backends.iter().find(|backend| backend.id == *id);
            let known = known.ok_or_else(|| vec![format!("there is no backend `{id}`")])?;
            let mut setting = known.clone();
            change(&mut setting);
            let in_file = settings.origins.contains_key(&(ObjectKind::Backend, id.to_string()));
            self.fleet.variant(&setting, in_file, &settings.server.egress, &self.base_dir, shown)
        };
        let Some(pool) = settings.pools.iter().find(|pool| pool.id == *id) else {
            return Ok(self.fleet.single(compiled(&BackendId::from(id.as_str()))?));
        };
        let members = pool.members.iter().map(|member| Ok((member.backend.clone(), compiled(&member.backend)?)));
        let members: HashMap<BackendId, Arc<Backend>> = members.collect::<Result<_, Vec<String>>>()?;
        self.fleet.pool(pool, &|id| members.get(id).cloned())
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
            encoders: &self.encoders,
        };
        let snapshot = compile(self.revision.fetch_add(1, Relaxed), settings.clone(), &around)?;
        let (current, fleet, counted) = (self.current.clone(), self.fleet.clone(), self.counted.clone());
        Ok(Ready::new(move || {
            let ids: HashSet<BackendId> = snapshot.backends.keys().cloned().collect();
            let snapshot = Arc::new(snapshot);
            let before = current.swap(Arc::clone(&snapshot));
            fleet.retain(&ids);
            if let Some(limits) = counted.get() {
                recount(limits, &before, &snapshot);
            }
        }))
    }
}

/// Shows the counters of the new configuration, and no longer those of limits that only the old one has.
fn recount(limits: &Limits, before: &Snapshot, now: &Snapshot) {
    let rules = |snapshot: &Snapshot| -> HashSet<Arc<str>> {
        snapshot.counters.iter().map(|scope| Arc::clone(&scope.rule().id)).collect()
    };
    let (old, new) = (rules(before), rules(now));
    if !old.is_subset(&new) {
        limits.keep_rules(|rule| new.contains(&rule.id) || !old.contains(&rule.id));
    }
    limits.know(&now.counters);
}
