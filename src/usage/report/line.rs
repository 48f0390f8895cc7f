//! A line of a report as one flat object: calls by outcome, tokens by bucket, money, latency, shares.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Zoned, tz::TimeZone};
use serde_json::{Map, Value, json};

use crate::{
    model::{Histogram, Timestamp, money::decimal},
    store::{Bucket, Dimension, ReportRow, Sum, Totals},
};

/// Sums that are not shown as they are: money goes with its currency, times as means.
const HIDDEN: [Sum; 4] = [Sum::Cost, Sum::SavedCost, Sum::Duration, Sum::Ttft];

/// Figures made of sums, in the order of CSV.
const DERIVED: &[&str] = &[
    "total_tokens",
    "cost",
    "cost_nanos",
    "currency",
    "saved_cost",
    "saved_nanos",
    "error_share",
    "estimated_share",
    "duration_ms_mean",
    "duration_ms_p50",
    "duration_ms_p95",
    "duration_ms_p99",
    "ttft_ms_mean",
    "ttft_ms_p50",
    "ttft_ms_p95",
    "ttft_ms_p99",
];

/// What a table shows of a line, after what the line is about.
const SHOWN: &[&str] = &[
    "calls",
    "failed_calls",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "total_tokens",
    "cost",
    "currency",
    "unpriced_calls",
    "duration_ms_p50",
    "duration_ms_p95",
    "ttft_ms_p50",
];

/// What the lines of a report are about.
#[derive(Clone, Debug)]
pub struct About {
    /// One line per value of this.
    pub by: Option<Dimension>,
    /// One line per step of time.
    pub bucket: Option<Bucket>,
    /// Where days and months begin.
    pub zone: TimeZone,
}

impl About {
    /// The fields that say what a line is about.
    fn names(&self) -> Vec<&'static str> {
        let time: &[_] = if self.bucket.is_some() { &["period", "start"] } else { &[] };
        let api = (self.by == Some(Dimension::Operation)).then_some("api");
        time.iter().copied().chain(api).chain(self.by.map(Dimension::as_str)).collect()
    }

    /// All fields, in the order of CSV.
    #[must_use]
    pub fn columns(&self) -> Vec<&'static str> {
        self.names().into_iter().chain(counted().map(Sum::as_str)).chain(DERIVED.iter().copied()).collect()
    }

    /// The fields that a table shows.
    #[must_use]
    pub fn shown(&self) -> Vec<&'static str> {
        let names = self.names().into_iter().filter(|name| *name != "start");
        names.chain(SHOWN.iter().copied()).collect()
    }

    /// The line.
    #[must_use]
    pub fn line(&self, row: &ReportRow) -> Value {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        if let (Some(bucket), Some(start)) = (self.bucket, row.key.start) {
            set("period", json!(label(start, bucket, &self.zone)));
            set("start", json!(start.to_string()));
        }
        if self.by == Some(Dimension::Operation) {
            set("api", value_of(row.key.api.as_ref()));
        }
        if let Some(by) = self.by {
            set(by.as_str(), value_of(row.key.value.as_ref()));
        }
        let totals = &row.totals;
        for sum in counted() {
            set(sum.as_str(), json!(totals.get(sum)));
        }
        set("total_tokens", json!(totals.tokens()));
        set("error_share", share(totals.get(Sum::Failed), totals.get(Sum::Calls)));
        set("estimated_share", share(totals.get(Sum::Estimated), totals.get(Sum::Calls)));
        money(&mut set, row);
        latency(&mut set, "duration", totals.get(Sum::Duration), &totals.durations);
        latency(&mut set, "ttft", totals.get(Sum::Ttft), &totals.ttfts);
        Value::Object(fields)
    }
}

fn counted() -> impl Iterator<Item = Sum> {
    Sum::ALL.into_iter().filter(|sum| !HIDDEN.contains(sum))
}

/// Usage without a value is `null`.
fn value_of(value: Option<&Arc<str>>) -> Value {
    json!(value.map(|value| &**value).filter(|value| !value.is_empty()))
}

/// Amounts of one currency are flat fields. Currencies are never added up: where there are several, the flat fields
/// are `null`, and `costs` and `saved_costs` have each.
fn money(set: &mut impl FnMut(&str, Value), row: &ReportRow) {
    let currencies: Vec<&str> = row.cost.keys().chain(row.saved.keys()).map(|currency| &**currency).collect();
    let first = currencies.first().copied();
    let one = currencies.iter().all(|currency| Some(*currency) == first);
    let amount = |amounts: &BTreeMap<Arc<str>, i64>| one.then(|| amounts.values().copied().next().unwrap_or(0));
    let (cost, saved) = (amount(&row.cost), amount(&row.saved));
    set("cost", json!(cost.map(decimal)));
    set("cost_nanos", json!(cost));
    set("saved_cost", json!(saved.map(decimal)));
    set("saved_nanos", json!(saved));
    set("currency", json!(first.filter(|_| one)));
    if !one {
        set("costs", by_currency(&row.cost));
        set("saved_costs", by_currency(&row.saved));
    }
}

fn by_currency(amounts: &BTreeMap<Arc<str>, i64>) -> Value {
    amounts.iter().map(|(currency, nanos)| (currency.to_string(), json!(decimal(*nanos)))).collect()
}

fn latency(set: &mut impl FnMut(&str, Value), name: &str, sum: i64, spread: &Histogram) {
    let count = i64::try_from(spread.count()).unwrap_or(i64::MAX);
    let mean = (count > 0).then(|| u64::try_from(sum / count).unwrap_or(0));
    set(&format!("{name}_ms_mean"), millis(mean));
    for (percent, quantile) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
        set(&format!("{name}_ms_{percent}"), millis(spread.quantile(quantile)));
    }
}

/// Milliseconds with three places.
fn millis(nanos: Option<u64>) -> Value {
    nanos.map_or(Value::Null, |nanos| places(nanos / 1_000, 3))
}

/// A part of a whole with four places; `null` of nothing.
fn share(part: i64, whole: i64) -> Value {
    if whole <= 0 {
        return Value::Null;
    }
    let ten_thousandths = i128::from(part.max(0)) * 10_000 / i128::from(whole);
    places(u64::try_from(ten_thousandths).unwrap_or(u64::MAX), 4)
}

/// `number` / 10^`places` as a JSON number.
fn places(number: u64, places: usize) -> Value {
    let digits = format!("{number:0width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{whole}.{fraction}").parse::<f64>().map_or(Value::Null, Value::from)
}

/// The step of time as people name it in its zone.
fn label(start: Timestamp, bucket: Bucket, zone: &TimeZone) -> String {
    let local = local(start, zone);
    match bucket {
        Bucket::Hour => local.strftime("%Y-%m-%dT%H:%M%:z").to_string(),
        Bucket::Day => local.strftime("%Y-%m-%d").to_string(),
        Bucket::Month => local.strftime("%Y-%m").to_string(),
    }
}

pub(super) fn local(at: Timestamp, zone: &TimeZone) -> Zoned {
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos())).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(zone.clone())
}

/// The sums of no usage at all.
#[must_use]
pub fn nothing() -> ReportRow {
    ReportRow {
        key: crate::store::ReportKey::default(),
        totals: Totals::default(),
        cost: BTreeMap::new(),
        saved: BTreeMap::new(),
    }
}
