//! What every adapter's ledger must do. An adapter calls [`everything`] on an empty database, and [`any_way`] on one
//! for each case of its property test.

use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use uuid::Uuid;

use super::{LATER, NOW};
use crate::{
    exchange::{Charge, Measure, Outcome, UsageRow},
    model::Timestamp,
    store::{
        ledger::samples::{self, charge, plain},
        *,
    },
};

/// Every promise that plain rows can show. The database is empty before.
pub async fn everything(books: &dyn Books) {
    a_shipment_moves_the_position_and_keeps_open_requests(books).await;
    an_older_shipment_brings_no_open_request_back(books).await;
    rows_come_back_as_they_were(books).await;
    rows_are_found_by_every_filter_and_page(books).await;
    reports_tell_apart_and_add_up(books).await;
    hours_that_a_period_cuts_are_counted_from_rows(books).await;
    corrections_add_to_balances_and_to_the_audit_log(books).await;
    balances_are_those_of_now_and_the_last_before(books).await;
    everything_agrees(books).await;
    pruning_removes_the_oldest_and_leaves_proof(books).await;
    the_audit_log_is_filtered_and_paged(books).await;
    an_alert_is_raised_once_and_retried(books).await;
}

fn id(text: &str) -> Arc<str> {
    text.into()
}

/// A shipment of `rows` up to a position.
pub fn shipment(replica: &str, rows: Vec<UsageRow>, sequence: u64) -> Arc<Shipment> {
    let position = Position { sequence };
    Arc::new(Shipment { replica: replica.into(), rows, position, ..Shipment::default() })
}

async fn ship(books: &dyn Books, shipment: Arc<Shipment>) -> u64 {
    books.ship(shipment).await.expect("ships").rows
}

async fn a_shipment_moves_the_position_and_keeps_open_requests(books: &dyn Books) {
    assert_eq!(books.shipped(id("open")).await.expect("reads"), Shipped::default());
    let open = |nth: u128, state: u8| OpenRequest { id: Uuid::from_u128(nth), state: vec![state, 0, 255] };
    let first = Shipment {
        replica: id("open"),
        rows: vec![plain(1, 0)],
        opened: vec![open(2, 1), open(3, 1)],
        closed: vec![],
        position: Position { sequence: 7 },
    };
    assert_eq!(ship(books, Arc::new(first.clone())).await, 1);
    let second = Shipment {
        rows: vec![plain(2, 1)],
        opened: vec![open(3, 2), open(4, 2)],
        closed: vec![Uuid::from_u128(2), Uuid::from_u128(99)],
        position: Position { sequence: 12 },
        ..first
    };
    assert_eq!(ship(books, Arc::new(second)).await, 1);
    let shipped = books.shipped(id("open")).await.expect("reads");
    assert_eq!(shipped, Shipped { position: Position { sequence: 12 }, open: vec![open(3, 2), open(4, 2)] });
    books.flush().await.expect("flushes");
}

async fn an_older_shipment_brings_no_open_request_back(books: &dyn Books) {
    let before = books.shipped(id("open")).await.expect("reads");
    let old = Shipment {
        replica: id("open"),
        rows: vec![plain(1, 0)],
        opened: vec![OpenRequest { id: Uuid::from_u128(2), state: vec![] }],
        closed: vec![],
        position: Position { sequence: 7 },
    };
    assert_eq!(ship(books, Arc::new(old)).await, 0);
    assert_eq!(books.shipped(id("open")).await.expect("reads"), before);
}

