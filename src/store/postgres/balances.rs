//! Rows of balances: finding and locking them, and what shipped usage does to them.

use aws_lc_rs::digest::{SHA256, digest};
use sqlx::PgTransaction;

use super::Text;
use crate::store::{LeasedWindow, StoreError, decode::nanos, ledger::booked::measure_word};

/// A balance whose row is locked.
pub struct Locked {
    pub id: i64,
    pub charged: i64,
    pub adjusted: i64,
    pub leased: i64,
}

impl Locked {
    /// What counts as used, open leases left out.
    pub fn used(&self) -> i64 {
        self.charged.saturating_add(self.adjusted)
    }

    /// What can still be given under this limit; negative when too much has been.
    pub fn left(&self, limit: i64) -> i64 {
        limit.saturating_sub(self.charged).saturating_sub(self.adjusted).saturating_sub(self.leased)
    }
}

/// What shipped rows add to a balance.
#[derive(Clone, Debug)]
pub struct Gain {
    /// Which.
    pub of: LeasedWindow,
    /// How much.
    pub amount: i64,
}

/// The account's key in indexes: its text may be too long for an entry.
pub fn key(account: &str) -> Vec<u8> {
    digest(&SHA256, account.as_bytes()).as_ref().to_vec()
}

/// Locks a balance's row until the end of the transaction, making it when it is missing.
pub async fn lock(writing: &mut PgTransaction<'_>, of: &LeasedWindow) -> Result<Locked, StoreError> {
    for _ in 0..2 {
        let row: Option<(i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT id, charged, adjusted, leased FROM balances
             WHERE digest = $1 AND measure = $2 AND window_start = $3 FOR UPDATE",
        )
        .bind(key(&of.account))
        .bind(measure_word(of.measure))
        .bind(nanos(of.window))
        .fetch_optional(&mut **writing)
        .await?;
        if let Some((id, charged, adjusted, leased)) = row {
            return Ok(Locked { id, charged, adjusted, leased });
        }
        add(writing, &[Gain { of: of.clone(), amount: 0 }]).await?;
    }
    Err(StoreError::Moved)
}

/// By how much the window before went beyond the limit: taken from this one.
pub async fn debt_before(writing: &mut PgTransaction<'_>, of: &LeasedWindow, limit: i64) -> Result<i64, StoreError> {
    let before: Option<i64> = sqlx::query_scalar(
        "SELECT charged + adjusted FROM balances WHERE digest = $1 AND measure = $2 AND window_end = $3",
    )
    .bind(key(&of.account))
    .bind(measure_word(of.measure))
    .bind(nanos(of.window))
    .fetch_optional(&mut **writing)
    .await?;
    Ok(before.map_or(0, |used| used.saturating_sub(limit).max(0)))
}

/// Adds to balances, in the order of their keys (so that two gateways never wait for each other in a circle), and
/// gives their ids in the order of `gains`, which name each balance once.
pub async fn add(writing: &mut PgTransaction<'_>, gains: &[Gain]) -> Result<Vec<i64>, StoreError> {
    let column = |value: fn(&Gain) -> i64| gains.iter().map(value).collect::<Vec<i64>>();
    let ids: Vec<i64> = sqlx::query_scalar(
        "WITH gain AS (
             SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
                 WITH ORDINALITY AS gain (digest, account, measure, window_start, window_end, amount, nth)
         ), added AS (
             INSERT INTO balances (digest, account, measure, window_start, window_end, charged, adjusted, leased)
             SELECT digest, account, measure, window_start, window_end, amount, 0, 0 FROM gain
                 ORDER BY digest, measure, window_start
             ON CONFLICT (digest, measure, window_start) DO UPDATE SET charged = greatest(-9000000000000000000, least(
                 9000000000000000000, balances.charged::numeric + excluded.charged))::bigint
             RETURNING id, digest, measure, window_start
         )
         SELECT id FROM gain JOIN added USING (digest, measure, window_start) ORDER BY nth",
    )
    .bind(gains.iter().map(|gain| key(&gain.of.account)).collect::<Vec<_>>())
    .bind(gains.iter().map(|gain| Text::from(&*gain.of.account)).collect::<Vec<_>>())
    .bind(gains.iter().map(|gain| measure_word(gain.of.measure)).collect::<Vec<_>>())
    .bind(column(|gain| nanos(gain.of.window)))
    .bind(column(|gain| nanos(gain.of.until)))
    .bind(column(|gain| gain.amount))
    .fetch_all(&mut **writing)
    .await?;
    Ok(ids)
}

/// Charges balances with what a gateway has shipped, and takes that off what it holds open. Gives the balances' ids in
/// the order of `gains`.
pub async fn charge(writing: &mut PgTransaction<'_>, replica: &str, gains: &[Gain]) -> Result<Vec<i64>, StoreError> {
    let ids = add(writing, gains).await?;
    // The rows of the balances are locked by now, so that nobody else changes their leases.
    sqlx::query(
        "WITH gain AS (
             SELECT * FROM unnest($2::bigint[], $3::bigint[]) AS gain (balance, amount)
         ), before AS (
             SELECT balance, open FROM leases JOIN gain USING (balance) WHERE replica = $1
         ), after AS (
             INSERT INTO leases (balance, replica, spent, open, version)
             SELECT balance, $1, amount, 0, 1 FROM gain ORDER BY balance
             ON CONFLICT (balance, replica) DO UPDATE SET spent = leases.spent + excluded.spent,
                 open = leases.open - least(leases.open, greatest(excluded.spent, 0))
             RETURNING balance, open
         )
         UPDATE balances SET leased = leased - (before.open - after.open)
         FROM before JOIN after USING (balance)
         WHERE balances.id = before.balance AND before.open <> after.open",
    )
    .bind(Text::from(replica))
    .bind(&ids)
    .bind(gains.iter().map(|gain| gain.amount).collect::<Vec<_>>())
    .execute(&mut **writing)
    .await?;
    Ok(ids)
}
