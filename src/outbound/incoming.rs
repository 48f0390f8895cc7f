//! The answer of a backend: its body, and the patience with which it is awaited.
//!
//! The timers here are Tokio's, not `model::Clock`'s: they bound waiting, they decide nothing that outlives the
//! attempt. One timer serves the whole attempt and is moved lazily: a chunk that is there costs no timer operation.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::{
    SendFault, SendFaultKind,
    outgoing::Upload,
    shared::{Guard, Reader, Shared},
    sim::Play,
    transport::{Drawn, Lane},
};
use crate::settings::objects::Timeouts;

/// How long an attempt's steps are waited for.
pub(super) struct Patience {
    start: Instant,
    /// Since when the head is waited for: connecting has a time of its own.
    asked: Instant,
    timeouts: Timeouts,
    timer: Pin<Box<Sleep>>,
    /// Since when nothing has come, while a reader waits. Time in which the reader takes nothing does not count.
    waiting: Option<Instant>,
}

impl Patience {
    pub(super) fn new(timeouts: &Timeouts) -> Self {
        let start = Instant::now();
        let timer = Box::pin(sleep_until(start + timeouts.first_byte.0.min(timeouts.total.0)));
        Self { start, asked: start, timeouts: *timeouts, timer, waiting: None }
    }

    pub(super) fn start(&self) -> Instant {
        self.start
    }

    /// Waits for something that takes a known time, within the limits for the head.
    pub(super) async fn pause(&mut self, wait: Duration) -> Result<(), SendFault> {
        let until = self.start + wait;
        if until >= self.timer.deadline() {
            self.timer.as_mut().await;
            return Err(self.expired(Instant::now(), SendFaultKind::FirstByteTimeout, self.timeouts.first_byte.0));
        }
        tokio::time::sleep_until(until).await;
        Ok(())
    }

    fn end(&self) -> Instant {
        self.start + self.timeouts.total.0
    }

    /// Waits for a connection; the wait for the head begins anew after it.
    pub(super) async fn connect<T>(
        &mut self,
        opening: impl Future<Output = Result<T, SendFault>>,
    ) -> Result<T, SendFault> {
        let opened = timeout_at(self.end(), opening).await;
        self.asked = Instant::now();
        opened.unwrap_or_else(|_| {
            let total = self.expired(self.asked, SendFaultKind::TotalTimeout, self.timeouts.total.0);
            Err(SendFault { reached: false, ..total })
        })
    }

    /// Waits for what sending comes to. The wait begins when the request is out: a streamed upload that moves, or
    /// (once) a connection that is being opened, moves the deadline.
    pub(super) async fn head<F: Future + Unpin>(
        &mut self,
        mut sending: F,
        upload: Option<&Upload>,
        dialling: &(dyn Fn() -> bool + Sync),
    ) -> Result<F::Output, SendFault> {
        let mut grace = Some(self.timeouts.connect.0);
        loop {
            tokio::select! {
                biased;
                answer = &mut sending => return Ok(answer),
                () = &mut self.timer => {}
            }
            let now = Instant::now();
            let began = upload.map_or(self.asked, |upload| upload.last().max(self.asked));
            let mut due = began + self.timeouts.first_byte.0;
            if due <= now && grace.is_some() && dialling() {
                due = now + grace.take().unwrap_or_default();
            }
            let due = due.min(self.end());
            if due <= now {
                return Err(self.expired(now, SendFaultKind::FirstByteTimeout, self.timeouts.first_byte.0));
            }
            self.timer.as_mut().reset(due);
        }
    }

    /// Something came: the next wait begins anew.
    fn moved(&mut self) {
        self.waiting = None;
    }

    /// Nothing is there: ready when that has lasted too long.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<SendFault> {
        let since = *self.waiting.get_or_insert_with(Instant::now);
        let due = (since + self.timeouts.idle.0).min(self.end());
        if due < self.timer.deadline() {
            self.timer.as_mut().reset(due);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            if due <= now {
                return Poll::Ready(self.expired(now, SendFaultKind::IdleTimeout, self.timeouts.idle.0));
            }
            self.timer.as_mut().reset(due);
        }
    }

    fn expired(&self, now: Instant, kind: SendFaultKind, limit: Duration) -> SendFault {
        if now >= self.end() {
            let total = self.timeouts.total.0;
            return SendFault::sent(
                SendFaultKind::TotalTimeout,
                format!("the attempt took longer than {total:?} in all"),
            );
        }
        let what = if kind == SendFaultKind::IdleTimeout { "the answer fell silent for" } else { "no answer within" };
        SendFault::sent(kind, format!("{what} {limit:?}"))
    }
}

