//! One answer's body for several readers, each at its own pace.
//!
//! There is no task that reads: whoever wants more than is there reads on for everybody, so that nothing is read
//! when nobody wants it and the backend's side closes with the last reader. What was read is kept up to
//! [`LARGEST`]; a reader who is farther behind than that has lost the thread and is told so. Deliberately not here:
//! who may share an answer (`gateway::coalescing`).

use std::{
    any::Any,
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};

use super::{SendFault, SendFaultKind, incoming::Incoming};

/// How many bytes of one answer are kept: forty times the longest answers of today's models.
pub const LARGEST: usize = 8 << 20;

/// An answer's body that several may read. Cloning shares it; it is no reader itself.
#[derive(Clone)]
pub struct Shared {
    tape: Arc<Mutex<Tape>>,
    crowd: Arc<Crowd>,
}

struct Tape {
    /// The backend's side, while somebody reads and it has not ended.
    source: Option<Box<Incoming>>,
    pieces: VecDeque<Bytes>,
    /// How many pieces are not kept any more.
    gone: usize,
    bytes: usize,
    end: Option<End>,
    readers: usize,
    /// Those of them who read for the others' sake alone.
    riders: usize,
    /// Numbers readers.
    next: u64,
}

#[derive(Clone)]
enum End {
    Whole(Option<HeaderMap>),
    Broken(SendFault),
}

/// Wakes everybody who waits.
#[derive(Default)]
struct Crowd(Mutex<Vec<(u64, Waker)>>);

impl Crowd {
    fn waiting(&self) -> MutexGuard<'_, Vec<(u64, Waker)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, number: u64, waker: &Waker) {
        let mut waiting = self.waiting();
        match waiting.iter_mut().find(|(there, _)| *there == number) {
            Some((_, there)) => there.clone_from(waker),
            None => waiting.push((number, waker.clone())),
        }
    }

    fn leave(&self, number: u64) {
        self.waiting().retain(|(there, _)| *there != number);
    }

    fn wake_all(&self) {
        let all = std::mem::take(&mut *self.waiting());
        for (_, waker) in all {
            waker.wake();
        }
    }
}

impl Wake for Crowd {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}

/// What is given back when the first reader has gone.
pub type Guard = Box<dyn Any + Send + Sync>;

impl Shared {
    /// Shares a body of which nothing was read; also its first reader, who drops `guard` when it goes.
    pub(super) fn new(source: Incoming, guard: Guard) -> (Self, Reader) {
        let tape = Tape {
            source: Some(Box::new(source)),
            pieces: VecDeque::new(),
            gone: 0,
            bytes: 0,
            end: None,
            readers: 0,
            riders: 0,
            next: 0,
        };
        let shared = Self { tape: Arc::new(Mutex::new(tape)), crowd: Arc::default() };
        let reader = shared.join(Some(guard));
        (shared, reader)
    }

    /// One more body with all of the answer; `None`: its beginning is gone, or everybody has left it.
    #[must_use]
    pub fn reader(&self) -> Option<Incoming> {
        let may_join = {
            let tape = self.tape();
            tape.gone == 0 && (tape.source.is_some() || tape.end.is_some())
        };
        may_join.then(|| Incoming::shared(self.join(None)))
    }

    fn join(&self, guard: Option<Guard>) -> Reader {
        let mut tape = self.tape();
        tape.readers += 1;
        tape.next += 1;
        let number = tape.next;
        Reader { shared: self.clone(), number, at: 0, rides: false, lagged: false, over: false, _guard: guard }
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tape {
    /// What stands at a place: a piece, or nothing yet.
    fn at(&self, at: usize) -> Option<&Bytes> {
        self.pieces.get(at - self.gone)
    }

    fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        self.pieces.push_back(piece);
        while self.bytes > LARGEST && self.pieces.len() > 1 {
            let first = self.pieces.pop_front().map_or(0, |piece| piece.len());
            self.bytes -= first;
            self.gone += 1;
        }
    }

    /// Reads on until there is a piece more or an end.
    fn read_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(source) = &mut self.source else { return Poll::Ready(()) };
            let end = match Pin::new(source.as_mut()).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) if piece.is_empty() => continue,
                    Ok(piece) => {
                        // A reader who knows the length does not ask for the end.
                        let is_last = source.is_end_stream();
                        self.push(piece);
                        if is_last {
                            self.end = Some(End::Whole(None));
                            self.source = None;
                        }
                        return Poll::Ready(());
                    }
                    Err(frame) => End::Whole(frame.into_trailers().ok()),
                },
                Poll::Ready(Some(Err(fault))) => End::Broken(fault),
                Poll::Ready(None) => End::Whole(None),
            };
            self.end = Some(end);
            self.source = None;
            return Poll::Ready(());
        }
    }
}

