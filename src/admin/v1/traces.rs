//! `GET /admin/v1/traces/{id}`: the steps of a request that carried a debug token; `id` is the answer's `Apim-Trace-Id`.

use axum::response::Response;
use http::StatusCode;

use crate::admin::{
    answer,
    call::Call,
    refusal::{Refusal, refuse},
};

pub(super) async fn get(call: Call) -> Result<Response, Refusal> {
    match call.state.debugging.trace(&call.id) {
        Some(trace) => Ok(answer::json(StatusCode::OK, &trace)),
        None => Err(refuse(
            StatusCode::NOT_FOUND,
            format!(
                "there is no trace `{}`: the last 256 are kept, in the memory of the gateway that answered",
                call.id
            ),
        )),
    }
}
