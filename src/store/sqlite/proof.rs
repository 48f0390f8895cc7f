//! Proof that the ledger is whole: following chains, and adding rows up again.

use super::Sqlite;
use crate::{
    model::Timestamp,
    store::{
        Answer, BalanceFinding, ChainReport, Proof, Pruned, Rebuilt, RollupFinding, StoreError,
        ledger::{follow, recount},
    },
};

impl Proof for Sqlite {
    fn verify_chains(&self) -> Answer<'_, Vec<ChainReport>> {
        // Not one moment: a reader that stays keeps the log of a busy database from being taken into its file.
        Box::pin(async { follow::chains(&mut *self.read.acquire().await?, self.secret.chain()).await })
    }

    fn verify_balances(&self, at_most: usize) -> Answer<'_, Vec<BalanceFinding>> {
        Box::pin(async move { recount::balances(&mut *self.read.begin().await?, at_most).await })
    }

    fn verify_rollups(&self, at_most: usize) -> Answer<'_, Vec<RollupFinding>> {
        Box::pin(self.recount_rollups(at_most))
    }

    fn rebuild_rollups(&self) -> Answer<'_, Rebuilt> {
        Box::pin(self.rebuild())
    }

    fn prune_rows(&self, before: Timestamp, at_most: u32) -> Answer<'_, Pruned> {
        Box::pin(self.remove_rows(before, at_most))
    }

    fn prune_rollups(&self, before: Timestamp, at_most: u32) -> Answer<'_, u64> {
        Box::pin(self.remove_rollups(before, at_most))
    }
}

impl Sqlite {
    async fn recount_rollups(&self, at_most: usize) -> Result<Vec<RollupFinding>, StoreError> {
        let (days, complete_from) = recount::days(&mut *self.read.acquire().await?).await?;
        let mut findings = Vec::new();
        for day in days {
            if findings.len() >= at_most {
                break;
            }
            let found = recount::day(&mut *self.read.begin().await?, &self.series, day, complete_from).await?;
            findings.extend(found);
        }
        findings.truncate(at_most);
        Ok(findings)
    }
}
