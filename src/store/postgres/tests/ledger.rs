//! The ledger on both databases at once: whatever is shipped, asked, corrected and pruned, both say the same.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config as ProptestConfig, TestRunner},
};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{
    exchange::{Measure, UsageRow},
    model::Timestamp,
    store::{
        Adjustment, Alert, AlertState, AuditLine, AuditQuery, Balance, Books, Bucket, Dimension, OpenRequest, Position,
        ReportQuery, RowCursor, RowQuery, Shipment, Sqlite, Store, StoreError,
        conformance::{
            books::{any_way, shipments},
            hands::{self, LATE, Victim},
            postgres::Server,
        },
        ledger::samples,
    },
};

/// Both databases; an answer is one only when they agree.
struct Both {
    sqlite: Sqlite,
    postgres: super::Postgres,
    _folder: tempfile::TempDir,
}

macro_rules! both {
    ($both:expr, $call:ident($($argument:expr),*)) => {{
        let both: &Both = &$both;
        let stores: [&dyn Store; 2] = [&both.sqlite, &both.postgres];
        let one = stores[0].$call($($argument.clone()),*).await.map_err(words);
        let other = stores[1].$call($($argument.clone()),*).await.map_err(words);
        assert_eq!(one, other, stringify!($call));
        one.expect(stringify!($call))
    }};
}

#[expect(clippy::needless_pass_by_value, reason = "to be given to map_err")]
fn words(error: StoreError) -> String {
    error.to_string()
}

async fn both() -> Both {
    let folder = tempfile::tempdir().expect("folder");
    let sqlite = Sqlite::open(&folder.path().join("t.db"), super::secret()).await.expect("opens");
    let postgres = super::open(&Server::shared().database()).await.expect("opens");
    Both { sqlite, postgres, _folder: folder }
}

fn any_rows(count: usize) -> Vec<UsageRow> {
    let mut runner = TestRunner::deterministic();
    let mut row = || samples::row().new_tree(&mut runner).expect("a row").current();
    (0..count).map(|_| row()).collect()
}

fn shipment(replica: &str, sequence: u64, rows: &[UsageRow]) -> Arc<Shipment> {
    let id = Uuid::from_u128(u128::from(sequence));
    Arc::new(Shipment {
        replica: replica.into(),
        rows: rows.to_vec(),
        opened: vec![OpenRequest { id, state: sequence.to_be_bytes().to_vec() }],
        closed: vec![Uuid::from_u128(u128::from(sequence.saturating_sub(2)))],
        position: Position { sequence },
    })
}

fn end() -> Timestamp {
    Timestamp::from_nanos(i64::MAX.unsigned_abs())
}

/// Everything that can be asked.
async fn compare(both: &Both) {
    for replica in ["one", "other"] {
        both!(*both, shipped(Arc::<str>::from(replica)));
    }
    for now in [Timestamp::default(), Timestamp::from_secs(samples::NOW), end()] {
        both!(*both, balances(now));
    }
    let chains = both!(*both, verify_chains());
    assert!(chains.iter().all(|chain| chain.finding.is_none()), "{chains:?}");
    assert_eq!(both!(*both, verify_balances(10_usize)), []);
    assert_eq!(both!(*both, verify_rollups(10_usize)), []);
    compare_reports(both).await;
    compare_rows(both).await;
}

async fn compare_reports(both: &Both) {
    let now = samples::NOW;
    let steps = [(None, 0, now * 2), (Some(Bucket::Day), now - 100_000, now + 100_001), (Some(Bucket::Month), 1, now)];
    for (bucket, from, to) in steps {
        for by in [None, Some(Dimension::Subscription), Some(Dimension::Model), Some(Dimension::Backend)] {
            for filters in [vec![], vec![(Dimension::Subscription, "a".into())]] {
                let (from, to) = (Timestamp::from_secs(from), Timestamp::from_secs(to));
                let zone = TimeZone::get("Asia/Kolkata").expect("a zone");
                let query = ReportQuery { by, also: vec![], bucket, from, to, zone, filters, limit: 50, after: None };
                both!(*both, report(query));
            }
        }
    }
}

