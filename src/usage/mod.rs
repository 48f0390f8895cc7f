//! Ending an exchange exactly once: the guard, and where its record goes (metrics, access log, traces).
//!
//! The ledger joins here.

pub mod codec;
pub mod settlement;
pub mod sink;

pub use settlement::Settlement;
pub use sink::Sink;
