//! Asking for a report: by what, over which time, in which steps, of which usage.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, json};

use super::{
    line::{self, About},
    params::{FILTERS, PAGED, Params, SPAN, Unanswered},
    span::Span,
    table::Table,
};
use crate::{
    model::Timestamp,
    store::{Bucket, Dimension, ReportKey, ReportQuery, Reports},
};

/// What a report is by: a dimension, or steps of time alone.
pub const BY: [&str; 10] =
    ["subscription", "product", "user", "api", "operation", "workspace", "model", "upstream-model", "backend", "time"];

/// Answers `reports/by-{by}` and `tollgate usage --by`. Parameters: `from`, `to`, `tz`, `bucket` (hour, day, month),
/// the filters, `limit`, `after`, and `total` for one more line that sums up everything that was asked for.
///
/// # Errors
/// An unknown `by`, a parameter that is wrong or unknown, or a database that fails.
pub async fn report(source: &dyn Reports, by: &str, params: &Params, now: Timestamp) -> Result<Table, Unanswered> {
    params.only(&[SPAN, FILTERS, PAGED, &["bucket", "total"]])?;
    let span = params.span(now)?;
    let about = About { by: dimension(by)?, bucket: bucket(by, params)?, zone: span.zone.clone() };
    let mut query = query(&about, &span, params);
    query.limit = params.limit()?;
    query.after = params.get("after").map(key).transpose()?;
    let whole = ReportQuery { by: None, bucket: None, after: None, limit: 1, ..query.clone() };
    let found = source.report(query).await?;
    let last = found.rows.last().filter(|_| found.more);
    let mut head = Map::new();
    head.insert("from".into(), json!(found.from.to_string()));
    head.insert("to".into(), json!(found.to.to_string()));
    head.insert("by".into(), json!(by));
    if params.flag("total")? {
        let total = source.report(whole).await?.rows.into_iter().next().unwrap_or_else(line::nothing);
        let none = About { by: None, bucket: None, zone: about.zone.clone() };
        head.insert("total".into(), none.line(&total));
    }
    Ok(Table {
        head,
        columns: about.columns(),
        shown: about.shown(),
        next: last.map(|row| cursor(&row.key)),
        items: found.rows.iter().map(|row| about.line(row)).collect(),
    })
}

/// Everything of one kind, whatever the number of lines.
pub(super) async fn all(
    source: &dyn Reports,
    mut query: ReportQuery,
) -> Result<Vec<crate::store::ReportRow>, Unanswered> {
    let mut rows = Vec::new();
    query.limit = 1_000;
    loop {
        let page = source.report(query.clone()).await?;
        let more = page.more;
        rows.extend(page.rows);
        match rows.last() {
            Some(last) if more => query.after = Some(last.key.clone()),
            _ => return Ok(rows),
        }
    }
}

/// The query without page.
pub(super) fn query(about: &About, span: &Span, params: &Params) -> ReportQuery {
    ReportQuery {
        by: about.by,
        also: Vec::new(),
        bucket: about.bucket,
        from: span.from,
        to: span.to,
        zone: span.zone.clone(),
        filters: params.filters(),
        limit: 1,
        after: None,
    }
}

/// The columns that a report's lines have and those that a table shows, without asking for it.
///
/// # Errors
/// An unknown `by` or bucket.
pub fn about(by: &str, params: &Params) -> Result<About, Unanswered> {
    Ok(About { by: dimension(by)?, bucket: bucket(by, params)?, zone: jiff::tz::TimeZone::UTC })
}

fn dimension(by: &str) -> Result<Option<Dimension>, Unanswered> {
    if by == "time" {
        return Ok(None);
    }
    let word = by.replace('-', "_");
    let known = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == word);
    let refused = || Unanswered::bad("by", format!("`{by}` is not {}", BY.join(", ")));
    known.map(Some).ok_or_else(refused)
}

/// Reports by time have days unless said otherwise; others have no steps.
fn bucket(by: &str, params: &Params) -> Result<Option<Bucket>, Unanswered> {
    match params.get("bucket") {
        None => Ok((by == "time").then_some(Bucket::Day)),
        Some("hour") => Ok(Some(Bucket::Hour)),
        Some("day") => Ok(Some(Bucket::Day)),
        Some("month") => Ok(Some(Bucket::Month)),
        Some(other) => Err(Unanswered::bad("bucket", format!("`{other}` is not hour, day or month"))),
    }
}

fn cursor(key: &ReportKey) -> String {
    let parts = json!([key.start.map(Timestamp::as_nanos), key.api.as_deref(), key.value.as_deref()]);
    URL_SAFE_NO_PAD.encode(parts.to_string())
}

fn key(cursor: &str) -> Result<ReportKey, Unanswered> {
    let refused = || Unanswered::bad("after", "is not the `next` of the page before");
    let text = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let (start, api, value): (Option<u64>, Option<String>, Option<String>) =
        serde_json::from_slice(&text).map_err(|_| refused())?;
    Ok(ReportKey {
        start: start.map(Timestamp::from_nanos),
        api: api.map(Into::into),
        value: value.map(Into::into),
        also: Vec::new(),
    })
}
