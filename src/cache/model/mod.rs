//! Answers of models that are kept: what may be (`question`, `answer`), under which key (`key`), and where (`shelf`,
//! `kept`).
//!
//! Nothing is shared across partitions by construction: every key is a hash that begins with the partition's, which is
//! a hash of whose cache it is and of everything in the request but the last user text. Deliberately not here: when
//! the gateway looks and what a hit is charged (`gateway::model_cache`), how alike two texts are (`cache::semantic`),
//! the database (`store`).

pub mod answer;
pub mod encoders;
pub mod kept;
pub mod key;
pub mod meaning;
pub mod question;
pub mod tree;
pub mod verdicts;

pub use encoders::{Desk, Encoders};
pub use kept::{Entry, Found, Kept, NoShelf, Owner, Shelf, Tier};
pub use key::Key;
pub use meaning::Meaning;
pub use question::{Asked, Question, Rules, Why};
pub use verdicts::Verdicts;
