//! Announcements and ends, joined to rows in journal order, and how far the journal may be forgotten.
//!
//! A request that stays open would keep all of the journal after its announcement. So after a while its announcement
//! goes to the database too, as it is then; until it is there, and whenever it has changed since, the position stays
//! before the first record that the database does not know. Rows beyond the position are shipped all the same: after a
//! crash they are shipped again, which changes nothing.

use std::{collections::HashMap, sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    codec::{self, Open},
    drain::DrainError,
};
use crate::{
    exchange::{Charge, Entry, Intent, Settle, UsageRow},
    journal::Record,
    model::clock::Ticks,
    store::{OpenRequest, Position, Shipment},
};

/// A request that is open for longer goes along as `opened`.
const OPEN_FOR: Duration = Duration::from_secs(5);

/// Changes of one that did wait longer: only an estimate after a crash depends on them, and they are many.
const CHANGED_FOR: Duration = Duration::from_secs(30);

/// The first record about a request that the database does not know.
#[derive(Clone, Copy, Debug)]
struct Unknown {
    sequence: u64,
    since: Ticks,
}

#[derive(Debug)]
struct Announced {
    open: Open,
    /// The database knows of it.
    is_shipped: bool,
    unknown: Option<Unknown>,
}

/// What records say, each with its number.
pub(super) fn decoded(records: &[Record]) -> Result<Vec<(u64, Entry)>, DrainError> {
    let decoded = |Record { sequence, bytes }: &Record| match codec::decode(bytes) {
        Ok(entry) => Ok((*sequence, entry)),
        Err(source) => Err(DrainError::Record { sequence: *sequence, source }),
    };
    records.iter().map(decoded).collect()
}

impl Announced {
    fn changed(&mut self, sequence: u64, now: Ticks) {
        self.unknown.get_or_insert(Unknown { sequence, since: now });
    }

    fn is_due(&self, now: Ticks) -> bool {
        let patience = if self.is_shipped { CHANGED_FOR } else { OPEN_FOR };
        self.unknown.is_some_and(|unknown| now.since(unknown.since) >= patience)
    }
}

/// What was read of the journal and is not shipped yet.
#[derive(Debug)]
pub(super) struct Joining {
    replica: Arc<str>,
    announced: HashMap<Uuid, Announced>,
    rows: Vec<UsageRow>,
    closed: Vec<Uuid>,
    /// The last record read.
    last: u64,
    /// The position last given to a shipment.
    shipped: u64,
    /// Ends without an announcement: their rows are in the database, or their announcement was lost.
    orphans: u64,
}

impl Joining {
    /// Goes on where the database stands.
    pub fn new(replica: Arc<str>, position: Position, open: &[OpenRequest]) -> Result<Self, DrainError> {
        let mut joining = Self {
            replica,
            announced: HashMap::new(),
            rows: Vec::new(),
            closed: Vec::new(),
            last: position.sequence,
            shipped: position.sequence,
            orphans: 0,
        };
        for request in open {
            let open = codec::decode_open(&request.state).map_err(DrainError::Open)?;
            joining.announced.insert(request.id, Announced { open, is_shipped: true, unknown: None });
        }
        Ok(joining)
    }

    /// Takes the next records.
    pub fn take_all(&mut self, records: &[Record], now: Ticks) -> Result<(), DrainError> {
        self.take_entries(decoded(records)?, now);
        Ok(())
    }

    /// Takes the next records, which were understood already: each with its number.
    pub fn take_entries(&mut self, entries: Vec<(u64, Entry)>, now: Ticks) {
        for (sequence, entry) in entries {
            self.take(sequence, entry, now);
        }
    }

    fn take(&mut self, sequence: u64, entry: Entry, now: Ticks) {
        self.last = sequence;
        match entry {
            Entry::Intent(intent) => self.announce(intent, sequence, now),
            Entry::Reserved { id, charges } => self.reserved(id, charges, sequence, now),
            Entry::Progress { id, output_tokens } => self.progress(id, output_tokens, sequence, now),
            Entry::Settle(settle) => self.end(settle),
            Entry::Refused(intent, settle) => self.rows.push(UsageRow::join(intent, settle)),
        }
    }

    /// One that the database has already, because a change of another request kept the position before it, stays as
    /// the database has it: what has changed since comes later in the journal.
    fn announce(&mut self, intent: Intent, sequence: u64, now: Ticks) {
        self.announced.entry(intent.id).or_insert_with(|| {
            let unknown = Some(Unknown { sequence, since: now });
            Announced { open: Open { intent, progress: None }, is_shipped: false, unknown }
        });
    }

    fn reserved(&mut self, id: Uuid, charges: Vec<Charge>, sequence: u64, now: Ticks) {
        if let Some(announced) = self.announced.get_mut(&id) {
            announced.open.intent.charges = charges;
            announced.changed(sequence, now);
        }
    }

    fn progress(&mut self, id: Uuid, output_tokens: u64, sequence: u64, now: Ticks) {
        if let Some(announced) = self.announced.get_mut(&id) {
            announced.open.progress = announced.open.progress.max(Some(output_tokens));
            announced.changed(sequence, now);
        }
    }

    /// Ends a request, by its own record or by one that is made for it.
    pub fn end(&mut self, settle: Settle) {
        let Some(announced) = self.announced.remove(&settle.id) else {
            self.orphans += 1;
            return;
        };
        if announced.is_shipped {
            self.closed.push(settle.id);
        }
        self.rows.push(UsageRow::join(announced.open.intent, settle));
    }

    /// Announced requests without an end, in the order of their announcements.
    pub fn open(&self) -> Vec<Open> {
        let mut open: Vec<_> = self.announced.values().map(|announced| announced.open.clone()).collect();
        open.sort_by_key(|open| (open.intent.time, open.intent.id));
        open
    }

    /// Rows that wait.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Ends that no announcement was found for.
    pub fn orphans(&self) -> u64 {
        self.orphans
    }

    /// The last record taken.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// What is to be shipped now, if anything. It counts as shipped: ship it until it is.
    pub fn shipment(&mut self, now: Ticks) -> Option<Shipment> {
        let opened = self.due(now);
        let position = self.position();
        let is_news = !self.rows.is_empty() || !self.closed.is_empty() || !opened.is_empty() || position > self.shipped;
        if !is_news {
            return None;
        }
        self.shipped = position;
        Some(Shipment {
            replica: Arc::clone(&self.replica),
            rows: std::mem::take(&mut self.rows),
            opened,
            closed: std::mem::take(&mut self.closed),
            position: Position { sequence: position },
        })
    }

    fn due(&mut self, now: Ticks) -> Vec<OpenRequest> {
        let due = self.announced.values_mut().filter(|announced| announced.is_due(now));
        due.map(|announced| {
            announced.is_shipped = true;
            announced.unknown = None;
            OpenRequest { id: announced.open.intent.id, state: codec::encode_open(&announced.open) }
        })
        .collect()
    }

    /// Up to where the database knows everything.
    fn position(&self) -> u64 {
        let first =
            self.announced.values().filter_map(|announced| announced.unknown).map(|unknown| unknown.sequence).min();
        first.map_or(self.last, |first| first - 1)
    }
}
