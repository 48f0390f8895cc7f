//! Dialects of model APIs, as pure functions and state machines over bytes.
//!
//! Lives here: which path is which surface, what routing must know of a body, byte-preserving edits, the
//! incremental reader of event streams, usage in disjoint buckets, error envelopes, the catalogue of backend
//! kinds, and the simulated models' answers. Deliberately not here: sockets, clocks, randomness, async.

pub mod kind;
pub mod surface;
pub mod usage;

pub use kind::Kind;
pub use surface::{Call, Family, Style, Surface};
pub use usage::{Certainty, Usage};
