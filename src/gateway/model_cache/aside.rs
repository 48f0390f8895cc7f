//! Calls that the cache makes by itself: an endpoint of a configured backend is asked like any other (its breaker, its
//! credentials), in time or not at all. Its tokens are the operator's: no caller is charged for them, and they have a row of
//! their own in the ledger.
//!
//! Deliberately not here: what is asked (`embedding`, `judging`).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use tokio::time::timeout;
use tollgate_providers::{Call, Family, Style, Surface, Usage, tap::Tap, upstream::Target};

use crate::{
    exchange::{AttemptRecord, Outcome, Record},
    gateway::{Gateway, answer::Upstream, body, exchange::Exchange},
    model::{BackendId, HumanDuration, clock::Ticks},
    outbound::{Backend, Choice, Failure, Outgoing, Pool, Tried, Wish},
    telemetry::new_request_id,
};

/// Largest answer: 8,192 dimensions in decimal.
const LARGEST: usize = 1 << 20;

/// Where something is asked.
pub(super) struct Place<'a> {
    /// The backend.
    pub(super) backend: &'a BackendId,
    /// The model's name there.
    pub(super) upstream_model: &'a str,
    /// The endpoint, in OpenAI's form.
    pub(super) surface: Surface,
    /// Its path below the backend's root.
    pub(super) path: &'static str,
    /// What such calls are in the ledger: an operation of ours, which no API has.
    pub(super) operation: &'static str,
    /// How long the answer may take.
    pub(super) timeout: HumanDuration,
}

/// The answer to `body`, or why there is none.
pub(super) async fn ask(exchange: &Exchange, place: &Place<'_>, body: &Value) -> Result<Bytes, String> {
    let asked = timeout(place.timeout.0, send(exchange, place, body)).await;
    asked.unwrap_or_else(|_| Err(format!("no answer in {}", place.timeout)))
}

async fn send(exchange: &Exchange, place: &Place<'_>, body: &Value) -> Result<Bytes, String> {
    let backend = exchange.snapshot.backends.get(place.backend).ok_or("the backend does not exist")?;
    let pool = exchange.gateway.hub.fleet().single(backend.clone());
    let mut choice = choose(&pool).ok_or("the backend is out of order")?;
    let path = call(place).upstream(&Target {
        kind: backend.kind(),
        base_path: backend.base_path(),
        model: Some(place.upstream_model),
        api_version: backend.api_version(),
        query: None,
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let asked = Bytes::from(body.to_string());
    let sent = choice.send(Method::POST, &path, headers, Outgoing::Full(asked.clone())).await;
    let answer = sent.map_err(|fault| {
        choice.failed(&Failure::Send(&fault));
        fault.to_string()
    })?;
    let status = answer.status();
    if status != StatusCode::OK {
        choice.failed(&Failure::Status { status: status.as_u16(), retry_after: None });
        return Err(format!("it answered {status}"));
    }
    let first_byte = exchange.gateway.clock.ticks().since(choice.sent_at());
    choice.succeeded(status.as_u16(), first_byte);
    let began = choice.sent_at();
    let mut upstream = Upstream::new(answer, Tap::body(place.surface), choice);
    let body = body::all(&mut upstream, LARGEST).await.map_err(|fault| fault.message.into_owned())?;
    let (sent, received) = (asked.len() as u64, body.len() as u64);
    let side = SideCall { body: asked, usage: upstream.tap.usage(), began, first_byte, bytes: (sent, received) };
    account(exchange, place, side);
    Ok(body)
}

/// What is known of an answered call of our own.
struct SideCall {
    body: Bytes,
    usage: Usage,
    began: Ticks,
    first_byte: Duration,
    /// Sent and received.
    bytes: (u64, u64),
}

/// Writes the call into the ledger, under the caller's API and nobody's subscription. The caller does not wait for it:
/// what was not reported has to be counted.
fn account(exchange: &Exchange, place: &Place<'_>, side: SideCall) {
    let Gateway { clock, entropy, sink, .. } = &*exchange.gateway;
    let (sink, prices, surface) = (sink.clone(), exchange.snapshot.prices.clone(), place.surface);
    let id = new_request_id(clock.now(), entropy);
    let mut record = Record::open(id, clock.now(), side.began, Method::POST, &format!("/v1{}", place.path));
    record.client_request_id = Some(exchange.settlement.callers_id().into());
    record.api.clone_from(&exchange.settlement.api);
    record.workspace.clone_from(&exchange.settlement.workspace);
    record.operation = Some(place.operation.into());
    record.upstream_model = Some(place.upstream_model.into());
    record.backend = Some(place.backend.clone());
    let (backend, status) = (place.backend.clone(), StatusCode::OK.as_u16());
    let took = side.first_byte;
    record.attempts = vec![AttemptRecord { backend, status: Some(status), fault: None, began: Duration::ZERO, took }];
    (record.status, record.outcome) = (status, Outcome::Complete);
    (record.bytes_in, record.bytes_out) = side.bytes;
    tokio::spawn(async move {
        sink.meter().book_own(record, surface, side.usage, side.body, &prices).await;
    });
}

fn choose(pool: &Arc<Pool>) -> Option<Choice> {
    let usable = |backend: &Backend| backend.kind().speaks(Family::OpenAi);
    pool.choose(&Wish { tried: &Tried::default(), affinity: None, prefer: None, usable: &usable }).ok()
}

fn call(place: &Place<'_>) -> Call {
    Call {
        surface: place.surface,
        style: Style::OpenAi,
        root: "/v1",
        model: None,
        item: None,
        tail: place.path.to_owned(),
    }
}
