//! `GET /admin/v1/status`: what the status page shows.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    settings::ObjectKind,
};

pub(super) async fn get(call: Call) -> Result<Response, Refusal> {
    let view = call.state.control.view();
    let count = |kind: ObjectKind| (kind.plural().to_owned(), json!(view.after(kind, "").count()));
    let counts: Map<String, Value> = ObjectKind::ALL.into_iter().map(count).collect();
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": view.revision.0,
        "time": call.state.clock.now().to_string(),
        "objects": counts,
        "backends": call.state.live(),
        "models": view.settings.models.iter().map(|model| &model.name).collect::<Vec<_>>(),
    });
    Ok(answer::json(StatusCode::OK, &body))
}
