//! Changing the protocol: a caller's WebSocket handshake passed on, a backend's 101 passed back, then bytes both
//! ways.
//!
//! Only a 101 that the caller asked for is believed: any other would let a backend speak on the caller's
//! connection.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};

use super::{
    answer::Upgraded,
    attempt::Judged,
    exchange::Exchange,
    headers,
    relay::AnswerBody,
    respond,
    tally::{Setback, SetbackKind},
    upgrade,
};
use crate::{
    exchange::{Fault, FaultKind, Outcome},
    outbound::{Choice, Failure, Incoming},
};

/// Refuses a call of a WebSocket endpoint that asks for no WebSocket.
pub fn required(exchange: &Exchange) -> Result<(), Fault> {
    if exchange.wants_upgrade {
        return Ok(());
    }
    Err(Fault::new(FaultKind::InvalidBody, "This endpoint needs a WebSocket: send `Upgrade: websocket`."))
}

/// Whether the request's head asks for a WebSocket. Must be asked before hop-by-hop headers are taken out.
#[must_use]
pub fn is_wanted(parts: &Parts) -> bool {
    upgrade::wanted(parts).is_some()
}

/// Puts the handshake's hop-by-hop headers back for the backend.
pub fn ask(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// A backend's 101: taken if the caller asked for it, the backend's fault otherwise.
pub fn judge(exchange: &mut Exchange, mut choice: Choice, mut answer: Response<Incoming>) -> Judged {
    let client = exchange.upgrade.take().filter(|_| exchange.wants_upgrade);
    let is_websocket =
        answer.headers().get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let (Some(client), true) = (client, is_websocket) else {
        choice.failed(&Failure::Stream);
        let backend = choice.backend.id().clone();
        return Judged::Again(Setback { backend, status: Some(101), kind: SetbackKind::Server, relayable: None });
    };
    let first_byte = exchange.gateway.clock.ticks().since(choice.sent_at());
    choice.succeeded(101, first_byte);
    let backend = hyper::upgrade::on(&mut answer);
    let (head, _) = answer.into_parts();
    Judged::Upgrade(Box::new(Upgraded { head, backend, client, choice }))
}

/// Answers 101 and relays bytes until either side ends.
pub fn switch(mut exchange: Exchange, upgraded: Upgraded) -> Response<AnswerBody> {
    let mut answer = Response::new(AnswerBody::local(bytes::Bytes::new()));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = upgraded.head.headers.clone();
    headers::strip_response(answer.headers_mut());
    ask(answer.headers_mut());
    respond::ids(answer.headers_mut(), &exchange.request_id());
    exchange.settlement.status = 101;
    exchange.settlement.backend = Some(upgraded.choice.backend.id().clone());
    exchange.settlement.kind = Some(upgraded.choice.backend.kind());
    tokio::spawn(splice(exchange, upgraded));
    answer
}

async fn splice(exchange: Exchange, upgraded: Upgraded) {
    let Upgraded { backend, client, choice, .. } = upgraded;
    let drain = exchange.gateway.drain.clone();
    let passed = upgrade::splice(client, backend, drain).await;
    drop(choice);
    let mut settlement = exchange.settlement;
    settlement.bytes_in = passed.from_client;
    settlement.bytes_out = passed.from_backend;
    settlement.end(if passed.was_ended { Outcome::Ended } else { Outcome::Complete });
}
