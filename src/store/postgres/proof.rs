//! Proof that the ledger is whole: following chains, and adding rows up again.

use sqlx::{Connection, PgConnection};

use super::{ONE_MOMENT, Postgres, UNBOUNDED, prune::remove_rollups};
use crate::{
    model::Timestamp,
    store::{
        Answer, BalanceFinding, ChainReport, Proof, Pruned, Rebuilt, RollupFinding, StoreError,
        ledger::{follow, recount},
    },
};

impl Proof for Postgres {
    fn verify_chains(&self) -> Answer<'_, Vec<ChainReport>> {
        let me = self.clone();
        Box::pin(self.within(UNBOUNDED, move |connection| {
            Box::pin(async move { follow::chains(connection, me.secret.chain()).await })
        }))
    }

    fn verify_balances(&self, at_most: usize) -> Answer<'_, Vec<BalanceFinding>> {
        Box::pin(self.within(UNBOUNDED, move |connection| {
            Box::pin(async move { recount::balances(&mut *connection.begin_with(ONE_MOMENT).await?, at_most).await })
        }))
    }

    fn verify_rollups(&self, at_most: usize) -> Answer<'_, Vec<RollupFinding>> {
        let me = self.clone();
        Box::pin(self.within(UNBOUNDED, move |connection| {
            Box::pin(async move { me.recount_rollups(connection, at_most).await })
        }))
    }

    fn rebuild_rollups(&self) -> Answer<'_, Rebuilt> {
        let me = self.clone();
        Box::pin(self.within(UNBOUNDED, move |connection| Box::pin(async move { me.rebuild(connection).await })))
    }

    fn prune_rows(&self, before: Timestamp, at_most: u32) -> Answer<'_, Pruned> {
        let me = self.clone();
        Box::pin(
            self.with(move |connection| Box::pin(async move { me.remove_rows(connection, before, at_most).await })),
        )
    }

    fn prune_rollups(&self, before: Timestamp, at_most: u32) -> Answer<'_, u64> {
        Box::pin(self.with(move |connection| Box::pin(remove_rollups(connection, before, at_most))))
    }
}

impl Postgres {
    async fn recount_rollups(
        &self,
        connection: &mut PgConnection,
        at_most: usize,
    ) -> Result<Vec<RollupFinding>, StoreError> {
        let (days, complete_from) = recount::days(connection).await?;
        let mut findings = Vec::new();
        for day in days {
            if findings.len() >= at_most {
                break;
            }
            let mut reading = connection.begin_with(ONE_MOMENT).await?;
            findings.extend(recount::day(&mut *reading, &self.series, day, complete_from).await?);
        }
        findings.truncate(at_most);
        Ok(findings)
    }
}
