//! From the journal to the database, while the gateway runs.
//!
//! Nothing on a request's path waits for this task. While the database is away it tries again and again, the journal
//! grows, and nothing is lost; told once in the log, and by `tollgate_ledger_lag_seconds`.

use std::{sync::Arc, time::Duration};

use super::{codec::CodecError, joining::Joining};
use crate::{
    journal::{Health, Journal, JournalError, Tail},
    model::Clock,
    store::{Ledger, Shipment, StoreError, Taken},
    telemetry::{
        events::{LedgerBehind, LedgerCaughtUp, RollupsUnreadable},
        metrics::{LedgerSight, Metrics},
    },
};

/// A shipment takes about so many rows.
const ROWS: usize = 1_000;

/// How long rows gather while there are few. A shipment is a dozen statements, each handed from thread to thread: at some
/// hundred requests a second that costs more than the rows themselves.
const GATHER: Duration = Duration::from_millis(150);

/// After so many looks in a row that found nothing the drain waits to be woken. Waking it costs a system call on the
/// path of a request; looking while requests come now and then costs less.
const IDLE_LOOKS: u32 = 8;

/// How often open requests and the journal's health are looked at while nothing happens.
const LOOK: Duration = Duration::from_secs(1);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Attempts at the end of the process; what is not taken then is taken at the next start.
const LAST_ATTEMPTS: u32 = 5;

/// Why the journal cannot be taken to the database.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record is not what this version writes.
    #[error("record {sequence} of the journal is not understood: {source}")]
    Record {
        /// Its number.
        sequence: u64,
        /// Why.
        source: CodecError,
    },
    /// An open request in the database is not what this version writes.
    #[error("an open request in the database is not understood: {0}")]
    Open(CodecError),
    /// The database does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where rows go.
#[derive(Clone)]
pub struct Destination {
    /// The tables.
    pub ledger: Arc<dyn Ledger>,
    /// The stable id of this replica.
    pub replica: Arc<str>,
    /// Time.
    pub clock: Clock,
    /// Where it is told how it goes.
    pub metrics: Metrics,
}

/// Takes what this process writes to the database.
pub struct Drain {
    journal: Arc<Journal>,
    /// `None` only while another thread reads.
    tail: Option<Tail>,
    to: Destination,
    joining: Joining,
    /// The last record that the database was given.
    given: u64,
    /// Looks in a row that found nothing.
    idle: u32,
}

impl Drain {
    pub(super) fn new(journal: Arc<Journal>, to: Destination, joining: Joining) -> Self {
        let (tail, given) = (Some(journal.reader()), joining.last());
        Self { journal, tail, to, joining, given, idle: IDLE_LOOKS }
    }

    /// Runs until [`Journal::finish`] was called and everything before it is in the database.
    ///
    /// # Errors
    /// [`DrainError::Record`]: a record is not what this version writes. [`DrainError::Journal`] and
    /// [`DrainError::Store`]: at the end the journal could not be read, or the database was away; the next start takes
    /// the rest.
    pub async fn run(mut self) -> Result<(), DrainError> {
        while self.wait().await {
            // What comes while this reads waits for the next turn: reading after it record by record would cost more
            // than all else that the ledger does.
            while self.read().await? {
                if self.joining.rows() >= ROWS {
                    self.ship().await?;
                }
            }
            self.ship().await?;
        }
        Ok(())
    }

    /// Waits for news, and lets more gather; `false`: there will be none.
    async fn wait(&mut self) -> bool {
        let Some(tail) = &mut self.tail else { return false };
        while self.idle < IDLE_LOOKS && !self.journal.is_finished() {
            tokio::time::sleep(GATHER).await;
            if tail.has_news() {
                self.idle = 0;
                return true;
            }
            self.idle += 1;
        }
        let Ok(is_news) = tokio::time::timeout(LOOK, tail.ready()).await else { return true };
        self.idle = 0;
        if is_news && !self.journal.is_finished() {
            tokio::time::sleep(GATHER).await;
        }
        is_news
    }

