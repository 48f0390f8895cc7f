//! What `context` tells of the configuration: API, operation, product, subscription, user, deployment.
//!
//! Compiled with the snapshot; an exchange holds references to its own.

use std::sync::Arc;

use crate::{expression::Certificate, policy::Scope};

/// The facts of one exchange.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Our id of the exchange.
    pub request_id: String,
    /// The API.
    pub api: Option<Arc<ApiFacts>>,
    /// The operation.
    pub operation: Option<Arc<OperationFacts>>,
    /// The product.
    pub product: Option<Arc<ProductFacts>>,
    /// The subscription.
    pub subscription: Option<Arc<SubscriptionFacts>>,
    /// The key that the caller showed.
    pub key: Option<crate::model::Secret>,
    /// Who owns the subscription.
    pub user: Option<Arc<UserFacts>>,
    /// This gateway.
    pub deployment: Arc<DeploymentFacts>,
}

impl Facts {
    /// Names the object whose document of that scope applies: `api:orders`. Counters of documents carry it, so that
    /// those of two APIs are two.
    #[must_use]
    pub fn holder(&self, scope: Scope) -> String {
        let api = self.api.as_ref().map_or("", |api| &*api.id);
        match scope {
            Scope::Global => "global".to_owned(),
            Scope::Workspace => {
                let workspace = self.api.as_ref().and_then(|api| api.workspace.as_deref());
                format!("workspace:{}", workspace.unwrap_or_default())
            }
            Scope::Product => format!("product:{}", self.product.as_ref().map_or("", |product| &*product.id)),
            Scope::Api => format!("api:{api}"),
            Scope::Operation => {
                format!("operation:{api}/{}", self.operation.as_ref().map_or("", |operation| &*operation.id))
            }
        }
    }
}

/// `context.Api`.
#[derive(Clone, Debug, Default)]
pub struct ApiFacts {
    /// Identifier.
    pub id: Arc<str>,
    /// Title, or the identifier.
    pub name: Arc<str>,
    /// Path prefix.
    pub path: Arc<str>,
    /// Version, such as `v1`.
    pub version: Option<Arc<str>>,
    /// Revision; `1` until there are more.
    pub revision: Arc<str>,
    /// Whether the revision is the current one.
    pub is_current: bool,
    /// URL of the backend.
    pub service_url: Option<Arc<str>>,
    /// Header and query parameter of the key.
    pub key_names: (Arc<str>, Arc<str>),
    /// The workspace.
    pub workspace: Option<Arc<str>>,
    /// Its OpenAPI document, as JSON, for the policies that validate and mock.
    pub openapi: Option<Arc<serde_json::Value>>,
}

/// `context.Operation`.
#[derive(Clone, Debug, Default)]
pub struct OperationFacts {
    /// Identifier.
    pub id: Arc<str>,
    /// Title, or the identifier.
    pub name: Arc<str>,
    /// Method.
    pub method: Arc<str>,
    /// Template below the API's path.
    pub url_template: Arc<str>,
}

/// `context.Product`.
#[derive(Clone, Debug, Default)]
pub struct ProductFacts {
    /// Identifier.
    pub id: Arc<str>,
    /// Title, or the identifier.
    pub name: Arc<str>,
    /// APIs in it; `None`: all.
    pub apis: Option<Vec<Arc<str>>>,
    /// Groups that may see it.
    pub groups: Vec<Arc<str>>,
    /// Whether subscriptions wait for approval.
    pub approval_required: bool,
    /// Whether a key is needed.
    pub subscription_required: bool,
}

/// `context.Subscription`.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionFacts {
    /// Identifier.
    pub id: Arc<str>,
    /// Title, or the identifier.
    pub name: Arc<str>,
    /// End of validity, nanoseconds since 1970.
    pub ends: Option<u64>,
}

/// `context.User`.
#[derive(Clone, Debug, Default)]
pub struct UserFacts {
    /// Identifier.
    pub id: Arc<str>,
    /// Email.
    pub email: Option<Arc<str>>,
    /// Name for people.
    pub name: Option<Arc<str>>,
    /// Groups, by id.
    pub groups: Vec<Arc<str>>,
}

/// `context.Deployment` and `context.Gateway`.
#[derive(Clone, Debug, Default)]
pub struct DeploymentFacts {
    /// Region.
    pub region: Arc<str>,
    /// Name of the service.
    pub service_name: Arc<str>,
    /// Gateway id: `managed` for the one that is not a satellite of another.
    pub gateway_id: Arc<str>,
    /// This process among those of the gateway.
    pub instance: Arc<str>,
    /// Configured certificates, by id.
    pub certificates: Vec<(Arc<str>, Certificate)>,
}
