//! `POST /admin/v1/reload`: the files are read again; the new state is swapped in whole or refused whole.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::admin::{
    answer,
    call::Call,
    refusal::{Refusal, describe},
};

pub(super) async fn post(call: Call) -> Result<Response, Refusal> {
    let warnings = (call.state.reload)().await?;
    let body = json!({
        "revision": call.state.control.view().revision.0,
        "warnings": warnings.iter().map(describe).collect::<Vec<_>>(),
    });
    Ok(answer::json(StatusCode::OK, &body))
}
