//! A request's body on its way in: size limit, idle limit, byte count, and what went wrong with it.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::{
    exchange::{Fault, FaultKind},
    gateway::admission,
};

/// A request's body. Its errors are faults of the client; trailers pass.
///
/// What the reader leaves unread goes back to the connection, which drains a little of it or closes.
#[derive(Debug)]
pub struct Inbound {
    source: Source,
    limit: u64,
    idle: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    state: Arc<State>,
}

#[derive(Debug)]
enum Source {
    Wire(Incoming),
    Given(Option<Bytes>),
    Done,
}

#[derive(Debug, Default)]
struct State {
    bytes: AtomicU64,
    fault: Mutex<Option<Fault>>,
    leftover: Mutex<Leftover>,
}

/// Where the unread part of a body goes when its reader drops it.
#[derive(Debug, Default)]
enum Leftover {
    /// Back to the connection, which has not answered yet.
    #[default]
    Wanted,
    /// There: the reader was early.
    Kept(Incoming),
    /// Nowhere: the answer is on its way.
    Unwanted,
}

/// Looks at a body that somebody else reads: how much came, and whether it was the client who failed.
#[derive(Clone, Debug)]
pub struct BodyWatch(Arc<State>);

impl BodyWatch {
    /// Data bytes received so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// What went wrong with the body, if anything did: the backend is then not to blame.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.0.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The part of the body that its reader has dropped unread by now; what is dropped later is gone at once.
    pub(super) fn leftover(&self) -> Option<Incoming> {
        let mut leftover = self.0.leftover.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *leftover, Leftover::Unwanted) {
            Leftover::Kept(body) => Some(body),
            Leftover::Wanted | Leftover::Unwanted => None,
        }
    }
}

impl Inbound {
    /// The body of a request from the wire: at most `limit` bytes, no silence longer than `idle`.
    pub(super) fn new(body: Incoming, limit: u64, idle: Duration) -> Self {
        Self { source: Source::Wire(body), limit, idle, timer: None, state: Arc::default() }
    }

    /// A body that is already here, for requests the gateway makes itself and for tests.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        let source = Source::Given(Some(bytes).filter(|bytes| !bytes.is_empty()));
        Self { source, limit: u64::MAX, idle: Duration::MAX, timer: None, state: Arc::default() }
    }

    /// A look at this body for those who no longer hold it.
    #[must_use]
    pub fn watch(&self) -> BodyWatch {
        BodyWatch(Arc::clone(&self.state))
    }

    fn fail(&mut self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        *self.state.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault.clone());
        // The rest cannot be told from the next request: dropping it makes the connection close.
        self.source = Source::Done;
        Poll::Ready(Some(Err(fault)))
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut self.source {
            Source::Wire(body) => Pin::new(body).poll_frame(cx).map_err(|error| broken(&error)),
            Source::Given(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Source::Done => Poll::Ready(None),
        }
    }

    /// Ready when the client has been silent for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let idle = self.idle;
        self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle))).as_mut().poll(cx)
    }
}

fn broken(error: &hyper::Error) -> Fault {
    let message = if error.is_incomplete_message() || error.is_closed() {
        "The connection ended before the request body was complete."
    } else {
        "The request body is not framed as its head says."
    };
    Fault::new(FaultKind::BadRequest, message)
}

fn too_slow(idle: Duration) -> Fault {
    let message = format!("No byte of the request body came for {} s (body_timeout).", idle.as_secs_f32());
    Fault::new(FaultKind::BodyTimeout, message)
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Poll::Ready(frame) = self.poll_source(cx) else {
            ready!(self.poll_silence(cx));
            let fault = too_slow(self.idle);
            return self.fail(fault);
        };
        self.timer = None;
        match frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                let seen = self.state.bytes.fetch_add(length, Relaxed) + length;
                if seen > self.limit {
                    let fault = admission::body_too_large(self.limit);
                    return self.fail(fault);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(fault)) => self.fail(fault),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Wire(body) => body.is_end_stream(),
            Source::Given(bytes) => bytes.is_none(),
            Source::Done => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Wire(body) => body.size_hint(),
            Source::Given(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Source::Done => SizeHint::with_exact(0),
        }
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if let Source::Wire(body) = std::mem::replace(&mut self.source, Source::Done)
            && !body.is_end_stream()
        {
            let mut leftover = self.state.leftover.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(*leftover, Leftover::Wanted) {
                *leftover = Leftover::Kept(body);
            }
        }
    }
}
