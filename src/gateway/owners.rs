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
use tollgate_providers::{StoredKind, StoredRef, Surface};

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

    /// A watch for the ids that the answer to this call will carry, if the call can name new objects. A stored response
    /// names what it made when it was made in the background.
    #[must_use]
    pub fn watch(
        self: &Arc<Self>,
        surface: Surface,
        method: &Method,
        subscription: Option<SubscriptionId>,
        backend: BackendId,
    ) -> Option<Watch> {
        // A message is not stored; the container that its code ran in is kept for later ones.
        let kind =
            StoredKind::of(surface).or_else(|| (surface == Surface::Messages).then_some(StoredKind::Container))?;
        let owner = Owner { kind, subscription, backend };
        let is_noted = method != Method::POST || matches!(surface, Surface::StoredResponse | Surface::Messages);
        Some(Watch { owners: self.clone(), owner, is_noted, made: 0 })
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
    /// How much the answer had made when it was last looked at.
    made: usize,
}

impl Watch {
    /// Records the object that the answer is; further calls do nothing.
    pub fn note(&mut self, id: &str) {
        if !std::mem::replace(&mut self.is_noted, true) {
            self.owners.record(id, self.owner.clone());
        }
    }

    /// Records what an answer made beside the object that it is; it belongs to that object's owner. Only batches make
    /// files, and only responses items and containers; messages have containers, too.
    pub fn note_made(&mut self, made: &[StoredRef]) {
        // A stream is looked at with each piece, and it makes something now and then.
        if std::mem::replace(&mut self.made, made.len()) == made.len() {
            return;
        }
        for StoredRef { kind, id } in made {
            let can_make = matches!(
                (self.owner.kind, kind),
                (StoredKind::Batch, StoredKind::File)
                    | (StoredKind::Response, StoredKind::Item | StoredKind::Container)
                    | (StoredKind::Container, StoredKind::Container)
            );
            if can_make {
                self.owners.record(id, Owner { kind: *kind, ..self.owner.clone() });
            }
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

    async fn find(owners: &Owners, id: &str) -> Option<Owner> {
        owners.find_all(vec![id.to_owned()]).await.expect("read").remove(id)
    }

    fn watch(owners: &Arc<Owners>, surface: Surface) -> Watch {
        owners.watch(surface, &Method::POST, Some("thief".into()), "b".into()).expect("a creating surface")
    }

    fn files(ids: &[&str]) -> Vec<StoredRef> {
        ids.iter().map(|id| StoredRef { kind: StoredKind::File, id: (*id).to_owned() }).collect()
    }

    #[tokio::test]
    async fn an_owner_that_the_book_knows_stays() {
        let owners = Arc::new(Owners::new(Arc::new(Victims::default())));
        watch(&owners, Surface::Batches).note_made(&files(&["resp_victim", "file_new"]));
        let victims = find(&owners, "resp_victim").await;
        assert_eq!(victims, Some(owner(StoredKind::Response, "victim")));
        assert_eq!(find(&owners, "file_new").await, Some(owner(StoredKind::File, "thief")));
    }

    #[tokio::test]
    async fn only_batches_name_files() {
        let book = Arc::new(Victims::default());
        let owners = Arc::new(Owners::new(book.clone()));
        for surface in [Surface::Files, Surface::Responses] {
            watch(&owners, surface).note_made(&files(&["resp_1"]));
        }
        assert!(book.0.lock().expect("not poisoned").is_empty());
        assert_eq!(find(&owners, "resp_1").await, None);
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
