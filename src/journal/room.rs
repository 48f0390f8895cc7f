//! Places on disk for records: the segment being written, and those made ahead.
//!
//! The promise kept here: whoever was let in can always write the end of its request, whatever the disk says by then.

use std::{collections::VecDeque, io, sync::Arc};

use super::{
    Disk, SLOT_BYTES, SegmentFile,
    disk::write_all,
    header::{self, HEADER, SegmentHeader},
};

/// A segment that was made and holds no record yet, or is being filled.
#[derive(Clone)]
pub(super) struct Segment {
    pub number: u64,
    pub file: Arc<dyn SegmentFile>,
    pub size: u64,
    /// Where the next record goes.
    pub end: u64,
    /// Number of the last record in it, or before it.
    pub last: u64,
}

impl Segment {
    /// Makes a file with its header.
    pub fn make(disk: &dyn Disk, header: SegmentHeader, size: u64) -> io::Result<Self> {
        let name = header::name(header.number);
        let file = disk.create(&name, size)?;
        match write_all(&*file, &header.encode(), 0) {
            Ok(()) => Ok(Self { number: header.number, file, size, end: HEADER as u64, last: 0 }),
            Err(error) => {
                disk.remove(&name)?;
                Err(error)
            }
        }
    }

    pub fn left(&self) -> u64 {
        self.size - self.end
    }
}

/// The segment being written, and those made ahead.
#[derive(Default)]
pub(super) struct Room {
    pub current: Option<Segment>,
    pub spares: VecDeque<Segment>,
}

impl Room {
    /// Whether a record of `bytes` can be written and `slots` ends after it, whatever order they come in.
    pub fn fits(&self, bytes: u64, slots: u64) -> bool {
        let mut places = self.current.iter().chain(&self.spares).map(Segment::left);
        let Some(rest) = places.find(|left| *left >= bytes) else { return false };
        slots <= (rest - bytes) / SLOT_BYTES + places.map(|left| left / SLOT_BYTES).sum::<u64>()
    }

    /// Ends that the segments made ahead have room for.
    pub fn spare_slots(&self) -> u64 {
        self.spares.iter().map(|spare| spare.left() / SLOT_BYTES).sum()
    }

    /// Adds a segment made ahead. One that is older than what is written already came too late and is given back:
    /// segments are filled in the order of their numbers.
    pub fn add(&mut self, spare: Segment) -> Option<Segment> {
        let newest = self.current.iter().chain(&self.spares).map(|segment| segment.number).max();
        if newest.is_some_and(|newest| newest > spare.number) {
            return Some(spare);
        }
        self.spares.push_back(spare);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryDisk;

    fn segment(number: u64, left: u64) -> Segment {
        let disk = MemoryDisk::default();
        let header = SegmentHeader { number, epoch: 1, journal: 1 };
        Segment::make(&disk, header, left + HEADER as u64).expect("memory")
    }

    #[test]
    fn ends_are_counted_where_they_fit_whole() {
        let mut room = Room::default();
        assert!(!room.fits(1, 0), "nothing is made");
        room.current = Some(segment(1, 2 * SLOT_BYTES + 100));
        let cases = [(100, 2, true), (101, 2, false), (101, 1, true), (2 * SLOT_BYTES + 101, 0, false)];
        for (bytes, slots, fits) in cases {
            assert_eq!(room.fits(bytes, slots), fits, "{bytes} bytes, {slots} slots");
        }
        assert!(room.add(segment(2, SLOT_BYTES)).is_none());
        assert!(room.fits(101, 2), "one here, one there");
        assert!(!room.fits(100, 4));
    }

    #[test]
    fn a_segment_that_comes_too_late_is_given_back() {
        let mut room = Room { current: Some(segment(5, 100)), ..Room::default() };
        assert!(room.add(segment(4, 100)).is_some());
        assert!(room.add(segment(7, 100)).is_none());
        assert!(room.add(segment(6, 100)).is_some());
    }
}
