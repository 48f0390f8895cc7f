//! The ledger's port in memory, as its documentation says it: what shipping is tested against.

use std::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard},
};

use uuid::Uuid;

use crate::{
    exchange::UsageRow,
    model::Timestamp,
    store::{Adjustment, Answer, Balance, Ledger, OpenRequest, Position, Shipment, Shipped, StoreError, Taken},
};

/// A database that was taken over into; comparing two compares everything in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tables {
    pub rows: BTreeMap<Uuid, UsageRow>,
    pub balances: BTreeMap<(String, Timestamp), i64>,
    pub open: BTreeMap<Uuid, Vec<u8>>,
    pub position: u64,
}

impl Tables {
    pub fn take(&mut self, shipment: &Shipment) -> u64 {
        let mut new = 0;
        for row in &shipment.rows {
            let Entry::Vacant(place) = self.rows.entry(row.intent.id) else { continue };
            place.insert(row.clone());
            new += 1;
            for charge in &row.intent.charges {
                *self.balances.entry((charge.account.to_string(), charge.window)).or_default() += charge.amount;
            }
        }
        if shipment.position.sequence >= self.position {
            self.position = shipment.position.sequence;
            for open in &shipment.opened {
                self.open.insert(open.id, open.state.clone());
            }
            for id in &shipment.closed {
                self.open.remove(id);
            }
        }
        new
    }

    pub fn take_each(&mut self, shipments: &[Shipment]) {
        for shipment in shipments {
            self.take(shipment);
        }
    }

    pub fn shipped(&self) -> Shipped {
        let open = self.open.iter().map(|(id, state)| OpenRequest { id: *id, state: state.clone() }).collect();
        Shipped { position: Position { sequence: self.position }, open }
    }
}

/// The tables behind the port, with failures on order.
#[derive(Clone, Default)]
pub(super) struct MemoryLedger(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    tables: Tables,
    /// Whether each of the next shipments is taken, and whether its taker hears of it.
    next: VecDeque<Fate>,
    shipments: u64,
}

/// What becomes of a shipment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing is taken, an error is told.
    Refused,
    /// Everything is taken, an error is told.
    Unheard,
}

impl MemoryLedger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while holding it")
    }

    pub fn tables(&self) -> Tables {
        self.state().tables.clone()
    }

    pub fn order(&self, fates: impl IntoIterator<Item = Fate>) {
        self.state().next.extend(fates);
    }

    pub fn shipments(&self) -> u64 {
        self.state().shipments
    }
}

impl Ledger for MemoryLedger {
    fn shipped(&self, _: Arc<str>) -> Answer<'_, Shipped> {
        let shipped = self.tables().shipped();
        Box::pin(async { Ok(shipped) })
    }

    fn ship(&self, shipment: Arc<Shipment>) -> Answer<'_, Taken> {
        let mut state = self.state();
        state.shipments += 1;
        let fate = state.next.pop_front();
        let new = if fate == Some(Fate::Refused) { 0 } else { state.tables.take(&shipment) };
        let taken = Taken { rows: new, unreadable: 0 };
        let answer = if fate.is_some() { Err(StoreError::Corrupt("nothing: a test".to_owned())) } else { Ok(taken) };
        Box::pin(async { answer })
    }

    fn flush(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn balances(&self, _: Timestamp) -> Answer<'_, Vec<Balance>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn adjust(&self, _: Adjustment) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
