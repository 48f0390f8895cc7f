//! `GET /admin/v1/audit`: who changed what, and why.

use axum::response::Response;

use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    usage::report,
};

pub(super) async fn list(call: Call) -> Result<Response, Refusal> {
    let state = &call.state;
    let table = report::audit(&*state.books, &call.params(), state.clock.now()).await?;
    answer::table(&call, &table)
}
