//! All backends of the process, beyond every snapshot: their lasting state and their connections.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    fmt,
    future::Future,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use super::{
    backend::{Backend, Draft},
    breaker, checks,
    core::{Core, Surroundings},
    credential::Use,
    fetch::Identity,
    pool::Pool,
    status::{BackendStatus, CredentialStatus, Ears, Listener, State},
    transport::{Resolve, SystemResolver, Transport, TransportKey},
};
use crate::{
    model::{BackendId, Clock, Entropy, clock::Ticks},
    settings::{self, server::Egress},
};

/// All backends of the process. Cloning shares them.
#[derive(Clone)]
pub struct Fleet(Arc<Shared>);

struct Shared {
    surroundings: Arc<Surroundings>,
    resolver: Arc<dyn Resolve>,
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    cores: HashMap<BackendId, Arc<Core>>,
    /// Compilations of each backend that are still held, the newest last: it becomes live when its configuration
    /// does. Those of a refused configuration are dropped by whoever compiled it.
    candidates: HashMap<BackendId, Vec<Weak<Backend>>>,
    live: HashMap<BackendId, Weak<Backend>>,
    transports: HashMap<TransportKey, Weak<Transport>>,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fleet")
    }
}

impl Fleet {
    /// An empty fleet that resolves names by the operating system.
    #[must_use]
    pub fn new(clock: Clock, entropy: Entropy) -> Self {
        Self::with_resolver(clock, entropy, Arc::new(SystemResolver))
    }

    /// An empty fleet with its own resolver of names.
    #[must_use]
    pub fn with_resolver(clock: Clock, entropy: Entropy, resolver: Arc<dyn Resolve>) -> Self {
        let surroundings = Arc::new(Surroundings { clock, entropy, ears: OnceLock::new() });
        Self(Arc::new(Shared { surroundings, resolver, registry: Mutex::default() }))
    }

    /// Tells `listener` of every change from now on, instead of the log. Only the first listener is heard; whether
    /// this was the first is returned.
    pub fn listen(&self, listener: Arc<dyn Listener>) -> bool {
        self.0.surroundings.ears.set(Ears(listener)).is_ok()
    }

    /// Compiles a backend. A backend of the same id keeps its breaker, latency, exchanges in flight and the standing
    /// of each credential; one with the same connection settings keeps its connections. Certificate files are read
    /// here, relative to `base_dir`. Nothing that is live changes until [`Fleet::retain`].
    pub fn backend(
        &self,
        setting: &settings::Backend,
        declared_in_file: bool,
        egress: &Egress,
        base_dir: &Path,
    ) -> Result<Arc<Backend>, Vec<String>> {
        let draft = Draft::compile(setting, declared_in_file, egress, base_dir, None)?;
        let backend = self.join(setting, draft);
        self.registry().candidate(&backend);
        Ok(backend)
    }

    /// Compiles a backend that no configuration has as it is: one that a policy names by URL, or a configured one with
    /// other connection settings, which shares everything else with it. It is never live: not checked, not shown.
    /// `shown` is the client certificate in place of the setting's.
    pub fn variant(
        &self,
        setting: &settings::Backend,
        declared_in_file: bool,
        egress: &Egress,
        base_dir: &Path,
        shown: Option<&Identity>,
    ) -> Result<Arc<Backend>, Vec<String>> {
        let draft = Draft::compile(setting, declared_in_file, egress, base_dir, shown)?;
        Ok(self.join(setting, draft))
    }

    fn join(&self, setting: &settings::Backend, draft: Draft) -> Arc<Backend> {
        let mut registry = self.registry();
        let transport = registry.transport(&draft.transport, &self.0.resolver);
        let core = registry.core(&setting.id, &self.0.surroundings);
        Arc::new(draft.join(setting, core, transport))
    }

    /// Compiles a pool of compiled backends.
    pub fn pool(
        &self,
        setting: &settings::Pool,
        find: &dyn Fn(&BackendId) -> Option<Arc<Backend>>,
    ) -> Result<Arc<Pool>, Vec<String>> {
        Pool::compile(setting, find, self.0.surroundings.clone()).map(Arc::new)
    }

    /// A pool of one backend.
    #[must_use]
    pub fn single(&self, backend: Arc<Backend>) -> Arc<Pool> {
        Arc::new(Pool::single(backend, self.0.surroundings.clone()))
    }

