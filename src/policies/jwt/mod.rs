//! Validating tokens, for `validate-jwt` and `validate-azure-ad-token`: a token is taken apart, its signature verified by a
//! key that may verify it, and then its claims are believed.
//!
//! What an attacker would try is refused where it would work: the algorithm is the key's and not the token's choice,
//! `none` is never a signature, a key counts only for its own issuer, doubled names and critical extensions end it.

pub mod claims;
pub mod encrypted;
pub mod issuers;
pub mod key;
mod strict;
pub mod token;

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde_json::{Map, Value};

use self::{
    claims::Wanted,
    issuers::Issuers,
    key::Key,
    token::{Signed, Token},
};
use crate::{model::Timestamp, outbound::egress::Rules};

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// APIM's word (`LastError.Reason`).
    pub reason: &'static str,
    /// For people; nothing of the token but names of claims.
    pub message: Cow<'static, str>,
}

impl Refusal {
    /// A refusal.
    #[must_use]
    pub fn new(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// What is asked of a token, with the values of this exchange.
#[derive(Debug, Default)]
pub struct Demands {
    /// Discovery documents, with the addresses that may be dialled for them.
    pub issuers_at: Vec<(Arc<str>, Rules)>,
    /// Keys that the document itself has.
    pub keys: Vec<Key>,
    /// Issuers that the document lists.
    pub issuers: Vec<String>,
    /// Audiences; none: any.
    pub audiences: Vec<String>,
    /// Claims.
    pub claims: Vec<Wanted>,
    /// Whether it must have an end.
    pub needs_end: bool,
    /// Whether it must be signed.
    pub needs_signature: bool,
    /// How far clocks may be apart.
    pub skew: Duration,
}

/// A token that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// Its header.
    pub header: Map<String, Value>,
    /// Its claims.
    pub claims: Map<String, Value>,
}

/// Validates a token.
pub async fn validate(text: &str, demands: &Demands, issuers: &Issuers, now: Timestamp) -> Result<Accepted, Refusal> {
    let token = Token::read(text).map_err(|why| Refusal::new("JwtInvalid", format!("The token is invalid: {why}.")))?;
    let invalid = |why: String| Refusal::new("JwtInvalid", format!("The token is invalid: {why}."));
    let allowed = match token.algorithm().map_err(invalid)? {
        Signed::By(algorithm) => signature(&token, algorithm, demands, issuers).await?,
        Signed::Not if demands.needs_signature => {
            return Err(Refusal::new("TokenSignatureInvalid", "The token is not signed."));
        }
        Signed::Not if !token.signature.is_empty() => {
            return Err(Refusal::new(
                "TokenSignatureInvalid",
                "The token says that it is not signed, and has a signature.",
            ));
        }
        Signed::Not => demands.issuers.clone(),
    };
    claims::time(&token.claims, demands.needs_end, demands.skew, now)?;
    if allowed.is_empty() {
        claims::issuer(&token.claims)?;
    } else {
        claims::issued(&token.claims, &allowed)?;
    }
    claims::audience(&token.claims, &demands.audiences)?;
    claims::wanted(&token.claims, &demands.claims)?;
    Ok(Accepted { header: token.header, claims: token.claims })
}

/// Verifies the signature and gives the issuers that the key is good for; none: any.
async fn signature(
    token: &Token<'_>,
    algorithm: jsonwebtoken::Algorithm,
    demands: &Demands,
    issuers: &Issuers,
) -> Result<Vec<String>, Refusal> {
    let mut tried = false;
    match verify(token, algorithm, &demands.keys) {
        Some(true) => return Ok(demands.issuers.clone()),
        found => tried |= found.is_some(),
    }
    let mut unreachable = None;
    for (url, rules) in &demands.issuers_at {
        let published = match issuers.published_for(url, rules, token).await {
            Ok(published) => published,
            Err(why) => {
                unreachable = Some(why);
                continue;
            }
        };
        match verify(token, algorithm, &published.keys) {
            Some(true) => {
                // A key of this issuer speaks for this issuer, and for those that the document lists.
                return Ok(demands.issuers.iter().cloned().chain(published.issuer.clone()).collect());
            }
            found => tried |= found.is_some(),
        }
    }
    if tried {
        return Err(Refusal::new("TokenSignatureInvalid", "The signature of the token is invalid."));
    }
    if let Some(why) = unreachable {
        tracing::warn!(%why, "keys to validate a token with cannot be had");
        return Err(Refusal::new("TokenSignatureKeyNotFound", "The keys of the issuer cannot be had at the moment."));
    }
    Err(Refusal::new("TokenSignatureKeyNotFound", "There is no key that the token could be signed with."))
}

/// Whether one of the keys signed the token; `None`: none of them can have.
fn verify(token: &Token<'_>, algorithm: jsonwebtoken::Algorithm, keys: &[Key]) -> Option<bool> {
    let named: Vec<_> = keys.iter().filter(|key| key.is_named(token) == Some(true)).collect();
    let candidates = if named.is_empty() {
        // Keys without a name may be meant whatever the token calls its key.
        keys.iter().filter(|key| key.is_named(token).is_none() || key.id.is_none()).collect()
    } else {
        named
    };
    if candidates.is_empty() {
        return None;
    }
    Some(candidates.iter().any(|key| key.verifies(token, algorithm)))
}
