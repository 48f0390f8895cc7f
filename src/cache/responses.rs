//! Answers of policies (`cache-store`) in the store that several gateways share, with the memory of this process in front.
//!
//! An answer here is given without asking there; only what is not here is asked for. Purges are followed as they are
//! announced (`http::Answers`), and hold for what the store still has.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    Cache, LARGEST, Purpose, StoredResponse,
    http::Marks,
    shared::{Shared, packed},
};
use crate::model::Timestamp;

/// Changes whenever the shape of a head does: what another version wrote is not there.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    version: u8,
    /// Its own key: a store that gives another one's bytes is not believed.
    key: String,
    until: Timestamp,
    stored: Timestamp,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    api: String,
    product: Option<String>,
    path: String,
    tags: Vec<String>,
}

impl Cache {
    /// The answer of a key, here or there.
    pub async fn shared_response(&self, key: &str) -> Option<Arc<StoredResponse>> {
        if let Some(here) = self.response(key) {
            return Some(here);
        }
        let bytes = self.shared.as_ref()?.get(&name(key)).await??;
        let (response, until) = unpack(key, bytes)?;
        self.store_response(key, response, until.since(self.clock.now()));
        self.response(key)
    }

    /// Keeps an answer, here and there; false when it is too large or was purged. Nobody waits for the other store.
    pub fn share_response(&self, key: &str, response: StoredResponse, lasts: Duration) -> bool {
        let until = self.clock.now().plus(lasts);
        let bytes = self.shared.as_ref().and_then(|_| pack(key, &response, until));
        if !self.store_response(key, response, lasts) {
            return false;
        }
        if let (Some(store), Some(bytes), Ok(runtime)) = (&self.shared, bytes, tokio::runtime::Handle::try_current()) {
            runtime.spawn(keep(store.clone(), name(key), bytes, lasts));
        }
        true
    }
}

async fn keep(store: Arc<Shared>, name: String, bytes: Vec<u8>, lasts: Duration) {
    // It has told of its failure itself, and nobody depends on it.
    store.set_behind(&name, &bytes, lasts).await;
}

fn name(key: &str) -> String {
    format!("{:?}:{key}", Purpose::Response).to_ascii_lowercase()
}

fn pack(key: &str, response: &StoredResponse, until: Timestamp) -> Option<Vec<u8>> {
    let marks = &response.marks;
    let head = Head {
        version: VERSION,
        key: key.to_owned(),
        until,
        stored: response.stored,
        status: response.status.as_u16(),
        headers: packed::headers(&response.headers),
        api: marks.api.to_string(),
        product: marks.product.as_ref().map(ToString::to_string),
        path: marks.path.to_string(),
        tags: marks.tags.iter().map(ToString::to_string).collect(),
    };
    packed::join(&head, &response.body)
}

fn unpack(key: &str, bytes: Vec<u8>) -> Option<(StoredResponse, Timestamp)> {
    let (head, body): (Head, Bytes) = packed::part(bytes)?;
    if head.version != VERSION || head.key != key || body.len() > LARGEST {
        return None;
    }
    let tags: Vec<Arc<str>> = head.tags.into_iter().map(Into::into).collect();
    let response = StoredResponse {
        status: StatusCode::from_u16(head.status).ok()?,
        headers: packed::header_map(head.headers)?,
        body,
        stored: head.stored,
        marks: Marks {
            api: head.api.into(),
            product: head.product.map(Into::into),
            path: head.path.into(),
            tags: tags.into(),
        },
    };
    Some((response, head.until))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::*;

    #[test]
    fn shared_answers_come_back_as_they_were_and_under_their_own_key_only() {
        let response = StoredResponse {
            status: StatusCode::NOT_FOUND,
            headers: HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("a"))]),
            body: Bytes::from_static(b"body"),
            stored: Timestamp::from_secs(1),
            marks: Marks { api: "a".into(), product: Some("p".into()), path: "/a".into(), tags: Arc::default() },
        };
        let until = Timestamp::from_secs(9);
        let bytes = pack("k", &response, until).expect("packs");
        let (back, its_until) = unpack("k", bytes.clone()).expect("unpacks");
        assert_eq!((back.status, &back.headers, &back.body), (response.status, &response.headers, &response.body));
        assert_eq!((back.stored, back.marks, its_until), (response.stored, response.marks, until));
        assert!(unpack("l", bytes.clone()).is_none());
        for length in 0..bytes.len() - response.body.len() {
            assert!(unpack("k", bytes[..length].to_vec()).is_none(), "{length} bytes of it");
        }
    }
}