async fn compare_rows(both: &Both) {
    let all = RowQuery {
        from: Timestamp::default(),
        to: end(),
        filters: Vec::new(),
        outcome: None,
        status: None,
        end_user: None,
        client_request_id: None,
        newest_first: true,
        limit: 40,
        after: None,
    };
    let mut seen = Vec::new();
    let mut page = all.clone();
    loop {
        let rows = both!(*both, rows(page));
        let Some(last) = rows.last() else { break };
        page.after = Some(RowCursor::of(last));
        seen.extend(rows);
    }
    for row in seen.iter().take(40) {
        both!(*both, row(row.intent.id));
        let (user, id) = (row.intent.end_user.clone(), row.intent.client_request_id.clone());
        let query = RowQuery { end_user: user, client_request_id: id, newest_first: false, ..all.clone() };
        both!(*both, rows(query));
    }
    for query in [
        RowQuery { newest_first: false, ..all.clone() },
        RowQuery { status: Some(400..=599), ..all.clone() },
        RowQuery { outcome: Some("complete".into()), ..all.clone() },
        RowQuery { filters: vec![(Dimension::Product, "team".into())], ..all.clone() },
        RowQuery { filters: vec![(Dimension::Product, "no such".into())], ..all.clone() },
    ] {
        both!(*both, rows(query));
    }
    assert_eq!(both!(*both, row(Uuid::from_u128(u128::MAX))), None);
}

#[tokio::test]
async fn whatever_is_shipped_both_databases_say_the_same() {
    let both = both().await;
    let mut rows = any_rows(240);
    rows.extend((0..60).map(|nth| samples::plain(1_000 + nth, 50 * u64::try_from(nth).expect("small"))));
    for (nth, part) in rows.chunks(50).enumerate() {
        let replica = ["one", "other"][nth % 2];
        let shipment = shipment(replica, 10 + nth as u64, part);
        both!(both, ship(shipment));
        // An answer was lost: once more, alone and with what follows.
        assert_eq!(both!(both, ship(shipment)).rows, 0);
    }
    let again = shipment("one", 100, &rows[..70]);
    assert_eq!(both!(both, ship(again)).rows, 0);
    compare(&both).await;
    for before in [samples::NOW - 40_000, samples::NOW + 1_000, samples::NOW * 3] {
        both!(both, prune_rows(Timestamp::from_secs(before), 40_u32));
        both!(both, prune_rows(Timestamp::from_secs(before), 1_000_u32));
        compare(&both).await;
        both!(both, prune_rollups(Timestamp::from_secs(before), 1_000_u32));
        both!(both, balances(Timestamp::default()));
    }
}

#[tokio::test]
async fn corrections_audit_and_alerts_are_the_same_on_both() {
    let both = both().await;
    both!(both, ship(shipment("one", 1, &[samples::plain(1, 0)])));
    let balance = both!(both, balances(Timestamp::default())).remove(0);
    for (account, adjusted) in [(balance.account.clone(), -30), ("nul\0 and more".into(), i64::MAX)] {
        for _ in 0..2 {
            let balance =
                Balance { account: Arc::clone(&account), adjusted, measure: Measure::Tokens, ..balance.clone() };
            let now = Timestamp::from_secs(samples::NOW);
            let adjustment = Adjustment { balance, actor: "ops".into(), reason: "a\0 test".into(), now };
            both!(both, adjust(adjustment));
        }
    }
    both!(both, balances(Timestamp::default()));
    let line = AuditLine {
        number: 0,
        time: Timestamp::from_secs(5),
        actor: "ops".into(),
        action: "quota.reset".into(),
        object: "x".into(),
        before: None,
        after: Some("{}".into()),
        reason: None,
    };
    both!(both, note(line));
    let all = AuditQuery { limit: 10, ..AuditQuery::default() };
    for query in [
        all.clone(),
        AuditQuery { action: Some("quota.reset".into()), ..all.clone() },
        AuditQuery { object: Some("nul\0 and more".into()), after: Some(5), ..all.clone() },
        AuditQuery { from: Timestamp::from_secs(6), to: Some(end()), ..all },
    ] {
        both!(both, audit(query));
    }
    let alert = |id: &str, percent| Alert {
        id: id.into(),
        account: "a".into(),
        window: Timestamp::from_secs(1),
        percent,
        payload: "{}".into(),
        created: Timestamp::from_secs(u64::from(percent)),
    };
    for (id, percent, is_new) in [("1", 50, true), ("2", 50, false), ("3", 80, true), ("4", 100, true)] {
        assert_eq!(both!(both, raise_alert(alert(id, percent))), is_new);
    }
    let state = AlertState { attempts: 1, delivered: Some(end()), next: None, last_result: Some("204".into()) };
    both!(both, alert_tried(Arc::<str>::from("3"), state));
    assert_eq!(both!(both, due_alerts(Timestamp::from_secs(100), 10_u32)).len(), 2);
    assert_eq!(both!(both, alerts(2_u32)).len(), 2);
}

