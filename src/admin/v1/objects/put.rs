//! `PUT /admin/v1/{kind}/{id}`: create or replace. Keys of a subscription that exists stay unless sent.

use axum::response::Response;
use http::StatusCode;

use super::{create::store_new, show, writing};
use crate::{
    admin::{call::Call, refusal::Refusal},
    settings::ObjectKind,
    snapshot::control::{Change, Expect, Refused},
};

pub(in crate::admin::v1) async fn put(call: Call, kind: ObjectKind) -> Result<Response, Refusal> {
    let (fields, expect, run) = (call.json()?, call.expect(), call.run()?);
    let named_state = fields.contains_key("state");
    let view = call.state.control.view();
    let old = view.get(kind, &call.id);
    let object = writing::object(kind, Some(&call.id), fields, old)?;
    if old.is_none() && matches!(expect, Expect::Anything | Expect::Absent) {
        return store_new(&call, object, named_state, Expect::Absent).await.map_err(unless_expected);
    }
    let view = match call.state.control.apply(vec![Change::Put { object, expect }], run).await {
        // RFC 9110, 13.1: a precondition that does not hold is 412, on creation too.
        Err(refused @ (Refused::Exists { .. } | Refused::NotFound { .. })) => {
            return Err(Refusal::from(refused).with_status(StatusCode::PRECONDITION_FAILED));
        }
        decided => decided?,
    };
    show(&call.state, &view, (kind, &call.id), StatusCode::OK, |_| {}).await
}

/// Somebody else created it since we looked: to the caller that is a precondition that failed.
fn unless_expected(refusal: Refusal) -> Refusal {
    if refusal.is("exists") { refusal.with_status(StatusCode::PRECONDITION_FAILED) } else { refusal }
}
