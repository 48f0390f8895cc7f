//! Files that somebody tore, changed, removed or put there: accepted at the very end only.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{super::*, open, options, texts};
use crate::journal::{header::HEADER, memory::MemoryDisk};

/// A journal of `counts.len()` lives with so many records each, its files, and the records.
fn journal(counts: &[usize]) -> (BTreeMap<String, Vec<u8>>, Vec<String>) {
    let disk = MemoryDisk::default();
    let mut all = Vec::new();
    for (life, count) in counts.iter().enumerate() {
        let (journal, _) = open(&disk, &options(life as u64 + 10), 0).expect("sound");
        for record in 0..*count {
            let text = format!("life {life} record {record} {}", "z".repeat(record * 7 % 50));
            journal.append_whole(text.as_bytes()).expect("room");
            all.push(text);
        }
    }
    let mut files = disk.contents();
    files.retain(|_, bytes| bytes[HEADER..].iter().any(|byte| *byte != 0));
    (files, all)
}

fn reopen(files: BTreeMap<String, Vec<u8>>, accept_loss: bool, from: u64) -> Result<Vec<String>, JournalError> {
    let options = Options { accept_loss, ..options(99) };
    open(&MemoryDisk::with(files), &options, from).map(|(_, replay)| texts(replay))
}

fn last_byte(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).expect("something") + 1
}

/// Where the last record of the last file begins, and the file's name.
fn last_record(files: &BTreeMap<String, Vec<u8>>, text: &str) -> (String, usize, usize) {
    let (name, bytes) = files.last_key_value().expect("a file");
    let end = last_byte(bytes);
    (name.clone(), end - text.len() - 28, end)
}

#[test]
fn what_was_written_comes_back_over_many_lives() {
    let (files, all) = journal(&[5, 0, 1, 8]);
    assert_eq!(reopen(files.clone(), false, 0).expect("sound"), all);
    assert_eq!(reopen(files, false, 6).expect("sound"), all[6..]);
}

#[test]
fn a_tail_torn_at_any_byte_costs_that_record_only() {
    let (files, all) = journal(&[3, 4]);
    let (name, start, end) = last_record(&files, &all[6]);
    for at in start..end {
        let mut torn = files.clone();
        torn.get_mut(&name).expect("there")[at..].fill(0);
        assert_eq!(reopen(torn, false, 0).expect("a torn tail is no damage"), all[..6], "zeros from {at}");
        let mut cut = files.clone();
        cut.get_mut(&name).expect("there").truncate(at);
        assert_eq!(reopen(cut, false, 0).expect("a cut file is no damage"), all[..6], "cut at {at}");
        let mut flipped = files.clone();
        flipped.get_mut(&name).expect("there")[at] ^= 0x55;
        assert_eq!(reopen(flipped, false, 0).expect("a torn record is no damage"), all[..6], "flipped at {at}");
    }
}

#[test]
fn after_a_torn_tail_the_next_process_goes_on_and_the_one_after_it_reads_all() {
    let (mut files, all) = journal(&[3]);
    let (name, start, _) = last_record(&files, &all[2]);
    files.get_mut(&name).expect("there")[start + 10] ^= 1;
    let disk = MemoryDisk::with(files);
    let (journal, _) = open(&disk, &options(50), 0).expect("torn tail");
    journal.append_whole(b"in its place").expect("room");
    drop(journal);
    let (_, replay) = open(&disk, &options(51), 0).expect("sound");
    assert_eq!(texts(replay), [&all[0], &all[1], "in its place"]);
}

#[test]
fn damage_before_the_end_stops_the_start_and_says_where() {
    let (files, all) = journal(&[3, 4]);
    for (name, bytes) in &files {
        let is_last = files.last_key_value().is_some_and(|(last, _)| last == name);
        let end = if is_last { last_record(&files, &all[6]).1 } else { last_byte(bytes) };
        for at in HEADER..end {
            let mut damaged = files.clone();
            damaged.get_mut(name).expect("there")[at] ^= 0x10;
            let error = reopen(damaged.clone(), false, 0).expect_err("records are lost").to_string();
            assert!(error.contains(name) && error.contains("--accept-ledger-loss"), "{error}");
            let rest = reopen(damaged, true, 0).expect("accepted");
            assert_eq!(rest.len(), 6, "one record is gone: {name} at {at}");
        }
    }
}

