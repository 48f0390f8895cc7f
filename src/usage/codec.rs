//! The ledger's entries as bytes, for the journal, and announced requests as bytes, for the database.
//!
//! A version, then postcard: compact, and nothing in it depends on names. When the shape of an entry changes, the
//! version changes: what an older version left in the journal is taken over by that version, not guessed at here.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::exchange::{Entry, Intent};

const VERSION: u8 = 1;

/// Why bytes are no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Written by another version of Tollgate.
    #[error(
        "it has version {seen}, this version of Tollgate reads version {VERSION}; start the version that wrote it once, \
         so that it takes everything to the database, then this one"
    )]
    Version {
        /// The version found.
        seen: u8,
    },
    /// Not what any version writes.
    #[error("it cannot be read: {0}")]
    Malformed(String),
}

/// An announced request that has not ended, with what has become of it so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// Its announcement, with the charges that hold now.
    pub intent: Intent,
    /// Generated tokens delivered so far, as far as was told; `None`: nothing was told.
    pub progress: Option<u64>,
}

/// An entry as the journal keeps it.
#[must_use]
pub fn encode(entry: &Entry) -> Vec<u8> {
    write(entry)
}

/// Reads an entry back.
///
/// # Errors
/// [`CodecError`]: the bytes are another version's, or damaged.
pub fn decode(bytes: &[u8]) -> Result<Entry, CodecError> {
    read(bytes)
}

/// An open request as the database keeps it.
#[must_use]
pub fn encode_open(open: &Open) -> Vec<u8> {
    write(open)
}

/// Reads an open request back.
///
/// # Errors
/// [`CodecError`]: the bytes are another version's, or damaged.
pub fn decode_open(bytes: &[u8]) -> Result<Open, CodecError> {
    read(bytes)
}

fn write<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    bytes.push(VERSION);
    postcard::to_extend(value, bytes).expect("memory takes what it is given, and every length is known")
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => parse(rest),
        Some((&seen, _)) => Err(CodecError::Version { seen }),
        None => Err(CodecError::Malformed("it is empty".to_owned())),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(CodecError::Malformed(format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(CodecError::Malformed(error.to_string())),
    }
}
