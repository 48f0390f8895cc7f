//! Ten million requests in SQLite: how long shipping and reports take.
//!
//! `cargo bench --bench reports` makes the data set through the ledger's own port (90 days, 50 subscriptions, 5
//! models, 3 backends) in a temporary folder, prints what shipping cost per row as the tables grow, and then the
//! time of each kind of report. `cargo bench --bench reports -- 1000000` does it with fewer rows, `-- 10000000 FOLDER`
//! keeps the database there, and uses it when it is there. It measures, and asserts nothing.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use tollgate::{
    exchange::{Attempt, Charge, Cost, Intent, Measure, Outcome, Settle, UsageRow},
    model::{Clock, Entropy, Timestamp},
    store::{
        Bucket, Dimension, Ledger, Position, Proof, ReportQuery, Reports, RowQuery, SecretKey, Shipment, Sqlite,
        StoreError, Sum,
    },
};
use tollgate_providers::{Certainty, Usage};
use uuid::Uuid;

/// 2027-01-01 00:00 UTC.
const BEGIN: u64 = 1_798_761_600_000_000_000;
const DAYS: u64 = 90;
const DAY: u64 = 86_400_000_000_000;
const BATCH: u64 = 1000;

#[tokio::main]
async fn main() -> Result<(), StoreError> {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let rows = arguments.first().and_then(|rows| rows.parse().ok()).unwrap_or(10_000_000);
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = arguments.get(1).map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("a folder");
    let entropy = Entropy::seeded(7);
    let store = Sqlite::open(&folder.join("tollgate.db"), SecretKey::load(&folder, None, &entropy)?).await?;
    let clock = Clock::system();
    fill(&store, &clock, &entropy, rows).await?;
    reports(&store, &clock).await?;
    log(&store, &clock).await?;
    pruning(&store, &clock).await
}

