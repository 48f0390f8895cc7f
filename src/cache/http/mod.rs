//! Answers of plain HTTP APIs, kept as RFC 9111 has it for shared caches ("RFC" below): what may be kept and for how
//! long, what still counts as fresh, how answers are told apart, who fetches for all, what is purged.
//!
//! Decided here rather than by a crate: settings have to be able to overrule each rule one by one, the request's
//! headers (keys, cookies) must not be kept with the answer, and stale answers have two uses of their own (RFC 5861).
//! Deliberately not here: talking to backends and callers (`gateway::http_cache`), and what policies keep (`cache`).

pub mod answers;
pub mod asked;
pub mod conditions;
pub mod date;
pub mod directives;
pub mod entry;
pub mod flights;
pub mod purges;
pub mod rules;
pub mod shelf;
pub mod terms;

pub use answers::{Answers, Purged};
pub use asked::{Asked, Digest};
pub use directives::Directives;
pub use entry::{Entry, Marks, Standing};
pub use flights::{Flights, Lead, News, Role};
pub use purges::{Purges, Selector};
pub use rules::Rules;
pub use shelf::{Look, Note, Place, Shelf};
pub use terms::Terms;
