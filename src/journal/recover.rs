//! Start-up: what the folder holds, and whether it may be trusted.
//!
//! Records are numbered without gaps, so everything that is damaged, missing or out of place shows in the numbers.
//! What cannot be read at the very end was being written when the process or the machine stopped: its append never
//! returned. Anywhere else, records are lost that somebody relied on: start-up stops, unless they are in the database
//! already or the operator accepts the loss.

use std::io;

use super::{
    Disk, JournalError, Replay,
    disk::read_full,
    header::{self, Beginning, HEADER, SegmentHeader},
    replay::Source,
    scan::Scan,
};

/// A segment of an earlier process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    pub number: u64,
    /// Number of the last record up to its end.
    pub last: u64,
}

/// What start-up found.
pub(super) struct Found {
    pub past: Vec<Past>,
    /// Number of the last record that counts.
    pub last: u64,
    /// Number of the next segment.
    pub next_number: u64,
    /// The journal's identity, when there is one already.
    pub journal: Option<u64>,
    pub replay: Replay,
}

/// Where something could not be read.
struct Damage {
    name: String,
    offset: u64,
    /// A segment of which nothing can be read.
    whole: bool,
}

struct Walk<'a> {
    disk: &'a dyn Disk,
    from: u64,
    accept_loss: bool,
    journal: Option<u64>,
    /// Number of the last record seen.
    last: Option<u64>,
    damage: Option<Damage>,
    lost: Vec<(u64, u64)>,
    past: Vec<Past>,
    empty: Vec<String>,
    sources: Vec<Source>,
}

/// Reads everything, refuses or not, removes files that hold nothing.
pub(super) fn recover(disk: &dyn Disk, from: u64, accept_loss: bool) -> Result<Found, JournalError> {
    let mut numbers: Vec<u64> =
        disk.list().map_err(io_error(disk, "list", ""))?.iter().filter_map(|name| header::number(name)).collect();
    numbers.sort_unstable();
    let mut walk = Walk {
        disk,
        from,
        accept_loss,
        journal: None,
        last: None,
        damage: None,
        lost: Vec::new(),
        past: Vec::new(),
        empty: Vec::new(),
        sources: Vec::new(),
    };
    for number in &numbers {
        walk.segment(*number)?;
    }
    walk.finish(numbers.last().map_or(1, |number| number + 1))
}

fn io_error(disk: &dyn Disk, doing: &'static str, name: &str) -> impl FnOnce(io::Error) -> JournalError {
    let path = disk.place(name);
    move |source| JournalError::Io { doing, path, source }
}

/// The bytes of a whole segment.
pub(super) fn load(disk: &dyn Disk, name: &str) -> Result<Vec<u8>, JournalError> {
    let read = || {
        let file = disk.open(name)?;
        let mut bytes = vec![0; usize::try_from(file.size()?).map_err(io::Error::other)?];
        let length = read_full(&*file, &mut bytes, 0)?;
        bytes.truncate(length);
        Ok(bytes)
    };
    read().map_err(io_error(disk, "read", name))
}

impl Walk<'_> {
    fn segment(&mut self, number: u64) -> Result<(), JournalError> {
        let name = header::name(number);
        let bytes = load(self.disk, &name)?;
        match SegmentHeader::decode(&bytes) {
            Beginning::Blank => self.empty.push(name),
            Beginning::Format(seen) => {
                return Err(JournalError::Format { path: self.disk.place(&name), seen, ours: header::FORMAT });
            }
            Beginning::Damaged => {
                self.damage.get_or_insert(Damage { name, offset: 0, whole: true });
                self.past.push(Past { number, last: self.last.unwrap_or_default() });
            }
            Beginning::Sound(header) => {
                self.belongs(number, &name, header)?;
                self.records(number, &name, header.epoch, &bytes)?;
            }
        }
        Ok(())
    }

    fn belongs(&mut self, number: u64, name: &str, header: SegmentHeader) -> Result<(), JournalError> {
        if header.number != number {
            return Err(self.foreign(name, format!("it was written as {}", header::name(header.number))));
        }
        let journal = *self.journal.get_or_insert(header.journal);
        if journal != header.journal {
            return Err(self.foreign(name, "it is part of another journal than the files before it".to_owned()));
        }
        Ok(())
    }

    fn records(&mut self, number: u64, name: &str, epoch: u64, bytes: &[u8]) -> Result<(), JournalError> {
        let mut scan = Scan::new(bytes, epoch, HEADER);
        let mut any = false;
        for sound in scan.by_ref() {
            if let Some(offset) = sound.damage {
                self.damage.get_or_insert(Damage { name: name.to_owned(), offset, whole: false });
            }
            self.follows(name, sound.frame.sequence)?;
            any = true;
        }
        let rest = &bytes[usize::try_from(scan.end()).unwrap_or(usize::MAX).min(bytes.len())..];
        let torn = rest.iter().any(|byte| *byte != 0);
        if torn {
            self.damage.get_or_insert(Damage { name: name.to_owned(), offset: scan.end(), whole: false });
        }
        if !any && !torn {
            self.empty.push(name.to_owned());
            return Ok(());
        }
        self.past.push(Past { number, last: self.last.unwrap_or_default() });
        if any && self.last > Some(self.from) {
            self.sources.push(Source { name: name.to_owned(), epoch });
        }
        Ok(())
    }

    /// Checks that a record comes next.
    fn follows(&mut self, name: &str, sequence: u64) -> Result<(), JournalError> {
        let before = self.last.unwrap_or_else(|| self.from.min(sequence.saturating_sub(1)));
        if self.last.is_some_and(|last| sequence <= last) {
            return Err(self.foreign(name, format!("it holds record {sequence} after record {before}")));
        }
        let damage = self.damage.take();
        let (first, last) = (before.max(self.from) + 1, sequence - 1);
        self.last = Some(sequence);
        if first > last {
            return Ok(());
        }
        if !self.accept_loss {
            return Err(match damage {
                Some(damage) => self.damaged(&damage, first, last),
                None => JournalError::Missing { path: self.disk.place(name), first, last },
            });
        }
        self.lost.push((first, last));
        Ok(())
    }

    fn damaged(&self, damage: &Damage, first: u64, last: u64) -> JournalError {
        let path = self.disk.place(&damage.name);
        JournalError::Damaged { path, offset: damage.offset, first, last }
    }

    fn foreign(&self, name: &str, why: String) -> JournalError {
        JournalError::Foreign { path: self.disk.place(name), why }
    }

    fn finish(self, next_number: u64) -> Result<Found, JournalError> {
        if let Some(damage) = self.damage.as_ref().filter(|damage| damage.whole && !self.accept_loss) {
            return Err(JournalError::DamagedHeader { path: self.disk.place(&damage.name) });
        }
        for name in &self.empty {
            self.disk.remove(name).map_err(io_error(self.disk, "remove", name))?;
        }
        let last = self.last.unwrap_or_default().max(self.from);
        let replay = Replay::new(self.sources, self.from, self.lost);
        Ok(Found { past: self.past, last, next_number, journal: self.journal, replay })
    }
}
