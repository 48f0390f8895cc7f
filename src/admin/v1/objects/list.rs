//! `GET /admin/v1/{kind}`: one page, by id.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::Shown;
use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    settings::ObjectKind,
};

pub(in crate::admin::v1) async fn list(call: Call, kind: ObjectKind) -> Result<Response, Refusal> {
    let limit = call.limit()?;
    let shown = Shown::read(&call.state, kind).await?;
    let view = call.state.control.view();
    let mut rest = view.after(kind, call.after());
    let mut last = None;
    let items: Vec<Value> = rest
        .by_ref()
        .take(limit)
        .map(|(id, entry)| {
            last = Some(id);
            shown.show(entry)
        })
        .collect();
    let next = rest.next().and(last);
    Ok(answer::json(StatusCode::OK, &json!({ "items": items, "next": next })))
}
