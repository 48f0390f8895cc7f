//! Asking for single requests: the request log.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    params::{FILTERS, PAGED, Params, SPAN, Unanswered},
    row,
    table::Table,
};
use crate::{
    model::Timestamp,
    store::{Reports, RowCursor, RowQuery, Sum},
};

/// What a table for people shows of a row.
const SHOWN: &[&str] = &[
    "time",
    "subscription",
    "api",
    "model",
    "backend",
    "status",
    "outcome",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost",
    "ttft_ms",
    "duration_ms",
    "request_id",
];

/// Answers `requests`, `reports/by-request` and `tollgate usage rows`. Parameters: `from`, `to`, `tz`, the filters,
/// `outcome`, `status`, `end_user`, `client_request_id`, `order` (newest, which it is unless said, or oldest),
/// `limit`, `after`.
///
/// # Errors
/// A parameter that is wrong or unknown, or a database that fails.
pub async fn requests(source: &dyn Reports, params: &Params, now: Timestamp) -> Result<Table, Unanswered> {
    let own = ["outcome", "status", "end_user", "client_request_id", "order"];
    params.only(&[SPAN, FILTERS, PAGED, &own])?;
    let (span, limit) = (params.span(now)?, params.limit()?);
    let query = RowQuery {
        from: span.from,
        to: span.to,
        filters: params.filters(),
        outcome: outcome(params)?,
        status: params.status()?,
        end_user: params.get("end_user").map(Into::into),
        client_request_id: params.get("client_request_id").map(Into::into),
        newest_first: newest_first(params)?,
        limit: u32::try_from(limit + 1).unwrap_or(u32::MAX),
        after: params.get("after").map(cursor).transpose()?,
    };
    let mut rows = source.rows(query).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more).map(RowCursor::of);
    Ok(Table {
        head: Map::new(),
        columns: row::COLUMNS.to_vec(),
        shown: SHOWN.to_vec(),
        items: rows.iter().map(row::flat).collect(),
        next: last.map(|last| format!("{}.{}", last.time.as_nanos(), last.id.simple())),
    })
}

/// The columns of [`requests`]: all of them, and those that a table shows.
#[must_use]
pub const fn columns() -> (&'static [&'static str], &'static [&'static str]) {
    (row::COLUMNS, SHOWN)
}

/// One request with its tries and charges; `None` when its row is not there (yet, any more, or never was).
///
/// # Errors
/// A text that is no request id, or a database that fails.
pub async fn request(source: &dyn Reports, id: &str) -> Result<Option<Value>, Unanswered> {
    let parsed = Uuid::try_parse(id);
    let id = parsed.map_err(|_| Unanswered::bad("id", format!("`{id}` is not a request id: those are UUIDs")))?;
    Ok(source.row(id).await?.as_ref().map(row::whole))
}

fn outcome(params: &Params) -> Result<Option<Arc<str>>, Unanswered> {
    let Some(word) = params.get("outcome") else { return Ok(None) };
    let words = Sum::OUTCOMES.map(Sum::as_str);
    if words.contains(&word) {
        return Ok(Some(word.into()));
    }
    Err(Unanswered::bad("outcome", format!("`{word}` is not {}", words.join(", "))))
}

fn newest_first(params: &Params) -> Result<bool, Unanswered> {
    match params.get("order") {
        None | Some("newest") => Ok(true),
        Some("oldest") => Ok(false),
        Some(other) => Err(Unanswered::bad("order", format!("`{other}` is not newest or oldest"))),
    }
}

fn cursor(text: &str) -> Result<RowCursor, Unanswered> {
    let parsed = text.split_once('.').and_then(|(time, id)| {
        Some(RowCursor { time: Timestamp::from_nanos(time.parse().ok()?), id: Uuid::try_parse(id).ok()? })
    });
    parsed.ok_or_else(|| Unanswered::bad("after", "is not the `next` of the page before"))
}
