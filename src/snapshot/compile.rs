//! Settings to snapshot. Everything that can be wrong is found here or before, never on the data plane.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

use crate::{
    cache::{
        http::Rules,
        model::{Desk, Encoders},
        semantic::NoEncoder,
    },
    document::Format,
    model::{BackendId, KeyHash, OperationId, PoolId, ProductId, SubscriptionId, Timestamp, UserId},
    openapi::{self, Templates},
    outbound::{Backend, Fleet, Pool},
    policies::Named,
    pricing::{Book, Tables},
    settings::{self, Embeddings, ObjectKind, Problem, Settings, objects::VersionScheme},
    store::KeyRow,
};

use super::{
    ApiEntry, ApiTable, Documents, FactTable, Held, KeyRing, ModelAccess, ModelTarget, Models, ProductEntry, Snapshot,
    SubscriptionEntry,
    access::Reach,
    api_table::{OpenAccess, VersionAsked},
    documents::{self, Names},
    facts::ApiDescription,
    limits::{self, Compiled},
};

/// What a compilation needs beside the settings.
pub struct Surroundings<'a> {
    /// State of backends that outlives snapshots.
    pub fleet: &'a Fleet,
    /// Keys of the database's subscriptions.
    pub keys: &'a [KeyRow],
    /// Relative paths in objects are relative to this.
    pub base_dir: &'a Path,
    /// Last-used times that outlive snapshots.
    pub last_used: &'a dyn Fn(&SubscriptionId) -> Arc<AtomicU64>,
    /// Tables of prices that outlive snapshots.
    pub tables: &'a Tables,
    /// Sentence encoders that outlive snapshots.
    pub encoders: &'a Encoders,
}

/// Compiles `settings`, or lists everything that keeps it from being compiled.
pub fn compile(revision: u64, settings: Arc<Settings>, around: &Surroundings<'_>) -> Result<Snapshot, Vec<Problem>> {
    let mut compiler = Compiler { settings: &settings, around, problems: Vec::new() };
    let backends = compiler.backends();
    let pools = compiler.pools(&backends);
    let models = compiler.models(&backends, &pools);
    let limited = Compiled::of(&settings);
    let products = compiler.products(&limited);
    let apis = compiler.apis(&backends, &pools, &products);
    let subscriptions = compiler.subscriptions(&products, &limited);
    let keys = compiler.keys(&subscriptions);
    let named = compiler.named();
    let facts = compiler.facts(&named);
    let documents = compiler.documents(&backends, &pools, &named);
    let encoder = compiler.encoder();
    let (prices, problems) = (compiler.prices(), compiler.problems);
    let Some(prices) = prices.filter(|_| problems.is_empty()) else { return Err(problems) };
    let backend_limits = backend_limits(&settings);
    let held = subscriptions.values().map(|entry| &entry.limits).chain(apis.iter().map(|api| &api.limits));
    let held = held.chain(models.iter().map(|model| &model.limits)).chain(backend_limits.values());
    let counters = limits::distinct(held);
    let prices = Arc::new(prices);
    Ok(Snapshot {
        revision,
        settings,
        apis,
        keys,
        models,
        backends,
        pools,
        documents,
        named,
        facts,
        backend_limits,
        prices,
        encoder,
        counters,
    })
}

fn backend_limits(settings: &Settings) -> HashMap<BackendId, Held> {
    let limited = settings.backends.iter().filter(|backend| !backend.limits.is_empty());
    limited.map(|backend| (backend.id.clone(), limits::of_backend(backend))).collect()
}

struct Compiler<'a> {
    settings: &'a Settings,
    around: &'a Surroundings<'a>,
    problems: Vec<Problem>,
}

type Backends = HashMap<BackendId, Arc<Backend>>;
type Pools = HashMap<PoolId, Arc<Pool>>;
type Products = HashMap<ProductId, Arc<ProductEntry>>;
type Subscriptions = HashMap<SubscriptionId, Arc<SubscriptionEntry>>;