/// Ships what is not there yet.
async fn fill(store: &Sqlite, clock: &Clock, entropy: &Entropy, rows: u64) -> Result<(), StoreError> {
    let there = store.shipped("bench".into()).await?.position.sequence;
    let part = (rows / 50).max(BATCH);
    let (mut spent, mut slowest, mut shipped) = (Duration::ZERO, Duration::ZERO, 0);
    for first in (there..rows).step_by(usize::try_from(BATCH).expect("small")) {
        let last = rows.min(first + BATCH);
        let batch = (first..last).map(|nth| row(entropy, nth, rows)).collect();
        let position = Position { sequence: last };
        let shipment = Shipment { replica: "bench".into(), rows: batch, position, ..Shipment::default() };
        let began = clock.ticks();
        store.ship(Arc::new(shipment)).await?;
        let took = clock.ticks().since(began);
        (spent, slowest, shipped) = (spent + took, slowest.max(took), shipped + last - first);
        if last.is_multiple_of(part) || last == rows {
            println!("{last:>9} rows: shipping {:>6.2} us a row, slowest batch {slowest:?}", per_row(spent, shipped));
            (spent, slowest, shipped) = (Duration::ZERO, Duration::ZERO, 0);
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn per_row(spent: Duration, rows: u64) -> f64 {
    spent.as_secs_f64() * 1e6 / rows.max(1) as f64
}

/// One of many, spread evenly over the period.
fn row(entropy: &Entropy, nth: u64, of: u64) -> UsageRow {
    let time = Timestamp::from_nanos(BEGIN + DAYS * DAY / of * nth);
    let subscription = entropy.below(50);
    let model = ["gpt-4o", "gpt-4o-mini", "claude", "gemini", "llama"][usize_of(entropy.below(5))];
    let backend = ["azure-weu", "openai", "standby"][usize_of(entropy.below(3))];
    let (input, output) = (200 + entropy.below(4000), 20 + entropy.below(800));
    let duration_nanos = 200_000_000 + entropy.below(4_000_000_000);
    let name = format!("team-{subscription}");
    let charges = charges(&name, time, input + output);
    let id = Uuid::new_v7(uuid::Timestamp::from_unix_time(time.as_secs(), 0, nth.into(), 42));
    let refused = entropy.below(50) == 0;
    let intent = Intent {
        id,
        time,
        client_request_id: None,
        subscription: Some(name.as_str().into()),
        product: Some(["team", "free", "partners"][usize_of(subscription % 3)].into()),
        user: None,
        api: Some("openai".into()),
        operation: Some("chat_completions".into()),
        workspace: None,
        model: Some(model.into()),
        end_user: None,
        metadata: vec![("cost_centre".into(), "4711".into())],
        streamed: true,
        input_tokens: input,
        charges,
    };
    let attempt = Attempt {
        backend: backend.into(),
        status: Some(200),
        fault: None,
        began_nanos: 150_000,
        took_nanos: duration_nanos / 3,
    };
    let settle = Settle {
        id,
        outcome: if refused { Outcome::UpstreamError } else { Outcome::Complete },
        status: if refused { 502 } else { 200 },
        error: None,
        streamed: true,
        model: None,
        upstream_model: Some(model.into()),
        backend: Some(backend.into()),
        usage: Usage { input: Some(input), output: Some(output), cached_input: Some(0), ..Usage::default() },
        certainty: Certainty::Exact,
        cost: Some(Cost {
            nanos: i64::try_from(input * 2500 + output * 10_000).expect("small"),
            currency: "USD".into(),
            price_version: "bench-1".into(),
        }),
        saved_tokens: 0,
        saved_nanos: 0,
        cache: None,
        amounts: intent.charges.iter().map(|charge| charge.amount).collect(),
        attempts: vec![attempt],
        ttft_nanos: Some(duration_nanos / 4),
        duration_nanos,
        bytes_in: 4 * input,
        bytes_out: 40 * output,
    };
    UsageRow { intent, settle }
}

fn usize_of(small: u64) -> usize {
    usize::try_from(small).expect("small")
}

/// Tokens and money of a month of 30 days.
fn charges(subscription: &str, time: Timestamp, tokens: u64) -> Vec<Charge> {
    let month = 30 * DAY;
    let start = BEGIN + (time.as_nanos() - BEGIN) / month * month;
    let charge = |key: &str, measure, amount: u64| Charge {
        account: format!("subscription:{subscription}/{key}#{subscription}").into(),
        window: Timestamp::from_nanos(start),
        until: Timestamp::from_nanos(start + month),
        measure,
        amount: i64::try_from(amount).expect("small"),
    };
    vec![charge("tokens_per_month", Measure::Tokens, tokens), charge("budget_per_month", Measure::Nanos, tokens * 3000)]
}

/// Every kind of report, three times; the slowest counts.
async fn reports(store: &Sqlite, clock: &Clock) -> Result<(), StoreError> {
    let all = || ReportQuery {
        by: None,
        also: vec![],
        bucket: None,
        from: Timestamp::from_nanos(BEGIN),
        to: Timestamp::from_nanos(BEGIN + DAYS * DAY),
        zone: TimeZone::UTC,
        filters: vec![],
        limit: usize::MAX - 1,
        after: None,
    };
    let by = |by| ReportQuery { by: Some(by), ..all() };
    let only = |dimension, value: &str| vec![(dimension, value.into())];
    let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
    let month = Timestamp::from_nanos(BEGIN + 31 * DAY);
    let queries = [
        ("total", all()),
        ("by subscription", by(Dimension::Subscription)),
        ("by product", by(Dimension::Product)),
        ("by model", by(Dimension::Model)),
        ("by backend", by(Dimension::Backend)),
        ("by operation", by(Dimension::Operation)),
        ("by day", ReportQuery { bucket: Some(Bucket::Day), ..all() }),
        ("by day in Berlin", ReportQuery { bucket: Some(Bucket::Day), zone: berlin.clone(), ..all() }),
        ("by month in Berlin", ReportQuery { bucket: Some(Bucket::Month), zone: berlin, ..all() }),
        ("by hour", ReportQuery { bucket: Some(Bucket::Hour), ..all() }),
        ("by model and hour", ReportQuery { bucket: Some(Bucket::Hour), ..by(Dimension::Model) }),
        ("by subscription and day", ReportQuery { bucket: Some(Bucket::Day), ..by(Dimension::Subscription) }),
        (
            "statement of a subscription",
            ReportQuery {
                bucket: Some(Bucket::Day),
                to: month,
                filters: only(Dimension::Subscription, "team-7"),
                ..by(Dimension::Model)
            },
        ),
        (
            "one model by hour",
            ReportQuery { bucket: Some(Bucket::Hour), filters: only(Dimension::Model, "claude"), ..all() },
        ),
        (
            "odd edges",
            ReportQuery { from: Timestamp::from_nanos(BEGIN + DAY + 1_234_567_890_123), ..by(Dimension::Model) },
        ),
    ];
    for (name, query) in queries {
        let (mut slowest, mut lines, mut calls) = (Duration::ZERO, 0, 0);
        for _ in 0..3 {
            let began = clock.ticks();
            let report = store.report(query.clone()).await?;
            slowest = slowest.max(clock.ticks().since(began));
            lines = report.rows.len();
            calls = report.rows.iter().map(|row| row.totals.get(Sum::Calls)).sum::<i64>();
        }
        println!("{name:<30} {slowest:>12.1?}  {lines:>6} lines  {calls:>9} calls");
    }
    Ok(())
}

/// Pages of the request log.
async fn log(store: &Sqlite, clock: &Clock) -> Result<(), StoreError> {
    let page = || RowQuery {
        from: Timestamp::from_nanos(BEGIN),
        to: Timestamp::from_nanos(BEGIN + DAYS * DAY),
        filters: vec![],
        outcome: None,
        status: None,
        end_user: None,
        client_request_id: None,
        newest_first: true,
        limit: 50,
        after: None,
    };
    let team = vec![(Dimension::Subscription, "team-7".into())];
    let queries = [
        ("newest requests", page()),
        ("of a subscription", RowQuery { filters: team.clone(), ..page() }),
        ("failed, of a subscription", RowQuery { filters: team, status: Some(500..=599), ..page() }),
        (
            "oldest first, of a model",
            RowQuery { filters: vec![(Dimension::Model, "llama".into())], newest_first: false, ..page() },
        ),
    ];
    for (name, query) in queries {
        let began = clock.ticks();
        let rows = store.rows(query).await?.len();
        println!("{name:<30} {:>12.1?}  {rows:>6} rows", clock.ticks().since(began));
    }
    Ok(())
}

/// A step of pruning.
async fn pruning(store: &Sqlite, clock: &Clock) -> Result<(), StoreError> {
    let began = clock.ticks();
    let step = store.prune_rows(Timestamp::from_nanos(BEGIN + DAYS * DAY), 1000).await?;
    println!("{:<30} {:>12.1?}  {:>6} rows", "a step of pruning", clock.ticks().since(began), step.rows);
    Ok(())
}
