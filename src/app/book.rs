//! The gateway's book of stored objects, kept in the database: written behind the answers in batches, read on demand.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tollgate_providers::StoredKind;

use crate::{
    gateway::owners::{Book, OwnedObject, Owner},
    model::{BackendId, Clock, SubscriptionId},
    store::{self, Owners},
};

/// Entries that may wait to be written: minutes of the busiest gateway's uploads and stored responses.
const WAITING: usize = 16_384;

/// Entries written in one transaction.
const BATCH: usize = 256;

/// The book. Cheap to share; [`Writer::run`] writes what it takes.
pub struct StoredBook {
    store: Arc<dyn Owners>,
    queue: mpsc::Sender<OwnedObject>,
}

/// Writes what the book takes.
pub struct Writer {
    store: Arc<dyn Owners>,
    clock: Clock,
    queue: mpsc::Receiver<OwnedObject>,
}

/// The book and its writer.
#[must_use]
pub fn open(store: Arc<dyn Owners>, clock: Clock) -> (StoredBook, Writer) {
    let (sender, queue) = mpsc::channel(WAITING);
    (StoredBook { store: Arc::clone(&store), queue: sender }, Writer { store, clock, queue })
}

impl Book for StoredBook {
    fn record(&self, object: OwnedObject) {
        if let Err(refused) = self.queue.try_send(object) {
            let reason = match &refused {
                mpsc::error::TrySendError::Full(_) => "the database does not keep up",
                mpsc::error::TrySendError::Closed(_) => "the process is going down",
            };
            let object = refused.into_inner();
            tracing::error!(
                id = &*object.id,
                kind = object.owner.kind.word(),
                reason,
                "owner of a stored object was not recorded"
            );
        }
    }

    fn find_all(&self, ids: Vec<String>) -> BoxFuture<'_, Result<HashMap<String, Owner>, String>> {
        Box::pin(async move {
            let rows = self.store.owners(ids).await.map_err(|error| unread(&error))?;
            Ok(rows.into_iter().map(known).collect())
        })
    }

    fn homes(
        &self,
        subscription: Option<SubscriptionId>,
        kind: StoredKind,
    ) -> BoxFuture<'_, Result<Vec<BackendId>, String>> {
        Box::pin(async move {
            let subscription = subscription.unwrap_or_else(nobody);
            let homes = self.store.homes(subscription, kind.word().to_owned()).await;
            homes.map_err(|error| unread(&error))
        })
    }
}

fn unread(error: &store::StoreError) -> String {
    tracing::error!(%error, "the owner of a stored object could not be looked up");
    "The owner of a stored object could not be looked up; try again.".to_owned()
}

fn known(row: store::Owner) -> (String, Owner) {
    let kind = StoredKind::from_word(&row.kind);
    (row.object, Owner { kind, subscription: caller(row.subscription), backend: row.backend })
}

impl Writer {
    /// Writes until `stop` says so and nothing waits any more.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut batch = Vec::with_capacity(BATCH);
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
                changed = stop.changed(), if !stopping => {
                    if changed.is_err() {
                        self.queue.close();
                    }
                }
            }
        }
    }

    async fn write(&self, batch: Vec<OwnedObject>) {
        let created = self.clock.now();
        let rows: Vec<store::Owner> = batch.into_iter().map(|object| row(object, created)).collect();
        let count = rows.len();
        if let Err(error) = self.store.insert_owners(rows).await {
            tracing::error!(%error, count, "owners of stored objects were not recorded");
        }
    }
}

fn row(object: OwnedObject, created: crate::model::Timestamp) -> store::Owner {
    store::Owner {
        object: object.id.to_string(),
        kind: object.owner.kind.word().to_owned(),
        subscription: object.owner.subscription.unwrap_or_else(nobody),
        backend: object.owner.backend,
        created,
    }
}

/// Callers without a key share one name that no subscription can have.
fn nobody() -> SubscriptionId {
    SubscriptionId::from("")
}

fn caller(subscription: SubscriptionId) -> Option<SubscriptionId> {
    (subscription != nobody()).then_some(subscription)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::{Env, database::Place},
        model::{Entropy, Timestamp},
        settings::Server,
    };

    #[tokio::test]
    async fn what_was_taken_before_the_stop_is_written_and_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let place = Place::of(&Server::default(), Some(dir.path()));
        let store = place.open(&Env::empty(), &Entropy::seeded(1)).await.expect("opened");
        let (book, writer) = open(store, Clock::manual(Timestamp::from_secs(1)));
        let owner = |kind, subscription: Option<&str>| {
            let subscription = subscription.map(SubscriptionId::from);
            Owner { kind, subscription, backend: "b".into() }
        };
        let objects = [
            ("resp_1", owner(StoredKind::Response, Some("team-a"))),
            ("file-2", owner(StoredKind::File, None)),
            ("resp_1", owner(StoredKind::File, Some("thief"))),
        ];
        for (id, owner) in objects.clone() {
            book.record(OwnedObject { id: id.into(), owner });
        }
        let (stop, stopped) = watch::channel(false);
        stop.send(true).expect("a receiver");
        writer.run(stopped).await;
        let ids = ["resp_1", "file-2", "other", "'; DROP TABLE owners; --"].map(ToOwned::to_owned).to_vec();
        let expected = objects[..2].iter().map(|(id, owner)| ((*id).to_owned(), owner.clone())).collect();
        assert_eq!(book.find_all(ids).await.expect("read"), expected);
        let homes = book.homes(None, StoredKind::File).await.expect("read");
        assert_eq!(homes, [BackendId::from("b")]);
        assert!(book.homes(None, StoredKind::Batch).await.expect("read").is_empty());
    }
}
