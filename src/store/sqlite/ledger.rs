//! The ledger's port: shipping, balances, corrections.

use std::sync::Arc;

use super::{Sqlite, audit::note, nanos, time};
use crate::{
    model::Timestamp,
    store::{
        Adjustment, Answer, AuditLine, Balance, Ledger, Shipment, Shipped, StoreError, Taken,
        ledger::{
            batch::MOST,
            booked::{measure, measure_word},
            corrections,
        },
    },
};

impl Ledger for Sqlite {
    fn shipped(&self, replica: Arc<str>) -> Answer<'_, Shipped> {
        Box::pin(self.read_shipped(replica))
    }

    fn ship(&self, shipment: Arc<Shipment>) -> Answer<'_, Taken> {
        Box::pin(async move { self.write_shipment(&shipment).await })
    }

    /// A commit that is synced takes all of the log before it along.
    fn flush(&self) -> Answer<'_, ()> {
        Box::pin(async {
            let (mut writing, _turn) = self.writing().await?;
            sqlx::query("UPDATE state SET revision = revision").execute(&mut *writing).await?;
            Ok(writing.commit().await?)
        })
    }

    fn balances(&self, now: Timestamp) -> Answer<'_, Vec<Balance>> {
        Box::pin(self.read_balances(now))
    }

    fn adjust(&self, adjustment: Adjustment) -> Answer<'_, ()> {
        Box::pin(self.write_adjustment(adjustment))
    }
}

type RawBalance = (String, String, i64, i64, i64, i64);

impl Sqlite {
    async fn read_balances(&self, now: Timestamp) -> Result<Vec<Balance>, StoreError> {
        let found: Vec<RawBalance> = sqlx::query_as(
            "SELECT account, measure, window_start, window_end, charged, adjusted FROM balances b
             WHERE window_end > $1 OR window_start =
                 (SELECT max(window_start) FROM balances WHERE account = b.account AND measure = b.measure AND window_end <= $1)
             ORDER BY account, measure, window_start",
        )
        .bind(nanos(now))
        .fetch_all(&self.read)
        .await?;
        found.into_iter().map(balance).collect()
    }

    async fn write_adjustment(&self, adjustment: Adjustment) -> Result<(), StoreError> {
        let (mut writing, _turn) = self.writing().await?;
        let Balance { account, window, until, measure, adjusted, .. } = adjustment.balance;
        let was: Option<i64> = sqlx::query_scalar(
            "SELECT adjusted FROM balances WHERE account = $1 AND measure = $2 AND window_start = $3",
        )
        .bind(&*account)
        .bind(measure_word(measure))
        .bind(nanos(window))
        .fetch_optional(&mut *writing)
        .await?;
        let now: i64 = sqlx::query_scalar(
            "INSERT INTO balances (account, measure, window_start, window_end, charged, adjusted)
             VALUES ($1, $2, $3, $4, 0, $5)
             ON CONFLICT (account, measure, window_start) DO UPDATE
                 SET adjusted = max(min(adjusted + excluded.adjusted, $6), -$6)
             RETURNING adjusted",
        )
        .bind(&*account)
        .bind(measure_word(measure))
        .bind(nanos(window))
        .bind(nanos(until))
        .bind(adjusted.clamp(-MOST, MOST))
        .bind(MOST)
        .fetch_one(&mut *writing)
        .await?;
        let line = AuditLine {
            number: 0,
            time: adjustment.now,
            actor: adjustment.actor,
            action: corrections::ACTION.to_owned(),
            object: account.to_string(),
            before: Some(corrections::before(was.unwrap_or(0))),
            after: Some(corrections::after(now, measure, window)),
            reason: Some(adjustment.reason),
        };
        note(&mut writing, line).await?;
        Ok(writing.commit().await?)
    }
}

fn balance((account, word, window, until, charged, adjusted): RawBalance) -> Result<Balance, StoreError> {
    let measure = measure(&word)?;
    Ok(Balance { account: account.into(), window: time(window), until: time(until), measure, charged, adjusted })
}
