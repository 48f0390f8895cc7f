//! `GET /admin/v1/session` and `DELETE /admin/v1/session`: the console asks for its CSRF token, and signs out.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

use crate::{
    admin::{answer, auth::Caller, call::Call, refusal::Refusal},
    store::access::SESSION_COOKIE,
};

pub(super) async fn get(call: Call) -> Result<Response, Refusal> {
    let body = match &call.caller {
        Caller::Token { .. } => json!({ "via": "token" }),
        Caller::Session { csrf, expires, .. } => {
            json!({ "via": "session", "csrf_token": csrf, "expires": expires.to_string() })
        }
    };
    Ok(answer::json(StatusCode::OK, &body))
}

pub(super) async fn delete(call: Call) -> Result<Response, Refusal> {
    if let Caller::Session { hash, .. } = call.caller {
        call.state.store.delete_session(hash).await?;
    }
    let gone = format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}
