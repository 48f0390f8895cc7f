//! What is in use, as administration sees it: every object with its owner and its version.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Bound::{Excluded, Unbounded},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use crate::{
    model::Timestamp,
    settings::{Object, ObjectKind, Origin, Settings, redacted},
    store::Revision,
};

/// The version of an object as the `ETag` header shows it, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(String);

impl Etag {
    /// Of an object of the database.
    pub(super) fn of_version(version: u64) -> Self {
        Self(format!("\"{version}\""))
    }

    /// Of an object that is not in the database. Secrets do not take part: nobody can test guesses of them on it.
    pub(super) fn of_content(object: &Object) -> Self {
        let digest = Sha256::digest(redacted(object).to_string());
        let short = digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        Self(format!("\"f{short:016x}\""))
    }

    /// As a caller sent it; a weak one (`W/"…"`) never equals ours.
    #[must_use]
    pub fn seen(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The header's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who may change an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The configuration file, there.
    File(Origin),
    /// Nobody wrote it: a default, or the quick start. Can be replaced by one of the database.
    BuiltIn,
    /// The database: CLI, console, admin API.
    Database,
}

/// An object in use.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The object; a database subscription is without its keys.
    pub object: Object,
    /// Who may change it.
    pub ownership: Ownership,
    /// Its version.
    pub etag: Etag,
    /// First stored, for objects of the database.
    pub created: Option<Timestamp>,
    /// Last stored, for objects of the database.
    pub updated: Option<Timestamp>,
    /// Whether it is left out of the data plane: an object of the quick start while there is a configuration file.
    pub dormant: bool,
}

pub(super) type Entries = BTreeMap<(ObjectKind, String), Entry>;

/// All objects in use, at one revision.
#[derive(Debug)]
pub struct View {
    /// The database's revision.
    pub revision: Revision,
    /// File and database merged, dormant objects left out.
    pub settings: Arc<Settings>,
    entries: Entries,
}

impl View {
    pub(super) const fn new(revision: Revision, settings: Arc<Settings>, entries: Entries) -> Self {
        Self { revision, settings, entries }
    }

    /// The object of that kind and id.
    #[must_use]
    pub fn get(&self, kind: ObjectKind, id: &str) -> Option<&Entry> {
        self.entries.get(&(kind, id.to_owned()))
    }

    /// The labels of a subscription; none when there is none of that id.
    #[must_use]
    pub fn labels(&self, subscription: &str) -> BTreeMap<String, String> {
        match self.get(ObjectKind::Subscription, subscription).map(|entry| &entry.object) {
            Some(Object::Subscription(found)) => found.metadata.clone(),
            _ => BTreeMap::new(),
        }
    }

    /// Objects of a kind by id, those after `after`.
    pub fn after<'a>(&'a self, kind: ObjectKind, after: &str) -> impl Iterator<Item = (&'a str, &'a Entry)> + use<'a> {
        self.entries
            .range((Excluded((kind, after.to_owned())), Unbounded))
            .take_while(move |((of, _), _)| *of == kind)
            .map(|((_, id), entry)| (id.as_str(), entry))
    }
}
