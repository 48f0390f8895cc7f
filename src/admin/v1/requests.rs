//! `GET /admin/v1/requests`, which is `reports/by-request` too, and `GET /admin/v1/requests/{id}`: single usage rows.

use axum::response::Response;
use http::StatusCode;

use crate::{
    admin::{
        answer,
        call::Call,
        refusal::{Refusal, refuse},
    },
    usage::report,
};

pub(super) async fn list(call: Call) -> Result<Response, Refusal> {
    let state = &call.state;
    let table = report::requests(&*state.books, &call.params(), state.clock.now()).await?;
    answer::table(&call, &table)
}

pub(super) async fn get(call: Call) -> Result<Response, Refusal> {
    if let Some(row) = report::request(&*call.state.books, &call.id).await? {
        return Ok(answer::json(StatusCode::OK, &row));
    }
    let why = "it is still open, was never made here, or its row is past its age";
    Err(refuse(StatusCode::NOT_FOUND, format!("there is no usage row of request `{}`: {why}", call.id)))
}
