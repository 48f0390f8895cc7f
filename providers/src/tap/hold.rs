//! Withholding the usage chunk: bytes of an unfinished frame wait until it is clear what the frame is.
//!
//! Deliberately not here: telling which frame that is (`chat`).

use bytes::Bytes;
use memchr::memmem;

use super::Verdict;

/// An unfinished frame larger than this is shown at once: the usage chunk has a few hundred bytes.
const MOST_HELD: usize = 64 * 1024;

/// What waits, and where the current chunk stands.
#[derive(Default)]
pub(super) struct Hold {
    /// The unfinished frame's earlier bytes, not shown yet.
    held: Vec<Bytes>,
    held_bytes: usize,
    /// When to look again whether the unfinished frame can still be the usage chunk: doubling keeps this linear.
    look_again_at: usize,
    /// The unfinished frame's earlier bytes have been shown: the rest follows as it comes.
    shown: bool,
    /// A frame ended with a CR at the last chunk's end, hidden or not: an LF that opens the next one belongs to it.
    ended_in_cr: Option<Verdict>,
    /// Start of this chunk's bytes that are not decided upon.
    from: usize,
    /// Start of the current frame in this chunk.
    frame: usize,
}

impl Hold {
    pub(super) fn begin(&mut self, chunk: &Bytes) {
        if chunk.is_empty() {
            (self.from, self.frame) = (0, 0);
            return;
        }
        let belongs = self.ended_in_cr.take().filter(|_| chunk.starts_with(b"\n"));
        self.frame = usize::from(belongs.is_some());
        self.from = usize::from(belongs == Some(Verdict::UsageOnly));
    }

    pub(super) fn frame_ended(&mut self, chunk: &Bytes, end: usize, verdict: Verdict, out: &mut Vec<Bytes>) {
        let verdict = if self.shown { Verdict::Show } else { verdict };
        self.ended_in_cr = (end == chunk.len() && chunk.ends_with(b"\r")).then_some(verdict);
        if verdict == Verdict::UsageOnly {
            self.forget();
            show(chunk, self.from..self.frame, out);
            self.from = end;
        } else {
            self.release(out);
        }
        self.shown = false;
        self.frame = end;
    }

    /// The chunk is read: shows what is decided and keeps the rest.
    pub(super) fn end(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) {
        let unfinished = chunk.len() - self.frame.min(chunk.len());
        if unfinished == 0 || self.shown {
            show(chunk, self.from..chunk.len(), out);
            return;
        }
        show(chunk, self.from..self.frame, out);
        self.held.push(chunk.slice(self.frame..));
        self.held_bytes += unfinished;
        if !self.can_be_usage() {
            self.release(out);
            self.shown = true;
        }
    }

    /// The stream ended with a frame that no blank line closed.
    pub(super) fn finish(&mut self, verdict: Verdict, out: &mut Vec<Bytes>) {
        if verdict == Verdict::UsageOnly { self.forget() } else { self.release(out) }
    }

    fn can_be_usage(&mut self) -> bool {
        if self.held_bytes > MOST_HELD {
            return false;
        }
        if self.held_bytes < self.look_again_at {
            return true;
        }
        self.look_again_at = self.held_bytes * 2;
        let start = self.held.concat();
        // A choice that carries something: no vendor's usage chunk has one.
        let speaks = [&b"\"choices\":[{"[..], b"\"choices\": [{"];
        !speaks.iter().any(|needle| memmem::find(&start, needle).is_some())
    }

    fn release(&mut self, out: &mut Vec<Bytes>) {
        out.append(&mut self.held);
        self.forget();
    }

    fn forget(&mut self) {
        self.held.clear();
        self.held_bytes = 0;
        self.look_again_at = 0;
    }
}

fn show(chunk: &Bytes, range: std::ops::Range<usize>, out: &mut Vec<Bytes>) {
    if range.len() == chunk.len() && !chunk.is_empty() {
        out.push(chunk.clone());
    } else if !range.is_empty() {
        out.push(chunk.slice(range));
    }
}
