//! The port: what any database must do. Adapters share one conformance suite.

use std::{collections::HashMap, path::Path, sync::Arc};

use futures_util::future::BoxFuture;

use super::{AdminToken, Books, Commit, Leases, ModelAnswers, Owner, Picture, Revision, StoreError};
use crate::model::{BackendId, KeyHash, SubscriptionId, Timestamp};

/// A pending answer of the store.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Configuration objects and keys.
pub trait Objects: Send + Sync {
    /// The newest revision; cheap, meant to be polled.
    fn revision(&self) -> Answer<'_, Revision>;

    /// All objects and keys of one moment.
    fn picture(&self) -> Answer<'_, Picture>;

    /// Writes all of it or nothing, and gives the new revision.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when the database is no longer at the commit's revision,
    /// [`StoreError::DuplicateKey`] when a key is another's.
    fn commit(&self, commit: Commit) -> Answer<'_, Revision>;

    /// Remembers when keys were last used; an older time than the known one changes nothing. Moves no revision.
    fn touch_last_used(&self, batch: Vec<(SubscriptionId, Timestamp)>) -> Answer<'_, ()>;

    /// When each subscription was last used, those never used left out.
    fn last_used(&self) -> Answer<'_, HashMap<SubscriptionId, Timestamp>>;
}

/// Who owns stored objects of providers.
pub trait Owners: Send + Sync {
    /// Remembers owners. An object that has one keeps it: nobody can take over another's by guessing its id.
    fn insert_owners(&self, batch: Vec<Owner>) -> Answer<'_, ()>;

    /// The owner of an object.
    fn owner(&self, object: String) -> Answer<'_, Option<Owner>>;

    /// The owners of those of `objects` that have one, in no order.
    fn owners(&self, objects: Vec<String>) -> Answer<'_, Vec<Owner>>;

    /// The backends where objects of one kind and subscription live, by id.
    fn homes(&self, subscription: SubscriptionId, kind: String) -> Answer<'_, Vec<BackendId>>;

    /// Objects of one kind and subscription by id, after `after`, at most `limit`.
    fn owned(
        &self,
        subscription: SubscriptionId,
        kind: String,
        after: Option<String>,
        limit: u32,
    ) -> Answer<'_, Vec<Owner>>;

    /// Forgets an object; whether it was known.
    fn delete_owner(&self, object: String) -> Answer<'_, bool>;
}

/// How administrators get in. Tokens, links and sessions are known by their hashes only.
pub trait Access: Send + Sync {
    /// Adds a sign-in link.
    fn add_link(&self, hash: KeyHash, expires: Timestamp) -> Answer<'_, ()>;

    /// Whether the link exists and has not expired; leaves it as it is.
    fn link_is_valid(&self, hash: KeyHash, now: Timestamp) -> Answer<'_, bool>;

    /// Uses the link up; whether it was there and had not expired. Of two callers at once one gets `true`.
    fn consume_link(&self, hash: KeyHash, now: Timestamp) -> Answer<'_, bool>;

    /// Adds an administrator's token.
    ///
    /// # Errors
    /// [`StoreError::DuplicateName`].
    fn add_admin_token(&self, token: AdminToken) -> Answer<'_, ()>;

    /// The token of that hash.
    fn admin_token(&self, hash: KeyHash) -> Answer<'_, Option<AdminToken>>;

    /// All tokens, by name.
    fn admin_tokens(&self) -> Answer<'_, Vec<AdminToken>>;

    /// Removes a token; whether there was one of that name.
    fn delete_admin_token(&self, name: String) -> Answer<'_, bool>;

    /// Opens a session.
    fn add_session(&self, hash: KeyHash, expires: Timestamp) -> Answer<'_, ()>;

    /// When the session expires; none when there is none or it has.
    fn session(&self, hash: KeyHash, now: Timestamp) -> Answer<'_, Option<Timestamp>>;

    /// Ends a session.
    fn delete_session(&self, hash: KeyHash) -> Answer<'_, ()>;

    /// Removes what has expired.
    fn sweep(&self, now: Timestamp) -> Answer<'_, ()>;
}

/// A database.
pub trait Store: Objects + Owners + Access + Books + ModelAnswers {
    /// Writes a consistent copy to a new file (0600) while in use. Sealed rows stay sealed: `secret.key` is not in it.
    ///
    /// # Errors
    /// [`StoreError::NoCopy`] of a database that has tools of its own for that.
    fn backup<'a>(&'a self, to: &'a Path) -> Answer<'a, ()>;

    /// The quota authority of gateways that share this database; `None` where only one can use it.
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>>;

    /// Waits until all connections are closed; a file is then whole without its log.
    fn close(&self) -> BoxFuture<'_, ()>;
}
