//! The quota authority: rows of balances, locked one at a time, always before the leases that belong to them.

mod reset;

use std::{sync::Arc, time::Duration};

use sqlx::{Connection, PgConnection, PgTransaction};

use super::{Postgres, Text, balances};
use crate::{
    model::Timestamp,
    store::{
        Answer, LeaseAsk, LeaseReset, LeaseState, LeasedWindow, Leases, ReplicaState, StoreError,
        decode::{nanos, time},
        leases::{SILENCE, SKEW, share},
        ledger::booked::measure,
    },
};

impl Leases for Postgres {
    fn heartbeat(&self, replica: Arc<str>) -> Answer<'_, u32> {
        Box::pin(self.with(|connection| Box::pin(heartbeat(connection, replica))))
    }

    fn grant(&self, ask: LeaseAsk) -> Answer<'_, Option<LeaseState>> {
        Box::pin(self.with(|connection| Box::pin(grant(connection, ask))))
    }

    fn give_back(
        &self,
        replica: Arc<str>,
        of: LeasedWindow,
        version: i64,
        amount: i64,
    ) -> Answer<'_, Option<LeaseState>> {
        Box::pin(self.with(move |connection| Box::pin(give_back(connection, replica, of, version, amount))))
    }

    fn leases_of(&self, replica: Arc<str>, now: Timestamp) -> Answer<'_, Vec<(LeasedWindow, LeaseState)>> {
        Box::pin(self.with(move |connection| Box::pin(leases_of(connection, replica, now))))
    }

    fn reset(&self, order: LeaseReset) -> Answer<'_, (LeaseState, i64)> {
        Box::pin(self.with(|connection| Box::pin(reset::reset(connection, order))))
    }

    fn replicas(&self) -> Answer<'_, Vec<ReplicaState>> {
        Box::pin(self.with(|connection| {
            Box::pin(async {
                let rows: Vec<(Text, f64, i64)> = sqlx::query_as(
                    "SELECT id, extract(epoch FROM clock_timestamp() - seen)::float8,
                         (SELECT count(*) FROM leases WHERE replica = replicas.id AND open > 0)
                     FROM replicas ORDER BY id",
                )
                .fetch_all(connection)
                .await?;
                let state = |(id, silent, leases): (Text, f64, i64)| ReplicaState {
                    id: String::from(id).into(),
                    silent: Duration::try_from_secs_f64(silent).unwrap_or_default(),
                    leases: leases.unsigned_abs(),
                };
                Ok(rows.into_iter().map(state).collect())
            })
        }))
    }

    fn write_off(&self, replica: Arc<str>) -> Answer<'_, bool> {
        Box::pin(self.with(|connection| Box::pin(write_off(connection, replica))))
    }
}

async fn heartbeat(connection: &mut PgConnection, replica: Arc<str>) -> Result<u32, StoreError> {
    sqlx::query(
        "INSERT INTO replicas (id, seen) VALUES ($1, clock_timestamp())
         ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
    )
    .bind(Text::from(&*replica))
    .execute(&mut *connection)
    .await?;
    Ok(now(connection).await?.1)
}

/// The database's time in nanoseconds, and how many gateways live.
async fn now(connection: &mut PgConnection) -> Result<(i64, u32), StoreError> {
    let (now, replicas): (i64, i64) = sqlx::query_as(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint,
             (SELECT count(*) FROM replicas WHERE seen > clock_timestamp() - make_interval(secs => $1))",
    )
    .bind(SILENCE.as_secs_f64())
    .fetch_one(connection)
    .await?;
    Ok((now, u32::try_from(replicas).unwrap_or(u32::MAX)))
}

async fn grant(connection: &mut PgConnection, ask: LeaseAsk) -> Result<Option<LeaseState>, StoreError> {
    let (now, replicas) = now(connection).await?;
    if !is_current(&ask.of, now) {
        return Ok(None);
    }
    let mut writing = connection.begin().await?;
    let balance = balances::lock(&mut writing, &ask.of).await?;
    let debt = balances::debt_before(&mut writing, &ask.of, ask.limit).await?;
    let limit = ask.limit.saturating_sub(debt);
    let given = share(balance.left(limit), ask.want, replicas);
    let (spent, open, version): (i64, i64, i64) = sqlx::query_as(
        "INSERT INTO leases (balance, replica, spent, open, version) VALUES ($1, $2, 0, $3, 1)
         ON CONFLICT (balance, replica) DO UPDATE
             SET open = leases.open + excluded.open, version = leases.version + 1
         RETURNING spent, open, version",
    )
    .bind(balance.id)
    .bind(Text::from(&*ask.replica))
    .bind(given)
    .fetch_one(&mut *writing)
    .await?;
    // The row is locked since it was read: the condition says once more what a grant is.
    let granted = sqlx::query(
        "UPDATE balances SET leased = leased + $2 WHERE id = $1 AND ($2 = 0 OR charged + adjusted + leased + $2 <= $3)",
    )
    .bind(balance.id)
    .bind(given)
    .bind(limit)
    .execute(&mut *writing)
    .await?;
    if granted.rows_affected() != 1 {
        return Err(StoreError::Moved);
    }
    writing.commit().await?;
    let elsewhere = balance.leased + given - open;
    let beside = balance.used().saturating_add(debt).saturating_sub(spent);
    Ok(Some(LeaseState { spent, open, elsewhere, left: balance.left(limit) - given, beside, version }))
}

