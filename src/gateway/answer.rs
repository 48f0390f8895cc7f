//! What the journey ends in: an answer made here, a backend's answer to relay, or a changed protocol.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, response::Parts};
use hyper::upgrade::OnUpgrade;
use tollgate_providers::tap::Tap;

use super::{copying::Copying, decode::Decoder, http_cache::taking::Taking};
use crate::{
    outbound::{Choice, Incoming},
    policies::link::Screening,
};

/// What the journey ends in.
pub enum Answer {
    /// Made here.
    Local(Response<Bytes>),
    /// A backend's answer, to be relayed.
    Upstream(Box<Upstream>),
    /// A backend has changed the protocol.
    Upgraded(Box<Upgraded>),
}

/// A backend's answer that was chosen to be relayed.
pub struct Upstream {
    /// Status and headers as the backend sent them.
    pub head: Parts,
    /// The rest of the body.
    pub body: Incoming,
    /// Takes a content coding off that the caller did not negotiate with us.
    pub decoder: Option<Decoder>,
    /// Observes the body.
    pub tap: Tap,
    /// Whether the observer may withhold a chunk: the length is not known then.
    pub withholds: bool,
    /// Whether it is an event stream of a model.
    pub is_stream: bool,
    /// Bytes that were read already and go first.
    pub held: Vec<Bytes>,
    /// Whether the body has ended already: all of it is in `held`.
    pub ended: bool,
    /// Why the body broke, when it did while it was read ahead.
    pub broken: Option<String>,
    /// How its events are checked before they go on.
    pub screening: Option<Box<Screening>>,
    /// Takes the body as the backend sends it into the cache.
    pub original: Option<Box<Taking>>,
    /// Who gets a copy of the body.
    pub copy: Option<Box<Copying>>,
    /// The place in the pool; counts as in flight until dropped.
    pub choice: Choice,
}

/// A backend's 101.
pub struct Upgraded {
    /// Status and headers.
    pub head: Parts,
    /// The backend's side.
    pub backend: OnUpgrade,
    /// The caller's side.
    pub client: OnUpgrade,
    /// The place in the pool.
    pub choice: Choice,
}

impl Upstream {
    /// An answer of which nothing was read yet.
    #[must_use]
    pub fn new(answer: Response<Incoming>, tap: Tap, choice: Choice) -> Self {
        let (head, body) = answer.into_parts();
        Self {
            head,
            body,
            decoder: None,
            tap,
            withholds: false,
            is_stream: false,
            held: Vec::new(),
            ended: false,
            broken: None,
            screening: None,
            original: None,
            copy: None,
            choice,
        }
    }

    /// Who answered.
    #[must_use]
    pub fn backend(&self) -> &Arc<crate::outbound::Backend> {
        &self.choice.backend
    }
}
