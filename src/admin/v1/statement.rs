//! `GET /admin/v1/products/{id}/statement` and `…/subscriptions/{id}/statement`: a month of it, deleted or not.

use axum::response::Response;

use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    usage::report,
};

pub(super) async fn get(call: Call, of: &'static str) -> Result<Response, Refusal> {
    let state = &call.state;
    let mut params = call.params();
    params.set(of, &call.id);
    let table = report::statement(&*state.books, &params, state.clock.now()).await?;
    answer::table(&call, &table)
}
