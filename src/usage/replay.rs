//! From the journal to the database at start, before the gateway is ready: what earlier processes left.
//!
//! Requests that were open when their process ended get their end here. It is made of what the journal and the
//! database hold and of nothing else, and a row is taken once whatever happens: killed during this, the next start
//! comes to the same.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{
    abandoned::{self, Pricing},
    drain::{Destination, Drain, DrainError},
    joining::{Joining, decoded},
};
use crate::{
    exchange::Entry,
    journal::{Disk, Journal, Options, Replay},
    store::{Shipped, StoreError},
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
    let (journal, replay) = finished(tokio::task::spawn_blocking(move || Journal::open(disk, &options, from))).await?;
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
    let mut ferry = Ferry { to, rows: 0, underway: None };
    let mut next = Some(read(replay));
    while let Some(portion) = next.take() {
        let (rest, entries) = finished(portion).await?;
        if !entries.is_empty() {
            next = Some(read(rest));
        }
        joining.take_entries(entries, to.clock.ticks());
        if joining.rows() >= ROWS {
            ferry.ship(&mut joining).await?;
        }
    }
    for open in joining.open() {
        joining.end(abandoned::settle(&open, pricing));
        recovery.abandoned += 1;
    }
    ferry.ship(&mut joining).await?;
    ferry.land().await?;
    (recovery.rows, recovery.orphans) = (ferry.rows, joining.orphans());
    Ok((joining, recovery))
}

type Portion = (Replay, Vec<(u64, Entry)>);

/// Reads on, on a thread of its own.
fn read(mut replay: Replay) -> JoinHandle<Result<Portion, DrainError>> {
    tokio::task::spawn_blocking(move || {
        let records = replay.by_ref().take(PORTION).collect::<Result<Vec<_>, _>>()?;
        Ok((replay, decoded(&records)?))
    })
}

/// Takes shipments over, one after the other. A start waits for all of them, so the next rows are read and joined while
/// one is under way.
struct Ferry<'a> {
    to: &'a Destination,
    /// How many rows landed.
    rows: u64,
    underway: Option<JoinHandle<Result<u64, StoreError>>>,
}

impl Ferry<'_> {
    /// Sends what is to be shipped off, once the shipment before it has landed.
    async fn ship(&mut self, joining: &mut Joining) -> Result<(), DrainError> {
        self.land().await?;
        let Some(shipment) = joining.shipment(self.to.clock.ticks()) else { return Ok(()) };
        let (to, rows) = (self.to.clone(), shipment.rows.len() as u64);
        self.underway = Some(tokio::spawn(async move { to.ship(&Arc::new(shipment)).await.map(|()| rows) }));
        Ok(())
    }

    async fn land(&mut self) -> Result<(), DrainError> {
        if let Some(underway) = self.underway.take() {
            self.rows += finished(underway).await?;
        }
        Ok(())
    }
}

async fn finished<T>(task: JoinHandle<T>) -> T {
    task.await.expect("it neither panics nor is it called off")
}
