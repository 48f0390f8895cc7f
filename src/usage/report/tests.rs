//! Reports by their parameters, on rows in memory that are summed up for each question.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use tollgate_providers::Usage;
use uuid::Uuid;

use super::{BY, Params, Table, Unanswered, focus, line::local, report, request, requests, sample, statement};
use crate::{
    exchange::UsageRow,
    model::Timestamp,
    store::{
        Answer, Bucket, Dimension, Report, ReportKey, ReportQuery, ReportRow, Reports, RowCursor, RowQuery, Totals,
    },
};

/// 18 November 2026, 14:00 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_795_010_400);

/// Rows in memory.
struct Rows(Vec<UsageRow>);

impl Reports for Rows {
    fn report(&self, query: ReportQuery) -> Answer<'_, Report> {
        let mut lines: BTreeMap<ReportKey, ReportRow> = BTreeMap::new();
        for row in self.0.iter().filter(|row| is_meant(row, query.from, query.to, &query.filters)) {
            let key = ReportKey {
                start: query.bucket.map(|bucket| start(row.intent.time, bucket, &query.zone)),
                api: (query.by == Some(Dimension::Operation)).then(|| value(row, Dimension::Api)),
                value: query.by.map(|by| value(row, by)),
                also: query.also.iter().map(|by| value(row, *by)).collect(),
            };
            let line = lines.entry(key.clone()).or_insert_with(|| ReportRow { key, ..super::line::nothing() });
            line.totals.count(row);
            if let Some(cost) = &row.settle.cost {
                *line.cost.entry(cost.currency.clone()).or_default() += cost.nanos;
            }
        }
        let mut rest = lines.into_values().filter(|line| query.after.as_ref().is_none_or(|after| line.key > *after));
        let rows: Vec<_> = rest.by_ref().take(query.limit).collect();
        let more = rest.next().is_some();
        Box::pin(async move { Ok(Report { rows, from: query.from, to: query.to, more }) })
    }

    fn rows(&self, query: RowQuery) -> Answer<'_, Vec<UsageRow>> {
        let mut rows: Vec<UsageRow> =
            self.0.iter().filter(|row| is_meant(row, query.from, query.to, &query.filters)).cloned().collect();
        rows.sort_by_key(RowCursor::of);
        if query.newest_first {
            rows.reverse();
        }
        if let Some(after) = query.after {
            let at = rows.iter().position(|row| RowCursor::of(row) == after).map_or(0, |at| at + 1);
            rows.drain(..at);
        }
        rows.retain(|row| query.status.as_ref().is_none_or(|status| status.contains(&row.settle.status)));
        rows.retain(|row| query.outcome.as_ref().is_none_or(|word| **word == *row.settle.outcome.as_str()));
        rows.truncate(query.limit as usize);
        Box::pin(async move { Ok(rows) })
    }

    fn row(&self, id: Uuid) -> Answer<'_, Option<UsageRow>> {
        let found = self.0.iter().find(|row| row.intent.id == id).cloned();
        Box::pin(async move { Ok(found) })
    }
}

fn is_meant(row: &UsageRow, from: Timestamp, to: Timestamp, filters: &[(Dimension, Arc<str>)]) -> bool {
    (from..to).contains(&row.intent.time) && filters.iter().all(|(by, wanted)| value(row, *by) == *wanted)
}

fn start(at: Timestamp, bucket: Bucket, zone: &jiff::tz::TimeZone) -> Timestamp {
    let at = local(at, zone);
    let date = match bucket {
        Bucket::Hour => {
            return Timestamp::from_secs(u64::try_from(at.timestamp().as_second()).expect("now") / 3600 * 3600);
        }
        Bucket::Day => at.date(),
        Bucket::Month => at.date().first_of_month(),
    };
    let first = date.to_zoned(zone.clone()).expect("a day").timestamp();
    Timestamp::from_secs(u64::try_from(first.as_second()).expect("now"))
}

fn value(row: &UsageRow, by: Dimension) -> Arc<str> {
    let intent = &row.intent;
    let text = match by {
        Dimension::Subscription => intent.subscription.as_ref().map(ToString::to_string),
        Dimension::Product => intent.product.as_ref().map(ToString::to_string),
        Dimension::User => intent.user.as_ref().map(ToString::to_string),
        Dimension::Api => intent.api.as_ref().map(ToString::to_string),
        Dimension::Operation => intent.operation.as_ref().map(ToString::to_string),
        Dimension::Workspace => intent.workspace.as_ref().map(ToString::to_string),
        Dimension::Model => row.model().map(ToString::to_string),
        Dimension::UpstreamModel => row.settle.upstream_model.as_ref().map(ToString::to_string),
        Dimension::Backend => row.settle.backend.as_ref().map(ToString::to_string),
    };
    text.unwrap_or_default().into()
}

