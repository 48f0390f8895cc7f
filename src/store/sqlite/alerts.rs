//! Alerts and their delivery.

use std::sync::Arc;

use super::{Sqlite, nanos, time};
use crate::{
    model::Timestamp,
    store::{Alert, AlertDelivery, AlertState, Alerts, Answer, StoreError},
};

const COLUMNS: &str =
    "id, account, window_start, percent, payload, created, attempts, delivered, next_try, last_result";

type RawAlert = (String, String, i64, u32, String, i64, u32, Option<i64>, Option<i64>, Option<String>);

impl Alerts for Sqlite {
    fn raise_alert(&self, alert: Alert) -> Answer<'_, bool> {
        Box::pin(async move {
            let done = sqlx::query(
                "INSERT INTO alert_deliveries
                     (id, account, window_start, percent, payload, created, attempts, delivered, next_try, last_result)
                 VALUES ($1, $2, $3, $4, $5, $6, 0, NULL, $6, NULL)
                 ON CONFLICT (account, window_start, percent) DO NOTHING",
            )
            .bind(&*alert.id)
            .bind(&*alert.account)
            .bind(nanos(alert.window))
            .bind(alert.percent)
            .bind(alert.payload)
            .bind(nanos(alert.created))
            .execute(&self.write)
            .await?;
            Ok(done.rows_affected() == 1)
        })
    }

    fn due_alerts(&self, now: Timestamp, limit: u32) -> Answer<'_, Vec<AlertDelivery>> {
        let rest = "WHERE next_try <= $1 ORDER BY next_try, id LIMIT $2";
        Box::pin(self.read_alerts(rest, nanos(now), limit))
    }

    fn alert_tried(&self, id: Arc<str>, state: AlertState) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query(
                "UPDATE alert_deliveries SET attempts = $1, delivered = $2, next_try = $3, last_result = $4
                 WHERE id = $5",
            )
            .bind(state.attempts)
            .bind(state.delivered.map(nanos))
            .bind(state.next.map(nanos))
            .bind(state.last_result)
            .bind(&*id)
            .execute(&self.write)
            .await?;
            Ok(())
        })
    }

    fn alerts(&self, limit: u32) -> Answer<'_, Vec<AlertDelivery>> {
        let rest = "WHERE created >= $1 ORDER BY created DESC, id LIMIT $2";
        Box::pin(self.read_alerts(rest, 0, limit))
    }
}

impl Sqlite {
    async fn read_alerts(&self, rest: &'static str, at: i64, limit: u32) -> Result<Vec<AlertDelivery>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM alert_deliveries {rest}"));
        let found: Vec<RawAlert> = sqlx::query_as(sql).bind(at).bind(limit).fetch_all(&self.read).await?;
        Ok(found.into_iter().map(delivery).collect())
    }
}

fn delivery(raw: RawAlert) -> AlertDelivery {
    let (id, account, window, percent, payload, created, attempts, delivered, next, last_result) = raw;
    AlertDelivery {
        alert: Alert {
            id: id.into(),
            account: account.into(),
            window: time(window),
            percent,
            payload,
            created: time(created),
        },
        state: AlertState { attempts, delivered: delivered.map(time), next: next.map(time), last_result },
    }
}
