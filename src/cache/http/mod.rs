//! Answers of plain HTTP APIs, kept as RFC 9111 has it for shared caches ("RFC" below): what may be kept and for how
//! long, what still counts as fresh, how answers are told apart, who fetches for all, what is purged.
//!
//! Decided here rather than by a crate: settings have to be able to overrule each rule one by one, the request's
//! headers (keys, cookies) must not be kept with the answer, and stale answers have two uses of their own (RFC 5861).
//! Deliberately not here: talking to backends and callers (`gateway::http_cache`), and what policies keep (`cache`).

pub mod asked;
pub mod conditions;
pub mod date;
pub mod directives;
pub mod entry;
pub mod flights;
pub mod rules;
pub mod shelf;
pub mod terms;

use crate::model::{Clock, Entropy};

pub use asked::{Asked, Digest};
pub use directives::Directives;
pub use entry::{Entry, Marks, Standing};
pub use flights::{Flights, Lead, News, Role};
pub use rules::Rules;
pub use shelf::{Look, Place, Selector, Shelf};
pub use terms::Terms;

/// What is kept, and who is fetching. Shared by all exchanges.
pub struct Answers {
    /// What is kept.
    pub shelf: Shelf,
    /// Who is fetching.
    pub flights: Flights,
}

impl Answers {
    /// Nothing yet, with room for so many bytes.
    #[must_use]
    pub fn new(room: u64, clock: Clock, entropy: Entropy) -> Self {
        Self { shelf: Shelf::new(room, clock, entropy), flights: Flights::default() }
    }

    /// Looks for an answer.
    pub async fn look(&self, asked: &Asked) -> Look {
        self.shelf.look(asked)
    }

    /// Keeps an answer; false: it is too large, or was purged while it was on its way.
    pub fn put(&self, place: &Place, asked: &Asked, entry: Entry) -> bool {
        self.shelf.put(place, asked, entry)
    }

    /// Forgets one answer.
    pub fn remove(&self, place: &Place) {
        self.shelf.remove(place);
    }

    /// Forgets all answers of a path.
    pub async fn forget(&self, resource: Digest) {
        self.shelf.forget(&resource);
    }
}
