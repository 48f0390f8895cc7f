//! Hands in the database: whatever somebody changes, removes, adds or reorders in the ledger's tables is found and
//! named, on every database; and sums that are damaged stop nothing and can be made anew.

use futures_util::future::BoxFuture;

use super::books::{all_rows, everything_agrees, everything_reported, shipment};
use crate::{
    model::Timestamp,
    store::{
        Books, ChainProblem, StoreError, Sum,
        ledger::{
            UNREADABLE,
            samples::{NOW, attempt, plain},
        },
    },
};

/// A database in which somebody may have a hand.
pub trait Victim {
    /// It, untouched.
    fn books(&self) -> &dyn Books;

    /// Bytes as its SQL spells them.
    fn bytes(&self, hex: &str) -> String;

    /// What it is when so many of its oldest rows were pruned and then somebody else had a hand in it. Whatever was
    /// done to the one that this gave before is forgotten.
    fn touched(&self, pruned: u32, sql: String) -> BoxFuture<'_, Box<dyn Books>>;

    /// Statements of somebody else on [`Self::books`] itself.
    fn touch(&self, sql: String) -> BoxFuture<'_, ()>;
}

/// All rows are older.
pub const LATE: Timestamp = Timestamp::from_nanos(u64::MAX);

/// Everything that hands can do. The database is empty before.
pub async fn everything(victim: &dyn Victim) {
    ten(victim.books()).await;
    everything_agrees(victim.books()).await;
    every_change_of_a_row_is_found_and_named(victim).await;
    rows_that_somebody_added_are_found(victim).await;
    sums_that_somebody_changed_are_found(victim).await;
    pruning_stops_before_what_somebody_changed(victim).await;
    a_forged_checkpoint_is_found(victim).await;
}

/// Ten rows of two attempts and a charge each.
async fn ten(books: &dyn Books) {
    let rows = (1..=10).map(|nth| {
        let mut row = plain(nth, 60);
        row.settle.attempts.push(attempt("openai", Some("timeout")));
        row.intent.end_user = Some("someone".into());
        row
    });
    books.ship(shipment("r", rows.collect(), 1)).await.expect("ships");
}

async fn every_change_of_a_row_is_found_and_named(victim: &dyn Victim) {
    let (short, long) = (victim.bytes(&"00".repeat(16)), victim.bytes(&"00".repeat(32)));
    let empty = victim.bytes("");
    let cases = [
        ("UPDATE usage_rows SET output_tokens = 19 WHERE link = 4".to_owned(), 4, ChainProblem::Changed),
        ("UPDATE usage_rows SET cached_input_tokens = 0 WHERE link = 1".into(), 1, ChainProblem::Changed),
        ("UPDATE usage_rows SET end_user = 'someone else' WHERE link = 10".into(), 10, ChainProblem::Changed),
        ("UPDATE usage_rows SET cost_nanos = NULL WHERE link = 2".into(), 2, ChainProblem::Changed),
        (format!("UPDATE usage_rows SET code = {short} WHERE link = 2"), 2, ChainProblem::Changed),
        ("UPDATE usage_rows SET charges = '[[1,29]]' WHERE link = 3".into(), 3, ChainProblem::Changed),
        ("UPDATE usage_rows SET charges = 'x' WHERE link = 3".into(), 3, ChainProblem::Changed),
        ("UPDATE usage_rows SET series = 99 WHERE link = 3".into(), 3, ChainProblem::Changed),
        ("UPDATE series SET subscription = 's'".into(), 1, ChainProblem::Changed),
        ("UPDATE balances SET account = 'other'".into(), 1, ChainProblem::Changed),
        ("UPDATE balances SET window_end = 5".into(), 1, ChainProblem::Changed),
        ("UPDATE attempts SET took = 1 WHERE link = 6 AND k = 1".into(), 6, ChainProblem::Changed),
        ("DELETE FROM attempts WHERE link = 6 AND k = 1".into(), 6, ChainProblem::Changed),
        (
            "INSERT INTO attempts SELECT chain, link, 2, backend, status, fault, began, took FROM attempts \
             WHERE link = 7 AND k = 0"
                .into(),
            7,
            ChainProblem::Changed,
        ),
        ("DELETE FROM usage_rows WHERE link = 5".into(), 5, ChainProblem::Missing),
        ("DELETE FROM usage_rows WHERE link = 1".into(), 1, ChainProblem::Missing),
        ("DELETE FROM usage_rows WHERE link >= 9".into(), 9, ChainProblem::Missing),
        ("UPDATE usage_rows SET link = 12 WHERE link = 10".into(), 10, ChainProblem::Missing),
        ("UPDATE chains SET length = 9".into(), 9, ChainProblem::Head),
        (format!("UPDATE chains SET head = {long}"), 10, ChainProblem::Head),
        ("UPDATE chains SET totals = replace(totals, '450000', '450001')".into(), 10, ChainProblem::Head),
        (format!("UPDATE chains SET seal = {empty}"), 10, ChainProblem::Head),
    ];
    for (hand, position, problem) in cases {
        let report = victim.touched(0, hand.clone()).await.verify_chains().await.expect(&hand).remove(0);
        let finding = report.finding.expect(&hand);
        assert_eq!((finding.position, finding.problem), (position, problem), "{hand}");
        let names_it =
            problem != ChainProblem::Changed || finding.request.is_some_and(|id| id.as_u128() == u128::from(position));
        assert!(names_it, "{hand}: {finding:?}");
    }
    let reordered = "UPDATE usage_rows SET link = 99 WHERE link = 4; UPDATE usage_rows SET link = 4 WHERE link = 5;
         UPDATE usage_rows SET link = 5 WHERE link = 99";
    let finding =
        victim.touched(0, reordered.to_owned()).await.verify_chains().await.expect("follows").remove(0).finding;
    let finding = finding.expect("found");
    assert_eq!((finding.position, finding.problem), (4, ChainProblem::Changed));
    assert_eq!(finding.request.map(|id| id.as_u128()), Some(5), "the row that is there now");
}

