//! Kept answers as bytes: a head with its length, then the body as it is.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::{
    cache::http::{Digest, Entry, Marks, Terms},
    model::Timestamp,
};

/// Changes whenever the shape of a head does: what another version wrote is not there.
const VERSION: u8 = 2;

#[derive(Serialize, Deserialize)]
struct Head {
    version: u8,
    /// Its own key: a store that gives another one's bytes is not believed.
    key: Digest,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    asked: Timestamp,
    received: Timestamp,
    initial_age: Duration,
    terms: Terms,
    api: String,
    product: Option<String>,
    path: String,
    tags: Vec<String>,
}

/// Headers as data.
#[must_use]
pub fn headers(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// Headers from data; `None`: it is none.
#[must_use]
pub fn header_map(lines: Vec<(String, Vec<u8>)>) -> Option<HeaderMap> {
    let mut all = HeaderMap::new();
    for (name, value) in lines {
        all.append(HeaderName::try_from(name).ok()?, HeaderValue::from_maybe_shared(Bytes::from(value)).ok()?);
    }
    Some(all)
}

/// A head and a body as bytes.
#[must_use]
pub fn join<H: Serialize>(head: &H, body: &[u8]) -> Option<Vec<u8>> {
    let head = postcard::to_stdvec(head).ok()?;
    let length = u32::try_from(head.len()).ok()?;
    Some([&length.to_le_bytes()[..], &head, body].concat())
}

/// A head and a body from bytes; `None`: they are not whole.
#[must_use]
pub fn part<H: for<'d> Deserialize<'d>>(bytes: Vec<u8>) -> Option<(H, Bytes)> {
    let bytes = Bytes::from(bytes);
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let head = postcard::from_bytes(bytes.get(4..length.checked_add(4)?)?).ok()?;
    Some((head, bytes.slice(4 + length..)))
}

/// An answer as bytes.
#[must_use]
pub fn pack(key: &Digest, entry: &Entry) -> Option<Vec<u8>> {
    let marks = &entry.marks;
    let head = Head {
        version: VERSION,
        key: *key,
        status: entry.status.as_u16(),
        headers: headers(&entry.headers),
        asked: entry.asked,
        received: entry.received,
        initial_age: entry.initial_age,
        terms: entry.terms.clone(),
        api: marks.api.to_string(),
        product: marks.product.as_ref().map(ToString::to_string),
        path: marks.path.to_string(),
        tags: marks.tags.iter().map(ToString::to_string).collect(),
    };
    join(&head, &entry.body)
}

/// An answer from bytes; `None`: they are not the one of this key, in this version.
#[must_use]
pub fn unpack(key: &Digest, bytes: Vec<u8>) -> Option<Entry> {
    let (head, body): (Head, Bytes) = part(bytes)?;
    let tags: Vec<Arc<str>> = head.tags.into_iter().map(Into::into).collect();
    (head.version == VERSION && head.key == *key).then_some(())?;
    Some(Entry {
        status: StatusCode::from_u16(head.status).ok()?,
        headers: header_map(head.headers)?,
        body,
        asked: head.asked,
        received: head.received,
        initial_age: head.initial_age,
        terms: head.terms,
        marks: Marks {
            api: head.api.into(),
            product: head.product.map(Into::into),
            path: head.path.into(),
            tags: tags.into(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            status: StatusCode::NOT_FOUND,
            headers: HeaderMap::from_iter([
                (http::header::VARY, HeaderValue::from_static("a")),
                (http::header::ETAG, HeaderValue::from_bytes(b"\"\xff\"").expect("a value")),
            ]),
            body: Bytes::from_static(b"body"),
            asked: Timestamp::from_secs(1),
            received: Timestamp::from_secs(2),
            initial_age: Duration::from_millis(3),
            terms: Terms {
                lifetime: Duration::from_secs(4),
                while_revalidate: Duration::from_secs(5),
                if_error: Duration::from_secs(6),
                never_stale: true,
                always_ask: false,
                for_all: true,
            },
            marks: Marks { api: "a".into(), product: None, path: "/a".into(), tags: [Arc::<str>::from("t")].into() },
        }
    }

    #[test]
    fn answers_come_back_as_they_were() {
        let (key, other) = ([7; 32], [8; 32]);
        let (before, bytes) = (entry(), pack(&key, &entry()).expect("packs"));
        let after = unpack(&key, bytes.clone()).expect("unpacks");
        assert_eq!((after.status, &after.headers, &after.body), (before.status, &before.headers, &before.body));
        assert_eq!(
            (after.asked, after.received, after.initial_age),
            (before.asked, before.received, before.initial_age)
        );
        assert_eq!((after.terms, after.marks), (before.terms, before.marks));
        for length in 0..bytes.len() - before.body.len() {
            assert!(unpack(&key, bytes[..length].to_vec()).is_none(), "{length} bytes of it");
        }
        assert!(unpack(&other, bytes).is_none(), "another one's");
    }
}
