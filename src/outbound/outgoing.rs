//! The body of a request on its way to a backend.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use tokio::time::Instant;

/// Any error, boxed: what a caller's body may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request to a backend.
#[derive(Default)]
pub enum Outgoing {
    /// None.
    #[default]
    Empty,
    /// All there: its size is known, and it can be sent again.
    Full(Bytes),
    /// Still arriving from the caller: can be sent once.
    Stream(UnsyncBoxBody<Bytes, BoxError>),
}

impl Outgoing {
    /// Whether the same body could be sent again.
    #[must_use]
    pub fn is_replayable(&self) -> bool {
        !matches!(self, Self::Stream(_))
    }
}

impl From<Bytes> for Outgoing {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let whole = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(whole))))
            }
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

/// When a streamed request body last moved, in milliseconds after the attempt's start: the wait for the answer's
/// head is counted from there, so that a long upload is no silence of the backend.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    start: Instant,
    moved_ms: Arc<AtomicU64>,
}

impl Upload {
    pub(super) fn new(start: Instant) -> Self {
        Self { start, moved_ms: Arc::default() }
    }

    /// The moment of the last movement.
    pub(super) fn last(&self) -> Instant {
        self.start + std::time::Duration::from_millis(self.moved_ms.load(Relaxed))
    }

    /// Whether all of the body was handed over: the connection has let go of it.
    pub(super) fn is_over(&self) -> bool {
        Arc::strong_count(&self.moved_ms) == 1
    }

    fn moved(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(millis, Relaxed);
    }
}

/// An [`Outgoing`] that notes its progress when it is a stream.
pub(super) struct Watched {
    body: Outgoing,
    upload: Option<Upload>,
}

impl Watched {
    pub(super) fn new(body: Outgoing, upload: Option<Upload>) -> Self {
        Self { body, upload }
    }

    /// The body without the watch.
    pub(super) fn into_body(self) -> Outgoing {
        self.body
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(upload) = &self.upload {
            upload.moved();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
