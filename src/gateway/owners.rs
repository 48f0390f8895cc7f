//! Who created which stored object of a provider (responses, files, batches), and at which backend it lives.
//!
//! Answers come from memory when the object is recent, else from the book behind the port: a look-up that only
//! calls about stored objects pay for. Recording never waits, and so cannot ask the book whether the object has an
//! owner already: what was recorded here counts only where the book knows no other owner.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use http::Method;
use moka::sync::Cache;
use tollgate_providers::{StoredKind, Surface};

use crate::model::{BackendId, SubscriptionId};

/// Objects remembered in memory.
const REMEMBERED: u64 = 100_000;

/// A stored object of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedObject {
    /// The provider's id, such as `resp_...` or `file-...`.
    pub id: Arc<str>,
    /// Whose it is and where it lives.
    pub owner: Owner,
}

/// Who owns an object and where it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// What the object is: an id is good for objects of its kind only.
    pub kind: StoredKind,
    /// Who created it; `None`: a caller without a key.
    pub subscription: Option<SubscriptionId>,
    /// Where it lives.
    pub backend: BackendId,
}

/// The durable book of owners, behind a port: the gateway knows no database. Errors say in words why the book
/// could not be read.
pub trait Book: Send + Sync {
    /// Takes an object for writing, without waiting. The first owner of an object keeps it.
    fn record(&self, object: OwnedObject);
    /// Looks objects up; those that nobody owns are not in the answer.
    fn find_all(&self, ids: Vec<String>) -> BoxFuture<'_, Result<HashMap<String, Owner>, String>>;
    /// The backends where objects of one kind and subscription live.
    fn homes(
        &self,
        subscription: Option<SubscriptionId>,
        kind: StoredKind,
    ) -> BoxFuture<'_, Result<Vec<BackendId>, String>>;
}

/// Memory in front of the book.
pub struct Owners {
    recent: Cache<Arc<str>, Recent>,
    recent_homes: Cache<(Option<SubscriptionId>, StoredKind), BTreeSet<BackendId>>,
    book: Arc<dyn Book>,
}

/// What memory knows of an object.
#[derive(Clone)]
enum Recent {
    /// The book says so.
    Known(Owner),
    /// Recorded here; the book may know an earlier owner, or not have written this one yet.
    Claimed(Owner),
}

impl Owners {
    /// In front of `book`.
    #[must_use]
    pub fn new(book: Arc<dyn Book>) -> Self {
        Self { recent: Cache::new(REMEMBERED), recent_homes: Cache::new(REMEMBERED), book }
    }

    /// Who owns `id`.
    pub async fn find(&self, id: &str) -> Result<Option<Owner>, String> {
        let mut found = self.find_all(vec![id.to_owned()]).await?;
        Ok(found.remove(id))
    }

    /// Who owns each of `ids`; those that nobody owns are not in the answer.
    pub async fn find_all(&self, ids: Vec<String>) -> Result<HashMap<String, Owner>, String> {
        let mut found = HashMap::new();
        let mut unsure = Vec::new();
        for id in ids {
            match self.recent.get(id.as_str()) {
                Some(Recent::Known(owner)) => {
                    found.insert(id, owner);
                }
                Some(Recent::Claimed(owner)) => {
                    found.insert(id.clone(), owner);
                    unsure.push(id);
                }
                None => unsure.push(id),
            }
        }
        if !unsure.is_empty() {
            for (id, owner) in self.book.find_all(unsure).await? {
                self.recent.insert(id.as_str().into(), Recent::Known(owner.clone()));
                found.insert(id, owner);
            }
        }
        Ok(found)
    }

    /// The backends where objects of one kind and subscription live, in the order of their ids.
    pub async fn homes(
        &self,
        subscription: Option<SubscriptionId>,
        kind: StoredKind,
    ) -> Result<BTreeSet<BackendId>, String> {
        let mut homes = self.recent_homes.get(&(subscription.clone(), kind)).unwrap_or_default();
        homes.extend(self.book.homes(subscription, kind).await?);
        Ok(homes)
    }

