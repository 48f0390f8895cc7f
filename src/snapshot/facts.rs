//! What `context` tells of the configuration, compiled once: exchanges hold references.

use std::{collections::HashMap, sync::Arc};

use crate::{
    expression::Certificate,
    model::{ApiId, OperationId, ProductId, SubscriptionId, UserId},
    outbound::fetch::Identity,
    policies::{
        Named,
        facts::{ApiFacts, DeploymentFacts, OperationFacts, ProductFacts, SubscriptionFacts, UserFacts},
    },
    settings::{self, Settings},
};

/// Usual names of the key's places (APIM).
const KEY_NAMES: (&str, &str) = ("Ocp-Apim-Subscription-Key", "subscription-key");

/// The facts of every object, by id.
#[derive(Default)]
pub struct FactTable {
    /// Of APIs.
    pub apis: HashMap<ApiId, Arc<ApiFacts>>,
    /// Of operations, inside their API.
    pub operations: HashMap<ApiId, HashMap<OperationId, Arc<OperationFacts>>>,
    /// Of products.
    pub products: HashMap<ProductId, Arc<ProductFacts>>,
    /// Of subscriptions.
    pub subscriptions: HashMap<SubscriptionId, Arc<SubscriptionFacts>>,
    /// Of users.
    pub users: HashMap<UserId, Arc<UserFacts>>,
    /// Of this gateway.
    pub deployment: Arc<DeploymentFacts>,
}

impl FactTable {
    /// The facts of a configuration; `operations` are those of each API with its OpenAPI document's, `named` has its
    /// certificates.
    #[must_use]
    pub fn new(settings: &Settings, operations: &HashMap<ApiId, ApiDescription>, named: &Named) -> Self {
        let none = ApiDescription::default();
        let description = |api: &settings::Api| operations.get(&api.id).unwrap_or(&none);
        Self {
            apis: settings
                .apis
                .iter()
                .map(|one| (one.id.clone(), Arc::new(api(settings, one, description(one)))))
                .collect(),
            operations: settings.apis.iter().map(|one| (one.id.clone(), described(description(one)))).collect(),
            products: settings.products.iter().map(|one| (one.id.clone(), Arc::new(product(one)))).collect(),
            subscriptions: settings
                .subscriptions
                .iter()
                .map(|one| (one.id.clone(), Arc::new(subscription(one))))
                .collect(),
            users: settings.users.iter().map(|one| (one.id.clone(), Arc::new(user(one)))).collect(),
            deployment: Arc::new(DeploymentFacts {
                region: "local".into(),
                service_name: "tollgate".into(),
                gateway_id: "managed".into(),
                instance: "1".into(),
                certificates: named.certificates().map(|(id, identity)| (id.into(), certificate(identity))).collect(),
            }),
        }
    }
}

/// A configured certificate as expressions know it. Only RSA keys sign there.
fn certificate(identity: &Identity) -> Certificate {
    Certificate {
        der: identity.der().into(),
        key: identity.rsa_key().map(Into::into),
        is_trusted: true,
        is_revoked: false,
    }
}

/// What is known of an API beside its settings.
#[derive(Clone, Debug, Default)]
pub struct ApiDescription {
    /// All operations, those of the OpenAPI document included.
    pub operations: Vec<settings::Operation>,
    /// The OpenAPI document.
    pub document: Option<Arc<serde_json::Value>>,
}

fn described(of: &ApiDescription) -> HashMap<OperationId, Arc<OperationFacts>> {
    let facts = of.operations.iter().map(|operation| {
        let facts = OperationFacts {
            id: operation.id.as_str().into(),
            name: operation.title.as_deref().unwrap_or(operation.id.as_str()).into(),
            method: operation.method.as_str().into(),
            url_template: operation.path.as_str().into(),
        };
        (operation.id.clone(), Arc::new(facts))
    });
    facts.collect()
}

fn api(settings: &Settings, api: &settings::Api, description: &ApiDescription) -> ApiFacts {
    let names = api.key_names.as_ref();
    let backend = api.backend.as_ref().and_then(|id| settings.backends.iter().find(|backend| backend.id == *id));
    ApiFacts {
        id: api.id.as_str().into(),
        name: api.title.as_deref().unwrap_or(api.id.as_str()).into(),
        path: api.path.trim_start_matches('/').into(),
        version: api.versioning.as_ref().map(|versioning| versioning.version.as_str().into()),
        revision: "1".into(),
        is_current: true,
        service_url: backend.and_then(|backend| backend.url.as_deref()).map(Into::into),
        key_names: (
            names.and_then(|names| names.header.as_deref()).unwrap_or(KEY_NAMES.0).into(),
            names.and_then(|names| names.query.as_deref()).unwrap_or(KEY_NAMES.1).into(),
        ),
        workspace: api.workspace.as_ref().map(|id| id.as_str().into()),
        openapi: description.document.clone(),
    }
}

fn product(product: &settings::Product) -> ProductFacts {
    ProductFacts {
        id: product.id.as_str().into(),
        name: product.title.as_deref().unwrap_or(product.id.as_str()).into(),
        apis: product.apis.as_ref().map(|apis| apis.iter().map(|api| api.as_str().into()).collect()),
        groups: product.groups.iter().flatten().map(|group| group.as_str().into()).collect(),
        approval_required: product.approval == settings::objects::product::Approval::Required,
        subscription_required: product.subscription_required,
    }
}

fn subscription(subscription: &settings::Subscription) -> SubscriptionFacts {
    let ends = subscription.expires.map(|time| u64::try_from(time.as_nanosecond().max(0)).unwrap_or(u64::MAX));
    SubscriptionFacts {
        id: subscription.id.as_str().into(),
        name: subscription.title.as_deref().unwrap_or(subscription.id.as_str()).into(),
        ends,
    }
}

fn user(user: &settings::User) -> UserFacts {
    UserFacts {
        id: user.id.as_str().into(),
        email: user.email.as_deref().map(Into::into),
        name: user.name.as_deref().map(Into::into),
        groups: user.groups.iter().map(|group| group.as_str().into()).collect(),
    }
}
