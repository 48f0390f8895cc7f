//! From a document's tree to checked JSON: every field known, every value of its type, every expansion done.
//!
//! The shapes come from the JSON schema, so that what `tollgate schema` promises is what is accepted.
//! Deliberately not here: files (`settings::load`) and what values mean together (`settings::check`).

pub(super) mod expand;
pub(super) mod later;
mod leaf;
mod policy;
mod scalar;
pub(super) mod shape;
pub(super) mod suggest;
mod walk;

pub(super) use walk::{Found, Reader, Rules};
