//! `GET /admin/v1/{kind}/{id}`

use axum::response::Response;
use http::StatusCode;

use super::{reading::missing, show};
use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    settings::ObjectKind,
};

pub(in crate::admin::v1) async fn get(call: Call, kind: ObjectKind) -> Result<Response, Refusal> {
    let view = call.state.control.view();
    let entry = view.get(kind, &call.id).ok_or_else(|| missing(kind, &call.id))?;
    if call.has(entry.etag.as_str()) {
        return Ok(answer::not_modified(&entry.etag));
    }
    show(&call.state, &view, (kind, &call.id), StatusCode::OK, |_| {}).await
}
