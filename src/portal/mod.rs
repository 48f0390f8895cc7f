//! What a browser sees on the console port until the console exists: one page with status and keys, and the way in.
//!
//! The pages are static files of `ui/portal`, embedded; they speak only the admin API. A sign-in link is used up by
//! the button on its page, not by opening it: mail scanners and chat previews open links.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    extract::{ConnectInfo, Path, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use http::{Extensions, HeaderValue, StatusCode, header};

use crate::{
    limits::WrongAttempts,
    model::{Clock, Entropy, KeyHash, is_local_name},
    store::{
        Store, StoreError,
        access::{SESSION_COOKIE, SESSION_LIFE, sign_in},
    },
};

const HTML: &str = "text/html; charset=utf-8";
const INDEX: &str = include_str!("../../ui/portal/index.html");
const LOGIN: &str = include_str!("../../ui/portal/login.html");
const USED_UP: &str = include_str!("../../ui/portal/used-up.html");
const SCRIPT: &str = include_str!("../../ui/portal/portal.js");
const STYLE: &str = include_str!("../../ui/portal/portal.css");

/// Nothing but our own files, no inline script or style, no frames.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                                       form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the portal needs of the rest of the process.
#[derive(Clone)]
pub struct PortalState {
    /// Links and sessions.
    pub store: Arc<dyn Store>,
    /// Wrong sign-in attempts, shared with the admin API.
    pub attempts: Arc<WrongAttempts>,
    /// Whether the port is bound to loopback: only its names are accepted as `Host` then.
    pub loopback: bool,
    /// Whether the port serves HTTPS: the session's cookie is `Secure` then.
    pub secure: bool,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
}

impl fmt::Debug for PortalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PortalState")
    }
}

/// The routes of the pages: `/`, `/login/{token}`, `/assets/…`.
pub fn router(state: PortalState) -> Router {
    let state = Arc::new(state);
    Router::new()
        .route("/", get(|| async { page(StatusCode::OK, INDEX) }))
        .route("/login/{token}", get(ask).post(enter))
        .route("/assets/portal.js", get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/assets/portal.css", get(|| async { file("text/css; charset=utf-8", STYLE) }))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), local_names_only))
        .layer(middleware::map_response(harden))
        .with_state(state)
}

/// Shows the button of a link that works.
async fn ask(State(state): State<Arc<PortalState>>, Path(token): Path<String>, extensions: Extensions) -> Response {
    let from = address(&extensions);
    if let Some(refused) = too_many(&state, from) {
        return refused;
    }
    match state.store.link_is_valid(KeyHash::of(&token), state.clock.now()).await {
        Ok(true) => page(StatusCode::OK, LOGIN),
        Ok(false) => used_up(&state, from),
        Err(error) => failed(&error),
    }
}

/// Uses the link up and opens a session.
async fn enter(State(state): State<Arc<PortalState>>, Path(token): Path<String>, extensions: Extensions) -> Response {
    let from = address(&extensions);
    if let Some(refused) = too_many(&state, from) {
        return refused;
    }
    match sign_in(&*state.store, &token, &state.clock, &state.entropy).await {
        Ok(Some(session)) => {
            let cookie = cookie(session.token.expose(), state.secure);
            ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        Ok(None) => used_up(&state, from),
        Err(error) => failed(&error),
    }
}

fn cookie(token: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{SESSION_COOKIE}={token}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", SESSION_LIFE.as_secs())
}

fn used_up(state: &PortalState, from: IpAddr) -> Response {
    state.attempts.wrong(from);
    page(StatusCode::GONE, USED_UP)
}

fn too_many(state: &PortalState, from: IpAddr) -> Option<Response> {
    let wait = state.attempts.wait(from)?.as_secs() + 1;
    let headers = [(header::RETRY_AFTER, wait.to_string())];
    Some(
        (StatusCode::TOO_MANY_REQUESTS, headers, "Too many wrong links came from this address. Wait a while.\n")
            .into_response(),
    )
}

fn failed(error: &StoreError) -> Response {
    tracing::error!(%error, "the database failed a sign-in");
    (StatusCode::SERVICE_UNAVAILABLE, "The database could not do it; the log says why.\n").into_response()
}

fn address(extensions: &Extensions) -> IpAddr {
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    extensions.get::<ConnectInfo<SocketAddr>>().map_or(unknown, |ConnectInfo(peer)| peer.ip())
}

fn page(status: StatusCode, text: &'static str) -> Response {
    (status, file(HTML, text)).into_response()
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// See `admin::auth`: a name that was rebound to loopback must not reach the pages either.
async fn local_names_only(State(state): State<Arc<PortalState>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
    if state.loopback && !host.is_some_and(is_local_name) {
        let why = "This port is bound to loopback: open it as localhost, 127.0.0.1 or [::1].\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    next.run(request).await
}

async fn harden(mut response: Response) -> Response {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
