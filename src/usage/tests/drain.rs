//! The whole way: a journal on a disk, its threads, the drain, a database that fails, processes that are killed.

use std::{sync::Arc, time::Duration};

use super::{
    super::{
        codec,
        drain::{Destination, DrainError},
        memory_ledger::{Fate, MemoryLedger},
        replay::{self, Recovery, Started},
    },
    *,
};
use crate::{
    journal::{Journal, Options, Sync, memory::MemoryDisk},
    model::{Clock, Timestamp},
    telemetry::metrics::Metrics,
};

async fn start(disk: &MemoryDisk, ledger: &MemoryLedger, epoch: u64) -> Started {
    try_start(disk, ledger, epoch).await.expect("starts")
}

async fn try_start(disk: &MemoryDisk, ledger: &MemoryLedger, epoch: u64) -> Result<Started, DrainError> {
    let to = Destination {
        ledger: Arc::new(ledger.clone()),
        replica: "r1".into(),
        clock: Clock::manual(Timestamp::from_secs(1_000)),
        metrics: Metrics::default(),
    };
    let options = Options { segment_bytes: 0, sync: Sync::Off, ..Options::new(epoch) };
    replay::start(Arc::new(disk.clone()), options, to, &pricing).await
}

fn announced(journal: &Journal, number: u32, streamed: bool) -> crate::journal::Slot {
    let charges = vec![charge(Measure::Requests, 1), charge(Measure::Tokens, 300)];
    journal.append_opening(&codec::encode(&Entry::Intent(intent(number, streamed, charges)))).expect("room")
}

fn end(slot: crate::journal::Slot, number: u32) {
    slot.close(codec::encode(&Entry::Settle(settle(number, vec![1, 200]))));
}

#[tokio::test]
async fn every_request_has_its_row_when_the_process_ends_in_order() {
    let (disk, ledger) = (MemoryDisk::default(), MemoryLedger::default());
    let Started { journal, drain, recovery } = start(&disk, &ledger, 1).await;
    assert_eq!(recovery, Recovery::default());
    let drain = tokio::spawn(drain.run());
    for number in 0..2_500 {
        end(announced(&journal, number, false), number);
    }
    journal.finish();
    drain.await.expect("no panic").expect("the database takes all");
    let tables = ledger.tables();
    assert_eq!((tables.rows.len(), tables.position), (2_500, 5_000));
    assert_eq!(tables.balances.values().copied().collect::<Vec<_>>(), [2_500, 500_000]);
    assert!(ledger.shipments() < 20, "in batches: {}", ledger.shipments());
    drop(journal);
    let again = start(&disk, &ledger, 2).await;
    assert_eq!(again.recovery, Recovery::default(), "nothing is left to do");
    assert!(disk.contents().len() <= 2, "what is shipped does not stay: {:?}", disk.contents().keys());
}

#[tokio::test]
async fn a_database_that_is_away_costs_nothing_but_time() {
    let (disk, ledger) = (MemoryDisk::default(), MemoryLedger::default());
    let Started { journal, drain, .. } = start(&disk, &ledger, 1).await;
    ledger.order([Fate::Refused, Fate::Unheard, Fate::Refused]);
    let drain = tokio::spawn(drain.run());
    for number in 0..100 {
        end(announced(&journal, number, false), number);
    }
    while ledger.tables().rows.len() < 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    journal.finish();
    drain.await.expect("no panic").expect("the database is back");
    assert_eq!(ledger.tables().balances.values().copied().collect::<Vec<_>>(), [100, 20_000], "nothing twice");
}

#[tokio::test]
async fn a_database_that_is_away_at_the_end_gets_it_at_the_next_start() {
    let (disk, ledger) = (MemoryDisk::default(), MemoryLedger::default());
    let Started { journal, drain, .. } = start(&disk, &ledger, 1).await;
    end(announced(&journal, 0, false), 0);
    ledger.order([Fate::Refused; 5]);
    journal.finish();
    assert!(matches!(drain.run().await, Err(DrainError::Store(_))));
    drop(journal);
    let Started { recovery, .. } = start(&disk, &ledger, 2).await;
    assert_eq!((recovery.rows, recovery.abandoned), (1, 0));
    assert_eq!(ledger.tables().rows.len(), 1);
}

/// The process is killed with requests in every state; recovery is killed too, at each of its shipments, heard of or
/// not; and the next one does it all.
#[tokio::test]
async fn whatever_is_killed_each_request_has_one_row() {
    for fates in [vec![], vec![Fate::Refused], vec![Fate::Unheard], vec![Fate::Refused, Fate::Unheard]] {
        let (disk, ledger) = (MemoryDisk::default(), MemoryLedger::default());
        let Started { journal, drain, .. } = start(&disk, &ledger, 1).await;
        let slots = [announced(&journal, 0, false), announced(&journal, 1, true)];
        slots[1].append(&codec::encode(&progress(1, 20))).expect("room");
        end(announced(&journal, 2, false), 2);
        let killed = disk.copy();
        drop(drain);

        ledger.order(fates.clone());
        for (epoch, _) in fates.iter().enumerate() {
            assert!(try_start(&killed, &ledger, epoch as u64 + 2).await.is_err(), "killed during recovery");
        }
        let Started { recovery, .. } = start(&killed, &ledger, 9).await;
        let tables = ledger.tables();
        let output: Vec<_> = tables.rows.values().map(|row| row.settle.usage.output).collect();
        assert_eq!(output, [Some(200), Some(200), Some(2)], "{fates:?}: reserved; at most reserved; as told");
        assert_eq!(tables.balances.values().copied().collect::<Vec<_>>(), [3, 800], "{fates:?}");
        assert!(tables.open.is_empty());
        assert_eq!(recovery.abandoned, if fates.contains(&Fate::Unheard) { 0 } else { 2 });
        let again = start(&killed, &ledger, 10).await;
        assert_eq!(again.recovery, Recovery::default());
    }
}