/// One reader's place.
pub(super) struct Reader {
    shared: Shared,
    number: u64,
    at: usize,
    /// Reads for the others' sake: ends with them.
    rides: bool,
    lagged: bool,
    over: bool,
    _guard: Option<Guard>,
}

impl Reader {
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendFault>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let shared = self.shared.clone();
        let mut tape = shared.tape();
        let mut has_read = false;
        loop {
            if self.at < tape.gone {
                (self.over, self.lagged) = (true, true);
                return Poll::Ready(Some(Err(behind())));
            }
            if let Some(piece) = tape.at(self.at) {
                self.at += 1;
                return Poll::Ready(Some(Ok(Frame::data(piece.clone()))));
            }
            if let Some(end) = tape.end.clone() {
                self.over = true;
                return Poll::Ready(last(end));
            }
            if has_read || (self.rides && tape.readers == tape.riders) {
                // Nobody is there to read from, or to read for.
                self.over = true;
                return Poll::Ready(None);
            }
            shared.crowd.join(self.number, cx.waker());
            let waker = Waker::from(shared.crowd.clone());
            std::task::ready!(tape.read_on(&mut Context::from_waker(&waker)));
            has_read = tape.source.is_none() && tape.end.is_none();
            shared.crowd.leave(self.number);
            shared.crowd.wake_all();
        }
    }

    /// Whether all of it has been read.
    pub(super) fn is_over(&self) -> bool {
        let tape = self.shared.tape();
        let whole =
            matches!(tape.end, Some(End::Whole(None))) || tape.source.as_deref().is_some_and(Body::is_end_stream);
        self.over || (whole && self.at >= tape.gone && tape.at(self.at).is_none())
    }

    /// Whether others read it too.
    pub(super) fn has_company(&self) -> bool {
        let tape = self.shared.tape();
        tape.readers - tape.riders > usize::from(!self.rides)
    }

    /// From here on it reads for the others' sake alone.
    pub(super) fn ride(&mut self) {
        if !std::mem::replace(&mut self.rides, true) {
            self.shared.tape().riders += 1;
        }
    }

    /// Whether it was too far behind.
    pub(super) const fn has_lagged(&self) -> bool {
        self.lagged
    }

    /// Ends it for everybody behind what is there.
    pub(super) fn cut(&self) {
        let mut tape = self.shared.tape();
        if tape.end.is_none() {
            tape.source = None;
            let message = "the call that this answer was shared with was ended by a limit";
            tape.end = Some(End::Broken(SendFault::sent(SendFaultKind::BrokenOff, message)));
        }
        drop(tape);
        self.shared.crowd.wake_all();
    }
}

fn last(end: End) -> Option<Result<Frame<Bytes>, SendFault>> {
    match end {
        End::Whole(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
        End::Broken(fault) => Some(Err(fault)),
    }
}

fn behind() -> SendFault {
    let message = format!("this reader of a shared answer fell more than {LARGEST} bytes behind the others");
    SendFault::sent(SendFaultKind::BrokenOff, message)
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut tape = self.shared.tape();
        tape.readers -= 1;
        tape.riders -= usize::from(self.rides);
        // Dropped outside of the lock: closing a connection may wake somebody.
        let source = if tape.readers == 0 { tape.source.take() } else { None };
        drop(tape);
        drop(source);
        self.shared.crowd.leave(self.number);
        self.shared.crowd.wake_all();
    }
}

#[cfg(test)]
mod tests;
