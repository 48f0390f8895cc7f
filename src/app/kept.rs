//! Kept answers of models in the database: written behind the answers in batches, read at the start.
//!
//! Deliberately not here: what other gateways keep and forget meanwhile (`replicas`).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};
use tollgate_providers::Usage;

use super::replicas::{self, Follower};
use crate::{
    cache::{
        model::{Entry, Kept, Key, Meaning, Owner, Shelf, meaning::BUILTIN},
        semantic::Embedding,
    },
    model::Clock,
    store::{ModelAnswer, Store},
};

/// Changes that may wait to be written.
const WAITING: usize = 4_096;
/// Changes written in one transaction.
const BATCH: usize = 128;
/// Rows read at once at the start.
const PAGE: u32 = 256;
/// How often rows whose time is up are thrown away.
const SWEEP: Duration = Duration::from_secs(60);
/// How many times the room of a gateway's memory the database has: gateways keep different answers in memory, and lose the
/// least used where it loses the oldest.
const TIMES: u64 = 4;
/// The database's answers are bounded again when so much of their room, one part in so many, was written since.
const PARTS: u64 = 16;

/// What changes.
enum Change {
    Keep(Arc<Entry>),
    Forget(Key),
}

impl Change {
    fn key(&self) -> Key {
        match self {
            Self::Keep(entry) => entry.key,
            Self::Forget(key) => *key,
        }
    }
}

/// The shelf. [`Writer::run`] writes what it takes.
pub struct StoredShelf(mpsc::Sender<Change>);

/// Writes what the shelf takes.
pub struct Writer {
    store: Arc<dyn Store>,
    clock: Clock,
    queue: mpsc::Receiver<Change>,
    /// Room in the database, in bytes.
    room: u64,
    /// What was written since the answers there were bounded, in bytes.
    written: u64,
}

/// The shelf and its writer; memory has room for so many bytes.
#[must_use]
pub fn open(store: Arc<dyn Store>, clock: Clock, memory: u64) -> (StoredShelf, Writer) {
    let (sender, queue) = mpsc::channel(WAITING);
    let room = memory.saturating_mul(TIMES);
    (StoredShelf(sender), Writer { store, clock, queue, room, written: 0 })
}

impl StoredShelf {
    /// A cache may lose what it cannot write: it is asked for again.
    fn send(&self, change: Change) {
        if self.0.try_send(change).is_err() {
            tracing::debug!("a change of the model cache was not written: the database does not keep up");
        }
    }
}

impl Shelf for StoredShelf {
    fn keep(&self, entry: Arc<Entry>) {
        self.send(Change::Keep(entry));
    }

    fn forget(&self, key: Key) {
        self.send(Change::Forget(key));
    }
}

