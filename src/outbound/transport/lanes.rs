//! Lanes: several HTTP/2 connections to one origin.
//!
//! A pooled client keeps one HTTP/2 connection for an origin, and servers commonly allow 100 streams on one
//! (RFC 9113, section 6.5.2, recommends no less); the 101st long-lived stream would wait in silence. So each lane is
//! a client of its own, and a further one is opened when all before it are full. Where only the handshake decides
//! (ALPN), lanes are used too: they cost HTTP/1.1 nothing. Where HTTP/1.1 is certain there are `lines` instead.

use std::sync::{
    Arc, OnceLock,
    atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Relaxed},
    },
};

use super::{Transport, Wire};

/// Streams in a lane before the next one is opened: leaves room for servers that count generously.
const FULL: usize = 90;
const LANES: usize = 64;

pub(super) struct Lanes([(OnceLock<Wire>, AtomicUsize); LANES]);

impl Lanes {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Default::default()))
    }

    /// Takes a place in the first lane that has one; when all are full, in the emptiest.
    fn enter(&self) -> usize {
        for (index, (_, streams)) in self.0.iter().enumerate() {
            if streams.load(Relaxed) >= FULL {
                continue;
            }
            if streams.fetch_add(1, AcqRel) < FULL {
                return index;
            }
            streams.fetch_sub(1, AcqRel);
        }
        let emptiest = (0..LANES).min_by_key(|index| self.0[*index].1.load(Relaxed)).unwrap_or(0);
        self.0[emptiest].1.fetch_add(1, AcqRel);
        emptiest
    }

    fn leave(&self, index: usize) {
        self.0[index].1.fetch_sub(1, AcqRel);
    }
}

/// A place in a lane, held until the answer's body is dropped.
pub(in crate::outbound) struct Lane {
    transport: Arc<Transport>,
    index: usize,
}

impl Lane {
    pub(super) fn enter(transport: Arc<Transport>, lanes: &Lanes) -> Self {
        let index = lanes.enter();
        Self { transport, index }
    }

    pub(super) fn client<'a>(&self, lanes: &'a Lanes, make: impl FnOnce() -> Wire) -> &'a Wire {
        lanes.0[self.index].0.get_or_init(make)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(lanes) = self.transport.lanes() {
            lanes.leave(self.index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_fill_in_turn_and_free_places_are_taken_first() {
        let lanes = Lanes::new();
        let taken: Vec<_> = (0..200).map(|_| lanes.enter()).collect();
        assert_eq!((taken[89], taken[90], taken[179], taken[180]), (0, 1, 1, 2));
        lanes.leave(0);
        assert_eq!(lanes.enter(), 0);
        for _ in 0..LANES * FULL {
            lanes.enter();
        }
        assert!(lanes.0.iter().all(|(_, streams)| streams.load(Relaxed) >= FULL));
    }
}
