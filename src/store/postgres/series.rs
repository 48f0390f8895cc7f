//! Numbers of series: given once for all gateways, in the order in which they become visible.

use std::collections::HashMap;

use aws_lc_rs::digest::{Context, SHA256};
use sqlx::{PgConnection, PgTransaction, Row, postgres::PgRow};

use super::{Postgres, Text};
use crate::{
    exchange::UsageRow,
    store::{
        StoreError,
        ledger::series::{Series, SeriesId},
    },
};

impl Postgres {
    /// The numbers of the rows' series; new ones are given in this transaction.
    pub(super) async fn series_of(
        &self,
        shipping: &mut PgTransaction<'_>,
        rows: &[&UsageRow],
    ) -> Result<HashMap<Series, SeriesId>, StoreError> {
        let wanted: Vec<Series> = rows.iter().map(|row| Series::of(row)).collect();
        if wanted.iter().any(|series| self.series.id(series).is_none()) {
            // Nobody else gives numbers until this is committed; those given before are learned first, so that what
            // is known never has a gap.
            sqlx::query("LOCK TABLE series IN SHARE ROW EXCLUSIVE MODE").execute(&mut **shipping).await?;
            self.learn_series(shipping).await?;
        }
        let mut found = HashMap::new();
        for series in wanted {
            if found.contains_key(&series) {
                continue;
            }
            let id = match self.series.id(&series) {
                Some(id) => id,
                None => add(shipping, &series).await?,
            };
            found.insert(series, id);
        }
        Ok(found)
    }

    /// Makes series known that were added since, by whichever gateway.
    pub(super) async fn learn_series(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        self.series.learn(series_after(connection, self.series.newest()).await?);
        Ok(())
    }
}

async fn add(shipping: &mut PgTransaction<'_>, series: &Series) -> Result<SeriesId, StoreError> {
    let mut query = sqlx::query_scalar(
        "INSERT INTO series (digest, subscription, product, \"user\", api, operation, workspace, model, \
         upstream_model, backend, currency) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
    )
    .bind(digest(series));
    for value in &series.0 {
        query = query.bind(Text::from(&**value));
    }
    Ok(query.fetch_one(&mut **shipping).await?)
}

/// Over each text with its length, so that no two series have one.
fn digest(series: &Series) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for value in &series.0 {
        context.update(&(value.len() as u64).to_be_bytes());
        context.update(value.as_bytes());
    }
    context.finish().as_ref().to_vec()
}

/// Series with a number above `after`, as they are in the database.
pub(super) async fn series_after(
    connection: &mut PgConnection,
    after: SeriesId,
) -> Result<Vec<(SeriesId, Series)>, StoreError> {
    let found = sqlx::query(
        "SELECT id, subscription, product, \"user\", api, operation, workspace, model, upstream_model, backend, \
         currency FROM series WHERE id > $1",
    )
    .bind(after)
    .fetch_all(connection)
    .await?;
    found.iter().map(|row| Ok((row.try_get(0)?, series(row)?))).collect()
}

fn series(row: &PgRow) -> Result<Series, sqlx::Error> {
    let mut series = Series::default();
    for (nth, value) in series.0.iter_mut().enumerate() {
        *value = String::from(row.try_get::<Text, _>(nth + 1)?).into();
    }
    Ok(series)
}
