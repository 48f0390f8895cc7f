//! The durable book of owners of stored provider objects: written behind, in batches, by one task.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    gateway::owners::{Book, OwnedObject, Owner},
    model::{Clock, SubscriptionId},
    store::{self, Store},
};

/// Owners that are written in one transaction.
const BATCH: usize = 500;

/// The store behind the gateway's port.
pub struct StoreBook {
    store: Arc<dyn Store>,
    queue: UnboundedSender<OwnedObject>,
}

impl StoreBook {
    /// A book over `store`, and the task that writes it: it ends when the book is dropped and all is written.
    pub fn open(store: Arc<dyn Store>, clock: Clock) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let (queue, taken) = unbounded_channel();
        let writing = write(store.clone(), clock, taken);
        (Arc::new(Self { store, queue }), writing)
    }
}

impl Book for StoreBook {
    fn record(&self, object: OwnedObject) {
        if self.queue.send(object).is_err() {
            tracing::error!("an owner of a stored object was not written: the writer has ended");
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

/// Callers without a key share one owner: the empty subscription.
fn caller(stored: SubscriptionId) -> Option<SubscriptionId> {
    (!stored.as_str().is_empty()).then_some(stored)
}

async fn write(store: Arc<dyn Store>, clock: Clock, mut taken: UnboundedReceiver<OwnedObject>) {
    let mut objects = Vec::new();
    while taken.recv_many(&mut objects, BATCH).await > 0 {
        let rows = objects.drain(..).map(|object| row(object, &clock)).collect();
        if let Err(error) = store.insert_owners(rows).await {
            tracing::error!(%error, "owners of stored objects were not written");
        }
    }
}

fn row(object: OwnedObject, clock: &Clock) -> store::Owner {
    store::Owner {
        object: object.id.to_string(),
        kind: object.kind.to_owned(),
        subscription: object.subscription.unwrap_or_else(|| SubscriptionId::from("")),
        backend: object.backend,
        created: clock.now(),
    }
}