async fn rows_come_back_as_they_were(books: &dyn Books) {
    let mut row = plain(10, 5);
    row.intent.metadata = vec![(id("b"), id("2")), (id("a"), id("é\"")), (id("b"), id(""))];
    row.intent.end_user = Some(id("end-user"));
    row.settle.model = Some(id("fallback"));
    row.settle.attempts = vec![samples::attempt("azure", Some("timeout")), samples::attempt("openai", None)];
    row.settle.usage.cached_input = Some(0);
    assert_eq!(ship(books, shipment("one", vec![row.clone(), row.clone()], 1)).await, 1, "the same row twice");
    assert_eq!(books.row(row.intent.id).await.expect("reads"), Some(row));
    assert_eq!(books.row(Uuid::from_u128(404)).await.expect("reads"), None);
    let mut odd = plain(11, 6);
    odd.intent.end_user = Some(id("a\0b"));
    odd.intent.subscription = Some("s\0".into());
    assert_eq!(ship(books, shipment("one", vec![odd.clone()], 2)).await, 1, "any text can be stored");
    let read = books.row(odd.intent.id).await.expect("reads").expect("there");
    assert_eq!(read.intent.end_user.as_deref(), Some("a\u{fffd}b"));
}

/// Everything from the beginning to the end, the newest first.
pub fn all_rows() -> RowQuery {
    RowQuery {
        from: Timestamp::default(),
        to: Timestamp::from_nanos(u64::MAX),
        filters: vec![],
        outcome: None,
        status: None,
        end_user: None,
        client_request_id: None,
        newest_first: true,
        limit: 1000,
        after: None,
    }
}

async fn ids(books: &dyn Books, query: RowQuery) -> Vec<u128> {
    books.rows(query).await.expect("reads").iter().map(|row| row.intent.id.as_u128()).collect()
}

async fn rows_are_found_by_every_filter_and_page(books: &dyn Books) {
    let hours = |hours: u64| hours * 3600;
    let mut rows: Vec<_> = (0..6).map(|nth| plain(100 + u128::from(nth), hours(1000 + 30 * nth))).collect();
    rows[4].intent.time = rows[3].intent.time;
    for row in &mut rows {
        row.intent.product = Some("log".into());
    }
    rows[1].intent.subscription = None;
    rows[2].settle.status = 502;
    rows[2].settle.outcome = Outcome::UpstreamError;
    rows[3].intent.end_user = Some(id("eve"));
    rows[5].intent.client_request_id = Some(id("abc"));
    ship(books, shipment("one", rows.clone(), 3)).await;
    let log = || RowQuery { filters: vec![(Dimension::Product, id("log"))], ..all_rows() };
    assert_eq!(ids(books, log()).await, [105, 104, 103, 102, 101, 100]);
    assert_eq!(ids(books, RowQuery { newest_first: false, ..log() }).await, [100, 101, 102, 103, 104, 105]);
    let nobody = vec![(Dimension::Product, id("log")), (Dimension::Subscription, id(""))];
    assert_eq!(ids(books, RowQuery { filters: nobody, ..log() }).await, [101]);
    assert_eq!(ids(books, RowQuery { filters: vec![(Dimension::Product, id("none"))], ..log() }).await, []);
    assert_eq!(ids(books, RowQuery { outcome: Some(id("upstream_error")), ..log() }).await, [102]);
    assert_eq!(ids(books, RowQuery { status: Some(500..=599), ..log() }).await, [102]);
    assert_eq!(ids(books, RowQuery { end_user: Some(id("eve")), ..log() }).await, [103]);
    assert_eq!(ids(books, RowQuery { client_request_id: Some(id("abc")), ..all_rows() }).await, [105]);
    let between = RowQuery { from: rows[1].intent.time, to: rows[3].intent.time, ..log() };
    assert_eq!(ids(books, between).await, [102, 101], "from is in, to is not");
    for newest_first in [true, false] {
        let all = ids(books, RowQuery { newest_first, ..log() }).await;
        for limit in 1..=4 {
            let mut paged = Vec::new();
            let mut after = None;
            loop {
                let page = books.rows(RowQuery { newest_first, limit, after, ..log() }).await.expect("reads");
                assert!(page.len() <= limit as usize);
                let Some(last) = page.last() else { break };
                after = Some(RowCursor::of(last));
                paged.extend(page.iter().map(|row| row.intent.id.as_u128()));
            }
            assert_eq!(paged, all, "pages of {limit}");
        }
    }
}

/// Everything in one line.
pub fn everything_reported() -> ReportQuery {
    ReportQuery {
        by: None,
        also: vec![],
        bucket: None,
        from: Timestamp::default(),
        to: Timestamp::from_nanos(u64::MAX),
        zone: TimeZone::UTC,
        filters: vec![],
        limit: 1000,
        after: None,
    }
}

