//! All endpoints of `/admin/v1` on one page. Each has its file, named after what it does.

mod audit;
mod cache_purge;
mod debug_tokens;
mod focus;
mod login_links;
mod metering;
mod model_cache_purge;
mod objects;
mod operations;
mod price_list;
mod quotas;
mod reload;
mod reports;
mod requests;
mod session;
mod statement;
mod status;
mod subscriptions;
mod tokens;
mod traces;
mod validate;

use http::Method;

use super::endpoint::{
    Endpoint,
    Input::{Json, Nothing, Object, Page, Patch, Text},
    Precondition::{Honoured, Required},
};
use crate::{settings::ObjectKind, store::KeySlot};

/// Every endpoint; paths are below `/admin/v1`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![
        Endpoint::new(Method::GET, "/status", "State of this gateway and its backends", status::get)
            .answers(200, Some("Status")),
        Endpoint::new(
            Method::POST,
            "/reload",
            "Read the configuration files again: whole, or not at all",
            reload::post,
        )
        .takes(Nothing)
        .answers(200, Some("Reloaded")),
        Endpoint::new(
            Method::POST,
            "/cache/purge",
            "Forget kept answers by API, product, tag or path, or a value of policies by its key",
            cache_purge::post,
        )
        .tag("caches")
        .takes(Json("CachePurge"))
        .answers(200, Some("CachePurged")),
        Endpoint::new(Method::POST, "/validate", "Say everything that is wrong with a configuration", validate::post)
            .takes(Text)
            .answers(200, Some("Validity")),
        Endpoint::new(Method::GET, "/apis/{id}/operations", "Operations of an API", operations::list)
            .tag("apis")
            .takes(Page)
            .answers(200, Some("OperationList")),
        Endpoint::new(
            Method::GET,
            "/price-list",
            "What each model costs at each backend, and models used without a price",
            price_list::get,
        )
        .tag("prices")
        .answers(200, Some("PriceList")),
    ];
    all.extend(access_endpoints());
    all.extend(subscription_endpoints());
    all.extend(metering::endpoints());
    all.extend(MANAGED.into_iter().flat_map(writing));
    all.extend(ObjectKind::ALL.into_iter().flat_map(reading));
    all
}

/// Who may call, and who may see the steps of a request.
fn access_endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(Method::GET, "/session", "Who is calling, and the CSRF token of a console session", session::get)
            .tag("access")
            .answers(200, Some("Session")),
        Endpoint::new(Method::DELETE, "/session", "Sign out", session::delete)
            .tag("access")
            .takes(Nothing)
            .answers(204, None),
        Endpoint::new(Method::POST, "/login-links", "Make a one-time sign-in link", login_links::post)
            .tag("access")
            .takes(Nothing)
            .answers(201, Some("LoginLink")),
        Endpoint::new(Method::GET, "/tokens", "Administrators' tokens, without the tokens", tokens::list)
            .tag("access")
            .answers(200, Some("TokenList")),
        Endpoint::new(Method::POST, "/tokens", "Make an administrator's token, shown once", tokens::create)
            .tag("access")
            .takes(Json("NewToken"))
            .answers(201, Some("Token")),
        Endpoint::new(Method::DELETE, "/tokens/{id}", "Revoke an administrator's token", tokens::delete)
            .tag("access")
            .takes(Nothing)
            .answers(204, None),
        Endpoint::new(
            Method::POST,
            "/debug-tokens",
            "Make a short-lived token for traces of one API",
            debug_tokens::post,
        )
        .tag("debugging")
        .takes(Json("NewDebugToken"))
        .answers(201, Some("DebugToken")),
        Endpoint::new(
            Method::POST,
            "/cache/models/purge",
            "Forget kept answers of models: an entry, or those of an API, product, model or subscription",
            model_cache_purge::post,
        )
        .tag("cache")
        .takes(Json("ModelCachePurge"))
        .answers(200, Some("ModelCachePurged")),
        Endpoint::new(Method::GET, "/traces/{id}", "The steps of a request that carried a debug token", traces::get)
            .tag("debugging")
            .answers(200, Some("Trace")),
    ]
}

