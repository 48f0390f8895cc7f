//! A call of a plain HTTP API: bodies pass as they come, both ways.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use tollgate_providers::{retry_after::retry_after, tap::Tap};

use super::{
    affinity,
    answer::{Answer, Upstream},
    attempt::{self, Judged, Outbound, Preference, Task},
    body,
    exchange::Exchange,
    http_cache::{self, Call},
    metering,
    plain_model::PlainModel,
    switch,
    tally::{Setback, SetbackKind},
};
use crate::{
    exchange::Fault,
    model::BackendId,
    outbound::{Choice, Failure, Incoming, Outgoing, Pool},
    usage::Wish,
};

/// Answers the call.
pub async fn dispatch(exchange: &mut Exchange, pool: &Arc<Pool>, path: &str) -> Result<Answer, Fault> {
    let model = PlainModel::of(exchange, pool, path).await?;
    metering::admit_plain(exchange, model.as_ref()).await?;
    if let (None, Some(rules)) = (&model, http_cache::rules(exchange)) {
        // Boxed: calls without a cache do not carry the size of those with one.
        return Box::pin(http_cache::answer(exchange, rules, Call { pool, path })).await;
    }
    send(exchange, pool, path, model).await
}

/// Asks the backends, for a call that was let in.
pub async fn send(
    exchange: &mut Exchange,
    pool: &Arc<Pool>,
    path: &str,
    model: Option<PlainModel>,
) -> Result<Answer, Fault> {
    let affinity = affinity::key(pool.affinity(), exchange, None);
    let preference = Preference { affinity, home: None, usable: &|_| true };
    let mut task = PlainTask::new(exchange, pool, path, model).await?;
    attempt::run(exchange, pool, &preference, &mut task).await
}

/// What is left of the caller's body.
enum Payload {
    /// None, or all of it in memory: can be sent again.
    Held(bytes::Bytes),
    /// Passes as it comes: can be sent once.
    Passing(Option<Outgoing>),
}

struct PlainTask {
    method: Method,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    payload: Payload,
    /// Body bytes, as far as they are known before they pass.
    bytes_in: u64,
    repeat_anything: bool,
    /// The model call that it is, where a token limit applies.
    model: Option<PlainModel>,
}

impl PlainTask {
    async fn new(exchange: &mut Exchange, pool: &Pool, path: &str, model: Option<PlainModel>) -> Result<Self, Fault> {
        let bytes_in = exchange.body.as_ref().and_then(|body| body.size_hint().exact()).unwrap_or(0);
        let payload = payload(exchange).await?;
        let parts = &exchange.parts;
        let mut headers = parts.headers.clone();
        headers.remove(header::HOST);
        // We have answered the caller's expectation ourselves by reading the body.
        headers.remove(header::EXPECT);
        join_cookies(&mut headers);
        if let Some(upgrade) = exchange.asked_upgrade {
            upgrade.announce(&mut headers);
        }
        if matches!(payload, Payload::Held(_)) {
            headers.remove(header::CONTENT_LENGTH);
        }
        if model.is_some() {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        Ok(Self {
            method: parts.method.clone(),
            path: path.to_owned(),
            query: parts.uri.query().map(ToOwned::to_owned),
            headers,
            payload,
            bytes_in,
            repeat_anything: pool.retry().non_idempotent,
            model,
        })
    }

    /// Whether a refusal may be about the caller's own login at the application rather than about our credential.
    /// (A 403 may always be: what our credential opens, it need not open for everybody's request.)
    fn brings_own_credential(&self) -> bool {
        [header::AUTHORIZATION, header::COOKIE].iter().any(|name| self.headers.contains_key(name))
    }

    fn path_and_query(&self, base: &str) -> String {
        let base = base.trim_end_matches('/');
        let path = if self.path.is_empty() && base.is_empty() { "/" } else { self.path.as_str() };
        match &self.query {
            Some(query) => format!("{base}{path}?{query}"),
            None => format!("{base}{path}"),
        }
    }
}

/// HTTP/2 clients may send one cookie a line; towards HTTP/1.1 they are one line again (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() < 2 {
        return;
    }
    let joined = HeaderValue::from_bytes(&crumbs.join(b"; ".as_slice()));
    headers.insert(header::COOKIE, joined.expect("values joined by visible characters make a value"));
}

