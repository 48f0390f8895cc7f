//! From the journal to the database at start, before the gateway is ready: what earlier processes left.
//!
//! Requests that were open when their process ended get their end here. It is made of what the journal and the
//! database hold and of nothing else, and a row is taken once whatever happens: killed during this, the next start
//! comes to the same.

use std::sync::Arc;

use super::{
    abandoned::{self, Pricing},
    drain::{Destination, Drain, DrainError},
    joining::Joining,
};
use crate::{
    journal::{Disk, Journal, Options, Record, Replay},
    store::Shipped,
};

/// Records read at once.
const PORTION: usize = 4_000;

/// A shipment takes about so many rows.
const ROWS: usize = 1_000;

/// What was found, and what goes on from here.
pub struct Started {
    /// The journal, for those who write.
    pub journal: Arc<Journal>,
    /// To be run while they do.
    pub drain: Drain,
    /// What recovery did.
    pub recovery: Recovery,
}

/// What recovery did; the zero of it is an orderly start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Requests whose rows were not known to be in the database, the abandoned ones among them.
    pub rows: u64,
    /// Requests that were open when their process ended.
    pub abandoned: u64,
    /// Records that could not be read and whose loss was accepted: first and last number of each gap.
    pub lost: Vec<(u64, u64)>,
    /// Ends without an announcement; after an accepted loss these requests have no row.
    pub orphans: u64,
}

/// Opens the journal, takes all of it to the database and settles what was abandoned.
///
/// # Errors
/// [`DrainError::Journal`]: it cannot be read, or is damaged and the loss is not accepted. [`DrainError::Record`]:
/// another version wrote it. [`DrainError::Store`]: the database is away.
pub async fn start(
    disk: Arc<dyn Disk>,
    options: Options,
    to: Destination,
    pricing: Pricing<'_>,
) -> Result<Started, DrainError> {
    let shipped = to.ledger.shipped(Arc::clone(&to.replica)).await?;
    let from = shipped.position.sequence;
    let (journal, replay) = blocking(move || Journal::open(disk, &options, from)).await?;
    let journal = Arc::new(journal);
    let (joining, recovery) = recover(replay, &shipped, &to, pricing).await?;
    to.ledger.flush().await?;
    journal.release(joining.last());
    let drain = Drain::new(Arc::clone(&journal), to, joining);
    Ok(Started { journal, drain, recovery })
}

async fn recover(
    replay: Replay,
    shipped: &Shipped,
    to: &Destination,
    pricing: Pricing<'_>,
) -> Result<(Joining, Recovery), DrainError> {
    let mut joining = Joining::new(Arc::clone(&to.replica), shipped.position, &shipped.open)?;
    let mut recovery = Recovery { lost: replay.lost().to_vec(), ..Recovery::default() };
    let mut rest = Some(replay);
    while let Some(replay) = rest.take() {
        let (left, records) = blocking(move || portion(replay)).await?;
        joining.take_all(&records, to.clock.ticks())?;
        rest = (!records.is_empty()).then_some(left);
        if joining.rows() >= ROWS {
            recovery.rows += ship(&mut joining, to).await?;
        }
    }
    for open in joining.open() {
        joining.end(abandoned::settle(&open, pricing));
        recovery.abandoned += 1;
    }
    recovery.rows += ship(&mut joining, to).await?;
    recovery.orphans = joining.orphans();
    Ok((joining, recovery))
}

fn portion(mut replay: Replay) -> Result<(Replay, Vec<Record>), crate::journal::JournalError> {
    let records = replay.by_ref().take(PORTION).collect::<Result<_, _>>()?;
    Ok((replay, records))
}

async fn ship(joining: &mut Joining, to: &Destination) -> Result<u64, DrainError> {
    let Some(shipment) = joining.shipment(to.clock.ticks()) else { return Ok(0) };
    let rows = shipment.rows.len() as u64;
    to.ship(&Arc::new(shipment)).await?;
    Ok(rows)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("reading neither panics nor is it called off")
}
