//! The door: all counters of this process under one clock.

use std::sync::Arc;

use super::{
    ask::Ask,
    hold::Place,
    moment::Moment,
    refusal::Refusal,
    registry::Registry,
    reservation::Reservation,
    reserve::{self, Held},
    rule::Scope,
};
use crate::model::Clock;

/// All counters. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Limits {
    pub(super) registry: Arc<Registry>,
    clock: Clock,
}

impl Limits {
    /// Nothing has been counted yet; this process alone decides.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { registry: Arc::default(), clock }
    }

    /// The same for one of several processes: quotas are spent from [leases](Limits::lease) only.
    #[must_use]
    pub fn with_leases(clock: Clock) -> Self {
        Self { registry: Arc::new(Registry::new(true)), clock }
    }

    /// Holds what a request may use on all its counters, or says which is in the way and holds nothing.
    pub fn reserve(&self, ask: &Ask<'_>) -> Result<Reservation, Box<Refusal>> {
        let moment = self.moment();
        let places = reserve::in_order(self.places(ask.scopes, moment));
        let mut held: Vec<_> = places.iter().map(|place| Held::lock(place, None)).collect();
        let granted = reserve::grant(ask, &mut held, moment)?;
        drop(held);
        let grant = granted.with(places);
        Ok(Reservation::new(self.clone(), ask, grant))
    }

    pub(super) fn moment(&self) -> Moment {
        Moment::read(&self.clock)
    }

    pub(super) fn places(&self, scopes: &[Scope], moment: Moment) -> Vec<Place> {
        scopes.iter().map(|scope| self.registry.place(scope, moment)).collect()
    }
}
