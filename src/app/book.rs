//! The gateway's book of stored objects, kept in the database: written behind the answers in batches, read on demand.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use crate::{
    gateway::owners::{Book, OwnedObject, Owner},
    model::{Clock, SubscriptionId},
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
            tracing::error!(id = &*object.id, kind = object.kind, reason, "owner of a stored object was not recorded");
        }
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Owner>, String>> {
        Box::pin(async move {
            let found = self.store.owner(id.to_owned()).await.map_err(|error| {
                tracing::error!(%error, "the owner of a stored object could not be looked up");
                "The owner of a stored object could not be looked up; try again.".to_owned()
            })?;
            Ok(found.map(|row| Owner { subscription: caller(row.subscription), backend: row.backend }))
        })
    }
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
        kind: object.kind.to_owned(),
        subscription: object.subscription.unwrap_or_else(nobody),
        backend: object.backend,
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
    };

    #[tokio::test]
    async fn what_was_taken_before_the_stop_is_written_and_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let place = Place { data_dir: dir.path().to_owned(), database: dir.path().join("tollgate.db") };
        let store = Arc::new(place.open(&Env::empty(), &Entropy::seeded(1)).await.expect("opened"));
        let (book, writer) = open(store, Clock::manual(Timestamp::from_secs(1)));
        for (id, subscription) in [("resp_1", Some("team-a")), ("file-2", None)] {
            let subscription = subscription.map(SubscriptionId::from);
            book.record(OwnedObject { id: id.into(), kind: "response", subscription, backend: "b".into() });
        }
        let (stop, stopped) = watch::channel(false);
        stop.send(true).expect("a receiver");
        writer.run(stopped).await;
        let found = book.find("resp_1").await.expect("read").expect("there");
        assert_eq!(found, Owner { subscription: Some("team-a".into()), backend: "b".into() });
        assert_eq!(book.find("file-2").await.expect("read").expect("there").subscription, None);
        assert_eq!(book.find("other").await.expect("read"), None);
    }
}
