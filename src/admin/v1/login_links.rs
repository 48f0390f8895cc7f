//! `POST /admin/v1/login-links`: a link that signs a browser in once, within 30 minutes.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    store::access,
};

pub(super) async fn post(call: Call) -> Result<Response, Refusal> {
    let state = &call.state;
    let token = access::new_link(&*state.store, &state.clock, &state.entropy).await?;
    let body = json!({
        "path": format!("/login/{}", token.expose()),
        "expires": state.clock.now().plus(access::LINK_LIFE).to_string(),
    });
    Ok(answer::json(StatusCode::CREATED, &body))
}
