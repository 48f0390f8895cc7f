//! `DELETE /admin/v1/{kind}/{id}`

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::{
    admin::{call::Call, refusal::Refusal},
    settings::ObjectKind,
    snapshot::control::Change,
};

pub(in crate::admin::v1) async fn delete(call: Call, kind: ObjectKind) -> Result<Response, Refusal> {
    let (expect, run) = (call.expect_named()?, call.run()?);
    call.state.control.apply(vec![Change::Delete { kind, id: call.id.clone(), expect }], run).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
