//! Who may call: an administrator's token, or the console's session with its CSRF token on everything that changes.
//!
//! Tokens are compared by hash: what is looked up or compared tells nothing of the token that was sent.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header, request::Parts};
use subtle::{Choice, ConstantTimeEq};

use super::{
    AdminState,
    refusal::{Refusal, refuse},
};
use crate::{
    model::{KeyHash, Timestamp, is_local_name},
    store::access::{SESSION_COOKIE, csrf_token},
};

const CSRF_HEADER: &str = "x-csrf-token";

/// Who calls.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// With an administrator's token.
    Token {
        /// Its name; none for the process's own (the environment's, and that of the local command line).
        name: Option<String>,
    },
    /// From the console.
    Session {
        /// The session's hash in the store.
        hash: KeyHash,
        /// What changes must carry.
        csrf: String,
        /// When it ends.
        expires: Timestamp,
    },
}

impl Caller {
    /// What the audit log calls them.
    pub(super) fn actor(&self) -> String {
        match self {
            Self::Token { name: Some(name) } => format!("token:{name}"),
            Self::Token { name: None } => "server token".to_owned(),
            Self::Session { .. } => "session".to_owned(),
        }
    }
}

/// Lets through who shows a valid token or session, and notes who that is for the endpoint.
pub(super) async fn require(State(state): State<Arc<AdminState>>, request: Request, next: Next) -> Response {
    let from = address(&request);
    if let Some(wait) = state.attempts.wait(from) {
        return Refusal::wait(wait).into_response();
    }
    // Without the body, which cannot be shared between threads while we wait for the database.
    let (mut parts, body) = request.into_parts();
    match identify(&state, &parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => punish(&state, from, &parts.headers, refusal).into_response(),
    }
}

/// Refuses names that do not lead to loopback when only loopback is served (DNS rebinding).
pub(super) async fn local_names_only(State(state): State<Arc<AdminState>>, request: Request, next: Next) -> Response {
    if state.loopback && !host(&request).is_some_and(is_local_name) {
        let detail = "this port is bound to loopback: call it as localhost, 127.0.0.1 or [::1]";
        return refuse(StatusCode::FORBIDDEN, detail).into_response();
    }
    next.run(request).await
}

fn host(request: &Request) -> Option<&str> {
    let mut named = request.headers().get_all(header::HOST).iter();
    match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, _) => request.uri().authority().map(http::uri::Authority::as_str),
        _ => None,
    }
}

fn address(request: &Request) -> IpAddr {
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(unknown, |ConnectInfo(peer)| peer.ip())
}

/// Only a wrong credential counts as an attempt: no credential guesses nothing.
fn punish(state: &AdminState, from: IpAddr, headers: &HeaderMap, refusal: Refusal) -> Refusal {
    let guessed = headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE);
    if !guessed || refusal.status() != StatusCode::UNAUTHORIZED {
        return refusal;
    }
    state.attempts.wrong(from).map_or(refusal, Refusal::wait)
}

async fn identify(state: &AdminState, request: &Parts) -> Result<Caller, Refusal> {
    match request.headers.get(header::AUTHORIZATION) {
        Some(value) => {
            let token = value.to_str().ok().and_then(bearer).ok_or_else(Refusal::unauthorized)?;
            by_token(state, token).await?.ok_or_else(Refusal::unauthorized)
        }
        None => session(state, request).await,
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn by_token(state: &AdminState, token: &str) -> Result<Option<Caller>, Refusal> {
    let hash = KeyHash::of(token);
    let known = state.tokens.iter().fold(Choice::from(0), |found, known| found | same(known, &hash));
    if known.into() {
        return Ok(Some(Caller::Token { name: None }));
    }
    let row = state.store.admin_token(hash).await?.filter(|row| same(&row.hash, &hash).into());
    Ok(row.map(|row| Caller::Token { name: Some(row.name) }))
}

fn same(one: &KeyHash, other: &KeyHash) -> Choice {
    one.as_bytes().ct_eq(other.as_bytes())
}

async fn session(state: &AdminState, request: &Parts) -> Result<Caller, Refusal> {
    let token = cookie(&request.headers, SESSION_COOKIE).ok_or_else(Refusal::unauthorized)?;
    let hash = KeyHash::of(token);
    let expires = state.store.session(hash, state.clock.now()).await?.ok_or_else(Refusal::unauthorized)?;
    let csrf = csrf_token(token);
    if !request.method.is_safe() && !carries(&request.headers, &csrf) {
        let detail = "a change from the console carries x-csrf-token with the value of GET /admin/v1/session";
        return Err(refuse(StatusCode::FORBIDDEN, detail));
    }
    Ok(Caller::Session { hash, csrf, expires })
}

fn carries(headers: &HeaderMap, csrf: &str) -> bool {
    headers.get(CSRF_HEADER).is_some_and(|sent| sent.as_bytes().ct_eq(csrf.as_bytes()).into())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(key, value)| (key == name).then_some(value))
}
