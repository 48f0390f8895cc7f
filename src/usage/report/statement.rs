//! A month's statement of one product or subscription: what was used, by model, by subscription, by day, and in all.

use serde_json::{Map, Value, json};

use super::{
    line::{self, About},
    params::{Params, Unanswered},
    reports::{all, query},
    span::Span,
    table::Table,
};
use crate::{
    model::Timestamp,
    store::{Bucket, Dimension, Reports},
};

/// Answers `statement` and `tollgate usage statement`. Parameters: `month` (this month unless said), `tz`, and either
/// `product` or `subscription`. Lines have a `section`: `total`, `model`, `subscription` (of a product), `day`; those
/// of a section add up to the total.
///
/// # Errors
/// A parameter that is wrong or unknown, neither or both of product and subscription, or a database that fails.
pub async fn statement(source: &dyn Reports, params: &Params, now: Timestamp) -> Result<Table, Unanswered> {
    params.only(&[&["month", "tz", "product", "subscription", "format"]])?;
    let span = Span::month(params.get("month").unwrap_or("this-month"), params.get("tz"), now)?;
    let mut sections = vec![("total", None, None), ("model", Some(Dimension::Model), None)];
    let subject = match (params.get("product"), params.get("subscription")) {
        (Some(id), None) => {
            sections.push(("subscription", Some(Dimension::Subscription), None));
            ("product", id)
        }
        (None, Some(id)) => ("subscription", id),
        _ => return Err(Unanswered::bad("product", "name a product or a subscription, and not both")),
    };
    sections.push(("day", None, Some(Bucket::Day)));
    let mut items = Vec::new();
    for (section, by, bucket) in sections {
        let about = About { by, bucket, zone: span.zone.clone() };
        let mut rows = all(source, query(&about, &span, params)).await?;
        if section == "total" && rows.is_empty() {
            rows.push(line::nothing());
        }
        items.extend(rows.iter().map(|row| entry(section, &about.line(row))));
    }
    Ok(Table { head: head(subject, &span, now), columns: columns(), shown: shown(), next: None, items })
}

fn head((kind, id): (&str, &str), span: &Span, now: Timestamp) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert(kind.to_owned(), json!(id));
    head.insert("month".into(), json!(line::local(span.from, &span.zone).strftime("%Y-%m").to_string()));
    head.insert("from".into(), json!(span.from.to_string()));
    head.insert("to".into(), json!(span.to.to_string()));
    // Requests that are still open when the month ends are settled into it a little later.
    head.insert("final".into(), json!(now > span.to));
    head
}

/// The line of a report with its section, and under `key` what it is about.
fn entry(section: &str, line: &Value) -> Value {
    let mut entry = line.clone();
    let key = match section {
        "total" => Value::Null,
        "day" => line["period"].clone(),
        _ => line[section].clone(),
    };
    if let Value::Object(fields) = &mut entry {
        fields.retain(|name, _| !matches!(name.as_str(), "period" | "start" | "model" | "subscription"));
        fields.insert("section".into(), json!(section));
        fields.insert("key".into(), key);
    }
    entry
}

const NO_SUBJECT: fn() -> About = || About { by: None, bucket: None, zone: jiff::tz::TimeZone::UTC };

/// The fields of a statement's lines, in the order of CSV.
#[must_use]
pub fn columns() -> Vec<&'static str> {
    ["section", "key"].into_iter().chain(NO_SUBJECT().columns()).collect()
}

/// The fields that a table shows.
#[must_use]
pub fn shown() -> Vec<&'static str> {
    ["section", "key"].into_iter().chain(NO_SUBJECT().shown()).collect()
}
