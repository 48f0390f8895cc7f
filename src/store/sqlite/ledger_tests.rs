//! What the ledger's tables must withstand: a second shipment of anything, hands in the database, a lost key, figures
//! of backends that lie.

use std::path::Path;

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;
use tokio::runtime::Runtime;

use super::*;
use crate::{
    model::{Entropy, Timestamp},
    settings::ObjectKind,
    store::{
        Books, ChainProblem, Commit, Ledger, Objects, Proof, Reports, Revision, Sum, Write,
        conformance::books::{any_way, everything_agrees, everything_reported, shipment, shipments},
        ledger::samples::{charge, plain},
    },
};

async fn open(folder: &Path) -> Sqlite {
    let secret = SecretKey::load(folder, None, &Entropy::system()).expect("key");
    Sqlite::open(&folder.join("tollgate.db"), secret).await.expect("opens")
}

#[test]
fn rows_rollups_reports_and_balances_agree_whatever_way_they_came() {
    let runtime = Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, ..ProptestConfig::default() });
    let holds = runner.run(&shipments(), |(rows, cuts)| {
        let folder = tempfile::tempdir().expect("folder");
        runtime.block_on(async {
            let store = open(folder.path()).await;
            any_way(&store, &rows, &cuts).await;
            store.close().await;
        });
        Ok(())
    });
    holds.expect("holds");
}

/// Ten rows of two attempts and a charge each.
async fn ten(folder: &Path) -> Sqlite {
    let store = open(folder).await;
    let rows = (1..=10).map(|nth| {
        let mut row = plain(nth, 60);
        row.settle.attempts.push(crate::store::ledger::samples::attempt("openai", Some("timeout")));
        row.intent.end_user = Some("someone".into());
        row
    });
    store.ship(shipment("r", rows.collect(), 1)).await.expect("ships");
    store
}

#[tokio::test]
async fn every_change_of_a_row_is_found_and_named() {
    let folder = tempfile::tempdir().expect("folder");
    let store = ten(folder.path()).await;
    everything_agrees(&store).await;
    let cases = [
        ("UPDATE usage_rows SET output_tokens = 19 WHERE link = 4", 4, ChainProblem::Changed),
        ("UPDATE usage_rows SET cached_input_tokens = 0 WHERE link = 1", 1, ChainProblem::Changed),
        ("UPDATE usage_rows SET end_user = 'someone else' WHERE link = 10", 10, ChainProblem::Changed),
        ("UPDATE usage_rows SET end_user = CAST(x'ff' AS TEXT) WHERE link = 9", 9, ChainProblem::Changed),
        ("UPDATE usage_rows SET cost_nanos = NULL WHERE link = 2", 2, ChainProblem::Changed),
        ("UPDATE usage_rows SET code = zeroblob(16) WHERE link = 2", 2, ChainProblem::Changed),
        ("UPDATE usage_rows SET charges = '[[1,29]]' WHERE link = 3", 3, ChainProblem::Changed),
        ("UPDATE usage_rows SET charges = 'x' WHERE link = 3", 3, ChainProblem::Changed),
        ("UPDATE usage_rows SET series = 99 WHERE link = 3", 3, ChainProblem::Changed),
        ("UPDATE series SET subscription = 's'", 1, ChainProblem::Changed),
        ("UPDATE balances SET account = 'other'", 1, ChainProblem::Changed),
        ("UPDATE balances SET window_end = 5", 1, ChainProblem::Changed),
        ("UPDATE attempts SET took = 1 WHERE link = 6 AND k = 1", 6, ChainProblem::Changed),
        ("DELETE FROM attempts WHERE link = 6 AND k = 1", 6, ChainProblem::Changed),
        (
            "INSERT INTO attempts SELECT chain, link, 2, backend, status, fault, began, took FROM attempts WHERE link = 7 AND k = 0",
            7,
            ChainProblem::Changed,
        ),
        ("DELETE FROM usage_rows WHERE link = 5", 5, ChainProblem::Missing),
        ("DELETE FROM usage_rows WHERE link = 1", 1, ChainProblem::Missing),
        ("DELETE FROM usage_rows WHERE link >= 9", 9, ChainProblem::Missing),
        ("UPDATE usage_rows SET link = 12 WHERE link = 10", 10, ChainProblem::Missing),
        ("UPDATE chains SET length = 9", 9, ChainProblem::Head),
        ("UPDATE chains SET head = zeroblob(32)", 10, ChainProblem::Head),
        ("UPDATE chains SET totals = replace(totals, '450000', '450001')", 10, ChainProblem::Head),
        ("UPDATE chains SET seal = x''", 10, ChainProblem::Head),
    ];
    for (hand, position, problem) in cases {
        let (copy, changed) = copy_with(&store, hand).await;
        let report = changed.verify_chains().await.expect(hand).remove(0);
        let finding = report.finding.expect(hand);
        assert_eq!((finding.position, finding.problem), (position, problem), "{hand}");
        let names_it =
            problem != ChainProblem::Changed || finding.request.is_some_and(|id| id.as_u128() == u128::from(position));
        assert!(names_it, "{hand}: {finding:?}");
        changed.close().await;
        drop(copy);
    }
}

