//! What `tollgate ledger verify` finds: whether the ledger is whole, and if not, what is wrong where.
//!
//! The database proves itself (`store::Proof`); here its answers become one verdict and sentences for people.

use std::fmt;

use crate::store::{
    Proof, StoreError,
    ledger::{BalanceFinding, ChainFinding, ChainProblem, ChainReport, RollupFinding, UNREADABLE},
};

/// Differences of a kind that are listed; more of them say nothing more.
const MOST: usize = 100;

/// The result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Each replica's chain of rows, sound or not.
    pub chains: Vec<ChainReport>,
    /// Balances that are not the sum of their rows, or were corrected otherwise than the audit log says.
    pub balances: Vec<BalanceFinding>,
    /// Rollups that are not the sum of their rows.
    pub rollups: Vec<RollupFinding>,
}

/// One thing that is wrong, as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding<'a> {
    /// In the chain of a replica.
    Chain(&'a str, &'a ChainFinding),
    /// A balance.
    Balance(&'a BalanceFinding),
    /// A rollup.
    Rollup(&'a RollupFinding),
}

/// Verifies the whole ledger: every row's place in its chain, balances and rollups against rows. A request has one
/// row, because its id is the row's key; a second one would show as a changed sum.
///
/// # Errors
/// [`StoreError`]: the database cannot be read.
pub async fn verify(proof: &dyn Proof) -> Result<Verdict, StoreError> {
    let chains = proof.verify_chains().await?;
    let balances = proof.verify_balances(MOST).await?;
    let rollups = proof.verify_rollups(MOST).await?;
    Ok(Verdict { chains, balances, rollups })
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings().next().is_none()
    }

    /// Rows that were verified.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.chains.iter().map(|chain| chain.verified).sum()
    }

    /// Everything that is wrong, chains first: what a broken chain holds explains differences of sums.
    pub fn findings(&self) -> impl Iterator<Item = Finding<'_>> {
        let broken = |chain: &'_ ChainReport| chain.finding.is_some();
        let chains = self.chains.iter().filter(move |chain| broken(chain));
        let chains = chains.filter_map(|chain| Some(Finding::Chain(&chain.replica, chain.finding.as_ref()?)));
        chains.chain(self.balances.iter().map(Finding::Balance)).chain(self.rollups.iter().map(Finding::Rollup))
    }
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(replica, finding) => chain(f, replica, finding),
            Self::Balance(finding) => balance(f, finding),
            Self::Rollup(RollupFinding { start, day, sum, rows, .. }) if *sum == UNREADABLE => write!(
                f,
                "rollup of the {} that began {start}: its sums cannot be read; its rows are {rows} requests: \
                 `tollgate ledger rebuild-reports` makes the sums anew from them",
                if *day { "day" } else { "hour" }
            ),
            Self::Rollup(RollupFinding { start, day, sum, stored, rows }) => write!(
                f,
                "rollup of the {} that began {start}: {sum} is {stored}, its rows add up to {rows}",
                if *day { "day" } else { "hour" }
            ),
        }
    }
}

fn balance(f: &mut fmt::Formatter<'_>, BalanceFinding { stored, rows, audited }: &BalanceFinding) -> fmt::Result {
    write!(f, "counter {} of the window that began {}", stored.account, stored.window)?;
    if stored.charged != *rows {
        write!(f, ": the balance says {}, its rows add up to {rows}", stored.charged)?;
    }
    if stored.adjusted != *audited {
        write!(f, ": it was corrected by {}, by {audited} as the audit log says", stored.adjusted)?;
    }
    Ok(())
}

fn chain(f: &mut fmt::Formatter<'_>, replica: &str, finding: &ChainFinding) -> fmt::Result {
    write!(f, "replica {replica}, row {}", finding.position)?;
    if let Some(request) = finding.request {
        write!(f, " (request {request})")?;
    }
    f.write_str(match finding.problem {
        ChainProblem::Changed => ": the row, or one of its attempts or charges, was changed or put there by hand",
        ChainProblem::Missing => ": the row was removed",
        ChainProblem::Inserted => ": there is a row after the last one that was written",
        ChainProblem::Head => ": the chain's head was changed",
        ChainProblem::Checkpoint => ": the checkpoint of pruning was changed",
        ChainProblem::Key => ": the chain was made with another `secret.key`, so nothing can be said of it",
    })
}