    /// Takes the next records; `false`: there were no more when it began.
    async fn read(&mut self) -> Result<bool, DrainError> {
        let Some(mut tail) = self.tail.take() else { return Ok(false) };
        let reading = tokio::task::spawn_blocking(move || {
            let records = tail.read();
            (tail, records)
        });
        let (tail, records) = reading.await.expect("reading neither panics nor is it called off");
        let is_behind = tail.is_behind();
        self.tail = Some(tail);
        match records {
            Ok(records) => {
                self.joining.take_all(&records, self.to.clock.ticks())?;
                Ok(is_behind)
            }
            Err(error) if self.journal.is_finished() => Err(error.into()),
            Err(error) => {
                LedgerBehind { error: &error.to_string(), rows: self.joining.rows() }.emit();
                tokio::time::sleep(LONGEST_PAUSE).await;
                Ok(false)
            }
        }
    }

    async fn ship(&mut self) -> Result<(), DrainError> {
        self.tell(Duration::ZERO);
        let Some(shipment) = self.joining.shipment(self.to.clock.ticks()) else {
            self.given = self.joining.last();
            return Ok(());
        };
        let position = shipment.position.sequence;
        self.insist(Arc::new(shipment)).await?;
        self.given = self.joining.last();
        self.release(position).await;
        self.tell(Duration::ZERO);
        Ok(())
    }

    /// Lets files of the journal go. What only a flush would make safe stays until one works.
    async fn release(&self, position: u64) {
        if !self.journal.would_release(position) {
            return;
        }
        match self.to.ledger.flush().await {
            Ok(()) => self.journal.release(position),
            Err(error) => {
                self.to.metrics.ledger().ship_failed();
                tracing::debug!(%error, "the database could not be flushed; the journal is kept until it can");
            }
        }
    }

    /// Tries until the database takes it, or the process ends.
    async fn insist(&self, shipment: Arc<Shipment>) -> Result<(), StoreError> {
        let began = self.to.clock.ticks();
        let (mut pause, mut left) = (FIRST_PAUSE, LAST_ATTEMPTS);
        let mut failed = 0;
        while let Err(error) = self.to.ship(&shipment).await {
            if failed == 0 {
                LedgerBehind { error: &error.to_string(), rows: shipment.rows.len() }.emit();
            }
            failed += 1;
            tracing::debug!(%error, failed, "a shipment was not taken");
            left -= u32::from(self.journal.is_finished());
            if left == 0 {
                return Err(error);
            }
            self.tell(self.to.clock.ticks().since(began));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if failed > 0 {
            LedgerCaughtUp { attempts: failed }.emit();
        }
        Ok(())
    }

    fn tell(&self, lag: Duration) {
        let (stats, health) = (self.journal.stats(), self.journal.health());
        self.to.metrics.ledger().seen(&LedgerSight {
            backlog: stats.last.saturating_sub(self.given),
            lag,
            open: stats.open,
            waiting: stats.waiting,
            append_failures: stats.failures,
            sync_failures: stats.sync_failures,
            is_writable: !matches!(health, Health::Failing(_)),
        });
    }
}

impl Destination {
    /// One attempt.
    pub(super) async fn ship(&self, shipment: &Arc<Shipment>) -> Result<(), StoreError> {
        let shipped = self.ledger.ship(Arc::clone(shipment)).await;
        match &shipped {
            Ok(taken) => self.shipped(*taken),
            Err(_) => self.metrics.ledger().ship_failed(),
        }
        shipped.map(|_| ())
    }

    /// Sums that cannot be read do not hold rows up; told once, counted each time.
    fn shipped(&self, taken: Taken) {
        self.metrics.ledger().shipped(taken.rows);
        if taken.unreadable > 0 && self.metrics.ledger().unreadable(taken.unreadable) {
            RollupsUnreadable { pages: taken.unreadable }.emit();
        }
    }
}
