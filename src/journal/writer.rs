//! The journal's state behind its lock: numbers, room, what waits, what the disk said. No threads and no clock, so
//! that tests can let every single I/O fail.
//!
//! An opening is let in only while it and one end for every open request have their room on disk. An end is never
//! refused: when the disk fails it waits in memory and goes first as soon as the disk is back. While something waits,
//! nothing new is let in.

use std::{collections::VecDeque, io, mem, sync::Arc};

use super::{
    Disk, Health, JournalError, LONGEST_RECORD, SLOT_BYTES, SegmentFile, Stats,
    disk::write_all,
    frame,
    header::{self, HEADER, SegmentHeader},
    recover::Past,
    room::{Room, Segment},
};

/// What is fixed for one process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub epoch: u64,
    pub journal: u64,
    pub segment_bytes: u64,
}

/// A segment that is being made outside the lock.
pub(super) struct Plan {
    header: SegmentHeader,
    size: u64,
}

impl Plan {
    pub fn make(&self, disk: &dyn Disk) -> io::Result<Segment> {
        Segment::make(disk, self.header, self.size)
    }
}

/// What a sync takes along.
pub(super) struct Unsynced {
    pub files: Vec<Arc<dyn SegmentFile>>,
    pub names: bool,
    /// Number of the last record in them.
    pub last: u64,
}

/// See the module.
pub(super) struct Writer {
    disk: Arc<dyn Disk>,
    identity: Identity,
    next_number: u64,
    last: u64,
    room: Room,
    /// Full segments of this process, oldest first.
    full: VecDeque<Segment>,
    past: VecDeque<Past>,
    /// Names of files to remove.
    trash: Vec<String>,
    /// Announced requests whose end is not written.
    open: u64,
    waiting: VecDeque<Vec<u8>>,
    frame: Vec<u8>,
    /// Why the last write failed.
    write_fault: Option<String>,
    /// Why the next segment cannot be made.
    room_fault: Option<String>,
    sync_fault: Option<String>,
    unsynced: Vec<Arc<dyn SegmentFile>>,
    dirty: bool,
    names_dirty: bool,
    stats: Stats,
}

impl Writer {
    pub fn new(disk: Arc<dyn Disk>, identity: Identity, last: u64, next_number: u64, past: Vec<Past>) -> Self {
        Self {
            disk,
            identity,
            next_number,
            last,
            room: Room::default(),
            full: VecDeque::new(),
            past: past.into(),
            trash: Vec::new(),
            open: 0,
            waiting: VecDeque::new(),
            frame: Vec::new(),
            write_fault: None,
            room_fault: None,
            sync_fault: None,
            unsynced: Vec::new(),
            dirty: false,
            names_dirty: false,
            stats: Stats::default(),
        }
    }

    /// Announces a request: room for its end is kept from now on.
    pub fn open(&mut self, bytes: &[u8]) -> Result<u64, JournalError> {
        let sequence = self.take(bytes, 1)?;
        self.open += 1;
        Ok(sequence)
    }

    /// A record that is no end: leaves the room of ends alone.
    pub fn append(&mut self, bytes: &[u8]) -> Result<u64, JournalError> {
        self.take(bytes, 0)
    }

    fn take(&mut self, bytes: &[u8], slots: u64) -> Result<u64, JournalError> {
        let taken = self.try_take(bytes, slots);
        self.stats.failures += u64::from(taken.is_err());
        taken
    }

    fn try_take(&mut self, bytes: &[u8], slots: u64) -> Result<u64, JournalError> {
        if bytes.len() > LONGEST_RECORD {
            return Err(JournalError::TooLong { bytes: bytes.len() });
        }
        if let Err(reason) = self.flush() {
            return Err(JournalError::Failing { reason });
        }
        if !self.ensure(frame::size(bytes.len()), self.open + slots) {
            return Err(JournalError::NoRoom { reason: self.room_fault.clone().unwrap_or_default() });
        }
        self.write(bytes).map_err(|reason| JournalError::Failing { reason })
    }

    /// Ends a request: written now, or as soon as the disk takes it.
    pub fn close(&mut self, bytes: Vec<u8>) {
        self.waiting.push_back(bytes);
        self.resume();
    }

