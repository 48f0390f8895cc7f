//! Changing the protocol: a caller's WebSocket handshake passed on, a backend's 101 passed back, then bytes both
//! ways.
//!
//! Only a 101 that the caller asked for is believed: any other would let a backend speak on the caller's
//! connection.

use http::{HeaderValue, Response, StatusCode};
use tollgate_providers::{
    Usage,
    realtime::{self, Session},
};

use super::{
    answer::Upgraded,
    attempt::Judged,
    cutoff,
    exchange::Exchange,
    headers,
    relay::{AnswerBody, MOST_WAITS},
    respond,
    tally::{Setback, SetbackKind},
    upgrade::{self, Cut, End, Watch},
};
use crate::{
    exchange::{AttemptRecord, Fault, FaultKind, Outcome},
    outbound::{Choice, Failure, Incoming},
    usage::{Settlement, Stop},
};

/// Refuses a call of a WebSocket endpoint that asks for no WebSocket.
pub fn required(exchange: &Exchange) -> Result<(), Fault> {
    if exchange.asked_upgrade.is_some() {
        return Ok(());
    }
    Err(Fault::new(FaultKind::InvalidBody, "This endpoint needs a WebSocket: send `Upgrade: websocket`."))
}

/// A backend's 101: taken if the caller asked for it, the backend's fault otherwise.
pub fn judge(exchange: &mut Exchange, mut choice: Choice, mut answer: Response<Incoming>) -> Judged {
    let accepted = upgrade::accepted(exchange.asked_upgrade, answer.status(), answer.headers());
    // Only a good 101 takes the caller's side: the next member may still need it.
    let client = exchange.upgrade.take_if(|_| matches!(accepted, Ok(true)));
    let Some(client) = client else {
        choice.failed(&Failure::Stream);
        let backend = choice.backend.id().clone();
        return Judged::Again(Setback { backend, status: Some(101), kind: SetbackKind::Server, relayable: None });
    };
    let first_byte = exchange.gateway.clock.ticks().since(choice.sent_at());
    choice.succeeded(101, first_byte);
    let began = choice.sent_at().since(exchange.settlement.started);
    let attempt =
        AttemptRecord { backend: choice.backend.id().clone(), status: Some(101), fault: None, began, took: first_byte };
    exchange.settlement.tried(attempt);
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
    if let Some(upgrade) = exchange.asked_upgrade {
        upgrade.announce(answer.headers_mut());
    }
    respond::ids(answer.headers_mut(), &exchange.request_id());
    if exchange.snapshot.settings.server.expose_backend
        && let Ok(name) = HeaderValue::from_str(upgraded.choice.backend.id().as_str())
    {
        answer.headers_mut().insert(respond::BACKEND, name);
    }
    respond::cookie(&mut exchange, answer.headers_mut());
    exchange.settlement.status = 101;
    exchange.settlement.backend = Some(upgraded.choice.backend.id().clone());
    exchange.settlement.kind = Some(upgraded.choice.backend.kind());
    tokio::spawn(splice(exchange, upgraded));
    answer
}

async fn splice(exchange: Exchange, upgraded: Upgraded) {
    let Upgraded { backend, client, mut choice, .. } = upgraded;
    let idle = choice.backend.timeouts().total.0;
    let gateway = exchange.gateway.clone();
    let mut settlement = exchange.settlement;
    let mut session = settlement.is_session().then(Session::default);
    let watch = Hearing { session: session.as_mut(), settlement: &mut settlement };
    let passed = upgrade::splice(client, backend, idle, &gateway.drain, watch).await;
    if passed.end == End::Broken {
        choice.failed(&Failure::Stream);
    }
    drop(choice);
    if let Some(session) = session {
        settlement.consume_session(session.used(), session.is_settled());
    }
    settlement.bytes_in = passed.up;
    settlement.bytes_out = passed.down;
    settlement.end(match passed.end {
        End::Complete => Outcome::Complete,
        End::ClientGone => Outcome::ClientGone,
        End::Broken => Outcome::UpstreamCut,
        End::Idle | End::Ended => Outcome::Ended,
        End::Spent => Outcome::LimitReached,
    });
}

/// Reads what the backend says, and ends the session where its next response may not be paid for any more. Without a
/// session nobody listens.
struct Hearing<'a> {
    session: Option<&'a mut Session>,
    settlement: &'a mut Settlement,
}

impl Watch for Hearing<'_> {
    async fn hear(&mut self, bytes: &[u8]) -> Option<Cut> {
        let session = self.session.as_deref_mut()?;
        let mut at = 0;
        while let Some(more) = session.push(&bytes[at..]) {
            at += more;
            if let Err(stop) = pay(self.settlement, &session.used()).await {
                return Some(Cut { at, ending: realtime::ending(&cutoff::why("session", &stop)) });
            }
        }
        None
    }
}

/// Keeps what is held ahead of the session; where that is a matter of leases it waits for them, as streams do.
async fn pay(settlement: &mut Settlement, used: &Usage) -> Result<(), Stop> {
    for _ in 0..MOST_WAITS {
        let Err(stop) = settlement.session_used(used) else { return Ok(()) };
        let Some(lease) = settlement.lease(&stop) else { return Err(stop) };
        if !lease.await {
            break;
        }
    }
    settlement.session_used(used)
}
