//! Subscriptions: keys with a scope, a state and an end.
//!
//! The keys of subscriptions that API, CLI or console created live hashed in the database, not here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{ApiId, ProductId, Secret, SubscriptionId, UserId, WorkspaceId};

use super::Limits;

/// A key's owner, scope and state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Identifier: logs, metrics and reports show it.
    pub id: SubscriptionId,
    /// Name for people.
    #[serde(default)]
    pub title: Option<String>,
    /// The product. Either this or `scope`.
    #[serde(default)]
    pub product: Option<ProductId>,
    /// `product:ID`, `api:ID` or `all`. Either this or `product`.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// Primary key; the file may carry any value of 16 characters or more. Generated when the API creates one.
    #[serde(default)]
    pub key: Option<Secret>,
    /// Secondary key, for rotation without an outage.
    #[serde(default)]
    pub secondary_key: Option<Secret>,
    /// State. Only `active` lets requests through.
    #[serde(default)]
    pub state: State,
    /// No longer valid from this moment (RFC 3339), such as `2027-12-31T23:59:59Z`.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires: Option<jiff::Timestamp>,
    /// Models it may use, further narrowing its product's.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// What it may consume, beside what its product allows. One mapping, or a list of them.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// The user it belongs to.
    #[serde(default)]
    pub user: Option<UserId>,
    /// Free labels for reports, such as `cost_centre`.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Workspace that owns it. Left out: shared.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
}

/// What a subscription gives access to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("format" = "scope"))]
pub enum Scope {
    /// One product.
    Product(ProductId),
    /// One API.
    Api(ApiId),
    /// All APIs of its workspace.
    All,
}

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            Some(("product", id)) if !id.is_empty() => Ok(Self::Product(id.into())),
            Some(("api", id)) if !id.is_empty() => Ok(Self::Api(id.into())),
            _ => Err(format!("`{text}` is not product:ID, api:ID or all")),
        }
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Product(id) => format!("product:{id}"),
            Scope::Api(id) => format!("api:{id}"),
            Scope::All => "all".into(),
        }
    }
}

/// State of a subscription (APIM's six). Only `active` lets requests through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Waits for approval.
    Submitted,
    /// In use.
    #[default]
    Active,
    /// Blocked by an administrator; can be activated again.
    Suspended,
    /// Approval was refused.
    Rejected,
    /// Ended by its owner or an administrator.
    Cancelled,
    /// Past its end.
    Expired,
}
