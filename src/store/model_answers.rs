//! Answers of models that outlive the process, as the port of any database has them.
//!
//! What an answer is, and in which form, is the caller's matter: here it is a name and bytes, sealed before they are
//! written and opened when they are read. Rows that cannot be opened (another key) are left out.

use std::fmt::Write as _;

use super::{Answer, SecretKey};
use crate::model::Timestamp;

/// The kind that rows are sealed as.
const KIND: &str = "model_answers";

/// An answer, in clear.
#[derive(Clone, PartialEq, Eq)]
pub struct ModelAnswer {
    /// Its name.
    pub key: [u8; 32],
    /// When it was given.
    pub created: Timestamp,
    /// From when on it is worth nothing.
    pub expires: Timestamp,
    /// Prompt and answer.
    pub clear: Vec<u8>,
}

impl std::fmt::Debug for ModelAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelAnswer").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Kept answers of models.
pub trait ModelAnswers: Send + Sync {
    /// Forgets `gone`, then writes `kept`, each in place of one of its name.
    fn write_model_answers(&self, kept: Vec<ModelAnswer>, gone: Vec<[u8; 32]>) -> Answer<'_, ()>;

    /// Answers by name, after `after`, at most `limit` rows looked at. The name of the last row looked at is where the
    /// next call begins; `None`: there are no more.
    fn model_answers(&self, after: Option<[u8; 32]>, limit: u32) -> Answer<'_, (Vec<ModelAnswer>, Option<[u8; 32]>)>;

    /// Forgets all that is worth nothing at `now`; how many there were.
    fn sweep_model_answers(&self, now: Timestamp) -> Answer<'_, u64>;

    /// Forgets the oldest ones until the rest takes no more than so many bytes as they are written; how many there were.
    fn bound_model_answers(&self, most: u64) -> Answer<'_, u64>;

    /// How several gateways tell each other what changed; `None`: one process has this database for itself.
    fn shared_answers(&self) -> Option<&dyn SharedAnswers> {
        None
    }
}

/// What several gateways with one database tell each other of kept answers.
pub trait SharedAnswers: Send + Sync {
    /// Tells that these were written or forgotten at `now`, and forgets what was told before `until`.
    fn tell_answers(&self, keys: Vec<[u8; 32]>, now: Timestamp, until: Timestamp) -> Answer<'_, ()>;

    /// What was told since an earlier call returned `since`, by anybody; none is left out, however long its transaction
    /// took. `None`: nothing, only from where on.
    fn told_answers(&self, since: Option<i64>) -> Answer<'_, Told>;

    /// The answers of these names that are there.
    fn named_answers(&self, keys: Vec<[u8; 32]>) -> Answer<'_, Vec<ModelAnswer>>;
}

/// What was told.
#[derive(Debug, Default)]
pub struct Told {
    /// Where the next call begins.
    pub upto: i64,
    /// The names, each with the last time it was told of.
    pub keys: Vec<([u8; 32], Timestamp)>,
}

/// A row as both databases have it.
pub(super) type RawAnswer = (Vec<u8>, i64, i64, Vec<u8>);

/// What is written of an answer.
pub(super) fn sealed(secret: &SecretKey, answer: &ModelAnswer) -> Vec<u8> {
    secret.seal(KIND, &name(&answer.key), &answer.clear)
}

/// The answers of a page of rows, and where the next page begins.
pub(super) fn page(secret: &SecretKey, rows: Vec<RawAnswer>, limit: u32) -> (Vec<ModelAnswer>, Option<[u8; 32]>) {
    let is_full = u32::try_from(rows.len()).is_ok_and(|count| count == limit);
    let last = rows.last().and_then(|row| row.0.as_slice().try_into().ok()).filter(|_| is_full);
    (rows.into_iter().filter_map(|row| opened(secret, row)).collect(), last)
}

fn opened(secret: &SecretKey, (key, created, expires, sealed): RawAnswer) -> Option<ModelAnswer> {
    let key: [u8; 32] = key.as_slice().try_into().ok()?;
    let clear = secret.open(KIND, &name(&key), &sealed)?;
    let time = |nanos: i64| Timestamp::from_nanos(nanos.try_into().unwrap_or(0));
    Some(ModelAnswer { key, created: time(created), expires: time(expires), clear })
}

fn name(key: &[u8; 32]) -> String {
    let mut name = String::with_capacity(64);
    for byte in key {
        write!(name, "{byte:02x}").expect("writing to memory does not fail");
    }
    name
}
