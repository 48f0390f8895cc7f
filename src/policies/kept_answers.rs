//! Answers that `cache-lookup` finds and `cache-store` keeps: how they are told apart.
//!
//! A key says for whom an answer is good, as the documents have it; an answer that varies by headers of the request
//! (`Vary`, RFC 9111, section 4.1) has one variant for each of their values. Deliberately not here: room and lifetime
//! (`crate::cache`).

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use super::{cache_values::Where, flow::Missed};
use crate::cache::{Cache, StoredResponse, http::Marks};

/// Fields of the answer that are for the one caller, or for the one connection, that it was made for.
const NOT_KEPT: [HeaderName; 11] = [
    header::SET_COOKIE,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::PROXY_AUTHENTICATE,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("x-request-id"),
];

/// A key of bounded length from what tells answers apart.
#[must_use]
pub fn key<'p>(parts: impl IntoIterator<Item = &'p str>) -> Arc<str> {
    let mut hash = Sha256::new();
    for part in parts {
        // Each with its length: no two lists of parts read the same.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    crate::model::hex(&digest).into()
}

/// The answer that is kept under a key for a request with these headers.
#[must_use]
pub fn find(cache: &Cache, key: &str, headers: &HeaderMap) -> Option<Arc<StoredResponse>> {
    let names = varying(cache, key);
    cache.response(&variant(key, &names, headers))
}

/// The same, asking the store that gateways share for what is not here.
pub async fn find_shared(cache: &Cache, key: &str, headers: &HeaderMap) -> Option<Arc<StoredResponse>> {
    if let Some(found) = find(cache, key, headers) {
        return Some(found);
    }
    // Another gateway may know of more headers by which answers are told apart.
    let note = cache.shared_response(&of_variants(key)).await;
    let names = note.and_then(|note| named(&note.headers)).unwrap_or_default();
    cache.shared_response(&variant(key, &names, headers)).await
}

/// Keeps an answer for requests like the one that found nothing; false when it is too large, for no time, purged
/// meanwhile, or good for no other request.
pub fn store(cache: &Cache, missed: &Missed, mut answer: StoredResponse, lasts: Duration) -> bool {
    let Some(named) = named(&answer.headers) else { return false };
    let mut names = varying(cache, &missed.key);
    if !named.is_subset(&names) {
        names.extend(named);
        let list = names.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let list = HeaderValue::try_from(list).expect("names of headers make a value");
        let headers = HeaderMap::from_iter([(header::VARY, list)]);
        let (status, body, stored) = (StatusCode::OK, bytes::Bytes::new(), answer.stored);
        let note = StoredResponse { status, headers, body, stored, marks: Marks::default() };
        if !put(cache, missed.place, &of_variants(&missed.key), note, lasts) {
            return false;
        }
    }
    for name in &NOT_KEPT {
        while answer.headers.remove(name).is_some() {}
    }
    put(cache, missed.place, &variant(&missed.key, &names, &missed.headers), answer, lasts)
}

fn put(cache: &Cache, place: Where, key: &str, answer: StoredResponse, lasts: Duration) -> bool {
    match place {
        Where::Here => cache.store_response(key, answer, lasts),
        Where::Shared => cache.share_response(key, answer, lasts),
    }
}

/// Where it is noted which headers tell the answers of a key apart.
fn of_variants(key: &str) -> String {
    format!("vary:{key}")
}

fn varying(cache: &Cache, key: &str) -> BTreeSet<String> {
    cache.response(&of_variants(key)).and_then(|note| named(&note.headers)).unwrap_or_default()
}

/// Headers that an answer varies by; `None`: by anything (`*`). A coded body varies by what the caller accepts, also
/// where the backend forgot to say so.
fn named(headers: &HeaderMap) -> Option<BTreeSet<String>> {
    let lines = headers.get_all(header::VARY).iter();
    let mut names = BTreeSet::new();
    for line in lines {
        let words = line.to_str().ok()?.split(',').map(|word| word.trim().to_ascii_lowercase());
        names.extend(words.filter(|word| HeaderName::try_from(word).is_ok() || word == "*"));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        names.insert(header::ACCEPT_ENCODING.as_str().to_owned());
    }
    (!names.contains("*")).then_some(names)
}

fn variant(base: &str, names: &BTreeSet<String>, headers: &HeaderMap) -> Arc<str> {
    if names.is_empty() {
        return base.into();
    }
    let mut parts = vec![base.to_owned()];
    for name in names {
        parts.push(name.clone());
        parts.push(values(headers, name));
    }
    key(parts.iter().map(String::as_str))
}

/// All values of a header, in their order.
#[must_use]
pub fn values(headers: &HeaderMap, name: &str) -> String {
    let lines = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    lines.collect::<Vec<_>>().join(", ")
}
