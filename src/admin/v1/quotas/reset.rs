//! `POST /admin/v1/quotas/{id}/reset`: what is used becomes nothing; open requests keep what they hold.
//!
//! A quota's balance in the ledger is corrected, never a row: the correction stands beside the sum of the rows. Where
//! several gateways share the quota, only there: all of them learn of it from the database.

use axum::response::Response;
use serde_json::json;

use super::{changed, counter, line, shown};
use crate::{
    admin::{call::Call, refusal::Refusal},
    exchange::Charge,
    limits::Corrected,
    snapshot::control::Run,
    store::{Adjustment, Balance, StoreError},
    usage::report,
};

pub(in crate::admin::v1) async fn post(call: Call) -> Result<Response, Refusal> {
    let (fields, run, view) = (call.json()?, call.run()?, counter(&call)?);
    report::only(&fields, &["reason"])?;
    let reason = report::reason(&fields)?;
    if run == Run::Dry {
        let remaining = view.limit.saturating_sub(view.reserved).max(0);
        return Ok(changed(&view, &[("used", json!(0)), ("remaining", json!(remaining))]));
    }
    if let Some(leases) = &call.state.leases {
        leases.shipped(&view).await;
    }
    if let Some(leases) = &call.state.leases
        && leases.reset(&view, call.caller.actor(), reason.unwrap_or_default().to_owned()).await?
    {
        return Ok(shown(&counter(&call)?));
    }
    let limits = &call.state.limits;
    if let Some(corrected) = limits.reset(&view.account)
        && let Err(error) = keep(&call, &corrected, reason).await
    {
        // The counter in memory must not forgive what the database remembers.
        if let Some(charge) = &corrected.correction {
            drop(limits.adjust(&view.account, charge.amount.saturating_neg()));
        }
        return Err(error.into());
    }
    Ok(shown(&counter(&call)?))
}

async fn keep(call: &Call, corrected: &Corrected, reason: Option<&str>) -> Result<(), StoreError> {
    let state = &call.state;
    if let Some(charge) = &corrected.correction {
        return state.books.adjust(adjustment(call, charge, reason)).await;
    }
    let before = json!({ "used": corrected.before.used }).to_string();
    let after = json!({ "used": 0 }).to_string();
    state.books.note(line(call, "quota.reset", Some(before), Some(after), reason)).await.map(drop)
}

fn adjustment(call: &Call, charge: &Charge, reason: Option<&str>) -> Adjustment {
    let Charge { account, window, until, measure, amount } = charge.clone();
    Adjustment {
        balance: Balance { account, window, until, measure, charged: 0, adjusted: amount },
        actor: call.caller.actor(),
        reason: reason.unwrap_or_default().to_owned(),
        now: call.state.clock.now(),
    }
}