#[test]
fn what_the_database_has_may_be_damaged() {
    let (mut files, all) = journal(&[3, 4]);
    let (name, bytes) = files.first_key_value().map(|(name, bytes)| (name.clone(), bytes.clone())).expect("a file");
    files.get_mut(&name).expect("there")[last_byte(&bytes) - 1] ^= 1;
    assert!(matches!(reopen(files.clone(), false, 2), Err(JournalError::Damaged { first: 3, last: 3, .. })));
    assert_eq!(reopen(files, false, 3).expect("all that is lost is shipped"), all[3..]);
}

#[test]
fn a_missing_file_is_noticed() {
    let (files, all) = journal(&[2, 2, 2]);
    let names: Vec<_> = files.keys().cloned().collect();
    let without = |at: usize| {
        let mut files = files.clone();
        files.remove(&names[at]);
        files
    };
    assert!(matches!(reopen(without(0), false, 0), Err(JournalError::Missing { first: 1, last: 2, .. })));
    assert!(matches!(reopen(without(1), false, 1), Err(JournalError::Missing { first: 3, last: 4, .. })));
    assert_eq!(reopen(without(0), false, 2).expect("shipped"), all[2..]);
    assert_eq!(reopen(without(1), true, 0).expect("accepted"), [&all[..2], &all[4..]].concat());
}

#[test]
fn files_of_other_journals_and_versions_are_refused() {
    let (mut files, _) = journal(&[2, 2]);
    let names: Vec<_> = files.keys().cloned().collect();
    let copy = files[&names[0]].clone();
    let mut copied = files.clone();
    copied.insert("0000000000000099.journal".to_owned(), copy);
    let error = reopen(copied, false, 0).expect_err("a copy").to_string();
    assert!(error.contains("it was written as 0000000000000001.journal"), "{error}");

    let disk = MemoryDisk::default();
    drop(open(&disk, &options(77), 0).map(|(journal, _)| journal.append_whole(b"another's")).expect("opens"));
    let other = disk.contents()["0000000000000001.journal"].clone();
    let mut mixed = files.clone();
    mixed.insert(names[0].clone(), other);
    assert!(matches!(reopen(mixed, false, 0), Err(JournalError::Foreign { .. })));

    let first = files.get_mut(&names[0]).expect("there");
    first[8] = 2;
    let crc = crc32c::crc32c(&first[..40]);
    first[40..44].copy_from_slice(&crc.to_le_bytes());
    let error = reopen(files, true, 0).expect_err("a newer format").to_string();
    assert!(error.contains("format 2, this version of Tollgate reads format 1"), "{error}");
}

#[test]
fn a_damaged_beginning_is_refused_unless_accepted() {
    let (mut files, all) = journal(&[2, 2]);
    let name = files.keys().last().expect("a file").clone();
    files.get_mut(&name).expect("there")[20] ^= 1;
    let error = reopen(files.clone(), false, 0).expect_err("two records are lost").to_string();
    assert!(error.contains(&name) && error.contains("--accept-ledger-loss"), "{error}");
    assert_eq!(reopen(files, true, 0).expect("accepted"), all[..2]);
}

#[test]
fn a_journal_older_than_the_database_goes_on_after_it() {
    let (files, _) = journal(&[3]);
    let disk = MemoryDisk::with(files);
    let (journal, replay) = open(&disk, &options(50), 10).expect("all of it is shipped");
    assert_eq!(texts(replay).len(), 0);
    let slot = journal.append_opening(b"next").expect("room");
    assert_eq!(slot.sequence(), 11);
    slot.close(b"end".to_vec());
    drop(journal);
    let (_, replay) = open(&disk, &options(51), 10).expect("the gap is shipped");
    assert_eq!(texts(replay), ["next", "end"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever bytes are written over the end of the journal: nothing panics, and records before them stay.
    #[test]
    fn junk_at_the_end_takes_nothing_else(junk in proptest::collection::vec(any::<u8>(), 1..200), back in 0_usize..60) {
        let (mut files, all) = journal(&[4]);
        let bytes = files.last_entry().expect("a file").into_mut();
        let end = last_byte(bytes);
        let start = end - back;
        bytes[start..start + junk.len()].copy_from_slice(&junk);
        let whole = all.iter().scan(HEADER, |at, text| { *at += 28 + text.len(); Some(*at) }).filter(|at| *at <= start).count();
        let read = reopen(files, false, 0).expect("only the end");
        prop_assert!(read.len() >= whole && read[..whole] == all[..whole]);
    }
}
