//! Telling somebody that a quota or budget runs low: signed messages to `server.alerts.webhook`, each threshold once
//! for each window and counter, tried again for three days, with a log of deliveries in the database.
//!
//! Crossings come from settlements as they happen, and from a look over all counters now and then: a process that was
//! killed between a settlement and its alert, or another replica's use, is told late but told. The database decides
//! who was first, so that nothing is told twice.
//!
//! Signatures and the schedule of retries follow the Standard Webhooks specification (version 1.0.0). Which thresholds
//! there are is in the settings of limits.

mod message;
mod post;
mod schedule;
mod signature;

#[cfg(test)]
mod tests;

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time};

use super::tasks::{Stop, stopped};
use crate::{
    limits::{Crossed, Limits},
    model::{Clock, Entropy, Timestamp},
    settings::{Settings, Webhook},
    store::{AlertDelivery, AlertState, Alerts, StoreError},
};
use post::{Outcome, Receiver};

/// Crossings that may wait to be written down; beyond that the look over all counters finds them.
pub const MOST_WAITING: usize = 1_024;

/// Time between two looks for deliveries that are due.
const EVERY: Duration = Duration::from_secs(1);
/// Looks between two looks over all counters and all deliveries in the database.
const LOOKS: u32 = 30;
/// Deliveries tried in one look.
const AT_ONCE: u32 = 16;
/// How long a try has before another process may make it too: longer than a call can take.
const CLAIM: Duration = Duration::from_secs(60);
/// Most thresholds that are remembered as told, so that the database is not asked again.
const MOST_TOLD: usize = 65_536;

/// What alerts need.
pub struct Surroundings {
    /// The delivery log.
    pub store: Arc<dyn Alerts>,
    /// All counters.
    pub limits: Arc<Limits>,
    /// The configuration in use: where messages go may change at any time.
    pub settings: Box<dyn Fn() -> Arc<Settings> + Send + Sync>,
    /// Time.
    pub clock: Clock,
    /// For identifiers and jitter.
    pub entropy: Entropy,
    /// The client for side calls.
    pub client: reqwest::Client,
}

/// Tells of crossings until told to stop.
pub async fn run(around: Surroundings, mut crossings: mpsc::Receiver<Crossed>, mut stop: Stop) {
    let mut herald = Herald::new(around);
    let mut looks = 0;
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            crossed = crossings.recv() => match crossed {
                Some(crossed) => herald.raise(&crossed).await,
                None => break,
            },
            () = time::sleep(EVERY) => {
                if looks % LOOKS == 0 {
                    herald.look_over().await;
                }
                looks += 1;
                herald.deliver().await;
            }
        }
    }
    // What was crossed is written down before the end; it is sent after the next start.
    while let Ok(crossed) = crossings.try_recv() {
        herald.raise(&crossed).await;
    }
}

/// A threshold of a counter in a window.
type Threshold = (Arc<str>, Timestamp, u8);

/// Writes alerts down and delivers them.
struct Herald {
    around: Surroundings,
    told: HashSet<Threshold>,
    /// When the next delivery is due, as far as known; `None`: nothing waits.
    due: Option<Timestamp>,
    /// The database was away: told once.
    is_away: bool,
}

impl Herald {
    fn new(around: Surroundings) -> Self {
        Self { around, told: HashSet::new(), due: None, is_away: false }
    }

    /// Writes an alert down, unless this threshold was raised before.
    async fn raise(&mut self, crossed: &Crossed) {
        let threshold = (crossed.account.clone(), crossed.window, crossed.percent);
        if self.told.contains(&threshold) {
            return;
        }
        let (now, entropy) = (self.around.clock.now(), &self.around.entropy);
        let alert = message::alert(crossed, now, entropy);
        let id = alert.id.clone();
        match self.around.store.raise_alert(alert).await {
            Ok(is_first) => {
                self.is_away = false;
                if is_first {
                    let (account, percent) = (&*crossed.account, crossed.percent);
                    tracing::warn!(account, percent, used = crossed.used, limit = crossed.limit, "{}", message::TITLE);
                    self.first(id, now).await;
                }
                self.remember(threshold);
            }
            Err(error) => self.away(&error),
        }
    }

