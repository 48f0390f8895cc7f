//! `PATCH /admin/v1/{kind}/{id}`: some fields, by merge patch, on the version that the caller read.

use axum::response::Response;
use http::StatusCode;

use super::{reading::missing, show, writing};
use crate::{
    admin::{call::Call, merge_patch, refusal::Refusal},
    settings::ObjectKind,
    snapshot::control::{Change, Expect, Ownership, Refused},
};

pub(in crate::admin::v1) async fn patch(call: Call, kind: ObjectKind) -> Result<Response, Refusal> {
    let (expect, patch, run) = (call.expect_named()?, call.json()?, call.run()?);
    let view = call.state.control.view();
    let entry = view.get(kind, &call.id).ok_or_else(|| missing(kind, &call.id))?;
    if let Ownership::File(origin) = &entry.ownership {
        return Err(Refused::FileOwned { kind, id: call.id.clone(), origin: origin.clone() }.into());
    }
    let mut fields = writing::stored(entry);
    merge_patch::merge(&mut fields, patch);
    let object = writing::object(kind, Some(&call.id), fields, Some(entry))?;
    // `*` asks for whatever is there now, but what was merged is this very version.
    let expect = if expect == Expect::Present { Expect::Unchanged(vec![entry.etag.clone()]) } else { expect };
    let view = call.state.control.apply(vec![Change::Put { object, expect }], run).await?;
    show(&call.state, &view, (kind, &call.id), StatusCode::OK, |_| {}).await
}