    /// A watch for the ids that the answer to this call will carry, if the call can name new objects.
    #[must_use]
    pub fn watch(
        self: &Arc<Self>,
        surface: Surface,
        method: &Method,
        subscription: Option<SubscriptionId>,
        backend: BackendId,
    ) -> Option<Watch> {
        let kind = StoredKind::of(surface).filter(|_| surface != Surface::StoredResponse)?;
        let owner = Owner { kind, subscription, backend };
        Some(Watch { owners: self.clone(), owner, is_noted: method != Method::POST })
    }

    /// The first owner of an id keeps it.
    fn record(&self, id: &str, owner: Owner) {
        let id: Arc<str> = id.into();
        if !self.recent.entry(id.clone()).or_insert_with(|| Recent::Claimed(owner.clone())).is_fresh() {
            return;
        }
        let whose = (owner.subscription.clone(), owner.kind);
        self.recent_homes.entry(whose).and_upsert_with(|homes| {
            let mut homes = homes.map(moka::Entry::into_value).unwrap_or_default();
            homes.insert(owner.backend.clone());
            homes
        });
        self.book.record(OwnedObject { id, owner });
    }
}

/// Waits for the ids of objects that an answer creates.
pub struct Watch {
    owners: Arc<Owners>,
    owner: Owner,
    is_noted: bool,
}

impl Watch {
    /// Records the object that the answer is; further calls do nothing.
    pub fn note(&mut self, id: &str) {
        if !std::mem::replace(&mut self.is_noted, true) {
            self.owners.record(id, self.owner.clone());
        }
    }

    /// Records files that a batch names as its outcome: they belong to its owner. No other answer names files.
    pub fn note_files(&self, files: &[String]) {
        if self.owner.kind != StoredKind::Batch {
            return;
        }
        for id in files {
            self.owners.record(id, Owner { kind: StoredKind::File, ..self.owner.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Knows one response of `victim`; takes records without writing them.
    #[derive(Default)]
    struct Victims(Mutex<Vec<OwnedObject>>);

    fn owner(kind: StoredKind, subscription: &str) -> Owner {
        Owner { kind, subscription: Some(subscription.into()), backend: "b".into() }
    }

    impl Book for Victims {
        fn record(&self, object: OwnedObject) {
            self.0.lock().expect("not poisoned").push(object);
        }

        fn find_all(&self, ids: Vec<String>) -> BoxFuture<'_, Result<HashMap<String, Owner>, String>> {
            let known = ids.into_iter().filter(|id| id == "resp_victim");
            let known = known.map(|id| (id, owner(StoredKind::Response, "victim"))).collect();
            Box::pin(async { Ok(known) })
        }

        fn homes(&self, _: Option<SubscriptionId>, _: StoredKind) -> BoxFuture<'_, Result<Vec<BackendId>, String>> {
            Box::pin(async { Ok(vec!["z".into()]) })
        }
    }

    fn watch(owners: &Arc<Owners>, surface: Surface) -> Watch {
        owners.watch(surface, &Method::POST, Some("thief".into()), "b".into()).expect("a creating surface")
    }

    #[tokio::test]
    async fn an_owner_that_the_book_knows_stays() {
        let owners = Arc::new(Owners::new(Arc::new(Victims::default())));
        watch(&owners, Surface::Batches).note_files(&["resp_victim".to_owned(), "file_new".to_owned()]);
        let victims = owners.find("resp_victim").await.expect("read");
        assert_eq!(victims, Some(owner(StoredKind::Response, "victim")));
        assert_eq!(owners.find("file_new").await.expect("read"), Some(owner(StoredKind::File, "thief")));
    }

    #[tokio::test]
    async fn only_batches_name_files() {
        let book = Arc::new(Victims::default());
        let owners = Arc::new(Owners::new(book.clone()));
        for surface in [Surface::Files, Surface::Responses] {
            watch(&owners, surface).note_files(&["resp_1".to_owned()]);
        }
        assert!(book.0.lock().expect("not poisoned").is_empty());
        assert_eq!(owners.find("resp_1").await.expect("read"), None);
    }

    #[tokio::test]
    async fn homes_are_known_before_they_are_written() {
        let owners = Arc::new(Owners::new(Arc::new(Victims::default())));
        watch(&owners, Surface::Files).note("file_1");
        let homes = |kind| owners.homes(Some("thief".into()), kind);
        assert_eq!(homes(StoredKind::File).await.expect("read"), ["b".into(), "z".into()].into());
        assert_eq!(homes(StoredKind::Batch).await.expect("read"), ["z".into()].into());
    }
}