/// Small bodies of known length are held so that they can be sent again; all others pass as they come.
async fn payload(exchange: &mut Exchange) -> Result<Payload, Fault> {
    let Some(inbound) = &exchange.body else { return Ok(Payload::Held(bytes::Bytes::new())) };
    let largest = exchange.snapshot.settings.server.gateway.replay_buffer.0;
    match inbound.size_hint().exact() {
        Some(0) => Ok(Payload::Held(bytes::Bytes::new())),
        Some(size) if size <= largest => Ok(Payload::Held(body::collect(exchange).await?)),
        _ => {
            let inbound = exchange.body.take().map(|inbound| inbound.map_err(Into::into).boxed_unsync());
            Ok(Payload::Passing(inbound.map(Outgoing::Stream)))
        }
    }
}

impl Task for PlainTask {
    fn wish(&self, exchange: &Exchange, backend: &BackendId) -> Wish {
        metering::plain(exchange, self.bytes_in, self.model.as_ref(), Some(backend))
    }

    fn encode(&mut self, _: &Exchange, choice: &Choice) -> Option<Outbound> {
        let body = match &mut self.payload {
            Payload::Held(bytes) if bytes.is_empty() => Outgoing::Empty,
            Payload::Held(bytes) => Outgoing::Full(bytes.clone()),
            Payload::Passing(body) => body.take()?,
        };
        Some(Outbound {
            method: self.method.clone(),
            path_and_query: self.path_and_query(choice.backend.base_path()),
            headers: self.headers.clone(),
            body,
        })
    }

    async fn judge(&mut self, exchange: &mut Exchange, mut choice: Choice, answer: Response<Incoming>) -> Judged {
        let status = answer.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return switch::judge(exchange, choice, answer);
        }
        let code = status.as_u16();
        let now = exchange.gateway.clock.now().as_millis();
        let wait = retry_after(answer.headers(), now);
        if status == StatusCode::TOO_MANY_REQUESTS {
            choice.failed(&Failure::Throttled { retry_after: wait });
            return setback(answer, choice, SetbackKind::Throttled(wait));
        }
        if matches!(code, 401 | 402) && choice.has_credential() && !self.brings_own_credential() {
            choice.failed(&Failure::Credential(code));
            let backend = choice.backend.id().clone();
            let kind = SetbackKind::Credential;
            return Judged::Again(Setback { backend, status: Some(code), kind, relayable: None });
        }
        if status.is_server_error() {
            choice.failed(&Failure::Status { status: code, retry_after: wait });
            return setback(answer, choice, SetbackKind::Server);
        }
        let first_byte = exchange.gateway.clock.ticks().since(choice.sent_at());
        choice.succeeded(code, first_byte);
        let upstream = match &self.model {
            Some(model) => model.watched(answer, choice),
            None => Upstream::new(answer, Tap::opaque(), choice),
        };
        Judged::Take(Box::new(upstream))
    }

    /// RFC 9110 9.2.2: idempotent methods may be repeated; others only while no byte has reached a backend.
    fn may_repeat(&self, reached: bool) -> bool {
        let spent = matches!(self.payload, Payload::Passing(None));
        !spent && (!reached || self.method.is_idempotent() || self.repeat_anything)
    }
}

fn setback(answer: Response<Incoming>, choice: Choice, kind: SetbackKind) -> Judged {
    let backend = choice.backend.id().clone();
    let status = Some(answer.status().as_u16());
    let relayable = Some(Box::new(Upstream::new(answer, Tap::opaque(), choice)));
    Judged::Again(Setback { backend, status, kind, relayable })
}
