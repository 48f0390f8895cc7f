//! Following the journal while it is written.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use super::{
    JournalError, Record, SegmentFile,
    disk::read_full,
    frame,
    header::{self, HEADER},
    shared::Shared,
};

/// Bytes read at once; a record that is longer is read alone.
const CHUNK: u64 = 256 * 1024;

/// Reads what this process appends, from its start on, in order and without gaps.
pub struct Tail {
    shared: Arc<Shared>,
    number: u64,
    offset: u64,
    epoch: u64,
    chunk: Vec<u8>,
    is_behind: bool,
}

/// A piece of a segment that holds whole records only.
struct Piece {
    file: Arc<dyn SegmentFile>,
    number: u64,
    from: u64,
    to: u64,
    grows: bool,
}

impl Tail {
    pub(super) fn new(shared: Arc<Shared>, epoch: u64) -> Self {
        Self { shared, number: 0, offset: HEADER as u64, epoch, chunk: Vec::new(), is_behind: false }
    }

    /// Waits until there is a record to read, or [`super::Journal::finish`] was called (then `false`, if there is none).
    pub async fn ready(&mut self) -> bool {
        loop {
            self.shared.reader_sleeps.store(true, SeqCst);
            if self.next_piece().is_some() {
                self.shared.reader_sleeps.store(false, SeqCst);
                return true;
            }
            if self.shared.is_finished() {
                return false;
            }
            self.shared.news.notified().await;
        }
    }

    /// Whether there is a record to read.
    pub fn has_news(&mut self) -> bool {
        self.next_piece().is_some()
    }

    /// The next records, none when there are none: some hundred kilobytes at most. Reads files, so it belongs on a
    /// thread that may wait for a disk.
    ///
    /// # Errors
    /// [`JournalError::Io`] and [`JournalError::Damaged`]; the next call tries the same again.
    pub fn read(&mut self) -> Result<Vec<Record>, JournalError> {
        self.is_behind = false;
        let Some(piece) = self.next_piece() else { return Ok(Vec::new()) };
        let mut length = (piece.to - piece.from).min(CHUNK);
        loop {
            let records = self.read_piece(&piece, length)?;
            if !records.is_empty() {
                // A segment that does not grow any more has another behind it.
                self.is_behind = self.offset < piece.to || !piece.grows;
                return Ok(records);
            }
            if length == piece.to - piece.from {
                return Err(self.damaged(&piece));
            }
            length = (piece.to - piece.from).min(length * 4);
        }
    }

    /// Whether the last [`Tail::read`] left records that were there when it began.
    #[must_use]
    pub const fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Steps over the ends of segments.
    fn next_piece(&mut self) -> Option<Piece> {
        let writer = self.shared.lock();
        loop {
            let (segment, grows) = writer.segment_from(self.number)?;
            if segment.number != self.number {
                (self.number, self.offset) = (segment.number, HEADER as u64);
            }
            if self.offset < segment.end {
                let (number, from, to) = (segment.number, self.offset, segment.end);
                return Some(Piece { file: segment.file, number, from, to, grows });
            }
            if grows {
                return None;
            }
            (self.number, self.offset) = (segment.number + 1, HEADER as u64);
        }
    }

    fn read_piece(&mut self, piece: &Piece, length: u64) -> Result<Vec<Record>, JournalError> {
        self.chunk.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        let got = read_full(&*piece.file, &mut self.chunk, piece.from).map_err(|source| JournalError::Io {
            doing: "read",
            path: self.place(piece),
            source,
        })?;
        let mut rest = &self.chunk[..got];
        let mut records = Vec::new();
        while let Some(frame) = frame::decode(rest, self.epoch) {
            records.push(Record { sequence: frame.sequence, bytes: frame.bytes.to_vec() });
            rest = &rest[frame::HEADER + frame.bytes.len()..];
        }
        self.offset = piece.from + (got - rest.len()) as u64;
        Ok(records)
    }

    fn place(&self, piece: &Piece) -> std::path::PathBuf {
        self.shared.disk.place(&header::name(piece.number))
    }

    fn damaged(&self, piece: &Piece) -> JournalError {
        let last = self.shared.lock().last();
        JournalError::Damaged { path: self.place(piece), offset: piece.from, first: 0, last }
    }
}
