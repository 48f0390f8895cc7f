//! Every single I/O fails once, in every way: what was taken is on the disk, in order and once; what was refused is
//! not.

use std::sync::Arc;

use super::{super::*, texts};
use crate::journal::{
    memory::{Failure, MemoryDisk},
    recover::recover,
    writer::{Identity, Writer},
};

const SEGMENT: u64 = 4 * 1024;

/// One life of a process, with the records that it was told are safe.
struct Life {
    writer: Writer,
    disk: MemoryDisk,
    taken: Vec<String>,
    /// Ends that were handed over.
    ends: u64,
}

impl Life {
    fn begin(disk: &MemoryDisk, epoch: u64, taken: Vec<String>) -> Result<Self, JournalError> {
        let found = recover(disk, 0, false)?;
        let identity = Identity { epoch, journal: found.journal.unwrap_or(epoch), segment_bytes: SEGMENT };
        let port: Arc<dyn Disk> = Arc::new(disk.clone());
        let mut writer = Writer::new(port, identity, found.last, found.next_number, found.past);
        let plan = writer.plan(0);
        writer.made(plan.make(disk));
        Ok(Self { writer, disk: disk.clone(), taken, ends: 0 })
    }

    fn note(&mut self, text: &str, answer: &Result<u64, JournalError>) -> bool {
        if answer.is_ok() {
            self.taken.push(text.to_owned());
        }
        answer.is_ok()
    }

    /// A request of `bytes` bytes, with a record in between; its end comes later.
    fn announce(&mut self, name: &str, bytes: usize) -> bool {
        let text = format!("{name} opens {}", "x".repeat(bytes));
        let answer = self.writer.open(text.as_bytes());
        if !self.note(&text, &answer) {
            return false;
        }
        let text = format!("{name} goes on");
        let answer = self.writer.append(text.as_bytes());
        self.note(&text, &answer);
        true
    }

    fn end(&mut self, name: &str, bytes: usize) {
        let text = format!("{name} ends {}", "y".repeat(bytes));
        self.writer.close(text.clone().into_bytes());
        self.taken.push(text);
        self.ends += 1;
    }

    /// What the thread that makes room does.
    fn tend(&mut self) {
        let plan = if self.writer.wants_spare() { Some(self.writer.plan(0)) } else { self.writer.retry() };
        if let Some(plan) = plan {
            self.writer.made(plan.make(&self.disk));
            self.writer.resume();
        }
    }

    /// Requests that overlap, of sizes that fill some segments.
    fn work(&mut self) {
        let mut open = Vec::new();
        for round in 0..12 {
            let name = format!("r{round}");
            if self.announce(&name, 37 * round) {
                open.push((name, 900 - 61 * round));
            }
            if open.len() > 2 {
                let (name, bytes) = open.remove(0);
                self.end(&name, bytes);
            }
            self.tend();
        }
        for (name, bytes) in open {
            self.end(&name, bytes);
        }
    }
}

fn on_disk(disk: &MemoryDisk) -> Vec<String> {
    let port: Arc<dyn Disk> = Arc::new(disk.clone());
    let found = recover(disk, 0, false).expect("nothing is damaged");
    texts(found.replay.on(port))
}

/// Two lives on one disk whose I/O fails after `after`; gives whether the fault was met.
fn survives(after: u64, how: Failure) -> bool {
    let disk = MemoryDisk::default();
    disk.fail_after(after, how);
    let mut taken = Vec::new();
    for epoch in 1..=2 {
        let Ok(mut life) =
            Life::begin(&disk, epoch, taken.clone()).or_else(|_| Life::begin(&disk, epoch, taken.clone()))
        else {
            panic!("{how:?} after {after}: does not start again");
        };
        life.work();
        life.tend();
        life.tend();
        assert_eq!(life.writer.stats().waiting, 0, "{how:?} after {after}: ends still wait");
        assert_eq!(life.writer.stats().open, 0);
        assert_eq!(life.writer.health(), Health::Ok, "{how:?} after {after}");
        taken = life.taken;
    }
    let met = !disk.call_off();
    assert_eq!(on_disk(&disk), taken, "{how:?} after {after}");
    met
}

