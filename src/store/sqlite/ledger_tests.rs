//! What the ledger's tables must withstand: a second shipment of anything, hands in the database, a lost key, figures
//! of backends that lie.

use std::{path::Path, sync::Mutex};

use futures_util::future::BoxFuture;
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;
use sqlx::AssertSqlSafe;
use tokio::runtime::Runtime;

use super::*;
use crate::{
    model::{Entropy, Timestamp},
    settings::ObjectKind,
    store::{
        Books, ChainProblem, Commit, Ledger, Objects, Proof, Reports, Revision, Sum, Write,
        conformance::{
            books::{any_way, everything_agrees, everything_reported, shipment, shipments},
            hands::{self, LATE, Victim},
        },
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

/// A database whose copies somebody has a hand in.
struct Copied {
    store: Sqlite,
    copies: Mutex<Vec<tempfile::TempDir>>,
}

impl Victim for Copied {
    fn books(&self) -> &dyn Books {
        &self.store
    }

    fn bytes(&self, hex: &str) -> String {
        format!("x'{hex}'")
    }

    fn touched(&self, pruned: u32, sql: String) -> BoxFuture<'_, Box<dyn Books>> {
        Box::pin(async move {
            let folder = tempfile::tempdir().expect("folder");
            let path = folder.path().join("copy.db");
            self.store.copy_to(&path).await.expect("copies");
            let mut copy = open_at(&path).await;
            copy.secret = self.store.secret.clone();
            if pruned > 0 {
                copy.prune_rows(LATE, pruned).await.expect("prunes");
            }
            sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&copy.write).await.expect(&sql);
            self.copies.lock().expect("alone").push(folder);
            Box::new(copy) as Box<dyn Books>
        })
    }

    fn touch(&self, sql: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&self.store.write).await.expect(&sql);
        })
    }
}

async fn open_at(path: &Path) -> Sqlite {
    let folder = path.parent().expect("in a folder");
    let secret = SecretKey::load(folder, None, &Entropy::system()).expect("key");
    Sqlite::open(path, secret).await.expect("opens")
}

#[tokio::test]
async fn hands_in_the_database_are_found() {
    let folder = tempfile::tempdir().expect("folder");
    hands::everything(&Copied { store: open(folder.path()).await, copies: Mutex::default() }).await;
}

#[tokio::test]
async fn damaged_sums_are_made_anew() {
    let folder = tempfile::tempdir().expect("folder");
    hands::damaged_sums_are_made_anew(&Copied { store: open(folder.path()).await, copies: Mutex::default() }).await;
}

/// SQLite keeps bytes that are no text in columns of text.
#[tokio::test]
async fn text_that_is_none_is_a_changed_row() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path()).await;
    store.ship(shipment("r", vec![plain(1, 0)], 1)).await.expect("ships");
    let hand = "UPDATE usage_rows SET end_user = CAST(x'ff' AS TEXT)";
    sqlx::raw_sql(hand).execute(&store.write).await.expect("changes");
    let finding = store.verify_chains().await.expect("follows").remove(0).finding.expect("found");
    assert_eq!((finding.position, finding.problem), (1, ChainProblem::Changed));
}

/// Who loses `secret.key` can go on; what was before cannot be proved, and that is said.
#[tokio::test]
async fn another_key_begins_another_chain() {
    let folder = tempfile::tempdir().expect("folder");
    let mut store = open(folder.path()).await;
    store.ship(shipment("r", (1..=10).map(|nth| plain(nth, 60)).collect(), 1)).await.expect("ships");
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
    assert_eq!(store.ship(rows).await.expect("ships").rows, 4);
    put_product(&store, "short").await.expect("commits");
}

async fn put_product(store: &Sqlite, description: &str) -> Result<Revision, StoreError> {
    let body = json!({ "id": "p", "description": description });
    let writes = vec![Write::Put { kind: ObjectKind::Product, id: "p".to_owned(), body }];
    let based_on = store.revision().await?;
    store.commit(Commit { based_on, writes, now: Timestamp::from_secs(1) }).await
}