impl Compiler<'_> {
    fn problem(&mut self, kind: ObjectKind, id: &str, message: impl Into<String>) {
        let origin = self.settings.origins.get(&(kind, id.to_owned())).cloned();
        self.problems.push(Problem { origin, path: format!("{}.{id}", kind.plural()), message: message.into() });
    }

    fn took<T>(&mut self, kind: ObjectKind, id: &str, result: Result<T, Vec<String>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(messages) => {
                for message in messages {
                    self.problem(kind, id, message);
                }
                None
            }
        }
    }

    fn backends(&mut self) -> Backends {
        let mut all = Backends::new();
        for backend in &self.settings.backends {
            let in_file = self.settings.origins.contains_key(&(ObjectKind::Backend, backend.id.to_string()));
            let egress = &self.settings.server.egress;
            let compiled = self.around.fleet.backend(backend, in_file, egress, self.around.base_dir);
            if let Some(compiled) = self.took(ObjectKind::Backend, backend.id.as_str(), compiled) {
                all.insert(backend.id.clone(), compiled);
            }
        }
        all
    }

    fn pools(&mut self, backends: &Backends) -> Pools {
        let mut all = Pools::new();
        for pool in &self.settings.pools {
            let compiled = self.around.fleet.pool(pool, &|id| backends.get(id).cloned());
            if let Some(compiled) = self.took(ObjectKind::Pool, pool.id.as_str(), compiled) {
                all.insert(pool.id.clone(), compiled);
            }
        }
        all
    }

    /// The pool that a `pool` or `backend` reference means; `None` after reporting a dangling one.
    fn target(
        &mut self,
        owner: (ObjectKind, &str),
        pool: Option<&PoolId>,
        backend: Option<&BackendId>,
        known: (&Backends, &Pools),
    ) -> Option<Arc<Pool>> {
        let (backends, pools) = known;
        let found = match (pool, backend) {
            (Some(pool), _) => pools.get(pool).cloned(),
            (None, Some(backend)) => backends.get(backend).map(|backend| self.around.fleet.single(backend.clone())),
            (None, None) => None,
        };
        if found.is_none() {
            self.problem(owner.0, owner.1, "needs a `pool` or `backend` that exists and is valid");
        }
        found
    }

    fn models(&mut self, backends: &Backends, pools: &Pools) -> Models {
        let mut all = Vec::new();
        for model in &self.settings.models {
            let owner = (ObjectKind::Model, model.name.as_str());
            let Some(pool) = self.target(owner, model.pool.as_ref(), model.backend.as_ref(), (backends, pools)) else {
                continue;
            };
            all.push(Arc::new(ModelTarget {
                name: model.name.as_str().into(),
                pool,
                upstream_model: model.upstream_model.as_deref().unwrap_or(&model.name).into(),
                larger_context: model.larger_context.as_deref().map(Into::into),
                max_output_tokens: model.max_output_tokens.map(u64::from),
                limits: limits::of_model(model),
                workspace: model.workspace.clone(),
            }));
        }
        Models::new(all)
    }

    fn prices(&mut self) -> Option<Book> {
        let book = Book::new(self.settings, self.around.tables, self.around.base_dir);
        book.map_err(|(id, message)| self.problem(ObjectKind::Price, &id, message)).ok()
    }

    fn products(&mut self, limited: &Compiled) -> Products {
        let compiled = self.settings.products.iter().map(|product| {
            let entry = ProductEntry {
                id: product.id.clone(),
                apis: product.apis.as_ref().map(|apis| apis.iter().cloned().collect()),
                models: ModelAccess::of(product.models.as_deref()),
                limits: limited.product(product),
                workspace: product.workspace.clone(),
            };
            (product.id.clone(), Arc::new(entry))
        });
        compiled.collect()
    }

    fn apis(&mut self, backends: &Backends, pools: &Pools, products: &Products) -> ApiTable {
        let mut all = Vec::new();
        for api in &self.settings.apis {
            let pool = match api.kind {
                settings::ApiKind::Models => None,
                settings::ApiKind::Http => {
                    let owner = (ObjectKind::Api, api.id.as_str());
                    self.target(owner, api.pool.as_ref(), api.backend.as_ref(), (backends, pools))
                }
            };
            let operations = self.operations(api);
            all.push(Arc::new(ApiEntry {
                id: api.id.clone(),
                kind: api.kind,
                prefix: prefix(api),
                hosts: api.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
                version: version_asked(api),
                operations,
                pool,
                open: self.open_access(api, products),
                key_names: api.key_names.clone(),
                limits: limits::of_api(api),
                workspace: api.workspace.clone(),
                cache: api.cache.as_ref().and_then(cache_rules),
                operation_caches: operation_caches(api),
            }));
        }
        ApiTable::new(all)
    }

    fn operations(&mut self, api: &settings::Api) -> Option<Templates> {
        let mut operations = api.operations.clone();
        if let Some(path) = &api.openapi {
            match read_openapi(&self.around.base_dir.join(path)) {
                Ok(found) => operations.extend(found),
                Err(messages) => {
                    for message in messages {
                        self.problem(ObjectKind::Api, api.id.as_str(), message);
                    }
                }
            }
        } else if operations.is_empty() {
            return None;
        }
        let listed = operations.into_iter().map(|operation| (operation.method, operation.path, operation.id));
        let compiled = Templates::compile(listed).map_err(|message| vec![message]);
        self.took(ObjectKind::Api, api.id.as_str(), compiled)
    }

    /// The sentence encoder from disk, where the cache wants one.
    fn encoder(&mut self) -> Option<Desk> {
        let semantic = self.settings.cache.as_ref()?.semantic.as_ref()?;
        let Embeddings::Folder(folder) = &semantic.embeddings else { return None };
        let path = self.around.base_dir.join(&folder.model);
        let opened = self.around.encoders.open(&path);
        let told = |wrong: NoEncoder| {
            let shown = path.display();
            let message =
                format!("`{shown}` holds no sentence encoder: {wrong}; name a folder that does, or `builtin`");
            Problem { origin: None, path: "cache.semantic.embeddings.model".to_owned(), message }
        };
        opened.map_err(|wrong| self.problems.push(told(wrong))).ok()
    }

    fn named(&mut self) -> Arc<Named> {
        let named = Named::compile(self.settings, self.around.base_dir).unwrap_or_else(|wrong| {
            for (kind, id, why) in wrong {
                self.problem(kind, &id, why);
            }
            Named::default()
        });
        Arc::new(named)
    }

    fn documents(&mut self, backends: &Backends, pools: &Pools, named: &Arc<Named>) -> Documents {
        let known = Names { named, backends, pools, settings: self.settings };
        documents::compile(self.settings, &known).unwrap_or_else(|problems| {
            self.problems.extend(problems);
            Documents::default()
        })
    }

    fn facts(&self, named: &Named) -> FactTable {
        let described = self.settings.apis.iter().map(|api| (api.id.clone(), self.description(api)));
        FactTable::new(self.settings, &described.collect(), named)
    }

    /// An API with what its OpenAPI document says; one that cannot be read has been told of.
    fn description(&self, api: &settings::Api) -> ApiDescription {
        let Some(path) = &api.openapi else {
            return ApiDescription { operations: api.operations.clone(), document: None };
        };
        let path = self.around.base_dir.join(path);
        let operations = read_openapi(&path).unwrap_or_default();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let document = crate::document::read(&text, Format::of(&path).unwrap_or(Format::Yaml));
        ApiDescription { operations, document: document.ok().map(|root| Arc::new(root.to_json())) }
    }

    fn open_access(&self, api: &settings::Api, products: &Products) -> Option<OpenAccess> {
        let open = self.settings.products.iter().filter(|product| !product.subscription_required);
        let mut entries = open.filter_map(|product| products.get(&product.id));
        let product = entries.find(|product| product.covers(&api.id, api.workspace.as_ref())).cloned();
        (product.is_some() || !api.subscription_required).then_some(OpenAccess { product })
    }

    fn subscriptions(&mut self, products: &Products, limited: &Compiled) -> Subscriptions {
        let blocked: HashSet<&UserId> = self.settings.users.iter().filter(|u| u.blocked).map(|u| &u.id).collect();
        let mut entries = Subscriptions::new();
        for subscription in &self.settings.subscriptions {
            if let Some(entry) = self.subscription(subscription, (products, limited), &blocked) {
                entries.insert(subscription.id.clone(), entry);
            }
        }
        entries
    }

    fn keys(&self, entries: &Subscriptions) -> KeyRing {
        let mut keys = Vec::new();
        for subscription in &self.settings.subscriptions {
            let Some(entry) = entries.get(&subscription.id) else { continue };
            for key in [&subscription.key, &subscription.secondary_key].into_iter().flatten() {
                keys.push((KeyHash::of(key.expose()), entry.clone()));
            }
        }
        let stored = self.around.keys.iter();
        let stored = stored.filter_map(|row| Some((row.hash, entries.get(&row.subscription)?.clone())));
        KeyRing::new(keys.into_iter().chain(stored))
    }

    fn subscription(
        &mut self,
        subscription: &settings::Subscription,
        (products, limited): (&Products, &Compiled),
        blocked: &HashSet<&UserId>,
    ) -> Option<Arc<SubscriptionEntry>> {
        let reach = self.reach(subscription, products)?;
        let product = match &reach {
            Reach::Product(product) => Some(product.id.as_str()),
            Reach::Api(_) | Reach::All => None,
        };
        let limits = limited.subscription(subscription, product);
        Some(Arc::new(SubscriptionEntry {
            id: subscription.id.clone(),
            reach,
            models: ModelAccess::of(subscription.models.as_deref()),
            limits,
            payer: limits::payer(&subscription.id, subscription.user.as_ref()),
            user: subscription.user.clone(),
            blocked: subscription.user.as_ref().is_some_and(|user| blocked.contains(user)),
            state: subscription.state,
            expires: subscription.expires.map(timestamp),
            workspace: subscription.workspace.clone(),
            metadata: subscription.metadata.clone(),
            last_used: (self.around.last_used)(&subscription.id),
        }))
    }

    fn reach(&mut self, subscription: &settings::Subscription, products: &Products) -> Option<Reach> {
        let product = match (&subscription.product, &subscription.scope) {
            (Some(product), _) | (None, Some(settings::Scope::Product(product))) => product,
            (None, Some(settings::Scope::Api(api))) => return Some(Reach::Api(api.clone())),
            (None, Some(settings::Scope::All)) => return Some(Reach::All),
            (None, None) => {
                self.problem(ObjectKind::Subscription, subscription.id.as_str(), "needs a `product` or a `scope`");
                return None;
            }
        };
        let found = products.get(product).cloned().map(Reach::Product);
        if found.is_none() {
            let message = format!("product `{product}` does not exist");
            self.problem(ObjectKind::Subscription, subscription.id.as_str(), message);
        }
        found
    }
}

