//! A copy of an answer's body for somebody beside the caller (`cache-store`), gathered as the body passes.

use bytes::{Bytes, BytesMut};

use crate::policies::link::Keep;

/// A copy under way. Dropped before [`Copying::finish`], it comes to nothing.
pub struct Copying {
    keep: Keep,
    gathered: BytesMut,
    is_too_large: bool,
}

impl Copying {
    /// Nothing yet.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        Self { keep, gathered: BytesMut::new(), is_too_large: false }
    }

    /// The next piece has passed.
    pub fn add(&mut self, piece: &Bytes) {
        if self.is_too_large || self.gathered.len() + piece.len() > self.keep.largest {
            self.is_too_large = true;
            self.gathered = BytesMut::new();
            return;
        }
        self.gathered.extend_from_slice(piece);
    }

    /// All of it has passed.
    pub fn finish(self) {
        if !self.is_too_large {
            (self.keep.to)(self.gathered.freeze(), false);
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
        copying.finish();
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
