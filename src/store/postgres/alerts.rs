//! Alerts and their delivery.

use std::sync::Arc;

use super::{Postgres, Text};
use crate::{
    model::Timestamp,
    store::{
        Alert, AlertDelivery, AlertState, Alerts, Answer, StoreError,
        decode::{nanos, time},
    },
};

type RawAlert = (Text, Text, i64, i64, Text, i64, i64, Option<i64>, Option<i64>, Option<Text>);

impl Alerts for Postgres {
    fn raise_alert(&self, alert: Alert) -> Answer<'_, bool> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                let done = sqlx::query(
                    "INSERT INTO alert_deliveries (id, account, window_start, percent, payload, created, attempts,
                         delivered, next_try, last_result)
                     VALUES ($1, $2, $3, $4, $5, $6, 0, NULL, $6, NULL)
                     ON CONFLICT (account, window_start, percent) DO NOTHING",
                )
                .bind(Text::from(&*alert.id))
                .bind(Text::from(&*alert.account))
                .bind(nanos(alert.window))
                .bind(i64::from(alert.percent))
                .bind(Text::from(alert.payload.as_str()))
                .bind(nanos(alert.created))
                .execute(connection)
                .await?;
                Ok(done.rows_affected() == 1)
            })
        }))
    }

    fn due_alerts(&self, now: Timestamp, limit: u32) -> Answer<'_, Vec<AlertDelivery>> {
        self.read_alerts(
            "SELECT id, account, window_start, percent, payload, created, attempts, delivered, next_try, last_result
             FROM alert_deliveries WHERE next_try <= $1 ORDER BY next_try, id LIMIT $2",
            nanos(now),
            limit,
        )
    }

    fn alert_tried(&self, id: Arc<str>, state: AlertState) -> Answer<'_, ()> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE alert_deliveries SET attempts = $1, delivered = $2, next_try = $3, last_result = $4
                     WHERE id = $5",
                )
                .bind(i64::from(state.attempts))
                .bind(state.delivered.map(nanos))
                .bind(state.next.map(nanos))
                .bind(state.last_result.map(|text| Text::from(text.as_str())))
                .bind(Text::from(&*id))
                .execute(connection)
                .await?;
                Ok(())
            })
        }))
    }

    fn alerts(&self, limit: u32) -> Answer<'_, Vec<AlertDelivery>> {
        self.read_alerts(
            "SELECT id, account, window_start, percent, payload, created, attempts, delivered, next_try, last_result
             FROM alert_deliveries WHERE created >= $1 ORDER BY created DESC, id LIMIT $2",
            0,
            limit,
        )
    }
}

impl Postgres {
    fn read_alerts(&self, sql: &'static str, at: i64, limit: u32) -> Answer<'_, Vec<AlertDelivery>> {
        Box::pin(self.with(move |connection| {
            Box::pin(async move {
                let found: Vec<RawAlert> =
                    sqlx::query_as(sql).bind(at).bind(i64::from(limit)).fetch_all(connection).await?;
                found.into_iter().map(delivery).collect()
            })
        }))
    }
}

fn delivery(raw: RawAlert) -> Result<AlertDelivery, StoreError> {
    let (id, account, window, percent, payload, created, attempts, delivered, next, last_result) = raw;
    let small = |number: i64| u32::try_from(number).map_err(|_| StoreError::Corrupt("an alert that is none".into()));
    Ok(AlertDelivery {
        alert: Alert {
            id: String::from(id).into(),
            account: String::from(account).into(),
            window: time(window),
            percent: small(percent)?,
            payload: payload.into(),
            created: time(created),
        },
        state: AlertState {
            attempts: small(attempts)?,
            delivered: delivered.map(time),
            next: next.map(time),
            last_result: last_result.map(Into::into),
        },
    })
}
