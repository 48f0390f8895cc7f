//! What the operator wrote, typed: reading, expanding, checking, describing.
//!
//! The structs here are the manual: every field's doc comment becomes its description in the JSON schema.
//! What they mean together is compiled by `snapshot`.

pub mod caching;
pub mod check;
pub mod collection;
pub mod database;
pub mod defaults;
pub mod ledger;
pub mod load;
pub mod objects;
pub mod origin;
pub mod problem;
mod read;
pub mod redact;
pub mod schema;
pub mod server;
pub mod shared_state;
#[cfg(test)]
mod shipped;

pub use caching::{
    CacheRules, CacheScope, Caching, Embeddings, EmbeddingsBackend, EncoderFolder, Judge, NamedEmbeddings, Semantic,
    SemanticMode, Verify,
};
pub use check::{check, object_from_json};
pub use collection::Object;
pub use database::{Database, PostgresUrl};
pub use defaults::{quick_start, with_defaults};
pub use ledger::{Alerts, Ledger, LedgerSync, Webhook};
pub use load::{Loaded, Source, load};

pub use objects::{
    Affinity, Api, ApiKind, Backend, Balance, BreakerRule, Certificate, ClientAuth, Credential, Group, HttpCache,
    LimitSet, Limits, Logger, Member, Model, NamedValue, OnUnsupported, Operation, Policies, PolicyFragment,
    PolicySource, Pool, Price, Product, Rates, Scope, State, Subscription, TokenSource, User, Workspace,
};
pub use origin::{ObjectKind, Origin};
pub use problem::Problem;
pub use redact::redacted;
pub use schema::schema;
pub use server::Server;

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The whole configuration, from a file, a folder of files, or the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Version of this format: 1.
    pub version: u32,
    /// Ports, folders, limits of the process itself.
    pub server: Server,
    /// Where requests are sent.
    pub backends: Vec<Backend>,
    /// Groups of backends that share load and stand in for each other.
    pub pools: Vec<Pool>,
    /// What callers write in `model`.
    pub models: Vec<Model>,
    /// Bundles of APIs and models that subscriptions give access to.
    pub products: Vec<Product>,
    /// Keys. Normally created by CLI, console or admin API; those listed here belong to the file.
    pub subscriptions: Vec<Subscription>,
    /// APIs offered on the gateway port.
    pub apis: Vec<Api>,
    /// Tenants inside one gateway: objects name theirs, and see only their own and the shared ones.
    pub workspaces: Vec<Workspace>,
    /// People who own subscriptions.
    pub users: Vec<User>,
    /// Groups of users; products may be restricted to groups.
    pub groups: Vec<Group>,
    /// What tokens cost, where the built-in table does not know or a contract says otherwise.
    pub prices: Vec<Price>,
    /// Values that policy documents name.
    pub named_values: Vec<NamedValue>,
    /// Parts that policy documents share.
    pub policy_fragments: Vec<PolicyFragment>,
    /// Certificates that policies name.
    pub certificates: Vec<Certificate>,
    /// Where policies get tokens.
    pub token_sources: Vec<TokenSource>,
    /// Where policies send log messages.
    pub loggers: Vec<Logger>,
    /// Policy documents that belong to no object.
    pub policies: Policies,
    /// Keeps answers of models and gives them again. Left out: nothing is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Caching>,
    /// Where each object was declared; empty for objects of the database.
    #[serde(skip)]
    pub origins: HashMap<(ObjectKind, String), Origin>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: 1,
            server: Server::default(),
            backends: Vec::new(),
            pools: Vec::new(),
            models: Vec::new(),
            products: Vec::new(),
            subscriptions: Vec::new(),
            apis: Vec::new(),
            workspaces: Vec::new(),
            users: Vec::new(),
            groups: Vec::new(),
            prices: Vec::new(),
            named_values: Vec::new(),
            policy_fragments: Vec::new(),
            certificates: Vec::new(),
            token_sources: Vec::new(),
            loggers: Vec::new(),
            policies: Policies::default(),
            cache: None,
            origins: HashMap::new(),
        }
    }
}

/// What `tollgate init` writes: short, real, commented.
pub const INIT_TEMPLATE: &str = include_str!("../../config/init.yaml");