async fn report(books: &dyn Books, query: ReportQuery) -> Report {
    books.report(query).await.expect("reports")
}

async fn reports_tell_apart_and_add_up(books: &dyn Books) {
    let mut rows: Vec<_> = (0..40).map(|nth| plain(200 + u128::from(nth), 10_000_000 + 3600 * nth)).collect();
    for (nth, row) in rows.iter_mut().enumerate() {
        row.intent.product = Some("report".into());
        row.intent.operation = Some(["chat", "list"][nth % 2].into());
        row.intent.api = Some(["one", "two"][nth / 2 % 2].into());
        if nth % 10 == 0 {
            row.settle.cost = None;
            row.settle.saved_nanos = 7;
        }
    }
    ship(books, shipment("one", rows.clone(), 4)).await;
    let asked = || ReportQuery { filters: vec![(Dimension::Product, id("report"))], ..everything_reported() };
    let total = report(books, asked()).await.rows;
    assert_eq!(total.len(), 1);
    let sums = [Sum::Calls, Sum::Complete, Sum::Success, Sum::Input, Sum::Output, Sum::Unpriced, Sum::Failed];
    assert_eq!(sums.map(|sum| total[0].totals.get(sum)), [40, 40, 40, 400, 800, 4, 0]);
    assert_eq!(total[0].totals.tokens(), 1200);
    assert_eq!(total[0].cost, [(id("USD"), 36 * 45_000)].into());
    assert_eq!(total[0].saved, [(id("USD"), 4 * 7)].into(), "what costs nothing saves in the currency of prices");
    let median = total[0].totals.durations.quantile(0.5).expect("durations");
    assert!(median.abs_diff(300_000_000) <= 300_000_000 / 20, "{median}");
    let by = report(books, ReportQuery { by: Some(Dimension::Operation), ..asked() }).await.rows;
    let keys: Vec<_> = by.iter().map(|row| (row.key.api.as_deref(), row.key.value.as_deref())).collect();
    let [one, two] = [Some("one"), Some("two")];
    assert_eq!(keys, [(one, Some("chat")), (one, Some("list")), (two, Some("chat")), (two, Some("list"))]);
    let also = vec![Dimension::Subscription, Dimension::Api];
    let parts = report(books, ReportQuery { by: Some(Dimension::Product), also, ..asked() }).await.rows;
    let keys: Vec<_> = parts.iter().map(|row| row.key.also.iter().map(|value| &**value).collect::<Vec<_>>()).collect();
    assert_eq!(keys, [["a", "one"], ["a", "two"]], "each combination a line");
    assert_eq!(paged(books, ReportQuery { by: Some(Dimension::Operation), limit: 3, ..asked() }).await, by);
    let auckland = TimeZone::get("Pacific/Auckland").expect("a zone");
    for (bucket, zone, lines) in [
        (Bucket::Hour, TimeZone::UTC, 40),
        (Bucket::Day, TimeZone::UTC, 2),
        (Bucket::Day, auckland.clone(), 3),
        (Bucket::Month, auckland.clone(), 1),
    ] {
        let by_time = report(books, ReportQuery { bucket: Some(bucket), zone, ..asked() }).await.rows;
        assert_eq!(by_time.len(), lines, "{bucket:?}");
        let mut sum = Totals::default();
        for row in &by_time {
            sum.merge(&row.totals);
        }
        assert_eq!(sum, total[0].totals, "{bucket:?}");
        assert!(by_time.iter().all(|row| row.key.start.is_some()));
        pages_are_parts(books, &ReportQuery { bucket: Some(bucket), zone: auckland.clone(), ..asked() }).await;
    }
    assert_eq!(report(books, ReportQuery { to: Timestamp::default(), ..asked() }).await.rows, []);
}

