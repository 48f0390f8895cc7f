//! Forgiving what was used of a shared quota. Leases stay as they are: what they hold was granted under the old sums
//! and goes on counting.

use sqlx::{Connection, PgConnection, PgTransaction};

use super::super::{Text, audit::note, balances};
use crate::store::{
    AuditLine, LeaseReset, LeaseState, StoreError,
    ledger::{batch::MOST, corrections},
};

pub(super) async fn reset(connection: &mut PgConnection, order: LeaseReset) -> Result<(LeaseState, i64), StoreError> {
    let mut writing = connection.begin().await?;
    let balance = balances::lock(&mut writing, &order.of).await?;
    let debt = balances::debt_before(&mut writing, &order.of, order.limit).await?;
    let (spent, open, version) = held(&mut writing, balance.id, &order.replica).await?;
    let forgiven = balance.used().saturating_add(debt).max(0);
    let adjusted = balance.adjusted.saturating_sub(forgiven).clamp(-MOST, MOST);
    sqlx::query("UPDATE balances SET adjusted = $2 WHERE id = $1")
        .bind(balance.id)
        .bind(adjusted)
        .execute(&mut *writing)
        .await?;
    note(&mut writing, line(&order, balance.adjusted, adjusted)).await?;
    writing.commit().await?;
    let used = balance.charged.saturating_add(adjusted);
    let left = order.limit.saturating_sub(debt).saturating_sub(used).saturating_sub(balance.leased);
    let beside = used.saturating_add(debt).saturating_sub(spent);
    Ok((LeaseState { spent, open, elsewhere: balance.leased - open, left, beside, version }, forgiven))
}

/// What a gateway has shipped and holds; nothing of either when it never asked. A return that is still under way is
/// too late from here on.
async fn held(writing: &mut PgTransaction<'_>, balance: i64, replica: &str) -> Result<(i64, i64, i64), StoreError> {
    let held: Option<(i64, i64, i64)> = sqlx::query_as(
        "UPDATE leases SET version = version + 1 WHERE balance = $1 AND replica = $2 RETURNING spent, open, version",
    )
    .bind(balance)
    .bind(Text::from(replica))
    .fetch_optional(&mut **writing)
    .await?;
    Ok(held.unwrap_or_default())
}

fn line(order: &LeaseReset, before: i64, after: i64) -> AuditLine {
    AuditLine {
        number: 0,
        time: order.now,
        actor: order.actor.clone(),
        action: corrections::ACTION.to_owned(),
        object: order.of.account.to_string(),
        before: Some(corrections::before(before)),
        after: Some(corrections::after(after, order.of.measure, order.of.window)),
        reason: Some(order.reason.clone()),
    }
}
