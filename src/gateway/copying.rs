//! A copy of an answer's body for whoever is there beside the caller (`cache-store`, the model cache), gathered as the body passes.

use bytes::{Bytes, BytesMut};

use super::model_cache::Storing;
use crate::{exchange::Record, policies::link::Keep};

/// A copy under way. Dropped before [`Copying::finish`], it comes to nothing.
#[derive(Default)]
pub struct Copying {
    keep: Option<Keep>,
    storing: Option<Box<Storing>>,
    /// Largest body that anybody wants.
    largest: usize,
    gathered: BytesMut,
    is_too_large: bool,
}

impl Copying {
    /// Nothing yet, for a policy.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        let mut copying = Self::default();
        copying.add_keep(keep);
        copying
    }

    /// A policy wants the copy too.
    pub fn add_keep(&mut self, keep: Keep) {
        self.largest = self.largest.max(keep.largest);
        self.keep = Some(keep);
    }

    /// The model cache wants the copy too.
    pub fn add_storing(&mut self, storing: Box<Storing>) {
        self.largest = self.largest.max(storing.largest());
        self.storing = Some(storing);
    }

    /// The next piece has passed.
    pub fn add(&mut self, piece: &Bytes) {
        if self.is_too_large || self.gathered.len() + piece.len() > self.largest {
            self.is_too_large = true;
            self.gathered = BytesMut::new();
            return;
        }
        self.gathered.extend_from_slice(piece);
    }

    /// All of it has passed, and this is what is known of the exchange.
    pub fn finish(self, record: Option<&Record>) {
        if self.is_too_large {
            return;
        }
        let body = self.gathered.freeze();
        if let (Some(storing), Some(record)) = (self.storing, record) {
            storing.finish(&body, record);
        }
        if let Some(keep) = self.keep.filter(|keep| body.len() <= keep.largest) {
            (keep.to)(body, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn copied(largest: usize, pieces: &[&'static str]) -> Option<Bytes> {
        let got = Arc::new(Mutex::new(None));
        let to = got.clone();
        let keep = Keep { largest, to: Box::new(move |body, _| *to.lock().expect("no panic") = Some(body)) };
        let mut copying = Copying::new(keep);
        for piece in pieces {
            copying.add(&Bytes::from_static(piece.as_bytes()));
        }
        copying.finish(None);
        Arc::into_inner(got).expect("nobody else has it").into_inner().expect("no panic")
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        assert_eq!(copied(4, &["ab", "cd"]).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(copied(3, &["ab", "cd"]), None);
        assert_eq!(copied(3, &["abcd", ""]), None);
        assert_eq!(copied(3, &[]).as_deref(), Some(&b""[..]));
    }
}