#[test]
fn rows_rollups_reports_and_balances_agree_whatever_way_they_came() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(ProptestConfig { cases: 8, ..ProptestConfig::default() });
    let holds = runner.run(&shipments(), |(rows, cuts)| {
        runtime.block_on(async {
            let store = super::open(&Server::shared().database()).await.expect("opens");
            any_way(&store, &rows, &cuts).await;
            store.close().await;
        });
        Ok(())
    });
    holds.expect("holds");
}

/// What a row was changed to is found by the chain, on PostgreSQL too.
/// A database that is put back to what it was before each hand.
struct PutBack(super::Postgres);

const TABLES: [&str; 7] = ["usage_rows", "attempts", "series", "balances", "chains", "checkpoints", "rollups"];

impl PutBack {
    async fn run(&self, sql: String) {
        sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&self.0.pool).await.expect(&sql);
    }

    /// As it was when this was called first.
    async fn put_back(&self) {
        for table in TABLES {
            let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
                .bind(format!("kept_{table}"))
                .fetch_one(&self.0.pool)
                .await
                .expect("answers");
            self.run(if there {
                format!("DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_{table}")
            } else {
                format!("CREATE TABLE kept_{table} AS TABLE {table}")
            })
            .await;
        }
    }
}

impl Victim for PutBack {
    fn books(&self) -> &dyn Books {
        &self.0
    }

    fn bytes(&self, hex: &str) -> String {
        format!("'\\x{hex}'::bytea")
    }

    fn touched(&self, pruned: u32, sql: String) -> BoxFuture<'_, Box<dyn Books>> {
        Box::pin(async move {
            self.put_back().await;
            if pruned > 0 {
                crate::store::Proof::prune_rows(&self.0, LATE, pruned).await.expect("prunes");
            }
            self.run(sql).await;
            Box::new(self.0.clone()) as Box<dyn Books>
        })
    }

    fn touch(&self, sql: String) -> BoxFuture<'_, ()> {
        Box::pin(self.run(sql))
    }
}

#[tokio::test]
async fn hands_in_the_database_are_found() {
    hands::everything(&PutBack(super::open(&Server::shared().database()).await.expect("opens"))).await;
}

#[tokio::test]
async fn damaged_sums_are_made_anew() {
    let store = super::open(&Server::shared().database()).await.expect("opens");
    hands::damaged_sums_are_made_anew(&PutBack(store)).await;
}

/// Gateways that ship at the same time, with the same accounts and new series: all of it is there once.
#[tokio::test]
async fn gateways_ship_at_the_same_time() {
    let database = Server::shared().database();
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(super::open(&database).await.expect("opens"));
    }
    for round in 0..10_u64 {
        let calls = stores.iter().enumerate().map(|(nth, store)| {
            let rows = (0..30_u64).map(|row| {
                let id = u128::from(round * 1_000 + row) * 10 + nth as u128;
                let mut row = samples::plain(id, 0);
                row.intent.subscription = Some(format!("team-{}-{round}", id % 7).as_str().into());
                row
            });
            let rows: Vec<_> = if nth % 2 == 0 { rows.collect() } else { rows.rev().collect() };
            let shipment = shipment(&format!("gateway-{nth}"), round + 1, &rows);
            crate::store::Ledger::ship(store, shipment)
        });
        for shipped in futures_util::future::join_all(calls).await {
            assert_eq!(shipped.expect("ships").rows, 30);
        }
    }
    for store in &stores {
        let balances = crate::store::Ledger::balances(store, Timestamp::default()).await.expect("reads");
        assert_eq!(balances.iter().map(|balance| balance.charged).sum::<i64>(), 900 * 30);
        let query = ReportQuery {
            by: None,
            also: vec![],
            bucket: None,
            from: Timestamp::default(),
            to: end(),
            zone: TimeZone::UTC,
            filters: Vec::new(),
            limit: 1,
            after: None,
        };
        let report = crate::store::Reports::report(store, query).await.expect("reads");
        assert_eq!(report.rows[0].totals.get(crate::store::Sum::Calls), 900);
        assert!(crate::store::Proof::verify_chains(store).await.expect("reads").iter().all(|c| c.finding.is_none()));
    }
}
