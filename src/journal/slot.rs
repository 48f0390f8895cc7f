//! The room for the end of one announced request.

use std::{mem, sync::Arc};

use super::{JournalError, Sync, shared::Shared};

/// Owns the room for a request's end. Dropped without [`Slot::close`], the request stays open in the journal until
/// the next start settles it as abandoned: so close it.
#[must_use = "an announced request needs its end"]
pub struct Slot {
    shared: Arc<Shared>,
    sequence: u64,
    closed: bool,
}

impl Slot {
    pub(super) fn new(shared: Arc<Shared>, sequence: u64) -> Self {
        Self { shared, sequence, closed: false }
    }

    /// Number of the opening record.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Waits until the opening record is on the disk itself, if [`Sync::Always`] asks for that: everybody who waits
    /// at the same time shares one sync. Never waits otherwise.
    ///
    /// # Errors
    /// [`JournalError::Failing`]: the disk refused. The record may be there all the same, so close the slot.
    pub async fn durable(&self) -> Result<(), JournalError> {
        if self.shared.sync != Sync::Always {
            return Ok(());
        }
        let mut durable = self.shared.durable.subscribe();
        let sequence = self.sequence;
        let seen = durable.wait_for(|durable| durable.up_to >= sequence || durable.failed >= sequence).await;
        match seen {
            Ok(durable) if durable.up_to >= sequence => Ok(()),
            Ok(_) => Err(JournalError::Failing { reason: "the record could not be synced to the disk".to_owned() }),
            Err(_) => Err(JournalError::Failing { reason: "the journal is closed".to_owned() }),
        }
    }

    /// A record in between: the room for the end stays.
    ///
    /// # Errors
    /// [`JournalError::NoRoom`], [`JournalError::Failing`], [`JournalError::TooLong`]; nothing was written then.
    pub fn append(&self, bytes: &[u8]) -> Result<(), JournalError> {
        self.shared.write(|writer| writer.append(bytes)).map(|_| ())
    }

    /// The end. When the disk refuses, it waits in memory and is written as soon as the disk is back; `Health` and
    /// `Stats` tell.
    pub fn close(mut self, bytes: Vec<u8>) {
        self.closed = true;
        self.shared.write(|writer| writer.close(bytes));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !mem::replace(&mut self.closed, true) {
            self.shared.lock().forget();
        }
    }
}
