//! What can be asked for, and its translation into rows: preconditions and ownership are decided here.

use super::{Etag, Ownership, Refused, View, states};
use crate::{
    model::{KeyHash, Secret, SubscriptionKey},
    settings::{Object, ObjectKind, Problem, Subscription},
    store::{KeyRow, KeySlot, Write},
};

/// Lengths of keys that may be brought along; the file's rule.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 16..=1024;

/// Whether to do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Do it.
    Real,
    /// Decide, check and compile everything, then leave it.
    Dry,
}

/// What must hold of the object before it is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Anything,
    /// It does not exist (`If-None-Match: *`).
    Absent,
    /// It exists (`If-Match: *`).
    Present,
    /// It is as the caller read it: one of these.
    Unchanged(Vec<Etag>),
}

/// One change.
#[derive(Clone, Debug)]
pub enum Change {
    /// Creates or replaces an object. Keys inside a subscription are hashed and set; those left out stay.
    Put {
        /// The whole object.
        object: Object,
        /// Precondition.
        expect: Expect,
    },
    /// Removes an object of the database.
    Delete {
        /// Kind.
        kind: ObjectKind,
        /// Identifier.
        id: String,
        /// Precondition.
        expect: Expect,
    },
}

impl Change {
    /// The kind of the object that it changes.
    #[must_use]
    pub const fn kind(&self) -> ObjectKind {
        match self {
            Self::Put { object, .. } => object.kind(),
            Self::Delete { kind, .. } => *kind,
        }
    }

    /// The identifier of the object that it changes.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Put { object, .. } => object.id(),
            Self::Delete { id, .. } => id,
        }
    }

    const fn expect(&self) -> &Expect {
        match self {
            Self::Put { expect, .. } | Self::Delete { expect, .. } => expect,
        }
    }
}

/// The rows that the changes come to.
pub(super) fn decide(view: &View, changes: &[Change]) -> Result<Vec<Write>, Refused> {
    let mut writes = Vec::new();
    for change in changes {
        may_change(view, change)?;
        match change {
            Change::Put { object, .. } => put(view, object.clone(), &mut writes)?,
            Change::Delete { kind, id, .. } => writes.push(Write::Delete { kind: *kind, id: id.clone() }),
        }
    }
    Ok(writes)
}

fn may_change(view: &View, change: &Change) -> Result<(), Refused> {
    let (kind, id) = (change.kind(), change.id().to_owned());
    let entry = view.get(kind, &id);
    match (entry.map(|entry| &entry.ownership), change) {
        (Some(Ownership::File(origin)), _) => {
            return Err(Refused::FileOwned { kind, id, origin: origin.clone() });
        }
        (Some(Ownership::BuiltIn), Change::Delete { .. }) => return Err(Refused::BuiltIn { kind, id }),
        (None, Change::Delete { .. }) => return Err(Refused::NotFound { kind, id }),
        _ => {}
    }
    match (change.expect(), entry) {
        (Expect::Absent, Some(_)) => Err(Refused::Exists { kind, id }),
        (Expect::Present, None) => Err(Refused::NotFound { kind, id }),
        (Expect::Unchanged(seen), entry) if !entry.is_some_and(|entry| seen.contains(&entry.etag)) => {
            Err(Refused::Stale { kind, id })
        }
        _ => Ok(()),
    }
}

fn put(view: &View, mut object: Object, writes: &mut Vec<Write>) -> Result<(), Refused> {
    let (kind, id) = (object.kind(), object.id().to_owned());
    let mut keys = Vec::new();
    if let Object::Subscription(subscription) = &mut object {
        may_step(view, subscription)?;
        keys = take_keys(subscription)?;
    }
    writes.push(Write::Put { kind, id, body: object.to_json() });
    writes.extend(keys.into_iter().map(Write::Key));
    Ok(())
}

fn may_step(view: &View, subscription: &Subscription) -> Result<(), Refused> {
    let id = subscription.id.as_str();
    let Some(Object::Subscription(old)) = view.get(ObjectKind::Subscription, id).map(|entry| &entry.object) else {
        return Ok(());
    };
    if states::may_follow(old.state, subscription.state) {
        return Ok(());
    }
    Err(Refused::NoSuchStep { id: id.to_owned(), from: old.state, to: subscription.state })
}

/// Takes the keys out of the object: they are stored as hashes only.
fn take_keys(subscription: &mut Subscription) -> Result<Vec<KeyRow>, Refused> {
    let brought = [
        (KeySlot::Primary, "key", subscription.key.take()),
        (KeySlot::Secondary, "secondary_key", subscription.secondary_key.take()),
    ];
    let mut problems = Vec::new();
    let mut rows = Vec::new();
    for (slot, field, key) in brought {
        let Some(key) = key else { continue };
        problems.extend(unfit(&key).map(|why| Problem::new(field, why)));
        rows.push(KeyRow { subscription: subscription.id.clone(), slot, hash: KeyHash::of(key.expose()) });
    }
    if problems.is_empty() { Ok(rows) } else { Err(Refused::Invalid(problems)) }
}

fn unfit(key: &Secret) -> Option<String> {
    let text = key.expose();
    if !KEY_LENGTHS.contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("a key has 16 to 1024 visible ASCII characters; leave it out to have one made".to_owned());
    }
    (!SubscriptionKey::is_plausible(text))
        .then(|| "starts with `tg_` but is not a key that Tollgate made; leave it out to have one made".to_owned())
}