/// A window that has begun and is not over; a gateway whose clock is a little off may ask too.
fn is_current(of: &LeasedWindow, now: i64) -> bool {
    let skew = i64::try_from(SKEW.as_nanos()).unwrap_or(0);
    nanos(of.window) - skew <= now && now < nanos(of.until) + skew
}

async fn give_back(
    connection: &mut PgConnection,
    replica: Arc<str>,
    of: LeasedWindow,
    version: i64,
    amount: i64,
) -> Result<Option<LeaseState>, StoreError> {
    let mut writing = connection.begin().await?;
    let balance = balances::lock(&mut writing, &of).await?;
    let returned: Option<(i64, i64, i64)> = sqlx::query_as(
        "UPDATE leases SET open = open - $4, version = version + 1
         WHERE balance = $1 AND replica = $2 AND version = $3 AND open >= $4 AND $4 >= 0
         RETURNING spent, open, version",
    )
    .bind(balance.id)
    .bind(Text::from(&*replica))
    .bind(version)
    .bind(amount)
    .fetch_optional(&mut *writing)
    .await?;
    let Some((spent, open, version)) = returned else { return Ok(None) };
    take_off(&mut writing, balance.id, amount).await?;
    writing.commit().await?;
    let elsewhere = balance.leased - amount - open;
    let beside = balance.used().saturating_sub(spent);
    // What is left, and the debt, depend on the limit, which only who asks for more says.
    Ok(Some(LeaseState { spent, open, elsewhere, left: amount, beside, version }))
}

async fn take_off(writing: &mut PgTransaction<'_>, balance: i64, amount: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE balances SET leased = leased - $2 WHERE id = $1")
        .bind(balance)
        .bind(amount)
        .execute(&mut **writing)
        .await?;
    Ok(())
}

async fn leases_of(
    connection: &mut PgConnection,
    replica: Arc<str>,
    now: Timestamp,
) -> Result<Vec<(LeasedWindow, LeaseState)>, StoreError> {
    type Row = (Text, String, i64, i64, i64, i64, i64, i64, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT account, measure, window_start, window_end, spent, open, leased - open, charged + adjusted - spent, version
         FROM leases JOIN balances ON balances.id = leases.balance
         WHERE replica = $1 AND window_end > $2 ORDER BY account, measure, window_start",
    )
    .bind(Text::from(&*replica))
    .bind(nanos(now))
    .fetch_all(connection)
    .await?;
    let state = |(account, word, start, end, spent, open, elsewhere, beside, version): Row| {
        let of = LeasedWindow {
            account: String::from(account).into(),
            measure: measure(&word)?,
            window: time(start),
            until: time(end),
        };
        // Whether anything is left is not known until somebody asks with a limit.
        Ok((of, LeaseState { spent, open, elsewhere, left: 1, beside, version }))
    };
    rows.into_iter().map(state).collect()
}

async fn write_off(connection: &mut PgConnection, replica: Arc<str>) -> Result<bool, StoreError> {
    let replica = Text::from(&*replica);
    let mut writing = connection.begin().await?;
    let held: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT balances.id, open FROM balances JOIN leases ON leases.balance = balances.id
         WHERE replica = $1 AND open > 0 ORDER BY balances.id FOR UPDATE OF balances, leases",
    )
    .bind(&replica)
    .fetch_all(&mut *writing)
    .await?;
    for (balance, open) in held {
        take_off(&mut writing, balance, open).await?;
    }
    sqlx::query("UPDATE leases SET open = 0, version = version + 1 WHERE replica = $1 AND open > 0")
        .bind(&replica)
        .execute(&mut *writing)
        .await?;
    let known = sqlx::query("DELETE FROM replicas WHERE id = $1").bind(&replica).execute(&mut *writing).await?;
    writing.commit().await?;
    Ok(known.rows_affected() == 1)
}
