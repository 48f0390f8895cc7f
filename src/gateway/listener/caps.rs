//! How many connections may be open: in all, and from one address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::workers::Seat;

/// The places for connections of one listener.
#[derive(Clone, Debug)]
pub(super) struct Caps {
    all: Arc<Semaphore>,
    total: u32,
    per_address: usize,
    shares: Shares,
}

type Shares = Arc<Mutex<HashMap<IpAddr, Share>>>;

/// What one address has.
#[derive(Debug, Default)]
struct Share {
    open: usize,
    /// Its refusal has been logged; once is enough until it has gone.
    told: bool,
}

/// A connection's place, given back on drop.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    address: Option<(IpAddr, Shares)>,
    seat: Option<Seat>,
}

impl Place {
    /// The same place, with a seat that is held as long.
    pub(super) fn seated(mut self, seat: Option<Seat>) -> Self {
        self.seat = seat;
        self
    }
}

impl Caps {
    pub(super) fn new(total: usize, per_address: usize) -> Self {
        let total = u32::try_from(total.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let all = Arc::new(Semaphore::new(total as usize));
        Self { all, total, per_address: per_address.max(1), shares: Arc::default() }
    }

    /// Waits until a connection may be accepted.
    pub(super) async fn permit(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.all).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// A place for a connection from `address`; `None` when that address has its share. Exempt addresses are not
    /// counted. IPv6 clients are counted by their /64, the smallest network one client gets.
    pub(super) fn place(&self, permit: OwnedSemaphorePermit, address: IpAddr, exempt: bool) -> Option<Place> {
        if exempt {
            return Some(Place { _permit: permit, address: None, seat: None });
        }
        let key = network(address);
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let share = shares.entry(key).or_default();
        if share.open >= self.per_address {
            if !std::mem::replace(&mut share.told, true) {
                tracing::warn!(address = %key, "connections closed: this address has max_connections_per_ip open");
            }
            return None;
        }
        share.open += 1;
        Some(Place { _permit: permit, address: Some((key, Arc::clone(&self.shares))), seat: None })
    }

    /// Completes when no connection is open.
    pub(super) async fn empty(&self) {
        let all = self.all.acquire_many(self.total).await;
        debug_assert!(all.is_ok(), "the semaphore is never closed");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((key, shares)) = &self.address else { return };
        let mut shares = shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get_mut(key) {
            share.open -= 1;
            if share.open == 0 {
                shares.remove(key);
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_gets_its_share_and_gives_it_back() {
        let caps = Caps::new(10, 2);
        let place = async |address: &str, exempt| caps.place(caps.permit().await, address.parse().unwrap(), exempt);
        let first = place("2001:db8::1", false).await.expect("first");
        let second = place("2001:db8::2", false).await.expect("same /64");
        assert!(place("2001:db8::3", false).await.is_none());
        assert!(place("2001:db8:0:1::1", false).await.is_some(), "another /64");
        assert!(place("2001:db8::4", true).await.is_some(), "a trusted proxy");
        drop(first);
        let third = place("2001:db8::3", false).await;
        assert!(third.is_some());
        drop((second, third));
        assert!(caps.shares.lock().unwrap().is_empty(), "nothing is kept of addresses without connections");
        caps.empty().await;
    }
}