/// A copy of the last row with another id, and these columns set.
fn added(victim: &dyn Victim, set: &str) -> String {
    let id = victim.bytes(&"ab".repeat(16));
    format!(
        "CREATE TEMP TABLE added AS SELECT * FROM usage_rows WHERE link = 10;
         UPDATE added SET request_id = {id}, {set};
         INSERT INTO usage_rows SELECT * FROM added; DROP TABLE added"
    )
}

async fn rows_that_somebody_added_are_found(victim: &dyn Victim) {
    let changed = victim.touched(0, added(victim, "link = 11")).await;
    let finding = changed.verify_chains().await.expect("follows").remove(0).finding.expect("found");
    assert_eq!((finding.position, finding.problem), (11, ChainProblem::Inserted));
    assert_eq!(finding.request.map(|id| id.as_bytes()[0]), Some(0xab));
    let changed = victim.touched(0, added(victim, "chain = 777")).await;
    let reports = changed.verify_chains().await.expect("follows");
    assert_eq!((reports.len(), &reports[0].finding), (2, &None));
    assert_eq!(reports[1].finding.as_ref().map(|found| found.problem), Some(ChainProblem::Inserted));
}

async fn sums_that_somebody_changed_are_found(victim: &dyn Victim) {
    let changed = victim.touched(0, "UPDATE balances SET charged = charged - 30".into()).await;
    let finding = changed.verify_balances(5).await.expect("adds up").remove(0);
    assert_eq!((finding.stored.charged, finding.rows), (270, 300));
    let changed = victim.touched(0, "UPDATE balances SET adjusted = adjusted - 30".into()).await;
    let finding = changed.verify_balances(5).await.expect("adds up").remove(0);
    assert_eq!((finding.stored.charged, finding.rows, finding.stored.adjusted, finding.audited), (300, 300, -30, 0));
    let changed = victim.touched(0, "DELETE FROM balances".into()).await;
    assert_eq!(changed.verify_balances(5).await.expect("adds up").remove(0).rows, 300);
    let changed = victim.touched(0, "DELETE FROM rollups WHERE span = 'day'".into()).await;
    let finding = changed.verify_rollups(5).await.expect("adds up").remove(0);
    assert_eq!((finding.day, finding.sum, finding.stored, finding.rows), (true, "calls", 0, 10));
}

async fn pruning_stops_before_what_somebody_changed(victim: &dyn Victim) {
    let changed = victim.touched(0, "UPDATE usage_rows SET output_tokens = 1 WHERE link = 4".into()).await;
    assert_eq!(changed.prune_rows(LATE, 3).await.expect("prunes").rows, 3);
    let step = changed.prune_rows(LATE, 3).await.expect("prunes");
    assert_eq!((step.rows, step.findings.len(), step.findings[0].1.position), (0, 1, 4));
}

