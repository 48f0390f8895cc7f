//! The ledger's port: shipping, balances, corrections.

use std::sync::Arc;

use sqlx::{Connection, PgConnection};

use super::{Postgres, Text, audit::note, balances, ship::read_shipped};
use crate::{
    model::Timestamp,
    store::{
        Adjustment, Answer, AuditLine, Balance, LeasedWindow, Ledger, Shipment, Shipped, StoreError, Taken,
        decode::{nanos, time},
        ledger::{batch::MOST, booked::measure, corrections},
    },
};

impl Ledger for Postgres {
    fn shipped(&self, replica: Arc<str>) -> Answer<'_, Shipped> {
        Box::pin(self.with(|connection| Box::pin(read_shipped(connection, replica))))
    }

    fn ship(&self, shipment: Arc<Shipment>) -> Answer<'_, Taken> {
        Box::pin(self.write_shipment(shipment))
    }

    /// Nothing to do: a commit has been written by the server, and to its standbys where it is set up so.
    fn flush(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn balances(&self, now: Timestamp) -> Answer<'_, Vec<Balance>> {
        Box::pin(self.with(move |connection| Box::pin(read_balances(connection, now))))
    }

    fn adjust(&self, adjustment: Adjustment) -> Answer<'_, ()> {
        Box::pin(self.with(|connection| Box::pin(write_adjustment(connection, adjustment))))
    }
}

type RawBalance = (Text, String, i64, i64, i64, i64);

async fn read_balances(connection: &mut PgConnection, now: Timestamp) -> Result<Vec<Balance>, StoreError> {
    let found: Vec<RawBalance> = sqlx::query_as(
        "SELECT account, measure, window_start, window_end, charged, adjusted FROM balances
         WHERE window_end > $1
         UNION ALL
         SELECT * FROM (
             SELECT DISTINCT ON (digest, measure) account, measure, window_start, window_end, charged, adjusted
             FROM balances WHERE window_end <= $1 ORDER BY digest, measure, window_start DESC
         ) AS last
         ORDER BY account, measure, window_start",
    )
    .bind(nanos(now))
    .fetch_all(connection)
    .await?;
    found.into_iter().map(balance).collect()
}

async fn write_adjustment(connection: &mut PgConnection, adjustment: Adjustment) -> Result<(), StoreError> {
    let mut writing = connection.begin().await?;
    let Balance { account, window, until, measure, adjusted, .. } = adjustment.balance;
    let of = LeasedWindow { account: account.clone(), measure, window, until };
    let balance = balances::lock(&mut writing, &of).await?;
    let now = balance.adjusted.saturating_add(adjusted.clamp(-MOST, MOST)).clamp(-MOST, MOST);
    sqlx::query("UPDATE balances SET adjusted = $2 WHERE id = $1")
        .bind(balance.id)
        .bind(now)
        .execute(&mut *writing)
        .await?;
    let line = AuditLine {
        number: 0,
        time: adjustment.now,
        actor: adjustment.actor,
        action: corrections::ACTION.to_owned(),
        object: account.to_string(),
        before: Some(corrections::before(balance.adjusted)),
        after: Some(corrections::after(now, measure, window)),
        reason: Some(adjustment.reason),
    };
    note(&mut writing, line).await?;
    Ok(writing.commit().await?)
}

fn balance((account, word, window, until, charged, adjusted): RawBalance) -> Result<Balance, StoreError> {
    let (account, measure) = (String::from(account).into(), measure(&word)?);
    Ok(Balance { account, window: time(window), until: time(until), measure, charged, adjusted })
}
