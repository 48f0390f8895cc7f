//! The data plane. [`handle`](Gateway::handle) is the journey of a request; each step is a file of this folder.

pub mod admission;
pub mod affinity;
mod allowance;
pub mod answer;
pub mod attempt;
pub mod batch;
pub mod body;
pub mod coalescing;
pub mod copying;
pub mod cutoff;
pub mod decode;
pub mod exchange;
pub mod headers;
pub mod health;
pub mod hold;
mod host;
pub mod http_cache;
pub mod keys;
pub mod learned;
pub mod listener;
pub mod listing;
pub mod metering;
pub mod model_cache;
pub mod model_dispatch;
pub mod model_list;
pub mod model_task;
pub mod owners;
mod path;
pub mod peer;
pub mod plain_dispatch;
pub mod plain_model;
pub mod policies;
pub mod relay;
pub mod respond;
pub mod route;
pub mod screen;
pub mod stored;
pub mod switch;
pub mod tally;
pub mod upgrade;

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, request::Parts};

use crate::{
    cache::{http::Answers, model::Kept},
    exchange::{Fault, FaultKind},
    gateway::{
        answer::Answer,
        exchange::Exchange,
        learned::Learned,
        listener::{Drain, Inbound, Service},
        owners::Owners,
        peer::Peer,
        relay::AnswerBody,
        route::Target,
    },
    model::{Clock, Entropy},
    policies::Services,
    snapshot::Hub,
    usage::Sink,
};

/// What became of a look into the cache: `hit`, `miss` or `bypass`.
const CACHE: HeaderName = HeaderName::from_static("x-tollgate-cache");

/// What every exchange shares.
pub struct Gateway {
    /// Where snapshots come from.
    pub hub: Arc<Hub>,
    /// Where exchanges end.
    pub sink: Arc<Sink>,
    /// Who created which stored object.
    pub owners: Arc<Owners>,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// Whether the process is going down.
    pub drain: Drain,
    /// Whether it may take requests, and why not.
    pub readiness: Arc<dyn health::Readiness + Send + Sync>,
    /// What backends have been found not to understand.
    pub learned: Learned,
    /// What policies share.
    pub services: Arc<Services>,
    /// Answers of models that are kept.
    pub kept: Kept,
    /// Calls in flight that others may share.
    pub calls: coalescing::Table,
    /// Backends that policies name by URL.
    pub targets: policies::Targets,
    /// Answers of plain APIs that are kept.
    pub answers: Arc<Answers>,
}

impl Gateway {
    /// One request through.
    pub async fn handle(self: &Arc<Self>, request: Request<Inbound>, peer: Arc<Peer>) -> Response<AnswerBody> {
        if let Some(answer) = health::answer(request.method(), request.uri(), &*self.readiness) {
            let mut answer = answer.map(AnswerBody::local);
            respond::ids(answer.headers_mut(), &exchange::id_without_exchange(self, request.headers()));
            return answer;
        }
        let mut exchange = Exchange::open(self, request, peer);
        let ended = {
            // Pinned where it is made: `select!` would move its kilobytes.
            let mut journey = pin!(journey(&mut exchange));
            tokio::select! {
                biased;
                ended = &mut journey => ended,
                () = self.drain.ended() => Err(shutting_down()),
            }
        };
        let (traced, cached) = (exchange.traced.take(), exchange.cache_status);
        if let Some(status) = cached {
            exchange.settlement.cache = Some(status.split_once(';').map_or(status, |(word, _)| word));
        }
        let mut answer = match ended {
            Ok(answer) => relay::relay(exchange, answer),
            Err(fault) => respond::fault(exchange, &fault),
        };
        answer.headers_mut().extend(traced);
        answer.headers_mut().extend(cached.map(|status| (CACHE, HeaderValue::from_static(status))));
        answer
    }
}

impl Service for Gateway {
    type Body = AnswerBody;

    fn handle(
        self: &Arc<Self>,
        request: Request<Inbound>,
        peer: Arc<Peer>,
    ) -> impl Future<Output = Response<AnswerBody>> + Send {
        Self::handle(self, request, peer)
    }

    fn refuse(self: &Arc<Self>, fault: Fault, parts: &Parts, peer: Arc<Peer>) -> Response<AnswerBody> {
        let mut head = Request::new(Inbound::from_bytes(Bytes::new()));
        *head.method_mut() = parts.method.clone();
        *head.uri_mut() = parts.uri.clone();
        *head.headers_mut() = parts.headers.clone();
        let mut exchange = Exchange::open(self, head, peer);
        exchange.envelope = route::envelope(&exchange);
        respond::fault(exchange, &fault)
    }
}

fn shutting_down() -> Fault {
    let fault = Fault::new(FaultKind::ShuttingDown, "The gateway is shutting down; try again.");
    fault.retry_after(Some(Duration::from_secs(1)))
}

async fn journey(exchange: &mut Exchange) -> Result<Answer, Fault> {
    if policies::apply(exchange) {
        // Boxed: exchanges without policies do not carry the size of those with them.
        return Box::pin(policies::journey(exchange)).await;
    }
    let target = route::resolve(exchange)?;
    exchange.authenticate()?;
    exchange.clean_headers();
    dispatch(exchange, target).await
}

/// To the backends and back.
async fn dispatch(exchange: &mut Exchange, target: Target) -> Result<Answer, Fault> {
    match target {
        Target::Models(call) => model_dispatch::dispatch(exchange, call).await,
        Target::Http(pool, path) => plain_dispatch::dispatch(exchange, &pool, &path).await,
    }
}