/// Lines of a page each, read one after another.
async fn paged(books: &dyn Books, query: ReportQuery) -> Vec<ReportRow> {
    let mut lines: Vec<ReportRow> = Vec::new();
    loop {
        let after = lines.last().map(|row| row.key.clone());
        let page = report(books, ReportQuery { after, ..query.clone() }).await;
        assert!(page.rows.len() == query.limit || !page.more, "a page is full, or the last one");
        lines.extend(page.rows);
        if !page.more {
            return lines;
        }
    }
}

/// Of a report over many steps of time only those of the page are read, also where the period cuts hours.
async fn pages_are_parts(books: &dyn Books, query: &ReportQuery) {
    let begin = samples::NOW + 10_000_000;
    for (from, to) in [(0, u64::MAX / 1_000_000_000), (begin + 1_800, begin + 30 * 3_600 + 600)] {
        let (from, to) = (Timestamp::from_secs(from), Timestamp::from_secs(to));
        let whole = ReportQuery { by: Some(Dimension::Operation), from, to, ..query.clone() };
        let all = report(books, whole.clone()).await;
        for limit in [1, 2, 7, 30] {
            let pages = paged(books, ReportQuery { limit, ..whole.clone() }).await;
            assert_eq!(pages, all.rows, "pages of {limit} by {:?}", query.bucket);
        }
    }
}

async fn hours_that_a_period_cuts_are_counted_from_rows(books: &dyn Books) {
    let rows: Vec<_> = (0..240)
        .map(|nth| {
            let mut row = plain(400 + u128::from(nth), 20_000_000 + 60 * nth);
            row.intent.product = Some("edges".into());
            row
        })
        .collect();
    ship(books, shipment("one", rows.clone(), 5)).await;
    for (from, to) in [(0, 240), (7, 200), (30, 31), (5, 5), (119, 121), (60, 180)] {
        let at = |nth: u64| Timestamp::from_secs(samples::NOW + 20_000_000 + 60 * nth);
        let filters = vec![(Dimension::Product, id("edges"))];
        let asked = ReportQuery { from: at(from), to: at(to), filters, ..everything_reported() };
        let found = report(books, asked).await;
        assert_eq!((found.from, found.to), (at(from), at(to)));
        let calls = found.rows.first().map_or(0, |row| row.totals.get(Sum::Calls));
        assert_eq!(calls.unsigned_abs(), to - from, "minutes {from} to {to}");
    }
}