/// Three calls of `team-a` with models (one of them cost nothing known), one of nobody to a plain API a day before.
fn rows() -> Rows {
    let mut rows: Vec<UsageRow> = (1..=4).map(sample::row).collect();
    rows[1].settle.status = 500;
    rows[2].settle.cost = None;
    let plain = &mut rows[3];
    plain.intent.time = Timestamp::from_secs(plain.intent.time.as_secs() - 86_400);
    plain.intent.subscription = None;
    plain.intent.product = None;
    plain.intent.model = None;
    plain.settle.upstream_model = None;
    plain.settle.usage = Usage::default();
    plain.settle.cost = None;
    Rows(rows)
}

fn params(text: &str) -> Params {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect()
}

async fn by(by: &str, text: &str) -> Result<Table, Unanswered> {
    report(&rows(), by, &params(text), NOW).await
}

fn column(table: &Table, name: &str) -> Vec<Value> {
    table.items.iter().map(|line| line[name].clone()).collect()
}

#[tokio::test]
async fn every_report_counts_every_call_once() {
    for dimension in BY {
        let table = by(dimension, "total=true").await.expect(dimension);
        let calls: i64 = table.items.iter().map(|line| line["calls"].as_i64().expect("a number")).sum();
        assert_eq!((calls, &table.head["total"]["calls"]), (4, &json!(4)), "{dimension}");
        for line in &table.items {
            for name in &table.columns {
                assert!(line.get(name).is_some(), "{dimension} has no {name}");
            }
        }
        assert!(table.shown.iter().all(|name| table.columns.contains(name)), "{dimension}");
    }
}

#[tokio::test]
async fn a_report_by_subscription_says_tokens_money_and_shares() {
    let table = by("subscription", "").await.expect("a report");
    assert_eq!(column(&table, "subscription"), [Value::Null, json!("team-a")]);
    let team = &table.items[1];
    for (name, wanted) in [
        ("calls", json!(3)),
        ("complete", json!(3)),
        ("failed_calls", json!(1)),
        ("error_share", json!(0.3333)),
        ("input_tokens", json!(24)),
        ("cached_input_tokens", json!(6)),
        ("output_tokens", json!(15)),
        ("total_tokens", json!(45)),
        ("cost", json!("0.00002469")),
        ("cost_nanos", json!(24_690)),
        ("currency", json!("USD")),
        ("unpriced_calls", json!(1)),
        ("duration_ms_mean", json!(50.0)),
    ] {
        assert_eq!(team[name], wanted, "{name}");
    }
    assert_eq!(by("subscription", "subscription=-").await.expect("nobody's").items.len(), 1);
}

#[tokio::test]
async fn steps_of_time_are_named_in_their_zone() {
    for (text, wanted) in [
        ("", vec!["2026-11-17", "2026-11-18"]),
        ("bucket=month", vec!["2026-11"]),
        ("bucket=hour&from=today", vec!["2026-11-18T12:00+00:00"]),
        ("bucket=day&from=today&tz=Pacific/Auckland", vec!["2026-11-19"]),
        ("from=2026-01-01&to=2026-01-02", vec![]),
    ] {
        assert_eq!(column(&by("time", text).await.expect(text), "period"), wanted, "{text}");
    }
}

