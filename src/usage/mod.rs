//! Ending an exchange exactly once: the guard, and where its record goes (metrics, access log, traces).
//!
//! The ledger joins here.

pub mod abandoned;
pub mod codec;
pub mod drain;
mod joining;
pub mod replay;
pub mod settlement;
pub mod sink;
pub mod verify;

pub use settlement::Settlement;
pub use sink::Sink;

#[cfg(test)]
mod memory_ledger;
#[cfg(test)]
mod tests;
