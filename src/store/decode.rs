//! Rows of any database as values: what both adapters make of what they read.
//!
//! Generic over the text type, because PostgreSQL's needs one of its own.

use super::{AdminToken, KeyRow, KeySlot, ObjectRow, Owner, Revision, SecretKey, StoreError};
use crate::{
    model::{KeyHash, Timestamp},
    settings::ObjectKind,
};

/// Kind, id, sealed, body, version, created, updated.
pub type RawObject<T> = (T, T, bool, Vec<u8>, i64, i64, i64);
/// Subscription, slot, hash.
pub type RawKey<T> = (T, T, Vec<u8>);
/// Name, hash, created.
pub type RawToken<T> = (T, Vec<u8>, i64);
/// Object, kind, subscription, backend, created.
pub type RawOwner<T> = (T, T, T, T, i64);

/// Times are stored as signed nanoseconds: enough until the year 2262.
pub fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

pub fn time(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos.try_into().unwrap_or(0))
}

pub fn revision((revision,): (i64,)) -> Revision {
    Revision(revision.unsigned_abs())
}

/// Kinds whose bodies are sealed: the others hold nothing that an answer of the admin API would not show.
pub const fn holds_secrets(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Backend
            | ObjectKind::NamedValue
            | ObjectKind::Certificate
            | ObjectKind::TokenSource
            | ObjectKind::Logger
    )
}

/// The body as it is stored, and whether it is sealed.
pub fn stored_body(secret: &SecretKey, kind: ObjectKind, id: &str, body: &serde_json::Value) -> (bool, Vec<u8>) {
    let clear = body.to_string().into_bytes();
    if holds_secrets(kind) { (true, secret.seal(kind.plural(), id, &clear)) } else { (false, clear) }
}

pub fn object<T: Into<String>>(secret: &SecretKey, raw: RawObject<T>) -> Result<ObjectRow, StoreError> {
    let (kind, id, sealed, body, version, created, updated) = raw;
    let (kind, id): (String, String) = (kind.into(), id.into());
    let kind = ObjectKind::ALL
        .into_iter()
        .find(|known| known.plural() == kind)
        .ok_or_else(|| StoreError::Corrupt(format!("an object of the unknown kind `{kind}`")))?;
    let clear = if sealed { secret.open(kind.plural(), &id, &body) } else { Some(body) };
    let clear = clear.ok_or_else(|| StoreError::Sealed { kind: kind.plural(), id: id.clone() })?;
    let body = serde_json::from_slice(&clear)
        .map_err(|_| StoreError::Corrupt(format!("{}/{id}, which is not JSON", kind.plural())))?;
    let version = version.unsigned_abs();
    Ok(ObjectRow { kind, id, body, version, created: time(created), updated: time(updated) })
}

pub fn key<T: Into<String>>((subscription, slot, hash): RawKey<T>) -> Result<KeyRow, StoreError> {
    let (subscription, slot): (String, String) = (subscription.into(), slot.into());
    let known = KeySlot::ALL.into_iter().find(|known| known.as_str() == slot);
    match (known, <[u8; 32]>::try_from(hash)) {
        (Some(slot), Ok(hash)) => {
            Ok(KeyRow { subscription: subscription.into(), slot, hash: KeyHash::from_bytes(hash) })
        }
        _ => Err(StoreError::Corrupt(format!("a key of subscription `{subscription}` that is none"))),
    }
}

pub fn token<T: Into<String>>((name, hash, created): RawToken<T>) -> Result<AdminToken, StoreError> {
    let name = name.into();
    let hash = <[u8; 32]>::try_from(hash)
        .map_err(|_| StoreError::Corrupt(format!("an administrator's token `{name}` that is none")))?;
    Ok(AdminToken { name, hash: KeyHash::from_bytes(hash), created: time(created) })
}

pub fn owner<T: Into<String>>((object, kind, subscription, backend, created): RawOwner<T>) -> Owner {
    let (subscription, backend): (String, String) = (subscription.into(), backend.into());
    Owner {
        object: object.into(),
        kind: kind.into(),
        subscription: subscription.into(),
        backend: backend.into(),
        created: time(created),
    }
}
