//! `POST /admin/v1/debug-tokens`: a token that lets a caller of one API ask for a trace, for an hour at most.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    settings::{ObjectKind, Problem},
};

/// Longest life in minutes: [`crate::policies::debugging::LONGEST`].
const LONGEST_MINUTES: u64 = 60;

pub(super) async fn post(call: Call) -> Result<Response, Refusal> {
    let fields = call.json()?;
    let mut problems = Vec::new();
    let api = fields.get("api").and_then(Value::as_str).unwrap_or_default();
    let view = call.state.control.view();
    if !view.settings.apis.iter().any(|known| known.id.as_str() == api) {
        let what = ObjectKind::Api.singular();
        problems.push(Problem::new("api", format!("there is no {what} `{api}`; name the one that is to be traced")));
    }
    let minutes = match fields.get("minutes") {
        None => LONGEST_MINUTES,
        Some(given) => given.as_u64().filter(|minutes| (1..=LONGEST_MINUTES).contains(minutes)).unwrap_or_else(|| {
            problems.push(Problem::new("minutes", format!("`{given}` is not a number from 1 to {LONGEST_MINUTES}")));
            LONGEST_MINUTES
        }),
    };
    if !problems.is_empty() {
        return Err(Refusal::invalid(&problems));
    }
    let issued = call.state.debugging.issue(api, Duration::from_mins(minutes));
    let body = json!({ "api": api, "token": issued.token.expose(), "expires": issued.ends.to_string() });
    Ok(answer::json(StatusCode::CREATED, &body))
}
