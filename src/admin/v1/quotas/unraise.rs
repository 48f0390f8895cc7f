//! `DELETE /admin/v1/quotas/{id}/raise`: the limit is what the configuration says again.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::{counter, line};
use crate::{
    admin::{
        call::Call,
        refusal::{Refusal, refuse},
    },
    snapshot::control::Run,
    usage::raises,
};

pub(in crate::admin::v1) async fn delete(call: Call) -> Result<Response, Refusal> {
    let (run, view) = (call.run()?, counter(&call)?);
    let Some(raise) = &view.raise else {
        return Err(refuse(StatusCode::NOT_FOUND, format!("`{}` is not raised", call.id)));
    };
    if run == Run::Real {
        let before = Some(raises::written(raise));
        call.state.books.note(line(&call, raises::UNRAISE, before, None, None)).await?;
        drop(call.state.limits.unraise(&view.account));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
