//! `GET /admin/v1/reports/by-…`: sums of usage, from rollups.

use axum::response::Response;

use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    usage::report,
};

pub(super) async fn get(call: Call, by: &'static str) -> Result<Response, Refusal> {
    let state = &call.state;
    let table = report::report(&*state.books, by, &call.params(), state.clock.now()).await?;
    answer::table(&call, &table)
}