/// A copy of the database in which somebody had a hand.
async fn copy_with(store: &Sqlite, hand: &'static str) -> (tempfile::TempDir, Sqlite) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("copy.db");
    store.copy_to(&path).await.expect("copies");
    let mut copy = Sqlite::open(&path, SecretKey::load(folder.path(), None, &Entropy::system()).expect("key"))
        .await
        .expect("opens");
    copy.secret = store.secret.clone();
    sqlx::raw_sql(hand).execute(&copy.write).await.expect(hand);
    (folder, copy)
}

#[tokio::test]
async fn rows_that_somebody_added_are_found() {
    let folder = tempfile::tempdir().expect("folder");
    let store = ten(folder.path()).await;
    let add = "CREATE TEMP TABLE t AS SELECT * FROM usage_rows WHERE link = 10;
         UPDATE t SET request_id = randomblob(16), link = 11;
         INSERT INTO usage_rows SELECT * FROM t;";
    let (_copy, changed) = copy_with(&store, add).await;
    let finding = changed.verify_chains().await.expect("follows").remove(0).finding.expect("found");
    assert_eq!((finding.position, finding.problem), (11, ChainProblem::Inserted));
    let strange = "CREATE TEMP TABLE t AS SELECT * FROM usage_rows WHERE link = 10;
         UPDATE t SET request_id = randomblob(16), chain = 7;
         INSERT INTO usage_rows SELECT * FROM t;";
    let (_copy, changed) = copy_with(&store, strange).await;
    let reports = changed.verify_chains().await.expect("follows");
    assert_eq!((reports.len(), &reports[0].finding), (2, &None));
    assert_eq!(reports[1].finding.as_ref().map(|found| found.problem), Some(ChainProblem::Inserted));
}

#[tokio::test]
async fn sums_that_somebody_changed_are_found() {
    let folder = tempfile::tempdir().expect("folder");
    let store = ten(folder.path()).await;
    let (_copy, changed) = copy_with(&store, "UPDATE balances SET charged = charged - 30").await;
    let finding = changed.verify_balances(5).await.expect("adds up").remove(0);
    assert_eq!((finding.stored.charged, finding.rows), (270, 300));
    let (_copy, changed) = copy_with(&store, "DELETE FROM balances").await;
    assert_eq!(changed.verify_balances(5).await.expect("adds up").remove(0).rows, 300);
    let (_copy, changed) = copy_with(&store, "DELETE FROM rollups WHERE span = 'day'").await;
    let finding = changed.verify_rollups(5).await.expect("adds up").remove(0);
    assert_eq!((finding.day, finding.sum, finding.stored, finding.rows), (true, "calls", 0, 10));
}

#[tokio::test]
async fn pruning_stops_before_what_somebody_changed() {
    let folder = tempfile::tempdir().expect("folder");
    let store = ten(folder.path()).await;
    let (_copy, changed) = copy_with(&store, "UPDATE usage_rows SET output_tokens = 1 WHERE link = 4").await;
    let late = Timestamp::from_nanos(u64::MAX);
    assert_eq!(changed.prune_rows(late, 3).await.expect("prunes").rows, 3);
    let step = changed.prune_rows(late, 3).await.expect("prunes");
    assert_eq!((step.rows, step.findings.len(), step.findings[0].1.position), (0, 1, 4));

    store.prune_rows(late, 5).await.expect("prunes");
    let (_copy, changed) =
        copy_with(&store, "UPDATE checkpoints SET totals = replace(totals, '225000', '225001')").await;
    let finding = changed.verify_chains().await.expect("follows").remove(0).finding.expect("found");
    assert_eq!(finding.problem, ChainProblem::Checkpoint);
    let (_copy, changed) = copy_with(&store, "DELETE FROM checkpoints").await;
    let finding = changed.verify_chains().await.expect("follows").remove(0).finding.expect("found");
    assert_eq!((finding.position, finding.problem), (1, ChainProblem::Missing));
}