async fn a_forged_checkpoint_is_found(victim: &dyn Victim) {
    let pruned = victim.touched(5, String::new()).await;
    let sound = pruned.verify_chains().await.expect("follows").remove(0);
    assert_eq!((sound.pruned, sound.verified, sound.finding), (5, 5, None), "from the signed checkpoint");
    let long = victim.bytes(&"00".repeat(32));
    let copied = "UPDATE checkpoints SET link = (SELECT length FROM chains), head = (SELECT head FROM chains),
         totals = (SELECT totals FROM chains), seal = (SELECT seal FROM chains); DELETE FROM usage_rows";
    let cases = [
        ("UPDATE checkpoints SET totals = replace(totals, '225000', '225001')".to_owned(), ChainProblem::Checkpoint),
        (format!("UPDATE checkpoints SET head = {long}"), ChainProblem::Checkpoint),
        ("UPDATE checkpoints SET link = 6; DELETE FROM usage_rows WHERE link = 6".into(), ChainProblem::Checkpoint),
        (copied.into(), ChainProblem::Checkpoint),
        ("DELETE FROM checkpoints".into(), ChainProblem::Missing),
        ("DELETE FROM usage_rows WHERE link = 6".into(), ChainProblem::Missing),
    ];
    for (hand, problem) in cases {
        let changed = victim.touched(5, hand.clone()).await;
        let finding = changed.verify_chains().await.expect("follows").remove(0).finding.expect(&hand);
        assert_eq!(finding.problem, problem, "{hand}");
    }
}

/// Damaged sums stop neither shipping nor proof; reports say what helps; pruning does not remove what they are to be
/// made anew from. The database is empty before.
pub async fn damaged_sums_are_made_anew(victim: &dyn Victim) {
    let books = victim.books();
    let rows: Vec<_> = (1..=6).map(|nth| plain(nth, 60 + 1800 * u64::try_from(nth).expect("small"))).collect();
    let ship =
        async |nth: usize| books.ship(shipment("r", vec![rows[nth].clone()], nth as u64 + 1)).await.expect("ships");
    for nth in 0..4 {
        assert_eq!(ship(nth).await.unreadable, 0);
    }
    let garbage = victim.bytes("01ff");
    victim.touch(format!("UPDATE rollups SET body = {garbage}")).await;
    let taken = ship(4).await;
    assert_eq!((taken.rows, taken.unreadable), (1, 2), "an hour and a day");
    let refused = books.report(everything_reported()).await.expect_err("not in silence");
    assert!(matches!(refused, StoreError::BadPage { .. }), "{refused}");
    assert!(refused.to_string().contains("tollgate ledger rebuild-reports"), "{refused}");
    assert_eq!(books.verify_chains().await.expect("follows")[0].finding, None);
    assert!(books.verify_rollups(9).await.expect("compares").iter().all(|found| found.sum == UNREADABLE));
    assert_eq!(books.rows(all_rows()).await.expect("reads").len(), 5, "the log needs no sums");
    assert!(matches!(books.prune_rows(LATE, 2).await, Err(StoreError::BadPage { .. })), "rows are all that is left");
    let rebuilt = books.rebuild_rollups().await.expect("rebuilds");
    assert!(rebuilt.pages >= 2 && rebuilt.lost.is_empty() && rebuilt.tokens_missing == 0, "{rebuilt:?}");
    assert_eq!(ship(5).await.unreadable, 0);
    agrees(books, 6).await;
    assert_eq!(books.rebuild_rollups().await.expect("rebuilds").pages, 0, "nothing is left to mend");

    let empty = victim.bytes("01");
    for hand in ["DELETE FROM rollups".to_owned(), format!("UPDATE rollups SET body = {empty} WHERE span = 'hour'")] {
        victim.touch(hand).await;
        assert!(!books.verify_rollups(9).await.expect("compares").is_empty());
        books.rebuild_rollups().await.expect("rebuilds");
        agrees(books, 6).await;
    }
    what_pruned_rows_made_can_only_be_kept(victim, &garbage).await;
}

async fn agrees(books: &dyn Books, calls: i64) {
    let report = books.report(everything_reported()).await.expect("reports");
    assert_eq!(report.rows[0].totals.get(Sum::Calls), calls);
    everything_agrees(books).await;
}

async fn what_pruned_rows_made_can_only_be_kept(victim: &dyn Victim, garbage: &str) {
    let books = victim.books();
    let before = Timestamp::from_secs(NOW + 2 * 3600);
    while books.prune_rows(before, 100).await.expect("prunes").rows > 0 {}
    let kept = books.rebuild_rollups().await.expect("rebuilds");
    assert_eq!((kept.pages, kept.lost.len(), kept.tokens_missing), (0, 0, 0));
    agrees(books, 6).await;
    victim.touch(format!("UPDATE rollups SET body = {garbage}")).await;
    let rebuilt = books.rebuild_rollups().await.expect("rebuilds");
    assert!(!rebuilt.lost.is_empty() && rebuilt.tokens_missing > 0, "{rebuilt:?}");
    let kept = i64::try_from(books.rows(all_rows()).await.expect("reads").len()).expect("few");
    let tokens = books.rows(all_rows()).await.expect("reads").iter().map(|row| row.settle.usage.total()).sum::<u64>();
    assert_eq!(rebuilt.tokens_missing.unsigned_abs(), 6 * 30 - tokens, "{rebuilt:?}");
    agrees(books, kept).await;
}
