//! Letting a request in: what was announced gets its end, whoever leaves while it is made durable.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    exchange::Record,
    journal::{Journal, Options, Sync, memory::MemoryDisk},
    limits::{Limits, Output},
    model::{Clock, Timestamp, clock::Ticks},
    telemetry::{AccessLog, Metrics, Telemetry},
    tokens::Learned,
    usage::{Meter, Settlement, Sink, Wish, complaints::Complaints, refused_rows::RefusedRows},
};

pub(super) fn sink(disk: &MemoryDisk) -> Arc<Sink> {
    let options = Options { sync: Sync::Always, ..Options::new(1) };
    let (journal, _) = Journal::open(Arc::new(disk.clone()), &options, 0).expect("opens");
    let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
    let telemetry = Arc::new(Telemetry { metrics: Metrics::default(), access: AccessLog::off(), otlp: None });
    let meter = Meter {
        limits: Limits::new(clock.clone()),
        leases: None,
        journal: Arc::new(journal),
        refused_rows: RefusedRows::default(),
        unwritten: Complaints::default(),
        learned: Arc::new(Learned::new()),
        clock: clock.clone(),
        telemetry: telemetry.clone(),
        crossed: Arc::new(|_| ()),
    };
    Arc::new(Sink::new(telemetry, Arc::new(meter), clock))
}

pub(super) fn settlement(sink: &Arc<Sink>, number: u128) -> Settlement {
    let time = Timestamp::from_secs(1_800_000_000);
    let record = Record::open(Uuid::from_u128(number), time, Ticks::default(), http::Method::POST, "/");
    Settlement::open(record, sink.clone())
}

fn wish() -> Wish {
    let output = Output { caller_cap: Some(0), ..Output::default() };
    Wish { scopes: Vec::new(), at: None, call: None, output, streamed: false, bytes_in: 0, is_plain: true }
}

#[tokio::test]
async fn who_leaves_while_the_announcement_is_synced_leaves_no_open_request() {
    let disk = MemoryDisk::default();
    let sink = sink(&disk);
    disk.syncs_fail(true);
    for number in 1..=20 {
        let mut settlement = settlement(&sink, number);
        // Polled once: it is announced, and usually not synced yet.
        let left = timeout(Duration::ZERO, settlement.admit(wish())).await;
        assert!(!matches!(left, Ok(Ok(()))), "nothing is durable on this disk");
        drop(settlement);
        let written = sink.meter().journal.stats().appended;
        assert_eq!(u128::from(written), 2 * number, "an announcement and its end for each");
    }
}