async fn corrections_add_to_balances_and_to_the_audit_log(books: &dyn Books) {
    let mut row = plain(700, 9);
    row.intent.charges = vec![charge("fix#a", 30)];
    ship(books, shipment("one", vec![row], 6)).await;
    let correct = |account: &str, adjusted: i64| {
        let Charge { window, until, measure, .. } = charge(account, 0);
        let balance = Balance { account: id(account), window, until, measure, charged: 0, adjusted };
        Adjustment { balance, actor: "ops".into(), reason: "it was us".into(), now: NOW }
    };
    books.adjust(correct("fix#a", -20)).await.expect("adjusts");
    books.adjust(correct("fix#a", -5)).await.expect("adjusts");
    books.adjust(correct("fix#new", -1)).await.expect("adjusts");
    let balances = books.balances(NOW).await.expect("reads");
    let of = |account: &str| balances.iter().find(|b| *b.account == *account).map(|b| (b.charged, b.adjusted));
    assert_eq!((of("fix#a"), of("fix#new")), (Some((30, -25)), Some((0, -1))));
    let lines = books.audit(AuditQuery { object: Some("fix#a".into()), limit: 9, ..AuditQuery::default() }).await;
    let lines = lines.expect("reads");
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].action, "quota.adjust");
    assert_eq!(
        (lines[0].before.as_deref(), lines[0].after.as_deref()),
        (
            Some(r#"{"adjusted":-20}"#),
            Some(
                format!(r#"{{"adjusted":-25,"measure":"tokens","window":"{}"}}"#, charge("fix#a", 0).window.as_nanos())
                    .as_str()
            )
        )
    );
    assert_eq!(books.verify_balances(9).await.expect("adds up"), [], "as the audit log says");
    assert_eq!(lines[0].reason.as_deref(), Some("it was us"));
}

async fn balances_are_those_of_now_and_the_last_before(books: &dyn Books) {
    let rows = (0..4).map(|nth| {
        let mut row = plain(710 + u128::from(nth), 3600 * nth);
        let window = Timestamp::from_secs(samples::NOW + 3600 * nth);
        let until = Timestamp::from_secs(samples::NOW + 3600 * (nth + 1));
        row.intent.charges = vec![Charge { window, until, measure: Measure::Requests, ..charge("hourly#a", 1) }];
        row
    });
    ship(books, shipment("one", rows.collect(), 7)).await;
    let now = Timestamp::from_secs(samples::NOW + 2 * 3600);
    let mine = books.balances(now).await.expect("reads").into_iter().filter(|b| *b.account == *"hourly#a");
    let hours: Vec<_> = mine.map(|b| (b.window.as_secs() - samples::NOW) / 3600).collect();
    assert_eq!(hours, [1, 2, 3], "the last that ended, this one, and one to come");
}

/// Rows, balances, rollups and the chain tell the same story.
pub async fn everything_agrees(books: &dyn Books) {
    for chain in books.verify_chains().await.expect("follows") {
        assert_eq!(chain.finding, None, "{chain:?}");
    }
    assert_eq!(books.verify_balances(10).await.expect("adds up"), []);
    assert_eq!(books.verify_rollups(10).await.expect("adds up"), []);
}

async fn pruning_removes_the_oldest_and_leaves_proof(books: &dyn Books) {
    let count = || async { ids(books, all_rows()).await.len() as u64 };
    let (all, reported) = (count().await, report(books, everything_reported()).await.rows);
    let before = Timestamp::from_secs(samples::NOW + 10_000_000 + 20 * 3600);
    let mut removed = 0;
    loop {
        let step = books.prune_rows(before, 7).await.expect("prunes");
        assert!(step.findings.is_empty() && step.rows <= 14, "{step:?}");
        if step.rows == 0 {
            break;
        }
        removed += step.rows;
        everything_agrees(books).await;
    }
    assert!(removed > 20 && count().await == all - removed);
    let chains = books.verify_chains().await.expect("follows");
    assert_eq!(chains.iter().map(|chain| chain.pruned).sum::<u64>(), removed);
    assert_eq!(chains.iter().map(|chain| chain.verified).sum::<u64>(), all - removed);
    assert_eq!(report(books, everything_reported()).await.rows, reported, "rollups have their own age");
    let inside = Timestamp::from_secs(samples::NOW + 10_000_000 + 1800);
    let widened = report(books, ReportQuery { from: inside, ..everything_reported() }).await;
    assert!(widened.from < inside && widened.from.as_secs() % 3600 == 0, "said so: {}", widened.from);
    while books.prune_rollups(before, 5).await.expect("prunes") > 0 {}
    let left = report(books, everything_reported()).await.rows;
    assert!(left[0].totals.get(Sum::Calls) < reported[0].totals.get(Sum::Calls));
    everything_agrees(books).await;
}

async fn the_audit_log_is_filtered_and_paged(books: &dyn Books) {
    let line = |nth: u64, actor: &str| AuditLine {
        number: 0,
        time: Timestamp::from_secs(50 + nth),
        actor: actor.into(),
        action: "product.update".into(),
        object: format!("products/{nth}"),
        before: None,
        after: Some("{}".into()),
        reason: None,
    };
    for nth in 0..5 {
        books.note(line(nth, if nth == 2 { "eve" } else { "adam" })).await.expect("notes");
    }
    let asked = || AuditQuery { action: Some("product.update".into()), limit: 2, ..AuditQuery::default() };
    let objects = |lines: &[AuditLine]| lines.iter().map(|line| line.object.clone()).collect::<Vec<_>>();
    let first = books.audit(asked()).await.expect("reads");
    assert_eq!(objects(&first), ["products/4", "products/3"]);
    let second = books.audit(AuditQuery { after: Some(first[1].number), ..asked() }).await.expect("reads");
    assert_eq!(objects(&second), ["products/2", "products/1"]);
    let eves = books.audit(AuditQuery { actor: Some("eve".into()), ..asked() }).await.expect("reads");
    assert_eq!(objects(&eves), ["products/2"]);
    let (from, to) = (Timestamp::from_secs(51), Some(Timestamp::from_secs(53)));
    assert_eq!(
        objects(&books.audit(AuditQuery { from, to, ..asked() }).await.expect("reads")),
        ["products/2", "products/1"]
    );
}

async fn an_alert_is_raised_once_and_retried(books: &dyn Books) {
    let alert = |key: &str, percent| Alert {
        id: id(key),
        account: id("budget#a"),
        window: NOW,
        percent,
        payload: "{}".into(),
        created: NOW,
    };
    assert!(books.raise_alert(alert("m1", 50)).await.expect("raises"));
    assert!(!books.raise_alert(alert("m2", 50)).await.expect("raises"), "once per window and threshold");
    assert!(books.raise_alert(alert("m3", 80)).await.expect("raises"));
    let due = |now| async move {
        let due = books.due_alerts(now, 9).await.expect("reads");
        due.into_iter().map(|delivery| delivery.alert.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(due(NOW).await, ["m1", "m3"]);
    let failed = AlertState { attempts: 1, delivered: None, next: Some(LATER), last_result: Some("503".into()) };
    books.alert_tried(id("m1"), failed.clone()).await.expect("writes");
    let done = AlertState { attempts: 1, delivered: Some(NOW), next: None, last_result: Some("200".into()) };
    books.alert_tried(id("m3"), done).await.expect("writes");
    assert!(due(NOW).await.is_empty());
    assert_eq!(due(LATER).await, ["m1"]);
    let all = books.alerts(9).await.expect("reads");
    assert_eq!(all.len(), 2);
    assert_eq!(all.iter().find(|delivery| *delivery.alert.id == *"m1").map(|d| &d.state), Some(&failed));
}

/// Random rows and how they are shipped: batches of these lengths, each after a prefix of it.
pub fn shipments() -> impl Strategy<Value = (Vec<UsageRow>, Vec<(usize, usize)>)> {
    let cuts = prop::collection::vec((1..9_usize, 0..9_usize), 1..8);
    (prop::collection::vec(samples::row(), 0..24), cuts)
}

/// Whatever the batches, and however often each is shipped, sums of rows, rollups, reports and balances agree to the
/// last unit. The database is empty before.
pub async fn any_way(books: &dyn Books, rows: &[UsageRow], cuts: &[(usize, usize)]) {
    let (mut rest, mut cuts, mut sequence) = (rows, cuts.iter().cycle(), 0);
    while !rest.is_empty() {
        let (length, again) = cuts.next().copied().expect("cuts");
        let (batch, after) = rest.split_at(length.min(rest.len()));
        let prefix = &batch[..again.min(batch.len())];
        ship(books, shipment("r", prefix.to_vec(), sequence + prefix.len() as u64)).await;
        sequence += batch.len() as u64;
        for _ in 0..2 {
            ship(books, shipment("r", batch.to_vec(), sequence)).await;
        }
        rest = after;
    }
    ship(books, shipment("r", rows.to_vec(), sequence)).await;
    let mut expected = Totals::default();
    for row in rows {
        expected.count(row);
    }
    let reported = report(books, everything_reported()).await.rows;
    assert_eq!(reported.first().map(|row| row.totals.clone()).unwrap_or_default(), expected);
    for dimension in Dimension::ALL {
        let lines =
            report(books, ReportQuery { by: Some(dimension), bucket: Some(Bucket::Hour), ..everything_reported() });
        let mut sum = Totals::default();
        for row in lines.await.rows {
            sum.merge(&row.totals);
        }
        assert_eq!(sum, expected, "by {}", dimension.as_str());
    }
    let mut stored = books.rows(all_rows()).await.expect("reads");
    stored.sort_by_key(|row| row.intent.id);
    let mut given = rows.to_vec();
    given.sort_by_key(|row| row.intent.id);
    given.dedup_by_key(|row| row.intent.id);
    assert_eq!(stored, given);
    everything_agrees(books).await;
}
