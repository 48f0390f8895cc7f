//! Who may use what: products and subscriptions, compiled to sets.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, atomic::AtomicU64},
};

use crate::{
    model::{ApiId, ProductId, SubscriptionId, Timestamp, UserId, WorkspaceId},
    settings::State,
};

use super::{ApiEntry, Held, ModelTarget};

/// A compiled product.
#[derive(Debug)]
pub struct ProductEntry {
    /// Identifier.
    pub id: ProductId,
    /// Its APIs; `None`: all of its workspace.
    pub apis: Option<HashSet<ApiId>>,
    /// Its models; `None`: all that its callers see.
    pub models: ModelAccess,
    /// What calls through it without a subscription fall under.
    pub limits: Held,
    /// Its owner; `None`: shared.
    pub workspace: Option<WorkspaceId>,
}

impl ProductEntry {
    /// Whether the product gives access to `api`.
    #[must_use]
    pub fn covers(&self, api: &ApiId, workspace: Option<&WorkspaceId>) -> bool {
        match &self.apis {
            Some(apis) => apis.contains(api),
            None => self.workspace.as_ref() == workspace,
        }
    }
}

/// Which models may be used.
#[derive(Clone, Debug, Default)]
pub struct ModelAccess(Option<Arc<HashSet<String>>>);

impl ModelAccess {
    /// Only the listed ones; `None`: all.
    #[must_use]
    pub fn of(list: Option<&[String]>) -> Self {
        Self(list.map(|names| Arc::new(names.iter().cloned().collect())))
    }

    /// Whether `model` is among them.
    #[must_use]
    pub fn allows(&self, model: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(model))
    }
}

/// What a subscription gives access to.
#[derive(Clone, Debug)]
pub enum Reach {
    /// The APIs of a product.
    Product(Arc<ProductEntry>),
    /// One API.
    Api(ApiId),
    /// All APIs of the subscription's workspace.
    All,
}

/// A compiled subscription.
#[derive(Debug)]
pub struct SubscriptionEntry {
    /// Identifier.
    pub id: SubscriptionId,
    /// What it gives access to.
    pub reach: Reach,
    /// Models it may use, beside what its product allows.
    pub models: ModelAccess,
    /// What its calls fall under: its own limits, its product's, its user's.
    pub limits: Held,
    /// Who pays: its user, else itself.
    pub payer: Box<str>,
    /// The user it belongs to.
    pub user: Option<UserId>,
    /// Whether that user is blocked.
    pub blocked: bool,
    /// Its state as stored.
    pub state: State,
    /// Its end.
    pub expires: Option<Timestamp>,
    /// Its owner; `None`: shared.
    pub workspace: Option<WorkspaceId>,
    /// Labels for reports.
    pub metadata: BTreeMap<String, String>,
    /// When it was last used, in milliseconds since the epoch; 0: never by this process.
    pub last_used: Arc<AtomicU64>,
}

impl SubscriptionEntry {
    /// Whether its keys let requests through at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.state == State::Active && !self.blocked && self.expires.is_none_or(|end| now < end)
    }

    /// Whether it gives access to `api`.
    #[must_use]
    pub fn reaches(&self, api: &ApiEntry) -> bool {
        match &self.reach {
            Reach::Product(product) => product.covers(&api.id, api.workspace.as_ref()),
            Reach::Api(id) => *id == api.id,
            Reach::All => self.workspace == api.workspace,
        }
    }

    /// The product it goes through.
    #[must_use]
    pub fn product(&self) -> Option<&Arc<ProductEntry>> {
        match &self.reach {
            Reach::Product(product) => Some(product),
            Reach::Api(_) | Reach::All => None,
        }
    }

    /// Whether it may use `model`.
    #[must_use]
    pub fn allows(&self, model: &ModelTarget) -> bool {
        self.models.allows(&model.name) && self.product().is_none_or(|product| product.models.allows(&model.name))
    }
}
