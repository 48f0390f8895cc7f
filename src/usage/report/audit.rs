//! Asking for the audit log.

use serde_json::{Map, Value, json};

use super::{
    params::{PAGED, Params, SPAN, Unanswered},
    span::Span,
    table::Table,
};
use crate::{
    model::Timestamp,
    store::{Audit, AuditLine, AuditQuery},
};

/// The fields of a line, in the order of CSV.
const COLUMNS: &[&str] = &["number", "time", "actor", "action", "object", "before", "after", "reason"];

/// Answers `audit`, newest first. Parameters: `from` (the beginning unless said), `to`, `tz`, `actor`, `action`,
/// `object`, `limit`, `after`.
///
/// # Errors
/// A parameter that is wrong or unknown, or a database that fails.
pub async fn audit(source: &dyn Audit, params: &Params, now: Timestamp) -> Result<Table, Unanswered> {
    params.only(&[SPAN, PAGED, &["actor", "action", "object"]])?;
    let from = params.get("from").unwrap_or("1970-01-01");
    let span = Span::read(Some(from), params.get("to"), params.get("tz"), now)?;
    let limit = params.limit()?;
    let text = |name| params.get(name).map(str::to_owned);
    let query = AuditQuery {
        from: span.from,
        // What is written in this very moment belongs to "until now".
        to: params.get("to").map(|_| span.to),
        actor: text("actor"),
        action: text("action"),
        object: text("object"),
        limit: u32::try_from(limit + 1).unwrap_or(u32::MAX),
        after: params.get("after").map(number).transpose()?,
        beyond: None,
    };
    let mut lines = source.audit(query).await?;
    let more = lines.len() > limit;
    lines.truncate(limit);
    Ok(Table {
        head: Map::new(),
        columns: COLUMNS.to_vec(),
        shown: COLUMNS.to_vec(),
        next: lines.last().filter(|_| more).map(|line| line.number.to_string()),
        items: lines.iter().map(shown).collect(),
    })
}

fn number(text: &str) -> Result<u64, Unanswered> {
    text.parse().map_err(|_| Unanswered::bad("after", "is not the `next` of the page before"))
}

fn shown(line: &AuditLine) -> Value {
    json!({
        "number": line.number,
        "time": line.time.to_string(),
        "actor": line.actor,
        "action": line.action,
        "object": line.object,
        "before": line.before.as_deref().map(state),
        "after": line.after.as_deref().map(state),
        "reason": line.reason,
    })
}

/// What was written as JSON is shown as JSON.
fn state(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// The columns of [`audit`].
#[must_use]
pub const fn audit_columns() -> &'static [&'static str] {
    COLUMNS
}
