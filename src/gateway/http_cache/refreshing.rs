//! Fetching behind a caller that is answered from the cache: an exchange of the gateway's own, without a subscription.
//!
//! It is let through by the limits of the API and of the backends, settled and logged like any other; `cache` is
//! `refresh` there.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;

use super::{
    super::{
        answer::Answer,
        body,
        exchange::{Envelope, Exchange},
        listener::Inbound,
        metering,
    },
    Call,
    fetching::Fetch,
};
use crate::{
    cache::http::Role,
    exchange::{Fault, Outcome},
    outbound::Pool,
};

/// Fetches anew unless somebody does so already.
pub fn start(exchange: &Exchange, fetch: Fetch, call: Call<'_>) {
    let gateway = &exchange.gateway;
    let Role::Lead(lead) = gateway.answers.flights.join(fetch.place.key) else { return };
    let behind = behind(exchange);
    let (pool, path) = (call.pool.clone(), call.path.to_owned());
    let fetch = Fetch { lead: Some(lead), ..fetch };
    let largest = fetch.question.rules.max_body;
    gateway.services.outside.background.start(Box::pin(refresh(behind, fetch, (pool, path), largest)));
}

/// An exchange for the same, of nobody.
fn behind(exchange: &Exchange) -> Exchange {
    let mut parts = exchange.parts.clone();
    parts.headers.remove("x-request-id");
    let request = Request::from_parts(parts, Inbound::from_bytes(Bytes::new()));
    let mut behind = Exchange::open(&exchange.gateway, request, exchange.peer.clone());
    behind.snapshot = exchange.snapshot.clone();
    behind.envelope = Envelope::Plain;
    behind.api.clone_from(&exchange.api);
    behind.dress = exchange.dress.clone();
    behind.settlement.path = exchange.settlement.path.clone();
    behind.settlement.api.clone_from(&exchange.settlement.api);
    behind.settlement.operation.clone_from(&exchange.settlement.operation);
    behind.settlement.workspace.clone_from(&exchange.settlement.workspace);
    behind
}

async fn refresh(mut behind: Exchange, fetch: Fetch, (pool, path): (Arc<Pool>, String), largest: usize) {
    let call = Call { pool: &pool, path: &path };
    let fetched = match metering::admit_plain(&mut behind, None).await {
        Ok(()) => fetch.run(&mut behind, call).await,
        Err(fault) => Err(fault),
    };
    let outcome = match fetched {
        Ok(Answer::Upstream(mut upstream)) => {
            behind.settlement.status = upstream.head.status.as_u16();
            behind.settlement.backend = Some(upstream.backend().id().clone());
            behind.settlement.kind = Some(upstream.backend().kind());
            let read = body::all(&mut upstream, largest).await;
            if read.is_ok() { Outcome::Complete } else { Outcome::UpstreamCut }
        }
        Ok(_) => {
            behind.settlement.status = 304;
            Outcome::Complete
        }
        Err(fault) => failed(&mut behind, &fault),
    };
    behind.settlement.cache = Some("refresh");
    behind.settlement.end(outcome);
}

fn failed(behind: &mut Exchange, fault: &Fault) -> Outcome {
    tracing::debug!(request_id = %behind.settlement.id, code = fault.kind.code(), "a kept answer was not fetched anew");
    behind.settlement.status = fault.kind.status();
    behind.settlement.error = Some(fault.kind.code());
    Outcome::UpstreamError
}
