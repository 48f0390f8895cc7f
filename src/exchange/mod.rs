//! One request and its answer passing through, as data: what is known of it and how it can fail.
//!
//! The journey itself is `gateway`; ending it exactly once is `usage`.

pub mod certificate;
pub mod fault;
pub mod ledger;
pub mod record;

pub use certificate::ClientCertificate;
pub use fault::{Blame, Fault, FaultKind};
pub use ledger::{Attempt, Charge, Cost, Entry, Intent, Measure, REPEATS, Settle, UsageRow};
pub use record::{AttemptRecord, Outcome, Record, Saved, Watcher};
