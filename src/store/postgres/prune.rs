//! Removing what is too old, in small steps.

use sqlx::{Connection, PgConnection};

use super::{
    Postgres,
    proof::{StoredChain, chains},
    reading::{RawRow, booked, raw_rows},
    series::series_after,
    ship::head,
};
use crate::{
    model::Timestamp,
    store::{
        ChainFinding, ChainProblem, Pruned, StoreError,
        decode::nanos,
        ledger::{
            booked::Booked,
            chain::{CHECKPOINT, ChainKey, Follower, Head},
            rollup::Span,
        },
        sums::clamped,
    },
};

/// Where pruning has cut a chain.
pub(super) struct Checkpoint {
    pub head: Head,
    seal: Vec<u8>,
    before: i64,
}

impl Checkpoint {
    /// Whether nobody changed it.
    pub fn is_sealed(&self, key: &ChainKey, replica: &str) -> bool {
        key.seal(CHECKPOINT, replica, &self.head)[..] == self.seal
    }
}

type RawCheckpoint = (i64, Vec<u8>, String, Vec<u8>, i64);

/// The newest checkpoint of a chain.
pub(super) async fn checkpoint(reading: &mut PgConnection, chain: i64) -> Result<Option<Checkpoint>, StoreError> {
    let found: Option<RawCheckpoint> = sqlx::query_as(
        "SELECT link, head, totals, seal, before FROM checkpoints WHERE chain = $1 ORDER BY link DESC LIMIT 1",
    )
    .bind(chain)
    .fetch_optional(reading)
    .await?;
    let checkpoint = |(link, code, totals, seal, before): RawCheckpoint| {
        Ok(Checkpoint { head: head(link, &code, &totals)?, seal, before })
    };
    found.map(checkpoint).transpose()
}

impl Postgres {
    pub(super) async fn remove_rows(
        &self,
        connection: &mut PgConnection,
        before: Timestamp,
        at_most: u32,
    ) -> Result<Pruned, StoreError> {
        let chains = chains(connection).await?;
        let mut pruned = Pruned::default();
        for chain in &chains {
            match self.cut(connection, chain, nanos(before), at_most).await? {
                Ok(rows) => pruned.rows += rows,
                Err(finding) => pruned.findings.push((chain.replica.clone(), finding)),
            }
        }
        Ok(pruned)
    }

    /// One step of one chain. Rows are followed before they are removed: their sums go into the checkpoint, and what
    /// does not fit stays.
    async fn cut(
        &self,
        connection: &mut PgConnection,
        chain: &StoredChain,
        before: i64,
        at_most: u32,
    ) -> Result<Result<u64, ChainFinding>, StoreError> {
        let key = self.secret.chain();
        let mut reading = connection.begin_with(super::ONE_MOMENT).await?;
        let start = checkpoint(&mut reading, chain.id).await?;
        let old = oldest(&mut reading, chain, start.as_ref(), before, at_most).await?;
        reading.commit().await?;
        if old.is_empty() {
            return Ok(Ok(0));
        }
        let problem = match &start {
            _ if chain.key != key.id() => Some(ChainProblem::Key),
            Some(start) if !start.is_sealed(key, &chain.replica) => Some(ChainProblem::Checkpoint),
            _ => None,
        };
        let (from, was) = start.map_or((Head::default(), 0), |start| (start.head, start.before));
        if let Some(problem) = problem {
            return Ok(Err(ChainFinding { position: from.length + 1, request: None, problem }));
        }
        let mut follower = Follower::new(key, from);
        for (raw, row) in &old {
            if let Err(finding) = follower.follow(raw.link.unsigned_abs(), &raw.code, row) {
                return Ok(Err(finding));
            }
        }
        self.remove_up_to(connection, chain, follower.at(), was.max(before)).await?;
        Ok(Ok(old.len() as u64))
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

/// The oldest rows of a chain that began before `before`, up to the first that did not.
async fn oldest(
    reading: &mut PgConnection,
    chain: &StoredChain,
    start: Option<&Checkpoint>,
    before: i64,
    at_most: u32,
) -> Result<Vec<(RawRow, Booked)>, StoreError> {
    let from = clamped(start.map_or(0, |start| start.head.length));
    let rest = "chain = $1 AND link > $2 ORDER BY link LIMIT $3";
    let found = raw_rows(reading, rest, [chain.id, from, i64::from(at_most)]).await?;
    let series = series_after(reading, 0).await?.into_iter().collect::<std::collections::HashMap<_, _>>();
    let mut rows = booked(reading, found, &|id| series.get(&id).cloned()).await?;
    let keep = rows.iter().position(|(_, row)| row.began() >= before).unwrap_or(rows.len());
    rows.truncate(keep);
    Ok(rows)
}