fn cache_rules(settings: &settings::HttpCache) -> Option<Arc<Rules>> {
    Rules::of(settings).map(Arc::new)
}

fn operation_caches(api: &settings::Api) -> HashMap<OperationId, Option<Arc<Rules>>> {
    let own = api.operations.iter().filter_map(|operation| Some((operation, operation.cache.as_ref()?)));
    own.map(|(operation, cache)| (operation.id.clone(), cache_rules(cache))).collect()
}

fn prefix(api: &settings::Api) -> String {
    let path = api.path.trim_end_matches('/');
    match &api.versioning {
        Some(versioning) if versioning.scheme == VersionScheme::Path => format!("{path}/{}", versioning.version),
        _ => path.to_owned(),
    }
}

fn version_asked(api: &settings::Api) -> Option<VersionAsked> {
    let versioning = api.versioning.as_ref().filter(|versioning| versioning.scheme != VersionScheme::Path)?;
    let name = versioning.name.clone().unwrap_or_else(|| "api-version".to_owned());
    Some(VersionAsked { scheme: versioning.scheme, name, version: versioning.version.clone() })
}

/// Times before 1970 and after 2554 count as the first and the last that there are.
fn timestamp(time: jiff::Timestamp) -> Timestamp {
    let nanos = time.as_nanosecond().max(0);
    Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn read_openapi(path: &PathBuf) -> Result<Vec<settings::Operation>, Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(|error| vec![format!("openapi {}: {error}", path.display())])?;
    let found = openapi::operations(&text, Format::of(path).unwrap_or(Format::Yaml)).map_err(|problems| {
        problems.iter().map(|problem| format!("openapi {}: {problem}", path.display())).collect::<Vec<_>>()
    })?;
    let named = found.into_iter().map(|operation| settings::Operation {
        id: operation.id,
        method: operation.method,
        path: operation.path,
        title: operation.title,
        cache: None,
        policy: None,
    });
    Ok(named.collect())
}