/// Who loses `secret.key` can go on; what was before cannot be proved, and that is said.
#[tokio::test]
async fn another_key_begins_another_chain() {
    let folder = tempfile::tempdir().expect("folder");
    let mut store = ten(folder.path()).await;
    let other = tempfile::tempdir().expect("folder");
    store.secret = Arc::new(SecretKey::load(other.path(), None, &Entropy::system()).expect("key"));
    store.ship(shipment("r", vec![plain(10, 60), plain(11, 60)], 2)).await.expect("ships");
    assert_eq!(store.shipped("r".into()).await.expect("reads").position.sequence, 2);
    let reports = store.verify_chains().await.expect("follows");
    assert_eq!(reports[0].finding.as_ref().map(|found| found.problem), Some(ChainProblem::Key));
    assert_eq!((reports[1].verified, &reports[1].finding), (1, &None));
}

#[tokio::test]
async fn figures_of_backends_that_lie_overflow_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path()).await;
    for nth in 0..4 {
        let mut row = plain(nth, 0);
        row.settle.usage.output = Some(u64::MAX);
        row.settle.duration_nanos = u64::MAX;
        row.intent.charges = vec![charge("lies", i64::MAX)];
        store.ship(shipment("r", vec![row], u64::try_from(nth).expect("small") + 1)).await.expect("ships");
    }
    let report = store.report(everything_reported()).await.expect("reports");
    assert_eq!(report.rows[0].totals.get(Sum::Output), i64::MAX);
    assert_eq!(report.rows[0].totals.tokens(), i64::MAX);
    let reads: &dyn Books = &store;
    assert!(reads.balances(Timestamp::default()).await.expect("reads")[0].charged > i64::MAX / 2);
    everything_agrees(&store).await;
}

/// A ledger that catches up does not keep configuration from being written.
#[tokio::test]
async fn configuration_is_written_between_two_shipments() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path()).await;
    let shipping = store.clone();
    let (begun, wait) = tokio::sync::oneshot::channel();
    let busy = tokio::spawn(async move {
        let mut begun = Some(begun);
        for nth in 0..60_u64 {
            let rows = (0..50).map(|row| plain(u128::from(nth * 50 + row), nth)).collect();
            shipping.ship(shipment("r", rows, nth + 1)).await.expect("ships");
            begun.take().map_or(Ok(()), |begun| begun.send(())).expect("somebody waits");
        }
    });
    wait.await.expect("begun");
    store.flush().await.expect("flushes");
    let shipped = store.shipped("r".into()).await.expect("reads").position.sequence;
    assert!(shipped < 60, "written after {shipped} of 60 shipments");
    busy.await.expect("ships all");
    assert_eq!(store.shipped("r".into()).await.expect("reads").position.sequence, 60);
}

/// SQLite rolls back by itself when a disk is full: the connections that write must survive that.
#[tokio::test]
async fn a_transaction_that_the_database_has_rolled_back_itself_does_not_end_writing() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path()).await;
    for pool in [&store.ledger, &store.write] {
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.expect("begins");
        sqlx::query("ROLLBACK").execute(&mut *transaction).await.expect("as a full disk does");
    }
    let rows = shipment("a", (0..4).map(|id| plain(id, 60)).collect(), 4);
    assert_eq!(store.ship(rows).await.expect("ships"), 4);
    put_product(&store, "short").await.expect("commits");
}

async fn put_product(store: &Sqlite, description: &str) -> Result<Revision, StoreError> {
    let body = json!({ "id": "p", "description": description });
    let writes = vec![Write::Put { kind: ObjectKind::Product, id: "p".to_owned(), body }];
    let based_on = store.revision().await?;
    store.commit(Commit { based_on, writes, now: Timestamp::from_secs(1) }).await
}
