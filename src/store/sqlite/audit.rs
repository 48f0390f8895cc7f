//! The audit log.

use sqlx::{QueryBuilder, SqliteConnection};

use super::{Sqlite, nanos, time};
use crate::store::{Answer, Audit, AuditLine, AuditQuery, StoreError, sums::clamped};

impl Audit for Sqlite {
    fn note(&self, line: AuditLine) -> Answer<'_, u64> {
        Box::pin(async move {
            let (mut writing, _turn) = self.writing().await?;
            let number = note(&mut writing, line).await?;
            writing.commit().await?;
            Ok(number)
        })
    }

    fn audit(&self, query: AuditQuery) -> Answer<'_, Vec<AuditLine>> {
        Box::pin(self.read_audit(query))
    }
}

/// Adds a line in the transaction of what it tells of.
pub(super) async fn note(connection: &mut SqliteConnection, line: AuditLine) -> Result<u64, StoreError> {
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO audit (time, actor, action, object, was, became, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING number",
    )
    .bind(nanos(line.time))
    .bind(line.actor)
    .bind(line.action)
    .bind(line.object)
    .bind(line.before)
    .bind(line.after)
    .bind(line.reason)
    .fetch_one(connection)
    .await?;
    Ok(number.unsigned_abs())
}

type RawLine = (i64, i64, String, String, String, Option<String>, Option<String>, Option<String>);

impl Sqlite {
    async fn read_audit(&self, query: AuditQuery) -> Result<Vec<AuditLine>, StoreError> {
        let mut sql = QueryBuilder::new(
            "SELECT number, time, actor, action, object, was, became, reason FROM audit WHERE time >= ",
        );
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
                sql.push(format!(" AND {column} = ")).push_bind(wanted);
            }
        }
        sql.push(" ORDER BY number DESC LIMIT ").push_bind(query.limit);
        let found: Vec<RawLine> = sql.build_query_as().fetch_all(&self.read).await?;
        Ok(found.into_iter().map(line).collect())
    }
}

fn line((number, at, actor, action, object, before, after, reason): RawLine) -> AuditLine {
    AuditLine { number: number.unsigned_abs(), time: time(at), actor, action, object, before, after, reason }
}
