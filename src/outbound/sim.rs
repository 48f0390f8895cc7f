//! Simulated backends: the same choice, the same kind of answer, no network.
//!
//! What they answer is `tollgate_providers::sim`; here the script is played in time.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep, sleep_until};
use tollgate_providers::{
    Surface, recognise,
    sim::{Asked, Piece, Step, Steps, answer},
};

use super::{
    SendFault, SendFaultKind,
    core::Surroundings,
    incoming::{Incoming, Patience},
    outgoing::Outgoing,
};
use crate::{settings::objects::Timeouts, tokens};

/// Largest request body that a simulated backend reads, as large as the listener's default.
const MAX_BODY: usize = 64 << 20;

/// Answers a request as the simulated backend would: collects the body, then begins to play the script.
pub(super) async fn play(
    surroundings: &Surroundings,
    timeouts: &Timeouts,
    method: &Method,
    path_and_query: &str,
    headers: &HeaderMap,
    body: Outgoing,
) -> Result<Response<Incoming>, SendFault> {
    let body = collect(body).await?;
    let mut id = [0; 16];
    surroundings.entropy.fill(&mut id);
    let now_unix_secs = surroundings.clock.now().as_secs();
    let id = u128::from_be_bytes(id);
    let counted = counted(method, path_and_query, &body).await;
    let script = answer(&Asked { method, path_and_query, headers, body: &body, now_unix_secs, id, counted });
    let mut patience = Patience::new(timeouts);
    let mut play = Play::new(script.steps);
    if let Some(wait) = play.first_wait() {
        patience.pause(wait).await?;
    }
    let mut response = Response::new(Incoming::sim(play, patience));
    *response.status_mut() = StatusCode::from_u16(script.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = script.headers;
    if let Some(size) = response.body().size_hint().exact() {
        response.headers_mut().insert(http::header::CONTENT_LENGTH, size.into());
    }
    Ok(response)
}

/// Requests for a count are answered with a real one.
async fn counted(method: &Method, path_and_query: &str, body: &Bytes) -> Option<u64> {
    let path = path_and_query.split('?').next().unwrap_or_default();
    let call = recognise(method, path)?;
    let asks = matches!(call.surface, Surface::MessagesCountTokens | Surface::CountTokens);
    let count = || tokens::count_prompt(call.surface, call.model.as_deref().unwrap_or_default(), body.clone());
    if asks { Some(count().await.tokens) } else { None }
}

async fn collect(body: Outgoing) -> Result<Bytes, SendFault> {
    let mut stream = match body {
        Outgoing::Empty => return Ok(Bytes::new()),
        Outgoing::Full(bytes) => return Ok(bytes),
        Outgoing::Stream(stream) => stream,
    };
    let mut whole = BytesMut::new();
    while let Some(frame) = stream.frame().await {
        let failed = |_| SendFault::sent(SendFaultKind::RequestBody, "the request body ended with an error");
        let Ok(data) = frame.map_err(failed)?.into_data() else { continue };
        if whole.len() + data.len() > MAX_BODY {
            let text = format!("a simulated backend reads no more than {MAX_BODY} bytes");
            return Err(SendFault::sent(SendFaultKind::RequestBody, text));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// A script being played.
pub(super) struct Play {
    steps: Steps,
    next: Option<Step>,
    /// The one after: known early, so that the last piece is known to be the last.
    then: Option<Step>,
    /// When the next step is due.
    due: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Play {
    pub(super) fn new(mut steps: Steps) -> Self {
        let (next, then) = (steps.next(), steps.next());
        Self { steps, next, then, due: None, timer: None }
    }

    /// The wait before the first piece, which is waited for before the head: that is what a caller sees of a model
    /// that thinks.
    fn first_wait(&mut self) -> Option<Duration> {
        let first = self.next.as_mut()?;
        let wait = std::mem::take(&mut first.after);
        (!wait.is_zero()).then_some(wait)
    }

    pub(super) fn is_over(&self) -> bool {
        self.next.is_none()
    }

    /// Exact where one piece is left, or none.
    pub(super) fn size_hint(&self) -> SizeHint {
        match (&self.next, &self.then) {
            (None, _) => SizeHint::with_exact(0),
            (Some(Step { piece: Piece::Data(data), .. }), None) => SizeHint::with_exact(data.len() as u64),
            _ => SizeHint::default(),
        }
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendFault>>> {
        let Some(after) = self.next.as_ref().map(|step| step.after) else { return Poll::Ready(None) };
        if !after.is_zero() {
            ready!(self.poll_due(after, cx));
        }
        let piece = self.next.take().map(|step| step.piece);
        self.next = self.then.take();
        self.then = self.steps.next();
        match piece {
            Some(Piece::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Piece::Cut) => {
                (self.next, self.then) = (None, None);
                let text = "the simulated backend cut its answer";
                Poll::Ready(Some(Err(SendFault::sent(SendFaultKind::BrokenOff, text))))
            }
            None => Poll::Ready(None),
        }
    }

    fn poll_due(&mut self, after: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(Instant::now())));
        if self.due.is_none() {
            let due = Instant::now() + after;
            timer.as_mut().reset(due);
            self.due = Some(due);
        }
        ready!(timer.as_mut().poll(cx));
        self.due = None;
        Poll::Ready(())
    }
}
