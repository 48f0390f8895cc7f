//! Where a request meets what it is charged: letting it in, ending it exactly once, and where its record goes.
//!
//! [`Settlement`] is the guard of an exchange; [`Meter`] lets it through and settles it with limits and journal; the
//! drainer ships the journal to the database behind the requests' backs.

pub mod abandoned;
pub mod codec;
pub mod complaints;
pub mod consumed;
pub mod drain;
mod entries;
mod joining;
pub mod leases;
pub mod meter;
pub mod metered;
mod own;
mod possible;
pub mod quota_news;
pub mod raises;
mod refused;
pub mod refused_rows;
pub mod replay;
pub mod report;
pub mod settlement;
pub mod sink;
pub mod verify;

pub use meter::{Meter, ModelCall, Wish};
pub use metered::{Metered, Stop};
pub use settlement::Settlement;
pub use sink::Sink;

#[cfg(test)]
mod memory_ledger;
#[cfg(test)]
mod tests;
