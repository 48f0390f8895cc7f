//! The immutable compiled picture of configuration that the data plane reads, and the hub that swaps it.
//!
//! An exchange loads one [`Snapshot`] and never another. What outlives a change of configuration (breakers,
//! connections, last-used times) lives outside, keyed by stable id. Writing configuration is `control`.

pub mod access;
pub mod api_table;
pub mod compile;
pub mod control;
pub mod documents;
pub mod facts;
pub mod hub;
pub mod key_ring;
pub mod limits;
pub mod parts;

use std::{collections::HashMap, sync::Arc};

pub use access::{ModelAccess, ProductEntry, SubscriptionEntry};
pub use api_table::{ApiEntry, ApiTable, Matched};
pub use documents::{Documents, Holders};
pub use facts::FactTable;
pub use hub::Hub;
pub use key_ring::KeyRing;
pub use limits::{Held, Parties};
pub use parts::Parts;

use crate::{
    cache::model::Desk,
    limits::Scope,
    model::{BackendId, PoolId, WorkspaceId},
    outbound::{Backend, Pool},
    policies::Named,
    pricing::Book,
    settings::Settings,
};

/// One compiled configuration.
pub struct Snapshot {
    /// Counts compiled configurations of this process, from 1.
    pub revision: u64,
    /// What it was compiled from.
    pub settings: Arc<Settings>,
    /// Host, path and version to API.
    pub apis: ApiTable,
    /// Key to subscription.
    pub keys: KeyRing,
    /// Callers' model names, in order of declaration.
    pub models: Models,
    /// Backends by id.
    pub backends: HashMap<BackendId, Arc<Backend>>,
    /// Pools by id.
    pub pools: HashMap<PoolId, Arc<Pool>>,
    /// Policy documents.
    pub documents: Documents,
    /// Certificates, token sources, loggers and services that policies name.
    pub named: Arc<Named>,
    /// What policies' expressions may ask of the configuration.
    pub facts: FactTable,
    /// What calls at a backend fall under, of those that have limits.
    pub backend_limits: HashMap<BackendId, Held>,
    /// What calls cost.
    pub prices: Arc<Book>,
    /// The sentence encoder from disk, where one is configured.
    pub encoder: Option<Desk>,
    /// Every counter that is known without a request: to be shown before its first one.
    pub counters: Vec<Scope>,
}

impl Snapshot {
    /// Most tokens of one answer of `model` at `backend`, where the configuration says so.
    #[must_use]
    pub fn max_output_tokens(&self, model: &ModelTarget, backend: &BackendId) -> Option<u64> {
        let of_backend = || self.settings.backends.iter().find(|one| one.id == *backend)?.max_output_tokens;
        model.max_output_tokens.or_else(|| of_backend().map(u64::from))
    }
}

/// What a caller's model name stands for.
#[derive(Clone)]
pub struct ModelTarget {
    /// The callers' name.
    pub name: Arc<str>,
    /// Who answers.
    pub pool: Arc<Pool>,
    /// The name at the backend, where a pool's member does not say otherwise.
    pub upstream_model: Arc<str>,
    /// The model that takes over when a prompt is too long for this one.
    pub larger_context: Option<Arc<str>>,
    /// Most tokens of one answer, where the configuration says so.
    pub max_output_tokens: Option<u64>,
    /// What its calls fall under, whoever calls.
    pub limits: Held,
    /// Its owner; `None`: shared.
    pub workspace: Option<WorkspaceId>,
}

impl ModelTarget {
    /// Whether callers of an API of `workspace` see this model: their own and the shared ones.
    #[must_use]
    pub fn is_visible_in(&self, workspace: Option<&WorkspaceId>) -> bool {
        self.workspace.is_none() || self.workspace.as_ref() == workspace
    }
}

/// All models: by name, and in order of declaration for lists and for calls that name none.
#[derive(Default)]
pub struct Models {
    by_name: HashMap<Arc<str>, Arc<ModelTarget>>,
    in_order: Vec<Arc<ModelTarget>>,
}

impl Models {
    /// Builds both views.
    #[must_use]
    pub fn new(in_order: Vec<Arc<ModelTarget>>) -> Self {
        let by_name = in_order.iter().map(|model| (model.name.clone(), model.clone())).collect();
        Self { by_name, in_order }
    }

    /// The model of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<ModelTarget>> {
        self.by_name.get(name)
    }

    /// All, in order of declaration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ModelTarget>> {
        self.in_order.iter()
    }
}
