//! What calls cost: prices of the configuration before those of an embedded table (genai-prices), all in whole
//! 10⁻⁹ USD.
//!
//! A price is an integer: 10⁻⁹ USD for a million tokens. The cost of a call is the sum over its disjoint buckets,
//! computed exactly and rounded once, half to even, to a whole 10⁻⁹ USD: rounding each bucket would add up to eight
//! errors, and sums over many calls would drift to one side. A model without a price is *unpriced* and listed as such;
//! it never costs 0.
//!
//! Deliberately not here: budgets (`limits` counts money like tokens) and reports.

mod book;
mod listing;
mod overrides;
mod sheet;
mod table;
mod unpriced;

#[cfg(test)]
mod tests;

pub use book::{Asked, Book, Listed, Worst};
pub use listing::{listing, unpriced};
pub use sheet::{Sheet, Steps};
pub use table::{BUILT_IN_VERSION, Compact, Tables, compact};
pub use unpriced::Unpriced;
