//! The house rules that a compiler does not check: which module may know which, and how files look.
//!
//! Reads the sources, runs nothing. ARCHITECTURE.md says why each rule exists; the text of a failure says what to do.

mod bans;
mod docs;
mod imports;
mod shape;
mod source;
