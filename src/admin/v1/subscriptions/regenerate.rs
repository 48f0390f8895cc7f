//! `POST /admin/v1/subscriptions/{id}/regenerate-primary` and `…/regenerate-secondary`: the new key is shown once,
//! the old one is refused from the next request on.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::{
    admin::{call::Call, refusal::Refusal, v1::objects::show},
    settings::ObjectKind,
    snapshot::control::Run,
    store::KeySlot,
};

pub(in crate::admin::v1) async fn regenerate(call: Call, slot: KeySlot) -> Result<Response, Refusal> {
    let run = call.run()?;
    let (view, key) = call.state.control.regenerate(&call.id, slot, call.expect(), run).await?;
    let field = match slot {
        KeySlot::Primary => "key",
        KeySlot::Secondary => "secondary_key",
    };
    show(&call.state, &view, (ObjectKind::Subscription, &call.id), StatusCode::OK, |body| {
        if run == Run::Real {
            body[field] = json!(key.expose());
        }
    })
    .await
}
