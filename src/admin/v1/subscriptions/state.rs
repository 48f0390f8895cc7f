//! `POST /admin/v1/subscriptions/{id}/state` with `{"state": "suspended"}`.

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use crate::{
    admin::{call::Call, refusal::Refusal, v1::objects::show},
    settings::{ObjectKind, Problem, State},
};

pub(in crate::admin::v1) async fn set_state(call: Call) -> Result<Response, Refusal> {
    let (fields, run) = (call.json()?, call.run()?);
    let wanted = fields.get("state").cloned().unwrap_or(Value::Null);
    let to: State = serde_json::from_value(wanted.clone()).map_err(|_| {
        let why = format!("{wanted} is not submitted, active, suspended, rejected or cancelled");
        Refusal::invalid(&[Problem::new("state", why)])
    })?;
    let view = call.state.control.set_state(&call.id, to, call.expect(), run).await?;
    show(&call.state, &view, (ObjectKind::Subscription, &call.id), StatusCode::OK, |_| {}).await
}
