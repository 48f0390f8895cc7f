//! `GET /admin/v1/focus`: what usage cost, in the columns of FOCUS 1.2.

use axum::response::Response;

use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    usage::report,
};

pub(super) async fn get(call: Call) -> Result<Response, Refusal> {
    let state = &call.state;
    let view = state.control.view();
    let labels = |id: &str| view.labels(id);
    let table = report::focus(&*state.books, &call.params(), &labels, state.clock.now()).await?;
    answer::table(&call, &table)
}
