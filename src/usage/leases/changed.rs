//! What administrators change of shared quotas: resets go through the authority, and what was changed at another
//! gateway is asked for.

use std::time::Duration;

use tokio::time::timeout;

use super::{Held, Leases, window_of};
use crate::{
    limits::{CounterView, Lease},
    store::{Balance, LeaseReset, LeaseState, StoreError},
};

/// How long a reset waits for what was used before it to be in the database.
const SHIPPING: Duration = Duration::from_secs(2);

impl Leases {
    /// Makes what is used of a shared quota nothing, at the authority and so for all gateways; `view` is the counter as
    /// it is here. `false`: the counter is no quota, which nobody shares.
    ///
    /// # Errors
    /// The database failed, or its answer was lost: then what it knows is asked for again.
    pub async fn reset(&self, view: &CounterView, actor: String, reason: String) -> Result<bool, StoreError> {
        let Some(of) = window_of(view) else { return Ok(false) };
        let account = self.account(&view.account);
        let mut slot = account.held.lock().await;
        let (ticks, now) = (self.clock.ticks(), self.clock.now());
        let held = match &mut *slot {
            Some(held) if held.of == of => held,
            other => other.insert(Held::new(of.clone(), view.limit, LeaseState::default(), ticks)),
        };
        let (replica, limit) = (self.replica.clone(), view.limit);
        held.is_stale = true;
        let (state, _) = self.authority.reset(LeaseReset { replica, of, limit, actor, reason, now }).await?;
        self.tell(held, state);
        held.rest = (Duration::ZERO, ticks);
        Ok(true)
    }

    /// Waits until what this gateway has settled so far is shipped, at most [`SHIPPING`]: a reset forgives what the
    /// authority knows of.
    pub async fn shipped(&self, view: &CounterView) {
        let settled = |held: &Held| self.limits.view(&view.account).map_or(0, |view| view.used - held.beside);
        let account = self.account(&view.account);
        let mut wanted = None;
        let waiting = async {
            loop {
                let mut slot = account.held.lock().await;
                let Some(held) = slot.as_ref() else { return };
                let wanted = *wanted.get_or_insert_with(|| settled(held));
                if held.state.spent >= wanted || self.is_away() {
                    return;
                }
                self.grant(&mut slot, view, 0).await;
                drop(slot);
                tokio::time::sleep(SHIPPING / 50).await;
            }
        };
        if timeout(SHIPPING, waiting).await.is_err() {
            tracing::warn!(account = %view.account, "a quota is reset while use of it is still on its way to the database");
        }
    }

    /// Shows what the database knows of counters that this gateway has asked nothing of in their window: what the others
    /// used of them. `balances` are those of current windows; debts of windows before are known with the first lease.
    pub fn show(&self, balances: &[Balance]) {
        let now = self.clock.now();
        for balance in balances.iter().filter(|balance| balance.window <= now && now < balance.until) {
            if self.limits.view(&balance.account).is_none() {
                continue;
            }
            let account = self.account(&balance.account);
            // Somebody is asking right now, and will know better.
            let Ok(held) = account.held.try_lock() else { continue };
            if held.is_none() {
                let beside = balance.charged.saturating_add(balance.adjusted);
                let (window, until) = (balance.window, balance.until);
                self.limits.lease(&balance.account, Lease { window, until, ceiling: 0, beside, is_final: false });
            }
        }
    }

    /// Asks the authority how a counter stands that somebody else has changed.
    pub async fn refresh(&self, name: &str) {
        let account = self.lock().get(name).cloned();
        let (Some(account), Some(view)) = (account, self.limits.view(name)) else { return };
        let mut held = account.held.lock().await;
        if held.is_some() {
            self.grant(&mut held, &view, 0).await;
        }
    }
}