    /// A new alert is due at once; without a receiver the log line was its delivery.
    async fn first(&mut self, id: Arc<str>, now: Timestamp) {
        if self.webhook().is_some() {
            self.due = Some(now);
            return;
        }
        let last_result = Some("logged: no server.alerts.webhook is configured".to_owned());
        self.tried(id, AlertState { attempts: 0, delivered: None, next: None, last_result }).await;
    }

    fn remember(&mut self, threshold: Threshold) {
        if self.told.len() >= MOST_TOLD {
            self.told.clear();
        }
        self.told.insert(threshold);
    }

    /// Thresholds that are crossed without this process having seen the crossing; and deliveries that others left.
    async fn look_over(&mut self) {
        for crossed in message::crossed(&self.around.limits.views()) {
            self.raise(&crossed).await;
        }
        self.due = Some(self.around.clock.now());
    }

    /// Tries what is due.
    async fn deliver(&mut self) {
        let now = self.around.clock.now();
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        let Some(webhook) = self.webhook() else { return };
        let client = self.around.client.clone();
        let receiver = match Receiver::new(&webhook, &client) {
            Ok(receiver) => receiver,
            Err(message) => {
                tracing::error!(problem = message, "alerts cannot be signed");
                return;
            }
        };
        // Also what is due before the next look over the database: another process may have left it.
        match self.around.store.due_alerts(now.plus(EVERY * LOOKS), AT_ONCE).await {
            Ok(found) => {
                self.is_away = false;
                let is_due = |delivery: &AlertDelivery| delivery.state.next.is_some_and(|next| next <= now);
                let (due, later): (Vec<_>, Vec<_>) = found.into_iter().partition(is_due);
                let more = (due.len() == AT_ONCE as usize).then_some(now);
                self.due = later.iter().filter_map(|delivery| delivery.state.next).chain(more).min();
                for delivery in due {
                    self.attempt(&receiver, delivery).await;
                }
            }
            Err(error) => self.away(&error),
        }
    }

    async fn attempt(&mut self, receiver: &Receiver<'_>, AlertDelivery { alert, state }: AlertDelivery) {
        let now = self.around.clock.now();
        // Whoever else looks meanwhile finds it taken.
        self.write(alert.id.clone(), AlertState { next: Some(now.plus(CLAIM)), ..state.clone() }).await;
        let outcome = receiver.send(&alert, now).await;
        let attempts = state.attempts + 1;
        let next = schedule::next(attempts, &outcome, self.around.clock.now(), &self.around.entropy);
        let delivered = matches!(outcome, Outcome::Taken(_)).then_some(now);
        if delivered.is_none() {
            let (account, result) = (&*alert.account, outcome.to_string());
            tracing::warn!(account, attempts, result, given_up = next.is_none(), "an alert was not delivered");
        }
        let last_result = Some(outcome.to_string());
        self.tried(alert.id, AlertState { attempts, delivered, next, last_result }).await;
    }

    async fn tried(&mut self, id: Arc<str>, state: AlertState) {
        let next = state.next;
        self.write(id, state).await;
        self.due = [self.due, next].into_iter().flatten().min();
    }

    async fn write(&mut self, id: Arc<str>, state: AlertState) {
        if let Err(error) = self.around.store.alert_tried(id, state).await {
            self.away(&error);
        }
    }

    fn webhook(&self) -> Option<Webhook> {
        (self.around.settings)().server.alerts.webhook.clone()
    }

    fn away(&mut self, error: &StoreError) {
        if !self.is_away {
            tracing::error!(%error, "alerts cannot be written down; they are when the database is back");
        }
        self.is_away = true;
    }
}
