//! A stream that needs more of a shared quota than is leased here waits for a lease, as requests do before they are
//! sent; only where none comes does it end. What has been read of it meanwhile stands aside.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::{Phase, Relay};
use crate::usage::{Settlement, Stop};

/// For so many leases a stream or session waits, one after another, before it goes on.
pub const MOST_WAITS: u32 = 4;

/// What a stream waits for.
#[derive(Default)]
pub(super) struct Leasing {
    lease: Option<BoxFuture<'static, bool>>,
    waits: u32,
    aside: Bytes,
}

impl Leasing {
    /// Whether there is something to wait for before the stream is stopped.
    pub(super) fn begin(&mut self, settlement: &Settlement, stop: &Stop) -> bool {
        if self.waits < MOST_WAITS {
            self.lease = settlement.lease(stop);
            self.waits += 1;
        }
        self.lease.is_some()
    }

    /// Nothing is waited for any more.
    pub(super) const fn is_idle(&self) -> bool {
        self.lease.is_none()
    }

    /// The stream goes on: the next wait is the first one.
    pub(super) const fn went_on(&mut self) {
        self.waits = 0;
    }

    /// Keeps what comes behind the event that waits.
    pub(super) fn put_aside(&mut self, rest: Bytes) {
        self.aside = rest;
    }
}

impl Relay {
    /// Waits for the lease, then goes on with the event that needed it and what came behind it.
    pub(super) fn leased(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(lease) = &mut self.leasing.lease else { return Poll::Ready(()) };
        let has_come = ready!(lease.as_mut().poll(cx));
        self.leasing.lease = None;
        if !has_come {
            self.leasing.waits = MOST_WAITS;
        }
        self.pass_on();
        if self.leasing.is_idle() && matches!(self.phase, Phase::Flowing) {
            let rest = std::mem::take(&mut self.leasing.aside);
            self.take_events(rest);
            self.finish_if_ended();
        }
        Poll::Ready(())
    }
}