enum Source {
    Wire(hyper::body::Incoming),
    Line(Drawn),
    Sim(Play),
    /// One reader of several; the patience is with what they share.
    Shared(Reader),
    /// Over: ended, failed, or timed out.
    Over,
}

/// What breaks inside an answer had reached the backend.
fn broken(error: hyper::Error) -> SendFault {
    SendFault { reached: true, ..SendFault::from(error) }
}

/// The body of a backend's answer. Enforces the idle and total timeouts itself. Dropping it before its end closes
/// the connection (HTTP/1.1) or resets the stream (HTTP/2): the backend can stop working.
pub struct Incoming {
    source: Source,
    patience: Option<Patience>,
    /// Given back when the body is over.
    lane: Option<Lane>,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Incoming")
    }
}

impl Incoming {
    pub(super) fn wire(body: hyper::body::Incoming, patience: Patience, lane: Option<Lane>) -> Self {
        Self { source: Source::Wire(body), patience: Some(patience), lane }
    }

    pub(super) fn drawn(body: Drawn, patience: Patience) -> Self {
        Self { source: Source::Line(body), patience: Some(patience), lane: None }
    }

    pub(super) fn sim(play: Play, patience: Patience) -> Self {
        Self { source: Source::Sim(play), patience: Some(patience), lane: None }
    }

    pub(super) fn shared(reader: Reader) -> Self {
        Self { source: Source::Shared(reader), patience: None, lane: None }
    }

    /// Lets others read this body too, of which nothing must have been read yet: gives the first reader's side, which
    /// drops `guard` with itself, and what the others join.
    #[must_use]
    pub fn share(self, guard: Guard) -> (Self, Shared) {
        let (shared, reader) = Shared::new(self, guard);
        (Self::shared(reader), shared)
    }

    fn reader(&self) -> Option<&Reader> {
        match &self.source {
            Source::Shared(reader) => Some(reader),
            _ => None,
        }
    }

    /// Whether others read this body too.
    #[must_use]
    pub fn has_company(&self) -> bool {
        self.reader().is_some_and(Reader::has_company)
    }

    /// From here on reads for the others' sake alone: it ends when they have gone.
    pub fn ride(&mut self) {
        if let Source::Shared(reader) = &mut self.source {
            reader.ride();
        }
    }

    /// Whether it broke because this reader was too far behind the others.
    #[must_use]
    pub fn has_lagged(&self) -> bool {
        self.reader().is_some_and(Reader::has_lagged)
    }

    /// Ends it for all who share it: nobody pays for more.
    pub fn cut(&self) {
        if let Some(reader) = self.reader() {
            reader.cut();
        }
    }

    fn over(&mut self) {
        self.source = Source::Over;
        self.lane = None;
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = SendFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        let polled = match &mut this.source {
            Source::Wire(body) => Pin::new(body).poll_frame(cx).map_err(broken),
            Source::Line(body) => Pin::new(body).poll_frame(cx).map_err(broken),
            Source::Sim(play) => play.poll_frame(cx),
            Source::Shared(reader) => return reader.poll_frame(cx),
            Source::Over => return Poll::Ready(None),
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.patience.iter_mut().for_each(Patience::moved);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(end) => {
                this.over();
                Poll::Ready(end)
            }
            Poll::Pending => {
                let Some(patience) = &mut this.patience else { return Poll::Pending };
                let fault = ready!(patience.poll_expired(cx));
                this.over();
                Poll::Ready(Some(Err(fault)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Wire(body) => body.is_end_stream(),
            Source::Line(body) => body.is_end_stream(),
            Source::Sim(play) => play.is_over(),
            Source::Shared(reader) => reader.is_over(),
            Source::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Wire(body) => body.size_hint(),
            Source::Line(body) => body.size_hint(),
            Source::Sim(play) => play.size_hint(),
            Source::Shared(_) => SizeHint::default(),
            Source::Over => SizeHint::with_exact(0),
        }
    }
}
