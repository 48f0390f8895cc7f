//! The socket as hyper sees it: with deadlines, a look at the raw heads, and a patient goodbye.
//!
//! Deadlines here are those that only the socket can see: a head that does not come, a client that does not take its
//! bytes. Silence inside a request body is `inbound`'s, idle connections are `connection`'s.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

use super::{caps::Place, head_tap::Protocol, refusal, watch::Watch};
use crate::exchange::Fault;

/// How long and how much a closing connection still reads, so that the client gets to see the answer: closing a
/// socket with unread bytes makes the kernel reset it, which discards what was sent.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 512 << 10;

/// Turns a fault into the bytes of an answer.
pub(super) type Words = Arc<dyn Fn(Fault) -> Bytes + Send + Sync>;

/// Deadlines of a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    pub(super) head: Duration,
    pub(super) write: Duration,
}

/// A socket with deadlines. Holds the connection's place, so that a tunnel counts for as long as it is open.
pub(super) struct Wire<T> {
    inner: T,
    watch: Arc<Watch>,
    words: Words,
    deadlines: Deadlines,
    head: Option<(u32, Pin<Box<Sleep>>)>,
    stall: Option<Pin<Box<Sleep>>>,
    instead: Option<Bytes>,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
    _place: Place,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    pub(super) fn new(inner: T, watch: Arc<Watch>, words: Words, deadlines: Deadlines, place: Place) -> Self {
        Self { inner, watch, words, deadlines, head: None, stall: None, instead: None, linger: None, _place: place }
    }

    /// Nothing came: is a head overdue?
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(awaited) = self.watch.awaited_head() else {
            self.head = None;
            return Poll::Pending;
        };
        let limit = self.deadlines.head;
        let timer = match &mut self.head {
            Some((for_head, timer)) if *for_head == awaited => timer,
            head => &mut head.insert((awaited, Box::pin(tokio::time::sleep(limit)))).1,
        };
        ready!(timer.as_mut().poll(cx));
        self.head = None;
        Poll::Ready(self.late(cx))
    }

    /// A connection that never began a request ends like one the client closed; one that did is told.
    fn late(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.watch.is_head_pending() {
            return Ok(());
        }
        let answer = (self.words)(refusal::late_head());
        let told = Pin::new(&mut self.inner).poll_write(cx, &answer);
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        tracing::debug!(?told, ?flushed, "request head overdue");
        Err(io::Error::new(io::ErrorKind::TimedOut, "the request head was not complete in time"))
    }

    /// Passes a write's outcome on; a pending one may only be so for the write timeout.
    fn timed<V>(&mut self, outcome: Poll<io::Result<V>>, cx: &mut Context<'_>) -> Poll<io::Result<V>> {
        if outcome.is_ready() {
            self.stall = None;
            return outcome;
        }
        let limit = self.deadlines.write;
        let timer = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client took nothing for the write timeout")))
    }

    /// Writes the service's words in place of the parser's own answer. Ready(None): `bytes` is something else.
    fn poll_instead(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<Option<usize>>> {
        if self.instead.is_none() {
            if !bytes.starts_with(b"HTTP/1.1 4") || !self.watch.is_head_pending() {
                return Poll::Ready(Ok(None));
            }
            let has_line = self.watch.tap().has_request_line();
            let Some(fault) = refusal::recognise(bytes, has_line) else { return Poll::Ready(Ok(None)) };
            self.instead = Some((self.words)(fault));
        }
        while let Some(words) = self.instead.as_mut().filter(|words| !words.is_empty()) {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, words))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            words.advance(written);
        }
        self.instead = None;
        Poll::Ready(Ok(Some(bytes.len())))
    }

    /// After the last byte: reads and discards for a moment, until the client closes too.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (timer, left) = self.linger.get_or_insert_with(|| (Box::pin(tokio::time::sleep(LINGER)), LINGER_BYTES));
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() && *left > 0 => {
                    *left = left.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return timer.as_mut().poll(cx),
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(outcome) => {
                self.watch.saw(&buf.filled()[before..]);
                Poll::Ready(outcome)
            }
            Poll::Pending => self.poll_head(cx),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = match self.poll_instead(cx, bytes) {
            Poll::Ready(Ok(None)) => Pin::new(&mut self.inner).poll_write(cx, bytes),
            Poll::Ready(Ok(Some(written))) => Poll::Ready(Ok(written)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        self.timed(outcome, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices.iter().find(|slice| !slice.is_empty());
        if let Some(first) = first
            && (self.instead.is_some() || first.starts_with(b"HTTP/1.1 4"))
        {
            return self.poll_write(cx, first);
        }
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.timed(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(cx);
        self.timed(outcome, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            let outcome = Pin::new(&mut self.inner).poll_shutdown(cx);
            ready!(self.timed(outcome, cx))?;
        }
        if self.watch.tap().protocol() == Protocol::Http1 && !self.watch.is_tunnel() {
            ready!(self.poll_goodbye(cx));
        }
        Poll::Ready(Ok(()))
    }
}
