//! The audit log.

use sqlx::{PgConnection, QueryBuilder};

use super::{Postgres, Text};
use crate::store::{
    Answer, Audit, AuditLine, AuditQuery, StoreError,
    decode::{nanos, time},
    sums::clamped,
};

impl Audit for Postgres {
    fn note(&self, line: AuditLine) -> Answer<'_, u64> {
        Box::pin(self.with(|connection| Box::pin(note(connection, line))))
    }

    fn audit(&self, query: AuditQuery) -> Answer<'_, Vec<AuditLine>> {
        Box::pin(self.with(|connection| Box::pin(read_audit(connection, query))))
    }
}

fn optional(text: Option<String>) -> Option<Text> {
    text.map(|text| Text::from(text.as_str()))
}

/// Adds a line in the transaction of what it tells of.
pub(super) async fn note(connection: &mut PgConnection, line: AuditLine) -> Result<u64, StoreError> {
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO audit (time, actor, action, object, was, became, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING number",
    )
    .bind(nanos(line.time))
    .bind(Text::from(line.actor.as_str()))
    .bind(Text::from(line.action.as_str()))
    .bind(Text::from(line.object.as_str()))
    .bind(optional(line.before))
    .bind(optional(line.after))
    .bind(optional(line.reason))
    .fetch_one(connection)
    .await?;
    Ok(number.unsigned_abs())
}

type RawLine = (i64, i64, Text, Text, Text, Option<Text>, Option<Text>, Option<Text>);

async fn read_audit(connection: &mut PgConnection, query: AuditQuery) -> Result<Vec<AuditLine>, StoreError> {
    let mut sql =
        QueryBuilder::new("SELECT number, time, actor, action, object, was, became, reason FROM audit WHERE time >= ");
    sql.push_bind(nanos(query.from));
    if let Some(to) = query.to {
        sql.push(" AND time < ").push_bind(nanos(to));
    }
    if let Some(after) = query.after {
        sql.push(" AND number < ").push_bind(clamped(after));
    }
    if let Some(beyond) = query.beyond {
        sql.push(" AND number > ").push_bind(clamped(beyond));
    }
    for (column, wanted) in [("actor", query.actor), ("action", query.action), ("object", query.object)] {
        if let Some(wanted) = wanted {
            sql.push(format!(" AND {column} = ")).push_bind(Text::from(wanted.as_str()));
        }
    }
    sql.push(" ORDER BY number DESC LIMIT ").push_bind(i64::from(query.limit));
    let found: Vec<RawLine> = sql.build_query_as().fetch_all(connection).await?;
    Ok(found.into_iter().map(line).collect())
}

fn line((number, at, actor, action, object, before, after, reason): RawLine) -> AuditLine {
    AuditLine {
        number: number.unsigned_abs(),
        time: time(at),
        actor: actor.into(),
        action: action.into(),
        object: object.into(),
        before: before.map(Into::into),
        after: after.map(Into::into),
        reason: reason.map(Into::into),
    }
}
