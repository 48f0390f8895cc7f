//! Settings of the objects that the admin API manages too: one shape for the file, the API and the database.
//!
//! One file a noun. How they are read is in `settings::read`, what they may mean together in `settings::check`.

pub mod amounts;
pub mod api;
pub mod backend;
pub mod cache;
pub mod limits;
pub mod model;
pub mod outside;
pub mod people;
pub mod policy;
pub mod pool;
pub mod price;
pub mod product;
pub mod subscription;

pub use amounts::{AmountKey, Amounts, Period, Quantity};
pub use api::{Api, ApiKind, KeyNames, Operation, VersionScheme, Versioning};
pub use backend::{Backend, BackendTls, BreakerRule, Credential, FailureCondition, HealthCheck, HttpVersion, Timeouts};
pub use cache::{HttpCache, VaryBy};
pub use limits::{LimitSet, Limits, Per, Percent, Reserve, Unpriced};
pub use model::Model;
pub use outside::{Certificate, ClientAuth, Logger, TokenSource};
pub use people::{Group, User, Workspace};
pub use policy::{NamedValue, OnUnsupported, Policies, PolicyFragment, PolicySource};
pub use pool::{Affinity, Balance, Member, Pool, Retry};
pub use price::{LongPrompt, Moment, Price, Rates};
pub use product::{Approval, Product};
pub use subscription::{Scope, State, Subscription};

/// The default of switches that are on unless said otherwise.
fn yes() -> bool {
    true
}
