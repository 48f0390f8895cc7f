//! A backend's answer on its way into the cache: a copy of its bytes as they pass, kept when all of them have come.
//!
//! The copy is of what the backend sent, before anything is taken off or changed for the caller.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};

use super::{super::Gateway, asking::Question};
use crate::{
    cache::http::{Entry, Lead, Place, Terms},
    model::Timestamp,
};

/// An answer on its way. Dropped before [`Taking::finish`], it comes to nothing.
pub struct Taking {
    /// Who keeps it.
    pub(super) gateway: Arc<Gateway>,
    /// What was asked.
    pub(super) question: Arc<Question>,
    /// Where it belongs.
    pub(super) place: Place,
    /// Who waits for it.
    pub(super) lead: Option<Lead>,
    /// Its head, without what is not kept.
    pub(super) head: (StatusCode, HeaderMap),
    /// What it may be used for.
    pub(super) terms: Terms,
    /// When it was asked for, and when it came.
    pub(super) times: (Timestamp, Timestamp),
    /// How old it was when it came.
    pub(super) initial_age: Duration,
    /// What has come of the body.
    pub(super) gathered: BytesMut,
    /// Whether it is too large.
    pub(super) is_over: bool,
}

impl Taking {
    /// The next piece has come.
    pub fn add(&mut self, piece: &Bytes) {
        if self.is_over {
            return;
        }
        if self.gathered.len() + piece.len() > self.question.rules.max_body {
            self.is_over = true;
            self.gathered = BytesMut::new();
            self.gateway.answers.shelf.passes(&self.question.asked);
            self.lead.take().into_iter().for_each(Lead::release);
            return;
        }
        self.gathered.extend_from_slice(piece);
    }

    /// All of it has come.
    pub fn finish(mut self) {
        if self.is_over {
            return;
        }
        let entry = Entry {
            status: self.head.0,
            headers: std::mem::take(&mut self.head.1),
            body: self.gathered.split().freeze(),
            asked: self.times.0,
            received: self.times.1,
            initial_age: self.initial_age,
            terms: self.terms.clone(),
            marks: self.question.marks.clone(),
        };
        let is_kept = self.gateway.answers.put(&self.place, &self.question.asked, entry);
        let Some(lead) = self.lead.take() else { return };
        if is_kept { lead.kept() } else { lead.release() }
    }
}
