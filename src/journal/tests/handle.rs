//! The journal with its threads: callers at once, a reader that follows, syncs that fail, files that go.

use std::{sync::Arc, thread, time::Duration};

use super::{super::*, open, options, texts};
use crate::journal::memory::MemoryDisk;

fn read_all(tail: &mut Tail) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        let records = tail.read().expect("readable");
        if records.is_empty() {
            return all;
        }
        all.extend(records);
    }
}

#[test]
fn callers_at_once_get_every_record_in_once() {
    let disk = MemoryDisk::default();
    let (journal, _) = open(&disk, &options(1), 0).expect("opens");
    let journal = Arc::new(journal);
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let journal = Arc::clone(&journal);
            thread::spawn(move || {
                for request in 0..300 {
                    let slot = journal.append_opening(format!("{caller}/{request} opens").as_bytes()).expect("room");
                    slot.append(format!("{caller}/{request} goes on").as_bytes()).expect("room");
                    slot.close(format!("{caller}/{request} ends {}", "x".repeat(700)).into_bytes());
                }
            })
        })
        .collect();
    let mut tail = journal.reader();
    let mut seen = Vec::new();
    while callers.iter().any(|caller| !caller.is_finished()) {
        seen.extend(read_all(&mut tail));
    }
    for caller in callers {
        caller.join().expect("no caller panics");
    }
    seen.extend(read_all(&mut tail));
    let numbers: Vec<u64> = seen.iter().map(|record| record.sequence).collect();
    assert!(numbers.iter().copied().eq(1..=3_600), "in order, without gaps, once");
    let mut words: Vec<_> = seen.iter().map(|record| record.bytes.clone()).collect();
    words.sort();
    words.dedup();
    assert_eq!(words.len(), 3_600);
    drop((tail, journal));
    let (_, replay) = open(&disk, &options(2), 0).expect("sound");
    assert!(replay.map(|record| record.expect("readable")).eq(seen));
}

#[test]
fn released_files_go_and_no_others() {
    let disk = MemoryDisk::default();
    let (journal, _) = open(&disk, &options(1), 0).expect("opens");
    let record = vec![b'x'; 10_000];
    (0..20).for_each(|_| journal.append_whole(&record).expect("room"));
    let mut tail = journal.reader();
    assert_eq!(read_all(&mut tail).len(), 20);
    journal.release(11);
    drop((tail, journal));
    let (journal, replay) = open(&disk, &options(2), 11).expect("sound");
    assert_eq!(
        replay.map(|record| record.expect("readable").sequence).collect::<Vec<_>>(),
        (12..=20).collect::<Vec<_>>()
    );
    journal.release(20);
    drop(journal);
    let (_journal, replay) = open(&disk, &options(3), 20).expect("sound");
    assert_eq!(texts(replay).len(), 0);
}

#[tokio::test]
async fn a_reader_wakes_for_records_and_ends_when_told() {
    let disk = MemoryDisk::default();
    let (journal, _) = open(&disk, &options(1), 0).expect("opens");
    let journal = Arc::new(journal);
    let mut tail = journal.reader();
    let follower = tokio::spawn(async move {
        let mut seen = Vec::new();
        while tail.ready().await {
            seen.extend(read_all(&mut tail));
        }
        seen.len()
    });
    for _ in 0..50 {
        journal.append_whole(b"news").expect("room");
        tokio::task::yield_now().await;
    }
    journal.finish();
    assert_eq!(follower.await.expect("no panic"), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn always_waits_for_the_disk_and_refuses_when_it_fails() {
    let disk = MemoryDisk::default();
    let (journal, _) = open(&disk, &Options { sync: Sync::Always, ..options(1) }, 0).expect("opens");
    let slot = journal.append_opening(b"first").expect("room");
    slot.durable().await.expect("synced");
    slot.close(b"end".to_vec());
    disk.syncs_fail(true);
    let slot = journal.append_opening(b"second").expect("the write itself works");
    assert!(matches!(slot.durable().await, Err(JournalError::Failing { .. })));
    slot.close(b"refused".to_vec());
    assert!(journal.stats().sync_failures > 0);
    assert!(matches!(journal.health(), Health::Strained(_)));
    disk.syncs_fail(false);
    let slot = journal.append_opening(b"third").expect("room");
    while slot.durable().await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    slot.close(b"end".to_vec());
    assert_eq!(journal.health(), Health::Ok);
}

#[test]
fn a_full_disk_refuses_and_recovers_by_itself() {
    let disk = MemoryDisk::default();
    disk.capacity(Some(64 * 1024));
    let (journal, _) = open(&disk, &options(1), 0).expect("opens");
    let mut open_requests = Vec::new();
    let refusal = loop {
        match journal.append_opening(&[b'x'; 1_000]) {
            Ok(slot) => open_requests.push(slot),
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal, JournalError::NoRoom { .. }), "{refusal}");
    assert!(matches!(journal.health(), Health::Failing(_)));
    for slot in open_requests {
        slot.close(vec![b'y'; 990]);
    }
    assert_eq!(journal.stats().waiting, 0);
    disk.capacity(None);
    while journal.health() != Health::Ok {
        thread::sleep(Duration::from_millis(5));
    }
    journal.append_opening(b"again").expect("room").close(b"end".to_vec());
}

#[test]
fn a_full_disk_at_start_is_a_state_and_a_dead_one_an_error() {
    let disk = MemoryDisk::default();
    disk.capacity(Some(0));
    let (journal, _) = open(&disk, &options(1), 0).expect("opens");
    assert!(matches!(journal.health(), Health::Failing(_)));
    assert!(journal.append_whole(b"x").is_err());
    drop(journal);
    disk.dead(true);
    assert!(matches!(open(&disk, &options(2), 0), Err(JournalError::Io { .. })));
}

#[test]
fn a_dropped_slot_gives_its_room_back() {
    let (journal, _) = open(&MemoryDisk::default(), &options(1), 0).expect("opens");
    drop(journal.append_opening(b"x").expect("room"));
    assert_eq!(journal.stats().open, 0);
}

#[test]
fn a_record_too_long_is_refused() {
    let (journal, _) = open(&MemoryDisk::default(), &options(1), 0).expect("opens");
    let long = vec![0; LONGEST_RECORD + 1];
    assert!(matches!(journal.append_whole(&long), Err(JournalError::TooLong { .. })));
    journal.append_whole(&long[1..]).expect("longer than a segment, and still taken");
}

#[test]
fn real_files_are_private_locked_and_read_back() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("journal");
    let disk = Arc::new(Files::lock(&place).expect("a new folder"));
    let sync = Sync::Interval(Duration::from_millis(1));
    let (journal, _) = Journal::open(disk, &Options { sync, ..options(1) }, 0).expect("opens");
    let error = Files::lock(&place).expect_err("in use").to_string();
    assert!(error.contains("in use by another process"), "{error}");
    journal.append_opening(b"one").expect("room").close(b"two".to_vec());
    drop(journal);
    for entry in std::fs::read_dir(&place).expect("readable") {
        let mode = entry.expect("readable").metadata().expect("readable").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let disk = Arc::new(Files::lock(&place).expect("free again"));
    let (_journal, replay) = Journal::open(disk, &options(2), 0).expect("sound");
    assert_eq!(texts(replay), ["one", "two"]);
}
