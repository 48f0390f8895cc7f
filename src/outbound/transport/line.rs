//! A line: one HTTP/1.1 connection to a backend, driven by whoever uses it.
//!
//! hyper's connection is a future that is meant to run in a task of its own. Here the task of the exchange polls it
//! beside what it waits for (the head, a piece of the body): a request, its head and every chunk then cross no
//! channel between tasks and wake no other thread, which is most of what a proxy adds to latency.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::client::conn::{
    TrySendError,
    http1::{Connection, SendRequest, handshake},
};
use hyper_util::rt::TokioIo;

use super::{bell::Bell, lines::Lines, lines::Origin, link::Link};
use crate::outbound::{SendFault, outgoing::Watched};

/// How often both sides are polled in a row before other tasks get their turn: they may keep waking each other, and
/// only the runtime refills a task's budget of I/O.
const MOST_TURNS: usize = 4;

type Wire = Connection<TokioIo<Link>, Watched>;

/// An HTTP/1.1 connection. Dropping it closes it.
pub(super) struct Line {
    pub(super) origin: Origin,
    sender: SendRequest<Watched>,
    /// `None` once it has ended.
    wire: Option<Wire>,
    bell: Arc<Bell>,
    waker: Waker,
}

impl Line {
    pub(super) async fn new(origin: Origin, link: Link) -> Result<Self, SendFault> {
        let (sender, wire) = handshake(TokioIo::new(link)).await?;
        let bell = Arc::<Bell>::default();
        Ok(Self { origin, sender, wire: Some(wire), waker: bell.clone().into(), bell })
    }

    /// Polls `wanted` and the connection until `wanted` is ready or neither can go on. Polled again for nothing, which
    /// hyper's server does after each chunk, it does nothing: what is waited for is the same until it has come.
    fn poll<T>(&mut self, cx: &mut Context<'_>, mut wanted: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.bell.rings_for(cx.waker());
        if self.bell.is_quiet() {
            return Poll::Pending;
        }
        for _ in 0..MOST_TURNS {
            let mut inner = Context::from_waker(&self.waker);
            self.bell.watch();
            // The bell is left watched: who got something comes back before it waits.
            if let Poll::Ready(got) = wanted(&mut inner) {
                return Poll::Ready(got);
            }
            let had_ended = self.wire.is_none();
            self.drive();
            let has_just_ended = self.wire.is_none() && !had_ended;
            if !has_just_ended && self.bell.leave() {
                return Poll::Pending;
            }
        }
        // Left watched: it looks again, whoever rings.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Lets the connection do what it can without waiting.
    fn drive(&mut self) {
        let Some(wire) = &mut self.wire else { return };
        self.bell.watch();
        if let Poll::Ready(ended) = Pin::new(wire).poll(&mut Context::from_waker(&self.waker)) {
            if let Err(error) = ended {
                tracing::debug!(%error, "a backend's connection ended");
            }
            self.wire = None;
        }
    }

    /// Puts a request on the line; what comes back is to be waited for by [`Line::wait`]. A request that was certainly
    /// not sent comes back with the error.
    pub(super) fn send(
        &mut self,
        request: Request<Watched>,
    ) -> impl Future<Output = Result<Response<hyper::body::Incoming>, TrySendError<Request<Watched>>>> + use<> {
        self.bell.watch();
        self.sender.try_send_request(request)
    }

    /// Waits for something that this line brings about.
    pub(super) fn wait<F: Future>(&mut self, mut wanted: Pin<&mut F>) -> impl Future<Output = F::Output> {
        poll_fn(move |cx| self.poll(cx, |cx| wanted.as_mut().poll(cx)))
    }

    /// Whether the connection is there, without an exchange. An idle one that the backend has closed is not.
    pub(super) fn is_free(&mut self) -> bool {
        self.drive();
        self.wire.is_some() && self.sender.is_ready()
    }

    /// Forgets whose task it woke.
    pub(super) fn retire(&mut self) {
        self.bell.forget();
    }

    /// Runs in a task of its own until the exchange is over, then closes: for the rest of an upload whose answer came
    /// early, which must go on however slowly the answer is taken.
    pub(super) fn run_out(self) {
        if let Some(wire) = self.wire {
            drop(tokio::spawn(async move {
                if let Err(error) = wire.await {
                    tracing::debug!(%error, "a backend's connection ended");
                }
            }));
        }
    }
}

/// An answer's body on the line it comes by. When it is over, the line is free for the next exchange; dropped before
/// that, the line closes.
pub(in crate::outbound) struct Drawn {
    body: hyper::body::Incoming,
    /// And where it rests; `None` when the body needs nobody to drive it.
    line: Option<(Box<Line>, Arc<Lines>)>,
}

impl Drawn {
    pub(super) fn new(body: hyper::body::Incoming, line: Box<Line>, lines: &Arc<Lines>) -> Self {
        let mut drawn = Self { body, line: Some((line, Arc::clone(lines))) };
        drawn.release_at_end();
        drawn
    }

    /// A body whose line runs in a task of its own.
    pub(super) fn alone(body: hyper::body::Incoming) -> Self {
        Self { body, line: None }
    }

    fn release_at_end(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some((line, lines)) = self.line.take() {
            lines.rest(line);
        }
    }
}

impl Body for Drawn {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, line } = &mut *self;
        let Some((line, _)) = line else { return Pin::new(body).poll_frame(cx) };
        let polled = line.poll(cx, |cx| Pin::new(&mut *body).poll_frame(cx));
        match &polled {
            Poll::Ready(None) => self.release(),
            Poll::Ready(Some(Ok(_))) => self.release_at_end(),
            Poll::Ready(Some(Err(_))) => self.line = None,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
