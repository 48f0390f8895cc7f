//! The management plane: `/admin/v1` on the console port, and its OpenAPI description.
//!
//! All endpoints stand in [`v1`], one line each; router and description are made from that one list. Who may call is
//! decided in [`auth`] before any of them runs. Configuration is changed through `snapshot::control` only.

mod answer;
mod auth;
mod call;
mod endpoint;
mod merge_patch;
mod openapi;
mod refusal;
mod v1;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::{
    cache::{Cache, http::Answers, model::Kept},
    limits::{Limits, WrongAttempts},
    model::{Clock, Entropy, KeyHash, Timestamp},
    policies::debugging::Debugging,
    pricing::Book,
    settings::Problem,
    snapshot::control::{Control, Refused},
    store::{Books, Store},
    usage::leases::Leases,
};

/// Largest request body: 1 MiB.
const LARGEST_BODY: usize = 1 << 20;

/// Gives the live state of each backend as JSON objects that carry its `id`.
pub type Statuses = Arc<dyn Fn() -> Vec<Value> + Send + Sync>;

/// Reads the configuration files again and hands them to the control; warnings on success.
pub type Reload = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<Problem>, Refused>> + Send + Sync>;

/// Gives the prices in use.
pub type Prices = Arc<dyn Fn() -> Arc<Book> + Send + Sync>;

/// What the management plane needs of the rest of the process.
#[derive(Clone)]
pub struct AdminState {
    /// The one writer of configuration.
    pub control: Arc<Control>,
    /// Tokens, sessions, last use.
    pub store: Arc<dyn Store>,
    /// Usage, balances, the audit log.
    pub books: Arc<dyn Books>,
    /// The counters.
    pub limits: Limits,
    /// What this gateway holds of quotas that several share; `None`: it is the only one.
    pub leases: Option<Arc<Leases>>,
    /// Live state of backends.
    pub statuses: Statuses,
    /// Reading the files again.
    pub reload: Reload,
    /// What calls cost, by the configuration in use.
    pub prices: Prices,
    /// Tokens that are not in the database: the environment's, and that of the local command line.
    pub tokens: Vec<KeyHash>,
    /// Wrong sign-in attempts, shared with the portal.
    pub attempts: Arc<WrongAttempts>,
    /// Answers of plain APIs that are kept.
    pub answers: Arc<Answers>,
    /// What policies keep.
    pub values: Cache,
    /// Tokens and traces of live requests.
    pub debugging: Arc<Debugging>,
    /// Kept answers of models.
    pub kept: Kept,
    /// Whether the port is bound to loopback: only its names are accepted as `Host` then.
    pub loopback: bool,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminState")
    }
}

impl AdminState {
    /// The live state of each backend, its times as text: as numbers of nanoseconds they exceed what JSON readers
    /// keep exactly.
    fn live(&self) -> Vec<Value> {
        let mut statuses = (self.statuses)();
        for status in &mut statuses {
            for field in ["since", "open_until"] {
                if let Some(nanos) = status.get(field).and_then(Value::as_u64) {
                    status[field] = Value::from(Timestamp::from_nanos(nanos).to_string());
                }
            }
        }
        statuses
    }
}

/// The routes below `/admin`. Requests should carry `ConnectInfo<SocketAddr>` (wrong attempts count by address;
/// without it all count together).
pub fn router(state: AdminState) -> Router {
    let state = Arc::new(state);
    let guarded = v1::endpoints()
        .into_iter()
        .fold(Router::new(), |router, endpoint| router.route(&endpoint.route(), endpoint.handler))
        .fallback(refusal::no_route)
        .method_not_allowed_fallback(refusal::wrong_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), auth::require))
        .with_state(Arc::clone(&state));
    Router::new()
        .route("/admin/openapi.json", get(openapi::serve))
        .nest("/admin/v1", guarded)
        .layer(middleware::from_fn_with_state(state, auth::local_names_only))
        .layer(middleware::map_response(answer::keep_private))
}
