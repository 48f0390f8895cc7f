//! `GET /admin/v1/price-list`: which price each model has at each backend, and which models were used without one.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::{
    admin::{
        answer,
        call::Call,
        refusal::{Refusal, refuse},
    },
    pricing::{listing, unpriced},
};

pub(super) async fn get(call: Call) -> Result<Response, Refusal> {
    let book = (call.state.prices)();
    let settings = &call.state.control.view().settings;
    // The first look at the built-in table decodes it: tens of milliseconds that no request should wait behind.
    let (settings, now) = (settings.clone(), call.state.clock.now());
    let listed = tokio::task::spawn_blocking(move || {
        let items = listing(&book.list(&settings, now));
        json!({ "table": book.table_version(), "items": items, "unpriced": unpriced(&book.unpriced()) })
    });
    match listed.await {
        Ok(body) => Ok(answer::json(StatusCode::OK, &body)),
        Err(error) => {
            tracing::error!(%error, "prices could not be listed");
            Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "prices could not be listed; the log says why"))
        }
    }
}
