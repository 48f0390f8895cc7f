//! The ledger as people read it: reports, rows, statements and exports, the same for admin API and command line.
//!
//! What is asked is read from plain parameters, what is answered is JSON whose columns are listed beside it, so that
//! tables and CSV need nothing else. The tables and their sums are `store`'s; who may ask is the caller's to decide.

mod audit;
pub mod focus;
pub mod line;
mod params;
mod quota;
mod reports;
mod requests;
pub mod row;
pub mod span;
pub mod statement;
mod table;

#[cfg(test)]
pub mod sample;
#[cfg(test)]
mod tests;

pub use audit::{audit, audit_columns};
pub use focus::focus;
pub use line::About;
pub use params::{NONE, Params, Unanswered};
pub use quota::{account_of, amount, counter, only, path_name, quota_columns, quotas, raise, reason};
pub use reports::{BY, about, report};
pub use requests::{columns, request, requests};
pub use statement::statement;
pub use table::Table;
