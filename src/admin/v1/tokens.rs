//! `/admin/v1/tokens`: administrators' tokens. The token itself is shown by the call that makes it, never again.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    admin::{
        answer,
        call::Call,
        refusal::{Refusal, refuse},
    },
    settings::Problem,
    store::access,
};

/// Longest name of a token.
const LONGEST_NAME: usize = 80;

pub(super) async fn list(call: Call) -> Result<Response, Refusal> {
    let tokens = call.state.store.admin_tokens().await?;
    let items: Vec<Value> =
        tokens.iter().map(|token| json!({ "name": token.name, "created": token.created.to_string() })).collect();
    Ok(answer::json(StatusCode::OK, &json!({ "items": items, "next": null })))
}

pub(super) async fn create(call: Call) -> Result<Response, Refusal> {
    let fields = call.json()?;
    let name = match fields.get("name").and_then(Value::as_str) {
        Some(name) if !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(char::is_control) => name,
        _ => {
            let why = format!("a name of 1 to {LONGEST_NAME} characters is required");
            return Err(Refusal::invalid(&[Problem::new("name", why)]));
        }
    };
    let state = &call.state;
    let token = access::new_admin_token(&*state.store, name, &state.clock, &state.entropy).await?;
    Ok(answer::json(StatusCode::CREATED, &json!({ "name": name, "token": token.expose() })))
}

pub(super) async fn delete(call: Call) -> Result<Response, Refusal> {
    if call.state.store.delete_admin_token(call.id.clone()).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(refuse(StatusCode::NOT_FOUND, format!("there is no token named `{}`", call.id)))
}