#[test]
fn any_io_may_fail_once() {
    for how in [Failure::Refused, Failure::Half, Failure::Lied, Failure::Short] {
        let met = (0..10_000).take_while(|after| survives(*after, how)).count();
        assert!(met > 60, "{how:?}: {met} I/Os were made to fail");
    }
}

/// A process that dies in the middle of its `after`th I/O; gives whether it did.
fn leaves_its_word(after: u64) -> bool {
    let disk = MemoryDisk::default();
    disk.fail_after(after, Failure::Death);
    let Ok(mut life) = Life::begin(&disk, 1, Vec::new()) else { return true };
    life.work();
    let died = !disk.call_off();
    let waiting = usize::try_from(life.writer.stats().waiting).expect("few");
    assert!(life.writer.stats().open >= waiting as u64);
    let written = life.taken.len() - waiting;
    assert_eq!(on_disk(&disk.copy()), life.taken[..written], "death after {after}");
    died
}

#[test]
fn a_process_may_die_in_any_io() {
    let died = (0..10_000).take_while(|after| leaves_its_word(*after)).count();
    assert!(died > 30, "{died} deaths");
}

#[test]
fn with_a_full_disk_every_open_request_still_ends() {
    let disk = MemoryDisk::default();
    disk.capacity(Some(3 * SEGMENT));
    let mut life = Life::begin(&disk, 1, Vec::new()).expect("starts");
    let mut open = Vec::new();
    while life.announce(&format!("r{}", open.len()), 10) {
        open.push(format!("r{}", open.len()));
        life.tend();
    }
    assert!(matches!(life.writer.health(), Health::Failing(_)), "{:?}", life.writer.health());
    assert!(matches!(life.writer.open(b"x"), Err(JournalError::NoRoom { .. })));
    assert!(open.len() >= 6, "three segments have room for more than {} ends", open.len());
    for name in &open {
        life.end(name, 900);
    }
    assert_eq!((life.writer.stats().waiting, life.writer.stats().open), (0, 0), "all written while the disk is full");
    disk.capacity(None);
    life.tend();
    assert!(life.announce("later", 10), "room again");
    assert_eq!(on_disk(&disk), life.taken);
}

#[test]
fn an_end_longer_than_its_slot_waits_for_room_and_holds_back_new_requests_only() {
    let disk = MemoryDisk::default();
    disk.capacity(Some(2 * SEGMENT));
    let mut life = Life::begin(&disk, 1, Vec::new()).expect("starts");
    assert!(life.announce("a", 10) && life.announce("b", 10));
    life.end("a", 9_000);
    assert_eq!(life.writer.stats().waiting, 1);
    assert!(!life.announce("c", 10));
    life.end("b", 10);
    disk.capacity(None);
    life.tend();
    assert_eq!(life.writer.stats().waiting, 0);
    assert_eq!(on_disk(&disk), life.taken);
}

#[test]
fn a_disk_that_is_away_for_a_while_loses_nothing() {
    let disk = MemoryDisk::default();
    let mut life = Life::begin(&disk, 1, Vec::new()).expect("starts");
    assert!(life.announce("a", 10) && life.announce("b", 10));
    disk.dead(true);
    life.end("a", 10);
    assert!(!life.announce("c", 10), "refused before anything is sent");
    life.end("b", 10);
    life.tend();
    assert!(matches!(life.writer.health(), Health::Failing(_)));
    assert_eq!(life.writer.stats().waiting, 2);
    disk.dead(false);
    life.tend();
    life.tend();
    assert_eq!(life.writer.health(), Health::Ok);
    assert!(life.announce("d", 10));
    assert_eq!(on_disk(&disk), life.taken);
}
