//! `GET /admin/v1/statement`: a month of one product or subscription.

use axum::response::Response;

use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    usage::report,
};

pub(super) async fn get(call: Call) -> Result<Response, Refusal> {
    let state = &call.state;
    let table = report::statement(&*state.books, &call.params(), state.clock.now()).await?;
    answer::table(&call, &table)
}
