//! Who created which stored object of a provider (responses, files, batches), and at which backend it lives.
//!
//! Answers come from memory when the object is recent, else from the book behind the port: a look-up that only
//! calls about stored objects pay for. Recording never waits.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::Method;
use moka::sync::Cache;
use tollgate_providers::Surface;

use crate::model::{BackendId, SubscriptionId};

/// Objects remembered in memory.
const REMEMBERED: u64 = 100_000;

/// A stored object of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedObject {
    /// The provider's id, such as `resp_...` or `file-...`.
    pub id: Arc<str>,
    /// `response`, `file` or `batch`.
    pub kind: &'static str,
    /// Who created it; `None`: a caller without a key.
    pub subscription: Option<SubscriptionId>,
    /// Where it lives.
    pub backend: BackendId,
}

/// Who owns an object and where it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Who created it; `None`: a caller without a key.
    pub subscription: Option<SubscriptionId>,
    /// Where it lives.
    pub backend: BackendId,
}

/// The durable book of owners, behind a port: the gateway knows no database.
pub trait Book: Send + Sync {
    /// Takes an object for writing, without waiting.
    fn record(&self, object: OwnedObject);
    /// Looks an object up; an error says in words why the book could not be read.
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Owner>, String>>;
}

/// Memory in front of the book.
pub struct Owners {
    recent: Cache<Arc<str>, Owner>,
    book: Arc<dyn Book>,
}

impl Owners {
    /// In front of `book`.
    #[must_use]
    pub fn new(book: Arc<dyn Book>) -> Self {
        Self { recent: Cache::new(REMEMBERED), book }
    }

    /// Who owns `id`.
    pub async fn find(&self, id: &str) -> Result<Option<Owner>, String> {
        if let Some(owner) = self.recent.get(id) {
            return Ok(Some(owner));
        }
        let found = self.book.find(id).await?;
        if let Some(owner) = &found {
            self.recent.insert(id.into(), owner.clone());
        }
        Ok(found)
    }

    /// A watch for the ids that the answer to this call will carry, if the call creates objects.
    #[must_use]
    pub fn watch(self: &Arc<Self>, surface: Surface, method: &Method, owner: Owner) -> Option<Watch> {
        let kind = match surface {
            Surface::Responses => "response",
            Surface::Files => "file",
            Surface::Batches => "batch",
            _ => return None,
        };
        Some(Watch { owners: self.clone(), kind, owner, is_noted: method != Method::POST })
    }

    /// The first owner of an id keeps it.
    fn record(&self, id: &str, kind: &'static str, owner: Owner) {
        let id: Arc<str> = id.into();
        if self.recent.contains_key(&id) {
            return;
        }
        self.recent.insert(id.clone(), owner.clone());
        self.book.record(OwnedObject { id, kind, subscription: owner.subscription, backend: owner.backend });
    }
}

/// Waits for the ids of objects that an answer creates.
pub struct Watch {
    owners: Arc<Owners>,
    kind: &'static str,
    owner: Owner,
    is_noted: bool,
}

impl Watch {
    /// Records the object that the answer is; further calls do nothing.
    pub fn note(&mut self, id: &str) {
        if !std::mem::replace(&mut self.is_noted, true) {
            self.owners.record(id, self.kind, self.owner.clone());
        }
    }

    /// Records files that the answer names as its outcome: they belong to its owner.
    pub fn note_files(&self, files: &[String]) {
        for id in files {
            self.owners.record(id, "file", self.owner.clone());
        }
    }
}
