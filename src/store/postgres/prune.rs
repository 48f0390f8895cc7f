//! Removing what is too old, in small steps.

use sqlx::{Connection, PgConnection};

use super::{ONE_MOMENT, Postgres};
use crate::{
    model::Timestamp,
    store::{
        Pruned, StoreError,
        decode::nanos,
        ledger::{
            chain::{CHECKPOINT, Head},
            follow::{self, Cut},
            rollup::Span,
            tables::{StoredChain, Tables},
        },
        sums::clamped,
    },
};

impl Postgres {
    pub(super) async fn remove_rows(
        &self,
        connection: &mut PgConnection,
        before: Timestamp,
        at_most: u32,
    ) -> Result<Pruned, StoreError> {
        let chains = connection.chains().await?;
        let mut pruned = Pruned::default();
        for chain in &chains {
            match self.cut(connection, chain, nanos(before), at_most).await? {
                Cut::Nothing => {}
                Cut::Refused(finding) => pruned.findings.push((chain.replica.clone(), finding)),
                Cut::UpTo { head, before, rows, .. } => {
                    self.remove_up_to(connection, chain, &head, before).await?;
                    pruned.rows += rows;
                }
            }
        }
        Ok(pruned)
    }

    async fn cut(
        &self,
        connection: &mut PgConnection,
        chain: &StoredChain,
        before: i64,
        at_most: u32,
    ) -> Result<Cut, StoreError> {
        let mut reading = connection.begin_with(ONE_MOMENT).await?;
        let cut = follow::cut(&mut *reading, self.secret.chain(), chain, before, at_most).await?;
        if let Cut::UpTo { hours, .. } = &cut {
            follow::sums_are_whole(&mut *reading, hours).await?;
        }
        Ok(cut)
    }

    async fn remove_up_to(
        &self,
        connection: &mut PgConnection,
        chain: &StoredChain,
        head: &Head,
        before: i64,
    ) -> Result<(), StoreError> {
        let mut removing = connection.begin().await?;
        sqlx::query(
            "INSERT INTO checkpoints (chain, link, head, totals, seal, before) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(chain.id)
        .bind(clamped(head.length))
        .bind(&head.code[..])
        .bind(head.totals.to_json())
        .bind(&self.secret.chain().seal(CHECKPOINT, &chain.replica, head)[..])
        .bind(before)
        .execute(&mut *removing)
        .await?;
        for remove in [
            "DELETE FROM checkpoints WHERE chain = $1 AND link < $2",
            "DELETE FROM attempts WHERE chain = $1 AND link <= $2",
            "DELETE FROM usage_rows WHERE chain = $1 AND link <= $2",
        ] {
            sqlx::query(remove).bind(chain.id).bind(clamped(head.length)).execute(&mut *removing).await?;
        }
        Ok(removing.commit().await?)
    }
}

/// Balances go with the rollups, once no row that is kept began before their window's end.
pub(super) async fn remove_rollups(
    connection: &mut PgConnection,
    before: Timestamp,
    at_most: u32,
) -> Result<u64, StoreError> {
    let mut removing = connection.begin().await?;
    let mut pages = 0;
    for span in Span::ALL {
        let done = sqlx::query(
            "DELETE FROM rollups WHERE (span, start, shard, chain) IN
                 (SELECT span, start, shard, chain FROM rollups WHERE span = $1 AND start <= $2 ORDER BY start LIMIT $3)",
        )
        .bind(span.as_str())
        .bind(nanos(before).saturating_sub(span.nanos()))
        .bind(i64::from(at_most))
        .execute(&mut *removing)
        .await?;
        pages += done.rows_affected();
    }
    sqlx::query(
        "DELETE FROM balances WHERE id IN (SELECT id FROM balances WHERE window_end <= least($1,
             coalesce((SELECT min(time) FROM usage_rows), $1)) ORDER BY window_end LIMIT $2)",
    )
    .bind(nanos(before))
    .bind(i64::from(at_most))
    .execute(&mut *removing)
    .await?;
    removing.commit().await?;
    Ok(pages)
}