/// Kinds that are created, changed and removed by the uniform endpoints.
const MANAGED: [ObjectKind; 12] = [
    ObjectKind::Backend,
    ObjectKind::Pool,
    ObjectKind::Model,
    ObjectKind::Product,
    ObjectKind::Api,
    ObjectKind::Subscription,
    ObjectKind::Price,
    ObjectKind::NamedValue,
    ObjectKind::PolicyFragment,
    ObjectKind::Certificate,
    ObjectKind::TokenSource,
    ObjectKind::Logger,
];

fn reading(kind: ObjectKind) -> [Endpoint; 2] {
    let (plural, schema) = (kind.path(), schema(kind));
    [
        Endpoint::new(Method::GET, format!("/{plural}"), format!("List {plural}"), move |call| {
            objects::list(call, kind)
        })
        .tag(plural)
        .takes(Page)
        .answers(200, Some(schema)),
        Endpoint::new(Method::GET, format!("/{plural}/{{id}}"), format!("Read one of {plural}"), move |call| {
            objects::get(call, kind)
        })
        .tag(plural)
        .answers(200, Some(schema)),
    ]
}

fn writing(kind: ObjectKind) -> [Endpoint; 4] {
    let (plural, schema) = (kind.path(), schema(kind));
    let one = format!("/{plural}/{{id}}");
    [
        Endpoint::new(Method::POST, format!("/{plural}"), format!("Create one of {plural}"), move |call| {
            objects::create(call, kind)
        })
        .tag(plural)
        .takes(Object(schema))
        .answers(201, Some(schema)),
        Endpoint::new(Method::PUT, one.clone(), format!("Create or replace one of {plural}"), move |call| {
            objects::put(call, kind)
        })
        .tag(plural)
        .takes(Object(schema))
        .only_if(Honoured)
        .answers(200, Some(schema)),
        Endpoint::new(Method::PATCH, one.clone(), format!("Change some fields of one of {plural}"), move |call| {
            objects::patch(call, kind)
        })
        .tag(plural)
        .takes(Patch(schema))
        .only_if(Required)
        .answers(200, Some(schema)),
        Endpoint::new(Method::DELETE, one, format!("Remove one of {plural}"), move |call| objects::delete(call, kind))
            .tag(plural)
            .takes(Nothing)
            .only_if(Required)
            .answers(204, None),
    ]
}

fn subscription_endpoints() -> [Endpoint; 3] {
    let regenerate = |path: &str, word: &str, slot: KeySlot| {
        Endpoint::new(Method::POST, path, format!("Make a new {word} key, shown once; the old one ends"), move |call| {
            subscriptions::regenerate(call, slot)
        })
        .tag("subscriptions")
        .takes(Nothing)
        .only_if(Honoured)
        .answers(200, Some("IssuedKey"))
    };
    [
        regenerate("/subscriptions/{id}/regenerate-primary", "primary", KeySlot::Primary),
        regenerate("/subscriptions/{id}/regenerate-secondary", "secondary", KeySlot::Secondary),
        Endpoint::new(Method::POST, "/subscriptions/{id}/state", "Move a subscription to another state", |call| {
            subscriptions::set_state(call)
        })
        .tag("subscriptions")
        .takes(Json("NewState"))
        .only_if(Honoured)
        .answers(200, Some("Subscription")),
    ]
}

/// Name of a kind's schema in the description.
pub(super) const fn schema(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Backend => "Backend",
        ObjectKind::Pool => "Pool",
        ObjectKind::Model => "Model",
        ObjectKind::Product => "Product",
        ObjectKind::Subscription => "Subscription",
        ObjectKind::Api => "Api",
        ObjectKind::Workspace => "Workspace",
        ObjectKind::User => "User",
        ObjectKind::Group => "Group",
        ObjectKind::Price => "Price",
        ObjectKind::NamedValue => "NamedValue",
        ObjectKind::PolicyFragment => "PolicyFragment",
        ObjectKind::Certificate => "Certificate",
        ObjectKind::TokenSource => "TokenSource",
        ObjectKind::Logger => "Logger",
    }
}
