//! `GET /admin/v1/apis/{id}/operations`

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    settings::{Object, ObjectKind},
    snapshot::control::Refused,
};

pub(super) async fn list(call: Call) -> Result<Response, Refusal> {
    let (limit, kind) = (call.limit()?, ObjectKind::Api);
    let view = call.state.control.view();
    let Some(Object::Api(api)) = view.get(kind, &call.id).map(|entry| &entry.object) else {
        return Err(Refused::NotFound { kind, id: call.id }.into());
    };
    let mut operations: Vec<_> = api.operations.iter().collect();
    operations.sort_by_key(|operation| operation.id.as_str());
    operations.retain(|operation| operation.id.as_str() > call.after());
    let next = operations.get(limit).and_then(|_| operations.get(limit - 1)).map(|last| last.id.as_str());
    let body = json!({ "items": operations.iter().take(limit).collect::<Vec<_>>(), "next": next });
    Ok(answer::json(StatusCode::OK, &body))
}
