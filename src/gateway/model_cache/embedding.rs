//! What a prompt means: by the model inside the binary, or by an embeddings endpoint, in time or not at all.
//!
//! An endpoint is asked like any backend (its breaker, its credentials); its tokens are the operator's: no caller is
//! charged for them, and they have a row of their own in the ledger. Whatever goes wrong there makes a miss of the
//! look-up.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::timeout;
use tollgate_providers::{Call, Family, Style, Surface, Usage, tap::Tap, upstream::Target};

use super::Plan;
use crate::{
    cache::{model::Meaning, semantic::Embedding},
    exchange::{AttemptRecord, Outcome, Record},
    gateway::{Gateway, answer::Upstream, body, exchange::Exchange},
    model::clock::Ticks,
    outbound::{Backend, Choice, Failure, Outgoing, Pool, Tried, Wish},
    settings::{Embeddings, EmbeddingsBackend},
    telemetry::new_request_id,
};

/// What such calls are in the ledger: an operation of ours, which no API has.
const OWN_OPERATION: &str = "cache.embeddings";

/// Largest answer of an endpoint: 8,192 dimensions in decimal.
const LARGEST: usize = 1 << 20;

/// Finds out what the plan's prompt means; `None`: there is nothing to compare, or it was not found out in time.
pub async fn meaning(exchange: &Exchange, plan: &Plan) -> Option<Meaning> {
    let text = plan.question.text.as_deref()?;
    match &plan.embeddings {
        Embeddings::Named(_) => Meaning::builtin(text),
        Embeddings::Backend(at) => {
            let asked = timeout(at.timeout.0, ask(exchange, at, text)).await;
            let answered = asked.unwrap_or_else(|_| Err(format!("no answer in {}", at.timeout)));
            let vector = answered
                .map_err(|why| tracing::warn!(backend = %at.backend, why, "a prompt could not be embedded: a miss"))
                .ok()?;
            Some(Meaning { model: format!("{}/{}", at.backend, at.upstream_model).into(), vector })
        }
    }
}

async fn ask(exchange: &Exchange, at: &EmbeddingsBackend, text: &str) -> Result<Embedding, String> {
    let backend = exchange.snapshot.backends.get(&at.backend).ok_or("the backend does not exist")?;
    let pool = exchange.gateway.hub.fleet().single(backend.clone());
    let mut choice = choose(&pool).ok_or("the backend is out of order")?;
    let (call, asked) = (call(), Bytes::from(json!({ "model": at.upstream_model, "input": text }).to_string()));
    let path = call.upstream(&Target {
        kind: backend.kind(),
        base_path: backend.base_path(),
        model: Some(&at.upstream_model),
        api_version: backend.api_version(),
        query: None,
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
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
    let mut upstream = Upstream::new(answer, Tap::body(Surface::Embeddings), choice);
    let body = body::all(&mut upstream, LARGEST).await.map_err(|fault| fault.message.into_owned())?;
    let (sent, received) = (asked.len() as u64, body.len() as u64);
    let side = SideCall { body: asked, usage: upstream.tap.usage(), began, first_byte, bytes: (sent, received) };
    account(exchange, at, side).await;
    vector(&body).ok_or_else(|| "its answer holds no vector".to_owned())
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

/// Writes the call into the ledger, under the caller's API and nobody's subscription.
async fn account(exchange: &Exchange, at: &EmbeddingsBackend, side: SideCall) {
    let Gateway { clock, entropy, sink, .. } = &*exchange.gateway;
    let id = new_request_id(clock.now(), entropy);
    let mut record = Record::open(id, clock.now(), side.began, Method::POST, "/v1/embeddings");
    record.client_request_id = Some(exchange.settlement.callers_id().into());
    record.api.clone_from(&exchange.settlement.api);
    record.workspace.clone_from(&exchange.settlement.workspace);
    record.operation = Some(OWN_OPERATION.into());
    record.upstream_model = Some(at.upstream_model.as_str().into());
    record.backend = Some(at.backend.clone());
    let (backend, status) = (at.backend.clone(), StatusCode::OK.as_u16());
    let took = side.first_byte;
    record.attempts = vec![AttemptRecord { backend, status: Some(status), fault: None, began: Duration::ZERO, took }];
    (record.status, record.outcome) = (status, Outcome::Complete);
    (record.bytes_in, record.bytes_out) = side.bytes;
    sink.meter().book_own(record, Surface::Embeddings, side.usage, side.body, &exchange.snapshot.prices).await;
}

fn choose(pool: &Arc<Pool>) -> Option<Choice> {
    let usable = |backend: &Backend| backend.kind().speaks(Family::OpenAi);
    pool.choose(&Wish { tried: &Tried::default(), affinity: None, prefer: None, usable: &usable }).ok()
}

fn call() -> Call {
    Call {
        surface: Surface::Embeddings,
        style: Style::OpenAi,
        root: "/v1",
        model: None,
        item: None,
        tail: "/embeddings".to_owned(),
    }
}

fn vector(body: &[u8]) -> Option<Embedding> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let list = answer["data"].get(0)?["embedding"].as_array()?;
    #[expect(clippy::cast_possible_truncation, reason = "vectors are single precision")]
    let floats: Option<Vec<f32>> = list.iter().map(|value| value.as_f64().map(|value| value as f32)).collect();
    Embedding::from_floats(&floats?)
}
