//! An answer's body on its way out: keeps its exchange open, and lets go of it when an HTTP/2 client stops taking it.
//!
//! On HTTP/1 a client that stops reading blocks the socket, which `wire` times. On HTTP/2 it withholds window for one
//! stream while the socket stays writable: then nobody polls the body, so the connection looks after it.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::{BoxError, watch::OpenExchange};

/// How long the end of a failed answer waits for the bytes before it: hyper discards what it has not yet written when
/// a body fails, and the last words of a cut stream, its error event, must arrive.
const PARTING: Duration = Duration::from_millis(100);

/// An answer's body with its open exchange.
pub(super) struct Outgoing<B> {
    body: Held<B>,
    open: OpenExchange,
    /// Data was handed to hyper and nothing has been waited for since.
    unflushed: bool,
    parting: Option<(BoxError, Pin<Box<Sleep>>)>,
}

enum Held<B> {
    Plain(B),
    Watched(Arc<Stream<B>>),
}

/// A stream that can be found to have stalled.
pub(super) trait Stallable: Send + Sync {
    /// When the client took something last, in milliseconds of the connection's age; `None` while it waits for us.
    fn taken_at(&self) -> Option<u64>;
    /// Drops the body; the stream is reset when it is next looked at.
    fn end(&self);
}

struct Stream<B> {
    body: Mutex<Option<B>>,
    /// Milliseconds plus one; zero while the body has nothing to give.
    taken_at: AtomicU64,
}

impl<B: Send> Stallable for Stream<B> {
    fn taken_at(&self) -> Option<u64> {
        self.taken_at.load(Relaxed).checked_sub(1)
    }

    fn end(&self) {
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(body);
    }
}

impl<B> Outgoing<B>
where
    B: Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static,
{
    /// A body whose socket is timed by `wire`.
    pub(super) fn plain(body: B, open: OpenExchange) -> Self {
        Self::of(Held::Plain(body), open)
    }

    /// A body of one of several streams of a connection.
    pub(super) fn watched(body: B, open: OpenExchange) -> Self {
        let stream =
            Arc::new(Stream { body: Mutex::new(Some(body)), taken_at: AtomicU64::new(open.watch().age() + 1) });
        let shared: Arc<dyn Stallable> = Arc::clone(&stream) as _;
        let weak: Weak<dyn Stallable> = Arc::downgrade(&shared);
        open.watch().add_stream(weak);
        Self::of(Held::Watched(stream), open)
    }

    fn of(body: Held<B>, open: OpenExchange) -> Self {
        Self { body, open, unflushed: false, parting: None }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let stream = match &mut self.body {
            Held::Plain(body) => return Pin::new(body).poll_frame(cx),
            Held::Watched(stream) => stream,
        };
        let mut body = stream.body.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(body) = body.as_mut() else {
            return Poll::Ready(Some(Err("the client took nothing for the write timeout".into())));
        };
        let frame = Pin::new(body).poll_frame(cx);
        stream.taken_at.store(if frame.is_ready() { self.open.watch().age() + 1 } else { 0 }, Relaxed);
        frame
    }

    /// Ready when the bytes before a failure have had their time.
    fn poll_parting(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some((_, timer)) = &mut self.parting {
            ready!(timer.as_mut().poll(cx));
        }
        Poll::Ready(self.parting.take().map(|(error, _)| Err(error)))
    }
}

impl<B> Body for Outgoing<B>
where
    B: Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.parting.is_some() {
            return self.poll_parting(cx);
        }
        match self.poll_body(cx) {
            Poll::Ready(Some(Err(error))) if self.unflushed => {
                self.parting = Some((error, Box::pin(tokio::time::sleep(PARTING))));
                self.poll_parting(cx)
            }
            outcome => {
                self.unflushed = outcome.is_ready();
                outcome
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Held::Plain(body) => body.is_end_stream(),
            Held::Watched(stream) => {
                stream.body.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(Body::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Held::Plain(body) => body.size_hint(),
            Held::Watched(stream) => {
                let body = stream.body.lock().unwrap_or_else(PoisonError::into_inner);
                body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
            }
        }
    }
}