impl Writer {
    /// Reads what is there into `kept`, then writes until `stop` says so and nothing waits any more.
    pub async fn run(mut self, kept: Kept, mut stop: watch::Receiver<bool>) {
        // From before the reading on, so that nothing falls between.
        let mut follower = Follower::begin(self.store.clone(), self.clock.clone()).await;
        if let Err(error) = self.restore(&kept).await {
            tracing::warn!(%error, "kept answers of models could not be read; the cache begins empty");
        }
        let mut batch = Vec::with_capacity(BATCH);
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let stopping = *stop.borrow();
            if stopping {
                // What is queued is still handed out; nothing new is taken.
                self.queue.close();
            }
            tokio::select! {
                taken = self.queue.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    self.write(std::mem::take(&mut batch)).await;
                }
                () = follower.due(), if !stopping => {
                    if follower.take_over(&kept).await && let Err(error) = self.restore(&kept).await {
                        tracing::warn!(%error, "kept answers of models could not be read again");
                    }
                }
                _ = sweep.tick(), if !stopping => self.sweep().await,
                changed = stop.changed(), if !stopping => {
                    if changed.is_err() {
                        self.queue.close();
                    }
                }
            }
        }
    }

    /// Throws away what has ended, and the oldest of what there is too much of. Memory goes by itself.
    async fn sweep(&mut self) {
        let mut swept = self.store.sweep_model_answers(self.clock.now()).await;
        if swept.is_ok() && self.written >= self.room / PARTS {
            swept = self.store.bound_model_answers(self.room).await;
            self.written = 0;
        }
        if let Err(error) = swept {
            tracing::warn!(%error, "kept answers of models that have ended were not thrown away");
        }
    }

    async fn restore(&self, kept: &Kept) -> Result<(), crate::store::StoreError> {
        self.store.sweep_model_answers(self.clock.now()).await?;
        self.store.bound_model_answers(self.room).await?;
        let (mut after, mut count) = (None, 0_usize);
        loop {
            let (rows, next) = self.store.model_answers(after, PAGE).await?;
            count += rows.len();
            let into = kept.clone();
            // Beside the reactor: what each prompt means may have to be computed again.
            let restored = tokio::task::spawn_blocking(move || {
                rows.iter().filter_map(entry).for_each(|entry| into.restore(entry));
            });
            if let Err(failed) = restored.await {
                tracing::error!(%failed, "kept answers could not be restored; this is a defect, please report it");
            }
            after = match next {
                Some(next) => Some(next),
                None => break,
            };
        }
        if count > 0 {
            tracing::info!(count, "kept answers of models are back in memory");
        }
        Ok(())
    }

    async fn write(&mut self, batch: Vec<Change>) {
        // The last word on each counts.
        let mut last: BTreeMap<Key, Change> = BTreeMap::new();
        for change in batch {
            last.insert(change.key(), change);
        }
        let (mut rows, mut gone, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for (key, change) in last {
            match &change {
                Change::Keep(entry) => rows.push(row(entry)),
                Change::Forget(_) => gone.push(key.0),
            }
            told.push(key.0);
        }
        self.written += rows.iter().map(|row: &ModelAnswer| row.clear.len() as u64).sum::<u64>();
        let written = match self.store.write_model_answers(rows, gone).await {
            Ok(()) => replicas::tell(&*self.store, &self.clock, told).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            tracing::warn!(%error, "kept answers of models were not written");
        }
    }
}

/// An entry as it is written, in clear: the store seals it.
#[derive(Serialize, Deserialize)]
struct Written {
    partition: [u8; 32],
    subscription: String,
    product: String,
    api: String,
    model: String,
    text: Option<String>,
    /// The embedding model and its vector.
    meaning: Option<(String, Vec<u8>)>,
    body: String,
    usage: Usage,
    upstream_model: String,
    backend: String,
}

fn row(entry: &Entry) -> ModelAnswer {
    let Owner { subscription, product, api, model } = entry.owner.clone();
    let written = Written {
        partition: entry.partition.0,
        subscription,
        product,
        api,
        model,
        text: entry.text.clone(),
        meaning: entry.meaning.as_ref().map(|meaning| (meaning.model.to_string(), meaning.vector.to_bytes())),
        body: String::from_utf8_lossy(&entry.body).into_owned(),
        usage: entry.usage,
        upstream_model: entry.upstream_model.clone(),
        backend: entry.backend.clone(),
    };
    let clear = serde_json::to_vec(&written).expect("texts and numbers are JSON");
    ModelAnswer { key: entry.key.0, created: entry.created, expires: entry.expires, clear }
}

/// What was written; `None`: by another version, in another form.
pub(super) fn entry(row: &ModelAnswer) -> Option<Entry> {
    let written: Written = serde_json::from_slice(&row.clear).ok()?;
    let Written { subscription, product, api, model, .. } = written;
    Some(Entry {
        key: Key(row.key),
        partition: Key(written.partition),
        owner: Owner { subscription, product, api, model },
        meaning: meaning(written.text.as_deref(), written.meaning),
        text: written.text,
        body: Bytes::from(written.body),
        usage: written.usage,
        upstream_model: written.upstream_model,
        backend: written.backend,
        created: row.created,
        expires: row.expires,
    })
}

/// What a prompt means. The model inside the binary may be another one than the one that was: it is asked again.
fn meaning(text: Option<&str>, written: Option<(String, Vec<u8>)>) -> Option<Meaning> {
    let (model, vector) = written?;
    if model == BUILTIN {
        return Meaning::builtin(text?);
    }
    Some(Meaning { model: model.into(), vector: Embedding::from_bytes(&vector)? })
}
