//! The ledger as people read it: reports, rows, statements and exports, the same for admin API and command line.
//!
//! What is asked is read from plain parameters, what is answered is JSON whose columns are listed beside it, so that
//! tables and CSV need nothing else. The tables and their sums are `store`'s; who may ask is the caller's to decide.

pub mod money;
pub mod row;
pub mod span;

#[cfg(test)]
pub mod sample;