    /// A configuration with exactly these backends has gone live: its compilations are what is checked and shown,
    /// and the state of all others is forgotten.
    pub fn retain(&self, ids: &HashSet<BackendId>) {
        let mut registry = self.registry();
        let registry = &mut *registry;
        registry.candidates.retain(|id, _| ids.contains(id));
        let newest = |(id, compiled): (&BackendId, &Vec<Weak<Backend>>)| {
            let held = compiled.iter().rfind(|backend| backend.strong_count() > 0)?;
            Some((id.clone(), held.clone()))
        };
        registry.live = registry.candidates.iter().filter_map(newest).collect();
        registry.cores.retain(|id, _| ids.contains(id));
        registry.transports.retain(|_, transport| transport.strong_count() > 0);
        for core in registry.cores.values() {
            core.known.lock().unwrap_or_else(PoisonError::into_inner).prune();
        }
        for backend in registry.live.values().filter_map(Weak::upgrade) {
            if backend.health.is_none() {
                backend.core.forget_health();
            }
        }
    }

    /// Every live backend's state, by id.
    #[must_use]
    pub fn statuses(&self) -> Vec<BackendStatus> {
        let mut statuses: Vec<_> = self.live().iter().map(|backend| status(backend)).collect();
        statuses.sort_by(|one, other| one.id.cmp(&other.id));
        statuses
    }

    /// Runs the active health checks of live backends until `shutdown` is ready.
    pub async fn run_health_checks(&self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = checks::run(self) => {}
            () = shutdown => {}
        }
    }

    pub(super) fn live(&self) -> Vec<Arc<Backend>> {
        self.registry().live.values().filter_map(Weak::upgrade).collect()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    fn candidate(&mut self, backend: &Arc<Backend>) {
        let compiled = self.candidates.entry(backend.id().clone()).or_default();
        compiled.retain(|backend| backend.strong_count() > 0);
        compiled.push(Arc::downgrade(backend));
    }

    fn core(&mut self, id: &BackendId, surroundings: &Arc<Surroundings>) -> Arc<Core> {
        match self.cores.entry(id.clone()) {
            Entry::Occupied(entry) => entry.get().clone(),
            Entry::Vacant(entry) => entry.insert(Arc::new(Core::new(id.clone(), surroundings.clone()))).clone(),
        }
    }

    fn transport(&mut self, key: &TransportKey, resolver: &Arc<dyn Resolve>) -> Arc<Transport> {
        if let Some(transport) = self.transports.get(key).and_then(Weak::upgrade) {
            return transport;
        }
        let transport = Arc::new(Transport::new(key, resolver.clone()));
        self.transports.insert(key.clone(), Arc::downgrade(&transport));
        transport
    }
}

fn status(backend: &Backend) -> BackendStatus {
    let core = &backend.core;
    let surroundings = &core.surroundings;
    let now = surroundings.clock.ticks();
    let mut inner = core.lock();
    let (state, until) = match (inner.health.unhealthy_since(), inner.breaker.standing(now)) {
        (Some(_), _) => (State::Unhealthy, None),
        (None, breaker::Standing::Closed) => (State::Closed, None),
        (None, breaker::Standing::Open(until)) => (State::Open, Some(until)),
        (None, breaker::Standing::Ready | breaker::Standing::Probing) => (State::HalfOpen, None),
    };
    let since = inner.health.unhealthy_since().unwrap_or_else(|| inner.breaker.since());
    let ewma = inner.latency.value(now);
    let failures = inner.breaker.failures(now);
    drop(inner);
    BackendStatus {
        id: backend.id().clone(),
        kind: backend.kind(),
        state,
        since: surroundings.wall(since),
        open_until: until.map(|until| surroundings.wall(until)),
        failures,
        in_flight: backend.in_flight(),
        ewma_ms: (!ewma.is_zero()).then_some((ewma.as_secs_f64() * 1e6).round() / 1e3),
        credentials: backend.ring.iter().map(|one| credential_status(one.standing.at(now), surroundings)).collect(),
    }
}

fn credential_status(standing: Use, surroundings: &Surroundings) -> CredentialStatus {
    let wall = |until: Ticks| Some(surroundings.wall(until));
    match standing {
        Use::Ready => CredentialStatus::default(),
        Use::Benched(until) => CredentialStatus { benched_until: wall(until), throttled_until: None },
        Use::Throttled(until) => CredentialStatus { benched_until: None, throttled_until: wall(until) },
    }
}