#[tokio::test]
async fn pages_of_a_report_meet_without_gap_or_overlap() {
    let whole = by("subscription", "bucket=day").await.expect("whole").items;
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let page = by("subscription", &format!("bucket=day&limit=1&after={after}")).await.expect("a page");
        pages.extend(page.items);
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(pages, whole);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_by_its_name() {
    for (dimension, text, name) in [
        ("planet", "", "by"),
        ("user", "bucket=year", "bucket"),
        ("user", "from=2026-12-01", "from"),
        ("user", "to=soon", "to"),
        ("user", "tz=Mars/Base", "tz"),
        ("user", "subcription=a", "subcription"),
        ("user", "limit=0", "limit"),
        ("user", "after=x", "after"),
        ("user", "total=maybe", "total"),
    ] {
        match by(dimension, text).await {
            Err(Unanswered::Parameter { name: seen, .. }) => assert_eq!(seen, name, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    for text in ["outcome=fine", "status=0", "order=random", "after=1", "after=x.y", "bucket=day"] {
        let refused = requests(&rows(), &params(text), NOW).await;
        let wanted = text.split('=').next().expect("a name");
        assert!(matches!(&refused, Err(Unanswered::Parameter { name, .. }) if name == wanted), "{text}: {refused:?}");
    }
    assert!(matches!(request(&rows(), "mine").await, Err(Unanswered::Parameter { .. })));
}

#[tokio::test]
async fn requests_come_newest_first_in_pages() {
    let whole = requests(&rows(), &params(""), NOW).await.expect("all");
    assert_eq!(whole.items.len(), 4);
    assert!(whole.items[0]["time"].as_str() > whole.items[3]["time"].as_str());
    let first = requests(&rows(), &params("limit=3"), NOW).await.expect("a page");
    let next = first.next.expect("one is left");
    let second = requests(&rows(), &params(&format!("limit=3&after={next}")), NOW).await.expect("the rest");
    assert_eq!([first.items, second.items].concat(), whole.items);
    assert_eq!(second.next, None);
    let failed = requests(&rows(), &params("status=5xx&order=oldest"), NOW).await.expect("the failed");
    assert_eq!(column(&failed, "status"), [500]);
    let id = failed.items[0]["request_id"].as_str().expect("an id");
    assert_eq!(request(&rows(), id).await.expect("asked").expect("there")["tries"][0]["backend"], "a");
    assert_eq!(request(&rows(), &Uuid::nil().to_string()).await.expect("asked"), None);
}

#[tokio::test]
async fn sections_of_a_statement_add_up_to_its_total() {
    let table = statement(&rows(), &params("product=team&month=2026-11"), NOW).await.expect("a statement");
    assert_eq!((&table.head["product"], &table.head["final"]), (&json!("team"), &json!(false)));
    for (section, lines) in [("total", 1), ("model", 1), ("subscription", 1), ("day", 1)] {
        let of: Vec<&Value> = table.items.iter().filter(|line| line["section"] == section).collect();
        assert_eq!(of.len(), lines, "{section}");
        let cost: i64 = of.iter().map(|line| line["cost_nanos"].as_i64().expect("a number")).sum();
        assert_eq!(cost, 24_690, "{section}");
    }
    let keys: Vec<&Value> = table.items.iter().map(|line| &line["key"]).collect();
    assert_eq!(keys, [&Value::Null, &json!("gpt-4o"), &json!("team-a"), &json!("2026-11-18")]);
    let none = statement(&rows(), &params("subscription=other"), NOW).await.expect("an empty one");
    assert_eq!((none.items.len(), &none.items[0]["calls"]), (1, &json!(0)));
    for text in ["", "product=a&subscription=b", "product=a&month=soon", "product=a&from=today"] {
        assert!(statement(&rows(), &params(text), NOW).await.is_err(), "{text}");
    }
}

async fn exported(text: &str) -> Table {
    let labels = |id: &str| BTreeMap::from([("cost_centre".to_owned(), format!("centre of {id}"))]);
    focus(&rows(), &params(text), &labels, NOW).await.expect("an export")
}

#[tokio::test]
async fn a_focus_line_is_a_day_of_a_subscription_model_and_backend() {
    let table = exported("").await;
    assert_eq!(table.items.len(), 2);
    let line = &table.items[1];
    for (name, wanted) in [
        ("BilledCost", json!("0.00002469")),
        ("BillingCurrency", json!("USD")),
        ("BillingPeriodStart", json!("2026-11-01T00:00:00Z")),
        ("BillingPeriodEnd", json!("2026-12-01T00:00:00Z")),
        ("ChargePeriodStart", json!("2026-11-18T00:00:00Z")),
        ("ChargePeriodEnd", json!("2026-11-19T00:00:00Z")),
        ("ConsumedQuantity", json!(45)),
        ("ConsumedUnit", json!("Tokens")),
        ("ResourceId", json!("team-a")),
        ("SubAccountId", json!("team")),
        ("ServiceCategory", json!("AI and Machine Learning")),
        ("Tags", json!(r#"{"cost_centre":"centre of team-a"}"#)),
        ("x_UnpricedRequests", json!(1)),
    ] {
        assert_eq!(line[name], wanted, "{name}");
    }
    let plain = &table.items[0];
    assert_eq!(
        (&plain["ConsumedUnit"], &plain["ConsumedQuantity"], &plain["Tags"]),
        (&json!("Requests"), &json!(1), &Value::Null)
    );
}

/// Columns that FOCUS 1.2 requires in every dataset and in which it allows no null (for a charge of usage).
const NEVER_NULL: [&str; 20] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
];

#[tokio::test]
async fn a_focus_export_has_every_mandatory_column_and_no_null_where_none_may_be() {
    let table = exported("account=acme").await;
    assert!(table.columns.contains(&"ChargeClass"), "mandatory, and null for a charge that corrects nothing");
    for line in &table.items {
        assert_eq!(line.as_object().map(serde_json::Map::len), Some(table.columns.len()));
        for name in NEVER_NULL {
            assert!(table.columns.contains(&name) && !line[name].is_null(), "{name}");
        }
        assert_eq!((&line["BillingAccountId"], &line["PricingCategory"]), (&json!("acme"), &json!("Standard")));
    }
    let refused = focus(&rows(), &params("tz=Europe/Berlin"), &|_| BTreeMap::new(), NOW).await;
    assert!(matches!(refused, Err(Unanswered::Parameter { .. })));
}

/// What FOCUS 1.2 says of the values of its columns: <https://focus.finops.org/focus-specification/v1-2/>.
#[tokio::test]
async fn values_of_a_focus_export_are_of_the_types_of_their_columns() {
    let is_decimal = |value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let digits = text.strip_prefix('-').unwrap_or(&text);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let is_time = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.len() == 20 && text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
    };
    for line in exported("").await.items {
        for (name, value) in line.as_object().expect("an object").iter().filter(|(_, value)| !value.is_null()) {
            let right = match name.as_str() {
                name if name.ends_with("Cost") || name.ends_with("Quantity") => is_decimal(value),
                name if name.ends_with("PeriodStart") || name.ends_with("PeriodEnd") => is_time(value),
                "BillingCurrency" => value.as_str().is_some_and(|code| code.len() == 3),
                "ChargeCategory" => value == "Usage",
                "ChargeFrequency" => value == "Usage-Based",
                "ServiceCategory" => ["AI and Machine Learning", "Integration"].map(Value::from).contains(value),
                "ServiceSubcategory" => ["Generative AI", "API Management"].map(Value::from).contains(value),
                "Tags" => {
                    value.as_str().is_some_and(|tags| serde_json::from_str::<BTreeMap<String, String>>(tags).is_ok())
                }
                name if name.starts_with("x_") => value.is_i64() || value.is_string(),
                _ => value.is_string(),
            };
            assert!(right, "{name}: {value}");
        }
    }
    let table = exported("").await;
    let (own, standard): (Vec<&str>, Vec<&str>) = table.columns.iter().partition(|name| name.starts_with("x_"));
    for columns in [&standard, &own] {
        assert!(columns.is_sorted_by_key(|name: &&str| name.to_lowercase()), "{columns:?}");
    }
    let is_pascal = |name: &&&str| name.starts_with(char::is_uppercase) && name.chars().all(char::is_alphanumeric);
    assert!(standard.iter().all(|name| is_pascal(&name)));
}

/// Whole days a page: no export is all in memory.
#[tokio::test]
async fn a_long_focus_export_comes_in_pages_of_whole_days() {
    let mut rows = Vec::new();
    for nth in 0..8_000_u64 {
        let mut row = sample::row(nth);
        row.intent.time = Timestamp::from_secs(1_794_700_800 + nth % 4 * 86_400);
        row.intent.subscription = Some(format!("team-{}", nth / 4).as_str().into());
        rows.push(row);
    }
    let source = Rows(rows);
    let (mut lines, mut asked, mut pages) = (Vec::new(), params("from=2026-11-01"), 0);
    loop {
        let page = focus(&source, &asked, &|_| BTreeMap::new(), NOW).await.expect("an export");
        lines.extend(page.items);
        pages += 1;
        match &page.next {
            Some(next) => asked.set("after", next),
            None => break,
        }
    }
    assert_eq!((lines.len(), pages), (8_000, 2), "three days, and the last");
    let days: Vec<_> = lines.iter().map(|line| line["ChargePeriodStart"].to_string()).collect();
    assert!(days.is_sorted());
    let page = focus(&source, &params("from=2026-11-01&after=2026-11-15"), &|_| BTreeMap::new(), NOW).await;
    assert_eq!(page.expect("an export").items.len(), 6_000);
    let refused = focus(&source, &params("after=soon"), &|_| BTreeMap::new(), NOW).await;
    assert!(matches!(refused, Err(Unanswered::Parameter { .. })));
}

#[tokio::test]
async fn a_focus_export_costs_what_the_report_says() {
    let nanos = |line: &Value| {
        let text = line["BilledCost"].as_str().expect("a decimal");
        let (whole, fraction) = text.split_once('.').expect("two parts");
        whole.parse::<i64>().expect("digits") * 1_000_000_000
            + format!("{fraction:0<9}").parse::<i64>().expect("digits")
    };
    let billed: i64 = exported("").await.items.iter().map(nanos).sum();
    assert_eq!(json!(billed), by("time", "bucket=month").await.expect("a report").items[0]["cost_nanos"]);
}

#[test]
fn currencies_are_never_added_up() {
    let mut row = ReportRow { totals: Totals::default(), ..super::line::nothing() };
    row.cost = [("EUR".into(), 1_000_000_000), ("USD".into(), 2_000_000_000)].into_iter().collect();
    let about = super::line::About { by: None, bucket: None, zone: jiff::tz::TimeZone::UTC };
    let line = about.line(&row);
    assert_eq!((&line["cost"], &line["currency"]), (&Value::Null, &Value::Null));
    assert_eq!(line["costs"], json!({"EUR": "1.00", "USD": "2.00"}));
}