    /// An announced request will get no end: its room is free.
    pub fn forget(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Writes what waits, in order, as far as the disk goes.
    pub fn flush(&mut self) -> Result<(), String> {
        while let Some(bytes) = self.waiting.pop_front() {
            if let Err(reason) = self.write_end(&bytes) {
                self.waiting.push_front(bytes);
                return Err(reason);
            }
            self.forget();
        }
        Ok(())
    }

    /// An end has its own room; a longer one takes only what nobody else needs.
    fn write_end(&mut self, bytes: &[u8]) -> Result<u64, String> {
        let size = frame::size(bytes.len());
        if (size > SLOT_BYTES || !self.room.fits(size, 0)) && !self.ensure(size, self.open.saturating_sub(1)) {
            return Err(self.room_fault.clone().unwrap_or_default());
        }
        self.write(bytes)
    }

    /// Whether there is room, making some now if need be and possible. After a failure only [`Writer::retry`] tries
    /// again: a full disk is not asked by every request.
    fn ensure(&mut self, bytes: u64, slots: u64) -> bool {
        while !self.room.fits(bytes, slots) {
            if self.room_fault.is_some() {
                return false;
            }
            let made = self.plan(bytes).make(&*self.disk);
            self.made(made);
        }
        true
    }

    /// A segment to make, large enough for a record of `bytes`.
    pub fn plan(&mut self, bytes: u64) -> Plan {
        let Identity { epoch, journal, segment_bytes } = self.identity;
        let header = SegmentHeader { number: self.next_number, epoch, journal };
        self.next_number += 1;
        Plan { header, size: segment_bytes.max(bytes + HEADER as u64) }
    }

    /// A planned segment was made, or not.
    pub fn made(&mut self, made: io::Result<Segment>) {
        match made {
            Ok(segment) => {
                self.room_fault = None;
                self.names_dirty = true;
                let late = self.room.add(segment);
                self.trash.extend(late.map(|segment| header::name(segment.number)));
            }
            Err(error) => self.room_fault = Some(format!("the next file of the journal cannot be made: {error}")),
        }
    }

    /// Whether another segment should be made ahead: at least one, and enough for every end.
    pub fn wants_spare(&self) -> bool {
        self.room_fault.is_none()
            && (self.room.spares.is_empty() || self.room.spare_slots() < self.open + self.open / 4)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<u64, String> {
        let size = frame::size(bytes.len());
        self.turn_to(size)?;
        let Some(current) = &mut self.room.current else { return Err("no file".to_owned()) };
        let sequence = self.last + 1;
        frame::encode(&mut self.frame, sequence, self.identity.epoch, bytes);
        if let Err(error) = write_all(&*current.file, &self.frame, current.end) {
            let place = self.disk.place(&header::name(current.number));
            let reason = format!("cannot write {}: {error}", place.display());
            // Often refused too; then `retry` clears the place, or the next record covers it.
            let reason = self.scrub().err().unwrap_or(reason);
            self.write_fault = Some(reason.clone());
            return Err(reason);
        }
        current.end += size;
        current.last = sequence;
        self.last = sequence;
        self.write_fault = None;
        self.dirty = true;
        self.stats.appended += 1;
        self.stats.bytes += size;
        Ok(sequence)
    }

    /// Makes the current segment one with room for `size` bytes.
    fn turn_to(&mut self, size: u64) -> Result<(), String> {
        while self.room.current.as_ref().is_none_or(|current| current.left() < size) {
            let Some(mut next) = self.room.spares.pop_front() else {
                return Err(self.room_fault.clone().unwrap_or_else(|| "no file was made ahead".to_owned()));
            };
            next.last = self.last;
            if let Some(full) = self.room.current.replace(next) {
                if mem::take(&mut self.dirty) {
                    self.unsynced.push(Arc::clone(&full.file));
                }
                self.full.push_back(full);
            }
        }
        Ok(())
    }

    /// Clears the place of the next record: of one that was refused halfway nobody shall find anything after a crash.
    fn scrub(&self) -> Result<(), String> {
        let Some(current) = &self.room.current else { return Ok(()) };
        let length = frame::HEADER.min(usize::try_from(current.left()).unwrap_or(frame::HEADER));
        write_all(&*current.file, &[0; frame::HEADER][..length], current.end).map_err(|error| {
            let place = self.disk.place(&header::name(current.number));
            format!("cannot write {}: {error}", place.display())
        })
    }

    /// Whether [`Writer::retry`] has something to try.
    pub fn is_faulty(&self) -> bool {
        self.write_fault.is_some() || self.room_fault.is_some() || !self.waiting.is_empty()
    }

    /// Tries again what failed; gives a segment to make when that is among it.
    pub fn retry(&mut self) -> Option<Plan> {
        if self.write_fault.is_some() {
            self.write_fault = self.scrub().err();
        }
        self.resume();
        self.room_fault.is_some().then(|| self.plan(0))
    }

    /// Writes what waits, if the disk takes it.
    pub fn resume(&mut self) {
        if self.flush().is_err() {
            self.stats.failures += 1;
        }
    }

    /// What is to be synced, if anything; it counts as synced unless [`Writer::sync_failed`] says otherwise.
    pub fn take_unsynced(&mut self) -> Option<Unsynced> {
        let mut files = mem::take(&mut self.unsynced);
        if let Some(current) = self.room.current.as_ref().filter(|_| mem::take(&mut self.dirty)) {
            files.retain(|file| !Arc::ptr_eq(file, &current.file));
            files.push(Arc::clone(&current.file));
        }
        let names = mem::take(&mut self.names_dirty);
        (names || !files.is_empty()).then_some(Unsynced { files, names, last: self.last })
    }

    /// A sync worked.
    pub fn synced(&mut self) {
        self.sync_fault = None;
    }

    /// A sync failed, and is to be tried again. The kernel may have dropped what it could not write and say so only
    /// once: go on in another file, where a later success means something.
    pub fn sync_failed(&mut self, unsynced: Unsynced, error: &io::Error) {
        self.stats.sync_failures += 1;
        self.names_dirty |= unsynced.names;
        self.unsynced.extend(unsynced.files);
        let is_first = self.sync_fault.is_none();
        self.sync_fault = Some(format!("the journal could not be synced: {error}; a power failure may take records"));
        if is_first
            && !self.room.spares.is_empty()
            && self.room.spare_slots() >= self.open
            && let Some(current) = &mut self.room.current
        {
            current.size = current.end;
        }
    }

    /// Whether a file would go.
    pub fn would_release(&self, sequence: u64) -> bool {
        self.past.front().is_some_and(|past| past.last <= sequence)
            || self.full.front().is_some_and(|full| full.last <= sequence)
    }

    /// Everything up to `sequence` is in the database.
    pub fn release(&mut self, sequence: u64) {
        self.stats.released = self.stats.released.max(sequence);
        while let Some(past) = self.past.pop_front_if(|past| past.last <= sequence) {
            self.trash.push(header::name(past.number));
        }
        while let Some(full) = self.full.pop_front_if(|full| full.last <= sequence) {
            self.trash.push(header::name(full.number));
        }
    }

    /// Whether a sync has something to do.
    pub fn has_unsynced(&self) -> bool {
        self.dirty || self.names_dirty || !self.unsynced.is_empty()
    }

    /// Whether files wait to be removed.
    pub fn has_trash(&self) -> bool {
        !self.trash.is_empty()
    }

    /// Names of files that hold nothing needed any more.
    pub fn take_trash(&mut self) -> Vec<String> {
        mem::take(&mut self.trash)
    }

    /// Files that could not be removed: later.
    pub fn put_back(&mut self, names: Vec<String>) {
        self.trash.extend(names);
    }

    /// The segment of that number, or the next one that was written: file, end of its records, and whether more
    /// will come into it.
    pub fn segment_from(&self, number: u64) -> Option<(Segment, bool)> {
        let full = self.full.iter().find(|full| full.number >= number).map(|full| (full.clone(), false));
        full.or_else(|| self.room.current.as_ref().map(|current| (current.clone(), true)))
    }

    /// Number of the last record.
    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn health(&self) -> Health {
        let strain = self.room_fault.as_ref().or(self.sync_fault.as_ref());
        match (&self.write_fault, strain) {
            (Some(reason), _) => Health::Failing(reason.clone()),
            (None, Some(reason)) if self.is_out() => Health::Failing(reason.clone()),
            (None, Some(reason)) => Health::Strained(reason.clone()),
            (None, None) => Health::Ok,
        }
    }

    /// Whether an ordinary request would be refused, or an end waits.
    fn is_out(&self) -> bool {
        !self.waiting.is_empty() || (self.room_fault.is_some() && !self.room.fits(SLOT_BYTES, self.open + 1))
    }

    pub fn stats(&self) -> Stats {
        let segments =
            self.past.len() + self.full.len() + self.room.spares.len() + usize::from(self.room.current.is_some());
        Stats {
            open: self.open,
            waiting: self.waiting.len() as u64,
            last: self.last,
            segments: segments as u64,
            ..self.stats
        }
    }
}
