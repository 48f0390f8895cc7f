//! Kept answers of models that gateways with one database share while they run: what one keeps the others give, what one
//! forgets (a purge, an answer called wrong) the others let go of.
//!
//! Each looks every second at what was told since. One that could not look for so long that news were thrown away begins
//! anew. Deliberately not here: a gateway's own changes (`kept`).

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::{Interval, MissedTickBehavior, interval};

use super::kept;
use crate::{
    cache::model::{Kept, Key},
    model::{Clock, Timestamp},
    store::{SharedAnswers, Store, StoreError, Told},
};

/// How often others' news are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How long news are kept for those who look late, in nanoseconds: ten minutes.
const NEWS: u64 = 10 * 60 * 1_000_000_000;
/// After so long without looking, news may have been thrown away.
const MOST_SILENCE: Duration = Duration::from_mins(5);
/// Answers read at once.
const PAGE: usize = 256;

/// Tells the others which answers were written or forgotten.
///
/// # Errors
/// The database.
pub async fn tell(store: &dyn Store, clock: &Clock, keys: Vec<[u8; 32]>) -> Result<(), StoreError> {
    let Some(shared) = store.shared_answers().filter(|_| !keys.is_empty()) else { return Ok(()) };
    let now = clock.now();
    shared.tell_answers(keys, now, Timestamp::from_nanos(now.as_nanos().saturating_sub(NEWS))).await
}

/// Follows what the others tell.
pub struct Follower {
    store: Arc<dyn Store>,
    clock: Clock,
    ticks: Interval,
    /// Where the next look begins; `None`: the database was away at the start.
    since: Option<i64>,
    looked: Timestamp,
    reported: bool,
}

impl Follower {
    /// From now on.
    pub async fn begin(store: Arc<dyn Store>, clock: Clock) -> Self {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let looked = clock.now();
        let mut follower = Self { store, clock, ticks, since: None, looked, reported: false };
        follower.since = follower.look().await.ok().map(|told| told.upto);
        follower
    }

    /// When it is time to look; never where nobody shares the database.
    pub async fn due(&mut self) {
        if self.store.shared_answers().is_none() {
            return std::future::pending().await;
        }
        self.ticks.tick().await;
    }

    /// Brings `kept` up to date; whether everything has to be read again.
    pub async fn take_over(&mut self, kept: &Kept) -> bool {
        let silent = self.since.is_none() || self.clock.now().since(self.looked) > MOST_SILENCE;
        let taken = match self.look().await {
            Ok(told) if silent => Ok(told.upto),
            Ok(told) => self.take(kept, &told).await.map(|()| told.upto),
            Err(error) => Err(error),
        };
        match taken {
            Ok(upto) => {
                (self.since, self.looked, self.reported) = (Some(upto), self.clock.now(), false);
                if silent {
                    kept.let_go_of_all();
                }
                silent
            }
            Err(error) => {
                // Told once, not every second.
                if !self.reported {
                    tracing::warn!(%error, "what other gateways keep could not be read; this one goes on with its own");
                }
                self.reported = true;
                false
            }
        }
    }

    async fn look(&self) -> Result<Told, StoreError> {
        match self.store.shared_answers() {
            Some(shared) => shared.told_answers(self.since).await,
            None => Ok(Told::default()),
        }
    }

    async fn take(&self, kept: &Kept, told: &Told) -> Result<(), StoreError> {
        let Some(shared) = self.store.shared_answers() else { return Ok(()) };
        for page in told.keys.chunks(PAGE) {
            take_page(shared, kept, page).await?;
        }
        Ok(())
    }
}

async fn take_page(shared: &dyn SharedAnswers, kept: &Kept, page: &[([u8; 32], Timestamp)]) -> Result<(), StoreError> {
    let rows = shared.named_answers(page.iter().map(|(key, _)| *key).collect()).await?;
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.key, row)).collect();
    for (key, at) in page {
        match rows.remove(key) {
            Some(row) => kept::entry(&row).into_iter().for_each(|entry| kept.restore(entry)),
            None => kept.let_go(Key(*key), *at),
        }
    }
    Ok(())
}
