//! `/admin/v1/quotas`: the counters of this process. Whoever resets or raises one stands in the audit log.

mod raise;
mod reset;
mod unraise;

pub(super) use raise::post as raise;
pub(super) use reset::post as reset;
pub(super) use unraise::delete as unraise;

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use crate::{
    admin::{
        answer,
        call::Call,
        refusal::{Refusal, refuse},
    },
    limits::CounterView,
    store::AuditLine,
    usage::report,
};

pub(super) async fn list(call: Call) -> Result<Response, Refusal> {
    look(&call).await?;
    let table = report::quotas(&call.state.limits, &call.params())?;
    answer::table(&call, &table)
}

pub(super) async fn get(call: Call) -> Result<Response, Refusal> {
    look(&call).await?;
    Ok(shown(&counter(&call)?))
}

/// Where several gateways share quotas, this one may not have asked for a counter's use yet.
async fn look(call: &Call) -> Result<(), Refusal> {
    if let Some(leases) = &call.state.leases {
        leases.show(&call.state.books.balances(call.state.clock.now()).await?);
    }
    Ok(())
}

/// The counter that the path names.
fn counter(call: &Call) -> Result<CounterView, Refusal> {
    call.state.limits.view(&report::account_of(&call.id)).ok_or_else(|| {
        let why = "GET /admin/v1/quotas lists them; those of callers' own values appear with their first request";
        refuse(StatusCode::NOT_FOUND, format!("there is no counter `{}`: {why}", call.id))
    })
}

fn shown(view: &CounterView) -> Response {
    answer::json(StatusCode::OK, &report::counter(view))
}

/// A line of the audit log about the counter of this call.
fn line(call: &Call, action: &str, before: Option<String>, after: Option<String>, reason: Option<&str>) -> AuditLine {
    AuditLine {
        number: 0,
        time: call.state.clock.now(),
        actor: call.caller.actor(),
        action: action.to_owned(),
        object: report::account_of(&call.id),
        before,
        after,
        reason: reason.map(str::to_owned),
    }
}

/// A counter as it would be, for a dry run: with some fields changed.
fn changed(view: &CounterView, fields: &[(&str, Value)]) -> Response {
    let mut shown = report::counter(view);
    for (name, value) in fields {
        shown[*name] = value.clone();
    }
    answer::json(StatusCode::OK, &shown)
}
