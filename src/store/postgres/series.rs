//! Numbers of series: given once for all gateways, in the order in which they become visible.

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::digest::{Context, SHA256};
use sqlx::PgTransaction;

use super::{Postgres, Text};
use crate::{
    exchange::UsageRow,
    store::{
        StoreError,
        ledger::{
            report::learn,
            series::{Numbered, Numbering, Series, SeriesId},
        },
    },
};

impl Postgres {
    /// The series of rows with their numbers; new ones are given in this transaction.
    pub(super) async fn series_of(
        &self,
        shipping: &mut PgTransaction<'_>,
        rows: &[&UsageRow],
    ) -> Result<(Vec<Numbered>, HashMap<Arc<Series>, SeriesId>), StoreError> {
        let mut numbering = Numbering::new(&self.series, rows);
        let mut news = HashMap::new();
        if !numbering.news().is_empty() {
            // Nobody else gives numbers until this is committed; those given before are learned first, so that what
            // is known never has a gap.
            sqlx::query("LOCK TABLE series IN SHARE ROW EXCLUSIVE MODE").execute(&mut **shipping).await?;
            learn(&mut **shipping, &self.series).await?;
            numbering = Numbering::new(&self.series, rows);
        }
        for series in numbering.news() {
            let id = add(shipping, &series).await?;
            news.insert(series, id);
        }
        Ok((numbering.with(&news)?, news))
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
