//! The rows as values. Bodies are JSON; what they mean is for `settings` and `snapshot` to say.

use std::fmt;

use serde_json::Value;

use crate::{
    model::{BackendId, KeyHash, SubscriptionId, Timestamp},
    settings::ObjectKind,
};

/// Counts the commits of a database, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// Which of a subscription's two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySlot {
    /// The primary key.
    Primary,
    /// The secondary key, for rotation without an outage.
    Secondary,
}

impl KeySlot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Secondary];

    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }
}

/// One key of one subscription of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Whose.
    pub subscription: SubscriptionId,
    /// Which.
    pub slot: KeySlot,
    /// Its hash.
    pub hash: KeyHash,
}

/// One configuration object.
#[derive(Clone, PartialEq)]
pub struct ObjectRow {
    /// Kind.
    pub kind: ObjectKind,
    /// Identifier, unique inside its kind.
    pub id: String,
    /// The object, secrets of backends included, keys of subscriptions never.
    pub body: Value,
    /// The revision that wrote it: changes with every write and never repeats.
    pub version: u64,
    /// First written.
    pub created: Timestamp,
    /// Last written.
    pub updated: Timestamp,
}

impl fmt::Debug for ObjectRow {
    /// Without the body, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectRow({}/{} version {})", self.kind.plural(), self.id, self.version)
    }
}

/// Everything that configuration is compiled from, read in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// As of.
    pub revision: Revision,
    /// All objects, by kind and id.
    pub objects: Vec<ObjectRow>,
    /// All keys.
    pub keys: Vec<KeyRow>,
}

/// One change inside a [`Commit`].
#[derive(Clone, PartialEq)]
pub enum Write {
    /// Creates or replaces an object.
    Put {
        /// Kind.
        kind: ObjectKind,
        /// Identifier.
        id: String,
        /// The whole object.
        body: Value,
    },
    /// Removes an object, with the keys and last use of a subscription. Nothing when it is not there.
    Delete {
        /// Kind.
        kind: ObjectKind,
        /// Identifier.
        id: String,
    },
    /// Sets one key of a subscription, in place of the one it had.
    Key(KeyRow),
}

impl fmt::Debug for Write {
    /// Without bodies, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { kind, id, .. } => write!(f, "Put({}/{id})", kind.plural()),
            Self::Delete { kind, id } => write!(f, "Delete({}/{id})", kind.plural()),
            Self::Key(row) => write!(f, "Key({}, {})", row.subscription, row.slot.as_str()),
        }
    }
}

/// Changes that happen together or not at all, and only on the revision that they were decided on.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The revision that was read.
    pub based_on: Revision,
    /// The changes, in order.
    pub writes: Vec<Write>,
    /// When.
    pub now: Timestamp,
}

/// Who created a stored object of a provider, and which backend holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The provider's id, such as `resp_…`.
    pub object: String,
    /// `response`, `file`, `batch` …
    pub kind: String,
    /// Who may see it.
    pub subscription: SubscriptionId,
    /// Where it is.
    pub backend: BackendId,
    /// When it was made.
    pub created: Timestamp,
}

/// An administrator's token, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminToken {
    /// What the administrator calls it.
    pub name: String,
    /// Its hash.
    pub hash: KeyHash,
    /// When it was made.
    pub created: Timestamp,
}
