//! The chain of rows: each row's code is an HMAC over the code before it and the row, with a key derived from
//! `secret.key`, which is not in the database. Who changes, removes, adds or reorders rows without that key is found.
//!
//! Not found: setting the whole database back to an earlier state of itself. Against that, note a head's code
//! elsewhere (`ledger verify` prints it) and compare.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use super::series::Series;
use super::{
    super::{ChainFinding, ChainProblem, StoreError},
    booked::{Booked, COST, TOKENS, Value, canonical},
};
use crate::exchange::{Attempt, Charge};

/// A row's code in full.
pub type Code = [u8; 32];

/// How many bytes of its code a row carries: enough that none can be guessed, not enough to go on from.
pub const KEPT: usize = 16;

/// The key that codes are made with.
#[derive(Clone)]
pub struct ChainKey {
    key: hmac::Key,
    id: String,
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainKey({})", self.id)
    }
}

impl ChainKey {
    /// The key that belongs to the key of `secret.key`.
    pub fn derive(secret: &[u8]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, b"tollgate ledger chain 1").as_ref());
        let id = crate::model::hex(&hmac::sign(&key, b"id").as_ref()[..8]);
        Self { key, id }
    }

    /// Tells keys apart, and nothing about them.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn sign(&self, parts: &[&[u8]]) -> Code {
        let mut signing = hmac::Context::with_key(&self.key);
        for part in parts {
            signing.update(part);
        }
        signing.sign().as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// The code of a head or checkpoint, so that lengths and totals cannot be changed either. `purpose` tells the two
    /// apart.
    pub fn seal(&self, purpose: &str, replica: &str, head: &Head) -> Code {
        let totals = head.totals.to_json();
        let lengths = [replica.len() as u64, head.length].map(u64::to_be_bytes).concat();
        self.sign(&[b"seal ", purpose.as_bytes(), &lengths, replica.as_bytes(), &head.code, totals.as_bytes()])
    }
}

/// What is sealed: the last row of a chain.
pub const HEAD: &str = "head";

/// What is sealed: where pruning has cut a chain.
pub const CHECKPOINT: &str = "checkpoint";

/// What all rows of a chain add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainTotals {
    /// Tokens in the order of `Sum::TOKENS`.
    pub tokens: [i64; 8],
    /// Cost by currency, in 10⁻⁹ of its unit.
    pub cost: BTreeMap<String, i64>,
}

impl ChainTotals {
    fn add(&mut self, facts: &[Value], series: &Series) {
        for (sum, value) in self.tokens.iter_mut().zip(&facts[TOKENS]) {
            if let Value::Int(tokens) = value {
                *sum = sum.saturating_add(*tokens);
            }
        }
        if let Value::Int(nanos) = facts[COST] {
            match self.cost.get_mut(&**series.currency()) {
                Some(sum) => *sum = sum.saturating_add(nanos),
                None => drop(self.cost.insert(series.currency().to_string(), nanos)),
            }
        }
    }

    /// As the database keeps them.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts are JSON")
    }

    /// What [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// The text is something else.
    pub fn from_json(text: &str) -> Result<Self, StoreError> {
        serde_json::from_str(text).map_err(|_| StoreError::Corrupt("totals of a chain that are none".to_owned()))
    }
}

/// The last row of a chain, or of a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// How many rows.
    pub length: u64,
    /// The last row's code; zeros before the first.
    pub code: Code,
    /// What they add up to.
    pub totals: ChainTotals,
}

impl Head {
    /// Puts a row at the end and gives what it carries of its code. `scratch` is any buffer.
    pub fn append(
        &mut self,
        key: &ChainKey,
        (facts, series, charges, attempts): (&[Value], &Series, &[Charge], &[Attempt]),
        scratch: &mut Vec<u8>,
    ) -> [u8; KEPT] {
        scratch.clear();
        canonical(scratch, facts, series, charges, attempts);
        self.length += 1;
        self.code = key.sign(&[b"row ", &self.length.to_be_bytes(), &self.code, scratch]);
        self.totals.add(facts, series);
        self.kept()
    }

    fn kept(&self) -> [u8; KEPT] {
        self.code[..KEPT].try_into().expect("half of a code")
    }
}

/// Follows a chain, row by row.
pub struct Follower<'a> {
    key: &'a ChainKey,
    at: Head,
    scratch: Vec<u8>,
}

impl<'a> Follower<'a> {
    /// Starts after `from`.
    pub const fn new(key: &'a ChainKey, from: Head) -> Self {
        Self { key, at: from, scratch: Vec::new() }
    }

    /// Where it is.
    pub const fn at(&self) -> &Head {
        &self.at
    }

    /// Takes the next row that is there.
    ///
    /// # Errors
    /// It is not the row that belongs there.
    pub fn follow(&mut self, link: u64, code: &[u8], row: &Booked) -> Result<(), ChainFinding> {
        let position = self.at.length + 1;
        if link != position {
            return Err(ChainFinding { position, request: None, problem: ChainProblem::Missing });
        }
        let parts = (&row.facts[..], &*row.series, &row.charges[..], &row.attempts[..]);
        if self.at.append(self.key, parts, &mut self.scratch) == code {
            return Ok(());
        }
        Err(ChainFinding { position, request: Some(row.id()), problem: ChainProblem::Changed })
    }

    /// After the last row that is there: whether it is the head.
    pub fn arrive(&self, head: &Head) -> Option<ChainFinding> {
        let finding = |position, problem| Some(ChainFinding { position, request: None, problem });
        if self.at.length < head.length {
            return finding(self.at.length + 1, ChainProblem::Missing);
        }
        if self.at != *head {
            return finding(head.length, ChainProblem::Head);
        }
        None
    }
}
