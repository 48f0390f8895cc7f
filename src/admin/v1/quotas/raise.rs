//! `POST /admin/v1/quotas/{id}/raise` with `{"amount": 1000000, "until": "+24h", "reason": "launch"}`: a higher limit
//! for a while, in place of an earlier raise.

use axum::response::Response;
use serde_json::json;

use super::{changed, counter, line, shown};
use crate::{
    admin::{call::Call, refusal::Refusal},
    snapshot::control::Run,
    usage::{raises, report},
};

pub(in crate::admin::v1) async fn post(call: Call) -> Result<Response, Refusal> {
    let (fields, run, view) = (call.json()?, call.run()?, counter(&call)?);
    let raise = report::raise(&view, &fields, call.state.clock.now())?;
    if run == Run::Dry {
        let limit = view.rule.limit.saturating_add(raise.amount);
        let until = raise.until.to_string();
        return Ok(changed(
            &view,
            &[("limit", json!(limit)), ("raised_by", json!(raise.amount)), ("raised_until", json!(until))],
        ));
    }
    // First written, then in force: a raise that nobody can look up later is never granted.
    let before = view.raise.as_ref().map(raises::written);
    let after = raises::written(&raise);
    call.state.books.note(line(&call, raises::RAISE, before, Some(after), Some(&raise.reason))).await?;
    call.state.limits.raise(&view.account, raise);
    Ok(shown(&counter(&call)?))
}
