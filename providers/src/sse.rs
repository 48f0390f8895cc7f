//! The incremental reader of event streams (WHATWG HTML, section 9.2.6), for observing bytes that pass.
//!
//! It finds frames and their fields in any chunking, in time linear in the bytes, without copying an event that
//! lies in one chunk. Deliberately not here: what events mean (`tap`), and any change to the bytes.

use std::{fmt, ops::Range};

use memchr::{memchr, memchr2};

/// Largest event that is kept for observing, in bytes: SDKs accept single events beyond 64 MiB (base64 images).
pub const LARGEST_EVENT: usize = 64 * 1024 * 1024 + 64 * 1024;

/// Buffers that grew beyond this for one event are given back after it.
const KEPT_CAPACITY: usize = 64 * 1024;

/// A frame: everything up to and with a blank line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Value of its last `event` field; empty when it had none.
    pub event: &'a [u8],
    /// Its `data` lines joined with LF. `None`: it had none (comments, lone `event` lines, extra blank lines).
    pub data: Option<&'a [u8]>,
    /// Last `id` seen in the stream.
    pub id: &'a [u8],
    /// The frame was too large to keep: its fields are not to be trusted.
    pub oversized: bool,
    /// Where it ends in the chunk, just behind the blank line. A CR at the end of a chunk ends the line at once;
    /// an LF that opens the next chunk still belongs to it.
    pub end: usize,
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("end", &self.end).field("oversized", &self.oversized).finish_non_exhaustive()
    }
}

/// The reader's state between chunks.
pub struct Reader {
    largest: usize,
    /// The unfinished line.
    line: Vec<u8>,
    /// Data of the unfinished event, where it could not be borrowed from a single chunk.
    data: Vec<u8>,
    has_data: bool,
    event: Vec<u8>,
    id: Vec<u8>,
    after_cr: bool,
    first_line: bool,
    oversized: bool,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("line_bytes", &self.line.len()).finish_non_exhaustive()
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new(LARGEST_EVENT)
    }
}

impl Reader {
    /// A reader that keeps events of up to `largest` bytes.
    #[must_use]
    pub fn new(largest: usize) -> Self {
        Self {
            largest,
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            event: Vec::new(),
            id: Vec::new(),
            after_cr: false,
            first_line: true,
            oversized: false,
        }
    }

    /// Whether bytes of an unfinished frame have been taken.
    #[must_use]
    pub fn is_inside_frame(&self) -> bool {
        !self.line.is_empty() || self.has_data || !self.event.is_empty() || self.oversized
    }

    /// Takes a chunk and hands every frame that ends in it to `sink`.
    pub fn push(&mut self, chunk: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        let mut at = usize::from(self.after_cr && chunk.first() == Some(&b'\n'));
        if !chunk.is_empty() {
            self.after_cr = false;
        }
        // The event's only data line so far, while it lies in this chunk.
        let mut fresh: Option<Range<usize>> = None;
        while let Some(found) = memchr2(b'\n', b'\r', &chunk[at..]) {
            let end = at + found;
            let next = self.behind_line_end(chunk, end);
            if self.line.is_empty() && end == at {
                self.dispatch(fresh.take().map(|range| &chunk[range]), next, sink);
            } else if self.line.is_empty() {
                self.whole_line(chunk, at..end, &mut fresh);
            } else {
                self.keep(&chunk[at..end]);
                self.carried_line(chunk, &mut fresh);
            }
            at = next;
        }
        self.settle(chunk, &mut fresh);
        self.keep(&chunk[at..]);
    }

    /// The stream ended: hands over an event that no blank line followed, with `end` 0.
    pub fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        if !self.line.is_empty() {
            self.carried_line(&[], &mut None);
        }
        if self.is_inside_frame() {
            self.dispatch(None, 0, sink);
        }
    }

    /// Where the next line starts; a CR LF pair is one line end.
    fn behind_line_end(&mut self, chunk: &[u8], end: usize) -> usize {
        match (chunk[end], chunk.get(end + 1)) {
            (b'\r', Some(b'\n')) => end + 2,
            (b'\r', None) => {
                self.after_cr = true;
                end + 1
            }
            _ => end + 1,
        }
    }

    /// A line that lies whole in the chunk.
    fn whole_line(&mut self, chunk: &[u8], line: Range<usize>, fresh: &mut Option<Range<usize>>) {
        let skip = self.bom(&chunk[line.clone()]);
        let (name, value) = field(&chunk[line.start + skip..line.end]);
        if name == b"data" && !self.has_data && fresh.is_none() && !self.oversized {
            *fresh = Some(line.end - value.len()..line.end);
            return;
        }
        if name == b"data" {
            self.settle(chunk, fresh);
        }
        self.take(name, value);
    }

    /// A line whose first part was kept from earlier chunks.
    fn carried_line(&mut self, chunk: &[u8], fresh: &mut Option<Range<usize>>) {
        self.settle(chunk, fresh);
        let mut line = std::mem::take(&mut self.line);
        let skip = self.bom(&line);
        let (name, value) = field(&line[skip..]);
        self.take(name, value);
        line.clear();
        line.shrink_to(KEPT_CAPACITY);
        self.line = line;
    }

    /// Length of the byte order mark that may open the stream.
    fn bom(&mut self, line: &[u8]) -> usize {
        let first = std::mem::replace(&mut self.first_line, false);
        if first && line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
    }

    /// Moves a borrowed data line into the buffer: its chunk ends, or it is not the only one.
    fn settle(&mut self, chunk: &[u8], fresh: &mut Option<Range<usize>>) {
        if let Some(range) = fresh.take() {
            self.take(b"data", &chunk[range]);
        }
    }

    fn take(&mut self, name: &[u8], value: &[u8]) {
        if self.oversized {
            return;
        }
        match name {
            b"data" => {
                if self.data.len() + value.len() > self.largest {
                    self.give_up();
                    return;
                }
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => value.clone_into(&mut self.event),
            b"id" if memchr(0, value).is_none() => value.clone_into(&mut self.id),
            _ => {}
        }
    }

    /// Keeps the start of a line whose end is still to come.
    fn keep(&mut self, part: &[u8]) {
        if self.line.len() + self.data.len() + part.len() > self.largest {
            self.give_up();
        }
        if !self.oversized {
            self.line.extend_from_slice(part);
        } else if self.line.is_empty() && !part.is_empty() {
            // One byte stands for the line: it is not blank.
            self.line.push(b':');
        }
    }

    /// From here on the event passes unobserved.
    fn give_up(&mut self) {
        self.oversized = true;
        self.data = Vec::new();
        self.line.truncate(1);
        self.line.shrink_to_fit();
    }

    fn dispatch(&mut self, fresh: Option<&[u8]>, end: usize, sink: &mut impl FnMut(Frame<'_>)) {
        let data = fresh.or(self.has_data.then_some(&self.data)).filter(|_| !self.oversized);
        sink(Frame { event: &self.event, data, id: &self.id, oversized: self.oversized, end });
        self.first_line = false;
        self.oversized = false;
        self.has_data = false;
        self.data.clear();
        self.data.shrink_to(KEPT_CAPACITY);
        self.event.clear();
    }
}

/// A line's field name and value; a comment has an empty name.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memchr(b':', line) else { return (line, b"") };
    let value = &line[colon + 1..];
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}
